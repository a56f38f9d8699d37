package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"epoxy/internal/config"
	"epoxy/workflows"
)

const images = "epoxy-nightly-images"

func TestSchedulesAreAppliedOnce(t *testing.T) {
	w := newScheduleWorld(t)
	want := `+ nightly-images (epoxy-nightly-images): create; prune_images shop, 0 3 * * 1-5
+ sweep-prod (epoxy-sweep-prod): create; sweep prod, every 6h, 30m later
+ task-definitions (epoxy-task-definitions): create; prune_task_definitions shop, 0 0 * * 0
`
	if got := w.printed(w.plan()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := w.apply(false); !cmp.Equal(got, []string{"create epoxy-nightly-images", "create epoxy-sweep-prod", "create epoxy-task-definitions"}) {
		t.Error(got)
	}
	if got := w.apply(false); len(got) > 0 {
		t.Errorf("the second time it did %v", got)
	}
	if got := w.printed(w.plan()); got != "nothing differs: 3 schedules are as epoxy.yaml says\n" {
		t.Error(got)
	}
	w.edit("    jitter: 10m #", "    jitter: 20m #")
	w.edit("      min_age: 30d # since push", "      min_age: 60d # since push")
	w.edit("  sweep-prod:\n    sweep: prod\n    every: 6h # instead of cron\n    offset: 30m # at 00:30, 06:30 … UTC\n", "")
	want = `~ nightly-images (epoxy-nightly-images)
    jitter: wanted 20m, found 10m
    input.input.rules.min_age: wanted 60d, found 30d
- sweep-prod (epoxy-sweep-prod): delete; epoxy.yaml no longer has it
`
	if got := w.printed(w.plan()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := w.apply(false); !cmp.Equal(got, []string{"update epoxy-nightly-images", "delete epoxy-sweep-prod"}) {
		t.Error(got)
	}
	if got := w.apply(false); len(got) > 0 {
		t.Errorf("the second time it did %v", got)
	}
}

// Whatever somebody edits in the Temporal UI shows up, and goes with the next apply.
func TestSchedulesEditedByHand(t *testing.T) {
	action := func(d *client.ScheduleDescription) *client.ScheduleWorkflowAction {
		return d.Schedule.Action.(*client.ScheduleWorkflowAction)
	}
	for name, c := range map[string]struct {
		edit func(d *client.ScheduleDescription)
		want difference
	}{
		"hour": {func(d *client.ScheduleDescription) {
			d.Schedule.Spec.Calendars[0].Hour = []client.ScheduleRange{{Start: 4}}
		}, difference{Field: "when", Wanted: "0 3 * * 1-5", Found: "0 4 * * 1-5"}},
		"second time": {func(d *client.ScheduleDescription) {
			d.Schedule.Spec.Intervals = []client.ScheduleIntervalSpec{{Every: time.Hour}}
		}, difference{Field: "when", Wanted: "0 3 * * 1-5", Found: "0 3 * * 1-5 and every 1h"}},
		"end":       {func(d *client.ScheduleDescription) { d.Schedule.Spec.EndAt = time.Unix(0, 0) }, difference{Field: "when", Wanted: "0 3 * * 1-5", Found: "0 3 * * 1-5 until 1970-01-01T00:00:00Z"}},
		"no times":  {func(d *client.ScheduleDescription) { d.Schedule.Spec.Calendars = nil }, difference{Field: "when", Wanted: "0 3 * * 1-5", Found: "never"}},
		"time zone": {func(d *client.ScheduleDescription) { d.Schedule.Spec.TimeZoneName = "" }, difference{Field: "time zone", Wanted: "Europe/Zurich", Found: "UTC"}},
		"jitter":    {func(d *client.ScheduleDescription) { d.Schedule.Spec.Jitter = 0 }, difference{Field: "jitter", Wanted: "10m", Found: "0s"}},
		"overlap": {func(d *client.ScheduleDescription) {
			d.Schedule.Policy.Overlap = enumspb.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL
		}, difference{Field: "overlap", Wanted: "skip", Found: "AllowAll"}},
		"catch up":         {func(d *client.ScheduleDescription) { d.Schedule.Policy.CatchupWindow = 365 * 24 * time.Hour }, difference{Field: "catch up", Wanted: "6h", Found: "365d"}},
		"pause on failure": {func(d *client.ScheduleDescription) { d.Schedule.Policy.PauseOnFailure = false }, difference{Field: "pause on failure", Wanted: "true", Found: "false"}},
		"note":             {func(d *client.ScheduleDescription) { d.Schedule.State.Note = "Unpaused via UI" }, difference{Field: "note", Wanted: "nothing", Found: "Unpaused via UI"}},
		"runs left": {func(d *client.ScheduleDescription) {
			d.Schedule.State.LimitedActions, d.Schedule.State.RemainingActions = true, 3
		}, difference{Field: "runs left", Wanted: "nothing", Found: "3"}},
		"workflow":   {func(d *client.ScheduleDescription) { action(d).Workflow = "PruneImages" }, difference{Field: "workflow type", Wanted: "Scheduled", Found: "PruneImages"}},
		"id":         {func(d *client.ScheduleDescription) { action(d).ID = "x" }, difference{Field: "workflow id", Wanted: "scheduled/nightly-images", Found: "x"}},
		"task queue": {func(d *client.ScheduleDescription) { action(d).TaskQueue = "x" }, difference{Field: "task queue", Wanted: "epoxy", Found: "x"}},
		"timeout":    {func(d *client.ScheduleDescription) { action(d).WorkflowRunTimeout = 0 }, difference{Field: "run timeout", Wanted: "193h", Found: "nothing"}},
		"summary":    {func(d *client.ScheduleDescription) { action(d).StaticSummary = "" }, difference{Field: "summary", Wanted: "Schedule nightly-images: Prune images shop", Found: "nothing"}},
		"target": {func(d *client.ScheduleDescription) {
			action(d).TypedSearchAttributes = targetAttributes("x", "123456789012", "us-east-1")
		}, difference{Field: "search attribute Target", Wanted: "shop", Found: "x"}},
		"input": {func(d *client.ScheduleDescription) {
			p := action(d).Args[0].(*commonpb.Payload)
			p.Data = []byte(strings.Replace(string(p.GetData()), `"max_percent":50`, `"max_percent":100`, 1))
		}, difference{Field: "input.input.caps.max_percent", Wanted: "50", Found: "100"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newScheduleWorld(t)
			w.apply(false)
			c.edit(w.server.all[images])
			changes := w.plan()
			if len(changes) != 1 || changes[0].ID != images || !cmp.Equal(changes[0].Differences, []difference{c.want}) {
				t.Fatalf("got %+v", changes)
			}
			if got := w.apply(false); !cmp.Equal(got, []string{"update " + images}) {
				t.Error(got)
			}
			if left := w.plan(); len(left) > 0 {
				t.Errorf("apply left %+v", left)
			}
		})
	}
}

// An input that somebody replaced differs in everything: that much is not printed.
func TestSchedulesWithAnotherInput(t *testing.T) {
	w := newScheduleWorld(t)
	w.apply(false)
	action := w.server.all[images].Schedule.Action.(*client.ScheduleWorkflowAction)
	action.Args = []any{&commonpb.Payload{Data: []byte("no JSON")}}
	out := w.printed(w.plan())
	if lines := strings.Count(out, "\n"); lines != maxShown+2 || !strings.Contains(out, "input: wanted nothing, found 7 bytes that are no JSON") || !strings.Contains(out, "more; --output json has all") {
		t.Errorf("%d lines:\n%s", lines, out)
	}
	action.Args = nil
	if out := w.printed(w.plan()); !strings.Contains(out, "input.id: wanted prune-images/shop, found nothing") {
		t.Error(out)
	}
}

// Whoever paused a schedule by hand had a reason, and apply does not know it.
func TestSchedulesPausedByHand(t *testing.T) {
	w := newScheduleWorld(t)
	w.apply(false)
	state := func() *client.ScheduleState { return w.server.all[images].Schedule.State }
	state().Paused, state().Note = true, "disk is full, ann"
	want := `= nightly-images (epoxy-nightly-images)
    paused: wanted false, found true, not by epoxy.yaml: disk is full, ann
      apply keeps it paused; epoxy schedules apply --unpause lets it go on
`
	if got := w.printed(w.plan()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := w.apply(false); len(got) > 0 {
		t.Errorf("apply did %v", got)
	}
	// Another change comes through, and the pause stays with its note.
	w.edit("    jitter: 10m #", "    jitter: 20m #")
	if got := w.apply(false); !cmp.Equal(got, []string{"update " + images}) {
		t.Error(got)
	}
	if s := state(); !s.Paused || s.Note != "disk is full, ann" || w.server.all[images].Schedule.Spec.Jitter != 20*time.Minute {
		t.Errorf("%+v", s)
	}
	if got := w.apply(false); len(got) > 0 {
		t.Errorf("the second time it did %v", got)
	}
	if got := w.apply(true); !cmp.Equal(got, []string{"update " + images}) || state().Paused || state().Note != "" {
		t.Errorf("--unpause did %v: %+v", got, state())
	}
}

// What the configuration paused, it lets go on, too; unless somebody has paused it for a reason of their own since.
func TestSchedulesPausedByTheConfiguration(t *testing.T) {
	const id = "epoxy-task-definitions"
	w := newScheduleWorld(t)
	w.apply(false)
	state := func() *client.ScheduleState { return w.server.all[id].Schedule.State }
	if !state().Paused || state().Note != "waits for the migration" {
		t.Fatalf("%+v", state())
	}
	w.edit("    paused: true\n    note: waits for the migration\n", "")
	if got := w.apply(false); !cmp.Equal(got, []string{"update " + id}) || state().Paused || state().Note != "" {
		t.Errorf("%v: %+v", got, state())
	}
	w.edit("    cron: \"@weekly\"\n", "    cron: \"@weekly\"\n    paused: true\n")
	w.apply(false)
	state().Note = "bob: not before I am back"
	w.edit("    cron: \"@weekly\"\n    paused: true\n", "    cron: \"@weekly\"\n")
	if got := w.apply(false); len(got) > 0 || !state().Paused {
		t.Errorf("%v: %+v", got, state())
	}
	// Unpaused by hand, although the configuration wants it paused: it is paused again.
	w.edit("    cron: \"@weekly\"\n", "    cron: \"@weekly\"\n    paused: true\n    note: x\n")
	w.apply(false)
	state().Paused = false
	if got := w.apply(false); !cmp.Equal(got, []string{"update " + id}) || !state().Paused || state().Note != "x" {
		t.Errorf("%v: %+v", got, state())
	}
}

// A schedule with a name of ours that somebody made by hand stops everything; any other is left alone.
func TestSchedulesOfOthers(t *testing.T) {
	w := newScheduleWorld(t)
	create := func(id string, memo map[string]any) {
		s := w.planner().wanted[0].options()
		s.ID, s.Memo = id, memo
		if _, err := w.server.Create(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	create("nightly", nil)
	create("epoxy-of-another-team", map[string]any{workflows.ScheduleMemo: workflows.ScheduleMark{Name: "of-another-team", TaskQueue: "theirs"}})
	create("epoxy-by-hand", map[string]any{workflows.ScheduleMemo: "x"})
	if got := w.apply(false); !cmp.Equal(got, []string{"create epoxy-nightly-images", "create epoxy-sweep-prod", "create epoxy-task-definitions"}) {
		t.Error(got)
	}
	for memo, want := range map[any]string{
		nil: "is not ours", workflows.ScheduleMark{Name: "nightly-images", TaskQueue: "theirs"}: "belongs to an Epoxy with task queue theirs",
		workflows.ScheduleMark{Name: "nightly-images", TaskQueue: "epoxy", Of: "table 1/x/y"}: "belongs to another configuration (table 1/x/y; this one has table 123456789012/us-east-1/epoxy-ledger)",
	} {
		w.server.all[images].Memo = nil
		if memo != nil {
			w.server.all[images].Memo = &commonpb.Memo{Fields: payloads(map[string]any{workflows.ScheduleMemo: memo})}
		}
		w.server.changes = nil
		_, _, err := w.planner().plan(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), images) || len(w.server.changes) > 0 {
			t.Errorf("got %v, want %q; it did %v", err, want, w.server.changes)
		}
	}
}

// A schedule starts what the command starts, but for who asked.
func TestSchedulesStartWhatPeopleStart(t *testing.T) {
	cfg := newScheduleWorld(t).config()
	for _, s := range cfg.Schedules() {
		in, err := scheduledInput(cfg, s)
		if err != nil {
			t.Fatal(err)
		}
		again, err := scheduledInput(cfg, s)
		if diff := cmp.Diff(in, again); diff != "" || err != nil {
			t.Errorf("%s differs from one look to the next: %s%v", s.Name, diff, err)
		}
		var person any
		switch s.Job {
		case config.SchedulePruneImages:
			run, err := pruneImages(cfg, s.Target, byPerson(false))
			person = anonymous(t, run.input)
			if err != nil || in.ID != run.id || in.Type != run.kind || in.Timeout != run.set.Timeout+backstop {
				t.Errorf("%+v, %v; a person starts %s %s", in, err, run.kind, run.id)
			}
		case config.SchedulePruneTaskDefinitions:
			run, _ := pruneTaskDefinitions(cfg, s.Target, byPerson(false))
			person = anonymous(t, run.input)
		default:
			sweep, _ := sweepInput(cfg, s.Target, requester())
			person = anonymous(t, sweep)
		}
		if diff := cmp.Diff(person, anonymous(t, in.Input)); diff != "" {
			t.Errorf("%s: %s", s.Name, diff)
		}
	}
}

// anonymous is an input without who asked for it.
func anonymous(t *testing.T, input any) map[string]any {
	t.Helper()
	text, err := json.Marshal(input)
	var out map[string]any
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil || out["requested_by"] == "" {
		t.Fatalf("%v: %s", err, text)
	}
	delete(out, "requested_by")
	delete(out, "request")
	return out
}

// A server that never shows a change is said, not waited for without end.
func TestSchedulesThatDoNotSettle(t *testing.T) {
	w := newScheduleWorld(t)
	p := w.planner()
	ctx, cancel := context.WithTimeout(t.Context(), 10*settlePoll)
	defer cancel()
	err := p.settle(ctx, scheduleChange{ID: images, Change: changeCreate, wanted: p.wanted[0]})
	if err == nil || !strings.Contains(err.Error(), "Temporal does not show the change") {
		t.Error(err)
	}
}
