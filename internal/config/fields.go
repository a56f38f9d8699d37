package config

import (
	"maps"
	"reflect"
	"strconv"
	"strings"
)

// Every field of a section carries three tags: `yaml` its name, `doc` one
// sentence for people (error messages and the schema), `rule` its checks:
//
//	required             must be in the file
//	min=10m,max=48h      of an integer, a duration or a list of integers, always both
//	items=10             of a list, at most
type field struct {
	value reflect.Value
	doc   string
	rules rules
}

type rules struct {
	required bool
	min, max string
	items    int
}

func parseRules(tag reflect.StructTag) rules {
	var r rules
	for part := range strings.SplitSeq(tag.Get("rule"), ",") {
		switch name, value, _ := strings.Cut(part, "="); name {
		case "required":
			r.required = true
		case "min":
			r.min = value
		case "max":
			r.max = value
		case "items":
			r.items = must(strconv.Atoi(value))
		}
	}
	return r
}

// fieldsOf lists the fields of a struct under their YAML names.
func fieldsOf(v reflect.Value) map[string]field {
	out := map[string]field{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := f.Tag.Get("yaml")
		switch {
		case f.Anonymous:
			maps.Copy(out, fieldsOf(v.Field(i)))
		case name != "" && name != "-":
			out[name] = field{value: v.Field(i), doc: f.Tag.Get("doc"), rules: parseRules(f.Tag)}
		}
	}
	return out
}
