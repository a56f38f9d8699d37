package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"epoxy/workflows"
)

// What is to be done with a schedule.
const (
	changeCreate = "create"
	changeUpdate = "update"
	changeDelete = "delete"
	changeKeep   = "keep" // it differs in what apply leaves alone
)

// scheduleChange is one schedule that is not as the configuration wants it.
type scheduleChange struct {
	Name        string       `json:"name"`
	ID          string       `json:"id"`
	Change      string       `json:"change"` // change…
	Job         string       `json:"job,omitempty"`
	When        string       `json:"when,omitempty"`
	Differences []difference `json:"differences,omitempty"`

	wanted wanted
}

// planner reconciles the configuration's schedules with Temporal's.
type planner struct {
	client client.ScheduleClient
	queue  string
	of     string // identity of the configuration
	wanted []wanted
}

// plan compares every schedule, in order of their names. One that has a name of ours and is not ours fails it: nobody knows
// what it is for. Others are left alone: this task queue's, of another configuration.
func (p planner) plan(ctx context.Context) (changes []scheduleChange, others []ownSchedule, err error) {
	var out []scheduleChange
	var foreign []error
	for _, w := range p.wanted {
		d, err := describeSchedule(ctx, p.client, w.id)
		if err != nil {
			return nil, nil, err
		}
		change := scheduleChange{Name: w.Name, ID: w.id, Job: w.jobText(), When: whenOf(&w.spec), wanted: w}
		if d == nil {
			change.Change = changeCreate
			out = append(out, change)
			continue
		}
		if err := p.ours(w.Name, w.id, d); err != nil {
			foreign = append(foreign, err)
			continue
		}
		if change.Differences = compare(w, d); len(change.Differences) == 0 {
			continue
		}
		change.Change = changeUpdate
		if !slices.ContainsFunc(change.Differences, func(d difference) bool { return !d.Kept }) {
			change.Change = changeKeep
		}
		out = append(out, change)
	}
	if err := errors.Join(foreign...); err != nil {
		return nil, nil, exit(exitFailed, "%w", err)
	}
	orphans, others, err := p.orphans(ctx)
	return append(out, orphans...), others, err
}

// orphans are schedules of ours that the configuration no longer has.
func (p planner) orphans(ctx context.Context) (orphans []scheduleChange, others []ownSchedule, err error) {
	all, others, err := p.list(ctx)
	if err != nil {
		return nil, nil, err
	}
	var out []scheduleChange
	for _, s := range all {
		if !slices.ContainsFunc(p.wanted, func(w wanted) bool { return w.id == s.id }) {
			out = append(out, scheduleChange{Name: s.mark.Name, ID: s.id, Change: changeDelete, When: whenOf(s.Schedule.Spec)})
		}
	}
	return out, others, nil
}

// ownSchedule is a schedule that an Epoxy made.
type ownSchedule struct {
	*client.ScheduleDescription

	id   string
	mark workflows.ScheduleMark
}

// list finds the schedules of this configuration, and those of others with the same task queue. Temporal's list lags, so each is
// looked at once more.
func (p planner) list(ctx context.Context) (own, others []ownSchedule, err error) {
	entries, err := p.client.List(ctx, client.ScheduleListOptions{PageSize: 100})
	if err != nil {
		return nil, nil, err
	}
	for entries.HasNext() {
		entry, err := entries.Next()
		if err != nil {
			return nil, nil, err
		}
		if mark, ok := markOf(entry.Memo.GetFields()); !ok || mark.TaskQueue != p.queue {
			continue
		}
		d, err := describeSchedule(ctx, p.client, entry.ID)
		if err != nil {
			return nil, nil, err
		}
		if d == nil {
			continue
		}
		switch mark, ok := markOf(d.Memo.GetFields()); {
		case !ok || mark.TaskQueue != p.queue:
		case mark.Of == p.of:
			own = append(own, ownSchedule{ScheduleDescription: d, id: entry.ID, mark: mark})
		default:
			others = append(others, ownSchedule{ScheduleDescription: d, id: entry.ID, mark: mark})
		}
	}
	byName := func(a, b ownSchedule) int { return strings.Compare(a.mark.Name, b.mark.Name) }
	slices.SortFunc(own, byName)
	slices.SortFunc(others, byName)
	return own, others, nil
}

