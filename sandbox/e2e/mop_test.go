//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"epoxy/activities"
	"epoxy/internal/policy"
	"epoxy/sandbox/estate"
)

// TestMop is the whole path: a group ends instances, its topic says so, and what they left goes. Whatever is somebody else's
// stays: the neighbours', a re-used address and name, and foreign records.
func TestMop(t *testing.T) {
	t.Parallel()
	w := newMopWorld(t, 6)
	dead, alive := w.nodes[:3], w.nodes[3:]
	all := "all." + w.domain
	w.must(w.dns.Put(w.ctx, w.zone, all, "A", 60, w.nodes[0].Address, w.nodes[1].Address, w.nodes[3].Address))
	w.must(w.dns.Put(w.ctx, w.zone, "alias."+w.domain, "CNAME", 60, dead[0].Name+"."+w.domain)) // a person's, for whatever it points to
	w.must(w.dns.Put(w.ctx, w.zone, "printer."+w.domain, "A", 60, dead[0].Address))             // an address alone proves nothing
	w.must(w.dns.PutWeighted(w.ctx, w.zone, dead[1].Name+"."+w.domain, "AAAA", 60, "old", 10, "2001:db8::1"))
	w.startWorker()
	w.serve()

	w.must(w.aws.Terminate(w.ctx, dead[0].ID, dead[1].ID, dead[2].ID))
	for _, n := range dead {
		if r := w.ended(n); r.Outcome != activities.OutcomeDone {
			t.Errorf("%s: %s: %s %s", n.Name, r.Outcome, r.Headline, r.Reason)
		}
	}
	w.gone(dead...)
	w.whole(alive...)
	records, err := w.dns.Records(w.ctx, w.zone)
	w.must(err)
	if got := fmt.Sprint(records[all+". A"]); got != "["+alive[0].Address+"]" {
		t.Errorf("%s has %s, want the living alone", all, got)
	}
	for _, key := range []string{"printer." + w.domain + ". A", dead[1].Name + "." + w.domain + ". AAAA old"} {
		if len(records[key]) == 0 {
			t.Errorf("%s was deleted, which is not provably a dead node's; there are %v", key, records)
		}
	}
	w.told(dead[0].ID)
	if n := len(w.reports()); n != 1 {
		t.Errorf("%d messages about three that died together", n)
	}
	if depth, err := w.aws.Depth(w.ctx, w.queue.URL); err != nil || depth != 0 {
		t.Errorf("%d messages are left in the queue, %v", depth, err)
	}
	w.record("mop", w.mopID(dead[0]))
	w.recordClosed("mop-report", "mop-report/"+w.cfg.Environment)
	w.noSecrets(w.mopID(dead[0]), w.mopID(dead[1]))
}

// TestMopReused: the address and the name of the dead belong to somebody else by the time that its mop looks.
func TestMopReused(t *testing.T) {
	t.Parallel()
	w := newMopWorld(t, 2)
	dead := w.nodes[0]
	w.must(w.aws.Terminate(w.ctx, dead.ID))
	w.until("the instance to be dead", func() bool { state, err := w.aws.State(w.ctx, dead.ID); return err == nil && state == "terminated" })
	heir, err := w.aws.RunAt(w.ctx, dead.Address, dead.Name)
	w.must(err)
	w.registerInChef(estate.Node{ID: heir.ID, Address: heir.Address, Name: dead.Name}, time.Now()) // the same name in Chef
	w.startWorker()
	w.serve()
	if r := w.ended(dead); r.Outcome != activities.OutcomeDone {
		t.Errorf("%s: %s %s", r.Outcome, r.Headline, r.Reason)
	}
	w.whole(w.nodes...)
}

