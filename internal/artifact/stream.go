package artifact

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// encoding/json holds a value's whole JSON in memory, twice while it grows: more than 100 MB for a repository of 100,000
// images. So lists, and the lists in a struct's fields, are written and read element by element. The JSON is the same.

func write(w io.Writer, v any) error {
	value := reflect.Indirect(reflect.ValueOf(v))
	switch {
	case isList(value):
		return writeList(w, value)
	case isPlain(value):
		return writeStruct(w, value)
	}
	return writeWhole(w, v)
}

func writeWhole(w io.Writer, v any) error {
	raw, err := json.Marshal(v)
	if err == nil {
		_, err = w.Write(raw)
	}
	return err
}

func writeList(w io.Writer, list reflect.Value) error {
	if list.IsNil() {
		return writeText(w, "null")
	}
	open := "["
	for i := range list.Len() {
		if err := writeText(w, open); err != nil {
			return err
		}
		if err := writeWhole(w, list.Index(i).Interface()); err != nil {
			return err
		}
		open = ","
	}
	if list.Len() == 0 {
		return writeText(w, "[]")
	}
	return writeText(w, "]")
}

func writeStruct(w io.Writer, value reflect.Value) error {
	open := "{"
	for i := range value.NumField() {
		name, option := tagOf(value.Type().Field(i))
		field := value.Field(i)
		if option == "omitempty" && isEmpty(field) || option == "omitzero" && isZero(field) {
			continue
		}
		if err := writeText(w, open+`"`+name+`":`); err != nil {
			return err
		}
		put := func() error { return writeWhole(w, field.Interface()) }
		if isList(field) {
			put = func() error { return writeList(w, field) }
		}
		if err := put(); err != nil {
			return err
		}
		open = ","
	}
	if open == "{" {
		return writeText(w, "{}")
	}
	return writeText(w, "}")
}

func writeText(w io.Writer, text string) error {
	_, err := io.WriteString(w, text)
	return err
}

func read(r io.Reader, into any) error {
	d := json.NewDecoder(r)
	value := reflect.ValueOf(into).Elem()
	switch {
	case isList(value):
		return readList(d, value)
	case isPlain(value):
		return readStruct(d, value)
	}
	return d.Decode(into)
}

func readList(d *json.Decoder, list reflect.Value) error {
	list.SetZero()
	if begin, err := d.Token(); err != nil || begin == nil { // null
		return err
	} else if begin != json.Delim('[') {
		return fmt.Errorf("found %v where a list begins", begin)
	}
	list.Set(reflect.MakeSlice(list.Type(), 0, 0))
	for n := 0; d.More(); n++ {
		list.Grow(1)
		list.SetLen(n + 1)
		if err := d.Decode(list.Index(n).Addr().Interface()); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

func readStruct(d *json.Decoder, value reflect.Value) error {
	if begin, err := d.Token(); err != nil || begin == nil {
		return err
	} else if begin != json.Delim('{') {
		return fmt.Errorf("found %v where an object begins", begin)
	}
	fields := map[string]reflect.Value{}
	for i := range value.NumField() {
		name, _ := tagOf(value.Type().Field(i))
		fields[name] = value.Field(i)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		field, known := fields[fmt.Sprint(name)]
		switch {
		case !known: // a newer Epoxy's
			err = d.Decode(new(json.RawMessage))
		case isList(field):
			err = readList(d, field)
		default:
			err = d.Decode(field.Addr().Interface())
		}
		if err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

func isList(v reflect.Value) bool {
	return v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8 && !marshals(v.Type())
}

// isPlain tells that a struct's JSON is its fields, one by one, each under the name in its tag.
func isPlain(v reflect.Value) bool {
	if v.Kind() != reflect.Struct || marshals(v.Type()) {
		return false
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, option := tagOf(f)
		if f.Anonymous || !f.IsExported() || name == "" || name == "-" || option != "" && option != "omitempty" && option != "omitzero" {
			return false
		}
	}
	return true
}

func marshals(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[json.Marshaler]()) || reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]())
}

func tagOf(f reflect.StructField) (name, option string) {
	name, option, _ = strings.Cut(f.Tag.Get("json"), ",")
	return name, option
}

// isEmpty is what omitempty means: https://pkg.go.dev/encoding/json#Marshal
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.String, reflect.Array:
		return v.Len() == 0
	case reflect.Struct:
		return false
	default:
		return v.IsZero()
	}
}

// isZero is what omitzero means: the type's own IsZero decides where there is one.
func isZero(v reflect.Value) bool {
	if z, ok := reflect.TypeAssert[interface{ IsZero() bool }](v); ok {
		return z.IsZero()
	}
	return v.IsZero()
}
