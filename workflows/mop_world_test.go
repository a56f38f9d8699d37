package workflows

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"epoxy/activities"
	"epoxy/internal/policy"
)

const deadID = "i-0123456789abcdef0"

// mopWorld is everything that a mop touches, in memory.
type mopWorld struct {
	*testing.T

	env *testsuite.TestWorkflowEnvironment
	rec *recorder
	in  MopInput

	mu      sync.Mutex
	states  map[string]policy.Instance // by id, name or address; absent: gone
	nodes   []policy.ChefNode
	clients []string
	records []policy.OwnRecord
	failing map[string]error
	faults  map[string]fault
	hooks   map[string]func() // activity → run before its first attempt
	calls   map[string]int
	struck  int

	elsewhere bool     // the instances are in the environment's other Region
	forbidden bool     // Chef lets nodes go, and no clients
	refused   []string // clients that it did not let go

	deleted []string
	lines   []activities.MopLine
	permits []activities.TakePermitInput
	beats   int
	let     []string // hooks that were completed
}

func newMopWorld(t *testing.T) *mopWorld {
	t.Helper()
	place := activities.Place{Account: owner, Region: home}
	subject := policy.Subject{Account: owner, Region: home, Instance: deadID}
	w := &mopWorld{
		T: t, rec: &recorder{}, states: map[string]policy.Instance{}, failing: map[string]error{}, faults: map[string]fault{},
		hooks: map[string]func(){}, calls: map[string]int{},
		nodes:   []policy.ChefNode{{Server: "prod", Name: "web-1", Instance: deadID, Addresses: []string{"10.0.0.5"}, FQDN: "web-1.example.com"}},
		clients: []string{"web-1", "web-2"},
		records: []policy.OwnRecord{{
			RecordSet: policy.RecordSet{Zone: "Z1", Name: "web-1.example.com.", Type: "A", Values: []string{"10.0.0.5"}, Exact: "a"}, Drop: []string{"10.0.0.5"},
		}},
	}
	w.in = MopInput{
		Place: place, Subject: subject,
		MopSettings: MopSettings{
			Environment: "prod", Live: []activities.Place{place, place.In("eu-west-1")}, Servers: []string{"prod"},
			Zones:    []activities.Zone{{Place: place, ID: "Z1", Name: "example.com."}},
			Rules:    policy.MopRules{NodeNames: []string{"{name}"}},
			Patience: 5 * time.Minute, FailedWait: time.Hour, Later: []time.Duration{15 * time.Minute, 2 * time.Hour},
			Breaker: activities.BreakerLimit{Nodes: 20, Window: time.Hour}, Timeout: 7 * 24 * time.Hour,
			Store: activities.Store{Place: place, Bucket: "artifacts"}, Ledger: activities.LedgerTable{Place: place, Table: "ledger"},
			Telling: Telling{Channel: "#mop", UI: "https://temporal.example"},
		},
	}
	w.env = newEnvironment(t, w.rec)
	RegisterWorkflows(w.env)
	w.env.RegisterActivity(&mopFakes{w})
	w.env.SetStartWorkflowOptions(startAs(MopWorkflowID(subject)))
	return w
}

// announce sends an event after a while.
func (w *mopWorld) announce(after time.Duration, kind string, change ...func(*policy.Announcement)) {
	a := policy.Announcement{Kind: kind, Subject: w.in.Subject}
	for _, c := range change {
		c(&a)
	}
	w.env.RegisterDelayedCallback(func() { w.env.SignalWorkflow(AnnouncedSignal, a) }, after)
}

func withHook(a *policy.Announcement) {
	a.Hook = &policy.LifecycleHook{Name: "epoxy", Group: "web", Token: "11111111-2222-3333-4444-555555555555"}
}

