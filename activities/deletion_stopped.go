package activities

import (
	"context"
	"errors"

	"go.temporal.io/sdk/temporal"
)

// DeletionSoFar are the details of the error that an attempt at a batch ends with: when it was the last one, they are what
// the run counts. It is small, for Temporal truncates what a failed attempt leaves behind.
type DeletionSoFar struct {
	Deleted int   `json:"deleted"`
	Bytes   int64 `json:"bytes"`
	Kept    int   `json:"kept"`
	Failed  int   `json:"failed"`
	Open    int   `json:"open"` // intended, and what became of it is not known
}

func (d *deletion) soFar() DeletionSoFar {
	out := DeletionSoFar{Deleted: d.out.Deleted, Bytes: d.out.Bytes, Kept: len(d.out.Kept), Failed: len(d.out.Failed)}
	ended := make(map[string]bool, len(d.ended))
	for _, e := range d.ended {
		ended[e.ID] = true
	}
	for _, v := range d.batch {
		if e := d.entries[v.ID]; d.begun(v) && !ended[e.ID] {
			out.Open++
		}
	}
	return out
}

// stopped is an attempt's error, with what was done before it. A cancellation stays what it is.
func (d *deletion) stopped(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	options := temporal.ApplicationErrorOptions{Details: []any{d.soFar()}}
	kind := ""
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		kind = app.Type()
		options.NonRetryable, options.NextRetryDelay, options.Category, options.Cause = app.NonRetryable(), app.NextRetryDelay(), app.Category(), app.Unwrap()
	}
	return temporal.NewApplicationErrorWithOptions(inWords(err), kind, options)
}

// names notes which vetoes mean something of the batch; a veto that means nothing anywhere was perhaps mistyped.
func (d *deletion) names(items []string) {
	for _, item := range items {
		if !d.named[item] {
			d.named[item] = true
			d.out.Named = append(d.out.Named, item)
		}
	}
}
