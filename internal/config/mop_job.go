package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"epoxy/internal/cloud"
	"epoxy/internal/policy"
)

func (c *Config) resolveMop(name string, scope MopScope, s MopSettings) MopEnvironment {
	channel := orElse(string(orZero(s.Channel)), string(c.Slack.Channel))
	approval := orZero(s.Approval)
	out := MopEnvironment{
		Name: name, Live: c.livePlaces(scope.Accounts), Servers: texts(orZero(s.Chef), ""),
		Rules: policy.MopRules{
			NodeNames: texts(orZero(s.NodeNames), ""), RecordNames: texts(orZero(s.RecordNames), ""), SharedNames: texts(orZero(s.SharedNames), ""),
		},
		Groups: texts(orZero(s.Groups), ""), Hooks: texts(orZero(s.Hooks), ""),
		Patience: time.Duration(*s.Patience), FailedWait: time.Duration(*s.FailedWait),
		Breaker:  MopBreaker{Nodes: *s.Breaker.Nodes, Percent: float64(*s.Breaker.Percent), Window: time.Duration(*s.Breaker.Window)},
		Approval: c.Approvals[approval].resolve(approval, channel),
		DryRun:   *s.DryRun, Timeout: time.Duration(*s.Timeout), Channel: channel,
		Artifacts: c.ArtifactStore(), Ledger: c.LedgerTable(),
	}
	for _, later := range *s.Later {
		out.Later = append(out.Later, time.Duration(later))
	}
	for _, zone := range orZero(s.Zones) {
		out.Zones = append(out.Zones, MopZone{Place: c.zonePlace(zone, scope.Accounts), ID: string(zone.ID), Name: string(zone.Name) + "."})
	}
	return out
}

func (c *Config) livePlaces(accounts []Consumer) []cloud.Place {
	var out []cloud.Place
	for _, account := range accounts {
		for _, region := range account.Regions {
			out = append(out, c.AWS.place(account.Account, region))
		}
	}
	return out
}

// zonePlace is where Route 53 is asked. It is one service for all Regions of a part of AWS, so any of them does.
func (c *Config) zonePlace(zone HostedZone, accounts []Consumer) cloud.Place {
	account, region := zone.Account, zone.Region
	if account == "" && region == "" && len(accounts) > 0 {
		account = accounts[0].Account
	}
	if region == "" && len(accounts) > 0 && len(accounts[0].Regions) > 0 {
		region = accounts[0].Regions[0]
	}
	return c.AWS.place(account, region)
}

// MopEnvironments lists the environments in order of their names.
func (c *Config) MopEnvironments() []MopEnvironment {
	out := make([]MopEnvironment, 0, len(c.mops))
	for _, name := range sortedKeys(c.mops) {
		out = append(out, c.mops[name])
	}
	return out
}

// MopEnvironment is the environment of that name in mop.environments.
func (c *Config) MopEnvironment(name string) (MopEnvironment, error) {
	if env, ok := c.mops[name]; ok {
		return env, nil
	}
	return MopEnvironment{}, c.notIn(c.doc.root().key("mop").key("environments"), "environment", name, sortedKeys(c.mops))
}

// notIn says that a section has no such name, and what it has.
func (c *Config) notIn(section place, what, name string, names []string) error {
	if len(names) == 0 {
		return fmt.Errorf("no %ss: add some to %s in %s (epoxy.example.yaml shows how)", what, section.path, c.doc.file)
	}
	return errors.New(fmt.Sprintf("no %s %q%s%s", what, name, didYouMean(name, names), has(names)) + " — " + section.path + " in " + section.line())
}

// MopFor is the environment that an account (12 digits) and an AWS Region belong to.
func (c *Config) MopFor(account, region string) (MopEnvironment, bool) {
	for _, name := range sortedKeys(c.mops) {
		if _, ok := c.mops[name].Place(account, region); ok {
			return c.mops[name], true
		}
	}
	return MopEnvironment{}, false
}

// MopNeighbours are the places of other environments that share a Chef server with an environment: their nodes are on it, too.
func (c *Config) MopNeighbours(env MopEnvironment) []cloud.Place {
	var out []cloud.Place
	for _, other := range c.MopEnvironments() {
		if other.Name != env.Name && slices.ContainsFunc(other.Servers, func(server string) bool { return c.sameChef(server, env.Servers) }) {
			out = append(out, other.Live...)
		}
	}
	return out
}

// sameChef tells that a server is one of these, be it under another name.
func (c *Config) sameChef(server string, as []string) bool {
	address := func(name string) string { return strings.ToLower(strings.TrimRight(string(c.Chef[name].URL), "/")) }
	return slices.ContainsFunc(as, func(name string) bool { return name == server || address(name) == address(server) })
}

// Place is the account (12 digits) and AWS Region, if they belong to the environment.
func (e MopEnvironment) Place(account, region string) (cloud.Place, bool) {
	for _, live := range e.Live {
		if live.Account == account && live.Region == region {
			return live, true
		}
	}
	return cloud.Place{}, false
}

// MopQueues are the queues of the section mop.
func (c *Config) MopQueues() []Queue {
	out := make([]Queue, 0, len(c.Mop.Queues))
	for _, queue := range c.Mop.Queues {
		at := c.AWS.place(queue.Account, queue.Region)
		out = append(out, Queue{Place: at, URL: orElse(string(queue.URL), queueURL(at, queue.Name))})
	}
	return out
}

// queueURL is how SQS names a queue:
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html
func queueURL(at cloud.Place, name QueueName) string {
	return fmt.Sprintf("https://sqs.%s.%s/%s/%s", at.Region, cloud.Domain(RegionID(at.Region).Partition()), at.Account, name)
}

// MopTopics are the SNS topics that may announce something.
func (c *Config) MopTopics() []string { return texts(c.Mop.Topics, "") }

// MopPlace is an account and Region of an environment.
type MopPlace struct {
	Environment MopEnvironment
	Place       cloud.Place
}

// MopPlaces are the places of the environments that fit: an environment's name, an account in aws.accounts and a short name
// in aws.regions, where "" fits all.
func (c *Config) MopPlaces(env, account, region string) ([]MopPlace, error) {
	if _, ok := c.mops[env]; env != "" && !ok || len(c.mops) == 0 {
		_, err := c.MopEnvironment(env)
		return nil, err
	}
	aws := c.doc.root().key("aws")
	at, ok := c.AWS.Regions[region]
	if region != "" && !ok {
		return nil, c.notIn(aws.key("regions"), "region", region, sortedKeys(c.AWS.Regions))
	}
	owner, ok := c.AWS.Accounts[account]
	if account != "" && !ok {
		return nil, c.notIn(aws.key("accounts"), "account", account, sortedKeys(c.AWS.Accounts))
	}
	fits := func(wanted, got string) bool { return wanted == "" || wanted == got }
	var out []MopPlace
	for _, e := range c.MopEnvironments() {
		for _, live := range e.Live {
			if fits(env, e.Name) && fits(string(at.Region), live.Region) && fits(string(owner.ID), live.Account) {
				out = append(out, MopPlace{Environment: e, Place: live})
			}
		}
	}
	return out, nil
}
