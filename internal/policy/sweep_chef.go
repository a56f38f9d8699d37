package policy

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// Why a node is not ours to judge.
const (
	strangerNoEC2   = "their attributes name no EC2 instance"
	strangerNoID    = "their instance id is none"
	strangerNoPlace = "their attributes name no account or no Region"
	strangerPlace   = "they are in another account or Region"
)

// hasConverged tells that chef-client has run there at least once: it left automatic attributes.
func hasConverged(n ChefNode) bool {
	return n.Instance != "" || n.Account != "" || n.Region != "" || n.FQDN != "" || n.Hostname != "" || len(n.Addresses) > 0 || !n.CheckedIn.IsZero()
}

func (s *sweep) judgeNode(n ChefNode) {
	if !hasConverged(n) {
		s.judgeByName(Orphan{Kind: OrphanNode, Where: n.Server, Name: n.Name, Why: "chef-client never finished there, and no live instance has its name"})
		return
	}
	if i, alive := s.living.ids[n.Instance]; alive {
		s.learnNode(n, i.Group)
		return
	}
	switch {
	case s.living.elsewhere[n.Instance]: // its environment looks after it
		s.plan.Strangers[strangerPlace]++
	case n.Instance == "":
		s.plan.Strangers[strangerNoEC2]++
	case CheckInstanceID(n.Instance) != nil:
		s.plan.Strangers[strangerNoID]++
	case n.Account == "" || n.Region == "":
		s.plan.Strangers[strangerNoPlace]++
	case !s.homes[n.Account+"/"+n.Region]:
		s.plan.Strangers[strangerPlace]++
	default:
		s.orphanNode(n)
	}
}

// learnNode remembers that a node, and so its client, is an instance's of the environment.
func (s *sweep) learnNode(n ChefNode, group string) {
	if !s.ourGroup(group) {
		return
	}
	s.learn(knownClient, n.Server, n.Name)
	if len(s.Groups) > 0 {
		s.learn(knownNode, n.Server, n.Name+" "+n.Instance)
	}
}

// ourGroup tells that instances of an Auto Scaling group are mopped up after.
func (s *sweep) ourGroup(group string) bool {
	return len(s.Groups) == 0 || group != "" && slices.ContainsFunc(s.Groups, func(pattern string) bool { return Matches(pattern, group) })
}

// orphanNode is for a node whose instance is dead. EC2 tells its group for an hour at most.
func (s *sweep) orphanNode(n ChefNode) {
	o := Orphan{
		Kind: OrphanNode, Where: n.Server, Name: n.Name, Why: "EC2 shows no instance " + n.Instance + " any more",
		Subject: Subject{Account: n.Account, Region: n.Region, Instance: n.Instance, Node: n.Name},
	}
	dead, shown := s.living.dead[n.Instance]
	if shown {
		o.Why = "its instance " + n.Instance + " is terminated"
	}
	if s.vague[n.Name] {
		o.Subject.Node = "" // another server has a node of this name, and this one's death proves nothing about it
	}
	known := s.recall(knownNode, n.Server, n.Name+" "+n.Instance) // always: what is not recalled is forgotten
	ours := known || s.ourGroup(dead.Group)
	if ours && !known && len(s.Groups) > 0 {
		s.learn(knownNode, n.Server, n.Name+" "+n.Instance) // EC2 will not tell its group for long
	}
	switch {
	case CheckNodeName(n.Name) != nil:
		o.Kept = "its name is none that may stand in a request: delete it with knife"
	case s.living.has(n.Name):
		o.Kept = "a live instance has its name, and may be about to take it over"
	case !ours:
		o.Kept = "its Auto Scaling group is not known, or none of the environment's"
	default:
		s.learn(knownClient, n.Server, n.Name)
	}
	s.add(o, n.CheckedIn, s.empty[n.Account+"/"+n.Region])
	for _, key := range append(slices.Clone(n.Addresses), n.Name, n.FQDN, n.Hostname) {
		s.owners[foldName(plainAddress(key))] = n.Name
	}
}

func (s *sweep) judgeClient(server, name string) {
	s.judgeByName(Orphan{Kind: OrphanClient, Where: server, Name: name, Why: "it has no node, and no live instance has its name"})
}

// judgeByName is for what does not say which instance it was. It is an orphan only if nothing alive has its name, and mopped
// only if something shows that it was an instance's: a pipeline signs with a client, too, and never has a node.
func (s *sweep) judgeByName(o Orphan) {
	if s.living.has(o.Name) {
		s.recall(knownClient, o.Where, o.Name)
		return
	}
	home := s.Places[0]
	o.Subject = Subject{Account: home.Account, Region: home.Region, Node: o.Name}
	switch ours := s.recall(knownClient, o.Where, o.Name) || FitsNodeName(s.Rules, o.Name); {
	case CheckNodeName(o.Name) != nil:
		o.Kept = "its name is none that may stand in a request: delete it with knife"
	case s.known[o.Name]:
		o.Kept = "another Chef server has a node of this name"
	case !ours:
		o.Kept = "nothing shows that it was an instance's: no sweep has seen its node alive, and node_names does not fit"
	}
	doubt := s.doubt
	if s.blindTo != "" {
		doubt = "Chef server " + s.blindTo + " could not be looked at, and may have a node of this name"
	}
	s.add(o, time.Time{}, doubt)
	s.owners[foldName(o.Name)] = o.Name
}

// What stands for the names in braces. Hostnames are as EC2 makes them.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-naming.html
var nodeNameParts = strings.NewReplacer(
	`\{instance\}`, `i-(?:[0-9a-f]{17}|[0-9a-f]{8})`,
	`\{hostname\}`, `(?:ip(?:-[0-9]{1,3}){4}|i-[0-9a-f]{17})`,
	`\{name\}`, `[A-Za-z0-9_.-]+`,
)

// fitsTemplates tells that a name is what a template makes. One that any name fits says nothing.
func fitsTemplates(templates []string, name string) bool {
	for _, template := range templates {
		if !strings.ContainsAny(strings.ReplaceAll(template, "{name}", ""), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") {
			continue
		}
		pattern, err := regexp.Compile("^" + nodeNameParts.Replace(regexp.QuoteMeta(template)) + "$")
		if err == nil && pattern.MatchString(name) {
			return true
		}
	}
	return false
}
