package workflows

import (
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// left is what one look found.
type left struct {
	nodes   []policy.ChefNode
	records map[string][]policy.OwnRecord // by zone id
	kept    []policy.KeptThing
}

// look finds what the dead instance left and deletes it.
func (m *mop) look(ctx workflow.Context) error {
	m.begin(ctx, stepMop, "Looking for what "+m.subject.String()+" left")
	m.trouble, m.now, m.clean = nil, nil, false
	found, err := m.find(ctx)
	if err != nil {
		return err
	}
	m.keep(found.kept)
	things := found.things()
	if m.in.DryRun {
		m.would = things
		m.Lists = append(list("Would go", things, len(things)), m.keptList()...)
		m.end(ctx, m.wouldGo())
		return nil
	}
	if len(things) > 0 {
		if err := m.act(ctx, found); err != nil {
			return err
		}
	}
	m.clean = len(m.trouble) == 0
	m.Lists = slices.Concat(m.deletedList(), m.keptList())
	m.end(ctx, m.inWords(m.now))
	if len(m.now) > 0 || len(m.trouble) > 0 || !m.looked && len(found.kept) > 0 {
		outcome := activities.OutcomeDone
		if len(m.trouble) > 0 {
			outcome = activities.OutcomePartial
		}
		m.tellLine(ctx, outcome, m.inWords(m.now))
	}
	return nil
}

// longWait is how long the breaker may take before everything is looked at once more.
const longWait = time.Minute

// act deletes what was found, with the breaker's leave.
func (m *mop) act(ctx workflow.Context, found left) error {
	asked := workflow.Now(ctx)
	permit, err := m.permit(ctx, found)
	if err != nil {
		return err
	}
	if workflow.Now(ctx).Sub(asked) > longWait { // somebody may live under these names by now
		again, err := m.find(ctx)
		if err != nil {
			return err
		}
		m.keep(again.kept)
		again.nodes = slices.DeleteFunc(again.nodes, func(n policy.ChefNode) bool { return !slices.ContainsFunc(found.nodes, n.Same) })
		found = again
	}
	m.begin(ctx, stepMop, "Deleting "+strings.Join(found.things(), ", "))
	m.delete(ctx, found, permit.By)
	return nil
}

func (m *mop) find(ctx workflow.Context) (left, error) {
	found := left{records: map[string][]policy.OwnRecord{}}
	var err error
	if found.nodes, err = m.findNodes(ctx, &found); err != nil {
		return found, err
	}
	m.facts = policy.MergeFacts(m.facts, policy.FactsOf(m.subject, m.instance, policy.ChefNode{}))
	for _, n := range found.nodes {
		m.facts = policy.MergeFacts(m.facts, policy.FactsOf(m.subject, m.instance, n))
	}
	return found, m.findRecords(ctx, &found)
}

// findNodes asks Chef. Whatever proves that a node was the dead one's: nothing goes under a name that somebody alive has.
func (m *mop) findNodes(ctx workflow.Context, found *left) ([]policy.ChefNode, error) {
	if len(m.in.Servers) == 0 {
		return nil, nil
	}
	var chef *activities.Chef
	var out activities.FindNodesOutput
	err := workflow.ExecuteActivity(m.queued(ctx, "Ask Chef"), chef.FindNodes, activities.FindNodesInput{
		Servers: m.in.Servers, Subject: m.subject, Names: policy.NodeNames(m.in.Rules, m.subject, m.instance), Died: m.instance.Died,
		Ledger: m.in.Ledger,
	}).Get(ctx, &out)
	if err != nil {
		return nil, err
	}
	found.kept = append(found.kept, out.Kept...)
	var own []policy.ChefNode
	for _, n := range out.Nodes {
		why, err := m.othersNode(ctx, n)
		if err != nil {
			return nil, err
		}
		if why != "" {
			found.kept = append(found.kept, policy.KeptThing{What: nodeName(n), Why: why})
			continue
		}
		own = append(own, n)
	}
	return own, nil
}

// othersNode says why a node, or a client, that Chef gave stays; "" when it may go.
func (m *mop) othersNode(ctx workflow.Context, n policy.ChefNode) (string, error) {
	asked := m.in.RequestedBy != "" && n.Name == m.in.Subject.Node // a person knows, and a sweep has seen it alive
	if n.ClientOnly && !asked && !n.Refused && !policy.VouchedFor(m.in.Rules, m.subject, m.instance, n.Name) {
		return "there is only a client of this name, and nothing but an announcement says that it was the dead one's: delete it by hand, or let node_names say how nodes are named", nil
	}
	id := ""
	if n.Instance != m.subject.Instance {
		id = n.Instance
	}
	found, err := m.living(ctx, id, n.Name)
	if err != nil || found.Holder != "" {
		return found.Holder, err
	}
	return m.othersGroup(id, found.Group), nil
}

// othersGroup says why the node stays that an event named, and whose instance the event did not tell. A node that tells no
// instance never got so far as to tell it: there is no group to ask for.
func (m *mop) othersGroup(id, group string) string {
	switch {
	case len(m.in.Groups) == 0 || m.in.RequestedBy != "" || m.subject.Instance != "" || id == "" || m.inGroups(group):
		return ""
	case group == "":
		return "the Auto Scaling group of its instance " + id + " is not known any more, and " + m.in.Environment + " has only some: if it was one of them, epoxy mop --node"
	}
	return "its instance " + id + " is of the Auto Scaling group " + group + ", which is not one of " + m.in.Environment + "'s"
}

func (m *mop) findRecords(ctx workflow.Context, found *left) error {
	if len(m.in.Zones) == 0 || len(m.facts.Addresses)+len(m.facts.Names) == 0 {
		return nil
	}
	var dns *activities.DNS
	var out activities.FindRecordsOutput
	err := workflow.ExecuteActivity(m.queued(ctx, "Ask Route 53"), dns.FindRecords, activities.FindRecordsInput{
		Zones: m.in.Zones, Facts: m.facts, Rules: m.in.Rules, Live: m.in.Live,
	}).Get(ctx, &out)
	if err != nil {
		return err
	}
	found.kept = append(found.kept, out.Kept...)
	for _, r := range out.Records {
		found.records[r.Zone] = append(found.records[r.Zone], r)
	}
	return nil
}

// permit waits for the breaker.
func (m *mop) permit(ctx workflow.Context, found left) (activities.Permit, error) {
	m.begin(ctx, stepMop, "Asking the breaker of "+m.in.Environment)
	went := map[string]bool{}
	for _, d := range m.out.Deleted {
		if kind, _ := thing(d.What); kind == "node" && d.Outcome == activities.DeletedDone {
			went[d.What] = true
		}
	}
	nodes := 0
	for _, node := range found.nodes {
		if !node.ClientOnly && !went["chef/"+node.Server+"/nodes/"+node.Name] { // one that registered again is counted
			nodes++
		}
	}
	if len(went) == 0 {
		nodes = max(nodes, 1)
	}
	var breaker *activities.Breaker
	var out activities.Permit
	err := workflow.ExecuteActivity(m.patient(ctx, "Ask the breaker of "+m.in.Environment), breaker.TakePermit, activities.TakePermitInput{
		Ledger: m.in.Ledger, Environment: m.in.Environment, Limit: m.in.Breaker, Servers: m.in.Servers,
		Key: m.RunID, Who: m.subject.Key(), Nodes: nodes, Went: len(went), Poll: permitPoll, Asker: breakerAsker(m.in.MopSettings),
	}).Get(ctx, &out)
	return out, err
}

// delete deletes the records first, and the nodes when that went well: without its node nobody knows an instance's addresses,
// neither a later look nor the next run. What fails is told, and keeps nothing else from going.
func (m *mop) delete(ctx workflow.Context, found left, by string) {
	act := activities.MopAct{
		Store: m.in.Store, Ledger: m.in.Ledger, Subject: m.subject, Environment: m.in.Environment,
		Reason: m.subject.String() + ": " + m.stateInWords(), Again: m.again, Approver: by, WorkflowID: m.WorkflowID, RunID: m.RunID,
	}
	ctx = detached(ctx) // what is begun is finished and told
	m.deleteRecords(ctx, act, found)
	if len(m.trouble) > 0 {
		for _, node := range found.nodes {
			m.trouble = append(m.trouble, nodeName(node)+": it stays until its records are gone: it alone knows its addresses")
		}
		return
	}
	m.deleteNodes(ctx, act, found)
}

func (m *mop) deleteRecords(ctx workflow.Context, act activities.MopAct, found left) {
	wg := workflow.NewWaitGroup(ctx)
	for _, zone := range m.in.Zones {
		if len(found.records[zone.ID]) == 0 {
			continue
		}
		wg.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer wg.Done()
			var dns *activities.DNS
			var out activities.DeleteRecordsOutput
			err := workflow.ExecuteActivity(m.queued(ctx, "Delete records of "+zone.Name), dns.DeleteRecords, activities.DeleteRecordsInput{
				MopAct: act, Zone: zone, Records: found.records[zone.ID], Facts: m.facts, Live: m.in.Live,
			}).Get(ctx, &out)
			m.count("records of "+zone.Name, err, out.Records...)
		})
	}
	wg.Wait(ctx)
}

