package activities

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"epoxy/internal/policy"
)

func TestCountNodesAsksOnceInAWhile(t *testing.T) {
	w := newChefWorld(t)
	chef := w.chef()
	chef.Servers["test"] = w
	for range 3 {
		if n, err := chef.countNodes(t.Context(), []string{"prod", "test"}); err != nil || n != 4 {
			t.Errorf("%d nodes, %v", n, err)
		}
	}
	if w.calls["GET nodes"] != 2 {
		t.Errorf("%d lists for two servers", w.calls["GET nodes"])
	}
	chef.countOf("prod").at = time.Now().Add(-countFor)
	delete(w.things["nodes"], "web-1")
	if n, err := chef.countNodes(t.Context(), []string{"prod"}); err != nil || n != 1 {
		t.Errorf("after a while: %d nodes, %v", n, err)
	}
	if _, err := chef.countNodes(t.Context(), []string{"gone"}); err == nil {
		t.Error("a server that nobody knows has a number of nodes")
	}
}

func TestListNodesGivesAll(t *testing.T) {
	w := newChefWorld(t)
	for i := range 2*searchPage + 10 {
		w.register(fmt.Sprintf("many-%04d", i), otherInstance, "10.1.2.3", died)
	}
	w.things["nodes"]["odd:name"] = `{"name":"odd:name"}`
	names := sortedKeys(w.things["nodes"])
	// The index does not know the last ones yet, knows one that is gone, and has one on two pages.
	w.indexed = func(string) []string { return append([]string{"gone", names[0]}, names[:len(names)-3]...) }
	got := map[string]policy.ChefNode{}
	err := w.chef().listNodes(t.Context(), "prod", func(n policy.ChefNode) error {
		if _, twice := got[n.Name]; twice {
			t.Errorf("%s came twice", n.Name)
		}
		got[n.Name] = n
		return nil
	})
	if err != nil || !slices.Equal(sortedKeys(got), names) {
		t.Errorf("%d of %d nodes, %v", len(got), len(names), err)
	}
	for _, name := range []string{"many-0000", "web-1", "web-2"} { // by the index, and read
		want := policy.ParseChefNode("prod", []byte(w.things["nodes"][name]))
		if fmt.Sprint(got[name]) != fmt.Sprint(want) {
			t.Errorf("%s is %+v, want %+v", name, got[name], want)
		}
	}
	if slices.ContainsFunc(w.sent, func(request string) bool { return strings.Contains(request, "odd:name") }) {
		t.Error("a name that is none got into a request")
	}
	if w.calls["POST search"] != 3 || w.calls["GET nodes"] > 4 {
		t.Errorf("calls %v", w.calls)
	}
	stop := fmt.Errorf("enough")
	if err := w.chef().listNodes(t.Context(), "prod", func(policy.ChefNode) error { return stop }); err != stop { //nolint:errorlint // the same
		t.Errorf("got %v", err)
	}
}

func TestListClients(t *testing.T) {
	w := newChefWorld(t)
	w.client("late", `"validator":true`)
	w.client("odd:name", `"admin":false`)
	names := sortedKeys(w.things["clients"])
	w.indexed = func(string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == "late" })
	}
	got, err := w.chef().listClients(t.Context(), "prod")
	if err != nil || !slices.Equal(sortedKeys(got), names) {
		t.Fatalf("%v, %v", got, err)
	}
	for name, c := range got {
		kept := c.NeverDeleted != ""
		if free := name == "web-1" || name == "web-2"; kept == free {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if !got["late"].Validator || !got["epoxy"].Admin || got["web-1"].Admin || !strings.Contains(got["odd:name"].NeverDeleted, "is no name") {
		t.Errorf("%+v", got)
	}
}