func (w *mopWorld) mop() (MopResult, error) {
	w.Helper()
	w.env.ExecuteWorkflow(MopType, w.in)
	if !w.env.IsWorkflowCompleted() {
		w.Fatal("the mop did not end")
	}
	var out MopResult
	if err := w.env.GetWorkflowError(); err != nil {
		return out, err
	}
	if err := w.env.GetWorkflowResult(&out); err != nil {
		w.Fatal(err)
	}
	return out, nil
}

// mopFakes are the activities; their names are the registered ones.
type mopFakes struct{ w *mopWorld }

// mopPlay is one attempt: hooks and faults first.
func mopPlay[T any](ctx context.Context, w *mopWorld, do func() (T, error)) (T, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := activity.GetInfo(ctx).ActivityType.Name
	w.calls[name]++
	if hook := w.hooks[name]; hook != nil {
		delete(w.hooks, name)
		hook()
	}
	var none T
	if err := w.failing[name]; err != nil {
		return none, err
	}
	f := w.faults[name]
	if f.err == nil || w.calls[name] > f.attempts {
		return do()
	}
	w.struck++
	if f.done {
		_, _ = do()
	}
	return none, f.err
}

func (w *mopWorld) once(what string) {
	if !slices.Contains(w.deleted, what) {
		w.deleted = append(w.deleted, what)
	}
}

func (f *mopFakes) FindInstance(ctx context.Context, in activities.FindInstanceInput) (policy.Instance, error) {
	return mopPlay(ctx, f.w, func() (policy.Instance, error) {
		i, there := f.w.states[in.ID+in.Name+in.Address]
		if !there || f.w.elsewhere {
			i = policy.Instance{ID: in.ID, State: policy.InstanceGone}
		}
		switch policy.PhaseOfInstance(i) {
		case policy.Dead, policy.Doomed:
			return i, nil
		}
		if activity.GetInfo(ctx).Attempt < 5 && in.Until.After(begun.Add(time.Second)) {
			return i, activities.NotReady(in.Poll, "%s is %s", in.ID, i.State)
		}
		return i, activities.Refuse(activities.ErrAlive, "%s is %s", orElse(in.ID, in.Name), i.State)
	})
}

func (f *mopFakes) FindLiving(ctx context.Context, in activities.FindLivingInput) (activities.FindLivingOutput, error) {
	return mopPlay(ctx, f.w, func() (out activities.FindLivingOutput, err error) {
		for _, key := range []string{in.ID, in.Name} {
			i, there := f.w.states[key]
			if key != "" && there && i.ID != in.Except && policy.PhaseOfInstance(i) != policy.Dead || key == deadID && f.w.elsewhere {
				out.Holder = key + " is " + i.State
			}
			if key == in.ID {
				out.Group = i.Group
			}
		}
		return out, nil
	})
}

func (f *mopFakes) FindNodes(ctx context.Context, in activities.FindNodesInput) (activities.FindNodesOutput, error) {
	return mopPlay(ctx, f.w, func() (out activities.FindNodesOutput, err error) {
		for _, n := range f.w.nodes {
			same := in.Subject.Instance != "" && n.Instance == in.Subject.Instance || n.Name == in.Subject.Node
			if same {
				out.Nodes = append(out.Nodes, n)
			}
		}
		for _, c := range f.w.clients {
			if slices.Contains(f.w.refused, c) {
				out.Nodes = append(out.Nodes, policy.ChefNode{Server: "prod", Name: c, ClientOnly: true, Refused: true})
			} else if slices.Contains(append(in.Names, in.Subject.Node), c) && !slices.ContainsFunc(f.w.nodes, func(n policy.ChefNode) bool { return n.Name == c }) {
				out.Nodes = append(out.Nodes, policy.ChefNode{Server: "prod", Name: c, ClientOnly: true})
			}
		}
		return out, nil
	})
}

