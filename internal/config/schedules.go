package config

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // time zones are checked on machines and in containers that have none

	"github.com/invopop/jsonschema"
	"github.com/robfig/cron"
)

type (
	// Cron is a cron expression with five fields, or a shorthand such as @daily.
	Cron string
	// TimeZone is a time zone of the IANA database.
	TimeZone string
	// Overlap is what happens when a run is due while the one before still runs.
	Overlap string
)

// ScheduleSettings say what runs when.
type ScheduleSettings struct {
	PruneImages          string `yaml:"prune_images" doc:"policy in prune.images.policies to run"`
	PruneTaskDefinitions string `yaml:"prune_task_definitions" doc:"policy in prune.task_definitions.policies to run"`
	Sweep                string `yaml:"sweep" doc:"sweep in sweeps to run"`

	Cron     Cron      `yaml:"cron" doc:"when: minute, hour, day of month, month and day of week (0 to 6, or SUN to SAT), or @hourly, @daily, @weekly, @monthly or @yearly; with both a day of month and a day of week, both must match"`
	Every    *Duration `yaml:"every" rule:"min=1m,max=365d" doc:"instead of cron: how often, counted from midnight UTC of 1970-01-01"`
	Offset   *Duration `yaml:"offset" rule:"min=1s,max=365d" doc:"with every: how much later"`
	TimeZone *TimeZone `yaml:"time_zone" doc:"time zone that cron is meant in, such as Europe/Zurich; a time that a change of clocks leaves out is skipped, one that it repeats comes twice"`

	Overlap        *Overlap  `yaml:"overlap" doc:"when a run is due while the one before still runs: skip, or buffer_one (run once more after it)"`
	CatchUp        *Duration `yaml:"catch_up" rule:"min=1m,max=7d" doc:"how late a run may start that was missed because Temporal was down"`
	Jitter         *Duration `yaml:"jitter" rule:"min=1s,max=24h" doc:"start up to so much later, by chance"`
	PauseOnFailure *bool     `yaml:"pause_on_failure" doc:"pause after a run that failed, until a person has looked at it; true for prunes, false for sweeps, when left out"`
	Paused         bool      `yaml:"paused" doc:"start nothing"`
	Note           string    `yaml:"note" doc:"what people read beside it, such as why it is paused"`
	DryRun         bool      `yaml:"dry_run" doc:"of a prune: survey and plan alone"`
}

// How runs of a schedule may overlap.
const (
	OverlapSkip      Overlap = "skip"
	OverlapBufferOne Overlap = "buffer_one"
)

// What holds for a schedule that does not say.
var builtinSchedule = ScheduleSettings{
	TimeZone: new(TimeZone("UTC")), Overlap: new(OverlapSkip), CatchUp: new(Duration(6 * time.Hour)),
}

// What a schedule runs, as the fields of the file are called.
const (
	SchedulePruneImages          = "prune_images"
	SchedulePruneTaskDefinitions = "prune_task_definitions"
	ScheduleSweep                = "sweep"
)

// Schedule is everything that a schedule has to know. It has either Cron or Every.
type Schedule struct {
	Name     string        `json:"name"`
	Job      string        `json:"job"`    // Schedule…
	Target   string        `json:"target"` // the policy's or the sweep's name
	Cron     string        `json:"cron,omitempty"`
	Every    time.Duration `json:"every,omitempty"`
	Offset   time.Duration `json:"offset,omitempty"`
	TimeZone string        `json:"timeZone"`

	Overlap        Overlap       `json:"overlap"`
	CatchUp        time.Duration `json:"catchUp"`
	Jitter         time.Duration `json:"jitter,omitempty"`
	PauseOnFailure bool          `json:"pauseOnFailure"`
	Paused         bool          `json:"paused,omitempty"`
	Note           string        `json:"note,omitempty"`
	DryRun         bool          `json:"dryRun,omitempty"`
}

func (c *Config) checkSchedules(root place) {
	c.schedules = map[string]Schedule{}
	for _, name := range sortedKeys(c.File.Schedules) {
		at, s := root.key("schedules").key(name), overlay(c.File.Schedules[name], builtinSchedule)
		checkName(at, name)
		job, target := s.check(at, c)
		if s.PauseOnFailure == nil {
			s.PauseOnFailure = new(job != ScheduleSweep) // one bad night must not end what makes up for lost events
		}
		c.schedules[name] = Schedule{
			Name: name, Job: job, Target: target,
			Cron: string(s.Cron), Every: time.Duration(orZero(s.Every)), Offset: time.Duration(orZero(s.Offset)), TimeZone: string(*s.TimeZone),
			Overlap: *s.Overlap, CatchUp: time.Duration(*s.CatchUp), Jitter: time.Duration(orZero(s.Jitter)),
			PauseOnFailure: *s.PauseOnFailure, Paused: s.Paused, Note: s.Note, DryRun: s.DryRun,
		}
	}
}

