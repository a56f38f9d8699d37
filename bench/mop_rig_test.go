package bench

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"epoxy/internal/policy"
	"epoxy/sandbox/estate"
	"epoxy/sandbox/stack"
	"epoxy/workflows"
)

const (
	nodeGroup  = "shop-web" // as the notification names it
	nodeDomain = "example.com"
	nodeTable  = "epoxy-ledger"
)

// mopRig is a sandbox with nodes that Chef and DNS know, a queue that their group tells of their end, and a worker.
type mopRig struct {
	*rig

	chef          *estate.Chef
	gate          estate.Control // before Chef
	dns           *estate.Zones
	queue         estate.Queue
	zone, reverse string
	nodes         []estate.Node
	environ       []string
	serve         *exec.Cmd
}

// newMopRig makes a group of n nodes; later is when mops look again, in YAML.
func newMopRig(b *testing.B, n int, later string) *mopRig {
	b.Helper()
	ctx := b.Context()
	s, err := stack.Up(ctx, stack.Options{Dir: b.TempDir(), InProcessSlack: true, InProcessGitHub: true, InMemory: true})
	must(b, err)
	b.Cleanup(func() { must(b, s.Down()) })
	r := &mopRig{rig: &rig{Stack: s, control: estate.Control{URL: s.AWSURL() + "/epoxy"}}, gate: estate.Control{URL: s.ChefURL() + "/epoxy"}}
	r.aws, err = estate.Open(ctx, s.AWSURL())
	must(b, err)
	r.chef, err = estate.OpenChef(s.ChefURL(), s.ChefKeyFile())
	must(b, err)
	r.temporal, err = client.DialContext(ctx, client.Options{HostPort: s.TemporalAddress()})
	must(b, err)
	b.Cleanup(r.temporal.Close)
	r.dns = r.aws.DNS()
	r.zone, err = r.dns.NewZone(ctx, nodeDomain)
	must(b, err)
	r.reverse, err = r.dns.NewZone(ctx, "10.in-addr.arpa")
	must(b, err)
	r.queue, err = r.aws.NewQueue(ctx, "nodes")
	must(b, err)
	topic, err := r.aws.NewTopic(ctx, "nodes")
	must(b, err)
	must(b, r.aws.Subscribe(ctx, topic, r.queue.ARN, false))
	r.configure(b, topic, later)
	r.nodes, err = r.aws.NewNodes(ctx, nodeGroup, n)
	must(b, err)
	must(b, r.aws.Notify(ctx, nodeGroup, topic))
	return r
}

// configure opens the breaker as wide as it goes: what is measured is how fast nodes go.
func (r *mopRig) configure(b *testing.B, topic, later string) {
	b.Helper()
	config := filepath.Join(b.TempDir(), "epoxy.yaml")
	must(b, estate.MopConfig{
		ConfigOptions: estate.ConfigOptions{UI: r.UIURL(), SlackAPI: r.SlackURL() + "/api/", Channel: "#bench"},
		Environment:   "prod", Owner: estate.Account, Bucket: "epoxy-artifacts", Table: nodeTable,
		Approval: "mode: ask, users: [U0ADA00000], expires: 72h",
		Chef:     map[string]estate.ChefEntry{"prod": {URL: r.ChefURL(), Client: stack.ChefClient, KeyFile: r.ChefKeyFile()}},
		Queues:   []string{r.queue.URL}, Topics: []string{topic},
		Zones: []estate.MopZone{{ID: r.zone, Name: nodeDomain}, {ID: r.reverse, Name: "10.in-addr.arpa"}},
		Settings: []string{
			"groups: [" + nodeGroup + "]", `node_names: ["{name}"]`, "later: " + later, "breaker: { nodes: 2000, percent: 100, window: 10s }",
		},
	}.Write(config))
	r.environ = append(r.Environ(), "EPOXY_CONFIG="+config, "EPOXY_REQUESTED_BY=ci@bench")
	setup := exec.CommandContext(b.Context(), filepath.Join(r.Root(), "bin", "epoxy"), "setup")
	setup.Env = r.environ
	if out, err := setup.CombinedOutput(); err != nil {
		b.Fatalf("epoxy setup: %v\n%s", err, out)
	}
}

// register makes node, client and two records for each, as their first runs of chef-client do.
func (r *mopRig) register(b *testing.B, nodes []estate.Node) {
	b.Helper()
	r.registerInChef(b, nodes)
	names, pointers := make([]estate.Record, len(nodes)), make([]estate.Record, len(nodes))
	for i, n := range nodes {
		full := n.Name + "." + nodeDomain
		names[i] = estate.Record{Name: full, Type: "A", TTL: 60, Values: []string{n.Address}}
		pointers[i] = estate.Record{Name: pointerOf(n), Type: "PTR", TTL: 60, Values: []string{full}}
	}
	must(b, r.dns.PutMany(b.Context(), r.zone, names))
	must(b, r.dns.PutMany(b.Context(), r.reverse, pointers))
}

func (r *mopRig) registerInChef(b *testing.B, nodes []estate.Node) {
	b.Helper()
	group, ctx := errgroup.WithContext(b.Context())
	group.SetLimit(8)
	for _, n := range nodes {
		group.Go(func() error {
			found := estate.EC2Node(estate.Account, estate.Zone, n.ID, n.Address, time.Now().Add(-time.Hour))
			found["hostname"], found["fqdn"] = n.Name, n.Name+"."+nodeDomain
			return r.chef.Register(ctx, n.Name, found)
		})
	}
	must(b, group.Wait())
}

