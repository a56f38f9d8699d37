package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// BakeInput is everything that one bake does. The starter resolves the configuration into it, so that the run's history
// says it all. Durations are in nanoseconds in JSON, as Go writes them.
type BakeInput struct {
	Target           policy.Target    `json:"target"`
	Place            activities.Place `json:"place"`
	InstanceID       string           `json:"instance_id"`
	LaunchTemplateID string           `json:"launch_template_id"`
	Commit           string           `json:"commit,omitempty"`
	RequestedBy      string           `json:"requested_by,omitempty"`
	Request          string           `json:"request,omitempty"` // identity of the asking: tells whose turn it is in a queue

	Reboot          bool              `json:"reboot,omitempty"` // false: NoReboot
	KeepFailedImage bool              `json:"keep_failed_image,omitempty"`
	ImageTimeout    time.Duration     `json:"image_timeout"`
	Poll            time.Duration     `json:"poll"`
	Tags            map[string]string `json:"tags,omitempty"`
	CopyTo          []string          `json:"copy_to,omitempty"`    // Regions
	ShareWith       []string          `json:"share_with,omitempty"` // accounts

	Source    string        `json:"source"`              // latest, default, pinned or a number
	Publish   string        `json:"publish"`             // policy.Publish…
	Parameter string        `json:"parameter,omitempty"` // for publish: ssm
	Group     string        `json:"group,omitempty"`     // Auto Scaling group
	Refresh   *RefreshInput `json:"refresh,omitempty"`   // nil: no instance refresh

	Telling Telling `json:"telling"`
}

// RefreshInput asks for an instance refresh after publishing.
type RefreshInput struct {
	Preferences activities.RefreshPreferences `json:"preferences"`
	Timeout     time.Duration                 `json:"timeout"`
}

// BakeResult is what a bake made.
type BakeResult struct {
	Outcome   string            `json:"outcome"`
	ImageID   string            `json:"image_id,omitempty"`
	ImageName string            `json:"image_name,omitempty"`
	Copies    map[string]string `json:"copies,omitempty"` // Region → image id
	Version   int64             `json:"version,omitempty"`
	RefreshID string            `json:"refresh_id,omitempty"`
	RunID     string            `json:"run_id,omitempty"`
}

// The steps of a bake, as people see them.
const (
	stepCheck   = "Check instance and launch template"
	stepCreate  = "Create image"
	stepWait    = "Wait until the image is available"
	stepCopy    = "Copy and share"
	stepVersion = "New launch template version"
	stepPublish = "Publish"
	stepRefresh = "Refresh instances"
	stepRestore = "Roll back"
	stepRemove  = "Remove image and snapshots"
)

// BakeTitle is the first line of a bake everywhere.
func BakeTitle(t policy.Target) string { return "Bake " + t.String() }

// bake is one run: its input, what it found and what it has made.
type bake struct {
	*reporter

	in    BakeInput
	begun time.Time
	name  string // of the image: its identity while the id is unknown
	run   string // value of the epoxy:run tag

	facts     policy.BakeFacts
	refused   bool // no attempt made an image: none will turn up
	out       BakeResult
	source    activities.FindSourceOutput // what the new version is made from
	good      activities.FindSourceOutput // what was published before: what a rollback goes back to
	made      time.Time                   // the version's creation, by AWS's clock
	published time.Time                   // by AWS's clock; zero: nobody can have launched from the image yet
	staged    int64                       // a version that was made and not published
	was       string                      // the parameter's value before publishing
	withdrawn bool                        // what was good before is published again
}

// Bake makes an image of an instance and brings it into the launch template of an Auto Scaling group; optionally the
// group's instances are replaced, and put back when that goes wrong. One run per launch template: the workflow id is the
// lock (BakeWorkflowID). Until something was published, failure and cancellation leave neither image nor snapshot.
func Bake(ctx workflow.Context, in BakeInput) (BakeResult, error) {
	info := workflow.GetInfo(ctx)
	b := &bake{in: in, begun: info.WorkflowStartTime, name: policy.ImageName(in.Target, info.WorkflowStartTime)}
	// The first run id survives a reset, so a reset run still knows its image.
	b.run = info.OriginalRunID
	b.out = BakeResult{ImageName: b.name, RunID: info.WorkflowExecution.RunID}
	var err error
	if b.reporter, err = newReporter(ctx, BakeTitle(in.Target), in.Telling, b.steps()); err != nil {
		return b.out, err
	}
	b.Request = in.Request
	err = b.work(ctx)
	return b.finish(ctx, err)
}

func (b *bake) steps() []string {
	steps := []string{stepCheck, stepCreate, stepWait}
	if len(b.in.CopyTo)+len(b.in.ShareWith) > 0 {
		steps = append(steps, stepCopy)
	}
	steps = append(steps, stepVersion)
	if b.in.Publish != policy.PublishLatest {
		steps = append(steps, stepPublish)
	}
	if b.in.Refresh != nil {
		steps = append(steps, stepRefresh)
	}
	return steps
}

