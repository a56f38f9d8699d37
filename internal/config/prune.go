package config

import (
	"time"
)

// Prune is what to delete when nobody uses it any more.
type Prune struct {
	Images          PruneOfImages          `yaml:"images" doc:"container images in ECR"`
	TaskDefinitions PruneOfTaskDefinitions `yaml:"task_definitions" doc:"task definitions in ECS"`
}

// PruneOfImages is the policies for container images.
type PruneOfImages struct {
	Defaults ImageSettings          `yaml:"defaults" doc:"settings for every policy that does not say otherwise"`
	Policies map[string]ImagePolicy `yaml:"policies" doc:"the policies, under names of your choice: epoxy prune images NAME"`
}

// PruneOfTaskDefinitions is the policies for task definitions.
type PruneOfTaskDefinitions struct {
	Defaults TaskDefinitionSettings          `yaml:"defaults" doc:"settings for every policy that does not say otherwise"`
	Policies map[string]TaskDefinitionPolicy `yaml:"policies" doc:"the policies, under names of your choice: epoxy prune task-definitions NAME"`
}

// ImagePolicy says which images to look at, and how to judge them.
type ImagePolicy struct {
	Region       string              `yaml:"region" rule:"required" doc:"short name in aws.regions"`
	Account      string              `yaml:"account" doc:"account in aws.accounts; the Region's own when left out"`
	Repositories []RepositoryPattern `yaml:"repositories" rule:"required" doc:"names of ECR repositories, which must be there, and patterns with * and ?"`
	ImageSettings
}

// ImageSettings are the same in prune.images.defaults and in a policy. Absent
// (nil) means: as in the defaults, else as built in.
type ImageSettings struct {
	UntaggedMinAge   *Duration         `yaml:"untagged_min_age" rule:"min=1m,max=3650d" doc:"like min_age, for images without a tag; min_age when left out"`
	KeepByTag        *[]KeepByTag      `yaml:"keep_by_tag" doc:"keep the newest images of those with a matching tag"`
	ProtectTags      *[]TagPattern     `yaml:"protect_tags" doc:"images with such a tag are never deleted; * and ? are wildcards"`
	CommitTag        *CommitTag        `yaml:"commit_tag" doc:"regular expression that finds the commit in a tag, with one group; needed for github"`
	GitHub           GitHubNames       `yaml:"github" doc:"which GitHub repository an ECR repository is built from: pattern → owner/name, added to those of the defaults; {repository} stands for the last part of the ECR repository's name, and the most specific pattern counts"`
	Consumers        *[]Consumer       `yaml:"consumers" doc:"where else the images are used, beside the own account and Region; accounts that a repository's policy lets in are added by themselves"`
	IgnorePrincipals *[]string         `yaml:"ignore_principals" doc:"who, in a repository's policy, is known to use no image there: an account id, an organisation's id, or \"*\"; without it a repository open to somebody who cannot be surveyed is left alone"`
	InUse            *[]ImageReference `yaml:"in_use" doc:"images in use that AWS does not know of, as a task definition would name them"`
	PruneSettings
}

// KeepByTag keeps the newest of the images with a matching tag.
type KeepByTag struct {
	Pattern TagPattern `yaml:"pattern" rule:"required" doc:"tag; * and ? are wildcards"`
	Newest  int        `yaml:"newest" rule:"required,min=1,max=100000" doc:"how many to keep"`
}

// Consumer is an account that uses images, and where.
type Consumer struct {
	Account string   `yaml:"account" rule:"required" doc:"account in aws.accounts"`
	Regions []string `yaml:"regions" rule:"required" doc:"short names in aws.regions"`
}

// InUseObject is a list of what is in use, kept in S3.
type InUseObject struct {
	Account string `yaml:"account" doc:"account in aws.accounts to read it with; the Region's own when left out"`
	Region  string `yaml:"region" rule:"required" doc:"short name in aws.regions"`
	Bucket  Bucket `yaml:"bucket" rule:"required" doc:"name of the bucket"`
	Key     string `yaml:"key" rule:"required" doc:"key of the object"`
}

// TaskDefinitionPolicy says which task definitions to look at, and how to judge them.
type TaskDefinitionPolicy struct {
	Region   string          `yaml:"region" rule:"required" doc:"short name in aws.regions"`
	Account  string          `yaml:"account" doc:"account in aws.accounts; the Region's own when left out"`
	Families []FamilyPattern `yaml:"families" rule:"required" doc:"names of task definition families; * and ? are wildcards"`
	TaskDefinitionSettings
}

// TaskDefinitionSettings are the same in prune.task_definitions.defaults and in a policy.
type TaskDefinitionSettings struct {
	ProtectFamilies *[]FamilyPattern     `yaml:"protect_families" doc:"families that are never touched; * and ? are wildcards"`
	Delete          *bool                `yaml:"delete" doc:"delete after deregistering; else deregister only"`
	InactiveMinAge  *Duration            `yaml:"inactive_min_age" rule:"min=1m,max=3650d" doc:"how long ago one that is deregistered already must have been; min_age when left out"`
	InUse           *[]TaskDefinitionARN `yaml:"in_use" doc:"ARNs of task definitions in use that AWS does not know of"`
	PruneSettings
}

// PruneSettings are the same for images and for task definitions.
type PruneSettings struct {
	MinAge            *Duration      `yaml:"min_age" rule:"min=1m,max=3650d" doc:"how old at least, since push (or registration), commit, last pull and re-tag; below a day only for tests"`
	KeepNewest        *int           `yaml:"keep_newest" rule:"min=1,max=100000" doc:"how many of the newest to keep: tagged images of a repository, active revisions of a family"`
	Sources           *[]Source      `yaml:"sources" doc:"where to look for what is in use: ecs, eventbridge, scheduler, lambda, apprunner, batch, step-functions; the first four when left out"`
	RollbackRevisions *int           `yaml:"rollback_revisions" rule:"min=0,max=100" doc:"how many of the newest revisions of each family count as in use, because somebody may roll back to them"`
	ExpectClusters    *[]ClusterName `yaml:"expect_clusters" doc:"ECS clusters that must be found in the own account and Region; without one of them nothing is deleted"`
	InUseObjects      *[]InUseObject `yaml:"in_use_objects" doc:"lists of the same as in_use, kept in S3: one a line, # begins a comment"`
	MaxDelete         *int           `yaml:"max_delete" rule:"min=1,max=1000000" doc:"most that one run may delete without being asked; no limit when left out"`
	MaxPercent        *int           `yaml:"max_percent" rule:"min=1,max=100" doc:"likewise, in percent of all that were looked at, in each repository and in all"`
	Approval          *string        `yaml:"approval" doc:"approval in approvals; every policy needs one"`
	Timeout           *Duration      `yaml:"timeout" rule:"min=1m,max=365d" doc:"how long a run may take in all, the wait for people included"`
	Channel           *Channel       `yaml:"channel" doc:"Slack channel for this policy, instead of slack.channel"`
}

const day = Duration(24 * time.Hour)

// What holds when neither the policy nor the defaults say.
var (
	builtinPrune = PruneSettings{
		MinAge:            new(30 * day),
		KeepNewest:        new(10),
		RollbackRevisions: new(3),
		MaxPercent:        new(50),
		Timeout:           new(7 * day),
	}
	builtinImages          = ImageSettings{PruneSettings: builtinPrune}
	builtinTaskDefinitions = TaskDefinitionSettings{Delete: new(false), PruneSettings: builtinPrune}
)
