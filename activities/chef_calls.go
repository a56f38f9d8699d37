package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"

	"epoxy/internal/policy"
)

// Most bytes of an answer. A Chef server takes nodes of a few MB; a list has a name and an address for each.
const (
	maxNode   = 8 << 20
	maxClient = 64 << 10
	maxPage   = 8 << 20
	maxList   = 64 << 20
)

// Kinds of things on a Chef server, as its paths name them.
const (
	chefNodes   = "nodes"
	chefClients = "clients"
)

// chefServer makes the calls. Every name is checked before it becomes a part of a path or a query: of what go-chef pastes
// together, "../clients/web-2" deleted a client as a node, and * found everything.
type chefServer struct {
	name string
	api  ChefAPI
}

func (s chefServer) do(ctx context.Context, method, path string, query url.Values, body []byte, most int64) ([]byte, error) {
	out, err := s.api.Do(ctx, method, path, query, body, most)
	return out, s.translate(method+" "+path, err)
}

// object is the path of one node or client.
func object(kind, name string) (string, error) {
	if err := policy.CheckNodeName(name); err != nil {
		return "", Refuse(ErrInvalid, "%v", err)
	}
	return kind + "/" + url.PathEscape(name), nil
}

// get reads a node or client; there is none with found false. What answers with something else is no Chef server, or not at
// this address: goiardi answers 200 and nothing to every path that it does not know.
func (s chefServer) get(ctx context.Context, kind, name string) (text []byte, found bool, err error) {
	path, err := object(kind, name)
	if err != nil {
		return nil, false, err
	}
	most := int64(maxNode)
	if kind == chefClients {
		most = maxClient
	}
	text, err = s.do(ctx, http.MethodGet, path, nil, nil, most)
	if isMissing(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if called := textAt(text, "name"); called != name {
		return nil, false, Refuse(ErrInvalid, "%s answers GET %s with something else, named %.60q: check its url in the section chef, with /organizations/NAME if it has organisations",
			s.api, path, called)
	}
	return text, true, nil
}

// textAt is a text in a JSON object, by its exact key, or "".
func textAt(text []byte, key string) (value string) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(text, &fields) != nil || json.Unmarshal(fields[key], &value) != nil {
		return ""
	}
	return value
}

// node reads a node and what matters of it.
func (s chefServer) node(ctx context.Context, name string) (n policy.ChefNode, text []byte, found bool, err error) {
	if text, found, err = s.get(ctx, chefNodes, name); found {
		n = policy.ParseChefNode(s.name, text)
	}
	return n, text, found, err
}

// client reads a client, with its public key. Since version 1 of the API a server tells that apart.
// https://docs.chef.io/server/api_chef_server/#clientsclientkeyskey
func (s chefServer) client(ctx context.Context, name string) (c policy.ChefClient, found bool, err error) {
	text, found, err := s.get(ctx, chefClients, name)
	if !found {
		return policy.ChefClient{}, false, err
	}
	c = policy.ParseChefClient(text)
	if c.PublicKey == "" {
		key, err := s.do(ctx, http.MethodGet, chefClients+"/"+url.PathEscape(name)+"/keys/default", nil, nil, maxClient)
		if err != nil && !isMissing(err) {
			return policy.ChefClient{}, false, err
		}
		c.PublicKey = textAt(key, "public_key")
	}
	return c, true, nil
}

// delete tells whether there was something to delete.
func (s chefServer) delete(ctx context.Context, kind, name string) (was bool, err error) {
	path, err := object(kind, name)
	if err != nil {
		return false, err
	}
	if _, err = s.do(ctx, http.MethodDelete, path, nil, nil, maxNode); isMissing(err) {
		return false, nil
	}
	return err == nil, err
}

// chefRow is what a partial search tells of a node or client.
type chefRow struct {
	Data json.RawMessage `json:"data"`
}

// search asks the index for some attributes of what a query finds. The index lags behind by up to a minute, and what it says
// is only a hint.
// https://docs.chef.io/server/api_chef_server/#search
func (s chefServer) search(ctx context.Context, index, query string, attributes map[string][]string, from, rows int) (found []chefRow, total int, err error) {
	body, err := json.Marshal(attributes)
	if err != nil {
		return nil, 0, err
	}
	values := url.Values{"q": {query}, "sort": {"X_CHEF_id_CHEF_X asc"}, "start": {strconv.Itoa(from)}, "rows": {strconv.Itoa(rows)}}
	text, err := s.do(ctx, http.MethodPost, "search/"+index, values, body, maxPage)
	if err != nil {
		return nil, 0, err
	}
	var page struct {
		Total int       `json:"total"`
		Rows  []chefRow `json:"rows"`
	}
	if err := json.Unmarshal(text, &page); err != nil {
		return nil, 0, s.nonsense("a search", err)
	}
	return page.Rows, page.Total, nil
}

func (s chefServer) nonsense(to string, err error) error {
	return Refuse(ErrInvalid, "%s answers %s with what is no JSON of a Chef server (%v): check its url in the section chef", s.api, to, err)
}

// errMissing is 404, which is an answer.
var errMissing = errors.New("there is none")

func isMissing(err error) bool { return errors.Is(err, errMissing) }

// translate turns what a Chef server answers into what Temporal is to do about it.
func (s chefServer) translate(what string, err error) error {
	var app *temporal.ApplicationError
	if err == nil || errors.As(err, &app) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var answer interface{ StatusCode() int }
	if !errors.As(err, &answer) {
		return err // it does not answer, or the key cannot be had: try again
	}
	verb, _, _ := strings.Cut(what, " ")
	switch status := answer.StatusCode(); {
	case status == http.StatusNotFound:
		return s.notFound(err)
	case status == http.StatusUnauthorized:
		return Refuse(ErrForbidden, "%v; check that chef.%s.private_key in epoxy.yaml is the key of client %s there, and that the clocks of both agree within 15 minutes", err, s.name, s.api.Client())
	case status == http.StatusForbidden:
		return Refuse(ErrForbidden, "%v; let client %s do that: give it %s rights to nodes and clients (knife acl), or make it an admin", err, s.api.Client(), rightTo(verb))
	case status == http.StatusTooManyRequests:
		return temporal.NewApplicationErrorWithOptions(err.Error(), ErrThrottled, temporal.ApplicationErrorOptions{NextRetryDelay: spread(5 * time.Second)})
	case status/100 == 5 || status == http.StatusRequestTimeout:
		return err
	}
	return Refuse(ErrInvalid, "%v", err)
}

// notFound is "gone" only where a Chef server says so of what was asked for.
func (s chefServer) notFound(err error) error {
	switch {
	case noOrganization.MatchString(err.Error()):
		return Refuse(ErrInvalid, "%v: correct /organizations/NAME in chef.%s.url", err, s.name)
	case !fromChef(err):
		return fmt.Errorf("what answers is no Chef server but something before it, so nobody knows whether it is gone; check that, and chef.%s.url: %w", s.name, err)
	}
	return fmt.Errorf("%w: %w", errMissing, err)
}

// fromChef tells a Chef server's own answer, JSON with an error in it, from that of a load balancer before it.
func fromChef(err error) bool {
	var answer interface{ FromChef() bool }
	return !errors.As(err, &answer) || answer.FromChef()
}

// noOrganization is a 404 that says nothing of a node.
var noOrganization = regexp.MustCompile(`(?i)organization '[^']*' does not exist`)

func rightTo(method string) string {
	switch method {
	case http.MethodDelete:
		return "delete"
	case http.MethodPost, http.MethodPut:
		return "create and update"
	}
	return "read"
}
