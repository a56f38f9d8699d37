package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// document is the file while it is being read: its lines for excerpts, where
// each path stands, and the problems found so far.
type document struct {
	file     string // as the person gave it
	dir      string // relative secret files start here
	lines    []string
	spots    map[string]spot
	bad      map[string]bool
	secrets  []foundSecret
	problems []Problem
}

// spot is a line and column, or the environment variable that overrides it.
type spot struct {
	line, column int
	variable     string
}

type foundSecret struct {
	at  place
	ref Secret
}

// place is one path of the document, with where to point for it: the value, or
// for a mapping its key, or for what is missing the nearest thing around it.
type place struct {
	doc  *document
	path string
	spot spot
	// secret says that nothing found here may be repeated in a message.
	secret bool
}

func (d *document) root() place {
	return place{doc: d, spot: spot{line: 1, column: 1}}
}

// key is the place of a field or map key below p.
func (p place) key(name string) place {
	if p.path != "" {
		name = p.path + "." + segment(name)
	} else {
		name = segment(name)
	}
	return p.child(name)
}

func (p place) index(i int) place { return p.child(p.path + "[" + strconv.Itoa(i) + "]") }

func (p place) child(path string) place {
	p.path = path
	if s, ok := p.doc.spots[path]; ok {
		p.spot = s
	}
	return p
}

// segment quotes a key that would make the path ambiguous.
func segment(name string) string {
	if name == "" || strings.ContainsAny(name, ".[]\" \t\n") {
		return strconv.Quote(redactName(name))
	}
	return redactName(name)
}

// known says whether the file (or the environment) has anything at p.
func (p place) known() bool {
	_, ok := p.doc.spots[p.path]
	return ok
}

// bad says whether p has been complained about, so that later checks stay quiet.
func (p place) bad() bool { return p.doc.bad[p.path] }

func (p place) mark(s spot) place {
	p.spot = s
	p.doc.spots[p.path] = s
	return p
}

// errorf records a problem at p.
func (p place) errorf(format string, args ...any) {
	p.doc.bad[p.path] = true
	p.doc.problems = append(p.doc.problems, p.problem(format, args...))
}

// problem is without its source line, which report adds: what a line may show
// is known only when all of it has been read.
func (p place) problem(format string, args ...any) Problem {
	out := Problem{File: p.doc.file, Path: p.path, Message: redact(fmt.Sprintf(format, args...))}
	if p.spot.variable != "" {
		out.File = "environment variable " + p.spot.variable
		return out
	}
	out.Line, out.Column = p.spot.line, p.spot.column
	return out
}

// report puts problems in the order of the file, drops what is said twice (a
// mistake in bake.defaults shows up in every target) and adds the source lines.
func (d *document) report(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	problems = slices.Compact(problems)
	for i, p := range problems {
		if p.Line > 0 && p.Line <= len(d.lines) {
			problems[i].Excerpt = d.lines[p.Line-1]
		}
	}
	return problems
}

// hide cuts the source line after keep characters from s on: nobody knows what
// stands there, so it may be a secret.
func (d *document) hide(s spot, keep int) {
	if s.line < 1 || s.line > len(d.lines) {
		return
	}
	line := []rune(d.lines[s.line-1])
	d.lines[s.line-1] = string(line[:min(len(line), s.column-1+keep)]) + "…"
}

// line is how a message names another place: "epoxy.yaml:14".
func (p place) line() string {
	if p.spot.variable != "" {
		return p.spot.variable
	}
	return fmt.Sprintf("%s:%d", p.doc.file, p.spot.line)
}

// show quotes a value for a message, unless it may be a secret or is endless.
func (p place) show(value string) string {
	if p.secret {
		return "the value"
	}
	value = redactName(value)
	if r := []rune(value); len(r) > 80 {
		value = string(r[:80]) + "…"
	}
	return strconv.Quote(value)
}
