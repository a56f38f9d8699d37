package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"epoxy/internal/artifact"
	"epoxy/internal/artifact/artifacttest"
	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

const (
	deadInstance  = "i-0123456789abcdef0"
	otherInstance = "i-0fedcba9876543210"
)

var died = begun.Add(time.Hour)

// chefAnswer is an answer that is no success.
type chefAnswer struct{ status int }

func (e *chefAnswer) Error() string   { return fmt.Sprintf("Chef server prod answers %d", e.status) }
func (e *chefAnswer) StatusCode() int { return e.status }

// fakeChef is a Chef server with one organisation. Nothing may be deleted without an intent.
type fakeChef struct {
	*wire
	t       testing.TB
	things  map[string]map[string]string // kind, name: JSON
	indexed func(query string) []string  // what a search finds; nil: every node whose JSON has the value asked for
	sent    []string                     // every request
	ledger  *fakeLedger
	before  func(request string) // what happens meanwhile
}

func (f *fakeChef) Client() string { return "epoxy" }
func (f *fakeChef) String() string { return "Chef server prod (https://chef.example.com)" }

func (f *fakeChef) Do(ctx context.Context, method, path string, query url.Values, body []byte, most int64) (out []byte, err error) {
	kind, name, _ := strings.Cut(path, "/")
	if f.before != nil {
		f.before(method + " " + path)
	}
	err = f.call(ctx, method+" "+kind, func() error {
		f.sent = append(f.sent, method+" "+path)
		out, err = f.answer(method, kind, name, query, body)
		if err == nil && int64(len(out)) > most {
			return &chefAnswer{http.StatusRequestEntityTooLarge}
		}
		return err
	})
	return out, err
}

func (f *fakeChef) answer(method, kind, name string, query url.Values, body []byte) ([]byte, error) {
	things := f.things[kind]
	thing, there := things[name]
	switch {
	case kind == "search":
		return f.search(name, query, body), nil
	case method == http.MethodGet && name == "":
		list := map[string]string{}
		for name := range things {
			list[name] = f.String() + "/" + kind + "/" + name
		}
		return []byte(asJSON(list)), nil
	case method == http.MethodPost:
		name := textAt(body, "name")
		if _, there := things[name]; there {
			return nil, &chefAnswer{http.StatusConflict}
		}
		things[name] = string(body)
		return []byte(`{"uri":"x"}`), nil
	case !there:
		return nil, &chefAnswer{http.StatusNotFound}
	case method == http.MethodDelete:
		f.wantIntent("chef/prod/" + kind + "/" + name)
		delete(things, name)
	}
	return []byte(thing), nil
}

func (f *fakeChef) wantIntent(resource string) {
	for _, e := range f.ledger.entries {
		if e.Resource == resource && e.Outcome == "" && (e.PutBack.Definition != "" || e.PutBack.Key != "") {
			return
		}
	}
	f.t.Errorf("%s is deleted without an intent that says how to put it back", resource)
}

// search answers with the rows of one page, as a partial search does.
func (f *fakeChef) search(index string, query url.Values, body []byte) []byte {
	kind, q := index+"s", query.Get("q")
	names := sortedKeys(f.things[kind])
	switch {
	case f.indexed != nil:
		names = f.indexed(q)
	case q != "*:*":
		_, value, _ := strings.Cut(q, ":")
		names = slices.DeleteFunc(names, func(name string) bool { return !strings.Contains(f.things[kind][name], `"`+value+`"`) })
	}
	var attributes map[string][]string
	if err := json.Unmarshal(body, &attributes); err != nil {
		f.t.Errorf("a search for %s: %v", body, err)
	}
	from, _ := strconv.Atoi(query.Get("start"))
	rows, _ := strconv.Atoi(query.Get("rows"))
	page := []map[string]any{}
	for _, name := range names[min(from, len(names)):min(from+rows, len(names))] {
		data := map[string]any{}
		for as, path := range attributes {
			data[as] = f.attribute(kind, name, path)
		}
		page = append(page, map[string]any{"url": "x", "data": data})
	}
	return []byte(asJSON(map[string]any{"total": len(names), "start": from, "rows": page}))
}

