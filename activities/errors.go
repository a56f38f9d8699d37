package activities

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"go.temporal.io/sdk/temporal"

	"epoxy/internal/cloud"
)

// Types of the errors that activities return; workflows and the command tell them apart by these. They are permanent.
const (
	ErrNotFound     = "NotFound"
	ErrForbidden    = "Forbidden"
	ErrInvalid      = "Invalid"
	ErrThrottled    = "Throttled"
	ErrNotReady     = "NotReady"
	ErrWrongAccount = "WrongAccount"
	ErrTimedOut     = "TimedOut"
	ErrImageFailed  = "ImageFailed"
	ErrNameTaken    = "NameTaken"
	ErrNotAlone     = "MoreThanTheImageChanged"
)

// Refuse is an error that no retry mends: it says what was asked, what was found and what to change.
func Refuse(kind, format string, args ...any) error {
	return temporal.NewApplicationErrorWithOptions(fmt.Sprintf(format, args...), kind,
		temporal.ApplicationErrorOptions{NonRetryable: true})
}

// NotReady asks Temporal to look again after the delay. It is no failure, hence Benign: it neither alarms nor fills logs,
// and a retry adds no event to the history.
func NotReady(delay time.Duration, format string, args ...any) error {
	return temporal.NewApplicationErrorWithOptions(fmt.Sprintf(format, args...), ErrNotReady,
		temporal.ApplicationErrorOptions{NextRetryDelay: delay, Category: temporal.ApplicationErrorCategoryBenign})
}

// The codes that matter here. Beside the SDK's list of throttling codes, some limits are on what is under way: they pass.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html (TooManyUpdates)
var (
	throttleCodes = map[string]bool{
		"SnapshotCreationPerVolumeRateExceeded": true, "ConcurrentSnapshotLimitExceeded": true, "PendingSnapshotLimitExceeded": true,
		"ResourceLimitExceeded": true, "ResourceContention": true, "TooManyUpdates": true,
	}
	forbiddenCodes = map[string]bool{
		"UnauthorizedOperation": true, "AccessDenied": true, "AccessDeniedException": true, "AuthFailure": true,
		"OptInRequired": true, "InvalidClientTokenId": true, "SignatureDoesNotMatch": true, "UnrecognizedClientException": true,
	}
	// passingCodes look like the caller's fault (4xx) and yet pass by themselves.
	passingCodes = map[string]bool{
		"RequestExpired": true, "ExpiredToken": true, "ExpiredTokenException": true, "IncorrectState": true,
		"IdempotentParameterMismatch": true, "RequestTimeout": true, "RequestTimeoutException": true, "ScalingActivityInProgress": true,
		"IncorrectInstanceState": true,
	}
)

// translate turns what came back from outside into what Temporal is to do about it: forbidden and invalid end the
// attempt for good, throttling waits, anything else is retried. The message names the action and the place.
func translate(place cloud.Place, err error) error {
	var app *temporal.ApplicationError
	var wrong *cloud.WrongAccountError
	switch {
	case err == nil, errors.As(err, &app), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &wrong):
		return Refuse(ErrWrongAccount, "%s", wrong.Error())
	}
	action, code, message := describe(err)
	switch {
	case isThrottled(code):
		return temporal.NewApplicationErrorWithOptions(fmt.Sprintf("%s is throttled in %s (%s)", action, place, code), ErrThrottled,
			temporal.ApplicationErrorOptions{NextRetryDelay: spread(5 * time.Second)})
	case forbiddenCodes[code]:
		return Refuse(ErrForbidden, "%s is not allowed in %s (%s): %s; grant it to %s, as in deploy/iam",
			action, place, code, message, roleOf(place))
	case isNotFound(code):
		return Refuse(ErrNotFound, "%s in %s: %s (%s)", action, place, message, code)
	case !passingCodes[code] && code != "" && statusOf(err)/100 == 4:
		return Refuse(ErrInvalid, "%s was refused in %s: %s (%s)", action, place, message, code)
	}
	return fmt.Errorf("%s in %s: %w", action, place, err)
}

// spread adds up to half of the delay, so that those who were throttled together do not come back together.
func spread(d time.Duration) time.Duration {
	return d + rand.N(d/2) //nolint:gosec // no secret: it spreads retries
}

func isThrottled(code string) bool {
	_, known := retry.DefaultThrottleErrorCodes[code]
	return known || throttleCodes[code]
}

func isNotFound(code string) bool {
	return strings.HasSuffix(code, ".NotFound") || strings.HasSuffix(code, "NotFoundException") ||
		code == "InvalidAMIID.Unavailable" || code == "ParameterNotFound"
}

// codeOf is the AWS error code, or "" where no answer came.
func codeOf(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// iamPrefixes are the services whose permissions begin otherwise than the SDK calls them.
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
var iamPrefixes = map[string]string{"eventbridge": "events", "sfn": "states"}

// messageOf is what AWS says, without its request id and the SDK's words.
func messageOf(err error) string {
	_, _, message := describe(err)
	return message
}

func statusOf(err error) int {
	if resp, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return resp.HTTPStatusCode()
	}
	return http.StatusServiceUnavailable
}

// deniedAction finds the action in "… is not authorized to perform: ec2:CreateImage on resource: …".
var deniedAction = regexp.MustCompile(`not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)`)

// encodedMessage is the part that only sts:DecodeAuthorizationMessage can read; it is long and helps nobody here.
var encodedMessage = regexp.MustCompile(`\s*Encoded authorization failure message: \S+`)

func describe(err error) (action, code, message string) {
	message = err.Error()
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		code, message = api.ErrorCode(), encodedMessage.ReplaceAllString(api.ErrorMessage(), "")
	}
	action = "the call"
	if op, ok := errors.AsType[*smithy.OperationError](err); ok {
		service := strings.ToLower(strings.ReplaceAll(op.ServiceID, " ", ""))
		if prefix, ok := iamPrefixes[service]; ok {
			service = prefix
		}
		action = service + ":" + op.OperationName
	}
	if m := deniedAction.FindStringSubmatch(message); m != nil {
		action = m[1]
	}
	return action, code, message
}

func roleOf(p cloud.Place) string {
	if p.RoleARN != "" {
		return p.RoleARN
	}
	return "the worker's role"
}
