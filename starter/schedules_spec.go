package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron"
	"go.temporal.io/sdk/client"

	"epoxy/internal/config"
)

// A schedule's times come back from Temporal as ranges, however they were given. So both sides are read into the same few
// ranges, and compared and shown as the cron expression that they stand for.

// span is what a field of a cron expression can hold.
type span struct{ first, last int }

var (
	seconds     = span{0, 59}
	minutes     = span{0, 59}
	hours       = span{0, 23}
	daysOfMonth = span{1, 31}
	months      = span{1, 12}
	daysOfWeek  = span{0, 6}
)

// specOf is when a schedule of the configuration runs.
func specOf(s config.Schedule) (client.ScheduleSpec, error) {
	out := client.ScheduleSpec{Jitter: s.Jitter}
	if s.Every > 0 {
		out.Intervals = []client.ScheduleIntervalSpec{{Every: s.Every, Offset: s.Offset}}
		return out, nil
	}
	parsed, err := cron.ParseStandard(s.Cron)
	if err != nil {
		return out, err
	}
	fields, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return out, fmt.Errorf("%q names no times of the calendar", s.Cron)
	}
	out.TimeZoneName = s.TimeZone
	out.Calendars = []client.ScheduleCalendarSpec{{
		Second: seconds.ranges(1), Minute: minutes.ranges(fields.Minute), Hour: hours.ranges(fields.Hour), DayOfMonth: daysOfMonth.ranges(fields.Dom),
		Month: months.ranges(fields.Month), DayOfWeek: daysOfWeek.ranges(fields.Dow), Comment: s.Cron,
	}}
	return out, nil
}

// whenOf is when a schedule runs, in words that are the same for the same times.
func whenOf(s *client.ScheduleSpec) string {
	parts := make([]string, 0, len(s.Calendars)+len(s.Intervals))
	for _, c := range s.Calendars {
		parts = append(parts, cronOf(c))
	}
	for _, i := range s.Intervals {
		text := "every " + config.Duration(i.Every).String()
		if i.Offset > 0 {
			text += ", " + config.Duration(i.Offset).String() + " later"
		}
		parts = append(parts, text)
	}
	if len(parts) == 0 {
		return "never"
	}
	slices.Sort(parts)
	text := strings.Join(parts, " and ")
	for _, c := range s.Skip {
		text += " but not " + cronOf(c)
	}
	if !s.StartAt.IsZero() {
		text += " from " + s.StartAt.UTC().Format(time.RFC3339)
	}
	if !s.EndAt.IsZero() {
		text += " until " + s.EndAt.UTC().Format(time.RFC3339)
	}
	return text
}

// cronOf is a calendar as a cron expression, with what cron does not know in words after it.
func cronOf(c client.ScheduleCalendarSpec) string {
	text := strings.Join([]string{
		minutes.text(c.Minute), hours.text(c.Hour), daysOfMonth.text(c.DayOfMonth), months.text(c.Month), daysOfWeek.text(c.DayOfWeek),
	}, " ")
	if second := seconds.text(c.Second); second != "0" {
		text += " at second " + second
	}
	for _, r := range c.Year {
		text += fmt.Sprintf(" in %d-%d/%d", r.Start, max(r.Start, r.End), max(r.Step, 1))
	}
	return text
}

// ranges are the few ranges that hold exactly the values whose bits are set.
func (s span) ranges(bits uint64) []client.ScheduleRange {
	var values []int
	for v := s.first; v <= s.last; v++ {
		if bits&(1<<v) != 0 {
			values = append(values, v)
		}
	}
	if step, ok := evenly(values); ok {
		return []client.ScheduleRange{{Start: values[0], End: values[len(values)-1], Step: step}}
	}
	var out []client.ScheduleRange
	for _, v := range values {
		if last := len(out) - 1; last >= 0 && out[last].End == v-1 {
			out[last].End = v
		} else {
			out = append(out, client.ScheduleRange{Start: v, End: v, Step: 1})
		}
	}
	return out
}

// evenly tells whether at least three values are the same step apart.
func evenly(values []int) (step int, ok bool) {
	if len(values) < 3 {
		return 0, false
	}
	step = values[1] - values[0]
	for i := 2; i < len(values); i++ {
		if values[i]-values[i-1] != step {
			return 0, false
		}
	}
	return step, true
}

// bits are the values of ranges, as Temporal reads them: without an end it is the start, without a step 1.
func (s span) bits(ranges []client.ScheduleRange) uint64 {
	var out uint64
	for _, r := range ranges {
		for v := r.Start; v <= min(max(r.Start, r.End), s.last); v += max(r.Step, 1) {
			if v >= s.first {
				out |= 1 << v
			}
		}
	}
	return out
}

func (s span) text(ranges []client.ScheduleRange) string {
	var parts []string
	for _, r := range s.ranges(s.bits(ranges)) {
		switch {
		case r.Start == r.End:
			parts = append(parts, fmt.Sprint(r.Start))
		case r.Start == s.first && r.End+r.Step > s.last:
			parts = append(parts, "*"+stepText(r.Step))
		default:
			parts = append(parts, fmt.Sprintf("%d-%d%s", r.Start, r.End, stepText(r.Step)))
		}
	}
	return cmp.Or(strings.Join(parts, ","), "never")
}

func stepText(step int) string {
	if step == 1 {
		return ""
	}
	return fmt.Sprintf("/%d", step)
}