// ours refuses a schedule that this Epoxy did not make.
func (p planner) ours(name, id string, d *client.ScheduleDescription) error {
	mark, ok := markOf(d.Memo.GetFields())
	switch {
	case !ok:
		return fmt.Errorf("schedule %s is there and is not ours, so nothing was changed: rename schedules.%s, or delete it by hand (temporal schedule delete -s %s)", id, name, id)
	case mark.TaskQueue != p.queue:
		return fmt.Errorf("schedule %s belongs to an Epoxy with task queue %s, not %s, so nothing was changed: rename schedules.%s, or set EPOXY_TASK_QUEUE", id, mark.TaskQueue, p.queue, name)
	case mark.Of != p.of:
		return fmt.Errorf("schedule %s belongs to another configuration (%s; this one has %s), so nothing was changed: rename schedules.%s; or, if it is this one's from before its ledger moved, delete it (temporal schedule delete -s %s)",
			id, cmp.Or(mark.Of, "without a ledger"), cmp.Or(p.of, "no ledger"), name, id)
	}
	return nil
}

// markOf reads whose a schedule is.
func markOf(memo map[string]*commonpb.Payload) (workflows.ScheduleMark, bool) {
	var mark workflows.ScheduleMark
	p, ok := memo[workflows.ScheduleMemo]
	ok = ok && converter.GetDefaultDataConverter().FromPayload(p, &mark) == nil && mark.Name != ""
	return mark, ok
}

// settleLimit bounds the wait for Temporal to show what it was told: a schedule takes changes in turn.
const (
	settleLimit = 15 * time.Second
	settlePoll  = 100 * time.Millisecond
)

// apply makes the changes. It waits until Temporal shows each, so that whoever looks next sees it.
func (p planner) apply(ctx context.Context, change scheduleChange, unpause bool) error {
	handle := p.client.GetHandle(ctx, change.ID)
	switch change.Change {
	case changeCreate:
		if _, err := p.client.Create(ctx, change.wanted.options()); err != nil {
			return fmt.Errorf("create schedule %s: %w", change.ID, err)
		}
	case changeDelete:
		if err := handle.Delete(ctx); err != nil && !isNotFound(err) {
			return fmt.Errorf("delete schedule %s: %w", change.ID, err)
		}
	default:
		if change.Change == changeKeep && !unpause {
			return nil
		}
		err := handle.Update(ctx, client.ScheduleUpdateOptions{DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			return p.update(change.wanted, &in.Description, unpause)
		}})
		if err != nil {
			return fmt.Errorf("update schedule %s: %w", change.ID, err)
		}
	}
	return p.settle(ctx, change)
}

// update is the schedule as wanted. A pause that a person asked for stays, with what they wrote.
func (p planner) update(w wanted, d *client.ScheduleDescription, unpause bool) (*client.ScheduleUpdate, error) {
	if err := p.ours(w.Name, w.id, d); err != nil {
		return nil, err
	}
	s := w.schedule()
	if !w.Paused && pausedByHand(d) && !unpause {
		s.State.Paused, s.State.Note = true, stateOf(d).Note
	}
	return &client.ScheduleUpdate{Schedule: &s}, nil
}

func (p planner) settle(ctx context.Context, change scheduleChange) error {
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	for {
		d, err := describeSchedule(ctx, p.client, change.ID)
		var left []difference
		if d != nil && change.Change != changeDelete {
			left = slices.DeleteFunc(compare(change.wanted, d), func(d difference) bool { return d.Kept })
		}
		if err == nil && (d == nil) == (change.Change == changeDelete) && len(left) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("schedule %s: Temporal does not show the change after %s (%w): look with epoxy schedules diff", change.ID, settleLimit, errors.Join(err, ctx.Err()))
		case <-time.After(settlePoll):
		}
	}
}

// describeSchedule is nil for one that is not there.
func describeSchedule(ctx context.Context, c client.ScheduleClient, id string) (*client.ScheduleDescription, error) {
	d, err := c.GetHandle(ctx, id).Describe(ctx)
	if isNotFound(err) {
		return nil, nil
	}
	return d, err
}

func isNotFound(err error) bool {
	_, ok := errors.AsType[*serviceerror.NotFound](err)
	return ok
}