// pointerOf is the PTR name of a node's address.
func pointerOf(n estate.Node) string {
	part := strings.Split(n.Address, ".")
	slices.Reverse(part)
	return strings.Join(part, ".") + ".in-addr.arpa"
}

// terminate lets the group end nodes: its topic has told the queue of each when it returns.
func (r *mopRig) terminate(b *testing.B, nodes []estate.Node) {
	b.Helper()
	for _, n := range nodes {
		must(b, r.aws.Terminate(b.Context(), n.ID))
	}
	r.until(b, "the queue to hold all notifications", func() bool { return r.depth(b) >= len(nodes) })
}

func (r *mopRig) depth(b *testing.B) int {
	b.Helper()
	depth, err := r.aws.Depth(b.Context(), r.queue.URL)
	must(b, err)
	return depth
}

// announceAgain puts a notification of each node into the queue once more.
func (r *mopRig) announceAgain(b *testing.B, nodes []estate.Node) {
	b.Helper()
	for some := range slices.Chunk(nodes, 10) {
		in := &sqs.SendMessageBatchInput{QueueUrl: &r.queue.URL}
		for i, n := range some {
			body := strings.ReplaceAll(fmt.Sprintf(notification, n.ID, "again"), "111111111111", estate.Account)
			in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: &body})
		}
		out, err := r.aws.SQS().SendMessageBatch(b.Context(), in)
		must(b, err)
		if len(out.Failed) > 0 {
			b.Fatalf("%d messages were not sent", len(out.Failed))
		}
	}
}

// startWorker is for when the estate is staged.
func (r *mopRig) startWorker(b *testing.B) {
	b.Helper()
	r.worker = r.start(b, "epoxy-worker")
	r.until(b, "the worker to poll", func() bool {
		q, err := r.temporal.DescribeTaskQueue(b.Context(), workflows.TaskQueue, enumspb.TASK_QUEUE_TYPE_ACTIVITY)
		return err == nil && len(q.GetPollers()) > 0
	})
}

func (r *mopRig) startServe(b *testing.B) {
	b.Helper()
	r.serve = r.start(b, "epoxy", "serve")
}

func (r *mopRig) start(b *testing.B, name string, args ...string) *exec.Cmd {
	b.Helper()
	cmd := exec.Command(filepath.Join(r.Root(), "bin", name), args...)
	cmd.Env = r.environ
	must(b, cmd.Start())
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// patience is how long anything may take.
const patience = 10 * time.Minute

func (r *mopRig) until(b *testing.B, what string, ok func() bool) {
	b.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ok() {
			return
		}
	}
	b.Fatalf("waited %s for %s in vain", patience, what)
}

// mop lets epoxy serve take what the queue holds, and returns how long it took until the last client was deleted, which is the
// last thing of a node to go.
func (r *mopRig) mop(b *testing.B, n int) time.Duration {
	b.Helper()
	begin := time.Now()
	r.startServe(b)
	var took time.Duration
	r.until(b, "all clients to be gone", func() bool {
		took = time.Since(begin)
		return r.chefCalls(b)["clients.DELETE"] >= n
	})
	return took
}

func (r *mopRig) chefCalls(b *testing.B) map[string]int {
	b.Helper()
	calls, err := r.gate.Calls(b.Context())
	must(b, err)
	return calls
}

func (r *mopRig) forgetChefCalls(b *testing.B) {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodDelete, r.gate.URL+"/calls", nil)
	must(b, err)
	resp, err := http.DefaultClient.Do(req)
	must(b, err)
	must(b, resp.Body.Close())
}

// settle waits until the runs of nodes have nothing to do at the moment, and returns how many events each has at most.
func (r *mopRig) settle(b *testing.B, nodes []estate.Node) (events int64) {
	b.Helper()
	var all sync.Mutex
	group, ctx := errgroup.WithContext(b.Context())
	group.SetLimit(16)
	for _, n := range nodes {
		group.Go(func() error {
			id := workflows.MopWorkflowID(policy.Subject{Account: estate.Account, Region: estate.Region, Instance: n.ID})
			for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
				d, err := r.temporal.DescribeWorkflowExecution(ctx, id, "")
				if err != nil {
					return err
				}
				if len(d.GetPendingActivities()) == 0 && d.GetPendingWorkflowTask() == nil {
					all.Lock()
					defer all.Unlock()
					events = max(events, d.GetWorkflowExecutionInfo().GetHistoryLength())
					return nil
				}
			}
			return fmt.Errorf("waited %s for %s to be idle in vain", patience, id)
		})
	}
	must(b, group.Wait())
	return events
}

// there counts what is left of nodes: node, client, A and PTR of each.
func (r *mopRig) there(b *testing.B, nodes []estate.Node) (left int) {
	b.Helper()
	inChef, err := r.chef.Nodes(b.Context())
	must(b, err)
	clients, err := r.chef.Clients(b.Context())
	must(b, err)
	records, err := r.dns.Records(b.Context(), r.zone)
	must(b, err)
	pointers, err := r.dns.Records(b.Context(), r.reverse)
	must(b, err)
	for _, n := range nodes {
		for _, is := range []bool{
			slices.Contains(inChef, n.Name), slices.Contains(clients, n.Name),
			len(records[n.Name+"."+nodeDomain+". A"]) > 0, len(pointers[pointerOf(n)+". PTR"]) > 0,
		} {
			if is {
				left++
			}
		}
	}
	return left
}
