package workflows

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.temporal.io/sdk/activity"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// fakes are the activities of the world: they keep the promises of the real ones (idempotent by name, tag, token or time;
// one look per attempt), by the test environment's clock.
type fakes struct{ w *world }

func (f *fakes) SurveyBake(ctx context.Context, in activities.SurveyInput) (policy.BakeFacts, error) {
	w := f.w
	return call(ctx, w, in.Place, func() (policy.BakeFacts, error) {
		facts := w.survey
		if facts.Latest == 0 {
			facts.Latest = w.latest()
		}
		facts.Versions, facts.Default = facts.Latest, w.deflt
		if in.Group != "" {
			facts.GroupTemplate, facts.GroupVersion, facts.GroupDesired = template, w.pin, 3
		}
		facts.Source = policy.SourceVersion(in.Source, facts.Latest, facts.Default, facts.GroupVersion)
		facts.SourceImage = w.imageOf(facts.Source)
		if in.Parameter != "" {
			facts.ParameterValue = w.parameter
		}
		return facts, nil
	})
}

func (f *fakes) FindSource(ctx context.Context, in activities.FindSourceInput) (activities.FindSourceOutput, error) {
	w := f.w
	return call(ctx, w, in.Place, func() (activities.FindSourceOutput, error) {
		pin := ""
		if in.Group != "" {
			pin = w.pin
		}
		n := policy.SourceVersion(in.Source, w.latest(), w.deflt, pin)
		return activities.FindSourceOutput{Version: n, ImageID: w.imageOf(n)}, nil
	})
}

func (f *fakes) CreateImage(ctx context.Context, in activities.CreateImageInput) (activities.CreateImageOutput, error) {
	return call(ctx, f.w, in.Place, func() (activities.CreateImageOutput, error) { return f.w.makeImage(in) })
}

func (f *fakes) CopyImage(ctx context.Context, in activities.CopyImageInput) (activities.CreateImageOutput, error) {
	return call(ctx, f.w, in.To, func() (activities.CreateImageOutput, error) {
		return f.w.makeImage(activities.CreateImageInput{Place: in.To, Name: in.Name, Description: in.Description, Run: in.Run, Tags: in.Tags})
	})
}

// makeImage adopts what the same run made under the same name.
func (w *world) makeImage(in activities.CreateImageInput) (activities.CreateImageOutput, error) {
	for _, i := range w.images {
		switch {
		case i.Place != in.Place || i.Name != in.Name:
		case i.Run == in.Run:
			return activities.CreateImageOutput{ImageID: i.id, Adopted: true}, nil
		default:
			return activities.CreateImageOutput{}, activities.Refuse(activities.ErrNameTaken, "the image name %s is taken", in.Name)
		}
	}
	i := &image{CreateImageInput: in, id: "ami-" + in.Place.Region, state: "pending", born: w.now()}
	w.images = append(w.images, i)
	return activities.CreateImageOutput{ImageID: i.id}, nil
}

// AwaitImage finds an image available at the third look.
func (f *fakes) AwaitImage(ctx context.Context, in activities.AwaitImageInput) (activities.AwaitImageOutput, error) {
	w := f.w
	return call(ctx, w, in.Place, func() (out activities.AwaitImageOutput, err error) {
		at := slices.IndexFunc(w.images, func(i *image) bool { return i.id == in.ImageID && i.Place == in.Place })
		if at < 0 {
			return out, activities.Refuse(activities.ErrNotFound, "image %s is gone", in.ImageID)
		}
		i, fate := w.images[at], w.fates[in.Place.Region]
		switch i.looks++; {
		case fate == "failed" && i.looks > 2:
			return out, activities.Refuse(activities.ErrImageFailed, "image %s ended as failed", in.ImageID)
		case fate == "" && i.looks > 2:
			i.state = "available"
			return out, nil
		case w.now().After(in.Deadline):
			return out, activities.Refuse(activities.ErrTimedOut, "image %s was still pending after %s", in.ImageID, in.Deadline.Sub(in.Begun))
		}
		return out, activities.NotReady(in.Poll, "image %s is pending", in.ImageID)
	})
}

func (f *fakes) ShareImage(ctx context.Context, in activities.ShareImageInput) error {
	_, err := call(ctx, f.w, in.Place, func() (none struct{}, err error) {
		for _, i := range f.w.images {
			if i.id == in.ImageID {
				i.shared = slices.Compact(append(i.shared, in.Accounts...))
			}
		}
		return none, nil
	})
	return err
}

// RemoveImage keeps the guard of the real one: an image that a new version refers to stays.
func (f *fakes) RemoveImage(ctx context.Context, in activities.RemoveImageInput) (activities.RemoveImageOutput, error) {
	w := f.w
	return call(ctx, w, in.Place, func() (out activities.RemoveImageOutput, err error) {
		out.ImageID = in.ImageID
		seen := slices.IndexFunc(w.images, func(i *image) bool {
			return i.Place == in.Place && i.Name == in.Name && i.Run == in.Run && !w.now().Before(i.born.Add(w.hidden))
		})
		if seen >= 0 {
			out.ImageID = w.images[seen].id
		}
		w.versions = slices.DeleteFunc(w.versions, func(v *version) bool { return v.Version == in.UnpublishedVersion })
		for _, v := range w.versions {
			if out.ImageID != "" && in.LaunchTemplateID != "" && v.Version > in.SinceVersion && v.image == out.ImageID {
				out.Kept = fmt.Sprintf("%s stays: version %d of %s uses it", out.ImageID, v.Version, in.LaunchTemplateID)
				return out, nil
			}
		}
		w.images = slices.DeleteFunc(w.images, func(i *image) bool { return i.id == out.ImageID && i.Place == in.Place })
		if seen < 0 && w.now().Before(in.SettleBy) {
			return out, activities.NotReady(20*time.Second, "image %s may still turn up", in.Name)
		}
		return out, nil
	})
}

