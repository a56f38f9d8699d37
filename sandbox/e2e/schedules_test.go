//go:build e2e

package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"epoxy/activities"
	"epoxy/sandbox/estate"
	"epoxy/workflows"
)

// schedule is a schedule of this test's policy, under a name that no other test has.
func (w *pruneWorld) schedule(settings string) (name string) {
	w.Helper()
	w.rewrite(func(*estate.PruneConfig) {})
	name = "nightly-" + w.cfg.Policy
	file, err := os.OpenFile(w.config, os.O_APPEND|os.O_WRONLY, 0o600)
	w.must(err)
	_, err = file.WriteString("schedules: { " + name + ": { prune_images: " + w.cfg.Policy + ", cron: \"0 3 * * MON-FRI\", time_zone: Europe/Zurich" + settings + " } }\n")
	w.must(errors.Join(err, file.Close()))
	return name
}

func (w *pruneWorld) handle(name string) client.ScheduleHandle {
	return box.temporal.ScheduleClient().GetHandle(w.ctx, workflows.ScheduleID(name))
}

// schedules runs a command of schedules and checks its exit code and what it says.
func (w *pruneWorld) schedules(code int, command string, says ...string) string {
	w.Helper()
	out, stderr, got := w.epoxy(append([]string{"schedules"}, strings.Fields(command)...)...)
	if got != code {
		w.Fatalf("schedules %s: exit code %d, want %d:\n%s%s", command, got, code, out, stderr)
	}
	for _, s := range says {
		if !strings.Contains(out+stderr, s) {
			w.Errorf("schedules %s does not say %q:\n%s%s", command, s, out, stderr)
		}
	}
	return out
}

const nothingDiffers = "nothing differs: 1 schedule is as epoxy.yaml says"

// What is applied stays; what somebody edits in the UI shows up and goes; a pause by hand stays; what is not ours is left alone.
func TestSchedules(t *testing.T) {
	t.Parallel()
	w := newPruneWorld(t, askApproval, "repositories: [web], "+someRules, "")
	name := w.schedule(", jitter: 5m")
	w.schedules(1, "diff", "+ "+name, "create", "0 3 * * 1-5")
	w.schedules(0, "apply", "created")
	w.schedules(0, "apply", nothingDiffers)
	w.schedules(0, "diff", nothingDiffers)
	before, err := w.handle(name).Describe(w.ctx)
	w.must(err)
	if n := before.Info.NumActions; n != 0 {
		t.Errorf("apply started %d runs", n)
	}

	w.edit(name, func(s *client.Schedule) {
		s.Spec.Calendars[0].Hour = []client.ScheduleRange{{Start: 4}}
		s.Policy.CatchupWindow = 365 * 24 * time.Hour
		s.Action.(*client.ScheduleWorkflowAction).StaticSummary = "mine"
	})
	w.schedules(1, "diff", "when: wanted 0 3 * * 1-5, found 0 4 * * 1-5", "catch up: wanted 6h, found 365d", "summary: wanted Schedule "+name)
	w.schedules(0, "apply", "updated")
	w.schedules(0, "diff", nothingDiffers)

	w.must(w.handle(name).Pause(w.ctx, client.SchedulePauseOptions{Note: "disk is full, ann"}))
	w.until("the pause", func() bool { d, err := w.handle(name).Describe(w.ctx); return err == nil && d.Schedule.State.Paused })
	w.schedule(", jitter: 6m")
	w.schedules(0, "apply", "disk is full, ann", "jitter: wanted 6m, found 5m", "keeps it paused", "updated")
	w.schedules(1, "diff", "disk is full, ann")
	w.schedules(0, "apply --unpause", "goes on")
	w.schedules(0, "diff", nothingDiffers)
	w.listed(name)

	w.rewrite(func(*estate.PruneConfig) {}) // without schedules
	w.until("Temporal's list to have it", func() bool { _, _, code := w.epoxy("schedules", "diff"); return code == 1 })
	w.schedules(0, "apply", "- "+name, "deleted")
	if _, err := w.handle(name).Describe(w.ctx); !isGone(err) {
		t.Errorf("the schedule is still there: %v", err)
	}
	w.foreign()
}

func isGone(err error) bool {
	_, ok := errors.AsType[*serviceerror.NotFound](err)
	return ok
}

// edit is what a person does in the Temporal UI.
func (w *pruneWorld) edit(name string, change func(*client.Schedule)) {
	w.Helper()
	before := w.updated(name)
	w.must(w.handle(name).Update(w.ctx, client.ScheduleUpdateOptions{DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
		change(&in.Description.Schedule)
		return &client.ScheduleUpdate{Schedule: &in.Description.Schedule}, nil
	}}))
	w.until("the edit", func() bool { return w.updated(name).After(before) })
}

func (w *pruneWorld) updated(name string) time.Time {
	w.Helper()
	d, err := w.handle(name).Describe(w.ctx)
	w.must(err)
	return d.Info.LastUpdateAt
}

// listed checks the next runs: three of them, at three in Zurich.
func (w *pruneWorld) listed(name string) {
	w.Helper()
	var rows []struct {
		Name, State string
		Next        []time.Time
	}
	w.must(json.Unmarshal([]byte(w.schedules(0, "list --output json")), &rows))
	if len(rows) != 1 || rows[0].Name != name || rows[0].State != "active" || len(rows[0].Next) != 3 {
		w.Fatalf("listed %+v", rows)
	}
	zurich, err := time.LoadLocation("Europe/Zurich")
	w.must(err)
	for _, next := range rows[0].Next {
		if local := next.In(zurich); local.Hour() != 3 || local.Minute() > 6 || local.Weekday() == time.Saturday || local.Weekday() == time.Sunday {
			w.Errorf("the next run is at %s", local)
		}
	}
}