func (f *fakeChef) attribute(kind, name string, path []string) any {
	if path[0] == "name" {
		return name
	}
	var thing, automatic map[string]any
	if text := f.things[kind][name]; text != "" && json.Unmarshal([]byte(text), &thing) != nil {
		return nil
	}
	automatic, _ = thing["automatic"].(map[string]any)
	for _, from := range []map[string]any{thing, automatic} {
		for _, key := range path[:len(path)-1] {
			from, _ = from[key].(map[string]any)
		}
		if value, there := from[path[len(path)-1]]; there {
			return value
		}
	}
	return nil
}

// chefWorld is a dead instance's node and client, a neighbour's, and what comes with a server.
type chefWorld struct {
	*fakeChef
	s3  *artifacttest.S3
	act MopAct
}

func newChefWorld(t testing.TB) *chefWorld {
	book := newLedger()
	w := &chefWorld{
		fakeChef: &fakeChef{wire: newWire("Chef"), t: t, ledger: book, things: map[string]map[string]string{"nodes": {}, "clients": {}}},
		s3:       artifacttest.New(bucket),
		act: MopAct{
			Store: theStore(), Ledger: LedgerTable{Place: here, Table: "epoxy"}, Environment: "prod", Reason: deadInstance + " is terminated", Approver: "the breaker",
			WorkflowID: "mop/x", RunID: run, Subject: policy.Subject{Account: here.Account, Region: here.Region, Instance: deadInstance},
		},
	}
	w.register("web-1", deadInstance, "10.0.0.1", died.Add(-time.Minute))
	w.register("web-2", otherInstance, "10.0.0.2", died.Add(time.Hour))
	w.client("chef-validator", `"validator":true`)
	w.client("epoxy", `"admin":true`)
	return w
}

func (w *chefWorld) register(name, instance, address string, checkedIn time.Time) {
	w.things["nodes"][name] = fmt.Sprintf(`{"name":%q,"chef_environment":"prod","run_list":["recipe[base]"],"automatic":{"ipaddress":%q,"ohai_time":%d.25,`+
		`"fqdn":%q,"ec2":{"instance_id":%q,"account_id":%q,"placement_availability_zone":"us-east-1a","local_ipv4":%q}},"normal":{},"default":{},"override":{}}`,
		name, address, checkedIn.Unix(), name+".example.com", instance, here.Account, address)
	w.client(name, `"validator":false,"admin":false`)
}

func (w *chefWorld) client(name, rights string) {
	w.things["clients"][name] = fmt.Sprintf(`{"name":%q,"public_key":"key of %s",%s}`, name, name, rights)
}

func (w *chefWorld) chef() *Chef {
	return &Chef{Servers: map[string]ChefAPI{"prod": w}, Ledger: w.ledger.open, S3: to[artifact.API](w.s3)}
}

func (w *chefWorld) find(change func(*FindNodesInput)) (FindNodesOutput, error) {
	in := FindNodesInput{Servers: []string{"prod"}, Subject: w.act.Subject, Died: died}
	if change != nil {
		change(&in)
	}
	return attempt(w.t, w.chef().FindNodes, in)
}

// deletion asks to delete what FindNodes found of a name.
func (w *chefWorld) deletion(name string) DeleteNodeInput {
	return DeleteNodeInput{MopAct: w.act, Node: policy.ParseChefNode("prod", []byte(w.things["nodes"][name])), Died: died}
}

func (w *chefWorld) has(kind string) string { return strings.Join(sortedKeys(w.things[kind]), " ") }

func (w *chefWorld) entry(kind, name string) ledger.Entry {
	for _, e := range w.ledger.entries {
		if e.Resource == "chef/prod/"+kind+"/"+name {
			return e
		}
	}
	return ledger.Entry{}
}
