package artifact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"epoxy/internal/policy"
)

type everything struct {
	Name   string         `json:"name"`
	Short  string         `json:"short,omitempty"`
	Empty  []int          `json:"empty"`
	Left   []string       `json:"left,omitempty"`
	Raw    []byte         `json:"raw"`
	Counts map[string]int `json:"counts,omitempty"`
	At     time.Time      `json:"at,omitzero"`
	Always time.Time      `json:"always,omitempty"` //nolint:modernize // what encoding/json makes of it is what is tested
	Next   *everything    `json:"next,omitempty"`
	N      int            `json:"n,omitempty"`
	Yes    bool           `json:"yes,omitempty"`
	Lists  [][]policy.Use `json:"lists,omitzero"`
}

// What is streamed is what encoding/json writes, byte for byte, and reads.
func TestStreamIsJSON(t *testing.T) {
	uses := []policy.Use{{Reference: policy.Reference{Tag: "<&>\u2028"}, Kind: "k", By: "b"}}
	values := []any{
		everything{},
		&everything{},
		everything{Name: `"`, Short: "s", Empty: []int{}, Left: []string{"a", "b"}, Raw: []byte("x"), Counts: map[string]int{"b": 1, "a": 2}, At: made, Always: made, Next: &everything{N: 1}, N: -1, Yes: true, Lists: [][]policy.Use{uses, nil}},
		everything{Lists: [][]policy.Use{}},
		policy.Uses{Images: uses},
		policy.Uses{},
		policy.Plan{ImageRules: &policy.ImageRules{MinAge: time.Hour}, Totals: policy.Totals{Kept: map[string]int{"a": 1}}},
		policy.PartContent{},
		[]policy.ContainerImage{{Digest: "d", Pulled: made}, {}},
		[]policy.ContainerImage{},
		[]policy.ContainerImage(nil),
		map[string]policy.Commit{"a": {Time: made}},
		7, "text", []byte("bytes"), made,
		struct{ Untagged int }{1},
		struct{}{},
		struct {
			policy.Repository
			A int `json:"a"`
		}{A: 1},
		struct {
			A int `json:"a,string"`
			B int `json:"-"`
		}{A: 1},
		(*everything)(nil), json.RawMessage(`{"a":[1]}`),
	}
	for _, v := range values {
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := write(&got, v); err != nil || got.String() != string(want) {
			t.Errorf("%T: wrote %v\n%s, want\n%s", v, err, got.Bytes(), want)
		}
		byJSON, byStream := fresh(v), fresh(v)
		if err := json.Unmarshal(want, byJSON); err != nil {
			t.Fatal(err)
		}
		if err := read(bytes.NewReader(want), byStream); err != nil || !reflect.DeepEqual(byStream, byJSON) {
			t.Errorf("%T: read %v\n%+v, want\n%+v", v, err, byStream, byJSON)
		}
	}
}

func fresh(v any) any {
	t := reflect.TypeOf(v)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return reflect.New(t).Interface()
}

func TestReadTakesWhatANewerEpoxyAdds(t *testing.T) {
	var got policy.PartContent
	text := ` { "new" : {"a":[1]}, "verdicts" : [ {"id":"a","new":1} ] , "name":"n", "newer":null } `
	if err := read(strings.NewReader(text), &got); err != nil || got.Name != "n" || len(got.Verdicts) != 1 || got.Verdicts[0].ID != "a" {
		t.Errorf("read %+v: %v", got, err)
	}
}

func TestReadNeverPanics(t *testing.T) {
	base := `{"name":"n","verdicts":[{"id":"a","tags":["x"]},{"id":"b"}],"more":[1]}`
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(base)
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
			text[at] = rapid.SampledFrom([]byte(`{}[]",:1 nx`)).Draw(t, "byte")
		}
		var plain, streamed policy.PartContent
		valid := json.Unmarshal(text, &plain) == nil
		err := read(bytes.NewReader(text), &streamed)
		if valid && !strings.ContainsAny(string(text), "\x00") && err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	})
	for _, text := range []string{"", "null", "[", "{", `{"name"`, `{"verdicts":{}}`, `[]`, `"x"`, `{"verdicts":[1]}`, `{"verdicts":[{}`} {
		for _, into := range []any{&policy.PartContent{}, &[]policy.Verdict{}, &map[string]int{}} {
			if err := read(strings.NewReader(text), into); text == "" && err == nil {
				t.Errorf("nothing was read into %T", into)
			}
		}
	}
}

// A repository of 100,000 images passes in small pieces, whichever way.
func TestStreamHoldsNoWhole(t *testing.T) {
	content := policy.PartContent{Name: "big"}
	for i := range 100_000 {
		content.Verdicts = append(content.Verdicts, policy.Verdict{ID: fmt.Sprintf("sha256:%064d", i), Tags: []string{"v1"}, Age: made, Reason: "pushed 400 days ago, not used"})
	}
	images := make([]policy.ContainerImage, 100_000)
	for _, v := range []any{content, images} {
		var whole bytes.Buffer
		largest := &largestPiece{w: &whole}
		if err := write(largest, v); err != nil || largest.n > 4<<10 {
			t.Errorf("%T: a piece of %d bytes of %d was written: %v", v, largest.n, whole.Len(), err)
		}
		asked := &largestPiece{r: &whole}
		back := fresh(v)
		if err := read(asked, back); err != nil || asked.n > 64<<10 || !cmp.Equal(reflect.ValueOf(back).Elem().Interface(), v) {
			t.Errorf("%T: read up to %d bytes at once: %v", v, asked.n, err)
		}
	}
}

type largestPiece struct {
	w io.Writer
	r io.Reader
	n int
}

func (l *largestPiece) Write(p []byte) (int, error) {
	l.n = max(l.n, len(p))
	return l.w.Write(p)
}

func (l *largestPiece) Read(p []byte) (int, error) {
	l.n = max(l.n, len(p))
	return l.r.Read(p)
}
