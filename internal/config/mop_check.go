package config

import (
	"time"

	"epoxy/internal/policy"
)

// checkMop checks the section and resolves its environments.
func (c *Config) checkMop(root place) {
	at := root.key("mop")
	for i, queue := range c.Mop.Queues {
		c.AWS.checkPlace(at.key("queues").index(i), queue.Account, queue.Region)
	}
	c.checkQueues(at.key("queues"))
	checkUnique(at.key("topics"), c.Mop.Topics)
	c.Mop.Defaults.validate(at.key("defaults"), c)
	c.mops = map[string]MopEnvironment{}
	for _, name := range sortedKeys(c.Mop.Environments) {
		env, here := c.Mop.Environments[name], at.key("environments").key(name)
		checkName(here, name)
		c.checkAccounts(here.key("accounts"), env.Accounts)
		env.validate(here, c)
		s := overlay(overlay(env.MopSettings, c.Mop.Defaults), builtinMop)
		scope{target: here, defaults: at.key("defaults")}.mop(s, c)
		c.mops[name] = c.resolveMop(name, env, s)
	}
	c.checkApart(at.key("environments"))
	if len(c.Mop.Environments) > 0 {
		needed(root.key("artifacts"), "a mop keeps what it deletes in a bucket: add artifacts: { region: …, bucket: … } and run epoxy setup")
		needed(root.key("ledger"), "a mop writes down what it deletes: add ledger: { region: …, table: … } and run epoxy setup")
	} else if environments := at.key("environments"); len(c.Mop.Queues) > 0 && !environments.bad() {
		environments.errorf("is missing: say whose instances are mopped up after; without it everything in the queues is refused")
	}
}

// checkQueues keeps each queue in the list once: two pollers of one would count and show the same messages twice.
func (c *Config) checkQueues(at place) {
	seen := map[string]int{}
	for i, queue := range c.MopQueues() {
		if c.Mop.Queues[i].Name == "" || queue.Place.Account == "" || queue.Place.Region == "" {
			continue
		}
		if first, again := seen[queue.URL]; again {
			at.index(i).errorf("is the same queue as %s (%s): remove one", at.index(first).path, queue.URL)
		} else {
			seen[queue.URL] = i
		}
	}
}

// checkAccounts checks a list of accounts and where.
func (c *Config) checkAccounts(at place, accounts []Consumer) {
	if at.known() && !at.bad() && len(accounts) == 0 {
		at.errorf("is empty: name at least one")
	}
	for i, account := range accounts {
		here := at.index(i)
		checkList(here.key("regions"), account.Regions)
		for j, region := range account.Regions {
			c.AWS.checkRegion(here.key("regions").index(j), region)
			c.AWS.checkAccount(here.key("account"), account.Account, c.AWS.Regions[region].Region)
		}
	}
}

// checkApart keeps each account and Region in one environment: an event names no more than these.
func (c *Config) checkApart(at place) {
	type where struct{ account, region string }
	seen := map[where]string{}
	for _, name := range sortedKeys(c.Mop.Environments) {
		for i, account := range c.Mop.Environments[name].Accounts {
			for j, region := range account.Regions {
				live := c.AWS.place(account.Account, region)
				key := where{live.Account, live.Region}
				here := at.key(name).key("accounts").index(i).key("regions").index(j)
				if first, taken := seen[key]; taken && live.Account != "" && live.Region != "" && !here.bad() {
					here.errorf("%s belongs to environment %s already (%s): an event names account and Region alone, so they belong to one environment; remove one",
						live, first, at.key(first).line())
				} else {
					seen[key] = name
				}
			}
		}
	}
}

// validate checks each setting by itself, the same for defaults and environments.
func (s MopSettings) validate(at place, c *Config) {
	for i, name := range orZero(s.Chef) {
		checkReference(at.key("chef").index(i), "server", name, sortedKeys(c.Chef), at.doc.root().key("chef"))
	}
	checkUnique(at.key("chef"), orZero(s.Chef))
	checkUnique(at.key("groups"), orZero(s.Groups))
	checkUnique(at.key("hooks"), orZero(s.Hooks))
	checkUnique(at.key("node_names"), orZero(s.NodeNames))
	checkUnique(at.key("record_names"), orZero(s.RecordNames))
	checkUnique(at.key("shared_names"), orZero(s.SharedNames))
	zones := orZero(s.Zones)
	ids := make([]ZoneID, 0, len(zones))
	for i, zone := range zones {
		c.AWS.checkPlace(at.key("zones").index(i), zone.Account, zone.Region)
		ids = append(ids, zone.ID)
	}
	checkUnique(at.key("zones"), ids)
	later := orZero(s.Later)
	for i := 1; i < len(later); i++ {
		if here := at.key("later").index(i); later[i] <= later[i-1] && !here.bad() && !at.key("later").index(i-1).bad() {
			here.errorf("%s comes after %s: all of them count from the first look, so each must be longer than the one before", later[i], later[i-1])
		}
	}
	checkReference(at.key("approval"), "approval", orZero(s.Approval), sortedKeys(c.Approvals), at.doc.root().key("approvals"))
}

// checkReference checks a name of something in a section.
func checkReference(at place, what, name string, names []string, section place) {
	if name != "" && !at.bad() && !section.key(name).known() {
		at.errorf("no %s %s in %s%s%s", what, at.show(name), section.path, didYouMean(name, names), has(names))
	}
}

// mop checks settings against each other once the defaults are in.
func (s scope) mop(m MopSettings, c *Config) {
	if len(orZero(m.Chef))+len(orZero(m.Zones)) == 0 && !s.at("chef").bad() && !s.at("zones").bad() {
		s.target.errorf("has neither chef nor zones, so there is nothing to mop: name the Chef servers that know its nodes, and the zones of their records")
	}
	timeout := s.at("timeout")
	if later := *m.Later; len(later) > 0 && !timeout.bad() && !s.at("later").bad() && later[len(later)-1] >= *m.Timeout {
		timeout.errorf("a mop may take %s, but looks again after %s (later): raise timeout above that", *m.Timeout, later[len(later)-1])
	}
	if m.Approval == nil {
		s.missing("approval", "say who decides when the breaker trips, with the name of an approval in approvals")
		return
	}
	if approval, ok := c.Approvals[*m.Approval]; ok {
		s.mopApproval(*m.Approval, approval, *m.Timeout)
	}
}

// mopApproval: who is asked because suspiciously much is dying must answer, and in time.
func (s scope) mopApproval(name string, a Approval, timeout Duration) {
	at, limit := s.at("approval"), s.at("timeout")
	switch {
	case a.Mode == "" || at.bad():
	case a.Mode != policy.ApproveAsk:
		at.errorf("%s has mode %s, which goes on without an answer; but here people are asked because suspiciously much is dying: name an approval with mode ask",
			name, a.Mode)
	case time.Duration(timeout) <= a.open() && !limit.bad():
		limit.errorf("a mop may take %s, but the question of its breaker alone is open for %s (approvals.%s): raise timeout above that",
			timeout, Duration(a.open()), name)
	}
}
