package activities

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-github/v88/github"

	"epoxy/internal/policy"
)

// errNoGraphQL says that there is only REST: an old GitHub Enterprise Server, or a proxy before it.
var errNoGraphQL = errors.New("GraphQL is not available")

// A headPage is where the reading of one kind of head has got to.
type headPage struct {
	alias  string // in the query, and name of the variable with the cursor
	field  string
	nodes  string
	cursor *string
	read   func(l *commitLookup, node headNode)
}

// headNode is a ref or a pull request.
type headNode struct {
	Name       string
	Target     *gitObject
	Number     int
	HeadRefOID string
}

// gitObject is a commit, or an annotated tag of one; a tag may even name a tag.
type gitObject struct {
	Type          string `json:"__typename"`
	OID           string
	CommittedDate time.Time
	Target        *gitObject
}

// commit that a ref names in the end.
func (o *gitObject) commit() string {
	if o == nil {
		return ""
	}
	for o.Target != nil {
		o = o.Target
	}
	return o.OID
}

// headPages of everything that must stay. https://docs.github.com/en/graphql/reference/objects#repository
func headPages() []*headPage {
	return []*headPage{
		{
			alias: "branches", field: `refs(refPrefix:"refs/heads/",first:%d,after:$branches)`, nodes: `name target{oid}`,
			read: func(l *commitLookup, n headNode) { l.protect(n.Target.commit(), branchHead(n.Name)) },
		},
		{
			alias: "tags", field: `refs(refPrefix:"refs/tags/",first:%d,after:$tags)`,
			nodes: `name target{oid ...on Tag{target{oid ...on Tag{target{oid}}}}}`,
			read:  func(l *commitLookup, n headNode) { l.protect(n.Target.commit(), tagHead(n.Name)) },
		},
		{
			alias: "pulls", field: `pullRequests(states:OPEN,first:%d,after:$pulls)`, nodes: `number headRefOid`,
			read: func(l *commitLookup, n headNode) { l.protect(n.HeadRefOID, pullHead(n.Number)) },
		},
	}
}

// graphQL asks until everything is answered. One request after the other, as GitHub wishes.
// https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#avoid-concurrent-requests
func (l *commitLookup) graphQL(ctx context.Context, wantHeads bool) error {
	var open []*headPage
	if wantHeads {
		open = headPages()
	}
	for len(l.ask) > 0 || len(open) > 0 {
		batch := l.ask[:min(perRequest, len(l.ask))]
		answers, failed := l.query(ctx, batch, open)
		err := l.readCommits(batch, answers, failed == nil)
		if failed != nil || err != nil {
			return cmp.Or(failed, err)
		}
		l.ask = l.ask[len(batch):]
		if open, err = l.readHeads(open, answers); err != nil {
			return err
		}
		alive(ctx)
	}
	return nil
}

// query asks once. The commits are nothing but hex by now; all else goes as variables.
func (l *commitLookup) query(ctx context.Context, batch []string, open []*headPage) (map[string]json.RawMessage, error) {
	variables := map[string]any{"owner": l.owner, "name": l.name}
	var head, body strings.Builder
	head.WriteString("query($owner:String!,$name:String!")
	for i, commit := range batch {
		argument := "expression"
		if len(commit) == fullCommitName {
			argument = "oid"
		}
		fmt.Fprintf(&body, "c%d:object(%s:%q){__typename oid ...on Commit{committedDate}}\n", i, argument, commit)
	}
	for _, page := range open {
		fmt.Fprintf(&head, ",$%s:String", page.alias)
		variables[page.alias] = page.cursor
		fmt.Fprintf(&body, "%s:"+page.field+"{nodes{%s}pageInfo{hasNextPage endCursor}}\n", page.alias, perRequest, page.nodes)
	}
	return l.post(ctx, head.String()+"){repository(owner:$owner,name:$name){\n"+body.String()+"}}", variables)
}

// graphQLURL is /graphql beside the REST API of github.com, and /api/graphql on a GitHub Enterprise Server.
// https://docs.github.com/en/enterprise-server@latest/graphql/guides/forming-calls-with-graphql#the-graphql-endpoint
func graphQLURL(rest string) string {
	if server, ok := strings.CutSuffix(rest, "/api/v3/"); ok {
		return server + "/api/graphql"
	}
	return rest + "graphql"
}

