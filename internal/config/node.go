package config

import (
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// entry is one key of a mapping after merge keys have been followed.
type entry struct {
	name   string
	key    ast.Node
	node   ast.Node
	merged bool
}

// maxMerges stops anchors that merge themselves.
const maxMerges = 10

// entries lists the keys of a mapping. A mapping with nothing below it is an
// empty one: people comment out the last line of a section.
func (d *decoder) entries(n ast.Node, at place) ([]entry, bool) {
	return d.merge(n, at, 0)
}

func (d *decoder) merge(n ast.Node, at place, depth int) ([]entry, bool) {
	if n.Type() == ast.NullType {
		return nil, true
	}
	m, ok := n.(ast.MapNode)
	if !ok {
		d.doc.hide(nodeSpot(n), 0)
		at.errorf("must be a mapping (key: value), but is %s", kind(n))
		return nil, false
	}
	var own, merged []entry
	index := map[string]int{}
	for iter := m.MapRange(); iter.Next(); {
		if iter.Key().IsMergeKey() {
			merged = append(merged, d.mergedEntries(iter.Value(), at, depth)...)
			continue
		}
		name, ok := d.keyName(iter.Key(), at)
		if !ok {
			continue
		}
		if first, twice := index[name]; twice {
			d.duplicate(own[first], iter.Key(), at)
			continue
		}
		index[name] = len(own)
		own = append(own, entry{name: name, key: iter.Key(), node: iter.Value()})
	}
	// What stands in the mapping itself wins over what is merged into it, and an
	// earlier merge over a later one: https://yaml.org/type/merge.html
	for _, e := range merged {
		if _, there := index[e.name]; !there {
			index[e.name] = len(own)
			e.merged = true
			own = append(own, e)
		}
	}
	return own, true
}

func (d *decoder) mergedEntries(n ast.Node, at place, depth int) []entry {
	if depth >= maxMerges {
		if !at.bad() {
			at.errorf("merges (<<) more than %d mappings into each other: write the settings out", maxMerges)
		}
		return nil
	}
	n, ok := d.deref(n, at)
	if !ok {
		return nil
	}
	if list, ok := n.(*ast.SequenceNode); ok {
		var all []entry
		for _, item := range list.Values {
			all = append(all, d.mergedEntries(item, at, depth+1)...)
		}
		return all
	}
	entries, _ := d.merge(n, at, depth+1)
	if !d.spend(len(entries), at) {
		return nil
	}
	return entries
}

func (d *decoder) duplicate(first entry, again ast.Node, at place) {
	child := at
	if !at.secret {
		child = at.key(first.name)
	}
	child.spot = nodeSpot(again)
	child.errorf("is given twice, first on line %d: keep one of them", nodeSpot(first.key).line)
}

func (d *decoder) keyName(key ast.Node, at place) (string, bool) {
	switch key.Type() {
	case ast.StringType, ast.IntegerType, ast.FloatType, ast.BoolType:
		if tk := key.GetToken(); tk != nil {
			return tk.Value, true
		}
	}
	at.spot = nodeSpot(key)
	at.errorf("a key here is %s: write plain text", kind(key))
	return "", false
}

// spend counts work, so that a small file of nested aliases stays a small job.
func (d *decoder) spend(nodes int, at place) bool {
	before := d.left
	d.left -= nodes
	if before > 0 && d.left <= 0 {
		at.errorf("the file is too large once its aliases (*name) are followed: write fewer of them")
	}
	return d.left > 0
}

// deref follows anchors and aliases to the node that holds the value.
func (d *decoder) deref(n ast.Node, at place) (ast.Node, bool) {
	if !d.spend(1, at) {
		return nil, false
	}
	for range maxMerges {
		switch t := n.(type) {
		case nil:
			return ast.Null(token.New("null", "", &token.Position{Line: at.spot.line, Column: at.spot.column})), true
		case *ast.AnchorNode:
			n = t.Value
		case *ast.AliasNode:
			name := t.Value.GetToken().Value
			if n = d.anchors[name]; n == nil {
				at.spot = nodeSpot(t)
				at.errorf("no anchor &%s is in this file: add it, or write the value out", name)
				return nil, false
			}
		case *ast.TagNode:
			at.spot = nodeSpot(t)
			at.errorf("YAML tags (%s) mean nothing here: remove it, and use quotes to make text of a number", t.GetToken().Value)
			return nil, false
		default:
			return n, true
		}
	}
	at.errorf("an alias (*name) here leads to itself: write the value out")
	return nil, false
}

// spotOf points at the value of a scalar and at the key of anything larger.
func (d *decoder) spotOf(e entry) spot {
	if _, _, ok := scalarText(e.node); ok {
		return nodeSpot(e.node)
	}
	return nodeSpot(e.key)
}

// anchorsIn collects the anchors of the file; a name can be used once.
func (d *decoder) anchorsIn(n ast.Node) {
	ast.Walk(visit(func(n ast.Node) {
		a, ok := n.(*ast.AnchorNode)
		if !ok || a.Name == nil || a.Name.GetToken() == nil {
			return
		}
		name := a.Name.GetToken().Value
		if _, twice := d.anchors[name]; twice {
			d.doc.at(a).errorf("anchor &%s is defined twice: rename one of them", name)
		}
		d.anchors[name] = a.Value
	}), n)
}

type visit func(ast.Node)

func (v visit) Visit(n ast.Node) ast.Visitor { v(n); return v }

// scalarText is the text of a scalar as written, and whether it was quoted.
func scalarText(n ast.Node) (text string, quoted, ok bool) {
	switch t := n.(type) {
	case *ast.LiteralNode:
		return t.Value.Value, true, true
	case *ast.StringNode:
		tk := t.GetToken().Type
		return t.Value, tk == token.DoubleQuoteType || tk == token.SingleQuoteType, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, false, true
	}
	return "", false, false
}

// found says what stands there, with the mistake behind the commonest surprise.
func (d *decoder) found(n ast.Node, at place) string {
	if n.Type() == ast.NullType {
		s := nodeSpot(n)
		if s.line <= len(d.doc.lines) {
			if _, comment, ok := strings.Cut(d.doc.lines[s.line-1], ": #"); ok && comment != mask {
				return `has no value: an unquoted # starts a comment, so write "#` + strings.TrimSpace(comment) + `"`
			}
		}
		return "has no value"
	}
	if text, _, ok := scalarText(n); ok {
		return "is " + kind(n) + " (" + at.show(text) + ")"
	}
	return "is " + kind(n)
}

func kind(n ast.Node) string {
	switch n.Type() {
	case ast.MappingType, ast.MappingValueType:
		return "a mapping (key: value)"
	case ast.SequenceType:
		return "a list"
	case ast.IntegerType, ast.FloatType, ast.InfinityType, ast.NanType:
		return "a number"
	case ast.BoolType:
		return "true or false"
	case ast.NullType:
		return "empty"
	}
	return "text"
}

func wanted(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	}
	return "text"
}
