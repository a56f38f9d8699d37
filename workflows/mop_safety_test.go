package workflows

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// Without its node nobody knows an instance's addresses: it stays until the records are gone, and the next look has both.
func TestMopDeletesRecordsBeforeTheirNode(t *testing.T) {
	w := newMopWorld(t)
	w.failing["DeleteRecords"] = activities.Refuse(activities.ErrForbidden, "epoxy may not change Z1")
	w.announce(0, policy.AnnouncedTerminated)
	w.env.RegisterDelayedCallback(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.left() != "[node web-1 client web-1 client web-2 A web-1.example.com.]" {
			t.Errorf("after the first look there is left %s", w.left())
		}
		delete(w.failing, "DeleteRecords")
	}, 5*time.Minute)
	out, err := w.mop()
	if err != nil || out.Outcome != activities.OutcomeDone || w.left() != "[client web-2]" {
		t.Errorf("%+v, %v, left %s", out, err, w.left())
	}
	if len(w.lines) != 2 || w.lines[0].Outcome != activities.OutcomePartial || w.lines[1].Outcome != activities.OutcomeDone || !strings.Contains(w.lines[0].Text, "Nothing was deleted") {
		t.Errorf("%+v", w.lines)
	}
}

// What EC2 told while a hook held the instance is remembered when it is gone.
func TestMopRemembersAddresses(t *testing.T) {
	w := newMopWorld(t)
	w.nodes = nil
	w.states[deadID] = policy.Instance{ID: deadID, State: "running", Lifecycle: "Terminating:Wait", Addresses: []string{"10.0.0.5"}}
	w.failing["DeleteRecords"] = activities.Refuse(activities.ErrForbidden, "not yet")
	w.env.RegisterDelayedCallback(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.failing, "DeleteRecords")
	}, 5*time.Minute)
	w.announce(0, policy.AnnouncedTerminating, withHook)
	if _, err := w.mop(); err != nil || strings.Contains(w.left(), "A web-1") {
		t.Errorf("%v, left %s", err, w.left())
	}
}

// An announcement proves nothing: no record goes by it, and no client that nothing else vouches for.
func TestMopOfAMereAnnouncement(t *testing.T) {
	w := newMopWorld(t)
	w.in.Subject = policy.Subject{Account: owner, Region: home, Node: "web-2", Address: "10.0.0.5"}
	w.env.SetStartWorkflowOptions(startAs(MopWorkflowID(w.in.Subject)))
	w.nodes = nil
	before := w.left()
	w.announce(0, policy.AnnouncedFailed)
	out, err := w.mop()
	if err != nil || w.left() != before || len(out.Kept) == 0 {
		t.Errorf("%+v, %v, left %s", out, err, w.left())
	}
}

// A person who names a client means it.
func TestMopOfAClientByHand(t *testing.T) {
	w := newMopWorld(t)
	w.in.Subject = policy.Subject{Account: owner, Region: home, Node: "web-2"}
	w.in.RequestedBy = "ada@laptop"
	w.env.SetStartWorkflowOptions(startAs(MopWorkflowID(w.in.Subject)))
	w.announce(0, policy.AnnouncedByPerson)
	if _, err := w.mop(); err != nil || strings.Contains(w.left(), "client web-2") {
		t.Errorf("%v, left %s", err, w.left())
	}
}

// The new instance of a name has not run chef-client yet: the node still says that it is the old one.
func TestMopReusedName(t *testing.T) {
	w := newMopWorld(t)
	w.states["web-1"] = policy.Instance{ID: "i-0aaaaaaaaaaaaaaaa", State: "running"}
	w.announce(0, policy.AnnouncedTerminated)
	out, err := w.mop()
	if err != nil || strings.Contains(fmt.Sprint(w.deleted), "web-1 ") || len(out.Kept) == 0 || !strings.Contains(w.left(), "node web-1") {
		t.Errorf("%+v, %v, left %s", out, err, w.left())
	}
}

// A wait for people may take days: whoever took the name meanwhile keeps it.
func TestMopLooksAgainAfterTheBreaker(t *testing.T) {
	w := newMopWorld(t)
	w.faults["TakePermit"] = fault{err: activities.NotReady(time.Minute, "the breaker has tripped"), attempts: 5}
	w.env.RegisterDelayedCallback(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.states["web-1"] = policy.Instance{ID: "i-0aaaaaaaaaaaaaaaa", State: "running"}
	}, 2*time.Minute)
	w.announce(0, policy.AnnouncedTerminated)
	if _, err := w.mop(); err != nil || !strings.Contains(w.left(), "node web-1") {
		t.Errorf("%v, left %s", err, w.left())
	}
}