// TestMopOnce: one instance is announced five times in three formats, out of order, while the worker is killed.
func TestMopOnce(t *testing.T) {
	t.Parallel()
	w := newMopWorld(t, 2)
	dead := w.nodes[0]
	w.must(w.aws.NewHook(w.ctx, w.group, "epoxy-mop", ""))
	w.must(w.aws.Rule(w.ctx, w.group+"-hook", fmt.Sprintf(`{"source":["aws.autoscaling"],"detail-type":["EC2 Instance-terminate Lifecycle Action"],"detail":{"AutoScalingGroupName":[%q]}}`, w.group), w.queue.ARN))
	w.must(w.aws.Rule(w.ctx, w.group+"-state", fmt.Sprintf(`{"source":["aws.ec2"],"detail":{"instance-id":[%q]}}`, dead.ID), w.queue.ARN))
	raw := fmt.Sprintf(`{"Event":"autoscaling:EC2_INSTANCE_TERMINATE","AccountId":"%s","AutoScalingGroupName":%q,"AutoScalingGroupARN":"arn:aws:autoscaling:us-east-1:%s:autoScalingGroup:1:autoScalingGroupName/%s","EC2InstanceId":%q,"ActivityId":"a","Time":%q,"StatusCode":"InProgress"}`,
		estate.Account, w.group, estate.Account, w.group, dead.ID, time.Now().UTC().Format(time.RFC3339))
	w.send(raw) // the news of its end comes before it has begun
	w.startWorker()
	w.serve()
	w.must(w.aws.Terminate(w.ctx, dead.ID))
	for range 4 {
		w.send(raw)
		time.Sleep(700 * time.Millisecond)
		w.killWorker()
		w.startWorker()
	}
	w.stopServe(syscall.SIGKILL)
	w.serve()
	w.gone(dead)
	if r := w.ended(dead); r.Outcome != activities.OutcomeDone {
		t.Errorf("%s: %s %s", r.Outcome, r.Headline, r.Reason)
	}
	w.until("the instance to be let go", func() bool { state, err := w.aws.State(w.ctx, dead.ID); return err == nil && state == "terminated" })
	w.send(raw) // and once more, when all is over
	w.until("an empty queue", func() bool { depth, err := w.aws.Depth(w.ctx, w.queue.URL); return err == nil && depth == 0 })
	if n := w.told(dead.ID + ": "); n != 1 {
		t.Errorf("it is told %d times", n)
	}
	w.whole(w.nodes[1])
	w.oneEach(dead)
	w.record("mop-lifecycle-hook", w.mopID(dead))
}

// oneEach checks that each thing of a node was deleted once, by one run, and that Chef and Route 53 were asked to do so once.
func (w *mopWorld) oneEach(n estate.Node) {
	w.Helper()
	out, stderr, code := w.epoxy("why", n.ID, "-o", "json")
	if code != 0 {
		w.Fatalf("why: exit code %d: %s", code, stderr)
	}
	var why struct {
		Entries []struct{ Resource, Outcome, RunID string } `json:"entries"`
	}
	w.must(json.Unmarshal([]byte(out), &why))
	count := map[string]int{}
	for _, e := range why.Entries {
		count[e.Resource]++
		if e.Outcome != "deleted" {
			w.Errorf("%s: %s", e.Resource, e.Outcome)
		}
	}
	if len(count) != 4 || len(why.Entries) != 4 {
		w.Errorf("the ledger has %v", count)
	}
}

// TestMopHalves: the node is gone and its client is left; the client is gone and the node is left; two nodes claim one
// instance; and a node registers after its mop.
func TestMopHalves(t *testing.T) {
	t.Parallel()
	w := newMopWorld(t, 5, "later: [3s, 20s]")
	clientOnly, nodeOnly, twice, late := w.nodes[0], w.nodes[1], w.nodes[2], w.nodes[3]
	w.must(w.chef.DeleteNode(w.ctx, clientOnly.Name))
	w.must(w.chef.DeleteClient(w.ctx, nodeOnly.Name))
	twin := twice
	twin.Name += "-twin"
	w.registerInChef(twin, time.Now().Add(-2*time.Hour))
	w.startWorker()
	w.serve()
	w.must(w.aws.Terminate(w.ctx, clientOnly.ID, nodeOnly.ID, twice.ID, late.ID))
	w.gone(late)
	w.registerInChef(late, time.Now()) // chef-client ran on while its instance died
	w.gone(nodeOnly, twice, twin, late)
	w.until("the client without a node to be gone", func() bool { // its records stay: nobody knows the address any more
		return !strings.Contains(strings.Join(w.there(clientOnly), " "), "client")
	})
	for _, n := range w.nodes[:4] {
		if r := w.ended(n); r.Outcome != activities.OutcomeDone {
			t.Errorf("%s: %s: %s %s", n.Name, r.Outcome, r.Headline, r.Reason)
		}
	}
	w.gone(late)
	w.whole(w.nodes[4])
}

// TestMopUndo puts a node, its client and a record back.
func TestMopUndo(t *testing.T) {
	t.Parallel()
	w := newMopWorld(t, 2)
	dead := w.nodes[0]
	before, err := w.chef.Node(w.ctx, dead.Name)
	w.must(err)
	w.startWorker()
	w.serve()
	w.must(w.aws.Terminate(w.ctx, dead.ID))
	w.gone(dead)
	w.ended(dead)
	out, stderr, code := w.epoxy("why", dead.ID, "-o", "json")
	if code != 0 {
		t.Fatalf("why: %d %s", code, stderr)
	}
	var why struct {
		Entries []struct{ ID, Kind string } `json:"entries"`
	}
	w.must(json.Unmarshal([]byte(out), &why))
	for _, e := range why.Entries {
		said, stderr, code := w.epoxy("undo", e.ID, "--wait")
		if code != 0 {
			t.Errorf("undo of %s: exit code %d: %s%s", e.Kind, code, said, stderr)
		}
		if e.Kind == "chef-client" && !strings.Contains(said, "knife client reregister") {
			t.Errorf("nobody is told that a new key is needed: %s", said)
		}
	}
	w.whole(w.nodes...)
	after, err := w.chef.Node(w.ctx, dead.Name)
	w.must(err)
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("the node came back as\n%v, it was\n%v", after, before)
	}
}

