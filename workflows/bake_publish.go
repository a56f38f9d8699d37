package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// copyAndShare makes the copies side by side and lets the other accounts launch the image and its copies.
func (b *bake) copyAndShare(ctx workflow.Context) error {
	if len(b.in.CopyTo)+len(b.in.ShareWith) == 0 {
		return nil
	}
	b.begin(ctx, stepCopy, fmt.Sprintf("Copying %s to %d Regions, sharing it with %d accounts", b.out.ImageID, len(b.in.CopyTo), len(b.in.ShareWith)))
	b.out.Copies = map[string]string{}
	errs := make([]error, 1+len(b.in.CopyTo))
	all := workflow.NewWaitGroup(ctx)
	all.Add(len(errs))
	workflow.Go(ctx, func(ctx workflow.Context) {
		defer all.Done()
		errs[0] = b.share(ctx, b.in.Place, b.out.ImageID)
	})
	for i, region := range b.in.CopyTo {
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer all.Done()
			errs[i+1] = b.copyTo(ctx, region)
		})
	}
	all.Wait(detached(ctx)) // for every one, also after a cancellation: the clean-up must know each copy
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	b.end(ctx, strings.Join(b.in.CopyTo, ", "))
	return nil
}

func (b *bake) copyTo(ctx workflow.Context, region string) error {
	place := b.in.Place.In(region)
	var images *activities.Images
	var made activities.CreateImageOutput
	b.out.Copies[region] = "" // from here on a copy may exist
	err := workflow.ExecuteActivity(calls(detached(ctx), "Copy "+b.out.ImageID+" to "+region), images.CopyImage, activities.CopyImageInput{
		From: b.in.Place, To: place, ImageID: b.out.ImageID, Name: b.name, Description: policy.ImageDescription(b.begun),
		Run: b.run, Token: b.run + "/" + region, Tags: b.tags(),
	}).Get(detached(ctx), &made)
	if err != nil {
		return err
	}
	b.out.Copies[region] = made.ImageID
	b.fact("Image in "+region, made.ImageID)
	if err := b.await(ctx, place, made.ImageID); err != nil {
		return err
	}
	return b.share(ctx, place, made.ImageID)
}

func (b *bake) share(ctx workflow.Context, place activities.Place, image string) error {
	if len(b.in.ShareWith) == 0 {
		return nil
	}
	var images *activities.Images
	return workflow.ExecuteActivity(calls(ctx, "Share "+image+" with "+strings.Join(b.in.ShareWith, ", ")), images.ShareImage,
		activities.ShareImageInput{Place: place, ImageID: image, Accounts: b.in.ShareWith}).Get(ctx, nil)
}

// version makes the new launch template version, unless the template follows a parameter. With publish: latest the
// version is live the moment it exists.
func (b *bake) version(ctx workflow.Context) error {
	b.begin(ctx, stepVersion, "Making a new version of "+b.in.LaunchTemplateID)
	if err := b.findSource(ctx); err != nil {
		return err
	}
	if _, follows := policy.SSMAlias(b.source.ImageID); follows && b.in.Publish == policy.PublishSSM {
		b.end(ctx, "none: the template follows "+b.in.Parameter)
		return nil
	}
	made, err := b.makeVersion(detached(ctx), b.source.Version, b.out.ImageID, "")
	if err != nil {
		return err
	}
	b.out.Version, b.made = made.Version, made.Created
	b.fact("Version", fmt.Sprintf("%d, from %d", made.Version, b.source.Version))
	if b.in.Publish == policy.PublishLatest {
		b.published = b.made
	} else {
		b.staged = made.Version
	}
	b.end(ctx, fmt.Sprintf("version %d, the same as %d but for the image", made.Version, b.source.Version))
	return nil
}

// findSource also looks at what a rollback would go back to, where that is another version than the source.
func (b *bake) findSource(ctx workflow.Context) error {
	if err := b.findVersion(ctx, "Find the version to start from", b.in.Source, &b.source); err != nil {
		return err
	}
	b.good = b.source
	if b.in.Refresh == nil || b.in.Publish == policy.PublishSSM || b.in.Publish == b.in.Source {
		return nil
	}
	return b.findVersion(ctx, "Find the version that is published now", b.in.Publish, &b.good) // the same words name both
}

// findVersion is a local activity: it only reads, takes a moment, and costs one event.
func (b *bake) findVersion(ctx workflow.Context, summary, which string, out *activities.FindSourceOutput) error {
	var surveyor *activities.Surveyor
	return workflow.ExecuteLocalActivity(reads(ctx, summary), surveyor.FindSource, activities.FindSourceInput{
		Place: b.in.Place, LaunchTemplateID: b.in.LaunchTemplateID, Source: which, Group: b.in.Group,
	}).Get(ctx, out)
}

func (b *bake) makeVersion(ctx workflow.Context, source int64, image, purpose string) (activities.CreateVersionOutput, error) {
	var templates *activities.LaunchTemplates
	var made activities.CreateVersionOutput
	err := workflow.ExecuteActivity(calls(ctx, "New version of "+b.in.LaunchTemplateID+" with "+image), templates.CreateLaunchTemplateVersion,
		activities.CreateVersionInput{
			Place: b.in.Place, LaunchTemplateID: b.in.LaunchTemplateID, Source: source, ImageID: image, Token: b.run + purpose,
			Description: fmt.Sprintf("epoxy%s: %s of %s %s", purpose, image, b.in.InstanceID, b.in.Commit),
		}).Get(ctx, &made)
	return made, err
}

