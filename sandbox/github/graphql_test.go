package github

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// asked is what a raw query is answered with.
type asked struct {
	status int
	header http.Header
	Data   map[string]any
	Errors []struct {
		Type, Message string
		Path          []any
	}
}

func (a asked) kind() string {
	if len(a.Errors) == 0 {
		return ""
	}
	return a.Errors[0].Type
}

// at walks down the data.
func (a asked) at(path ...string) any {
	var out any = a.Data
	for _, name := range path {
		fields, _ := out.(map[string]any)
		out = fields[name]
	}
	return out
}

func ask(t *testing.T, c Control, query string, variables map[string]any) asked {
	t.Helper()
	body := must[[]byte](t)(json.Marshal(map[string]any{"query": query, "variables": variables}))
	req := must[*http.Request](t)(http.NewRequest(http.MethodPost, c.URL+"/graphql", bytes.NewReader(body)))
	req.Header.Set("Authorization", "bearer "+testToken)
	req.Header.Set("Content-Type", "application/json")
	resp := must[*http.Response](t)(http.DefaultClient.Do(req))
	defer resp.Body.Close()
	out := asked{status: resp.StatusCode, header: resp.Header}
	ok(t, json.NewDecoder(resp.Body).Decode(&out))
	return out
}

// inShop is a query of fields of the one repository.
func inShop(fields string) string {
	return `{ repository(owner: "Acme", name: "SHOP") {` + fields + `} }`
}

func TestGraphQLObjects(t *testing.T) {
	_, _, c := world(t)
	tag := SHA("tag " + shop + " v1 " + SHA("first"))
	got := ask(t, c, `query($o: GitObjectID!, $e: String!) { repository(owner: "acme", name: "shop") {
		full: object(oid: $o) { __typename oid ... on Commit { committedDate authoredDate } }
		short: object(expression: $e) { ...c }
		tag: object(oid: "`+tag+`") { __typename oid ... on Tag { name target { oid } } }
		none: object(oid: "`+SHA("unknown")+`") { oid }
		nothing: object(expression: "`+SHA("unknown")[:9]+`") { oid }
		defaultBranchRef { name target { oid } }
		nameWithOwner
	} } fragment c on GitObject { oid abbreviatedOid ... on Commit { committedDate } }`, map[string]any{"o": SHA("first"), "e": SHA("second")[:8]})
	if len(got.Errors) > 0 || got.status != http.StatusOK {
		t.Fatalf("%d %+v", got.status, got.Errors)
	}
	for path, want := range map[string]any{
		"full.__typename": "Commit", "full.oid": SHA("first"), "full.committedDate": "2026-03-04T05:06:07Z", "full.authoredDate": "2026-03-04T04:06:07Z",
		"short.oid": SHA("second"), "short.abbreviatedOid": SHA("second")[:7], "short.committedDate": "2026-03-04T06:06:07Z",
		"tag.__typename": "Tag", "tag.oid": tag, "tag.name": "v1", "tag.target.oid": SHA("first"),
		"none": nil, "nothing": nil, "defaultBranchRef.name": "main", "defaultBranchRef.target.oid": SHA("second"), "nameWithOwner": shop,
	} {
		if found := got.at(append([]string{"repository"}, strings.Split(path, ".")...)...); found != want {
			t.Errorf("%s is %v, want %v", path, found, want)
		}
	}
	for name, args := range map[string]string{"an abbreviation": `oid: "` + SHA("first")[:7] + `"`, "no hex": `oid: "main"`} {
		if got := ask(t, c, inShop(`object(`+args+`) { oid }`), nil); len(got.Errors) == 0 {
			t.Errorf("%s was taken for an oid: %+v", name, got)
		}
	}
	if got := ask(t, c, inShop(`object { oid }`), nil); got.kind() != "ARGUMENT_ERROR" {
		t.Errorf("%+v", got)
	}
}

