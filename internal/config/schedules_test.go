package config

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestScheduleDefaults(t *testing.T) {
	want := []Schedule{{
		Name: "hourly", Job: "sweep", Target: "prod", Cron: "@hourly", TimeZone: "UTC", Overlap: OverlapSkip, CatchUp: 6 * time.Hour, // and a sweep that fails is no reason to sweep no more
	}}
	if diff := cmp.Diff(want, load(t, mopping).Schedules()); diff != "" {
		t.Error(diff)
	}
}

// Who wants a sweep to pause says so.
func TestSweepsMayPauseOnFailure(t *testing.T) {
	text := changeIn(t, mopping, "    cron: \"@hourly\"\n", "    cron: \"@hourly\"\n    pause_on_failure: true\n")
	if got := load(t, text).Schedules(); !got[0].PauseOnFailure {
		t.Errorf("%+v", got)
	}
}

func TestScheduleSettings(t *testing.T) {
	text := pruning + `schedules:
  images:
    prune_images: shop
    cron: "5,35 1-3 * JAN-JUN sun"
    time_zone: America/New_York
    overlap: buffer_one
    catch_up: 90m
    jitter: 10m
    pause_on_failure: false
    paused: true
    note: until the move
    dry_run: true
  definitions: { prune_task_definitions: shop, every: 6h, offset: 30m }
`
	want := []Schedule{
		{
			Name: "definitions", Job: SchedulePruneTaskDefinitions, Target: "shop", Every: 6 * time.Hour, Offset: 30 * time.Minute,
			TimeZone: "UTC", Overlap: OverlapSkip, CatchUp: 6 * time.Hour, PauseOnFailure: true,
		},
		{
			Name: "images", Job: SchedulePruneImages, Target: "shop", Cron: "5,35 1-3 * JAN-JUN sun", TimeZone: "America/New_York",
			Overlap: OverlapBufferOne, CatchUp: 90 * time.Minute, Jitter: 10 * time.Minute, Paused: true, Note: "until the move", DryRun: true,
		},
	}
	if diff := cmp.Diff(want, load(t, text).Schedules()); diff != "" {
		t.Error(diff)
	}
}
