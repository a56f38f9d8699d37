package github

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (s *Server) rest() {
	s.endpoint("GET /rate_limit", "rate_limit", freeResource, (*Server).rateLimits)
	s.endpoint("GET /repos/{owner}/{name}", "repository", coreResource, inRepository(describe))
	s.endpoint("GET /repos/{owner}/{name}/branches", "branches", coreResource, inRepository(branches))
	s.endpoint("GET /repos/{owner}/{name}/tags", "tags", coreResource, inRepository(tags))
	s.endpoint("GET /repos/{owner}/{name}/pulls", "pulls", coreResource, inRepository(pulls))
	s.endpoint("GET /repos/{owner}/{name}/commits/{ref...}", "commit", coreResource, inRepository(oneCommit))
	s.endpoint("GET /repos/{owner}/{name}/git/matching-refs/{ref...}", "matching-refs", coreResource, inRepository(matchingRefs))
	s.endpoint("POST /app/installations/{id}/access_tokens", accessTokenKind, freeResource, (*Server).accessToken)
}

type object = map[string]any

func inRepository(run func(*Repository, *http.Request) (reply, error)) endpoint {
	return func(s *Server, r *http.Request) (reply, error) {
		found, ok := s.repositories[key(r.PathValue("owner")+"/"+r.PathValue("name"))]
		if !ok {
			return reply{}, notFound
		}
		return run(found, r)
	}
}

// rateLimits costs nothing.
// https://docs.github.com/en/rest/rate-limit/rate-limit
func (s *Server) rateLimits(*http.Request) (reply, error) {
	resources := object{}
	for _, name := range []string{coreResource, graphQLResource} {
		w := s.window(name)
		resources[name] = object{"limit": w.limit, "used": w.used, "remaining": w.remaining(), "reset": w.reset.Unix()}
	}
	return reply{body: object{"resources": resources, "rate": resources[coreResource]}}, nil
}

func describe(found *Repository, _ *http.Request) (reply, error) {
	owner, name, _ := strings.Cut(found.Name, "/")
	return reply{body: object{
		"name": name, "full_name": found.Name, "private": true, "default_branch": found.DefaultBranch, "owner": object{"login": owner},
	}}, nil
}

func (c *Commit) authored() time.Time {
	if c.Authored.IsZero() {
		return c.Time
	}
	return c.Authored
}

// oneCommit takes what git takes: a name, full or not, of a commit, a branch or a tag.
// https://docs.github.com/en/rest/commits/commits#get-a-commit
func oneCommit(found *Repository, r *http.Request) (reply, error) {
	c := found.peel(found.parse(r.PathValue("ref")))
	if c == nil {
		return reply{}, refusal{
			status: http.StatusUnprocessableEntity, message: "No commit found for SHA: " + r.PathValue("ref"), docs: "/commits/commits#get-a-commit",
		}
	}
	person := func(at time.Time) object {
		return object{"name": "Sandbox", "email": "sandbox@example.com", "date": dateTime{at}}
	}
	return reply{body: object{
		"sha": c.SHA, "files": []object{}, "parents": []object{},
		"commit": object{"message": c.Message, "author": person(c.authored()), "committer": person(c.Time)},
	}}, nil
}

func branches(found *Repository, r *http.Request) (reply, error) {
	return paged(r, named(found, "refs/heads/")), nil
}

// tags name commits, of annotated tags too.
func tags(found *Repository, r *http.Request) (reply, error) {
	return paged(r, named(found, "refs/tags/")), nil
}

func named(found *Repository, prefix string) []object {
	refs := found.refs(prefix)
	out := make([]object, len(refs))
	for i, f := range refs {
		out[i] = object{"name": strings.TrimPrefix(f.name, prefix), "commit": object{"sha": found.peel(f.object).SHA}}
	}
	return out
}

// pulls are the open ones unless others are asked for. Here a merged one is closed.
func pulls(found *Repository, r *http.Request) (reply, error) {
	wanted := r.FormValue("state")
	if wanted == "" {
		wanted = "open"
	}
	if !slices.Contains([]string{"open", "closed", "all"}, wanted) {
		return reply{}, refusal{status: http.StatusUnprocessableEntity, message: "Validation Failed", docs: "/pulls/pulls#list-pull-requests"}
	}
	out := []object{}
	for _, p := range found.PullRequests {
		state := "closed"
		if p.State == "OPEN" {
			state = "open"
		}
		if wanted == "all" || wanted == state {
			out = append(out, object{"number": p.Number, "state": state, "head": object{"ref": p.Branch, "sha": p.Head}})
		}
	}
	return paged(r, out), nil
}

// matchingRefs are all whose names begin so, on one page.
// https://docs.github.com/en/rest/git/refs#list-matching-references
func matchingRefs(found *Repository, r *http.Request) (reply, error) {
	refs := found.refs("refs/" + r.PathValue("ref"))
	out := make([]object, len(refs))
	for i, f := range refs {
		kind, sha := "commit", ""
		switch o := f.object.(type) {
		case *Commit:
			sha = o.SHA
		case *Tag:
			kind, sha = "tag", o.Object
		}
		out[i] = object{"ref": f.name, "object": object{"type": kind, "sha": sha}}
	}
	return reply{body: out}, nil
}

// paged cuts a page of 30, or of what is asked for up to 100, and links to the others.
// https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
func paged(r *http.Request, all []object) reply {
	number := func(name string, fallback int) int {
		if n, err := strconv.Atoi(r.FormValue(name)); err == nil && n > 0 {
			return n
		}
		return fallback
	}
	size, page := min(number("per_page", 30), 100), number("page", 1)
	last := max(1, (len(all)+size-1)/size)
	out := reply{body: []object{}, header: http.Header{}}
	if page <= last {
		out.body = all[(page-1)*size : min(page*size, len(all))]
	}
	var links []string
	link := func(rel string, page int) {
		to := url.URL{Scheme: "http", Host: r.Host, Path: strings.SplitN(r.RequestURI, "?", 2)[0]}
		query := r.URL.Query()
		query.Set("page", strconv.Itoa(page))
		to.RawQuery = query.Encode()
		links = append(links, fmt.Sprintf("<%s>; rel=%q", &to, rel))
	}
	if page > 1 {
		link("prev", min(page-1, last))
		link("first", 1)
	}
	if page < last {
		link("next", page+1)
		link("last", last)
	}
	if len(links) > 0 {
		out.header.Set("Link", strings.Join(links, ", "))
	}
	return out
}

// conditional answers 304 to a caller that has the same already; it costs nothing.
// https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests-if-appropriate
func conditional(r *http.Request, out reply) reply {
	data, err := json.Marshal(out.body)
	if err != nil || out.status != 0 {
		return out
	}
	sum := sha256.Sum256(data)
	tag := `W/"` + hex.EncodeToString(sum[:]) + `"`
	if out.header == nil {
		out.header = http.Header{}
	}
	out.header.Set("ETag", tag)
	for known := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		if strings.TrimSpace(known) == tag {
			out.status = http.StatusNotModified
		}
	}
	return out
}
