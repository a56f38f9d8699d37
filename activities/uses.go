package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"epoxy/internal/artifact"
	"epoxy/internal/policy"
)

// UseSurveyor finds out who holds images and task definitions, and changes nothing. Whatever it cannot read is an error: what is
// not known to be unused is in use.
type UseSurveyor struct {
	ECS           Connect[ECSUsesAPI]
	EventBridge   Connect[EventBridgeUsesAPI]
	Scheduler     Connect[SchedulerUsesAPI]
	Lambda        Connect[LambdaUsesAPI]
	AppRunner     Connect[AppRunnerUsesAPI]
	Batch         Connect[BatchUsesAPI]
	StepFunctions Connect[StepFunctionsUsesAPI]
	S3            Connect[artifact.API]

	known knowledge // what never changes, for all surveys of this process
}

// SurveyUses looks at one source in one place.
func (a *UseSurveyor) SurveyUses(ctx context.Context, in SurveyUsesInput) (SurveyUsesOutput, error) {
	defer beating(ctx, in.Source)()
	store, err := openShelf(ctx, a.S3, in.Store)
	if err != nil {
		return SurveyUsesOutput{}, err
	}
	found, err := a.survey(ctx, in)
	if err != nil {
		return SurveyUsesOutput{}, err
	}
	return found.keep(ctx, store, in.Place.String())
}

// survey is one look at one source in one place.
func (a *UseSurveyor) survey(ctx context.Context, in SurveyUsesInput) (*findings, error) {
	surveys := map[string]func(context.Context, SurveyUsesInput, *findings) error{
		policy.SourceECS:           a.surveyECS,
		policy.SourceEventBridge:   a.surveyEventBridge,
		policy.SourceScheduler:     a.surveyScheduler,
		policy.SourceLambda:        a.surveyLambda,
		policy.SourceAppRunner:     a.surveyAppRunner,
		policy.SourceBatch:         a.surveyBatch,
		policy.SourceStepFunctions: a.surveyStepFunctions,
	}
	survey, ok := surveys[in.Source]
	if !ok {
		return nil, Refuse(ErrInvalid, "there is no source %q to survey: sources are %v", in.Source, policy.AllSources())
	}
	found := newFindings()
	if err := survey(ctx, in, found); err != nil {
		return nil, translate(in.Place, err)
	}
	return found, nil
}

// each does the same for all items, side by side, until one fails.
func each[T any](ctx context.Context, items []T, do func(context.Context, T) error) error {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(sideBySide)
	for _, item := range items {
		if inner.Err() != nil {
			break
		}
		group.Go(func() error { return do(inner, item) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// beatEvery is well below the workflows' heartbeat timeout.
const beatEvery = 5 * time.Second

// beating heartbeats until it is stopped, also while all wait for their turn: so a cancellation arrives, and a crash shows.
func beating(ctx context.Context, details string) (stop func()) {
	if !activity.IsActivity(ctx) {
		return func() {}
	}
	activity.RecordHeartbeat(ctx, details)
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(beatEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				activity.RecordHeartbeat(ctx, details)
			case <-done:
				return
			}
		}
	}()
	return func() { close(done) }
}
