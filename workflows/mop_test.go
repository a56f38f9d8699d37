package workflows

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"epoxy/activities"
	"epoxy/internal/policy"
)

func TestMopDeletesWhatIsItsOwn(t *testing.T) {
	w := newMopWorld(t)
	w.announce(0, policy.AnnouncedTerminated)
	out, err := w.mop()
	if err != nil || out.Outcome != activities.OutcomeDone || len(out.Deleted) != 3 {
		t.Fatalf("%+v, %v", out, err)
	}
	if got := w.left(); got != "[client web-2]" {
		t.Errorf("left: %s", got)
	}
	if len(w.permits) != 1 || w.permits[0].Nodes != 1 || w.permits[0].Key != "default-test-run-id" || w.permits[0].Who != w.in.Subject.Key() {
		t.Errorf("permits: %+v", w.permits)
	}
	if len(w.lines) != 1 || w.lines[0].Text != "client web-1, node web-1, 1 record set deleted" && w.lines[0].Text != "node web-1, client web-1, 1 record set deleted" {
		t.Errorf("lines: %+v", w.lines)
	}
	if w.calls["FindNodes"] != 3 {
		t.Errorf("%d looks, want one and two later", w.calls["FindNodes"])
	}
}

// However often an event comes, and however late, it costs no call.
func TestMopDuplicateEvents(t *testing.T) {
	w := newMopWorld(t)
	for i := range 5 {
		w.announce(time.Duration(i)*25*time.Minute, policy.AnnouncedTerminated)
	}
	if _, err := w.mop(); err != nil {
		t.Fatal(err)
	}
	if w.calls["FindInstance"] != 1 || w.calls["FindLiving"] != 2 || w.calls["FindNodes"] != 3 || w.calls["DeleteNode"] != 1 || len(w.lines) != 1 {
		t.Errorf("calls %v, %d lines", w.calls, len(w.lines))
	}
}

func TestMopOfALiveInstance(t *testing.T) {
	w := newMopWorld(t)
	w.states[deadID] = policy.Instance{ID: deadID, State: "running"}
	w.announce(0, policy.AnnouncedTerminated)
	_, err := w.mop()
	if !isType(err, activities.ErrAlive) || len(w.deleted) > 0 || w.calls["FindNodes"] > 0 {
		t.Fatalf("%v; deleted %v", err, w.deleted)
	}
	if w.calls["FindInstance"] != 5 { // EC2 may show an old state for a while
		t.Errorf("looked %d times", w.calls["FindInstance"])
	}
	if len(w.lines) != 1 || !strings.Contains(w.lines[0].Text, "running") || w.rec.outcome != activities.OutcomeFailed {
		t.Errorf("%+v, %s", w.lines, w.rec.outcome)
	}
}

func TestMopAskedByAPersonIsNotPatient(t *testing.T) {
	w := newMopWorld(t)
	w.states[deadID] = policy.Instance{ID: deadID, State: "stopped"}
	w.in.RequestedBy = "ada@laptop"
	w.announce(0, policy.AnnouncedByPerson)
	if _, err := w.mop(); !isType(err, activities.ErrAlive) || w.calls["FindInstance"] != 1 {
		t.Errorf("%v after %d looks", err, w.calls["FindInstance"])
	}
}

// While an instance waits in its lifecycle hook it runs. It is mopped, held meanwhile, and then let go.
func TestMopFinishesTheLifecycleHook(t *testing.T) {
	w := newMopWorld(t)
	w.states[deadID] = policy.Instance{ID: deadID, State: "running", Lifecycle: "Terminating:Wait"}
	w.announce(0, policy.AnnouncedTerminating, withHook)
	w.announce(time.Second, policy.AnnouncedTerminating, withHook)
	w.announce(10*time.Minute, policy.AnnouncedTerminated)
	out, err := w.mop()
	if err != nil || out.Outcome != activities.OutcomeDone {
		t.Fatalf("%+v, %v", out, err)
	}
	if fmt.Sprint(w.let) != "[epoxy]" || w.beats == 0 || w.left() != "[client web-2]" {
		t.Errorf("let go %v after %d heartbeats; left %s", w.let, w.beats, w.left())
	}
	if w.calls["FindInstance"] != 2 {
		t.Errorf("%d looks at the instance: whether it did end is to be seen later", w.calls["FindInstance"])
	}
}

// Chef is down for a day: the hook is kept alive, and the mop ends well.
func TestMopWaitsForChef(t *testing.T) {
	w := newMopWorld(t)
	w.states[deadID] = policy.Instance{ID: deadID, State: "running", Lifecycle: "Terminating:Wait"}
	w.faults["FindNodes"] = fault{err: fmt.Errorf("Chef does not answer"), attempts: 9} // the test suite gives up after ten
	w.announce(0, policy.AnnouncedTerminating, withHook)
	out, err := w.mop()
	if err != nil || out.Outcome != activities.OutcomeDone || w.left() != "[client web-2]" {
		t.Fatalf("%+v, %v, left %s", out, err, w.left())
	}
	if w.beats < 3 {
		t.Errorf("%d heartbeats while Chef was down", w.beats)
	}
}