func (f *mopFakes) DeleteNode(ctx context.Context, in activities.DeleteNodeInput) (activities.DeleteNodeOutput, error) {
	return mopPlay(ctx, f.w, func() (out activities.DeleteNodeOutput, err error) {
		f.w.nodes = slices.DeleteFunc(f.w.nodes, func(n policy.ChefNode) bool { return n.Name == in.Node.Name })
		if !in.Node.ClientOnly {
			f.w.once("node " + in.Node.Name)
			out.Node = activities.Deleted{What: "chef/prod/nodes/" + in.Node.Name, Outcome: activities.DeletedDone}
		}
		if f.w.forbidden {
			f.w.refused = append(f.w.refused, in.Node.Name)
			out.Client = activities.Deleted{What: "chef/prod/clients/" + in.Node.Name, Outcome: activities.DeletedFailed, Detail: "Chef refused: 403"}
			return out, nil
		}
		f.w.clients = slices.DeleteFunc(f.w.clients, func(c string) bool { return c == in.Node.Name })
		f.w.once("client " + in.Node.Name)
		out.Client = activities.Deleted{What: "chef/prod/clients/" + in.Node.Name, Outcome: activities.DeletedDone}
		return out, nil
	})
}

func (f *mopFakes) FindRecords(ctx context.Context, in activities.FindRecordsInput) (activities.FindRecordsOutput, error) {
	return mopPlay(ctx, f.w, func() (out activities.FindRecordsOutput, err error) {
		for _, r := range f.w.records {
			if slices.Contains(in.Facts.Addresses, r.Drop[0]) {
				out.Records = append(out.Records, r)
			}
		}
		return out, nil
	})
}

func (f *mopFakes) DeleteRecords(ctx context.Context, in activities.DeleteRecordsInput) (activities.DeleteRecordsOutput, error) {
	return mopPlay(ctx, f.w, func() (out activities.DeleteRecordsOutput, err error) {
		for _, r := range in.Records {
			f.w.records = slices.DeleteFunc(f.w.records, func(o policy.OwnRecord) bool { return o.Exact == r.Exact })
			f.w.once(r.Type + " " + r.Name)
			out.Records = append(out.Records, activities.Deleted{What: "route53/" + r.Zone + "/" + r.Name + "/" + r.Type, Outcome: activities.DeletedDone})
		}
		return out, nil
	})
}

func (f *mopFakes) TakePermit(ctx context.Context, in activities.TakePermitInput) (activities.Permit, error) {
	return mopPlay(ctx, f.w, func() (activities.Permit, error) {
		f.w.permits = append(f.w.permits, in)
		return activities.Permit{By: "the breaker"}, nil
	})
}

func (f *mopFakes) Tell(ctx context.Context, in activities.TellInput) error {
	_, err := mopPlay(ctx, f.w, func() (bool, error) {
		if !slices.ContainsFunc(f.w.lines, func(l activities.MopLine) bool { return l.Key == in.Line.Key }) {
			f.w.lines = append(f.w.lines, in.Line)
		}
		return true, nil
	})
	return err
}

func (f *mopFakes) HeartbeatHook(ctx context.Context, _ activities.LifecycleInput) (activities.LifecycleOutput, error) {
	return mopPlay(ctx, f.w, func() (activities.LifecycleOutput, error) {
		f.w.beats++
		return activities.LifecycleOutput{Heartbeat: 2 * time.Minute}, nil
	})
}

func (f *mopFakes) CompleteHook(ctx context.Context, in activities.LifecycleInput) (activities.LifecycleOutput, error) {
	return mopPlay(ctx, f.w, func() (activities.LifecycleOutput, error) {
		f.w.let = append(f.w.let, in.Hook.Name)
		delete(f.w.states, in.Instance) // and EC2 ends it
		return activities.LifecycleOutput{Ended: true}, nil
	})
}

func (w *mopWorld) left() string {
	names := make([]string, 0, len(w.nodes)+len(w.clients)+len(w.records))
	for _, n := range w.nodes {
		names = append(names, "node "+n.Name)
	}
	for _, c := range w.clients {
		names = append(names, "client "+c)
	}
	for _, r := range w.records {
		names = append(names, r.Type+" "+r.Name)
	}
	return fmt.Sprint(names)
}
