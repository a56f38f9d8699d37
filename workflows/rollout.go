package workflows

import (
	"cmp"
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
	if done.TimedOut {
		if err := b.stopRefresh(detached(ctx), nil); err != nil {
			return err
		}
	}
	b.fail(ctx)
	return b.rollBack(detached(ctx), b.endOf(done), done.ID)
}

// endOf says how a refresh ended, badly.
func (b *bake) endOf(r activities.RefreshOutput) string {
	if r.TimedOut {
		return fmt.Sprintf("instance refresh %s of %s was still %s, %d %%, after %s", r.ID, b.in.Group, r.Status, r.Percent, b.in.Refresh.Timeout)
	}
	return fmt.Sprintf("instance refresh %s of %s ended as %s: %s", r.ID, b.in.Group, r.Status, r.Reason)
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
	// An attempt that is under way when a cancellation comes may start a refresh yet: stopRefresh must look after it.
	ctx = workflow.WithWaitForCancellation(waits(ctx, "Refresh the instances of "+b.in.Group, b.in.Refresh.Timeout, poll), true)
	err := workflow.ExecuteActivity(ctx, groups.RefreshInstances, activities.RefreshInput{
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
	version, again, err := b.restore(ctx)
	if err != nil {
		return refuse(activities.ErrInvalid, fmt.Sprintf("%s; the rollback failed, too: %s; put the last good version back by hand", why, reasonOf(err)))
	}
	b.withdrawn = true
	b.fact("Rolled back", again)
	done, err := b.rollOut(ctx, version, failed)
	switch {
	case err != nil:
		return refuse(activities.ErrInvalid, fmt.Sprintf("%s; rolled back (%s), but its refresh failed: %s", why, again, reasonOf(err)))
	case !done.Done:
		return refuse(activities.ErrInvalid, fmt.Sprintf("%s; rolled back (%s), but %s", why, again, b.endOf(done)))
	}
	b.end(ctx, refreshNote(done, version))
	return refuse(errRolledBack, why)
}

// restore publishes what was published before this run, and says what that is.
func (b *bake) restore(ctx workflow.Context) (version int64, again string, err error) {
	switch b.in.Publish {
	case policy.PublishLatest: // only a newer version can take $Latest's place
		made, err := b.makeVersion(ctx, b.good.Version, b.good.ImageID, "-rollback")
		return made.Version, fmt.Sprintf("version %d, the same as %d", made.Version, b.good.Version), err
	case policy.PublishSSM:
		was := cmp.Or(b.was, b.facts.ParameterValue) // the first is missing when the answer to the publishing was lost
		_, err = b.pointAt(ctx, 0, was)
		return 0, b.in.Parameter + " is " + was, err
	}
	_, err = b.pointAt(ctx, b.good.Version, b.good.ImageID)
	return b.good.Version, fmt.Sprintf("version %d", b.good.Version), err
}
