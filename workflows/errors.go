package workflows

import (
	"errors"

	"go.temporal.io/sdk/temporal"
)

// refuse ends a run for a reason that no retry mends.
func refuse(kind, why string) error {
	return temporal.NewNonRetryableApplicationError(why, kind, nil)
}

// isRefusal tells an error that came as a definite answer from one that leaves open whether the call was carried out.
func isRefusal(err error) bool {
	var app *temporal.ApplicationError
	return errors.As(err, &app) && app.NonRetryable()
}

// isType tells whether an activity or the workflow itself refused with this type of error.
func isType(err error, kind string) bool {
	app, ok := errors.AsType[*temporal.ApplicationError](err)
	return ok && app.Type() == kind
}

// reasonOf is the innermost message of an error: the words that the activity chose for people.
func reasonOf(err error) string {
	if timeout, ok := errors.AsType[*temporal.TimeoutError](err); ok { // first: what the last attempt answered is inside it
		if last := timeout.Unwrap(); last != nil {
			return reasonOf(last) + " (gave up: " + timeout.TimeoutType().String() + " timeout)"
		}
		return "no answer (" + timeout.TimeoutType().String() + " timeout)"
	}
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return app.Message()
	}
	return err.Error()
}