func TestMopGroups(t *testing.T) {
	announcedIn := func(group string) func(*policy.Announcement) { return func(a *policy.Announcement) { a.Group = group } }
	for _, c := range []struct {
		state, group, announced string
		err                     string
		deleted                 bool
	}{
		{state: "terminated", group: "web-1", deleted: true},
		{state: "terminated", group: "db"},
		{state: "gone", err: errNoGroup},
		{state: "gone", announced: "web-7", deleted: true},
		{state: "gone", announced: "db"},
	} {
		w := newMopWorld(t)
		w.in.Groups = []string{"web-*"}
		w.states[deadID] = policy.Instance{ID: deadID, State: c.state, Group: c.group}
		w.announce(0, policy.AnnouncedTerminated, announcedIn(c.announced))
		_, err := w.mop()
		if (len(w.deleted) > 0) != c.deleted || c.err == "" && err != nil || c.err != "" && !isType(err, c.err) {
			t.Errorf("%+v: %v, deleted %v", c, err, w.deleted)
		}
	}
}

func TestMopDryRunHoldsNoHook(t *testing.T) {
	w := newMopWorld(t)
	w.in.DryRun = true
	w.env.SetStartWorkflowOptions(startAs(MopRunID(w.in)))
	w.states[deadID] = policy.Instance{ID: deadID, State: "running", Lifecycle: "Terminating:Wait"}
	w.announce(0, policy.AnnouncedTerminating, withHook)
	out, err := w.mop()
	if err != nil || w.beats+len(w.let)+len(w.deleted) > 0 || out.Outcome != activities.OutcomeDone {
		t.Errorf("%+v, %v, %d heartbeats, let go %v", out, err, w.beats, w.let)
	}
	if len(w.lines) != 1 || !strings.Contains(w.lines[0].Text, "would go: node web-1") {
		t.Errorf("%+v", w.lines)
	}
}

// The right to send heartbeats may be missing: the instance is let go all the same, and what fails is told.
func TestMopHookTrouble(t *testing.T) {
	for _, name := range []string{"HeartbeatHook", "CompleteHook"} {
		w := newMopWorld(t)
		w.states[deadID] = policy.Instance{ID: deadID, State: "running", Lifecycle: "Terminating:Wait"}
		w.failing[name] = activities.Refuse(activities.ErrForbidden, "epoxy may not do that")
		w.announce(0, policy.AnnouncedTerminating, withHook)
		w.env.RegisterDelayedCallback(func() { w.mu.Lock(); defer w.mu.Unlock(); delete(w.states, deadID) }, time.Minute)
		_, err := w.mop()
		switch {
		case name == "HeartbeatHook" && (err != nil || len(w.let) != 1):
			t.Errorf("%s: %v, let go %v", name, err, w.let)
		case name == "CompleteHook" && (!isType(err, errNotAll) || !strings.Contains(fmt.Sprint(w.lines), "epoxy may not do that")):
			t.Errorf("%s: %v, told %+v", name, err, w.lines)
		}
	}
}

// An event that says more than the others, while the last line is told, is not lost.
func TestMopLooksAgainForWhatIsAnnouncedLate(t *testing.T) {
	w := newMopWorld(t)
	w.in.Later = nil
	w.nodes[0].Instance = ""
	w.hooks["Tell"] = func() {
		a := policy.Announcement{Kind: policy.AnnouncedFailed, Subject: w.in.Subject}
		a.Subject.Node = "web-1"
		w.env.SignalWorkflow(AnnouncedSignal, a)
	}
	w.announce(0, policy.AnnouncedTerminated)
	if _, err := w.mop(); err != nil || strings.Contains(w.left(), "node web-1") {
		t.Errorf("%v, left %s", err, w.left())
	}
}

// A person's run looks once; when an event joins it, the later looks come, too.
func TestMopOnce(t *testing.T) {
	for _, joined := range []bool{false, true} {
		w := newMopWorld(t)
		w.in.Once, w.in.RequestedBy = true, "ada@laptop"
		w.announce(0, policy.AnnouncedByPerson)
		want := 1
		if joined {
			w.announce(0, policy.AnnouncedTerminated)
			want = 3
		}
		if _, err := w.mop(); err != nil || w.calls["FindNodes"] != want {
			t.Errorf("joined %v: %v, %d looks", joined, err, w.calls["FindNodes"])
		}
	}
}