// work is the runbook.
func (b *bake) work(ctx workflow.Context) error {
	for _, step := range []func(workflow.Context) error{b.check, b.create, b.wait, b.copyAndShare, b.version, b.publish, b.refresh} {
		if err := step(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil { // cancelled during a step that had to be finished
			return ctx.Err()
		}
	}
	return nil
}

func (b *bake) check(ctx workflow.Context) error {
	if err := b.in.validate(b.WorkflowID, b.name); err != nil {
		return err
	}
	b.begin(ctx, stepCheck, "Checking "+b.in.InstanceID+" and "+b.in.LaunchTemplateID)
	b.fact("Instance", b.in.InstanceID)
	b.fact("Launch template", b.in.LaunchTemplateID)
	if b.in.Commit != "" {
		b.fact("Commit", b.in.Commit)
	}
	var surveyor *activities.Surveyor
	look := workflow.WithScheduleToCloseTimeout(calls(ctx, "Look at "+b.in.InstanceID+" and "+b.in.LaunchTemplateID), lookBound)
	err := workflow.ExecuteActivity(look, surveyor.SurveyBake, activities.SurveyInput{
		Place: b.in.Place, InstanceID: b.in.InstanceID, LaunchTemplateID: b.in.LaunchTemplateID, ImageName: b.name,
		Source: b.in.Source, Group: b.in.Group, Parameter: b.in.Parameter, Tags: b.tags(),
	}).Get(ctx, &b.facts)
	if err != nil {
		return err
	}
	if why := policy.CheckBake(b.wish(), b.facts); why != "" {
		return refuse(activities.ErrInvalid, why)
	}
	b.end(ctx, fmt.Sprintf("instance is %s, template is at version %d", b.facts.InstanceState, b.facts.Latest))
	return nil
}

func (b *bake) wish() policy.BakeWish {
	return policy.BakeWish{
		Account: b.in.Place.Account, Region: b.in.Place.Region, InstanceID: b.in.InstanceID, LaunchTemplate: b.in.LaunchTemplateID,
		Source: b.in.Source, Publish: b.in.Publish, Group: b.in.Group, Parameter: b.in.Parameter, Refresh: b.in.Refresh != nil,
	}
}

func (b *bake) tags() map[string]string {
	return policy.ImageTags(b.run, b.name, b.in.Target, b.in.InstanceID, b.in.Commit, b.in.Tags)
}

// create is not interrupted by a cancellation: a call without an answer would leave an image behind.
func (b *bake) create(ctx workflow.Context) error {
	b.begin(ctx, stepCreate, "Creating image "+b.name)
	ctx = detached(ctx)
	var images *activities.Images
	var made activities.CreateImageOutput
	err := workflow.ExecuteActivity(calls(ctx, "Create image "+b.name), images.CreateImage, activities.CreateImageInput{
		Place: b.in.Place, InstanceID: b.in.InstanceID, Name: b.name, Description: policy.ImageDescription(b.begun),
		Reboot: b.in.Reboot, Run: b.run, Tags: b.tags(),
	}).Get(ctx, &made)
	if err != nil {
		b.refused = isType(err, activities.ErrNameTaken) // a stranger holds the name, so no attempt of ours made an image
		return err
	}
	b.out.ImageID = made.ImageID
	b.fact("Image", made.ImageID)
	note := made.ImageID
	if made.Adopted {
		note += ", found again after a lost answer"
	}
	b.end(ctx, note)
	return nil
}

func (b *bake) wait(ctx workflow.Context) error {
	b.begin(ctx, stepWait, "Waiting for image "+b.out.ImageID)
	b.tell() // the first message: what ended before, seconds ago, is told at the end
	if err := b.await(ctx, b.in.Place, b.out.ImageID); err != nil {
		return err
	}
	b.end(ctx, "")
	return nil
}

func (b *bake) await(ctx workflow.Context, place activities.Place, image string) error {
	now := workflow.Now(ctx)
	var waiter *activities.ImageWaiter
	return workflow.ExecuteActivity(waits(ctx, "Wait for "+image+" in "+place.Region, b.in.ImageTimeout, b.in.Poll), waiter.AwaitImage, activities.AwaitImageInput{
		Place: place, ImageID: image, Begun: now, Deadline: now.Add(b.in.ImageTimeout), Poll: b.in.Poll,
	}).Get(ctx, nil)
}

// finish removes what was not published, tells everybody and says how the run ended.
func (b *bake) finish(ctx workflow.Context, err error) (BakeResult, error) {
	if err == nil {
		b.out.Outcome = activities.OutcomeDone
		b.close(ctx, b.out.Outcome, b.success(), "")
		return b.out, nil
	}
	b.fail(ctx)
	cancelled := temporal.IsCanceledError(err) || errors.Is(ctx.Err(), workflow.ErrCanceled)
	if b.step(stepRestore) != nil {
		cancelled = false // a rollback that was begun is finished: how it ended is what people must know
	}
	reason, left := reasonOf(err), b.clean(detached(ctx))
	b.out.Outcome = activities.OutcomeFailed
	headline := "Failed. " + left
	switch {
	case isType(err, errRolledBack):
		b.out.Outcome, headline = activities.OutcomeRolledBack, "Rolled back. "+left
	case cancelled:
		b.out.Outcome, headline = activities.OutcomeCancelled, "Cancelled. "+left
		if temporal.IsCanceledError(err) {
			reason = "" // else it says what went wrong besides, such as a refresh that could not be stopped
		}
	}
	b.close(ctx, b.out.Outcome, headline, reason)
	if cancelled {
		return b.out, temporal.NewCanceledError(headline)
	}
	return b.out, err
}

func (b *bake) success() string {
	if b.out.Version == 0 {
		return fmt.Sprintf("%s is published in %s", b.out.ImageID, b.in.Parameter)
	}
	return fmt.Sprintf("%s is published as version %d", b.out.ImageID, b.out.Version)
}