// foreign makes a schedule with a name of ours by hand: nothing is done to it, nor to anything else.
func (w *pruneWorld) foreign() {
	w.Helper()
	name := w.schedule("")
	_, err := box.temporal.ScheduleClient().Create(w.ctx, client.ScheduleOptions{
		ID: workflows.ScheduleID(name), Note: "by hand", Paused: true, Spec: client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: time.Hour}}},
		Action: &client.ScheduleWorkflowAction{ID: "by-hand", Workflow: "ByHand", TaskQueue: w.queue},
	})
	w.must(err)
	w.Cleanup(func() { _ = box.temporal.ScheduleClient().GetHandle(w.ctx, workflows.ScheduleID(name)).Delete(w.ctx) })
	w.schedules(1, "diff", "is not ours")
	w.schedules(1, "apply --unpause", "is not ours", "rename schedules."+name)
	d, err := w.handle(name).Describe(w.ctx)
	w.must(err)
	if s := d.Schedule.State; s.Note != "by hand" || !s.Paused || d.Info.LastUpdateAt.Unix() > 0 {
		w.Errorf("it was changed: %+v, %s", s, d.Info.LastUpdateAt)
	}
}

// A scheduled prune and a person's of the same policy: whichever comes first runs, the other does not begin.
func TestScheduledPruneAndManualPrune(t *testing.T) {
	t.Parallel()
	w, web := newAsking(t, func(*estate.PruneConfig) {})
	name := w.schedule("")
	w.schedules(0, "apply")
	w.Cleanup(func() { _ = box.temporal.ScheduleClient().GetHandle(w.ctx, workflows.ScheduleID(name)).Delete(w.ctx) })

	plan := w.begin() // a person's run asks
	skipped := w.trigger(name)
	if out := w.ended(skipped); out.Outcome != workflows.OutcomeSkipped || out.WorkflowID != w.id() {
		t.Errorf("the scheduled run ended with %+v", out)
	}
	w.decide("deny")
	w.outcome()

	denied := w.trigger(name)
	w.asked(plan)
	if out, stderr, code := w.epoxy("prune", "images", w.cfg.Policy); code != 4 {
		t.Errorf("a second prune: exit code %d: %s%s", code, out, stderr)
	}
	w.until("the report of the schedule's prune", func() bool {
		r := w.reportOf(w.id())
		return r != nil && r.Title == "Prune images "+w.cfg.Policy
	})
	w.decide("deny")
	if out := w.ended(denied); out.Outcome != activities.OutcomeDenied || out.RunID == "" {
		t.Errorf("the scheduled run ended with %+v", out)
	}
	if n := w.runsOf(w.id()); n != 2 {
		t.Errorf("%d prunes ran, want 2", n)
	}
	w.left("web", web...)
	w.schedules(0, "list", "denied", "active")
	w.schedules(0, "diff", nothingDiffers)
	w.noSecrets(skipped, denied)
	w.record("scheduled", denied)
	w.record("scheduled-skipped", skipped)
}

// A run that fails pauses its schedule, and apply leaves it so.
func TestScheduledPruneThatFails(t *testing.T) {
	t.Parallel()
	w := newPruneWorld(t, autoApproval, "repositories: [web], "+someRules, "")
	w.repository("web", 3) // which nobody uses: no survey can be right
	w.startWorker()
	name := w.schedule("")
	w.schedules(0, "apply")
	w.Cleanup(func() { _ = box.temporal.ScheduleClient().GetHandle(w.ctx, workflows.ScheduleID(name)).Delete(w.ctx) })
	w.trigger(name)
	w.until("the schedule to pause", func() bool { d, err := w.handle(name).Describe(w.ctx); return err == nil && d.Schedule.State.Paused })
	w.schedules(1, "diff", "paused: wanted false, found true, not by epoxy.yaml")
	w.schedules(0, "apply", "keeps it paused")
	w.schedules(0, "list", "paused", "failed")
	w.schedules(0, "apply --unpause", "goes on")
	w.schedules(0, "diff", nothingDiffers)
}

// trigger starts the schedule's run as its time does, and returns the run's id.
func (w *pruneWorld) trigger(name string) (id string) {
	w.Helper()
	before, err := w.handle(name).Describe(w.ctx)
	w.must(err)
	w.must(w.handle(name).Trigger(w.ctx, client.ScheduleTriggerOptions{}))
	w.until("the schedule to start a run", func() bool {
		d, err := w.handle(name).Describe(w.ctx)
		if err != nil || d.Info.NumActions == before.Info.NumActions {
			return false
		}
		id = d.Info.RecentActions[len(d.Info.RecentActions)-1].StartWorkflowResult.WorkflowID
		return true
	})
	if !strings.HasPrefix(id, workflows.ScheduledWorkflowID(name)) {
		w.Errorf("the schedule started %s", id)
	}
	return id
}

// ended waits for a scheduled run.
func (w *pruneWorld) ended(id string) (out workflows.ScheduledResult) {
	w.Helper()
	w.must(box.temporal.GetWorkflow(w.ctx, id, "").Get(w.ctx, &out))
	return out
}

// runsOf is how many runs a workflow id has had.
func (w *pruneWorld) runsOf(id string) (n int) {
	w.Helper()
	w.until("Temporal's list to have the runs", func() bool {
		page, err := box.temporal.ListWorkflow(w.ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: "WorkflowId = '" + id + "' AND ExecutionStatus != 'Running'"})
		n = len(page.GetExecutions())
		return err == nil && n >= 2
	})
	return n
}