// check checks settings against each other, and finds the job.
func (s ScheduleSettings) check(at place, c *Config) (job, target string) {
	prune := at.doc.root().key("prune")
	jobs := []struct {
		field, name, what string
		names             []string
		section           place
	}{
		{SchedulePruneImages, s.PruneImages, "policy", sortedKeys(c.images), prune.key("images").key("policies")},
		{SchedulePruneTaskDefinitions, s.PruneTaskDefinitions, "policy", sortedKeys(c.taskDefinitions), prune.key("task_definitions").key("policies")},
		{ScheduleSweep, s.Sweep, "sweep", c.SweepNames(), at.doc.root().key("sweeps")},
	}
	count := 0
	for _, j := range jobs {
		if !at.key(j.field).known() {
			continue
		}
		count++
		job, target = j.field, j.name
		checkReference(at.key(j.field), j.what, j.name, j.names, j.section)
	}
	if count != 1 {
		at.errorf("has %d jobs: say what to run with exactly one of prune_images, prune_task_definitions and sweep", count)
	}
	if dry := at.key("dry_run"); dry.known() && job == ScheduleSweep {
		dry.errorf("is for prunes: a sweep with mode: report only tells what it finds")
	}
	s.checkTimes(at)
	return job, target
}

func (s ScheduleSettings) checkTimes(at place) {
	cronAt, every, offset, zone := at.key("cron"), at.key("every"), at.key("offset"), at.key("time_zone")
	switch {
	case cronAt.known() && every.known():
		every.errorf("there is a cron, too (%s): keep one of them", cronAt.line())
	case !cronAt.known() && !every.known():
		at.errorf("does not say when: add cron: \"0 3 * * *\" or every: 6h")
	}
	if offset.known() && !every.known() {
		offset.errorf("is used only with every: add that, or put the time into cron")
	}
	if s.Offset != nil && s.Every != nil && !offset.bad() && !every.bad() && *s.Offset >= *s.Every {
		offset.errorf("%s is not shorter than every: %s, so it says nothing more: make it shorter", *s.Offset, *s.Every)
	}
	if zone.known() && every.known() && !cronAt.known() {
		zone.errorf("is used only with cron: every counts from midnight UTC")
	}
}

// cronShape keeps to what Temporal and cron read alike: no seconds, no years, no time zone.
var cronShape = regexp.MustCompile(`^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|[0-9A-Za-z*,/-]+( +[0-9A-Za-z*,/-]+){4})$`)

func (c *Cron) parse(text string, _ bool) error {
	if strings.HasPrefix(text, "@every") {
		return fmt.Errorf("%q: write every: 6h instead of cron", text)
	}
	if err := shaped(c, text, cronShape, "a cron expression: five fields (minute, hour, day of month, month, day of week), such as \"0 3 * * *\", or @daily"); err != nil {
		return err
	}
	times, err := cron.ParseStandard(text)
	switch {
	case err != nil:
		return fmt.Errorf("%q is not a cron expression: %w", text, err)
	case times.Next(time.Unix(0, 0)).IsZero() || neverOnAnyWeekday(text):
		return fmt.Errorf("%q never comes: there is no such day", text)
	}
	return nil
}

// neverOnAnyWeekday finds days that no month has. With a day of month and a day of week, cron takes either and Temporal both.
func neverOnAnyWeekday(text string) bool {
	fields := strings.Fields(text)
	if len(fields) != 5 {
		return false
	}
	fields[4] = "*"
	times, err := cron.ParseStandard(strings.Join(fields, " "))
	return err == nil && times.Next(time.Unix(0, 0)).IsZero()
}

func (z *TimeZone) parse(text string, _ bool) error {
	if _, err := time.LoadLocation(text); err != nil || text == "" || text == "Local" {
		return fmt.Errorf("%q is not a time zone: write one of the IANA database, such as UTC or Europe/Zurich", text)
	}
	*z = TimeZone(text)
	return nil
}

var overlaps = []string{string(OverlapSkip), string(OverlapBufferOne)}

func (o *Overlap) parse(text string, _ bool) error {
	return oneWord(o, text, "what a schedule can do", overlaps)
}

func (Cron) schema() *jsonschema.Schema { return pattern(cronShape, "0 3 * * *", "@daily") }
func (TimeZone) schema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", MinLength: new(uint64(1)), Examples: []any{"UTC", "Europe/Zurich"}}
}
func (Overlap) schema() *jsonschema.Schema { return oneOf(overlaps) }

// Schedules are the schedules of the file in order of their names.
func (c *Config) Schedules() []Schedule {
	out := make([]Schedule, 0, len(c.schedules))
	for _, name := range sortedKeys(c.schedules) {
		out = append(out, c.schedules[name])
	}
	return out
}
