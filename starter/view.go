package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"epoxy/activities"
)

// view shows a run that goes on.
type view interface {
	show(s snapshot)
	note(line string)
	end()
}

// newView draws on a terminal and writes plain lines elsewhere; with --output json it is silent.
func (a *app) newView() view {
	if a.json() {
		return silent{}
	}
	if f, ok := a.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		width, _, err := term.GetSize(int(f.Fd()))
		if err != nil || width < 20 {
			width = 80
		}
		return &drawn{out: f, width: width, now: time.Now}
	}
	return &lines{out: a.out, said: map[string]bool{}}
}

type silent struct{}

func (silent) show(snapshot) {}
func (silent) note(string)   {}
func (silent) end()          {}

// lines writes one line for each thing that happens: for CI logs.
type lines struct {
	out  io.Writer
	said map[string]bool
}

func (l *lines) say(key, line string) {
	if !l.said[key] {
		l.said[key] = true
		fmt.Fprintln(l.out, line)
	}
}

func (l *lines) note(line string) { l.say(line, line) }
func (l *lines) end()             {}

func (l *lines) show(s snapshot) {
	if s.Report == nil && !s.closed() && !s.Silent {
		l.say("no worker", "no worker answers: is epoxy-worker running? The run goes on as soon as one is there")
	}
	if s.Report != nil {
		for _, step := range s.Report.Steps {
			l.step(step)
		}
	}
	for _, p := range s.Waiting {
		switch {
		case p.Percent >= 0:
			l.say(fmt.Sprint(p.Name, p.Percent/10), fmt.Sprintf("     %s", p.Message))
		case p.Message != "" && !p.NotReady:
			l.say(p.Name+p.Message, fmt.Sprintf("     %s, attempt %d: %s", p.Name, p.Attempt, p.Message))
		}
	}
	if s.closed() && s.Report != nil {
		l.say("end", s.Report.Headline)
	}
}

func (l *lines) step(step activities.Step) {
	key := step.Name + step.State + step.Begun.String() // a step may be done again
	switch step.State {
	case activities.StepRunning:
		text := fmt.Sprintf("%s  … %s", step.Begun.UTC().Format(time.TimeOnly), step.Name)
		if step.Note != "" {
			text += ": " + step.Note
		}
		l.say(key, text)
	case activities.StepDone, activities.StepFailed:
		mark := map[string]string{activities.StepDone: "✓", activities.StepFailed: "✗"}[step.State]
		text := fmt.Sprintf("%s  %s %s", step.Ended.UTC().Format(time.TimeOnly), mark, step.Name)
		if step.Note != "" {
			text += ": " + step.Note
		}
		l.say(key, fmt.Sprintf("%s (%s)", text, step.Took(step.Ended).Round(100*time.Millisecond)))
	}
}

// drawn redraws the steps in place, with a progress bar.
type drawn struct {
	out   io.Writer
	width int
	now   func() time.Time
	drew  int
	last  string
}

func (d *drawn) note(line string) { d.last = line }
func (d *drawn) end()             {}

func (d *drawn) show(s snapshot) {
	text := d.render(s)
	if d.drew > 0 {
		fmt.Fprintf(d.out, "\x1b[%dA\x1b[J", d.drew)
	}
	for _, line := range text {
		fmt.Fprintln(d.out, line)
	}
	d.drew, d.last = len(text), ""
}

func (d *drawn) render(s snapshot) []string {
	var text []string
	add := func(format string, args ...any) { text = append(text, cut(fmt.Sprintf(format, args...), d.width-1)) }
	if r := s.Report; r != nil {
		end := d.now()
		if !r.Ended.IsZero() {
			end = r.Ended
		}
		add("%s — %s (%s)", r.Title, r.Headline, end.Sub(r.Begun).Round(time.Second))
		for _, step := range r.Steps {
			add("  %s %-36s %s %s", stepSign(step.State), step.Name, took(step, d.now()), step.Note)
		}
	} else if !s.closed() && !s.Silent {
		add("no worker answers: is epoxy-worker running? The run goes on as soon as one is there (%s)", d.now().Sub(s.Started).Round(time.Second))
	}
	for _, p := range s.Waiting {
		if p.Percent >= 0 {
			add("    [%s] %3d %%  %s", bar(p.Percent, 30), p.Percent, p.Message)
		} else if p.Message != "" {
			add("    %s, attempt %d: %s", p.Name, p.Attempt, p.Message)
		}
	}
	if d.last != "" {
		add("    %s", d.last)
	}
	return text
}

func stepSign(state string) string {
	return map[string]string{
		activities.StepAhead: "·", activities.StepRunning: "…", activities.StepDone: "✓", activities.StepFailed: "✗",
	}[state]
}

func took(s activities.Step, now time.Time) string {
	if s.Begun.IsZero() {
		return strings.Repeat(" ", 7)
	}
	return fmt.Sprintf("%7s", s.Took(now).Round(time.Second))
}

func bar(percent, width int) string {
	full := min(max(percent, 0), 100) * width / 100
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}

// cut keeps a line from wrapping, which would spoil the redrawing.
func cut(s string, width int) string {
	r := []rune(s)
	if len(r) <= width {
		return s
	}
	return string(r[:width-1]) + "…"
}
