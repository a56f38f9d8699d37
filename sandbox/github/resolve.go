package github

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// gitObjectID is a full name: GitHub takes no abbreviation for it.
type gitObjectID string

func (gitObjectID) ImplementsGraphQLType(name string) bool { return name == "GitObjectID" }

func (id *gitObjectID) UnmarshalGraphQL(input any) error {
	text, ok := input.(string)
	if !ok || !fullSHA.MatchString(text) {
		return fmt.Errorf("Could not coerce value %q to GitObjectID", input)
	}
	*id = gitObjectID(text)
	return nil
}

type dateTime struct{ time.Time }

func (dateTime) ImplementsGraphQLType(name string) bool { return name == "DateTime" }

func (*dateTime) UnmarshalGraphQL(any) error { return errors.New("no argument is a DateTime here") }

func (d dateTime) MarshalJSON() ([]byte, error) {
	return json.Marshal(d.UTC().Format("2006-01-02T15:04:05Z"))
}

type repositoryNode struct{ *Repository }

func (r *repositoryNode) Name() string {
	return r.Repository.Name[strings.IndexByte(r.Repository.Name, '/')+1:]
}
func (r *repositoryNode) NameWithOwner() string { return r.Repository.Name }
func (r *repositoryNode) DefaultBranchRef() *refNode {
	return r.Ref(struct{ QualifiedName string }{"refs/heads/" + r.DefaultBranch})
}

func (r *repositoryNode) Ref(a struct{ QualifiedName string }) *refNode {
	for _, candidate := range r.refs("") {
		if candidate.name == a.QualifiedName {
			return &refNode{r.Repository, candidate}
		}
	}
	return nil
}

func (r *repositoryNode) Object(a struct {
	OID        *gitObjectID
	Expression *string
},
) (*objectNode, error) {
	switch {
	case a.OID != nil:
		return node(r.Repository, r.object(string(*a.OID))), nil
	case a.Expression != nil:
		return node(r.Repository, r.parse(*a.Expression)), nil
	}
	return nil, typed{"ARGUMENT_ERROR", "one of `oid` or `expression` is required"}
}

type pages struct {
	After, Before *string
	First, Last   *int32
}

func (r *repositoryNode) Refs(ctx context.Context, a struct {
	RefPrefix string
	pages
},
) (*refConnection, error) {
	all := r.refs(a.RefPrefix)
	if !strings.HasSuffix(a.RefPrefix, "/") {
		all = nil // GitHub wants refs/heads/, not refs/heads
	}
	page, info, err := cut(ctx, "refs", all, a.pages)
	if err != nil {
		return nil, err
	}
	nodes := make([]*refNode, len(page))
	for i, f := range page {
		nodes[i] = &refNode{r.Repository, f}
	}
	return &refConnection{Nodes: &nodes, PageInfo: info, TotalCount: whole(len(all))}, nil
}

func (r *repositoryNode) PullRequests(ctx context.Context, a struct {
	States *[]string
	pages
},
) (*pullConnection, error) {
	all := slices.Clone(r.Repository.PullRequests)
	if a.States != nil {
		all = slices.DeleteFunc(all, func(p PullRequest) bool { return !slices.Contains(*a.States, p.State) })
	}
	page, info, err := cut(ctx, "pullRequests", all, a.pages)
	if err != nil {
		return nil, err
	}
	nodes := make([]*pullNode, len(page))
	for i, p := range page {
		nodes[i] = &pullNode{p}
	}
	return &pullConnection{Nodes: &nodes, PageInfo: info, TotalCount: whole(len(all))}, nil
}

// cut takes a page out of a connection. A cursor is a position.
// https://docs.github.com/en/graphql/guides/using-pagination-in-the-graphql-api
func cut[T any](ctx context.Context, field string, all []T, p pages) ([]T, pageInfo, error) {
	if p.Last != nil || p.Before != nil {
		return nil, pageInfo{}, typed{"UNPROCESSABLE", "this stand-in pages forwards only: use `first` and `after`"}
	}
	if p.First == nil {
		return nil, pageInfo{}, typed{"MISSING_PAGINATION_BOUNDARIES", fmt.Sprintf("You must provide a `first` or `last` value to properly paginate the `%s` connection.", field)}
	}
	if *p.First > 100 || *p.First < 1 {
		return nil, pageInfo{}, typed{"EXCESSIVE_PAGINATION", fmt.Sprintf("Requesting %d records on the `%s` connection exceeds the `first` limit of 100 records.", *p.First, field)}
	}
	this := runOf(ctx)
	this.connections.Add(1)
	this.nodes.Add(int64(*p.First))
	begin := 0
	if p.After != nil {
		var err error
		if begin, err = position(*p.After); err != nil || begin > len(all) {
			return nil, pageInfo{}, typed{"INVALID_CURSOR_ARGUMENTS", fmt.Sprintf("`%s` does not appear to be a valid cursor.", *p.After)}
		}
	}
	end := min(begin+int(*p.First), len(all))
	info := pageInfo{HasNextPage: end < len(all), HasPreviousPage: begin > 0}
	if begin < end {
		first, last := cursor(begin+1), cursor(end)
		info.StartCursor, info.EndCursor = &first, &last
	}
	return all[begin:end], info, nil
}

func cursor(n int) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "cursor:v2:%d", n))
}

func position(cursor string) (int, error) {
	text, err := base64.StdEncoding.DecodeString(cursor)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(string(text), "cursor:v2:"), 10, 31)
	return int(n), err
}
