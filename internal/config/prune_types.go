package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"epoxy/internal/policy"
)

// The texts of the sections that prunes use; see types.go.
type (
	// Bucket is the name of an S3 bucket.
	Bucket string
	// TableName is the name of a DynamoDB table.
	TableName string
	// Mode is how a plan is approved.
	Mode string
	// SlackUser is a Slack user id.
	SlackUser string
	// SlackGroup is a Slack user group id.
	SlackGroup string
	// IdentityPattern is name@host of whoever runs the epoxy command.
	IdentityPattern string
	// RepositoryPattern is the name of an ECR repository, or a pattern.
	RepositoryPattern string
	// TagPattern is a tag of an image, or a pattern.
	TagPattern string
	// FamilyPattern is a family of ECS task definitions, or a pattern.
	FamilyPattern string
	// ClusterName is the name of an ECS cluster.
	ClusterName string
	// CommitTag is a regular expression with one group.
	CommitTag string
	// GitHubName is owner/name of a GitHub repository, perhaps with {repository}.
	GitHubName string
	// GitHubNames say which GitHub repository an ECR repository is built from.
	GitHubNames map[string]GitHubName
	// Source is where a survey looks for uses.
	Source string
	// ImageReference is an image in ECR as a task definition names it.
	ImageReference string
	// TaskDefinitionARN is the ARN of an ECS task definition.
	TaskDefinitionARN string
)

// Names as AWS, Slack and GitHub have them:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html
var (
	bucketPattern     = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	tablePattern      = regexp.MustCompile(`^[a-zA-Z0-9_.-]{3,255}$`)
	userPattern       = regexp.MustCompile(`^[UW][A-Z0-9]{6,20}$`)
	userGroupPattern  = regexp.MustCompile(`^S[A-Z0-9]{6,20}$`)
	identityPattern   = regexp.MustCompile(`^[^\s@]+@[^\s@]+$`)
	repositoryPattern = regexp.MustCompile(`^[a-z0-9*?]([a-z0-9._/*?-]{0,254}[a-z0-9*?])?$`)
	tagPattern        = regexp.MustCompile(`^[A-Za-z0-9_*?][A-Za-z0-9_.*?-]{0,127}$`)
	familyPattern     = regexp.MustCompile(`^[A-Za-z0-9_*?-]{1,255}$`)
	clusterPattern    = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)
	gitHubPattern     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,38}/([A-Za-z0-9_.-]|\{repository\})+$`)
	definitionPattern = regexp.MustCompile(`^arn:aws[a-z-]*:ecs:[a-z0-9-]+:[0-9]{12}:task-definition/[A-Za-z0-9_-]{1,255}:[1-9][0-9]*$`)
)

// shaped takes a text that matches a pattern; what says what it is meant to be.
func shaped[T ~string](into *T, text string, pattern *regexp.Regexp, what string) error {
	if !pattern.MatchString(text) {
		return fmt.Errorf("%q is not %s", text, what)
	}
	*into = T(text)
	return nil
}

func (b *Bucket) parse(text string, _ bool) error {
	return shaped(b, text, bucketPattern, "the name of an S3 bucket: 3 to 63 characters of a-z, 0-9, dots and -")
}

func (n *TableName) parse(text string, _ bool) error {
	return shaped(n, text, tablePattern, "the name of a DynamoDB table: 3 to 255 letters, digits, dots, _ and -")
}

func (u *SlackUser) parse(text string, _ bool) error {
	return shaped(u, text, userPattern, "a Slack user id such as U0123ABCD: open the person's profile in Slack and choose Copy member ID")
}

func (g *SlackGroup) parse(text string, _ bool) error {
	return shaped(g, text, userGroupPattern, "the id of a Slack user group such as S0123ABCD: it ends the address of the group's page in Slack")
}

func (i *IdentityPattern) parse(text string, _ bool) error {
	return shaped(i, text, identityPattern, "an identity of the epoxy command: name@host, such as ann@ci-1 or ann@*")
}

func (r *RepositoryPattern) parse(text string, _ bool) error {
	return shaped(r, text, repositoryPattern, "the name of an ECR repository, or a pattern: a-z, 0-9, ._-/ and the wildcards * and ?, such as shop/*")
}

func (t *TagPattern) parse(text string, _ bool) error {
	return shaped(t, text, tagPattern, "a tag, or a pattern: letters, digits, ._- and the wildcards * and ?, such as release-*")
}

func (f *FamilyPattern) parse(text string, _ bool) error {
	return shaped(f, text, familyPattern, "a family of task definitions, or a pattern: letters, digits, _- and the wildcards * and ?, such as shop-*")
}

func (c *ClusterName) parse(text string, _ bool) error {
	return shaped(c, text, clusterPattern, "the name of an ECS cluster: letters, digits, _ and - (give the name, not the ARN)")
}

func (g *GitHubName) parse(text string, _ bool) error {
	return shaped(g, text, gitHubPattern, "a GitHub repository: owner/name, such as acme/shop or acme/{repository}")
}

func (t *TaskDefinitionARN) parse(text string, _ bool) error {
	return shaped(t, text, definitionPattern, "the ARN of a task definition: arn:aws:ecs:us-east-1:123456789012:task-definition/shop-web:7")
}

func (i *ImageReference) parse(text string, _ bool) error {
	ref, ours, err := policy.ParseReference(text)
	if err == nil && (!ours || !repositoryPattern.MatchString(ref.Repository.Name)) {
		err = fmt.Errorf("%q is not an image in ECR: 123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/web:stable, or @sha256:… for the tag", text)
	}
	*i = ImageReference(text)
	return err
}

func (c *CommitTag) parse(text string, _ bool) error {
	re, err := regexp.Compile(text)
	switch {
	case err != nil:
		return fmt.Errorf("%q is not a regular expression: %w", text, err)
	case re.NumSubexp() != 1:
		return fmt.Errorf("%q has %d groups: put ( ) around the commit and write (?: ) for any other group", text, re.NumSubexp())
	}
	*c = CommitTag(text)
	return nil
}

var modes = []string{policy.ApproveAuto, policy.ApproveAsk, policy.ApproveVeto}

func (m *Mode) parse(text string, _ bool) error {
	if !slices.Contains(modes, text) {
		return fmt.Errorf("%q is not a mode%s (one of %s)", text, didYouMean(text, modes), strings.Join(modes, ", "))
	}
	*m = Mode(text)
	return nil
}

var sources = []string{
	policy.SourceECS, policy.SourceEventBridge, policy.SourceScheduler, policy.SourceLambda,
	policy.SourceAppRunner, policy.SourceBatch, policy.SourceStepFunctions,
}

func (s *Source) parse(text string, _ bool) error {
	if !slices.Contains(sources, text) {
		return fmt.Errorf("%q is not a source%s (one of %s)", text, didYouMean(text, sources), strings.Join(sources, ", "))
	}
	*s = Source(text)
	return nil
}