// TestMopBreaker: more nodes die than may; the rest waits, a person decides, and it goes on or stops.
func TestMopBreaker(t *testing.T) {
	t.Parallel()
	for decision, want := range map[string]int{"approve": 0, "deny": 3} {
		t.Run(decision, func(t *testing.T) {
			t.Parallel()
			w := newMopWorld(t, 7, "breaker: { nodes: 3, percent: 100, window: 1h }")
			w.startWorker()
			w.serve()
			var ids []string
			for _, n := range w.nodes[:6] {
				ids = append(ids, n.ID)
			}
			w.must(w.aws.Terminate(w.ctx, ids...))
			id := "mop-breaker/" + w.cfg.Environment
			plan := ""
			w.until("a question", func() bool {
				r := w.reports()
				for _, m := range r {
					if strings.Contains(string(m.Blocks), "Go on deleting") {
						plan = "asked"
					}
				}
				return plan != ""
			})
			nodes := func() (left int) {
				names, err := w.chef.Nodes(w.ctx)
				w.must(err)
				for _, name := range names {
					if strings.HasPrefix(name, w.group+"-") {
						left++
					}
				}
				return left
			}
			w.until("three to be gone", func() bool { return nodes() == 4 })
			args := []string{decision, id}
			if out, stderr, code := w.epoxy(args...); code != 0 {
				t.Fatalf("%s: exit code %d: %s%s", decision, code, out, stderr)
			}
			w.until("the end", func() bool { return nodes() == 1+want && w.allClosed(w.nodes[:6]...) })
			w.whole(w.nodes[6])
			w.recordClosed("mop-breaker-"+decision, id)
			outcomes := map[string]int{}
			for _, n := range w.nodes[:6] {
				outcomes[w.ended(n).Outcome]++
			}
			if outcomes[activities.OutcomeDenied] != want || outcomes[activities.OutcomeDone] != 6-want {
				t.Errorf("outcomes %v", outcomes)
			}
		})
	}
}

func (w *mopWorld) allClosed(nodes ...estate.Node) bool {
	for _, n := range nodes {
		d, err := box.temporal.DescribeWorkflow(w.ctx, w.mopID(n), "")
		if err != nil || d.WorkflowCloseTime == nil {
			return false
		}
	}
	return true
}

// TestMopByHand: the command's dry run touches nothing, and a live instance is left alone.
func TestMopByHand(t *testing.T) {
	t.Parallel()
	w := newMopWorld(t, 2)
	w.startWorker()
	dead := w.nodes[0]
	if out, stderr, code := w.epoxy("mop", "--instance", dead.ID, "--wait"); code != 1 || !strings.Contains(out+stderr, "nothing of it is touched") {
		t.Errorf("a live instance: exit code %d: %s%s", code, out, stderr)
	}
	w.whole(w.nodes...)
	w.must(w.aws.Terminate(w.ctx, dead.ID))
	w.until("the instance to be dead", func() bool { state, err := w.aws.State(w.ctx, dead.ID); return err == nil && state == "terminated" })
	if out, stderr, code := w.epoxy("mop", "--instance", dead.ID, "--dry-run", "--wait"); code != 0 || !strings.Contains(out+stderr, "Dry run") {
		t.Errorf("dry run: exit code %d: %s%s", code, out, stderr)
	}
	w.whole(w.nodes...)
	if out, stderr, code := w.epoxy("mop", "--instance", dead.ID, "--wait"); code != 0 {
		t.Errorf("exit code %d: %s%s", code, out, stderr)
	}
	w.gone(dead)
	for _, bad := range [][]string{{"--instance", "*"}, {"--instance", "i-123"}, {"--node", "../clients/x"}, {"--node", "a&b"}, {"--node", "a?b"}, {"--node", `a"b`}, {"--ip", "10.0.0.999"}, {"--ip", "0.0.0.0"}, {}} {
		if out, stderr, code := w.epoxy(append([]string{"mop"}, bad...)...); code != 2 {
			t.Errorf("%v: exit code %d: %s%s", bad, code, out, stderr)
		}
	}
	if s := (policy.Subject{Account: estate.Account, Region: estate.Region, Node: strings.Repeat("a", 10<<10)}); s.Check() == nil {
		t.Error("10 kB pass as a node's name")
	}
	w.whole(w.nodes[1])
}
