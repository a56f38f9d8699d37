package github

import (
	"crypto/sha1" //nolint:gosec // git's own names for things
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A Repository as tests make and see it.
type Repository struct {
	Name          string            `json:"name"`                     // owner/name
	DefaultBranch string            `json:"default_branch,omitempty"` // "": main
	Commits       []Commit          `json:"commits,omitempty"`
	Branches      map[string]string `json:"branches,omitempty"` // name → commit
	Tags          []Tag             `json:"tags,omitempty"`
	PullRequests  []PullRequest     `json:"pull_requests,omitempty"`
}

// A Commit has no parents here: nobody asks for them.
type Commit struct {
	SHA      string    `json:"sha"`
	Time     time.Time `json:"time"`              // committer's
	Authored time.Time `json:"authored,omitzero"` // zero: Time
	Message  string    `json:"message,omitempty"`
}

// A Tag names a commit, by way of an object of its own if it is annotated.
type Tag struct {
	Name      string `json:"name"`
	Commit    string `json:"commit"`
	Annotated bool   `json:"annotated,omitempty"`
	Object    string `json:"object,omitempty"` // of an annotated tag; "": one is made
}

// A PullRequest has a head, which may be in a fork.
type PullRequest struct {
	Number int    `json:"number"`
	Head   string `json:"head"` // commit
	Branch string `json:"branch,omitempty"`
	State  string `json:"state,omitempty"` // OPEN, which is also what "" means, CLOSED or MERGED
}

// A Push moves a branch, by force if need be.
type Push struct {
	Branch string `json:"branch"`
	Commit Commit `json:"commit"` // made if it is new; a known one needs its SHA alone
	// Gone forgets what the branch named before, as GitHub does some day. Else it is only unreachable, and GitHub still
	// finds it by its name.
	Gone bool `json:"gone,omitempty"`
}

// SHA makes a commit's name out of any text.
func SHA(seed string) string {
	sum := sha1.Sum([]byte(seed)) //nolint:gosec // git's own names for things
	return hex.EncodeToString(sum[:])
}

var (
	fullSHA        = regexp.MustCompile(`^[0-9a-f]{40}$`)
	abbreviated    = regexp.MustCompile(`^[0-9a-f]{4,40}$`)
	repositoryName = regexp.MustCompile(`^[A-Za-z0-9_-]+/[A-Za-z0-9._-]+$`)
	states         = []string{"OPEN", "CLOSED", "MERGED"}
)

// complete fills in what was left open, and checks that everything named is there.
func (r *Repository) complete() error {
	if !repositoryName.MatchString(r.Name) {
		return fmt.Errorf("%q is not owner/name", r.Name)
	}
	if r.DefaultBranch == "" {
		r.DefaultBranch = "main"
	}
	if r.Branches == nil {
		r.Branches = map[string]string{}
	}
	for _, c := range r.Commits {
		if !fullSHA.MatchString(c.SHA) || c.Time.IsZero() {
			return fmt.Errorf("a commit needs a sha of 40 hex digits and a time, not %q and %s", c.SHA, c.Time)
		}
	}
	for name, sha := range r.Branches {
		if r.commit(sha) == nil {
			return fmt.Errorf("branch %s names commit %q, which is not there", name, sha)
		}
	}
	return errors.Join(r.completeTags(), r.completePulls())
}

func (r *Repository) completeTags() error {
	for i := range r.Tags {
		tag := &r.Tags[i]
		if r.commit(tag.Commit) == nil {
			return fmt.Errorf("tag %s names commit %q, which is not there", tag.Name, tag.Commit)
		}
		if tag.Annotated && tag.Object == "" {
			tag.Object = SHA("tag " + r.Name + " " + tag.Name + " " + tag.Commit)
		}
	}
	return nil
}

func (r *Repository) completePulls() error {
	for i := range r.PullRequests {
		pull := &r.PullRequests[i]
		if pull.State == "" {
			pull.State = "OPEN"
		}
		if !slices.Contains(states, pull.State) || !fullSHA.MatchString(pull.Head) || pull.Number < 1 {
			return fmt.Errorf("pull request %d needs a number, a head of 40 hex digits and a state of %v, not %q and %q", pull.Number, states, pull.Head, pull.State)
		}
	}
	return nil
}

func (r *Repository) commit(sha string) *Commit {
	i := slices.IndexFunc(r.Commits, func(c Commit) bool { return c.SHA == sha })
	if i < 0 {
		return nil
	}
	return &r.Commits[i]
}

func (r *Repository) push(p Push) error {
	before := r.Branches[p.Branch]
	if r.commit(p.Commit.SHA) == nil {
		r.Commits = append(r.Commits, p.Commit)
	}
	r.Branches[p.Branch] = p.Commit.SHA
	if p.Gone && before != p.Commit.SHA {
		r.Commits = slices.DeleteFunc(r.Commits, func(c Commit) bool { return c.SHA == before })
	}
	return r.complete()
}

// A ref is a name for an object: "refs/heads/main" for a commit, "refs/tags/v1" for a commit or an annotated tag.
type ref struct {
	name   string
	object any // *Commit or *Tag
}

// refs below a prefix, by name, as GitHub sorts them.
func (r *Repository) refs(prefix string) []ref {
	out := make([]ref, 0, len(r.Branches)+len(r.Tags))
	for _, branch := range slices.Sorted(maps.Keys(r.Branches)) {
		out = append(out, ref{"refs/heads/" + branch, r.commit(r.Branches[branch])})
	}
	for _, tag := range slices.SortedFunc(slices.Values(r.Tags), func(a, b Tag) int { return strings.Compare(a.Name, b.Name) }) {
		object := any(r.commit(tag.Commit))
		if tag.Annotated {
			object = &tag
		}
		out = append(out, ref{"refs/tags/" + tag.Name, object})
	}
	return slices.DeleteFunc(out, func(f ref) bool { return !strings.HasPrefix(f.name, prefix) })
}

// object of a full name; nil if there is none.
func (r *Repository) object(sha string) any {
	found := r.objects(sha)
	if len(found) != 1 {
		return nil
	}
	return found[0]
}

// objects whose names begin so.
func (r *Repository) objects(prefix string) []any {
	var out []any
	for i := range r.Commits {
		if strings.HasPrefix(r.Commits[i].SHA, prefix) {
			out = append(out, &r.Commits[i])
		}
	}
	for i := range r.Tags {
		if r.Tags[i].Annotated && strings.HasPrefix(r.Tags[i].Object, prefix) {
			out = append(out, &r.Tags[i])
		}
	}
	return out
}

// parse resolves an expression in git's order: a full name, then refs, then an abbreviation, unless that is ambiguous.
// https://git-scm.com/docs/gitrevisions
func (r *Repository) parse(expression string) any {
	if fullSHA.MatchString(expression) {
		return r.object(expression)
	}
	if expression == "HEAD" {
		expression = "refs/heads/" + r.DefaultBranch
	}
	all := r.refs("")
	for _, prefix := range []string{"", "refs/", "refs/tags/", "refs/heads/"} {
		for _, candidate := range all {
			if candidate.name == prefix+expression {
				return candidate.object
			}
		}
	}
	if abbreviated.MatchString(expression) {
		return r.object(expression)
	}
	return nil
}

// peel follows an annotated tag to its commit.
func (r *Repository) peel(object any) *Commit {
	switch o := object.(type) {
	case *Commit:
		return o
	case *Tag:
		return r.commit(o.Commit)
	}
	return nil
}