func TestMopGivesUpAfterItsTimeout(t *testing.T) {
	w := newMopWorld(t)
	w.in.Timeout = time.Hour
	w.failing["FindNodes"] = fmt.Errorf("Chef does not answer")
	w.announce(0, policy.AnnouncedTerminating, withHook)
	w.states[deadID] = policy.Instance{ID: deadID, State: "running", Lifecycle: "Terminating:Wait"}
	_, err := w.mop()
	if err == nil || w.rec.outcome != activities.OutcomeFailed || len(w.let) != 1 || len(w.lines) != 1 {
		t.Errorf("%v, outcome %s, let go %v, lines %+v", err, w.rec.outcome, w.let, w.lines)
	}
}

// Chef's index lags, and chef-client may register once more while its instance dies.
func TestMopLateRegistration(t *testing.T) {
	w := newMopWorld(t)
	late := w.nodes[0]
	w.nodes, w.clients, w.records = nil, nil, nil
	w.announce(0, policy.AnnouncedTerminated)
	w.env.RegisterDelayedCallback(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.nodes, w.clients = append(w.nodes, late), append(w.clients, late.Name)
	}, 30*time.Minute)
	out, err := w.mop()
	if err != nil || w.left() != "[]" || len(out.Deleted) != 2 {
		t.Fatalf("%+v, %v, left %s", out, err, w.left())
	}
	if len(w.permits) != 1 || w.permits[0].Nodes != 1 || len(w.lines) != 1 {
		t.Errorf("permits %+v, lines %+v", w.permits, w.lines)
	}
}

func TestMopTwoNodesOfOneInstance(t *testing.T) {
	w := newMopWorld(t)
	w.nodes = append(w.nodes, policy.ChefNode{Server: "prod", Name: "web-1b", Instance: deadID, Addresses: []string{"10.0.0.5"}})
	w.announce(0, policy.AnnouncedTerminated)
	if _, err := w.mop(); err != nil || w.left() != "[client web-2]" || w.permits[0].Nodes != 2 {
		t.Errorf("%v, left %s, permits %+v", err, w.left(), w.permits)
	}
}

// The node is gone and its client is left: the tag Name says what it was called, unless a live instance has that name by now.
func TestMopClientWithoutANode(t *testing.T) {
	for _, taken := range []bool{false, true} {
		w := newMopWorld(t)
		w.nodes = nil
		w.states[deadID] = policy.Instance{ID: deadID, State: "terminated", Name: "web-1"}
		want := "[client web-2 A web-1.example.com.]" // without a node nobody knows its address
		if taken {
			w.states["web-1"] = policy.Instance{ID: "i-0aaaaaaaaaaaaaaaa", State: "running", Name: "web-1"}
			want = "[client web-1 client web-2 A web-1.example.com.]"
		}
		w.announce(0, policy.AnnouncedTerminated)
		out, err := w.mop()
		if err != nil || w.left() != want || (len(out.Kept) > 0) != taken {
			t.Errorf("taken %v: %+v, %v, left %s", taken, out, err, w.left())
		}
	}
}

// An event that names the wrong Region: absent here is not dead.
func TestMopOfAnInstanceElsewhere(t *testing.T) {
	w := newMopWorld(t)
	w.elsewhere = true
	w.states[deadID] = policy.Instance{ID: deadID, State: "running"}
	w.announce(0, policy.AnnouncedTerminated)
	if _, err := w.mop(); !isType(err, activities.ErrAlive) || len(w.deleted) > 0 {
		t.Errorf("%v, deleted %v", err, w.deleted)
	}
}

// A bootstrap that failed announces a name and an address; its instance runs on until its group ends it.
func TestMopFailedBootstrap(t *testing.T) {
	w := newMopWorld(t)
	w.in.Subject = policy.Subject{Account: owner, Region: home, Node: "web-1", Address: "10.0.0.5"}
	w.env.SetStartWorkflowOptions(startAs(MopWorkflowID(w.in.Subject)))
	w.nodes[0].Instance = ""
	key := "web-110.0.0.5"
	w.states[key] = policy.Instance{ID: deadID, State: "running"}
	w.hooks["FindInstance"] = func() {
		w.hooks["FindInstance"] = func() { w.states[key] = policy.Instance{ID: deadID, State: "terminated"} }
	}
	w.announce(0, policy.AnnouncedFailed)
	out, err := w.mop()
	if err != nil || w.left() != "[client web-2]" || len(out.Deleted) != 3 {
		t.Errorf("%+v, %v, left %s", out, err, w.left())
	}
}

