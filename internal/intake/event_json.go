package intake

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep an event is nested at most; AWS's own have three or four levels.
const maxDepth = 20

// document is a JSON object as it was sent.
type document map[string]any

// readJSON reads JSON from outside. encoding/json alone takes the last of two equal keys, puts keys of any case into a struct,
// mends what is no UTF-8, and goes as deep as it is led: two readers of one text must not see two things.
func readJSON(text []byte) (any, error) {
	switch {
	case len(text) > maxEvent:
		return nil, refused("too_large", "it has %d bytes, more than %d", len(text), maxEvent)
	case !utf8.Valid(text):
		return nil, refused("not_json", "it is not UTF-8")
	case !json.Valid(text): // the reader below takes some texts for JSON that are none
		return nil, refused("not_json", "it is not JSON")
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return readNext(decoder, 0)
}

func readNext(decoder *json.Decoder, depth int) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, refused("not_json", "it is not JSON")
	}
	delimiter, ok := token.(json.Delim)
	switch {
	case !ok:
		return token, nil
	case depth == maxDepth:
		return nil, refused("too_deep", "it is nested more than %d levels deep", maxDepth)
	case delimiter == '[':
		return readList(decoder, depth+1)
	}
	return readObject(decoder, depth+1)
}

func readList(decoder *json.Decoder, depth int) (any, error) {
	list := []any{}
	for decoder.More() {
		value, err := readNext(decoder, depth)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, closing(decoder)
}

func readObject(decoder *json.Decoder, depth int) (any, error) {
	d := document{}
	for decoder.More() {
		key, err := decoder.Token()
		name, ok := key.(string)
		if err != nil || !ok {
			return nil, refused("not_json", "it is not JSON")
		}
		if d.has(name) {
			return nil, refused("duplicate_key", "it has the key %.40q twice", name)
		}
		if d[name], err = readNext(decoder, depth); err != nil {
			return nil, err
		}
	}
	return d, closing(decoder)
}

// closing reads the bracket that ends a list or an object.
func closing(decoder *json.Decoder) error {
	if _, err := decoder.Token(); err != nil {
		return refused("not_json", "it is not JSON")
	}
	return nil
}

func (d document) has(key string) bool {
	_, ok := d[key]
	return ok
}

// normal are the texts of a document by keys in small letters without _ and -, for senders whose spelling is not known.
// Two keys that become one must say the same.
func (d document) normal(wanted ...string) (map[string]string, error) {
	out := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(d)) {
		name := strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(key))
		if !slices.Contains(wanted, name) || d[key] == nil || d[key] == "" {
			continue
		}
		text, ok := d[key].(string)
		if !ok {
			return nil, refused("bad_shape", "%s is no string", name)
		}
		if had, again := out[name]; again && had != text {
			return nil, refused("ambiguous", "it has %s twice, and they differ", name)
		}
		out[name] = text
	}
	return out, nil
}

// fields reads texts of a document by their exact keys, and keeps the first thing that is wrong.
type fields struct {
	of  document
	err error
}

// text is "" for what is missing or null.
func (f *fields) text(key string) string {
	value := f.of[key]
	if value == nil {
		return ""
	}
	text, ok := value.(string)
	if !ok && f.err == nil {
		f.err = refused("bad_shape", "%s is no string", key)
	}
	return text
}

// identifier is a text that ends up in logs and histories.
func (f *fields) identifier(key string) string { return f.bounded(key, 128) }

func (f *fields) bounded(key string, most int) string {
	text := f.text(key)
	if (len(text) > most || !printable(text)) && f.err == nil {
		f.err = refused("bad_shape", "%s is longer than %d bytes or has control characters", key, most)
	}
	return text
}