// publish points what people launch from at the new image. It is not interrupted: half a publication is none.
func (b *bake) publish(ctx workflow.Context) error {
	if b.in.Publish == policy.PublishLatest {
		return nil
	}
	b.begin(ctx, stepPublish, "Publishing "+b.out.ImageID)
	at, err := b.pointAt(detached(ctx), b.out.Version, b.out.ImageID)
	if err == nil || !isRefusal(err) { // without an answer it may be published: then the image is in use
		b.published, b.staged = at, 0
	}
	if err != nil {
		return err
	}
	b.end(ctx, b.in.Publish)
	return nil
}

// pointAt publishes in every way but latest. It returns a time, by AWS's clock, before which nothing was published.
func (b *bake) pointAt(ctx workflow.Context, version int64, image string) (time.Time, error) {
	var templates *activities.LaunchTemplates
	var groups *activities.AutoScaling
	var parameters *activities.Parameters
	switch b.in.Publish {
	case policy.PublishDefault:
		return b.made, workflow.ExecuteActivity(calls(ctx, fmt.Sprintf("Make version %d the default", version)), templates.SetDefaultVersion,
			activities.SetDefaultVersionInput{Place: b.in.Place, LaunchTemplateID: b.in.LaunchTemplateID, Version: version}).Get(ctx, nil)
	case policy.PublishPinned:
		return b.made, workflow.ExecuteActivity(calls(ctx, fmt.Sprintf("Pin %s to version %d", b.in.Group, version)), groups.PinGroup,
			activities.PinGroupInput{Place: b.in.Place, Group: b.in.Group, LaunchTemplateID: b.in.LaunchTemplateID, Version: version}).Get(ctx, nil)
	}
	put := activities.PutImageParameterOutput{Modified: workflow.Now(ctx)}
	err := workflow.ExecuteActivity(calls(ctx, "Set "+b.in.Parameter+" to "+image), parameters.PutImageParameter,
		activities.PutImageParameterInput{Place: b.in.Place, Name: b.in.Parameter, ImageID: image}).Get(ctx, &put)
	if b.was == "" {
		b.was = put.Was
	}
	return put.Modified, err
}

// clean takes back what nobody can have launched from, in every Region, and says what is left.
func (b *bake) clean(ctx workflow.Context) string {
	switch {
	case b.withdrawn:
		return fmt.Sprintf("%s stays, unpublished", b.out.ImageID)
	case !b.published.IsZero():
		return fmt.Sprintf("%s stays published", b.out.ImageID)
	}
	created := b.step(stepCreate)
	if created == nil || created.Begun.IsZero() {
		return "Nothing was made"
	}
	if b.in.KeepFailedImage {
		return fmt.Sprintf("Image %s is kept, as asked (--keep-failed-image)", b.name)
	}
	b.Steps = append(b.Steps, activities.Step{Name: stepRemove, State: activities.StepAhead})
	b.begin(ctx, stepRemove, "Removing image and snapshots of "+b.name)
	left := b.remove(ctx)
	if len(left) > 0 {
		b.fail(ctx)
		return strings.Join(left, "; ")
	}
	b.end(ctx, "")
	return "Image and snapshots are removed"
}

// remove works in all Regions side by side.
func (b *bake) remove(ctx workflow.Context) (left []string) {
	settled := workflow.Now(ctx)
	if !b.refused {
		settled = settled.Add(removalSettles)
	}
	own := activities.RemoveImageInput{
		Place: b.in.Place, Run: b.run, Name: b.name, ImageID: b.out.ImageID, SettleBy: settled,
		LaunchTemplateID: b.in.LaunchTemplateID, SinceVersion: b.facts.Latest, UnpublishedVersion: b.staged,
	}
	removals := []activities.RemoveImageInput{own}
	for _, region := range b.in.CopyTo {
		if id, begun := b.out.Copies[region]; begun {
			removals = append(removals, activities.RemoveImageInput{Place: b.in.Place.In(region), Run: b.run, Name: b.name, ImageID: id, SettleBy: settled})
		}
	}
	var remover *activities.ImageRemover
	futures := make([]workflow.Future, len(removals))
	for i, in := range removals {
		futures[i] = workflow.ExecuteActivity(calls(ctx, "Remove "+b.name+" in "+in.Place.Region), remover.RemoveImage, in)
	}
	for i, f := range futures {
		var out activities.RemoveImageOutput
		if err := f.Get(ctx, &out); err != nil {
			left = append(left, fmt.Sprintf("%s may be left in %s, remove it by hand: %s", b.name, removals[i].Place, reasonOf(err)))
		} else if out.Kept != "" {
			left = append(left, out.Kept)
		}
	}
	return left
}

// removalSettles is how long an image may stay invisible after its creation, or after a creation without an answer.
const removalSettles = 2 * time.Minute
