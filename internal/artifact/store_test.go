package artifact

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"epoxy/internal/artifact/artifacttest"
	"epoxy/internal/policy"
)

var made = time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)

func newStore() (*Store, *artifacttest.S3) {
	s3 := artifacttest.New("plans")
	return &Store{API: s3, Bucket: "plans", Prefix: "epoxy/a"}, s3
}

func zipped(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.Bytes()
}

func TestWhatIsPutComesBack(t *testing.T) {
	s, s3 := newStore()
	want := policy.PartContent{Name: "1/r/shop", Verdicts: []policy.Verdict{{ID: "sha256:a", Tags: []string{"<v1>"}, Bytes: 7, Age: made}, {ID: "sha256:b"}}}
	ref, err := s.Put(t.Context(), "parts", want)
	if err != nil {
		t.Fatal(err)
	}
	plain, _ := json.Marshal(want)
	sum := sha256.Sum256(plain)
	if want := (Ref{Key: "epoxy/a/parts/" + hex.EncodeToString(sum[:]) + ".json.gz", SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(plain))}); ref != want {
		t.Errorf("put as %+v, want %+v", ref, want)
	}
	if !bytes.Equal(s3.Objects[ref.Key], zipped(string(plain))) {
		t.Errorf("%s is not the JSON, zipped", ref.Key)
	}
	var got policy.PartContent
	if err := s.Get(t.Context(), ref, &got); err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v: %s", err, cmp.Diff(want, got))
	}
}

// One content has one key: to write it twice, or to have lost the answer, is success.
func TestPutIsIdempotent(t *testing.T) {
	s, s3 := newStore()
	s3.Lose["PutObject"] = 1
	if _, err := s.Put(t.Context(), "plans", []int{1}); err == nil || !strings.Contains(err.Error(), "s3://plans/epoxy/a/plans/") {
		t.Fatalf("a lost answer is no success: %v", err)
	}
	for _, conflict := range []error{nil, artifacttest.Error("PutObject", 409, "ConditionalRequestConflict", "")} {
		s3.Fail["PutObject"] = []error{conflict}
		ref, err := s.Put(t.Context(), "plans", []int{1})
		var got []int
		if err != nil || s.Get(t.Context(), ref, &got) != nil || len(got) != 1 || len(s3.Objects) != 1 {
			t.Errorf("%v: %v %v, %d objects", conflict, got, err, len(s3.Objects))
		}
	}
	s3.Fail["PutObject"] = []error{artifacttest.Error("PutObject", 403, "AccessDenied", "no")}
	if _, err := s.Put(t.Context(), "plans", []int{2}); codeOf(err) != "AccessDenied" {
		t.Errorf("denied: %v", err)
	}
	if _, err := s.Put(t.Context(), "plans", func() {}); err == nil || !strings.Contains(err.Error(), "as JSON") {
		t.Errorf("a function became JSON: %v", err)
	}
}

func TestGetRefusesWhatWasNotWritten(t *testing.T) {
	text := `[1,2,3]`
	for about, c := range map[string]struct {
		object []byte
		says   string
	}{
		"no gzip":             {[]byte(text), "not gzip"},
		"empty":               {nil, "not gzip"},
		"another content":     {zipped(`[1,2,4]`), "its SHA-256 is"},
		"another, no JSON":    {zipped(`[1,2,x]`), "its SHA-256 is"},
		"longer":              {zipped(text + " "), "not the 7 bytes"},
		"shorter":             {zipped(`[1,2]`), "not the 7 bytes"},
		"cut":                 {zipped(text)[:20], "does not unpack"},
		"wrong checksum":      {append(zipped(text)[:len(zipped(text))-8], 0, 0, 0, 0, 7, 0, 0, 0), "does not unpack"},
		"a bomb":              {zipped("[" + strings.Repeat(" ", 1<<26) + "1,2,3]"), "not the 7 bytes"},
		"a bomb of members":   {bytes.Repeat(zipped(""), 100_000), "does not unpack"},
		"a bomb of one array": {zipped("[" + strings.Repeat("1,", 1<<22) + "3]"), "not the 7 bytes"},
	} {
		s, s3 := newStore()
		ref, err := s.Put(t.Context(), "k", []int{1, 2, 3})
		if err != nil {
			t.Fatal(err)
		}
		s3.Objects[ref.Key] = c.object
		var read int64
		s3.Body = func(b io.ReadCloser) io.ReadCloser { return countingBody{b, &read} }
		var got []int
		err = s.Get(t.Context(), ref, &got)
		var tampered *TamperedError
		if !errors.As(err, &tampered) || !strings.Contains(tampered.Problem, c.says) || !strings.Contains(err.Error(), "s3://plans/"+ref.Key) {
			t.Errorf("%s: %v, want %q", about, err, c.says)
		}
		if read > 8<<10 {
			t.Errorf("%s: %d bytes were read", about, read)
		}
	}
}

