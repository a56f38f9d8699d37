package activities

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"pgregory.net/rapid"
)

const (
	run    = "0197a1b2-run-1"
	name   = "vg-shop-web-prod-a-20260102030405"
	server = "i-0123456789abcdef0"
	lt     = "lt-0123456789abcdef0"
	group  = "shop-web"
	golden = "/golden/web"
	role   = "arn:aws:iam::123456789012:role/epoxy"

	patience = 30 * time.Second // of real time, that a test may stand still
)

var (
	here   = Place{Account: "123456789012", Region: "us-east-1", RoleARN: role}
	abroad = here.In("eu-west-1")
	begun  = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

	quiet = log.NewStructuredLogger(slog.New(slog.DiscardHandler))
)

// to connects every place with the same client.
func to[T any](client T) Connect[T] {
	return func(context.Context, Place) (T, error) { return client, nil }
}

// nowhere is a place that cannot be reached.
func nowhere[T any](err error) Connect[T] {
	return func(context.Context, Place) (T, error) {
		var none T
		return none, err
	}
}

// beats gathers heartbeats, and hands the last one to the next attempt, as Temporal does.
type beats[T any] struct{ all []T }

func (b *beats[T]) keep(env *testsuite.TestActivityEnvironment) {
	if len(b.all) > 0 {
		env.SetHeartbeatDetails(b.all[len(b.all)-1])
	}
	env.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		var beat T
		if details.Get(&beat) == nil {
			b.all = append(b.all, beat)
		}
	})
}

// retried runs an activity as a worker does: again, until it is answered or has failed three times.
func retried[In, Out any](t *testing.T, do func(context.Context, In) (Out, error), in In) (out Out, err error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet)
	env := suite.NewTestWorkflowEnvironment()
	// Of real time: a busy machine stands still for longer than the SDK's one second.
	env.SetTestTimeout(patience)
	env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: patience})
	env.RegisterActivity(do)
	env.ExecuteWorkflow(func(ctx workflow.Context) (out Out, err error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 3}})
		return out, workflow.ExecuteActivity(ctx, do, in).Get(ctx, &out)
	})
	if err := env.GetWorkflowError(); err != nil {
		return out, err
	}
	return out, env.GetWorkflowResult(&out)
}

// attempt runs an activity once, as a worker does: its error is what Temporal would be told.
func attempt[In, Out any](t testing.TB, do func(context.Context, In) (Out, error), in In, options ...func(*testsuite.TestActivityEnvironment)) (out Out, err error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet)
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(do)
	for _, option := range options {
		option(env)
	}
	value, err := env.ExecuteActivity(do, in)
	if value != nil && value.HasValue() {
		if err := value.Get(&out); err != nil {
			t.Fatal(err)
		}
	}
	return out, err
}

// silent gives an activity without a result the shape of the others.
func silent[In any](do func(context.Context, In) error) func(context.Context, In) (struct{}, error) {
	return func(ctx context.Context, in In) (struct{}, error) { return struct{}{}, do(ctx, in) }
}

// until tries again while the answer is "not yet", and returns what it said each time.
func until[In, Out any](t testing.TB, do func(context.Context, In) (Out, error), in In, options ...func(*testsuite.TestActivityEnvironment)) (out Out, said []string, err error) {
	t.Helper()
	for range 20 {
		out, err = attempt(t, do, in, options...)
		var app *temporal.ApplicationError
		if !errors.As(err, &app) || app.NonRetryable() {
			return out, said, err
		}
		said = append(said, app.Message())
	}
	t.Fatalf("still not done: %q", said)
	return out, said, err
}

// what an error tells Temporal and people.
type what struct {
	kind   string // "": a plain error
	final  bool   // no retry
	benign bool
	after  time.Duration // the retry's delay, exactly; with upTo, at least
	upTo   time.Duration
	says   string // parts that the message has, separated by …
}

func wantError(t testing.TB, about string, err error, want what) {
	t.Helper()
	var app *temporal.ApplicationError
	if err == nil || want.kind != "" && !errors.As(err, &app) {
		t.Errorf("%s: error is %v, want %s", about, err, want.kind)
		return
	}
	got := what{says: want.says}
	if errors.As(err, &app) {
		got.final, got.benign = app.NonRetryable(), app.Category() == temporal.ApplicationErrorCategoryBenign
		got.after, got.upTo = app.NextRetryDelay(), want.upTo
		if slices.Contains(kinds, app.Type()) {
			got.kind = app.Type()
		}
		if want.upTo > 0 && got.after >= want.after && got.after <= want.upTo {
			got.after = want.after
		}
	}
	if got != want {
		t.Errorf("%s: error is %+v, want %+v: %v", about, got, want, err)
	}
	for part := range strings.SplitSeq(want.says, "…") {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %q is not in %q", about, part, err)
		}
	}
}

var kinds = []string{
	ErrNotFound, ErrForbidden, ErrInvalid, ErrThrottled, ErrNotReady, ErrWrongAccount, ErrTimedOut, ErrImageFailed, ErrNameTaken, ErrNotAlone,
	ErrAlive, ErrStopped,
}

// notReady is "look again after the delay".
func notReady(after time.Duration, says string) what {
	return what{kind: ErrNotReady, benign: true, after: after, says: says}
}

// refused is an error that no retry mends.
func refused(kind, says string) what { return what{kind: kind, final: true, says: says} }

// awsError is what the SDK returns for an answer with an error code.
func awsError(service, operation string, status int, code, message string) error {
	answer := &smithyhttp.Response{Response: &http.Response{StatusCode: status}}
	return &smithy.OperationError{ServiceID: service, OperationName: operation, Err: &awshttp.ResponseError{
		RequestID:     "r-1",
		ResponseError: &smithyhttp.ResponseError{Response: answer, Err: &smithy.GenericAPIError{Code: code, Message: message}},
	}}
}

// errLost is what the SDK returns where no answer came.
func errLost(service, operation string) error {
	return &smithy.OperationError{ServiceID: service, OperationName: operation, Err: &smithyhttp.RequestSendError{Err: syscall.ECONNRESET}}
}

func must[T any](t rapid.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
