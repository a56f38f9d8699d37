package config

import (
	"time"

	"epoxy/internal/cloud"
	"epoxy/internal/policy"
)

// Mop is what is mopped up after dead instances, and where their death is announced.
type Mop struct {
	Queues       []MopQueue          `yaml:"queues" doc:"SQS queues that epoxy serve takes announcements from"`
	Topics       []TopicARN          `yaml:"topics" doc:"SNS topics whose announcements are believed, whether they come by a queue or to /sns"`
	Defaults     MopSettings         `yaml:"defaults" doc:"settings for every environment that does not say otherwise"`
	Environments map[string]MopScope `yaml:"environments" doc:"the environments, under names of your choice; an account and Region belongs to one at most"`
}

// MopQueue is an SQS queue with announcements.
type MopQueue struct {
	Account string    `yaml:"account" doc:"account in aws.accounts; the Region's own when left out"`
	Region  string    `yaml:"region" rule:"required" doc:"short name in aws.regions"`
	Name    QueueName `yaml:"name" rule:"required" doc:"name of the queue"`
	URL     URL       `yaml:"url" doc:"address of the queue, for tests; leave it out for the real one"`
}

// MopScope is an environment: whose instances belong to it, and how they are mopped up after.
type MopScope struct {
	Accounts []Consumer `yaml:"accounts" rule:"required" doc:"accounts and Regions whose instances belong to this environment"`
	MopSettings
}

// MopSettings are the same in mop.defaults and in an environment. Absent (nil)
// means: as in the defaults, else as built in.
type MopSettings struct {
	Chef        *[]string             `yaml:"chef" doc:"servers in chef that know the nodes"`
	Zones       *[]HostedZone         `yaml:"zones" doc:"Route 53 hosted zones with the nodes' records, reverse zones too"`
	Groups      *[]GroupPattern       `yaml:"groups" doc:"Auto Scaling groups whose instances are mopped up after; * and ? are wildcards; all of them, and instances without a group, when left out"`
	Hooks       *[]HookPattern        `yaml:"hooks" doc:"lifecycle hooks that wait for Epoxy, which finishes them; * and ? are wildcards; none when left out"`
	NodeNames   *[]NodeNameTemplate   `yaml:"node_names" doc:"how nodes are named, to find a client whose node is gone: {instance}, {name} (the tag Name) and {hostname} are filled in"`
	RecordNames *[]RecordNameTemplate `yaml:"record_names" doc:"DNS names that a node has for itself: {node}, {fqdn}, {hostname} and {instance} are filled in, and the zone's name is added"`
	SharedNames *[]DomainPattern      `yaml:"shared_names" doc:"DNS names that several nodes share, from which a dead node's address is taken; * and ? are wildcards"`
	Patience    *Duration             `yaml:"patience" rule:"min=1s,max=24h" doc:"how long an instance that is announced dead may still look alive"`
	FailedWait  *Duration             `yaml:"failed_wait" rule:"min=1s,max=7d" doc:"how long to wait until an instance whose bootstrap failed is terminated"`
	Later       *[]Duration           `yaml:"later" rule:"min=1s,max=7d" doc:"when to look again for what registered late, counted from the first look"`
	Breaker     *Breaker              `yaml:"breaker" doc:"how much may go before people are asked"`
	Approval    *string               `yaml:"approval" doc:"approval in approvals, of mode ask: who decides when the breaker trips; every environment needs one"`
	DryRun      *bool                 `yaml:"dry_run" doc:"find and report alone; nothing is deleted and no hook is finished"`
	Timeout     *Duration             `yaml:"timeout" rule:"min=1m,max=365d" doc:"how long a mop may take in all, a Chef server that is down and the wait for people included"`
	Channel     *Channel              `yaml:"channel" doc:"Slack channel for this environment, instead of slack.channel"`
}

// HostedZone is a Route 53 hosted zone.
type HostedZone struct {
	ID      ZoneID     `yaml:"id" rule:"required" doc:"the zone's id, such as Z0123456789ABCDEFGHIJ"`
	Name    DomainName `yaml:"name" rule:"required" doc:"the zone's name, such as example.com or 2.0.192.in-addr.arpa"`
	Account string     `yaml:"account" doc:"account in aws.accounts that has the zone; the environment's first when left out"`
	Region  string     `yaml:"region" doc:"short name in aws.regions; it matters only for which part of AWS the zone is in; the environment's first when left out"`
}

// Breaker is how much may go in a window.
type Breaker struct {
	Nodes   *int      `yaml:"nodes" rule:"min=1,max=2000" doc:"nodes at most"`
	Percent *int      `yaml:"percent" rule:"min=1,max=100" doc:"likewise, in percent of all nodes on the environment's Chef servers"`
	Window  *Duration `yaml:"window" rule:"min=10s,max=7d" doc:"within this time"`
}

// What holds when neither the environment nor the defaults say.
var (
	builtinBreaker = Breaker{Nodes: new(20), Percent: new(20), Window: new(Duration(time.Hour))}
	builtinMop     = MopSettings{
		Patience:   new(Duration(5 * time.Minute)),
		FailedWait: new(Duration(time.Hour)),
		Later:      &[]Duration{Duration(15 * time.Minute), Duration(2 * time.Hour)},
		Breaker:    &builtinBreaker,
		DryRun:     new(false),
		Timeout:    new(7 * day),
	}
)

// MopEnvironment is everything that a mop has to know, with no default left open.
type MopEnvironment struct {
	Name    string          `json:"name"`
	Live    []cloud.Place   `json:"live"`              // every account and Region of it
	Servers []string        `json:"servers,omitempty"` // names in the section chef
	Zones   []MopZone       `json:"zones,omitempty"`
	Rules   policy.MopRules `json:"rules"`
	Groups  []string        `json:"groups,omitempty"` // none: all
	Hooks   []string        `json:"hooks,omitempty"`  // none: none

	Patience   time.Duration   `json:"patience"`
	FailedWait time.Duration   `json:"failedWait"`
	Later      []time.Duration `json:"later,omitempty"`

	Breaker   MopBreaker    `json:"breaker"`
	Approval  ApprovalRules `json:"approval"`
	DryRun    bool          `json:"dryRun,omitempty"`
	Timeout   time.Duration `json:"timeout"`
	Artifacts ArtifactStore `json:"artifacts"`
	Ledger    LedgerTable   `json:"ledger"`
	Channel   string        `json:"channel,omitempty"` // empty: no Slack
}

// MopZone is a hosted zone with its place.
type MopZone struct {
	Place cloud.Place `json:"place"`
	ID    string      `json:"id"`
	Name  string      `json:"name"` // lower case, with the dot at its end
}

// MopBreaker is how much may go in a window.
type MopBreaker struct {
	Nodes   int           `json:"nodes"`
	Percent float64       `json:"percent"`
	Window  time.Duration `json:"window"`
}

// Queue is an SQS queue with its place.
type Queue struct {
	Place cloud.Place `json:"place"`
	URL   string      `json:"url"`
}
