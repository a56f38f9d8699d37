package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"epoxy/internal/config"
)

// fakeSchedules are Temporal's schedules, in memory. As the server does, it gives payloads back for values.
type fakeSchedules struct {
	client.ScheduleClient

	all     map[string]*client.ScheduleDescription
	stale   map[string]*client.ScheduleDescription // shown once more after a change, as the server may
	changes []string                               // what was asked of it
}

func newFakeSchedules() *fakeSchedules {
	return &fakeSchedules{all: map[string]*client.ScheduleDescription{}, stale: map[string]*client.ScheduleDescription{}}
}

func payloads(values map[string]any) map[string]*commonpb.Payload {
	out := map[string]*commonpb.Payload{}
	for k, v := range values {
		out[k] = payload(v)
	}
	return out
}

func payload(v any) *commonpb.Payload {
	p, err := converter.GetDefaultDataConverter().ToPayload(v)
	if err != nil {
		panic(err)
	}
	return p
}

// asShown is a schedule as the server gives it back.
func asShown(s client.Schedule) client.Schedule {
	action := *s.Action.(*client.ScheduleWorkflowAction)
	args, memo := make([]any, 0, len(action.Args)), map[string]any{}
	for _, arg := range action.Args {
		args = append(args, payload(arg))
	}
	for k, v := range payloads(action.Memo) {
		memo[k] = v
	}
	action.Args, action.Memo = args, memo
	spec, policy, state := *s.Spec, *s.Policy, *s.State
	return client.Schedule{Action: &action, Spec: &spec, Policy: &policy, State: &state}
}

func (f *fakeSchedules) Create(_ context.Context, o client.ScheduleOptions) (client.ScheduleHandle, error) {
	f.changes = append(f.changes, "create "+o.ID)
	if o.TriggerImmediately || len(o.ScheduleBackfill) > 0 {
		panic("a run would start at once")
	}
	f.all[o.ID] = &client.ScheduleDescription{Memo: &commonpb.Memo{Fields: payloads(o.Memo)}, Schedule: asShown(client.Schedule{
		Action: o.Action, Spec: &o.Spec, Policy: &client.SchedulePolicies{Overlap: o.Overlap, CatchupWindow: o.CatchupWindow, PauseOnFailure: o.PauseOnFailure},
		State: &client.ScheduleState{Paused: o.Paused, Note: o.Note},
	})}
	return f.GetHandle(context.Background(), o.ID), nil
}

func (f *fakeSchedules) GetHandle(_ context.Context, id string) client.ScheduleHandle {
	return &fakeHandle{f: f, id: id}
}

func (f *fakeSchedules) List(context.Context, client.ScheduleListOptions) (client.ScheduleListIterator, error) {
	out := &fakeIterator{}
	for _, id := range slices.Sorted(func(yield func(string) bool) {
		for id := range f.all {
			if !yield(id) {
				return
			}
		}
	}) {
		out.entries = append(out.entries, &client.ScheduleListEntry{ID: id, Memo: f.all[id].Memo})
	}
	out.entries = append(out.entries, &client.ScheduleListEntry{ID: "deleted-just-now", Memo: &commonpb.Memo{}})
	return out, nil
}

type fakeIterator struct{ entries []*client.ScheduleListEntry }

func (i *fakeIterator) HasNext() bool { return len(i.entries) > 0 }

func (i *fakeIterator) Next() (*client.ScheduleListEntry, error) {
	e := i.entries[0]
	i.entries = i.entries[1:]
	return e, nil
}

type fakeHandle struct {
	client.ScheduleHandle

	f  *fakeSchedules
	id string
}

func (h *fakeHandle) Describe(context.Context) (*client.ScheduleDescription, error) {
	if d, ok := h.f.stale[h.id]; ok {
		delete(h.f.stale, h.id)
		return d, nil
	}
	d, ok := h.f.all[h.id]
	if !ok {
		return nil, serviceerror.NewNotFound("no schedule " + h.id)
	}
	return d, nil
}

func (h *fakeHandle) Update(_ context.Context, o client.ScheduleUpdateOptions) error {
	h.f.changes = append(h.f.changes, "update "+h.id)
	d := h.f.all[h.id]
	u, err := o.DoUpdate(client.ScheduleUpdateInput{Description: *d})
	if err != nil {
		return err
	}
	h.f.stale[h.id] = d
	h.f.all[h.id] = &client.ScheduleDescription{Memo: d.Memo, Schedule: asShown(*u.Schedule)}
	return nil
}

func (h *fakeHandle) Delete(context.Context) error {
	h.f.changes = append(h.f.changes, "delete "+h.id)
	delete(h.f.all, h.id)
	return nil
}

// scheduleWorld is a configuration and Temporal's schedules.
type scheduleWorld struct {
	*testing.T

	server *fakeSchedules
	text   string // of epoxy.yaml
	queue  string
}

func newScheduleWorld(t *testing.T) *scheduleWorld {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "epoxy.example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return &scheduleWorld{T: t, server: newFakeSchedules(), text: string(text), queue: "epoxy"}
}

func (w *scheduleWorld) edit(old, to string) {
	w.Helper()
	if strings.Count(w.text, old) != 1 {
		w.Fatalf("%q is not in the example once", old)
	}
	w.text = strings.Replace(w.text, old, to, 1)
}

func (w *scheduleWorld) config() *config.Config {
	w.Helper()
	path := filepath.Join(w.TempDir(), "epoxy.yaml")
	if err := os.WriteFile(path, []byte(w.text), 0o600); err != nil {
		w.Fatal(err)
	}
	cfg, err := config.Load(path, func(string) string { return "" })
	if err != nil {
		w.Fatal(err)
	}
	return cfg
}

func (w *scheduleWorld) planner() planner {
	w.Helper()
	cfg := w.config()
	want, err := wantedSchedules(cfg, w.queue)
	if err != nil {
		w.Fatal(err)
	}
	return planner{client: w.server, queue: w.queue, of: identity(cfg), wanted: want}
}

func (w *scheduleWorld) plan() []scheduleChange {
	w.Helper()
	changes, _, err := w.planner().plan(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return changes
}

// apply applies everything and returns what was asked of the server.
func (w *scheduleWorld) apply(unpause bool) []string {
	w.Helper()
	w.server.changes = nil
	p := w.planner()
	changes, _, err := p.plan(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	for _, change := range changes {
		if err := p.apply(w.Context(), change, unpause); err != nil {
			w.Fatal(err)
		}
	}
	return w.server.changes
}

// printed is what people read of the changes.
func (w *scheduleWorld) printed(changes []scheduleChange) string {
	w.Helper()
	var out bytes.Buffer
	a := &app{out: &out, output: outputText}
	if err := a.printChanges(changes, 3, nil); err != nil {
		w.Fatal(err)
	}
	return out.String()
}
