package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"epoxy/internal/config"
	"epoxy/workflows"
)

// scheduleRow is one schedule in a list.
type scheduleRow struct {
	Name     string      `json:"name"`
	ID       string      `json:"id"`
	Job      string      `json:"job,omitempty"` // "" for one that epoxy.yaml no longer has
	When     string      `json:"when"`
	TimeZone string      `json:"time_zone"`
	Next     []time.Time `json:"next,omitempty"`
	Last     *lastRun    `json:"last,omitempty"`
	State    string      `json:"state"` // active, paused, not applied, not in epoxy.yaml, not ours, of another configuration
	Note     string      `json:"note,omitempty"`
}

// lastRun is the newest run of a schedule.
type lastRun struct {
	WorkflowID string    `json:"workflow_id"`
	RunID      string    `json:"run_id"`
	At         time.Time `json:"at"`
	Result     string    `json:"result"` // its outcome, or its status
}

// nextRuns is how many runs a list shows.
const nextRuns = 3

func (a *app) listSchedules(ctx context.Context) error {
	return a.connected(ctx, func(cfg *config.Config, c client.Client, _ client.Options) error {
		want, err := wantedSchedules(cfg, a.taskQueue)
		if err != nil {
			return err
		}
		p := planner{client: c.ScheduleClient(), queue: a.taskQueue, of: identity(cfg), wanted: want}
		rows, err := p.rows(ctx, func(s *client.ScheduleDescription) (*lastRun, error) { return newestRun(ctx, c, s) })
		if err != nil {
			return err
		}
		return a.printSchedules(rows)
	})
}

// rows are the configuration's schedules, and those of ours that it no longer has.
func (p planner) rows(ctx context.Context, newest func(*client.ScheduleDescription) (*lastRun, error)) ([]scheduleRow, error) {
	var out []scheduleRow
	for _, w := range p.wanted {
		row := scheduleRow{Name: w.Name, ID: w.id, Job: w.jobText(), When: whenOf(&w.spec), TimeZone: cmp.Or(w.spec.TimeZoneName, "UTC"), State: "not applied"}
		d, err := describeSchedule(ctx, p.client, w.id)
		if err != nil {
			return nil, err
		}
		if d != nil {
			if foreign := p.ours(w.Name, w.id, d); foreign != nil {
				row.State = "not ours"
			} else if err := row.fill(d, newest); err != nil {
				return nil, err
			}
		}
		out = append(out, row)
	}
	all, others, err := p.list(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if slices.ContainsFunc(p.wanted, func(w wanted) bool { return w.id == s.id }) {
			continue
		}
		row := scheduleRow{Name: s.mark.Name, ID: s.id}
		if err := row.fill(s.ScheduleDescription, newest); err != nil {
			return nil, err
		}
		row.State = "not in epoxy.yaml, " + row.State
		out = append(out, row)
	}
	for _, s := range others {
		out = append(out, scheduleRow{Name: s.mark.Name, ID: s.id, When: whenOf(s.Schedule.Spec), TimeZone: cmp.Or(s.Schedule.Spec.TimeZoneName, "UTC"), State: "of another configuration"})
	}
	slices.SortStableFunc(out, func(a, b scheduleRow) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// fill writes what is really there.
func (r *scheduleRow) fill(d *client.ScheduleDescription, newest func(*client.ScheduleDescription) (*lastRun, error)) error {
	state := stateOf(d)
	r.When, r.TimeZone = whenOf(d.Schedule.Spec), cmp.Or(d.Schedule.Spec.TimeZoneName, "UTC")
	r.State, r.Note = "active", state.Note
	if state.Paused {
		r.State = "paused"
	}
	zone, err := time.LoadLocation(r.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	for _, t := range d.Info.NextActionTimes[:min(nextRuns, len(d.Info.NextActionTimes))] {
		r.Next = append(r.Next, t.In(zone))
	}
	r.Last, err = newest(d)
	return err
}

func newestRun(ctx context.Context, c client.Client, d *client.ScheduleDescription) (*lastRun, error) {
	if len(d.Info.RecentActions) == 0 {
		return nil, nil
	}
	newest := d.Info.RecentActions[len(d.Info.RecentActions)-1]
	if newest.StartWorkflowResult == nil {
		return nil, nil
	}
	out := &lastRun{WorkflowID: newest.StartWorkflowResult.WorkflowID, RunID: newest.StartWorkflowResult.FirstExecutionRunID, At: newest.ActualTime}
	run, err := c.DescribeWorkflowExecution(ctx, out.WorkflowID, out.RunID)
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		out.Result = "forgotten by Temporal"
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	info := run.GetWorkflowExecutionInfo()
	out.Result = cmp.Or(keyword(info, workflows.OutcomeKey.GetName()), describe(info.GetStatus()))
	if status := describe(info.GetStatus()); status == "timed out" || status == "terminated" { // it could not say so itself
		out.Result = status
	}
	return out, nil
}

func (a *app) printSchedules(rows []scheduleRow) error {
	if a.json() {
		return a.printJSON(rows)
	}
	if len(rows) == 0 {
		fmt.Fprintln(a.out, "no schedules: add some to schedules in epoxy.yaml (epoxy.example.yaml shows how)")
		return nil
	}
	t := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tJOB\tWHEN\tSTATE\tLAST RUN\tNEXT RUNS\tNOTE")
	for _, r := range rows {
		last := "never"
		if r.Last != nil {
			last = r.Last.Result + " " + r.Last.At.In(zoneOf(r)).Format(minuteFormat)
		}
		next := make([]string, 0, nextRuns)
		for _, n := range r.Next {
			next = append(next, n.Format(minuteFormat))
		}
		fmt.Fprintf(t, "%s\t%s\t%s %s\t%s\t%s\t%s\t%s\n", r.Name, r.Job, r.When, r.TimeZone, r.State, last, strings.Join(next, ", "), r.Note)
	}
	return t.Flush()
}

const minuteFormat = "2006-01-02 15:04 MST"

func zoneOf(r scheduleRow) *time.Location {
	zone, err := time.LoadLocation(r.TimeZone)
	if err != nil {
		return time.UTC
	}
	return zone
}
