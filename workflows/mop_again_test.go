package workflows

import (
	"errors"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// Chef lets the node go and not its client. The run does not end well while that is so, and looks for it until it is.
func TestMopOfAClientThatChefKeeps(t *testing.T) {
	for _, mended := range []bool{false, true} {
		w := newMopWorld(t)
		w.in.Rules.NodeNames = nil
		w.forbidden = true
		w.announce(0, policy.AnnouncedTerminated)
		w.env.RegisterDelayedCallback(func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.forbidden = !mended
		}, 5*time.Minute)
		_, err := w.mop()
		if mended && (err != nil || w.left() != "[client web-2]") || !mended && !isType(err, errNotAll) {
			t.Errorf("rights mended %t: %v, left %s", mended, err, w.left())
		}
		if len(w.permits) < 2 || w.permits[1].Nodes != 0 || w.permits[1].Went != 1 {
			t.Errorf("one node went, and permits count %+v", w.permits)
		}
	}
}

// A person asked for the instance, and an event that joins names a pipeline's client.
func TestMopOfAPersonThatAnEventJoins(t *testing.T) {
	w := newMopWorld(t)
	w.in.RequestedBy, w.in.Once, w.in.Rules.NodeNames = "ada@laptop", true, nil
	w.clients = []string{"web-1", "pipeline"}
	w.announce(0, policy.AnnouncedByPerson)
	w.announce(0, policy.AnnouncedTerminated)
	w.announce(10*time.Minute, policy.AnnouncedFailed, func(a *policy.Announcement) { a.Subject.Node = "pipeline" })
	if out, err := w.mop(); w.left() != "[client pipeline]" || len(out.Kept) == 0 {
		t.Errorf("%v, left %s, kept %+v", err, w.left(), out.Kept)
	}
}

// What a run takes from its queue while it tells how it failed is looked into by that run: its message is gone.
func TestMopHearsWhileItTells(t *testing.T) {
	died := func(w *mopWorld, group string) {
		w.env.SignalWorkflow(AnnouncedSignal, policy.Announcement{Kind: policy.AnnouncedTerminated, ID: "2", Group: group, Subject: w.in.Subject})
	}
	for about, stage := range map[string]func(*mopWorld){
		"the group": func(w *mopWorld) {
			w.in.Groups = []string{"web-*"}
			w.hooks["Tell"] = func() { died(w, "web-7") }
			w.announce(0, policy.AnnouncedTerminated)
		},
		"that it died while EC2 was asked": func(w *mopWorld) {
			w.states[deadID] = policy.Instance{ID: deadID, State: "running"}
			w.in.RequestedBy, w.in.Once = "ada@laptop", true
			w.hooks["FindInstance"] = func() {
				died(w, "")
				w.env.RegisterDelayedCallback(func() { delete(w.states, deadID) }, 100*time.Millisecond)
			}
			w.announce(0, policy.AnnouncedByPerson)
		},
		"that Chef lets clients go by now": func(w *mopWorld) {
			w.in.Later, w.forbidden = nil, true
			w.hooks["Tell"] = func() { w.forbidden = false; died(w, "") }
			w.announce(0, policy.AnnouncedTerminated)
		},
		"that it is dead by now": func(w *mopWorld) {
			w.states[deadID] = policy.Instance{ID: deadID, State: "running"}
			w.in.RequestedBy, w.in.Once = "ada@laptop", true
			w.hooks["Tell"] = func() { delete(w.states, deadID); died(w, "") }
			w.announce(0, policy.AnnouncedByPerson)
		},
	} {
		w := newMopWorld(t)
		stage(w)
		if out, err := w.mop(); err != nil || w.left() != "[client web-2]" {
			t.Errorf("%s: %v, left %s, %+v", about, err, w.left(), out)
		}
		if last := w.lines[len(w.lines)-1]; last.Outcome != activities.OutcomeDone {
			t.Errorf("%s: the last word is %+v", about, last)
		}
	}
}

