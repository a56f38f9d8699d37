package activities

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-github/v88/github"

	"epoxy/internal/policy"
)

// fakeGitHub answers each request by the next of its steps, and by the last for ever after.
type fakeGitHub struct {
	t     *testing.T
	mu    sync.Mutex
	steps []http.HandlerFunc
	seen  []string // method, path and body of each request
}

func (f *fakeGitHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	body := must[[]byte](f.t)(io.ReadAll(r.Body))
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	f.seen = append(f.seen, r.Method+" "+r.URL.RequestURI()+" "+string(body))
	step := f.steps[0]
	if len(f.steps) > 1 {
		f.steps = f.steps[1:]
	}
	step(w, r)
}

// onGitHub is a lookup against these answers, by the paths of github.com.
func onGitHub(t *testing.T, steps ...http.HandlerFunc) (*GitHub, *fakeGitHub) {
	t.Helper()
	fake := &fakeGitHub{t: t, steps: steps}
	web := httptest.NewServer(fake)
	t.Cleanup(web.Close)
	url := web.URL + "/"
	client := must[*github.Client](t)(github.NewClient(github.WithURLs(&url, &url), github.WithAuthToken("ghp_x"), github.WithDisableRateLimitCheck()))
	return &GitHub{Client: client}, fake
}

var (
	askedCommit = regexp.MustCompile(`(c\d+):object\((?:oid|expression):\\"([0-9a-f]+)\\"\)`)
	oidOf       = func(i int) string { return fmt.Sprintf("%040x", 0xabcdef0000+i) }
	noHeads     = map[string]any{"nodes": []any{}, "pageInfo": map[string]any{"hasNextPage": false}}
)

func shas(n int) (out []string) {
	for i := range n {
		out = append(out, oidOf(i))
	}
	return out
}

func commitObject(oid string) map[string]any {
	return map[string]any{"__typename": "Commit", "oid": oid, "committedDate": "2026-01-02T04:04:05+01:00"}
}

// knowsAll is a GitHub that has every commit and no head. With change, fields become something else, and errors are added.
func knowsAll(change ...func(fields map[string]any) (errors []any)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fields, list := map[string]any{"branches": noHeads, "tags": noHeads, "pulls": noHeads}, []any(nil)
		for _, m := range askedCommit.FindAllStringSubmatch(string(body), -1) {
			fields[m[1]] = commitObject(m[2])
		}
		for _, c := range change {
			list = append(list, c(fields)...)
		}
		answer := map[string]any{"data": map[string]any{"repository": fields}}
		if list != nil {
			answer["errors"] = list
		}
		_ = json.NewEncoder(w).Encode(answer)
	}
}

