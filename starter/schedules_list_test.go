package main

import (
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
)

func TestScheduleRows(t *testing.T) {
	w := newScheduleWorld(t)
	w.apply(false)
	d := w.server.all[images]
	d.Schedule.State.Paused, d.Schedule.State.Note = true, "paused due to workflow failure"
	for hour := range 5 {
		d.Info.NextActionTimes = append(d.Info.NextActionTimes, time.Date(2026, 11, 23+hour, 2, 0, 0, 0, time.UTC))
	}
	w.edit("  nightly-images:\n", "  new-name:\n") // the old one is still there
	rows, err := w.planner().rows(t.Context(), func(d *client.ScheduleDescription) (*lastRun, error) {
		if len(d.Info.NextActionTimes) == 0 {
			return nil, nil
		}
		return &lastRun{WorkflowID: "scheduled/x", Result: "failed", At: time.Date(2026, 11, 20, 2, 0, 7, 0, time.UTC)}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	a := &app{out: &out, output: outputText}
	if err := a.printSchedules(rows); err != nil {
		t.Fatal(err)
	}
	want := `NAME              JOB                          WHEN                               STATE                      LAST RUN                     NEXT RUNS                                                           NOTE
new-name          prune_images shop            0 3 * * 1-5 Europe/Zurich          not applied                never                                                                                            
nightly-images                                 0 3 * * 1-5 Europe/Zurich          not in epoxy.yaml, paused  failed 2026-11-20 03:00 CET  2026-11-23 03:00 CET, 2026-11-24 03:00 CET, 2026-11-25 03:00 CET  paused due to workflow failure
sweep-prod        sweep prod                   every 6h, 30m later UTC            active                     never                                                                                            
task-definitions  prune_task_definitions shop  0 0 * * 0 UTC                      paused                     never                                                                                            waits for the migration
`
	if trimmed(out.String()) != trimmed(want) {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// trimmed is a table without its padding.
func trimmed(table string) string {
	lines := strings.Split(table, "\n")
	for i, line := range lines {
		lines[i] = strings.Join(strings.Fields(line), " ")
	}
	return strings.Join(lines, "\n")
}
