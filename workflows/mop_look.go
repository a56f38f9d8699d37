package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// left is what one look found.
type left struct {
	nodes   []policy.ChefNode
	records map[string][]policy.OwnRecord // by zone id
	facts   map[string]policy.Facts       // by zone id: for the second look
	kept    []policy.KeptThing
}

// look finds what the dead instance left and deletes it.
func (m *mop) look(ctx workflow.Context, n int) error {
	if n == 0 {
		m.begin(ctx, stepMop, "Looking for what "+m.subject.String()+" left")
	}
	found, err := m.find(ctx)
	if err != nil {
		return err
	}
	m.keep(found.kept)
	things := found.things()
	if m.in.DryRun {
		m.Lists = append(list("Would go", things, len(things)), m.keptList()...)
		return nil
	}
	if len(things) > 0 {
		permit, err := m.permit(ctx, n, found)
		if err != nil {
			return err
		}
		m.begin(ctx, stepMop, "Deleting "+strings.Join(things, ", "))
		m.delete(ctx, found, permit.By)
	}
	m.Lists = slices.Concat(m.deletedList(), m.keptList())
	m.end(ctx, m.deletedInWords())
	if len(things) > 0 || n == 0 && len(found.kept) > 0 {
		outcome := activities.OutcomeDone
		if len(m.trouble) > 0 {
			outcome = activities.OutcomePartial
		}
		m.tellLine(ctx, outcome, m.deletedInWords())
	}
	return nil
}

func (m *mop) find(ctx workflow.Context) (left, error) {
	found := left{records: map[string][]policy.OwnRecord{}, facts: map[string]policy.Facts{}}
	nodes, err := m.findNodes(ctx, &found)
	if err != nil {
		return found, err
	}
	about := nodes
	if len(about) == 0 {
		about = []policy.ChefNode{{}} // what was announced may suffice for its records
	}
	for _, n := range about {
		if err := m.findRecords(ctx, policy.FactsOf(m.subject, m.instance, n), &found); err != nil {
			return found, err
		}
	}
	found.nodes = nodes
	return found, nil
}

// findNodes asks Chef. A name alone proves little: where no instance id vouches for it, no live instance may have it.
func (m *mop) findNodes(ctx workflow.Context, found *left) ([]policy.ChefNode, error) {
	if len(m.in.Servers) == 0 {
		return nil, nil
	}
	var chef *activities.Chef
	var out activities.FindNodesOutput
	err := workflow.ExecuteActivity(m.patient(ctx, "Ask Chef"), chef.FindNodes, activities.FindNodesInput{
		Servers: m.in.Servers, Subject: m.subject, Names: policy.NodeNames(m.in.Rules, m.subject, m.instance), Died: m.instance.Died, Skip: m.seen,
	}).Get(ctx, &out)
	if err != nil {
		return nil, err
	}
	found.kept = append(found.kept, out.Kept...)
	var own []policy.ChefNode
	for _, n := range out.Nodes {
		if m.subject.Instance == "" || n.Instance != m.subject.Instance {
			free, why, err := m.nobody(ctx, n.Instance, n.Name)
			if err != nil {
				return nil, err
			}
			if !free {
				found.kept = append(found.kept, policy.KeptThing{What: nodeName(n), Why: why})
				continue
			}
		}
		own = append(own, n)
	}
	return own, nil
}

func (m *mop) findRecords(ctx workflow.Context, facts policy.Facts, found *left) error {
	if len(m.in.Zones) == 0 || len(facts.Addresses)+len(facts.Names) == 0 {
		return nil
	}
	var dns *activities.DNS
	var out activities.FindRecordsOutput
	err := workflow.ExecuteActivity(m.patient(ctx, "Ask Route 53"), dns.FindRecords, activities.FindRecordsInput{
		Zones: m.in.Zones, Facts: facts, Rules: m.in.Rules, Live: m.in.Live,
	}).Get(ctx, &out)
	if err != nil {
		return err
	}
	found.kept = append(found.kept, out.Kept...)
	for _, r := range out.Records {
		if !slices.ContainsFunc(found.records[r.Zone], func(o policy.OwnRecord) bool { return o.Exact == r.Exact }) {
			found.records[r.Zone] = append(found.records[r.Zone], r)
			found.facts[r.Zone] = policy.MergeFacts(found.facts[r.Zone], facts)
		}
	}
	return nil
}

// permit waits for the breaker.
func (m *mop) permit(ctx workflow.Context, n int, found left) (activities.Permit, error) {
	m.begin(ctx, stepMop, "Asking the breaker of "+m.in.Environment)
	nodes := 0
	for _, node := range found.nodes {
		if !node.ClientOnly {
			nodes++
		}
	}
	var breaker *activities.Breaker
	var out activities.Permit
	err := workflow.ExecuteActivity(m.patient(ctx, "Ask the breaker of "+m.in.Environment), breaker.TakePermit, activities.TakePermitInput{
		Ledger: m.in.Ledger, Environment: m.in.Environment, Limit: m.in.Breaker, Servers: m.in.Servers,
		Key: fmt.Sprintf("%s#%d", m.subject.Key(), n), Nodes: max(nodes, 1), Poll: permitPoll, Asker: breakerAsker(m.in.MopSettings),
	}).Get(ctx, &out)
	return out, err
}

// delete deletes side by side; what fails is told, and keeps nothing else from going.
func (m *mop) delete(ctx workflow.Context, found left, by string) {
	act := activities.MopAct{
		Store: m.in.Store, Ledger: m.in.Ledger, Subject: m.subject, Environment: m.in.Environment,
		Reason: m.subject.String() + ": " + m.stateInWords(), Approver: by, WorkflowID: m.WorkflowID, RunID: m.RunID,
	}
	ctx = detached(ctx) // what is begun is finished and told
	wg := workflow.NewWaitGroup(ctx)
	for _, node := range found.nodes {
		wg.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer wg.Done()
			var chef *activities.Chef
			var out activities.DeleteNodeOutput
			err := workflow.ExecuteActivity(m.patient(ctx, "Delete "+nodeName(node)), chef.DeleteNode, activities.DeleteNodeInput{MopAct: act, Node: node, Died: m.instance.Died}).Get(ctx, &out)
			m.count(nodeName(node), err, out.Node, out.Client)
			if err == nil {
				m.seen = append(m.seen, node)
			}
		})
	}
	for _, zone := range m.in.Zones {
		if len(found.records[zone.ID]) == 0 {
			continue
		}
		wg.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer wg.Done()
			var dns *activities.DNS
			var out activities.DeleteRecordsOutput
			err := workflow.ExecuteActivity(m.patient(ctx, "Delete records of "+zone.Name), dns.DeleteRecords, activities.DeleteRecordsInput{
				MopAct: act, Zone: zone, Records: found.records[zone.ID], Facts: found.facts[zone.ID], Live: m.in.Live,
			}).Get(ctx, &out)
			m.count("records of "+zone.Name, err, out.Records...)
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
		switch {
		case d.What == "":
		case d.Outcome == activities.DeletedFailed:
			m.keep([]policy.KeptThing{{What: d.What, Why: d.Detail}})
		default:
			m.out.Deleted = append(m.out.Deleted, d)
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
