package main

import (
	"testing"

	"go.temporal.io/sdk/client"
	"pgregory.net/rapid"

	"epoxy/internal/config"
)

// The same times have the same text, however they are written.
func TestCronIsShownAsWhatItMeans(t *testing.T) {
	for cron, want := range map[string]string{
		"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *",
		"* * * * *": "* * * * *", "*/5 3-5 * * MON-FRI": "*/5 3-5 * * 1-5", "5/15 1,2,3,7 1-7 JAN,mar *": "5-50/15 1-3,7 1-7 1,3 *", "0,30 */2 * * SUN,SAT": "0,30 */2 * * 0,6",
		"0-59 0 1-31/10 * *": "* 0 */10 * *", "0 3 2-31/7 * *": "0 3 2-30/7 * *",
	} {
		spec, err := specOf(config.Schedule{Cron: cron, TimeZone: "UTC"})
		if err != nil || whenOf(&spec) != want {
			t.Errorf("%s is %s, %v; want %s", cron, whenOf(&spec), err, want)
		}
	}
	if _, err := specOf(config.Schedule{Cron: "@every 1h"}); err == nil {
		t.Error("an interval passed for times of the calendar")
	}
	odd := client.ScheduleSpec{Calendars: []client.ScheduleCalendarSpec{{
		Second: []client.ScheduleRange{{Start: 30}}, Minute: []client.ScheduleRange{{}}, Hour: []client.ScheduleRange{{Start: 3}, {Start: 3, End: 1}},
		DayOfMonth: []client.ScheduleRange{{Start: 1, End: 99}}, Month: []client.ScheduleRange{{Start: 1, End: 12}}, Year: []client.ScheduleRange{{Start: 2027}},
	}}}
	odd.Skip = odd.Calendars
	if got, want := whenOf(&odd), "0 3 * * never at second 30 in 2027-2027/1"; got != want+" but not "+want {
		t.Errorf("got %s", got)
	}
}

// Ranges hold exactly the values that they were made of.
func TestRangesAreExact(t *testing.T) {
	for _, s := range []span{seconds, hours, daysOfMonth, months, daysOfWeek} {
		rapid.Check(t, func(t *rapid.T) {
			var bits uint64
			for _, v := range rapid.SliceOf(rapid.IntRange(s.first, s.last)).Draw(t, "values") {
				bits |= 1 << v
			}
			if got := s.bits(s.ranges(bits)); got != bits {
				t.Errorf("%b became %b", bits, got)
			}
		})
	}
}
