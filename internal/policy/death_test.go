package policy

import "testing"

func TestPhaseOfInstance(t *testing.T) {
	for _, c := range []struct {
		state, lifecycle string
		reused           bool
		want             string
	}{
		{state: "gone", want: Dead},
		{state: "terminated", want: Dead},
		{state: "terminated", lifecycle: "Terminated", reused: true, want: Dead},
		{state: "shutting-down", want: Dying},
		{state: "running", want: Alive},
		{state: "pending", want: Alive},
		{state: "stopping", want: Alive},
		{state: "stopped", want: Alive},
		{state: "", want: Alive},
		{state: "hibernated-on-mars", want: Alive},
		{state: "running", lifecycle: "InService", want: Alive},
		{state: "running", lifecycle: "Terminating", want: Alive}, // no hook holds it: what is meant to happen, has not begun
		{state: "running", lifecycle: "Terminating:Wait", want: Doomed},
		{state: "running", lifecycle: "Terminating:Proceed", want: Doomed},
		{state: "running", lifecycle: "Terminating:Wait", reused: true, want: Alive},
		{state: "stopped", lifecycle: "Warmed:Terminating:Wait", want: Doomed},
		{state: "running", lifecycle: "Terminating:Retained", want: Alive},
		{state: "stopped", lifecycle: "Warmed:Stopped", want: Alive},
		{state: "running", lifecycle: "Warmed:Pending:Wait", want: Alive},
		{state: "running", lifecycle: "Standby", want: Alive},
		{state: "running", lifecycle: "Detaching", want: Alive},
	} {
		if got := PhaseOfInstance(Instance{State: c.state, Lifecycle: c.lifecycle, Reused: c.reused}); got != c.want {
			t.Errorf("%s, %s, reused %v: %s, want %s", c.state, c.lifecycle, c.reused, got, c.want)
		}
	}
}
