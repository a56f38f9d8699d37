package activities

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	scalingtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
	"go.temporal.io/sdk/temporal"

	"epoxy/internal/cloud"
)

// throttled is a retry after five seconds and up to half of that, so that not all come back together.
func throttled(says string) what {
	return what{kind: ErrThrottled, after: 5 * time.Second, upTo: 7500 * time.Millisecond, says: says}
}

const denial = "You are not authorized to perform this operation. User: arn:aws:sts::123456789012:assumed-role/epoxy/epoxy is not authorized to perform: ec2:CreateTags " +
	"on resource: arn:aws:ec2:us-east-1::snapshot/*. Encoded authorization failure message: 4y1DvZ-abc_DEF"

func TestTranslateByCode(t *testing.T) {
	passing := what{says: "ec2:CreateImage in 123456789012/us-east-1"}
	for _, c := range []struct {
		code   string
		status int
		want   what
	}{
		{"RequestLimitExceeded", 503, throttled("ec2:CreateImage is throttled in 123456789012/us-east-1 (RequestLimitExceeded)")},
		{"Throttling", 400, throttled("(Throttling)")},
		{"ThrottlingException", 400, throttled("")},
		{"SnapshotCreationPerVolumeRateExceeded", 400, throttled("")},
		{"ConcurrentSnapshotLimitExceeded", 400, throttled("")},
		{"PendingSnapshotLimitExceeded", 400, throttled("")},
		{"ResourceLimitExceeded", 400, throttled("")}, // "you might have too many snapshot copies in progress"
		{"ResourceContention", 400, throttled("")},
		{"TooManyUpdates", 400, throttled("")},

		{"UnauthorizedOperation", 403, refused(ErrForbidden, "ec2:CreateImage is not allowed in 123456789012/us-east-1 (UnauthorizedOperation)…grant it to "+role+", as in deploy/iam")},
		{"AccessDenied", 403, refused(ErrForbidden, "")},
		{"AccessDeniedException", 400, refused(ErrForbidden, "")},
		{"AuthFailure", 401, refused(ErrForbidden, "")},
		{"OptInRequired", 401, refused(ErrForbidden, "")},
		{"InvalidClientTokenId", 403, refused(ErrForbidden, "")},

		{"InvalidInstanceID.NotFound", 400, refused(ErrNotFound, "ec2:CreateImage in 123456789012/us-east-1: words of AWS (InvalidInstanceID.NotFound)")},
		{"InvalidAMIID.Unavailable", 400, refused(ErrNotFound, "")},
		{"ParameterNotFound", 400, refused(ErrNotFound, "")},
		{"ResourceNotFoundException", 404, refused(ErrNotFound, "")},

		{"InvalidParameterValue", 400, refused(ErrInvalid, "ec2:CreateImage was refused in 123456789012/us-east-1: words of AWS (InvalidParameterValue)")},
		{"InvalidAMIName.Duplicate", 400, refused(ErrInvalid, "")},
		{"ValidationError", 400, refused(ErrInvalid, "")},
		{"MaxTemplateVersionLimitExceeded", 400, refused(ErrInvalid, "")},

		{"RequestExpired", 400, passing},
		{"ExpiredToken", 403, passing},
		{"IncorrectState", 400, passing},
		{"IdempotentParameterMismatch", 400, passing},
		{"IncorrectInstanceState", 400, passing},
		{"ScalingActivityInProgress", 400, passing},
		{"", 400, passing}, // a proxy's own page
		{"InternalError", 500, passing},
		{"Unavailable", 503, passing},
		{"A code of next year", 502, passing},
	} {
		err := translate(here, awsError("EC2", "CreateImage", c.status, c.code, "words of AWS"))
		wantError(t, fmt.Sprintf("%q with %d", c.code, c.status), err, c.want)
	}
}

// What the SDK itself takes for throttling is never told as a refusal.
func TestTranslateWhatTheSDKTriesAgain(t *testing.T) {
	for code := range retry.DefaultThrottleErrorCodes {
		wantError(t, code, translate(here, awsError("EC2", "CreateImage", 400, code, "")), throttled("is throttled"))
	}
	for code := range retry.DefaultRetryableErrorCodes {
		wantError(t, code, translate(here, awsError("EC2", "CreateImage", 400, code, "")), what{})
	}
}

