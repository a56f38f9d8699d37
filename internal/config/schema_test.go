package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

func TestSchemaIsFresh(t *testing.T) {
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, schemaPath, string(text))
}

// yamlFields lists the fields of the structs by their paths: bake.defaults.reboot.
func yamlFields() map[string]bool {
	out := map[string]bool{}
	structFields(out, "", reflect.TypeFor[File]())
	return out
}

func structFields(out map[string]bool, path string, t reflect.Type) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Map || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return
	}
	for f := range t.Fields() {
		name := f.Tag.Get("yaml")
		switch {
		case f.Anonymous:
			structFields(out, path, f.Type)
		case name != "-":
			out[path+name] = true
			structFields(out, path+name+".", f.Type)
		}
	}
}

// schemaFields lists the properties of a schema in the same way.
func schemaFields(out map[string]bool, path string, schema map[string]any) {
	properties, _ := schema["properties"].(map[string]any)
	for name, inner := range properties {
		out[path+name] = true
		schemaFields(out, path+name+".", inner.(map[string]any))
	}
	if inner, ok := schema["additionalProperties"].(map[string]any); ok {
		schemaFields(out, path, inner)
	}
	if inner, ok := schema["items"].(map[string]any); ok {
		schemaFields(out, path, inner)
	}
	alternatives, _ := schema["oneOf"].([]any)
	for _, inner := range alternatives {
		schemaFields(out, path, inner.(map[string]any))
	}
}

func parsedSchema(t testing.TB) map[string]any {
	t.Helper()
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestSchemaHasTheFields(t *testing.T) {
	got := map[string]bool{}
	schemaFields(got, "", parsedSchema(t))
	if diff := cmp.Diff(slices.Sorted(maps.Keys(yamlFields())), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Error(diff)
	}
}

// Every field has the tags that messages, schema and masking live on.
func TestTags(t *testing.T) {
	var check func(t *testing.T, of reflect.Type)
	check = func(t *testing.T, of reflect.Type) {
		t.Helper()
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Map || of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct {
			return
		}
		for f := range of.Fields() {
			name := f.Tag.Get("yaml")
			if name == "" && !f.Anonymous || name != "-" && !f.Anonymous && f.Tag.Get("doc") == "" {
				t.Errorf("%s.%s has no yaml or doc tag", of, f.Name)
			}
			if f.Type == reflect.TypeFor[Secret]() && !secretName.MatchString(name) {
				t.Errorf("%s.%s is a secret, but mask.go would not know it by the name %q", of, f.Name, name)
			}
			check(t, f.Type)
		}
	}
	check(t, reflect.TypeFor[File]())
}

// What Load takes, editors take.
func TestSchemaAccepts(t *testing.T) {
	example, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		string(example), base, manyTargets, pruning, mopping, "bake: {}\n",
		change(t, target, add("auto_scaling_group: g", "refresh: true", "source: 12", "tags: { \"a b\": \"\" }")),
		change(t, settings, "    refresh: false\n    copy_to: []\n"),
		change(t, "env: EPOXY_SLACK_TOKEN", "secretsmanager: x"),
		change(t, "env: EPOXY_SLACK_TOKEN", "secretsmanager: { id: x, field: y }"),
		change(t, "env: EPOXY_SLACK_TOKEN", "s3: { bucket: b, key: k, kms: true }"),
	} {
		load(t, text)
		if wrong := againstSchema(t, []byte(text)); len(wrong) > 0 {
			t.Errorf("%s\n%s", strings.Join(wrong, "\n"), text)
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"unknown field", change(t, "reboot: false", "rebot: false")},
		{"account as a number", change(t, `"123456789012"`, "123456789012")},
		{"missing instance", change(t, "              instance: i-0123456789abcdef0\n", "")},
		{"launch template name", change(t, "lt-0123456789abcdef0", "web")},
		{"literal token", change(t, tokenRef, "  token: x\n")},
		{"two references", change(t, tokenRef, "  token: { env: A, file: b }\n")},
		{"percentage", change(t, settings, "    refresh: { min_healthy_percentage: 101 }\n")},
		{"duration", change(t, settings, "    poll_interval: 30\n")},
		{"publish", change(t, settings, "    publish: maybe\n")},
		{"group name", change(t, "            a:\n", "            -a:\n")},
		{"duration in words", change(t, settings, "    poll_interval: 5 days\n")},
		{"empty duration", change(t, settings, "    poll_interval: \"\"\n")},
		{"mode", changeIn(t, pruning, "mode: ask", "mode: maybe")},
		{"source", changeIn(t, pruning, "keep_newest: 20", "sources: [ecss]")},
		{"GitHub pattern", changeIn(t, pruning, `"*": "acme/{repository}"`, `"A B": acme/x`)},
		{"nothing kept", changeIn(t, pruning, "keep_newest: 20", "keep_newest: 0")},
		{"template of a name", changeIn(t, mopping, "    chef: [prod]\n", "    node_names: [web]\n")},
		{"cron", changeIn(t, mopping, "@hourly", "0 0 3 * * *")},
		{"overlap", changeIn(t, mopping, "    sweep: prod\n", "    sweep: prod\n    overlap: always\n")},
		{"reserved tag", change(t, settings, "    tags: { \"Aws:x\": y }\n")},
	} {
		if len(againstSchema(t, []byte(c.text))) == 0 {
			t.Errorf("%s: the schema accepts it", c.name)
		}
	}
	if wrong := againstSchema(t, []byte(base)); len(wrong) > 0 {
		t.Error(wrong)
	}
}

