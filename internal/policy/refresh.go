package policy

import (
	"slices"
	"time"
)

// RefreshPhase is what a rollout does about an instance refresh's status.
type RefreshPhase int

// The phases of an instance refresh.
const (
	RefreshRunning RefreshPhase = iota
	RefreshDone
	RefreshEnded // over, and not well
)

// RefreshPhaseOf maps a status to a phase; a status unknown to us means running: the deadline decides.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_InstanceRefresh.html (Status)
func RefreshPhaseOf(status string) RefreshPhase {
	switch status {
	case "Successful":
		return RefreshDone
	case "Failed", "Cancelled", "RollbackSuccessful", "RollbackFailed":
		return RefreshEnded
	default:
		return RefreshRunning
	}
}

// Refresh is one instance refresh of a group.
type Refresh struct {
	ID      string    `json:"id"`
	Status  string    `json:"status"`
	Reason  string    `json:"reason,omitempty"`
	Percent int       `json:"percent"`
	Started time.Time `json:"started,omitzero"` // zero while Pending
}

// OwnRefresh finds the refresh that rolls out what was published at since: StartInstanceRefresh has no client token, so a
// refresh that began after the publishing is ours, whether its start was answered or not. Refreshes named in ignore are
// earlier ones of this run. busy is a refresh that is still running and not ours: only one can run in a group.
func OwnRefresh(all []Refresh, since time.Time, ignore []string) (own, busy *Refresh) {
	since = since.Truncate(time.Second)
	for i := range all {
		r := &all[i]
		running := RefreshPhaseOf(r.Status) == RefreshRunning
		after := !r.Started.Before(since) || r.Started.IsZero() && running
		switch {
		case after && !contains(ignore, r.ID):
			own = newer(r, own)
		case running:
			busy = newer(r, busy)
		}
	}
	return own, busy
}

// newer is the refresh that began later; one without a start is still to begin.
func newer(a, b *Refresh) *Refresh {
	switch {
	case b == nil:
		return a
	case a.Started.IsZero() != b.Started.IsZero():
		if a.Started.IsZero() {
			return a
		}
		return b
	case a.Started.After(b.Started) || a.Started.Equal(b.Started) && a.ID > b.ID:
		return a
	}
	return b
}

func contains(all []string, s string) bool {
	return slices.Contains(all, s)
}