func (m *mop) deleteNodes(ctx workflow.Context, act activities.MopAct, found left) {
	wg := workflow.NewWaitGroup(ctx)
	for _, node := range found.nodes {
		wg.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer wg.Done()
			var chef *activities.Chef
			var out activities.DeleteNodeOutput
			err := workflow.ExecuteActivity(m.queued(ctx, "Delete "+nodeName(node)), chef.DeleteNode, activities.DeleteNodeInput{MopAct: act, Node: node, Died: m.instance.Died}).Get(ctx, &out)
			m.count(nodeName(node), err, out.Node, out.Client)
		})
	}
	wg.Wait(ctx)
}

func (m *mop) count(what string, err error, all ...activities.Deleted) {
	if err != nil {
		m.trouble = append(m.trouble, what+": "+reasonOf(err))
		return
	}
	for _, d := range all {
		switch d.Outcome {
		case activities.DeletedDone, activities.DeletedGone:
			m.out.Deleted, m.now = append(m.out.Deleted, d), append(m.now, d)
		case activities.DeletedKept:
			m.keep([]policy.KeptThing{{What: d.What, Why: d.Detail}})
		case activities.DeletedFailed:
			m.trouble = append(m.trouble, d.What+": "+d.Detail)
		}
	}
}

// keep remembers what stays, once each.
func (m *mop) keep(all []policy.KeptThing) {
	for _, k := range all {
		if len(m.out.Kept) < linesKept && !slices.Contains(m.out.Kept, k) {
			m.out.Kept = append(m.out.Kept, k)
		}
	}
}

func nodeName(n policy.ChefNode) string {
	if n.ClientOnly {
		return "client " + n.Name + " on " + n.Server
	}
	return "node " + n.Name + " on " + n.Server
}
