package activities

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"epoxy/internal/policy"
)

// notFound is a 404 of a load balancer, or of a Chef server.
type notFound struct{ chef bool }

func (notFound) Error() string    { return "404 page not found" }
func (notFound) StatusCode() int  { return http.StatusNotFound }
func (e notFound) FromChef() bool { return e.chef }

// frontDoor answers everything alike, and counts who is inside.
type frontDoor struct {
	err error

	mu           sync.Mutex
	inside, most int
}

func (*frontDoor) Client() string { return "epoxy" }
func (*frontDoor) String() string { return "Chef server prod" }
func (f *frontDoor) Do(context.Context, string, string, url.Values, []byte, int64) ([]byte, error) {
	f.mu.Lock()
	f.inside++
	f.most = max(f.most, f.inside)
	f.mu.Unlock()
	time.Sleep(time.Millisecond)
	f.mu.Lock()
	f.inside--
	f.mu.Unlock()
	return nil, f.err
}

// What stands before a Chef server knows nothing of nodes: its 404 is not "gone".
func TestOnlyChefSaysThatANodeIsGone(t *testing.T) {
	in := FindNodesInput{Servers: []string{"prod"}, Subject: policy.Subject{Account: here.Account, Region: here.Region, Node: "web-1"}}
	for _, chef := range []bool{true, false} {
		a := &Chef{Servers: map[string]ChefAPI{"prod": &frontDoor{err: notFound{chef}}}}
		out, err := attempt(t, a.FindNodes, in)
		if chef && (err != nil || len(out.Nodes) > 0) {
			t.Errorf("Chef's own 404: %+v, %v", out, err)
		}
		if !chef && (err == nil || !strings.Contains(err.Error(), "no Chef server")) {
			t.Errorf("a load balancer's 404: %+v, %v", out, err)
		}
	}
}

// Activities take turns, not their calls: else a thousand advance side by side, and on a slow server none ends in time.
func TestActivitiesTakeTurnsAtChef(t *testing.T) {
	door := &frontDoor{err: notFound{true}}
	a := &Chef{Servers: map[string]ChefAPI{"prod": door}}
	var all sync.WaitGroup
	for range 10 * chefTurns {
		all.Go(func() {
			in := FindNodesInput{Servers: []string{"prod"}, Subject: policy.Subject{Account: here.Account, Region: here.Region, Node: "web-1"}}
			if _, err := a.FindNodes(t.Context(), in); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if door.most > chefTurns {
		t.Errorf("%d were inside, where %d take turns", door.most, chefTurns)
	}
}

// brokenDoor is a server whose answers nobody foresaw.
type brokenDoor struct{ frontDoor }

func (*brokenDoor) Do(context.Context, string, string, url.Values, []byte, int64) ([]byte, error) {
	panic("an answer that nobody foresaw")
}

// Temporal recovers a panic of an activity, and tries again: the turns must not be used up by that.
func TestAPanicGivesTheTurnBack(t *testing.T) {
	a := &Chef{Servers: map[string]ChefAPI{"prod": &brokenDoor{}}}
	in := FindNodesInput{Servers: []string{"prod"}, Subject: policy.Subject{Account: here.Account, Region: here.Region, Node: "web-1"}}
	for range chefTurns {
		func() {
			defer func() { _ = recover() }()
			_, err := a.FindNodes(t.Context(), in)
			t.Errorf("no panic, but %v", err)
		}()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	leave, err := a.enter(ctx, "prod", "find")
	if err != nil {
		t.Fatalf("no turn is left: %v", err)
	}
	leave()
}

// Who waits for a turn is alive, and goes when nobody wants its answer any more.
func TestWhoWaitsForATurnHeartbeats(t *testing.T) {
	w := newChefWorld(t)
	a := w.chef()
	for range chefTurns {
		for _, kind := range []string{"find", "delete"} {
			if _, err := a.enter(t.Context(), "prod", kind); err != nil {
				t.Fatal(err)
			}
		}
	}
	find := FindNodesInput{Servers: []string{"prod"}, Subject: w.act.Subject}
	for name, try := range map[string]func(...func(*testsuite.TestActivityEnvironment)) error{
		"FindNodes": func(o ...func(*testsuite.TestActivityEnvironment)) error {
			_, err := attempt(t, a.FindNodes, find, o...)
			return err
		},
		"DeleteNode": func(o ...func(*testsuite.TestActivityEnvironment)) error {
			_, err := attempt(t, a.DeleteNode, w.deletion("web-1"), o...)
			return err
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		beaten := false
		err := try(func(env *testsuite.TestActivityEnvironment) {
			env.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
			env.SetOnActivityHeartbeatListener(func(*activity.Info, converter.EncodedValues) { beaten = true; cancel() })
		})
		if err == nil || !beaten || len(w.sent) > 0 {
			t.Errorf("%s: heartbeats %t, asked %q, %v", name, beaten, w.sent, err)
		}
		cancel()
	}
}
