package config

import (
	"fmt"
	"strings"
	"unicode"
)

// Problem is one thing wrong with the configuration, at the place to change.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
	// Excerpt is the source line, with everything that may be secret masked.
	Excerpt string `json:"excerpt,omitempty"`
}

// Error is the problem on one line, without the excerpt.
func (p Problem) Error() string {
	where := p.File
	if p.Line > 0 {
		where = fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
	if p.Path != "" {
		where += ": " + p.Path
	}
	return where + ": " + p.Message
}

// Format is the problem with the offending source line below it, laid out as
// goccy/go-yaml prints its own errors.
func (p Problem) Format(color bool) string {
	message, mark := p.Error(), ">"
	if color {
		message, mark = red(message), red(mark)
	}
	if p.Excerpt == "" {
		return message
	}
	line, column := window(p.Excerpt, p.Column)
	prefix := fmt.Sprintf(" %d | ", p.Line)
	caret := "^"
	if color {
		caret = red(caret)
	}
	return fmt.Sprintf("%s\n%s%s%s\n%s%s", message, mark, prefix, line,
		strings.Repeat(" ", len(prefix)+column), caret)
}

// window cuts a very long line down to what surrounds the column, which it
// returns relative to the cut. Tabs and control characters become one blank
// each: the caret stays true and a file cannot send escape codes to a terminal.
func window(line string, column int) (string, int) {
	runes := []rune(strings.Map(blankControl, line))
	const before, width = 100, 160
	from := max(0, min(column-before, len(runes)))
	to := min(len(runes), from+width)
	return string(runes[from:to]), max(1, min(column-from, to-from+1))
}

func blankControl(r rune) rune {
	if unicode.IsControl(r) {
		return ' '
	}
	return r
}

func red(s string) string { return "\x1b[1;31m" + s + "\x1b[0m" }

// Error is everything wrong with a configuration, in the order of the file.
type Error struct {
	Problems []Problem
}

// maxShown keeps one broken anchor from filling the terminal.
const maxShown = 50

// Error lists all problems with their source lines, without colour.
func (e *Error) Error() string { return e.Format(false) }

// Format lists all problems with their source lines.
func (e *Error) Format(color bool) string {
	var parts []string
	for _, p := range e.Problems[:min(len(e.Problems), maxShown)] {
		parts = append(parts, p.Format(color))
	}
	if more := len(e.Problems) - maxShown; more > 0 {
		parts = append(parts, fmt.Sprintf("… and %d more", more))
	}
	return strings.Join(parts, "\n")
}

// Unwrap gives each problem to errors.As.
func (e *Error) Unwrap() []error {
	all := make([]error, len(e.Problems))
	for i, p := range e.Problems {
		all[i] = p
	}
	return all
}