// post returns the fields of the repository by alias, those before an error too.
func (l *commitLookup) post(ctx context.Context, query string, variables map[string]any) (map[string]json.RawMessage, error) {
	req, err := l.client.NewRequest(ctx, http.MethodPost, graphQLURL(l.client.BaseURL()), map[string]any{"query": query, "variables": variables})
	if err != nil {
		return nil, err
	}
	var out struct {
		Data *struct {
			Repository map[string]json.RawMessage
		}
		Errors []graphQLError
	}
	resp, err := l.client.Do(req, &out)
	switch statusOfGitHub(err) {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone:
		return nil, errNoGraphQL
	}
	if err == nil {
		err = judgeErrors(resp, out.Errors)
	}
	switch {
	case out.Data != nil && out.Data.Repository != nil:
		return out.Data.Repository, err
	case err != nil:
		return nil, err
	case out.Data == nil:
		return nil, errEmptyAnswer
	}
	return nil, errNoRepository
}

// readCommits takes what is there. What is not, is missing only if nothing went wrong.
func (l *commitLookup) readCommits(batch []string, answers map[string]json.RawMessage, whole bool) error {
	for i, asked := range batch {
		var object *gitObject
		data, ok := answers[fmt.Sprintf("c%d", i)]
		if ok {
			if err := json.Unmarshal(data, &object); err != nil {
				return fmt.Errorf("GitHub's answer about commit %s: %w", asked, err)
			}
		}
		switch {
		case object != nil && object.Type == "Commit":
			l.answer(asked, object.OID, policy.Commit{Time: object.CommittedDate.UTC()})
		case whole && ok:
			l.missing(asked)
		case whole:
			return fmt.Errorf("GitHub's answer does not mention commit %s", asked)
		}
	}
	return nil
}

// readHeads returns the kinds of which there is more. A kind that is not in the answer is an error: it protects.
func (l *commitLookup) readHeads(open []*headPage, answers map[string]json.RawMessage) ([]*headPage, error) {
	var more []*headPage
	for _, page := range open {
		var connection *struct {
			Nodes    []*headNode
			PageInfo struct {
				HasNextPage bool
				EndCursor   string
			}
		}
		if err := json.Unmarshal(answers[page.alias], &connection); err != nil {
			return nil, fmt.Errorf("GitHub's list of %s: %w", page.alias, err)
		}
		if connection == nil || connection.Nodes == nil {
			return nil, fmt.Errorf("GitHub's answer does not list %s", page.alias)
		}
		for _, node := range connection.Nodes {
			if node != nil {
				page.read(l, *node)
			}
		}
		if !connection.PageInfo.HasNextPage {
			continue
		}
		cursor := connection.PageInfo.EndCursor
		if cursor == "" || page.cursor != nil && *page.cursor == cursor {
			return nil, fmt.Errorf("GitHub's list of %s does not get on", page.alias)
		}
		page.cursor = &cursor
		more = append(more, page)
	}
	return more, nil
}

// graphQLError is what stands beside the data; the status is 200 all the same.
type graphQLError struct {
	Type    string
	Message string
}

func (e graphQLError) Error() string {
	if e.Type == "" {
		return e.Message
	}
	return e.Message + " (" + e.Type + ")"
}

// judgeErrors gives errors of GraphQL the forms that REST has for them.
// https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api#exceeding-the-rate-limit
func judgeErrors(resp *github.Response, list []graphQLError) error {
	for _, e := range list {
		switch {
		case e.Type == "RATE_LIMITED", e.Type == "RATE_LIMIT":
			return &github.RateLimitError{Rate: resp.Rate, Response: resp.Response, Message: e.Message}
		case isSecondary(e.Message):
			return &github.AbuseRateLimitError{Response: resp.Response, Message: e.Message}
		case e.Type == "NOT_FOUND":
			return errNoRepository
		}
	}
	if len(list) > 0 {
		return list[0]
	}
	return nil
}
