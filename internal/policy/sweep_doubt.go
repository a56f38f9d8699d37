package policy

import (
	"cmp"
	"fmt"
)

// doubts looks for what makes a judgement unsafe. Only a node says where its instance was; a client, a node on which chef-client
// never finished and an address do not, so they stay as soon as somebody alive could be where nothing was seen.
func (s *sweep) doubts() {
	nodes := map[string]int{}
	for _, server := range s.Servers {
		for _, n := range server.Nodes {
			nodes[n.Account+"/"+n.Region]++
		}
	}
	for _, p := range s.Places {
		s.doubtEmpty(p, nodes)
	}
	for _, p := range s.Others {
		if p.Failed != "" {
			s.doubt = cmp.Or(s.doubt, "EC2 in "+p.name()+" could not be looked at, and whose it is may live there: that environment shares a Chef server")
			continue
		}
		s.doubtEmpty(p, nodes)
	}
}

// doubtEmpty is for a place where all would be orphans: more likely somebody looked in the wrong one.
func (s *sweep) doubtEmpty(p SweptPlace, nodes map[string]int) {
	known := nodes[p.name()]
	if p.Failed != "" || len(p.Instances) > 0 || known == 0 {
		return
	}
	why := fmt.Sprintf("EC2 shows not one instance in %s, and Chef knows %d nodes there", p.name(), known)
	s.empty[p.name()] = why
	s.doubt = cmp.Or(s.doubt, why)
	advice := why + ": check the environment's accounts and their roles; if all of its instances are really gone, mop up with epoxy mop --instance ID"
	s.blind("EC2 in "+p.name(), advice)
	s.plan.Empty = append(s.plan.Empty, advice)
}

func (p SweptPlace) name() string { return p.Account + "/" + p.Region }
