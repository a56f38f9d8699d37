package config

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
)

// Schema is the JSON Schema (draft 2020-12) of epoxy.yaml, for editors. It comes
// from the same tags, patterns and defaults that Load checks with.
func Schema() ([]byte, error) {
	s := schemaOf(reflect.TypeFor[File](), rules{}, reflect.Value{})
	s.Version = jsonschema.Version
	s.Title = "Epoxy configuration (epoxy.yaml)"
	text, err := json.MarshalIndent(s, "", "  ")
	return append(text, '\n'), err
}

// schemer is a type with a notation of its own.
type schemer interface{ schema() *jsonschema.Schema }

// schemaOf describes a type; builtin, when valid, is its default.
func schemaOf(t reflect.Type, r rules, builtin reflect.Value) *jsonschema.Schema {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if s, ok := reflect.TypeAssert[schemer](reflect.Zero(t)); ok {
		return withDefault(s.schema(), builtin)
	}
	switch t.Kind() {
	case reflect.Struct:
		return structSchema(t)
	case reflect.Map:
		return namesSchema(schemaOf(t.Elem(), rules{}, reflect.Value{}))
	case reflect.Slice:
		s := &jsonschema.Schema{Type: "array", Items: schemaOf(t.Elem(), rules{min: r.min, max: r.max}, reflect.Value{})}
		if r.items > 0 {
			s.MaxItems = new(uint64(r.items))
		}
		return withDefault(s, builtin)
	case reflect.Bool:
		return withDefault(&jsonschema.Schema{Type: "boolean"}, builtin)
	case reflect.Int:
		return withDefault(&jsonschema.Schema{Type: "integer", Minimum: json.Number(r.min), Maximum: json.Number(r.max)}, builtin)
	}
	return &jsonschema.Schema{Type: "string", MinLength: new(uint64(1))}
}

func withDefault(s *jsonschema.Schema, builtin reflect.Value) *jsonschema.Schema {
	if !builtin.IsValid() || builtin.Kind() != reflect.Pointer || builtin.IsNil() {
		return s
	}
	switch d := builtin.Elem().Interface().(type) {
	case Duration:
		s.Default = d.String()
	case []Duration:
		var list []string
		for _, one := range d {
			list = append(list, one.String())
		}
		s.Default = list
	default:
		if builtin.Elem().Kind() != reflect.Struct { // whose fields have their own
			s.Default = d
		}
	}
	return s
}

// builtins gives the struct types with built-in defaults.
var builtins = map[reflect.Type]reflect.Value{
	reflect.TypeFor[BakeSettings](): reflect.ValueOf(builtin),
	reflect.TypeFor[Refresh]():      reflect.ValueOf(builtinRefresh),
	reflect.TypeFor[Approval]():     reflect.ValueOf(builtinApproval),

	reflect.TypeFor[PruneSettings]():          reflect.ValueOf(builtinPrune),
	reflect.TypeFor[TaskDefinitionSettings](): reflect.ValueOf(builtinTaskDefinitions),

	reflect.TypeFor[ChefServer]():       reflect.ValueOf(builtinChefServer),
	reflect.TypeFor[MopSettings]():      reflect.ValueOf(builtinMop),
	reflect.TypeFor[Breaker]():          reflect.ValueOf(builtinBreaker),
	reflect.TypeFor[SweepSettings]():    reflect.ValueOf(builtinSweep),
	reflect.TypeFor[ScheduleSettings](): reflect.ValueOf(builtinSchedule),
}

func structSchema(t reflect.Type) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "object", Properties: jsonschema.NewProperties(), AdditionalProperties: jsonschema.FalseSchema}
	addFields(s, t)
	return s
}

func addFields(s *jsonschema.Schema, t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("yaml")
		if f.Anonymous {
			addFields(s, f.Type)
		}
		if name == "" || name == "-" {
			continue
		}
		var builtin reflect.Value
		if all, ok := builtins[t]; ok {
			builtin = all.Field(i)
		}
		r := parseRules(f.Tag)
		property := schemaOf(f.Type, r, builtin)
		property.Description = sentence(f.Tag.Get("doc"), r)
		s.Properties.Set(name, property)
		if r.required {
			s.Required = append(s.Required, name)
		}
	}
}

// sentence adds the bounds of durations, which JSON Schema has no keyword for.
func sentence(doc string, r rules) string {
	if strings.ContainsAny(r.max, "dhms") {
		doc += " (" + r.min + " to " + r.max + ")"
	}
	return strings.ToUpper(doc[:1]) + doc[1:] + "."
}

// namesSchema is a map whose keys are names.
func namesSchema(values *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{
		Type: "object", AdditionalProperties: values,
		PropertyNames: &jsonschema.Schema{Pattern: namePattern},
	}
}