func againstSchema(t testing.TB, text []byte) []string {
	t.Helper()
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(asJSON, &value); err != nil {
		t.Fatal(err)
	}
	return validate(parsedSchema(t), value, "")
}

// validate knows the keywords that Schema uses, and fails on any other.
func validate(schema map[string]any, value any, path string) []string {
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, path+": "+fmt.Sprintf(format, args...)) }
	object, _ := value.(map[string]any)
	list, _ := value.([]any)
	text, isText := value.(string)
	number, isNumber := value.(float64)
	for keyword, want := range schema {
		switch keyword {
		case "$schema", "title", "description", "examples", "default", "properties":
		case "type":
			ok := map[string]bool{"object": object != nil, "array": list != nil, "string": isText, "integer": isNumber && number == float64(int(number)), "boolean": value == true || value == false}
			if !ok[want.(string)] {
				say("is not %v", want)
			}
		case "pattern":
			if pattern := want.(string); isText && !regexp.MustCompile(pattern).MatchString(text) {
				say("%q does not match %s", text, pattern)
			}
		case "not":
			if len(validate(want.(map[string]any), value, path)) == 0 {
				say("is what must not be: %v", want)
			}
		case "enum":
			if !slices.Contains(want.([]any), value) {
				say("is none of %v", want)
			}
		case "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minimum", "maximum":
			size := map[string]float64{"Length": float64(len([]rune(text))), "Items": float64(len(list)), "Properties": float64(len(object)), "imum": number}[keyword[3:]]
			if limit := want.(float64); keyword[:3] == "min" && size < limit || keyword[:3] == "max" && size > limit {
				say("%s %v, has %v", keyword, limit, size)
			}
		case "required":
			for _, name := range want.([]any) {
				if _, ok := object[name.(string)]; !ok && object != nil {
					say("has no %s", name)
				}
			}
		case "propertyNames":
			for name := range object {
				wrong = append(wrong, validate(want.(map[string]any), name, path+"."+name)...)
			}
		case "additionalProperties":
			known, _ := schema["properties"].(map[string]any)
			for name, inner := range object {
				switch next, ok := want.(map[string]any); {
				case known[name] != nil:
					wrong = append(wrong, validate(known[name].(map[string]any), inner, path+"."+name)...)
				case ok:
					wrong = append(wrong, validate(next, inner, path+"."+name)...)
				default:
					say("has unknown field %s", name)
				}
			}
		case "items":
			for i, inner := range list {
				wrong = append(wrong, validate(want.(map[string]any), inner, fmt.Sprintf("%s[%d]", path, i))...)
			}
		case "oneOf":
			matching := 0
			for _, one := range want.([]any) {
				if len(validate(one.(map[string]any), value, path)) == 0 {
					matching++
				}
			}
			if matching != 1 {
				say("matches %d of the alternatives", matching)
			}
		default:
			say("the schema uses %s, which this test does not know", keyword)
		}
	}
	return wrong
}
