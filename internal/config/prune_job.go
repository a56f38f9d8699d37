package config

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"epoxy/internal/cloud"
	"epoxy/internal/policy"
)

// PruneJob is what both kinds of prune have to know, with no default left open.
type PruneJob struct {
	Policy  string      `json:"policy"`
	Account string      `json:"account"` // name in aws.accounts
	Place   cloud.Place `json:"place"`

	Sources           []string       `json:"sources"`
	RollbackRevisions int            `json:"rollbackRevisions"`
	ExpectClusters    []string       `json:"expectClusters,omitempty"`
	InUse             []string       `json:"inUse,omitempty"` // image references, or ARNs of task definitions
	InUseObjects      []ListedObject `json:"inUseObjects,omitempty"`

	Caps      policy.Caps   `json:"caps"`
	Approval  ApprovalRules `json:"approval"`
	Timeout   time.Duration `json:"timeout"`
	Channel   string        `json:"channel,omitempty"` // empty: no Slack
	Artifacts ArtifactStore `json:"artifacts"`
	Ledger    LedgerTable   `json:"ledger"`
}

// ListedObject is an S3 object that lists what is in use.
type ListedObject struct {
	Place  cloud.Place `json:"place"`
	Bucket string      `json:"bucket"`
	Key    string      `json:"key"`
}

// PruneImages is everything that a prune of images has to know.
type PruneImages struct {
	PruneJob

	Repositories     []string          `json:"repositories"`
	Rules            policy.ImageRules `json:"rules"`
	GitHub           []GitHubMatch     `json:"github,omitempty"`    // the first that matches counts
	Consumers        []NamedPlace      `json:"consumers,omitempty"` // beside Place
	Accounts         []NamedPlace      `json:"accounts"`            // all of aws.accounts in the policy's Region
	IgnorePrincipals []string          `json:"ignorePrincipals,omitempty"`
}

// PruneTaskDefinitions is everything that a prune of task definitions has to know.
type PruneTaskDefinitions struct {
	PruneJob

	Rules policy.TaskDefinitionRules `json:"rules"`
}

// NamedPlace is an account under its name in aws.accounts, in a Region.
type NamedPlace struct {
	Name  string      `json:"name"`
	Place cloud.Place `json:"place"`
}

// GitHubMatch says where the commits of matching ECR repositories are. In Name,
// {repository} stands for the last part of the ECR repository's name.
type GitHubMatch struct {
	Pattern string `json:"pattern"` // with * and ?
	Name    string `json:"name"`    // owner/name
}

func (c *Config) resolveImages(name string, p ImagePolicy, s ImageSettings) PruneImages {
	out := PruneImages{
		PruneJob:     c.resolveJob(name, p.Account, p.Region, s.PruneSettings),
		Repositories: texts(p.Repositories, ""),
		Rules: policy.ImageRules{
			MinAge: time.Duration(*s.MinAge), UntaggedMinAge: time.Duration(orZero(s.UntaggedMinAge)), KeepNewest: *s.KeepNewest,
			ProtectTags: texts(orZero(s.ProtectTags), ""), CommitTag: string(orZero(s.CommitTag)),
		},
		GitHub:           s.GitHub.resolve(),
		IgnorePrincipals: texts(orZero(s.IgnorePrincipals), ""),
	}
	out.InUse = texts(orZero(s.InUse), "")
	for _, keep := range orZero(s.KeepByTag) {
		out.Rules.KeepByTag = append(out.Rules.KeepByTag, policy.KeepByTag{Pattern: string(keep.Pattern), Newest: keep.Newest})
	}
	for _, consumer := range orZero(s.Consumers) {
		for _, region := range consumer.Regions {
			at := NamedPlace{Name: consumer.Account, Place: c.AWS.place(consumer.Account, region)}
			if at.Place != out.Place && !slices.Contains(out.Consumers, at) {
				out.Consumers = append(out.Consumers, at)
			}
		}
	}
	region := RegionID(out.Place.Region)
	for _, account := range sortedKeys(c.AWS.Accounts) {
		a := c.AWS.Accounts[account]
		// Nobody uses images of another partition.
		if partition, _ := a.RoleARN.parts(); partition == "" || partition == region.Partition() {
			out.Accounts = append(out.Accounts, NamedPlace{Name: account, Place: a.in(region)})
		}
	}
	return out
}

func (c *Config) resolveTaskDefinitions(name string, p TaskDefinitionPolicy, s TaskDefinitionSettings) PruneTaskDefinitions {
	out := PruneTaskDefinitions{
		PruneJob: c.resolveJob(name, p.Account, p.Region, s.PruneSettings),
		Rules: policy.TaskDefinitionRules{
			MinAge: time.Duration(*s.MinAge), KeepNewest: *s.KeepNewest, Delete: *s.Delete,
			InactiveMinAge: time.Duration(*cmp.Or(s.InactiveMinAge, s.MinAge)),
			Families:       texts(p.Families, ""), ProtectFamilies: texts(orZero(s.ProtectFamilies), ""),
		},
	}
	out.InUse = texts(orZero(s.InUse), "")
	return out
}

func (c *Config) resolveJob(name, account, region string, s PruneSettings) PruneJob {
	channel := orElse(string(orZero(s.Channel)), string(c.Slack.Channel))
	approval := orZero(s.Approval)
	job := PruneJob{
		Policy: name, Account: orElse(account, c.AWS.Regions[region].Account), Place: c.AWS.place(account, region),
		Sources: policy.DefaultSources(), RollbackRevisions: *s.RollbackRevisions, ExpectClusters: texts(orZero(s.ExpectClusters), ""),
		Caps:     policy.Caps{MaxDelete: orZero(s.MaxDelete), MaxPercent: *s.MaxPercent},
		Approval: c.Approvals[approval].resolve(approval, channel),
		Timeout:  time.Duration(*s.Timeout), Channel: channel,
		Artifacts: c.ArtifactStore(), Ledger: c.LedgerTable(),
	}
	if s.Sources != nil {
		job.Sources = texts(*s.Sources, "")
	}
	for _, o := range orZero(s.InUseObjects) {
		job.InUseObjects = append(job.InUseObjects, ListedObject{Place: c.AWS.place(o.Account, o.Region), Bucket: string(o.Bucket), Key: o.Key})
	}
	return job
}

// resolve puts the most specific pattern first: the one that says most by itself.
func (g GitHubNames) resolve() []GitHubMatch {
	if len(g) == 0 {
		return nil
	}
	out := make([]GitHubMatch, 0, len(g))
	for _, pattern := range sortedKeys(g) {
		out = append(out, GitHubMatch{Pattern: pattern, Name: string(g[pattern])})
	}
	slices.SortStableFunc(out, func(a, b GitHubMatch) int {
		return cmp.Or(cmp.Compare(wildcards(a.Pattern)-len(a.Pattern), wildcards(b.Pattern)-len(b.Pattern)), cmp.Compare(wildcards(a.Pattern), wildcards(b.Pattern)))
	})
	return out
}

func wildcards(pattern string) int { return strings.Count(pattern, "*") + strings.Count(pattern, "?") }
