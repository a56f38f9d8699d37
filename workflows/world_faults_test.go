package workflows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// fault is what goes wrong with an activity.
type fault struct {
	attempts int  // how many of the first attempts it strikes; 0: all
	done     bool // the call is carried out all the same: only its answer is lost
	err      error
}

var errWire = errors.New("the wire is cut")

// fails is passing trouble; loses, answers that do not come back; refuses, a definite no. silent is what the workflow sees
// when the bound of all attempts is over.
func fails(attempts int) fault { return fault{attempts: attempts, err: errWire} }

func loses(attempts int) fault {
	return fault{attempts: attempts, done: true, err: temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_START_TO_CLOSE, nil)}
}

func refuses(kind string) fault {
	return fault{err: activities.Refuse(kind, "no: %s", kind)}
}

func silent(done bool) fault {
	return fault{done: done, err: temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE, errWire)}
}

// call is one attempt of an activity: hooks and faults first, then what it does. One attempt has the world for itself.
func call[T any](ctx context.Context, w *world, place activities.Place, do func() (T, error)) (T, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := activity.GetInfo(ctx).ActivityType.Name
	if place.Region != "" {
		w.calls[name+"@"+place.Region]++
	}
	w.calls[name]++
	for _, key := range []string{name, name + "@" + place.Region} {
		if hook := w.hooks[key]; hook != nil {
			delete(w.hooks, key)
			hook()
		}
	}
	var none T
	f, count := w.faults[name], w.calls[name]
	if own, ok := w.faults[name+"@"+place.Region]; ok {
		f, count = own, w.calls[name+"@"+place.Region]
	}
	strikes := f.err != nil && (f.attempts == 0 || count <= f.attempts)
	if strikes {
		w.struck++
	}
	if strikes && !f.done {
		return none, f.err
	}
	out, err := do()
	if strikes {
		return none, f.err
	}
	return out, err
}

// cancelAt cancels the bake while this activity's first attempt is under way; the attempt is carried out.
func (w *world) cancelAt(name string) { w.hooks[name] = w.env.CancelWorkflow }

func (w *world) now() time.Time { return w.env.Now() }

func (w *world) latest() int64 { return w.versions[len(w.versions)-1].Version }

func (w *world) imageOf(number int64) string {
	for _, v := range w.versions {
		if v.Version == number {
			return v.image
		}
	}
	return ""
}

func (w *world) allRefreshes() []policy.Refresh {
	var all []policy.Refresh
	for _, r := range w.refreshes {
		all = append(all, r.Refresh)
	}
	slices.Reverse(all) // newest first, as AWS lists them
	return all
}

func (w *world) startRefresh() {
	n := len(w.refreshes)
	r := &refresh{Refresh: policy.Refresh{ID: fmt.Sprintf("refresh-%d", n+1), Status: "InProgress", Started: w.now()}, image: w.launches(), end: "Successful"}
	if n < len(w.endings) {
		r.end = w.endings[n]
	}
	w.refreshes = append(w.refreshes, r)
}

// goOn lets every refresh that runs come nearer to its end.
func (w *world) goOn() {
	for _, r := range w.refreshes {
		if policy.RefreshPhaseOf(r.Status) != policy.RefreshRunning {
			continue
		}
		if r.looks++; r.looks < 3 {
			continue
		}
		switch r.Status = r.end; r.end {
		case "Successful":
			w.instances = r.image
		case "Failed":
			w.instances, r.Reason = "a mixture", "instances were unhealthy"
		}
	}
}