// says is an answer as it stands; headers are "Name: value".
func says(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestLookUpAsksForAHundredAtATime(t *testing.T) {
	g, fake := onGitHub(t, knowsAll())
	hostile := []string{`a"){evil}`, "main", "abc", "ABCDEF0", strings.Repeat("a", 41), "", "../../x", oidOf(1) + "\n"}
	found, heads, err := g.LookUp(t.Context(), "acme/shop", append(append(shas(201), hostile...), oidOf(0), oidOf(5)[30:]), false)
	if err != nil || len(found) != 201+len(hostile)+1 || heads != nil || len(fake.seen) != 3 {
		t.Fatalf("%d found, heads %v, %d requests, %v", len(found), heads, len(fake.seen), err)
	}
	if got := found[oidOf(200)]; !got.Time.Equal(begun) || got.Time.Location() != time.UTC || got.Missing {
		t.Errorf("%+v", got)
	}
	for _, h := range hostile {
		if !found[h].Missing {
			t.Errorf("%q is %+v", h, found[h])
		}
	}
	for i, request := range fake.seen {
		if want := min(100, 202-100*i); len(askedCommit.FindAllString(request, -1)) != want || !strings.HasPrefix(request, "POST /graphql ") {
			t.Errorf("request %d asks for %d commits, want %d: %s", i, len(askedCommit.FindAllString(request, -1)), want, request[:60])
		}
		if strings.Contains(request, "evil") || strings.Contains(request, "refs(") || strings.Contains(request, "object(oid:\\\""+oidOf(5)[30:]+"\\\"") {
			t.Errorf("request %d: %s", i, request)
		}
	}
}

// What is no commit of that name is missing: it is kept, and reported.
func TestLookUpTakesOnlyThatCommit(t *testing.T) {
	for about, object := range map[string]any{
		"nothing": nil, "a branch of that name": commitObject(oidOf(99)), "a tag": map[string]any{"__typename": "Tag", "oid": oidOf(1)},
		"a commit without a time": map[string]any{"__typename": "Commit", "oid": oidOf(1)},
	} {
		g, _ := onGitHub(t, knowsAll(func(f map[string]any) []any { f["c0"] = object; return nil }))
		found, _, err := g.LookUp(t.Context(), "acme/shop", []string{oidOf(1)[:39]}, false)
		if err != nil || found[oidOf(1)[:39]] != (policy.Commit{Missing: true}) {
			t.Errorf("%s: %+v, %v", about, found, err)
		}
	}
}

func TestLookUpFindsHeads(t *testing.T) {
	page := func(next string, nodes ...any) map[string]any {
		return map[string]any{"nodes": nodes, "pageInfo": map[string]any{"hasNextPage": next != "", "endCursor": next}}
	}
	ref := func(name, oid string, target any) map[string]any {
		return map[string]any{"name": name, "target": map[string]any{"oid": oid, "target": target}}
	}
	first := func(f map[string]any) []any {
		f["branches"] = page("more", ref("main", oidOf(0), nil), ref("rc", oidOf(1), nil))
		f["tags"] = page("", ref("v1", oidOf(50), map[string]any{"oid": oidOf(51), "target": map[string]any{"oid": oidOf(0)}}), ref("v2", oidOf(52), map[string]any{"oid": oidOf(2)}))
		f["pulls"] = page("", map[string]any{"number": 12, "headRefOid": oidOf(3)})
		return nil
	}
	second := func(f map[string]any) []any {
		f["branches"] = page("", ref("a", oidOf(1), nil))
		return nil
	}
	g, fake := onGitHub(t, knowsAll(first), knowsAll(second))
	_, heads, err := g.LookUp(t.Context(), "acme/shop", shas(150), true)
	want := map[string]string{oidOf(0): "branch main", oidOf(1): "branch a", oidOf(2): "tag v2", oidOf(3): "pull request 12"}
	if err != nil || fmt.Sprint(heads) != fmt.Sprint(want) {
		t.Errorf("%v, %v", heads, err)
	}
	if len(fake.seen) != 2 || strings.Contains(fake.seen[1], "refs/tags/") || !strings.Contains(fake.seen[1], `"branches":"more"`) {
		t.Errorf("requests %q", fake.seen)
	}
}

// Without all heads nothing is protected by them: so whatever is odd about them is an error.
func TestLookUpInsistsOnHeads(t *testing.T) {
	stuck := map[string]any{"nodes": []any{}, "pageInfo": map[string]any{"hasNextPage": true, "endCursor": "here"}}
	blank := map[string]any{"nodes": []any{}, "pageInfo": map[string]any{"hasNextPage": true, "endCursor": ""}}
	for about, c := range map[string]struct {
		change func(f map[string]any) []any
		want   what
	}{
		"null":    {func(f map[string]any) []any { f["tags"] = nil; return nil }, what{says: "does not list tags"}},
		"none":    {func(f map[string]any) []any { f["tags"] = map[string]any{}; return nil }, what{says: "does not list tags"}},
		"absent":  {func(f map[string]any) []any { delete(f, "pulls"); return nil }, what{says: "list of pulls"}},
		"no end":  {func(f map[string]any) []any { f["branches"] = stuck; return nil }, what{says: "branches does not get on"}},
		"no next": {func(f map[string]any) []any { f["branches"] = blank; return nil }, what{says: "branches does not get on"}},
		"denied": {func(f map[string]any) []any {
			f["pulls"] = nil
			return []any{map[string]any{"type": "FORBIDDEN", "message": "Resource not accessible by integration", "path": []any{"repository", "pulls"}}}
		}, refused(ErrForbidden, "acme/shop…Resource not accessible by integration…Pull requests")},
	} {
		g, _ := onGitHub(t, knowsAll(c.change))
		found, heads, err := g.LookUp(t.Context(), "acme/shop", shas(2), true)
		wantError(t, about, err, c.want)
		if heads != nil || len(found) != 2 {
			t.Errorf("%s: %v, %v", about, found, heads)
		}
	}
}

func TestLookUpKeepsWhatItLearnt(t *testing.T) {
	half := func(f map[string]any) []any {
		f["c1"] = nil
		return []any{map[string]any{"type": "RESOURCE_LIMITS_EXCEEDED", "message": "Resource limits for this query exceeded.", "path": []any{"repository", "c1"}}}
	}
	for about, last := range map[string]http.HandlerFunc{
		"broken":   says(502, "<html>Unicorn!</html>"),
		"half":     knowsAll(half),
		"nonsense": says(200, "{"),
		"no data":  knowsAll(func(f map[string]any) []any { delete(f, "c1"); return nil }),
	} {
		g, _ := onGitHub(t, knowsAll(), last)
		found, _, err := g.LookUp(t.Context(), "acme/shop", shas(103), true)
		wantError(t, about, err, what{says: "acme/shop"})
		want := 100
		if about == "half" {
			want = 102
		}
		if about == "no data" {
			want = 101
		}
		if _, known := found[oidOf(101)]; known || len(found) != want {
			t.Errorf("%s: %d commits, want %d; the one that failed: %v", about, len(found), want, found[oidOf(101)])
		}
	}
}

func TestLookUpWithoutGraphQL(t *testing.T) {
	commit := func(oid string) http.HandlerFunc {
		return says(200, `{"sha":"`+oid+`","commit":{"author":{"date":"2020-01-01T00:00:00Z"},"committer":{"date":"2026-01-02T03:04:05Z"}}}`)
	}
	next := `Link: <http://github.example/x?page=2>; rel="next"`
	for _, status := range []int{404, 405, 410} {
		g, fake := onGitHub(
			t, knowsAll(), says(status, `{"message":"Not Found"}`), says(200, `{"full_name":"acme/shop"}`),
			commit(oidOf(100)), says(422, `{"message":"No commit found for SHA"}`), commit(oidOf(9)), says(404, `{}`), says(409, `{"message":"Git Repository is empty."}`),
			says(200, `[{"name":"main","commit":{"sha":"`+oidOf(100)+`"}}]`, next), says(200, `[{"name":"b","commit":{"sha":"`+oidOf(1)+`"}}]`),
			says(200, `[{"name":"v1","commit":{"sha":"`+oidOf(2)+`"}}]`), says(200, `[{"number":7,"head":{"sha":"`+oidOf(3)+`"}}]`), says(500, ""),
		)
		short := oidOf(102)[:39]
		found, heads, err := g.LookUp(t.Context(), "acme/shop", append(shas(102), short, oidOf(103), oidOf(104)), true)
		want := map[string]string{oidOf(100): "branch main", oidOf(1): "branch b", oidOf(2): "tag v1", oidOf(3): "pull request 7"}
		if err != nil || fmt.Sprint(heads) != fmt.Sprint(want) {
			t.Fatalf("%d: %v, %v, %q", status, heads, err, fake.seen[2:])
		}
		if !found[oidOf(100)].Time.Equal(begun) || !found[oidOf(101)].Missing || !found[short].Missing || !found[oidOf(103)].Missing || !found[oidOf(104)].Missing || len(found) != 105 {
			t.Errorf("%+v %+v %+v", found[oidOf(100)], found[oidOf(101)], found[short])
		}
		if last := fake.seen[len(fake.seen)-1]; !strings.HasPrefix(last, "GET /repos/acme/shop/pulls?page=1&per_page=100&state=open") {
			t.Errorf("last request %s", last)
		}
	}
}

// An empty answer is no list without heads, and no commit that is missing.
func TestLookUpIsToldNothing(t *testing.T) {
	commit, none := says(200, `{"sha":"`+oidOf(0)+`","commit":{"committer":{"date":"2026-01-02T03:04:05Z"}}}`), says(200, `[]`)
	for about, c := range map[string]struct {
		steps []http.HandlerFunc
		found int
	}{
		"commit":        {[]http.HandlerFunc{says(200, ``)}, 0},
		"branches":      {[]http.HandlerFunc{commit, says(200, ``)}, 1},
		"tags":          {[]http.HandlerFunc{commit, none, says(200, ``)}, 1},
		"pull requests": {[]http.HandlerFunc{commit, none, none, says(200, ``)}, 1},
		"null":          {[]http.HandlerFunc{commit, none, none, says(200, `null`)}, 1},
	} {
		g, fake := onGitHub(t, append([]http.HandlerFunc{says(404, `{}`), says(200, `{"full_name":"acme/shop"}`)}, c.steps...)...)
		found, heads, err := g.LookUp(t.Context(), "acme/shop", shas(1), true)
		wantError(t, about, err, what{says: "acme/shop…answer is empty…github.api_url"})
		if len(found) != c.found || heads != nil || len(fake.seen) != 2+len(c.steps) {
			t.Errorf("%s: %v, %v, %q", about, found, heads, fake.seen)
		}
	}
}

func TestGraphQLAddress(t *testing.T) {
	for rest, want := range map[string]string{
		"https://api.github.com/":            "https://api.github.com/graphql",
		"https://api.acme.ghe.com/":          "https://api.acme.ghe.com/graphql",
		"https://github.example.com/api/v3/": "https://github.example.com/api/graphql",
		"http://127.0.0.1:1005/api/v3/":      "http://127.0.0.1:1005/api/graphql",
	} {
		if got := graphQLURL(rest); got != want {
			t.Errorf("%s has %s, want %s", rest, got, want)
		}
	}
}