func TestTranslateDenials(t *testing.T) {
	err := translate(here, awsError("EC2", "CreateImage", 403, "UnauthorizedOperation", denial))
	wantError(t, "denied by IAM", err, refused(ErrForbidden, "ec2:CreateTags is not allowed…on resource: arn:aws:ec2:us-east-1::snapshot/*"))
	if strings.Contains(err.Error(), "Encoded") || strings.Contains(err.Error(), "4y1DvZ") {
		t.Errorf("the encoded message is of no use to anybody: %v", err)
	}

	own := here
	own.RoleARN = ""
	err = translate(own, awsError("EC2", "CreateImage", 403, "UnauthorizedOperation", "no"))
	wantError(t, "denied to the worker", err, refused(ErrForbidden, "grant it to the worker's role"))

	// An assumed role is denied inside another call, as internal/cloud wraps it.
	inner := awsError("STS", "AssumeRole", 403, "AccessDenied", "User: arn:aws:iam::1:user/x is not authorized to perform: sts:AssumeRole on resource: "+role)
	err = translate(here, fmt.Errorf("reach %s: %w", here, inner))
	wantError(t, "role denied", err, refused(ErrForbidden, "sts:AssumeRole is not allowed…"+role))
}

func TestTranslateTheRest(t *testing.T) {
	if err := translate(here, nil); err != nil {
		t.Errorf("nothing became %v", err)
	}
	wantError(t, "wrong account", translate(here, fmt.Errorf("x: %w", &cloud.WrongAccountError{Want: "1", Got: "2", Role: role})),
		refused(ErrWrongAccount, role+" lead to account 2, not to 1"))
	wantError(t, "no answer", translate(here, errLost("EC2", "CreateImage")), what{says: "ec2:CreateImage in 123456789012/us-east-1…connection reset"})
	wantError(t, "words only", translate(here, errors.New("dns is down")), what{says: "the call in 123456789012/us-east-1: dns is down"})
	wantError(t, "spaces in a service's name", translate(here, awsError("Auto Scaling", "StartInstanceRefresh", 403, "AccessDenied", "no")),
		refused(ErrForbidden, "autoscaling:StartInstanceRefresh is not allowed"))

	done := Refuse(ErrNameTaken, "taken")
	for _, err := range []error{done, NotReady(time.Second, "soon"), context.Canceled, context.DeadlineExceeded} {
		if got := translate(here, err); got != err { //nolint:errorlint // the very same is wanted
			t.Errorf("%v became %v", err, got)
		}
	}
}

// What translate decides must reach the server: it travels in the error that the worker sends.
func TestTranslatedErrorsReachTemporal(t *testing.T) {
	for kind, c := range map[string]struct {
		cause error
		want  what
	}{
		"throttled": {awsError("EC2", "CreateImage", 503, "RequestLimitExceeded", ""), throttled("ec2:CreateImage is throttled")},
		"forbidden": {awsError("EC2", "CreateImage", 403, "UnauthorizedOperation", denial), refused(ErrForbidden, "ec2:CreateTags is not allowed")},
		"not ready": {NotReady(3*time.Second, "soon"), notReady(3*time.Second, "soon")},
		"broken":    {awsError("EC2", "CreateImage", 500, "InternalError", ""), what{says: "ec2:CreateImage"}},
	} {
		_, err := attempt(t, func(context.Context, string) (string, error) { return "", translate(here, c.cause) }, "")
		wantError(t, kind, err, c.want)
	}
}

