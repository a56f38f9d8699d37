package config

import (
	"bytes"
	"errors"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxSize is far above any real file and keeps a wrong path (a log, a disk
// image) from being parsed.
const maxSize = 512 << 10

// maxDepth is far above what the fields need. The parser keeps the whole path
// with every node, so nesting costs it memory by the square.
const maxDepth = 100

// newDocument takes the text apart into masked lines; parsing comes after, so
// that a file which does not parse has excerpts too.
func newDocument(file, dir string, text []byte) *document {
	lines := strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	return &document{
		file: file, dir: dir, lines: maskLines(lines),
		spots: map[string]spot{}, bad: map[string]bool{},
	}
}

// parse returns the one mapping that the file consists of, or nil after
// recording why there is none.
func (d *document) parse(text []byte) ast.Node {
	if len(text) > maxSize {
		d.root().errorf("the file has %d bytes, more than the %d that a configuration can have: is this the right file?", len(text), maxSize)
		return nil
	}
	if line := tooDeep(string(text)); line > 0 {
		at := d.root()
		at.spot.line = line
		at.errorf("the text is nested more than %d deep here: is this the right file?", maxDepth)
		return nil
	}
	// goccy/go-yaml takes a byte order mark for a part of the first key.
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	// Duplicate keys are let through here because the parser would stop at the
	// first; the decoder reports them all.
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.syntaxError(err)
		return nil
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc != nil && doc.Body != nil && doc.Body.Type() != ast.CommentType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		d.root().errorf("the file is empty: start from epoxy.example.yaml")
		return nil
	case 1:
		return bodies[0]
	}
	d.at(bodies[1]).errorf("a second YAML document starts here: Epoxy reads one per file, so remove the %q line", "---")
	return nil
}

// tooDeep returns the line at which too many brackets are open, or too many
// list items begin, or 0. For so many, quotes and comments do not matter.
func tooDeep(text string) int {
	line, open := 0, 0
	for text := range strings.Lines(text) {
		line++
		if manyItems.MatchString(text) {
			return line
		}
		for _, r := range text {
			switch r {
			case '{', '[':
				open++
			case '}', ']':
				open = max(0, open-1)
			}
			if open > maxDepth {
				return line
			}
		}
	}
	return 0
}

// manyItems is maxDepth lists in each other on one line: "- - - …".
var manyItems = regexp.MustCompile(`^\s*([-?]\s+){100}`)

func (d *document) syntaxError(err error) {
	at := d.root()
	var syntax yaml.Error
	if !errors.As(err, &syntax) {
		at.errorf("this is not YAML: %v", err)
		return
	}
	if tk := syntax.GetToken(); tk != nil && tk.Position != nil {
		at.spot = spot{line: tk.Position.Line, column: tk.Position.Column}
	}
	at.errorf("this is not YAML: %s", syntax.GetMessage())
}

// at is the place of a node without a path of its own.
func (d *document) at(n ast.Node) place {
	p := d.root()
	p.spot = nodeSpot(n)
	return p
}

// nodeSpot points at the first thing a reader would call the node: a mapping's
// own token is the colon after its first key.
func nodeSpot(n ast.Node) spot {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return nodeSpot(m.Values[0].Key)
	}
	tk := n.GetToken()
	if tk == nil || tk.Position == nil {
		return spot{line: 1, column: 1}
	}
	return spot{line: max(1, tk.Position.Line), column: max(1, tk.Position.Column)}
}