func (f *fakes) CreateLaunchTemplateVersion(ctx context.Context, in activities.CreateVersionInput) (activities.CreateVersionOutput, error) {
	w := f.w
	return call(ctx, w, in.Place, func() (activities.CreateVersionOutput, error) {
		for _, v := range w.versions {
			if v.token == in.Token {
				return v.CreateVersionOutput, nil
			}
		}
		v := &version{CreateVersionOutput: activities.CreateVersionOutput{Version: w.latest() + 1, Created: w.now()}, image: in.ImageID, token: in.Token}
		w.versions = append(w.versions, v)
		return v.CreateVersionOutput, nil
	})
}

func (f *fakes) SetDefaultVersion(ctx context.Context, in activities.SetDefaultVersionInput) error {
	_, err := call(ctx, f.w, in.Place, func() (none struct{}, err error) {
		f.w.deflt = in.Version
		return none, nil
	})
	return err
}

func (f *fakes) PinGroup(ctx context.Context, in activities.PinGroupInput) error {
	_, err := call(ctx, f.w, in.Place, func() (none struct{}, err error) {
		f.w.pin = strconv.FormatInt(in.Version, 10)
		return none, nil
	})
	return err
}

func (f *fakes) PutImageParameter(ctx context.Context, in activities.PutImageParameterInput) (activities.PutImageParameterOutput, error) {
	w := f.w
	return call(ctx, w, in.Place, func() (activities.PutImageParameterOutput, error) {
		if w.parameter != in.ImageID {
			w.parameter, w.set = in.ImageID, w.now()
		}
		return activities.PutImageParameterOutput{Modified: w.set}, nil
	})
}

// RefreshInstances finds a refresh over at the third look after its start.
func (f *fakes) RefreshInstances(ctx context.Context, in activities.RefreshInput) (activities.RefreshOutput, error) {
	w := f.w
	return call(ctx, w, in.Place, func() (out activities.RefreshOutput, err error) {
		w.goOn()
		own, busy := policy.OwnRefresh(w.allRefreshes(), in.Since, in.Ignore)
		late := w.now().After(in.Deadline)
		switch {
		case own == nil && late:
			return out, activities.Refuse(activities.ErrTimedOut, "%s was busy until the deadline", in.Group)
		case own == nil && busy != nil:
			return out, activities.NotReady(in.Poll, "%s is busy with %s", in.Group, busy.ID)
		case own == nil:
			w.startRefresh()
			return out, activities.NotReady(in.Poll, "a refresh of %s started", in.Group)
		}
		out.Refresh = *own
		switch phase := policy.RefreshPhaseOf(own.Status); {
		case phase == policy.RefreshDone:
			out.Done, out.OnVersion, out.InService = true, 3, 3
		case phase == policy.RefreshRunning && late:
			out.TimedOut = true
		case phase == policy.RefreshRunning:
			return out, activities.NotReady(in.Poll, "the refresh of %s goes on", in.Group)
		}
		return out, nil
	})
}

func (f *fakes) CancelRefresh(ctx context.Context, in activities.CancelRefreshInput) (policy.Refresh, error) {
	w := f.w
	return call(ctx, w, in.Place, func() (policy.Refresh, error) {
		own, _ := policy.OwnRefresh(w.allRefreshes(), in.Since, nil)
		if own == nil {
			return policy.Refresh{}, nil
		}
		for _, r := range w.refreshes {
			if r.ID == own.ID && policy.RefreshPhaseOf(r.Status) == policy.RefreshRunning {
				r.Status, r.end, r.looks = "Cancelling", "Cancelled", 0
			}
		}
		return *own, nil
	})
}

// PostReport finds the message of a run again by its metadata, as the real one does.
func (f *fakes) PostReport(ctx context.Context, in activities.PostReportInput) (activities.PostReportOutput, error) {
	w := f.w
	return call(ctx, w, activities.Place{}, func() (activities.PostReportOutput, error) {
		again := !w.blind && (in.Again || activity.GetInfo(ctx).Attempt > 1)
		at := slices.IndexFunc(w.messages, func(m *message) bool {
			return m.ts == in.TS || in.TS == "" && again && m.report.RunID == in.Report.RunID
		})
		if at < 0 {
			at = len(w.messages)
			w.messages = append(w.messages, &message{channel: "C0123", ts: fmt.Sprintf("%d.0", at+1)})
		}
		m := w.messages[at]
		m.report, m.posts = in.Report, m.posts+1
		return activities.PostReportOutput{Channel: m.channel, TS: m.ts}, nil
	})
}