func TestMopNameThatALiveInstanceHas(t *testing.T) {
	w := newMopWorld(t)
	w.in.Subject = policy.Subject{Account: owner, Region: home, Node: "web-1"}
	w.env.SetStartWorkflowOptions(startAs(MopWorkflowID(w.in.Subject)))
	other := "i-0bbbbbbbbbbbbbbbb"
	w.nodes[0].Instance = other
	w.states[other] = policy.Instance{ID: other, State: "running"}
	w.announce(0, policy.AnnouncedByPerson)
	out, err := w.mop()
	if err != nil || len(w.deleted) > 0 && w.deleted[0] != "A web-1.example.com." || len(out.Kept) == 0 {
		t.Errorf("%+v, %v, deleted %v", out, err, w.deleted)
	}
	if !strings.Contains(w.left(), "node web-1") {
		t.Errorf("left %s", w.left())
	}
}

func TestMopOfAnotherTeamsInstance(t *testing.T) {
	w := newMopWorld(t)
	w.in.Groups = []string{"web-*"}
	w.states[deadID] = policy.Instance{ID: deadID, State: "terminated", Group: "db"}
	w.announce(0, policy.AnnouncedTerminated)
	out, err := w.mop()
	if err != nil || len(w.deleted)+len(w.lines)+w.calls["FindNodes"] > 0 || out.Outcome != activities.OutcomeDone {
		t.Errorf("%+v, %v, deleted %v", out, err, w.deleted)
	}
}

func TestMopStoppedByTheBreaker(t *testing.T) {
	w := newMopWorld(t)
	w.failing["TakePermit"] = activities.Refuse(activities.ErrStopped, "stopped by ada")
	w.announce(0, policy.AnnouncedTerminated)
	_, err := w.mop()
	if !isType(err, activities.ErrStopped) || len(w.deleted) > 0 || w.rec.outcome != activities.OutcomeDenied {
		t.Errorf("%v, deleted %v, outcome %s", err, w.deleted, w.rec.outcome)
	}
}

func TestMopTellsWhatItCouldNotDelete(t *testing.T) {
	w := newMopWorld(t)
	w.failing["DeleteNode"] = activities.Refuse(activities.ErrForbidden, "epoxy may not delete nodes on prod")
	w.announce(0, policy.AnnouncedTerminated)
	_, err := w.mop()
	if !isType(err, errNotAll) || w.left() != "[node web-1 client web-1 client web-2]" || w.calls["DeleteNode"] != 3 || w.rec.outcome != activities.OutcomePartial {
		t.Errorf("%v, left %s, outcome %s", err, w.left(), w.rec.outcome)
	}
	if len(w.lines) == 0 || !strings.Contains(w.lines[0].Text, "may not delete") {
		t.Errorf("%+v", w.lines)
	}
}

func TestMopDryRun(t *testing.T) {
	w := newMopWorld(t)
	w.in.DryRun = true
	w.env.SetStartWorkflowOptions(startAs(MopRunID(w.in)))
	w.announce(0, policy.AnnouncedByPerson)
	out, err := w.mop()
	if err != nil || len(w.deleted)+len(w.permits) > 0 || len(w.lines) != 1 || out.Outcome != activities.OutcomeDone {
		t.Errorf("%+v, %v, deleted %v", out, err, w.deleted)
	}
}

func TestMopRefusals(t *testing.T) {
	for name, change := range map[string]func(*mopWorld){
		"another id":      func(w *mopWorld) { w.env.SetStartWorkflowOptions(startAs("mop/x")) },
		"another account": func(w *mopWorld) { w.in.Place.Account = consumer },
		"no breaker":      func(w *mopWorld) { w.in.Breaker.Nodes = 0 },
		"a wildcard":      func(w *mopWorld) { w.in.Subject.Instance = "*" },
		"a path":          func(w *mopWorld) { w.in.Subject = policy.Subject{Account: owner, Region: home, Node: "../clients/x"} },
		"no ledger":       func(w *mopWorld) { w.in.Ledger.Table = "" },
	} {
		w := newMopWorld(t)
		change(w)
		if _, err := w.mop(); !isType(err, activities.ErrInvalid) || w.calls["FindInstance"] > 0 {
			t.Errorf("%s: %v, calls %v", name, err, w.calls)
		}
	}
}

// mopCalls are the activities of a mop.
var mopCalls = []string{"FindInstance", "FindLiving", "FindNodes", "FindRecords", "TakePermit", "DeleteNode", "DeleteRecords", "Tell", "HeartbeatHook", "CompleteHook"}

// For every activity: its first attempt fails, or is done and its answer lost. The end is the same.
func TestMopChaos(t *testing.T) {
	for _, name := range mopCalls {
		for _, done := range []bool{false, true} {
			w := newMopWorld(t)
			w.states[deadID] = policy.Instance{ID: deadID, State: "running", Lifecycle: "Terminating:Wait"}
			w.faults[name] = fault{err: fmt.Errorf("connection reset by peer"), attempts: 2, done: done}
			w.announce(0, policy.AnnouncedTerminating, withHook)
			out, err := w.mop()
			if err != nil || out.Outcome != activities.OutcomeDone || w.left() != "[client web-2]" || len(w.lines) != 1 || w.struck == 0 {
				t.Errorf("%s, done %v: %+v, %v, left %s, lines %+v, struck %d", name, done, out, err, w.left(), w.lines, w.struck)
			}
		}
	}
}