type countingBody struct {
	io.ReadCloser
	n *int64
}

func (c countingBody) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	*c.n += int64(n)
	return n, err
}

// A connection that breaks is no tampering: the next attempt may read all.
func TestGetTellsABrokenConnectionFromTampering(t *testing.T) {
	s, s3 := newStore()
	ref, err := s.Put(t.Context(), "k", []int{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = s.Remember(t.Context(), "n", []int{1}, ""); err != nil {
		t.Fatal(err)
	}
	for _, after := range []int64{0, 15, 29} {
		s3.Body = func(b io.ReadCloser) io.ReadCloser {
			return io.NopCloser(io.MultiReader(io.LimitReader(b, after), brokenReader{}))
		}
		var got []int
		_, recalled := s.Recall(t.Context(), "n", &got)
		for about, err := range map[string]error{"get": s.Get(t.Context(), ref, &got), "recall": recalled} {
			if !errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, new(*TamperedError)) {
				t.Errorf("%s, broken after %d bytes: %v", about, after, err)
			}
		}
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestGetSaysWhatIsGone(t *testing.T) {
	s, _ := newStore()
	err := s.Get(t.Context(), Ref{Key: "epoxy/a/k/0.json.gz", Bytes: 3}, new([]int))
	var gone *NotFoundError
	if !errors.As(err, &gone) || !strings.Contains(err.Error(), "lifecycle rule") {
		t.Errorf("gone: %v", err)
	}
	s.Bucket = "other"
	if err := s.Get(t.Context(), Ref{Key: "x"}, new([]int)); codeOf(err) != "NoSuchBucket" {
		t.Errorf("no bucket: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Get(ctx, Ref{Key: "x"}, new([]int)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestNamedObjects(t *testing.T) {
	s, s3 := newStore()
	var none map[string]int
	if etag, err := s.Recall(t.Context(), "seen/1/r/shop", &none); err != nil || etag != "" || none != nil {
		t.Fatalf("nothing is there yet: %q %v %v", etag, none, err)
	}
	first, err := s.Remember(t.Context(), "seen/1/r/shop", map[string]int{"a": 1}, "")
	if err != nil || s3.Objects["epoxy/a/seen/1/r/shop.json.gz"] == nil {
		t.Fatal(err)
	}
	var got map[string]int
	etag, err := s.Recall(t.Context(), "seen/1/r/shop", &got)
	if err != nil || etag != first || got["a"] != 1 {
		t.Fatalf("recalled %q %v, want %q: %v", etag, got, first, err)
	}
	second, err := s.Remember(t.Context(), "seen/1/r/shop", map[string]int{"a": 2}, first)
	if err != nil || second == first {
		t.Fatalf("%q after %q: %v", second, first, err)
	}
	for about, etag := range map[string]string{"somebody made it first": "", "somebody changed it": first} {
		if _, err := s.Remember(t.Context(), "seen/1/r/shop", map[string]int{"a": 3}, etag); !errors.Is(err, ErrChanged) {
			t.Errorf("%s: %v", about, err)
		}
	}
	delete(s3.Objects, "epoxy/a/seen/1/r/shop.json.gz")
	if _, err := s.Remember(t.Context(), "seen/1/r/shop", map[string]int{"a": 3}, second); !errors.Is(err, ErrChanged) {
		t.Errorf("somebody deleted it: %v", err)
	}
	s3.Fail["PutObject"] = []error{artifacttest.Error("PutObject", 409, "ConditionalRequestConflict", "")}
	if _, err := s.Remember(t.Context(), "n", 1, ""); !errors.Is(err, ErrChanged) {
		t.Errorf("while somebody wrote: %v", err)
	}
	// The SDK's second attempt meets what the first one wrote.
	s3.Lose["PutObject"] = 1
	if _, err := s.Remember(t.Context(), "n", 1, ""); err == nil || errors.Is(err, ErrChanged) {
		t.Errorf("lost answer: %v", err)
	}
	if _, err := s.Remember(t.Context(), "n", 1, ""); !errors.Is(err, ErrChanged) {
		t.Errorf("after a lost answer: %v", err)
	}
}

func TestRecallRefusesWhatItCannotRead(t *testing.T) {
	s, s3 := newStore()
	for about, object := range map[string][]byte{
		"no gzip": []byte("{}"), "no JSON": zipped("{"), "another type": zipped(`[1]`), "cut": zipped(`{"a":1}`)[:25],
	} {
		s3.Objects["epoxy/a/n.json.gz"] = object
		if _, err := s.Recall(t.Context(), "n", &map[string]int{}); !errors.As(err, new(*TamperedError)) {
			t.Errorf("%s: %v", about, err)
		}
	}
	s3.Fail["GetObject"] = []error{artifacttest.Error("GetObject", 403, "AccessDenied", "no")}
	if _, err := s.Recall(t.Context(), "n", new(int)); codeOf(err) != "AccessDenied" {
		t.Errorf("denied: %v", err)
	}
}
