package github

import (
	"context"
	_ "embed" // the schema
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"sync/atomic"

	graphql "github.com/graph-gophers/graphql-go"
	gqlerrors "github.com/graph-gophers/graphql-go/errors"
)

//go:embed schema.graphql
var schemaText string

var schema = graphql.MustParseSchema(schemaText, &query{}, graphql.UseFieldResolvers())

// maxNodes that one query may ask for.
// https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api#node-limit
const maxNodes = 500_000

// A run is one query on its way.
type run struct {
	server             *Server // locked; a query only reads
	nodes, connections atomic.Int64
	asksRate           atomic.Bool
	cost, asked        int // points and nodes, known after a first run
}

type runKey struct{}

func runOf(ctx context.Context) *run { return ctx.Value(runKey{}).(*run) }

// typed is an error with one of GitHub's types.
type typed struct{ kind, message string }

func (t typed) Error() string { return t.message }

func (s *Server) graphQL(r *http.Request) (reply, error) {
	if s.graphQLOff {
		return reply{}, notFound
	}
	var in struct {
		Query         *string        `json:"query"`
		OperationName string         `json:"operationName"`
		Variables     map[string]any `json:"variables"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<20)).Decode(&in); err != nil {
		return reply{}, refusal{status: http.StatusBadRequest, message: "Problems parsing JSON"}
	}
	if in.Query == nil {
		return refused("", &gqlerrors.QueryError{Message: "A query attribute must be specified and must be a string."}), nil
	}
	this := &run{server: s}
	answer := this.exec(r.Context(), *in.Query, in.OperationName, in.Variables)
	this.asked = int(this.nodes.Load())
	if this.asked > maxNodes {
		return refused("MAX_NODE_LIMIT_EXCEEDED", &gqlerrors.QueryError{
			Message: fmt.Sprintf("This query requests up to %d possible nodes which exceeds the maximum limit of %d.", this.asked, maxNodes),
		}), nil
	}
	this.cost = max(1, int(math.Round(float64(this.connections.Load())/100)))
	if this.asksRate.Load() { // the cost is known only now
		answer = this.exec(r.Context(), *in.Query, in.OperationName, in.Variables)
	}
	out := reply{body: answer, cost: this.cost}
	for _, e := range answer.Errors {
		out.refused = e.Type
		if e.Type == "" {
			out.refused = "invalid"
		}
	}
	return out, nil
}

// answer is a response with errors as GitHub writes them: their type stands beside the message.
type answer struct {
	Data   json.RawMessage `json:"data,omitempty"`
	Errors []queryError    `json:"errors,omitempty"`
}

type queryError struct {
	Type string `json:"type,omitempty"`
	*gqlerrors.QueryError
}

func (t *run) exec(ctx context.Context, text, operation string, variables map[string]any) answer {
	response := schema.Exec(context.WithValue(ctx, runKey{}, t), text, operation, variables)
	out := answer{Data: response.Data}
	for _, e := range response.Errors {
		entry := queryError{QueryError: e}
		if known, ok := e.ResolverError.(typed); ok { //nolint:errorlint // as the resolver returned it
			entry.Type = known.kind
		}
		out.Errors = append(out.Errors, entry)
	}
	return out
}

// refused is an answer without data.
func refused(kind string, e *gqlerrors.QueryError) reply {
	return reply{body: answer{Errors: []queryError{{kind, e}}}, refused: kind}
}

// query is the root of the schema.
type query struct{}

func (*query) RateLimit(ctx context.Context, _ struct{ DryRun bool }) *rateLimit {
	this := runOf(ctx)
	this.asksRate.Store(true)
	return &rateLimit{this, this.server.window(graphQLResource)}
}

func (*query) Repository(ctx context.Context, a struct {
	Owner, Name   string
	FollowRenames bool
},
) (*repositoryNode, error) {
	name := a.Owner + "/" + a.Name
	r, ok := runOf(ctx).server.repositories[key(name)]
	if !ok {
		return nil, typed{"NOT_FOUND", fmt.Sprintf("Could not resolve to a Repository with the name '%s'.", name)}
	}
	return &repositoryNode{r}, nil
}

// rateLimit is what will be left after this query.
type rateLimit struct {
	run    *run
	window *window
}

func (l *rateLimit) Cost() int32       { return whole(l.run.cost) }
func (l *rateLimit) Limit() int32      { return whole(l.window.limit) }
func (l *rateLimit) Used() int32       { return whole(l.window.used + l.run.cost) }
func (l *rateLimit) Remaining() int32  { return whole(max(0, l.window.remaining()-l.run.cost)) }
func (l *rateLimit) NodeCount() int32  { return whole(l.run.asked) }
func (l *rateLimit) ResetAt() dateTime { return dateTime{l.window.reset} }

// whole is GraphQL's Int.
func whole(n int) int32 { return int32(min(n, math.MaxInt32)) } //nolint:gosec // it fits