func pattern(p *regexp.Regexp, examples ...any) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: p.String(), Examples: examples}
}

func (AccountID) schema() *jsonschema.Schema        { return pattern(accountPattern, "123456789012") }
func (RegionID) schema() *jsonschema.Schema         { return pattern(regionPattern, "us-east-1") }
func (RoleARN) schema() *jsonschema.Schema          { return pattern(rolePattern) }
func (InstanceID) schema() *jsonschema.Schema       { return pattern(instancePattern) }
func (LaunchTemplateID) schema() *jsonschema.Schema { return pattern(templatePattern) }
func (ParameterName) schema() *jsonschema.Schema    { return pattern(parameterPattern) }
func (GroupName) schema() *jsonschema.Schema        { return pattern(groupPattern) }
func (Channel) schema() *jsonschema.Schema          { return pattern(channelPattern, "#deploys") }
func (URL) schema() *jsonschema.Schema              { return pattern(urlPattern) }
func (Address) schema() *jsonschema.Schema          { return pattern(addressPattern, "127.0.0.1:9090") }
func (EnvName) schema() *jsonschema.Schema          { return pattern(envNamePattern) }
func (Duration) schema() *jsonschema.Schema         { return pattern(durationPattern, "15m", "4h30m") }

func (Bucket) schema() *jsonschema.Schema            { return pattern(bucketPattern) }
func (TableName) schema() *jsonschema.Schema         { return pattern(tablePattern) }
func (SlackUser) schema() *jsonschema.Schema         { return pattern(userPattern, "U0123ABCD") }
func (SlackGroup) schema() *jsonschema.Schema        { return pattern(userGroupPattern, "S0123ABCD") }
func (IdentityPattern) schema() *jsonschema.Schema   { return pattern(identityPattern, "ann@ci-*") }
func (RepositoryPattern) schema() *jsonschema.Schema { return pattern(repositoryPattern, "shop/*") }
func (TagPattern) schema() *jsonschema.Schema        { return pattern(tagPattern, "release-*") }
func (FamilyPattern) schema() *jsonschema.Schema     { return pattern(familyPattern, "shop-*") }
func (ClusterName) schema() *jsonschema.Schema       { return pattern(clusterPattern) }
func (GitHubName) schema() *jsonschema.Schema        { return pattern(gitHubPattern, "acme/{repository}") }
func (TaskDefinitionARN) schema() *jsonschema.Schema { return pattern(definitionPattern) }

func (Publish) schema() *jsonschema.Schema { return oneOf(publishes) }
func (Mode) schema() *jsonschema.Schema    { return oneOf(modes) }
func (Source) schema() *jsonschema.Schema  { return oneOf(sources) }

func oneOf(words []string) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, word := range words {
		s.Enum = append(s.Enum, word)
	}
	return s
}

func (GitHubNames) schema() *jsonschema.Schema {
	return &jsonschema.Schema{
		Type: "object", AdditionalProperties: GitHubName("").schema(),
		PropertyNames: &jsonschema.Schema{Pattern: repositoryPattern.String()},
	}
}

func (Version) schema() *jsonschema.Schema {
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{pattern(versionPattern), {Type: "integer", Minimum: "1"}}}
}

func (Tags) schema() *jsonschema.Schema {
	return &jsonschema.Schema{
		Type: "object", MaxProperties: new(uint64(maxTags)),
		PropertyNames: &jsonschema.Schema{
			MinLength: new(uint64(1)), MaxLength: new(uint64(128)),
			Not: &jsonschema.Schema{Pattern: `^([aA][wW][sS]|[eE][pP][oO][xX][yY]):`},
		},
		AdditionalProperties: &jsonschema.Schema{Type: "string", MaxLength: new(uint64(256))},
	}
}

func (Targets) schema() *jsonschema.Schema {
	s := structSchema(reflect.TypeFor[Target]())
	for _, level := range slices.Backward(Levels) {
		s = namesSchema(s)
		if level != LevelRegion {
			s.MinProperties = new(uint64(1))
			s.Description = "Names for --" + level.String() + "."
		}
	}
	return s
}

func (Refresh) schema() *jsonschema.Schema {
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "boolean"}, structSchema(reflect.TypeFor[Refresh]())}}
}

func (Secret) schema() *jsonschema.Schema {
	s := structSchema(reflect.TypeFor[Secret]())
	s.MinProperties, s.MaxProperties = new(uint64(1)), new(uint64(1))
	return s
}

func (SecretsManagerItem) schema() *jsonschema.Schema {
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
		{Type: "string", MinLength: new(uint64(1))}, structSchema(reflect.TypeFor[SecretsManagerItem]()),
	}}
}