// A place that cannot be reached is the same to every activity: told once, in the same words.
func TestEveryActivityTellsThatAPlaceIsClosed(t *testing.T) {
	closed := &cloud.WrongAccountError{Want: here.Account, Got: "999999999999", Role: role}
	set := Set{
		Surveyor:        &Surveyor{EC2: nowhere[SurveyAPI](closed)},
		Images:          &Images{Connect: nowhere[ImagesAPI](closed)},
		ImageWaiter:     &ImageWaiter{Connect: nowhere[ImageStatesAPI](closed)},
		ImageRemover:    &ImageRemover{Connect: nowhere[ImageRemovalAPI](closed)},
		LaunchTemplates: &LaunchTemplates{Connect: nowhere[LaunchTemplatesAPI](closed)},
		AutoScaling:     &AutoScaling{Connect: nowhere[AutoScalingAPI](closed)},
		Parameters:      &Parameters{Connect: nowhere[ParametersAPI](closed)},
	}
	for about, do := range map[string]func() error{
		"SurveyBake":  func() error { _, err := attempt(t, set.Surveyor.SurveyBake, SurveyInput{}); return err },
		"FindSource":  func() error { _, err := attempt(t, set.Surveyor.FindSource, FindSourceInput{}); return err },
		"CreateImage": func() error { _, err := attempt(t, set.Images.CreateImage, CreateImageInput{}); return err },
		"CopyImage":   func() error { _, err := attempt(t, set.Images.CopyImage, CopyImageInput{}); return err },
		"ShareImage":  func() error { _, err := attempt(t, silent(set.Images.ShareImage), ShareImageInput{}); return err },
		"AwaitImage":  func() error { _, err := attempt(t, set.ImageWaiter.AwaitImage, AwaitImageInput{}); return err },
		"RemoveImage": func() error { _, err := attempt(t, set.ImageRemover.RemoveImage, RemoveImageInput{}); return err },
		"SetDefault": func() error {
			_, err := attempt(t, silent(set.LaunchTemplates.SetDefaultVersion), SetDefaultVersionInput{})
			return err
		},
		"PinGroup": func() error { _, err := attempt(t, silent(set.AutoScaling.PinGroup), PinGroupInput{}); return err },
		"Refresh":  func() error { _, err := attempt(t, set.AutoScaling.RefreshInstances, RefreshInput{}); return err },
		"Cancel":   func() error { _, err := attempt(t, set.AutoScaling.CancelRefresh, CancelRefreshInput{}); return err },
		"PutParameter": func() error {
			_, err := attempt(t, set.Parameters.PutImageParameter, PutImageParameterInput{})
			return err
		},
		"CreateLaunchTemplateVersion": func() error {
			_, err := attempt(t, set.LaunchTemplates.CreateLaunchTemplateVersion, CreateVersionInput{})
			return err
		},
	} {
		wantError(t, about, do(), refused(ErrWrongAccount, "lead to account 999999999999, not to 123456789012"))
	}
}

// Codes that the activities ask for are those that the SDK reads from the wire.
func TestCodesAreTheSDKs(t *testing.T) {
	for want, fault := range map[string]smithy.APIError{
		"InstanceRefreshInProgress":     &scalingtypes.InstanceRefreshInProgressFault{},
		"ActiveInstanceRefreshNotFound": &scalingtypes.ActiveInstanceRefreshNotFoundFault{},
		"ResourceContention":            &scalingtypes.ResourceContentionFault{},
		"ScalingActivityInProgress":     &scalingtypes.ScalingActivityInProgressFault{},
		"ParameterNotFound":             &ssmtypes.ParameterNotFound{},
		"TooManyUpdates":                &ssmtypes.TooManyUpdates{},
	} {
		if got := codeOf(fmt.Errorf("x: %w", fault)); got != want {
			t.Errorf("%T is %s, want %s", fault, got, want)
		}
	}
}

func TestSpread(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 50 {
		d := spread(time.Second)
		if d < time.Second || d > 1500*time.Millisecond {
			t.Fatalf("a second was spread to %s", d)
		}
		seen[d] = true
	}
	if len(seen) < 2 {
		t.Error("everybody comes back at once")
	}
}

func TestErrorTypesArePermanent(t *testing.T) {
	const want = "NotFound Forbidden Invalid Throttled NotReady WrongAccount TimedOut ImageFailed NameTaken MoreThanTheImageChanged StillAlive BreakerStopped Tampered"
	if got := strings.Join(kinds, " "); got != want {
		t.Errorf("error types are\n%s, want\n%s", got, want)
	}
	var app *temporal.ApplicationError
	if err := Refuse(ErrInvalid, "%d of %s", 1, "x"); !errors.As(err, &app) || app.Message() != "1 of x" || !app.NonRetryable() {
		t.Errorf("a refusal is %v", err)
	}
}
