package config

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"epoxy/internal/nearest"
)

// decoder fills the structs of this package from the syntax tree. The YAML
// package's own decoder stops at the first unknown field or wrong type; this
// one goes on, remembers where everything stood, and says what to do.
type decoder struct {
	doc     *document
	anchors map[string]ast.Node
	// left bounds the work that nested aliases can ask for.
	left int
}

const maxNodes = 200_000

// custom is for types with a notation of their own (secrets, `refresh: false`).
type custom interface {
	decodeYAML(d *decoder, n ast.Node, at place) bool
}

// scalar is for typed text. The error says what is wrong and what to write, as
// the rest of a sentence that starts with the path. quoted tells "0123" from 0123.
type scalar interface {
	parse(text string, quoted bool) error
}

// value decodes n into the settable value v and says whether v can be used.
func (d *decoder) value(n ast.Node, v reflect.Value, at place) bool {
	n, ok := d.deref(n, at)
	if !ok {
		return false
	}
	if v.Kind() == reflect.Pointer {
		fresh := reflect.New(v.Type().Elem())
		if !d.value(n, fresh.Elem(), at) {
			return false
		}
		v.Set(fresh)
		return true
	}
	if c, ok := reflect.TypeAssert[custom](v.Addr()); ok {
		return c.decodeYAML(d, n, at)
	}
	switch v.Kind() {
	case reflect.Struct:
		return d.fields(n, v, at)
	case reflect.Map:
		return d.mapping(n, v, at)
	case reflect.Slice:
		return d.sequence(n, v, at)
	default:
		return d.scalar(n, v, at)
	}
}

// fields decodes a mapping into a struct, embedded structs included.
func (d *decoder) fields(n ast.Node, v reflect.Value, at place) bool {
	entries, ok := d.entries(n, at)
	if !ok {
		return false
	}
	known := fieldsOf(v)
	for _, e := range entries {
		field, ok := known[e.name]
		if !ok {
			d.unknown(e, known, at)
			continue
		}
		child := at.key(e.name).mark(d.spotOf(e))
		if d.value(e.node, field.value, child) {
			inRange(field.value, field.rules, child)
		}
	}
	for _, name := range sortedKeys(known) {
		child := at.key(name)
		if known[name].rules.required && !child.known() {
			child.errorf("is missing: %s", known[name].doc)
		}
	}
	return true
}

func (d *decoder) unknown(e entry, known map[string]field, at place) {
	if at.secret {
		at.errorf("has a field that no secret reference knows: use exactly one of %s", strings.Join(sortedKeys(known), ", "))
		return
	}
	child := at.key(e.name)
	child.spot = nodeSpot(e.key)
	names := sortedKeys(known)
	message := "unknown field" + didYouMean(e.name, names)
	if nearest.Name(e.name, names) == "" {
		message += ": here one of " + strings.Join(names, ", ")
	}
	d.doc.hide(child.spot, len([]rune(e.name)))
	child.errorf("%s", message)
}

// mapping decodes into map[string]T.
func (d *decoder) mapping(n ast.Node, v reflect.Value, at place) bool {
	entries, ok := d.entries(n, at)
	if !ok {
		return false
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, e := range entries {
		child := at.key(e.name).mark(d.spotOf(e))
		item := reflect.New(v.Type().Elem()).Elem()
		if d.value(e.node, item, child) {
			v.SetMapIndex(reflect.ValueOf(e.name), item)
		}
	}
	if len(entries) > 0 && v.Len() == 0 {
		d.doc.bad[at.path] = true // not empty in the file: nothing more to say about it
	}
	return true
}

// sequence leaves a zero where an item is wrong, so that the others are checked.
func (d *decoder) sequence(n ast.Node, v reflect.Value, at place) bool {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		at.errorf("must be a list, such as [a, b], but is %s", kind(n))
		return false
	}
	out := reflect.MakeSlice(v.Type(), 0, len(list.Values))
	for i, item := range list.Values {
		child := at.index(i).mark(nodeSpot(item))
		element := reflect.New(v.Type().Elem()).Elem()
		d.value(item, element, child)
		out = reflect.Append(out, element)
	}
	v.Set(out)
	return true
}

func (d *decoder) scalar(n ast.Node, v reflect.Value, at place) bool {
	text, quoted, ok := scalarText(n)
	if !ok {
		at.errorf("must be %s, but %s", wanted(v), d.found(n, at))
		return false
	}
	// A quote that is not closed swallows the lines after it, secrets included.
	if secretValueAt(text) >= 0 {
		at.errorf("holds the line of a secret: is a closing quote missing before that?")
		return false
	}
	if s, ok := reflect.TypeAssert[scalar](v.Addr()); ok {
		if err := s.parse(text, quoted); err != nil {
			at.errorf("%v", err)
			return false
		}
		return true
	}
	_, isNumber := n.(*ast.IntegerNode)
	switch b, isBool := n.(*ast.BoolNode); {
	case v.Kind() == reflect.Bool && isBool:
		v.SetBool(b.Value)
		return true
	case v.Kind() == reflect.Int && isNumber:
		if i, err := strconv.Atoi(text); err == nil {
			v.SetInt(int64(i))
			return true
		}
	case v.Kind() == reflect.String && n.Type() == ast.StringType, v.Kind() == reflect.String && n.Type() == ast.LiteralType:
		v.SetString(text)
		return true
	case v.Kind() == reflect.String:
		at.errorf("must be text, but %s: put it in quotes", d.found(n, at))
		return false
	}
	at.errorf("must be %s, but %s", wanted(v), d.found(n, at))
	return false
}

// inRange checks the rules min, max and items, and that text is not empty.
func inRange(v reflect.Value, r rules, at place) {
	v = reflect.Indirect(v)
	switch v.Kind() {
	case reflect.Slice:
		if r.items > 0 && v.Len() > r.items {
			at.errorf("has %d items, but AWS allows %d", v.Len(), r.items)
		}
		for i := range v.Len() {
			if item := at.index(i); !item.bad() {
				inRange(v.Index(i), r, item)
			}
		}
	case reflect.String:
		if v.Len() == 0 {
			at.errorf("is empty: give it a value or remove it")
		}
	case reflect.Int:
		checkRange(at, v.Int(), r, func(s string) int64 { return must(strconv.ParseInt(s, 10, 64)) },
			func(i int64) string { return strconv.FormatInt(i, 10) })
	case reflect.Int64:
		checkRange(at, v.Int(), r, func(s string) int64 { return int64(must(parseDuration(s))) },
			func(i int64) string { return Duration(i).String() })
	}
}

func checkRange(at place, got int64, r rules, parse func(string) int64, show func(int64) string) {
	if r.max == "" || got >= parse(r.min) && got <= parse(r.max) {
		return
	}
	at.errorf("must be between %s and %s, but is %s", r.min, r.max, show(got))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // a wrong struct tag in this package: the schema test finds it
	}
	return v
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
