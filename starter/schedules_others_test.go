package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/client"
)

// Two configurations with one namespace and task queue leave each other's schedules alone, and say so.
func TestSchedulesOfAnotherConfiguration(t *testing.T) {
	w := newScheduleWorld(t)
	w.apply(false)
	theirs := *w
	theirs.edit("table: epoxy-ledger", "table: theirs")
	start := strings.Index(theirs.text, "\nschedules:")
	theirs.text = theirs.text[:start] + "\nschedules:\n  theirs:\n    sweep: prod\n    every: 6h\n"
	if got := theirs.apply(false); !cmp.Equal(got, []string{"create epoxy-theirs"}) {
		t.Error(got)
	}
	if got := w.apply(false); len(got) > 0 {
		t.Errorf("it did %v", got)
	}
	_, others, err := w.planner().plan(t.Context())
	var out bytes.Buffer
	(&app{errOut: &out}).printOthers(others)
	if want := "theirs (epoxy-theirs) is left alone: it belongs to another configuration (table 123456789012/us-east-1/theirs)\n"; err != nil || out.String() != want {
		t.Errorf("%v: %q", err, out.String())
	}
	rows, err := w.planner().rows(t.Context(), func(*client.ScheduleDescription) (*lastRun, error) { return nil, nil })
	if err != nil || len(rows) != 4 || rows[3].State != "of another configuration" {
		t.Errorf("%v: %+v", err, rows)
	}
}