func TestGraphQLErrors(t *testing.T) {
	_, _, c := world(t)
	for query, want := range map[string]string{
		`{ repository(owner: "acme", name: "nope") { name } }`:      "NOT_FOUND",
		inShop(`refs(refPrefix: "refs/heads/") { totalCount }`):     "MISSING_PAGINATION_BOUNDARIES",
		inShop(`pullRequests(first: 101) { totalCount }`):           "EXCESSIVE_PAGINATION",
		inShop(`pullRequests(first: 1, after: "x") { totalCount }`): "INVALID_CURSOR_ARGUMENTS",
		inShop(`refs(refPrefix: "refs/", last: 1) { totalCount }`):  "UNPROCESSABLE",
		inShop(`unknown`): "",
	} {
		got := ask(t, c, query, nil)
		if got.status != http.StatusOK || len(got.Errors) != 1 || got.kind() != want || got.at("repository", "refs") != nil {
			t.Errorf("%s: %d %+v", query, got.status, got.Errors)
		}
	}
	got := ask(t, c, `{ repository(owner: "acme", name: "nope") { name } }`, nil)
	if _, there := got.Data["repository"]; !there || got.Errors[0].Message != "Could not resolve to a Repository with the name 'acme/nope'." || fmt.Sprint(got.Errors[0].Path) != "[repository]" {
		t.Errorf("%+v", got)
	}
	if calls := must[map[string]Calls](t)(c.Calls(t.Context()))["graphql"]; calls.Total != 7 || calls.Refused["NOT_FOUND"] != 2 || calls.Refused["invalid"] != 1 {
		t.Errorf("calls %+v", calls)
	}
}

func TestGraphQLPages(t *testing.T) {
	_, _, c := world(t)
	for i := range 205 {
		ok(t, c.PullRequest(t.Context(), shop, PullRequest{Number: 100 + i, Head: SHA("first")}))
	}
	ok(t, c.PullRequest(t.Context(), shop, PullRequest{Number: 100, Head: SHA("first"), State: "CLOSED"}))
	var numbers []any
	var after any
	for pages := 1; ; pages++ {
		got := ask(t, c, `query($after: String) { repository(owner: "acme", name: "shop") {
			pullRequests(states: OPEN, first: 100, after: $after) { totalCount nodes { number headRefOid headRefName state } pageInfo { hasNextPage endCursor } } } }`, map[string]any{"after": after})
		if len(got.Errors) > 0 || got.at("repository", "pullRequests", "totalCount") != 205.0 {
			t.Fatalf("%+v", got)
		}
		numbers = append(numbers, got.at("repository", "pullRequests", "nodes").([]any)...)
		after = got.at("repository", "pullRequests", "pageInfo", "endCursor")
		if got.at("repository", "pullRequests", "pageInfo", "hasNextPage") == false {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
	}
	if len(numbers) != 205 {
		t.Errorf("%d pull requests", len(numbers))
	}
	got := ask(t, c, inShop(`h: refs(refPrefix: "refs/heads/", first: 100) { nodes { name } } t: refs(refPrefix: "refs/tags/", first: 100) { nodes { name target { oid ... on Tag { target { oid } } } } }`), nil)
	if text := fmt.Sprint(got.Data); !strings.Contains(text, "feature/x") || strings.Count(text, "target:map[oid:"+SHA("first")) != 2 {
		t.Errorf("refs: %s %+v", text, got.Errors)
	}
}

func TestGraphQLCostAndNodes(t *testing.T) {
	_, _, c := world(t)
	connections := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "c%d: pullRequests(first: 100) { totalCount } ", i)
		}
		return b.String()
	}
	ok(t, c.Limit(t.Context(), Limit{Resource: "graphql", Limit: 10, Remaining: 8, ResetIn: 100}))
	got := ask(t, c, `{ rateLimit { cost limit remaining used nodeCount resetAt } repository(owner: "acme", name: "shop") {`+connections(200)+`} }`, nil)
	if text := fmt.Sprint(got.at("rateLimit")); !strings.HasPrefix(text, "map[cost:2 limit:10 nodeCount:20000 remaining:6 resetAt:20") || got.header.Get("X-RateLimit-Remaining") != "6" {
		t.Errorf("%s, %s left, %+v", text, got.header.Get("X-RateLimit-Remaining"), got.Errors)
	}
	if got := ask(t, c, inShop(connections(5001)), nil); got.kind() != "MAX_NODE_LIMIT_EXCEEDED" || got.Data != nil {
		t.Errorf("%+v", got.Errors)
	}
}

func TestGraphQLOff(t *testing.T) {
	_, client, c := world(t)
	ok(t, c.Set(t.Context(), Settings{GraphQLOff: true}))
	if got := ask(t, c, inShop("name"), nil); got.status != http.StatusNotFound {
		t.Errorf("answered %d", got.status)
	}
	if _, _, err := getCommit(t.Context(), client, "main"); err != nil {
		t.Error(err)
	}
	ok(t, c.Set(t.Context(), Settings{}))
	if got := ask(t, c, inShop("name"), nil); got.status != http.StatusOK {
		t.Errorf("answered %d", got.status)
	}
}
