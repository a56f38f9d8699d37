package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// wire is the way to a fake: it counts calls, fails them before they are carried out, or loses their answers.
type wire struct {
	service string

	mu    sync.Mutex
	calls map[string]int
	fail  map[string][]error // by operation, what the next calls answer; nil lets one pass
	lose  map[string]int     // by operation, how many of the next answers do not arrive
}

func newWire(service string) *wire {
	return &wire{service: service, calls: map[string]int{}, fail: map[string][]error{}, lose: map[string]int{}}
}

func (w *wire) call(ctx context.Context, operation string, do func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[operation]++
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if next := w.fail[operation]; len(next) > 0 {
		w.fail[operation] = next[1:]
		if next[0] != nil {
			return next[0]
		}
	}
	err := do()
	if err == nil && w.lose[operation] > 0 {
		w.lose[operation]--
		return errLost(w.service, operation)
	}
	return err
}

// failing makes the next calls of an operation fail with a code.
func (w *wire) failing(operation string, status int, code, message string) {
	w.fail[operation] = append(w.fail[operation], awsError(w.service, operation, status, code, message))
}

func (w *wire) refuse(operation, code, format string, args ...any) error {
	return awsError(w.service, operation, 400, code, fmt.Sprintf(format, args...))
}

// used is a client token with what was asked with it and answered to it.
type used struct{ asked, answered string }

// match applies filters as EC2 does: it knows which there are, and takes at most 200 values.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
func match(filters []types.Filter, fields map[string]string, tags []types.Tag) (bool, error) {
	for _, f := range filters {
		have, known := fields[*f.Name]
		if key, isTag := strings.CutPrefix(*f.Name, "tag:"); isTag {
			have, known = tagOf(tags, key), true
		}
		if !known || len(f.Values) == 0 || len(f.Values) > 200 {
			return false, fmt.Errorf("the filter '%s' with %d values is invalid", *f.Name, len(f.Values))
		}
		if !slices.Contains(f.Values, have) {
			return false, nil
		}
	}
	return true, nil
}

// page cuts what follows the token, which is the last id of the page before.
func page[T any](all []T, token *string, size int, id func(T) string) (part []T, next *string) {
	all = slices.SortedFunc(slices.Values(all), func(a, b T) int { return strings.Compare(id(a), id(b)) })
	for _, x := range all {
		if id(x) > aws.ToString(token) {
			part = append(part, x)
		}
	}
	if len(part) <= size {
		return part, nil
	}
	return part[:size], aws.String(id(part[size-1]))
}