// Of the dead EC2 loses the tags first: who is in no group may have been in one, and the event that tells it begins anew.
func TestMopWithoutAGroupDoesNotComplete(t *testing.T) {
	w := newMopWorld(t)
	w.in.Groups = []string{"web-*"}
	w.states[deadID] = policy.Instance{ID: deadID, State: "terminated"}
	w.announce(0, policy.AnnouncedTerminated)
	if _, err := w.mop(); !temporal.IsCanceledError(err) || len(w.deleted)+len(w.lines) > 0 || w.rec.outcome != activities.OutcomeCancelled {
		t.Errorf("%v, deleted %v, told %+v, outcome %s", err, w.deleted, w.lines, w.rec.outcome)
	}
}

// An event that names a node tells no group: its instance does.
func TestMopGroupsOfAnnouncedNames(t *testing.T) {
	for group, gone := range map[string]bool{"web-1": true, "db": false, "": false} {
		w := newMopWorld(t)
		w.in.Groups = []string{"web-*"}
		w.in.Subject = policy.Subject{Account: owner, Region: home, Node: "web-1"}
		w.env.SetStartWorkflowOptions(startAs(MopWorkflowID(w.in.Subject)))
		w.states[deadID] = policy.Instance{ID: deadID, State: "terminated", Group: group}
		w.announce(0, policy.AnnouncedFailed)
		if out, err := w.mop(); err != nil || (len(w.deleted) > 0) != gone || gone == (len(out.Kept) > 0) {
			t.Errorf("group %q: %v, deleted %v, kept %+v", group, err, w.deleted, out.Kept)
		}
	}
}

// A hook that comes while the last line is told is let go all the same.
func TestMopLetsALateHookGo(t *testing.T) {
	w := newMopWorld(t)
	w.in.Later = nil
	w.nodes, w.clients, w.records = nil, nil, nil
	w.faults["CompleteHook"] = fault{err: errors.New("Auto Scaling does not answer"), attempts: 2}
	w.hooks["Tell"] = func() {
		a := policy.Announcement{Kind: policy.AnnouncedTerminating, ID: "2", Subject: w.in.Subject}
		withHook(&a)
		w.env.SignalWorkflow(AnnouncedSignal, a)
	}
	w.announce(0, policy.AnnouncedTerminated)
	if _, err := w.mop(); err != nil || len(w.let) != 1 {
		t.Errorf("%v, let go %v", err, w.let)
	}
}

// So is one that comes while a failure is told, and not before the next round has looked.
func TestMopHoldsAHookOfTheNextRound(t *testing.T) {
	w := newMopWorld(t)
	w.states[deadID] = policy.Instance{ID: deadID, State: "running"}
	w.in.RequestedBy, w.in.Once = "ada@laptop", true
	w.hooks["Tell"] = func() {
		w.states[deadID] = policy.Instance{ID: deadID, State: "running", Lifecycle: "Terminating:Wait"}
		a := policy.Announcement{Kind: policy.AnnouncedTerminating, ID: "2", Subject: w.in.Subject}
		withHook(&a)
		w.env.SignalWorkflow(AnnouncedSignal, a)
	}
	before := -1
	w.hooks["FindNodes"] = func() { before = len(w.let) }
	w.announce(0, policy.AnnouncedByPerson)
	if _, _ = w.mop(); before != 0 || len(w.let) != 1 {
		t.Errorf("let go %d times before the look, and %d in all", before, len(w.let))
	}
}

// A person who joins does not wait for the next look, and gets what somebody had put back.
func TestMopThatAPersonJoins(t *testing.T) {
	w := newMopWorld(t)
	w.announce(0, policy.AnnouncedTerminated)
	w.announce(30*time.Minute, policy.AnnouncedByPerson)
	looks := 0
	w.env.RegisterDelayedCallback(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		looks = w.calls["FindNodes"]
	}, 31*time.Minute)
	if _, err := w.mop(); err != nil || looks != 3 {
		t.Errorf("%v after %d looks", err, looks)
	}
}
