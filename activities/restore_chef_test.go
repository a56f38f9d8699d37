package activities

import (
	"net/http"
	"strings"
	"testing"

	"epoxy/internal/artifact"
	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

func (w *chefWorld) restorer() *Restorer {
	return &Restorer{Chef: w.chef(), S3: to[artifact.API](w.s3), Ledger: w.ledger.open}
}

// undo asks to put back what web-1 had.
func (w *chefWorld) undo(kind string) RestoreInput {
	return RestoreInput{Store: w.act.Store, Ledger: w.act.Ledger, Place: here, Entry: w.entry(kind, "web-1").ID, By: "ann"}
}

func moppedChef(t *testing.T, attributes string) *chefWorld {
	t.Helper()
	w := newChefWorld(t)
	w.things["nodes"]["web-1"] = strings.Replace(w.things["nodes"]["web-1"], `"normal":{}`, `"normal":{`+attributes+`}`, 1)
	if _, err := attempt(t, w.chef().DeleteNode, w.deletion("web-1")); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestRestoreANodeAndItsClient(t *testing.T) {
	for name, attributes := range map[string]string{"small": "", "too big for the ledger": `"x":"` + strings.Repeat("x", ledger.MaxPutBack) + `"`} {
		w := moppedChef(t, attributes)
		out, err := attempt(t, w.restorer().Restore, w.undo("nodes"))
		if err != nil || !strings.HasPrefix(out.Note, "as it was; ") || !strings.Contains(w.things["nodes"]["web-1"], attributes) || policy.ParseChefNode("prod", []byte(w.things["nodes"]["web-1"])).Instance != deadInstance {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
		out, err = attempt(t, w.restorer().Restore, w.undo("clients"))
		if want := "with its old public key; its private key, if it was lost with the instance, must be made anew: knife client reregister web-1"; err != nil || out.Note != want {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
		if c := policy.ParseChefClient([]byte(w.things["clients"]["web-1"])); c.PublicKey != "key of web-1" || c.Admin || c.Validator {
			t.Errorf("%s: the client is back as %+v", name, c)
		}
		for _, kind := range []string{"nodes", "clients"} {
			if e := w.entry(kind, "web-1"); e.Outcome != ledger.Undone || e.UndoneBy != "ann" {
				t.Errorf("%s: the ledger says %s by %s", kind, e.Outcome, e.UndoneBy)
			} else if undos := w.ledger.undos[e.Resource]; len(undos) != 1 || undos[0].Entry != e.ID {
				t.Errorf("%s: later runs find %v", kind, undos)
			}
		}
	}
}

func TestARestoredNodeIsNeverWrittenOver(t *testing.T) {
	for name, c := range map[string]struct {
		world func(*chefWorld)
		kind  string
		note  string
		want  what
	}{
		"the node is there as it was": {
			func(w *chefWorld) {
				w.things["nodes"]["web-1"] = strings.Replace(w.entry("nodes", "web-1").PutBack.Definition, `"normal":{},"default":{}`, `"default":{}, "normal":{}`, 1)
			}, "nodes", "it is there as it was", what{},
		},
		"a node registered anew": {
			func(w *chefWorld) { w.register("web-1", otherInstance, "10.0.0.1", died) }, "nodes", "", refused(ErrInvalid, "a node web-1 again, with other content"),
		},
		"a node registers in this moment": {
			func(w *chefWorld) {
				w.before = func(request string) {
					if request == "POST nodes" {
						w.register("web-1", otherInstance, "10.0.0.1", died)
					}
				}
			}, "nodes", "", refused(ErrInvalid, "answers 409"),
		},
		"the client is there": {
			func(w *chefWorld) { w.client("web-1", `"admin":false`) }, "clients", "it is there; its private key", what{},
		},
		"a client registered anew": {
			func(w *chefWorld) { w.things["clients"]["web-1"] = `{"name":"web-1","public_key":"another"}` }, "clients", "", refused(ErrInvalid, "a client web-1 again, with another key"),
		},
		"a key that nobody knows": {
			func(w *chefWorld) {
				e := w.entry("clients", "web-1")
				e.PutBack.Definition = `{"name":"web-1"}`
				w.ledger.entries[e.ID] = e
			}, "clients", "", refused(ErrInvalid, "needs a new key: knife client create web-1"),
		},
		"no right to make it": {
			func(w *chefWorld) { w.fail["POST nodes"] = []error{&chefAnswer{http.StatusForbidden}} }, "nodes", "", refused(ErrForbidden, "create and update rights"),
		},
		"an entry that names something else": {
			func(w *chefWorld) {
				e := w.entry("nodes", "web-1")
				e.Resource = "chef/prod/nodes/../clients/web-1"
				w.ledger.entries[e.ID] = e
			}, "nodes", "", refused(ErrInvalid, "none of a Chef server's nodes"),
		},
	} {
		w := moppedChef(t, "")
		in := w.undo(c.kind)
		c.world(w)
		before := w.things[c.kind]["web-1"]
		out, err := attempt(t, w.restorer().Restore, in)
		switch {
		case c.note == "":
			wantError(t, name, err, c.want)
		case err != nil || !strings.HasPrefix(out.Note, c.note):
			t.Errorf("%s: %+v, %v", name, out, err)
		}
		if before != "" && w.things[c.kind]["web-1"] != before {
			t.Errorf("%s: it was written over", name)
		}
	}
	w := moppedChef(t, "")
	r := w.restorer()
	r.Chef = nil
	_, err := attempt(t, r.Restore, w.undo("nodes"))
	wantError(t, "a worker without Chef", err, refused(ErrInvalid, `knows no Chef server "prod"`))
}

func TestAnUndoOfANodeSurvivesALostAnswer(t *testing.T) {
	for _, operation := range []string{"GET nodes", "POST nodes", "Undone"} {
		w := moppedChef(t, "")
		w.lose[operation]++
		w.ledger.lose[operation]++
		out, err := retried(t, w.restorer().Restore, w.undo("nodes"))
		if err != nil || out.Note == "" || w.things["nodes"]["web-1"] == "" {
			t.Errorf("%s: %+v, %v", operation, out, err)
		}
	}
}
