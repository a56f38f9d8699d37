package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// errRolledBack is the type of the error of a bake whose rollout failed and was undone.
const errRolledBack = "RolledBack"

// refreshPoll is the time between two looks at an instance refresh.
const refreshPoll = 15 * time.Second

// refresh replaces the group's instances. When that fails, the last good version is published again and rolled out.
func (b *bake) refresh(ctx workflow.Context) error {
	if b.in.Refresh == nil {
		return nil
	}
	b.begin(ctx, stepRefresh, "Replacing the instances of "+b.in.Group)
	b.fact("Auto Scaling group", b.in.Group)
	b.tell()
	done, err := b.rollOut(ctx, b.out.Version)
	b.out.RefreshID = done.ID
	switch {
	case ctx.Err() != nil:
		return b.stopRefresh(detached(ctx), ctx.Err())
	case err != nil:
		return err
	case done.Done:
		b.end(ctx, refreshNote(done, b.out.Version))
		return nil
	}
	why := fmt.Sprintf("instance refresh %s of %s ended as %s: %s", done.ID, b.in.Group, done.Status, done.Reason)
	if done.TimedOut {
		why = fmt.Sprintf("instance refresh %s of %s was still %s, %d %%, after %s", done.ID, b.in.Group, done.Status, done.Percent, b.in.Refresh.Timeout)
		if err := b.stopRefresh(ctx, nil); err != nil {
			return err
		}
	}
	b.reporter.fail(ctx)
	return b.rollBack(detached(ctx), why, done.ID)
}

func refreshNote(done activities.RefreshOutput, version int64) string {
	if version == 0 {
		return fmt.Sprintf("%d instances in service", done.InService)
	}
	return fmt.Sprintf("%d of %d instances run version %d", done.OnVersion, done.InService, version)
}

func (b *bake) rollOut(ctx workflow.Context, version int64, ignore ...string) (activities.RefreshOutput, error) {
	var groups *activities.AutoScaling
	var out activities.RefreshOutput
	poll := min(b.in.Poll, refreshPoll)
	err := workflow.ExecuteActivity(waits(ctx, "Refresh the instances of "+b.in.Group, b.in.Refresh.Timeout, poll), groups.RefreshInstances, activities.RefreshInput{
		Place: b.in.Place, Group: b.in.Group, Version: version, Since: b.published, Ignore: ignore, Preferences: b.in.Refresh.Preferences,
		Deadline: workflow.Now(ctx).Add(b.in.Refresh.Timeout), Poll: poll,
	}).Get(ctx, &out)
	return out, err
}

// stopRefresh cancels our own refresh, if it runs. What it replaced stays; the version stays published.
func (b *bake) stopRefresh(ctx workflow.Context, cause error) error {
	var groups *activities.AutoScaling
	var was policy.Refresh
	err := workflow.ExecuteActivity(calls(ctx, "Stop the instance refresh of "+b.in.Group), groups.CancelRefresh,
		activities.CancelRefreshInput{Place: b.in.Place, Group: b.in.Group, Since: b.published}).Get(ctx, &was)
	if err != nil {
		return err
	}
	b.out.RefreshID = was.ID
	return cause
}

// rollBack publishes what was good before and refreshes again. AWS refuses its own rollback for groups that launch
// $Latest, $Default or from a parameter, so this is done for all of them in the same way.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-rollback.html
func (b *bake) rollBack(ctx workflow.Context, why, failed string) error {
	b.Steps = append(b.Steps, activities.Step{Name: stepRestore, State: activities.StepAhead})
	b.begin(ctx, stepRestore, "Rolling back "+b.in.Group)
	b.Reason = why
	b.tell()
	version, err := b.restore(ctx)
	if err != nil {
		return refuse(activities.ErrInvalid, fmt.Sprintf("%s; the rollback failed, too: %s; put the last good version back by hand", why, reasonOf(err)))
	}
	done, err := b.rollOut(ctx, version, failed)
	switch {
	case err != nil:
		return refuse(activities.ErrInvalid, fmt.Sprintf("%s; version %d is published again, but its refresh failed: %s", why, version, reasonOf(err)))
	case !done.Done:
		return refuse(activities.ErrInvalid, fmt.Sprintf("%s; version %d is published again, but its refresh %s ended as %s: %s", why, version, done.ID, done.Status, done.Reason))
	}
	b.end(ctx, refreshNote(done, version))
	return refuse(errRolledBack, why)
}

// restore publishes what was published before this run.
func (b *bake) restore(ctx workflow.Context) (version int64, err error) {
	switch b.in.Publish {
	case policy.PublishLatest: // only a newer version can take $Latest's place
		made, err := b.makeVersion(ctx, b.source.Version, b.source.ImageID, "-rollback")
		if err == nil {
			b.fact("Rolled back", fmt.Sprintf("version %d, the same as %d", made.Version, b.source.Version))
		}
		return made.Version, err
	case policy.PublishSSM:
		b.fact("Rolled back", b.in.Parameter+" is "+b.facts.ParameterValue)
		_, err = b.pointAt(ctx, 0, b.facts.ParameterValue)
		return 0, err
	}
	b.fact("Rolled back", fmt.Sprintf("version %d", b.source.Version))
	_, err = b.pointAt(ctx, b.source.Version, b.source.ImageID)
	return b.source.Version, err
}
