//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"epoxy/activities"
	"epoxy/internal/policy"
	"epoxy/sandbox/estate"
	"epoxy/sandbox/slack"
	"epoxy/sandbox/stack"
	"epoxy/workflows"
)

// mopWorld is one test's part of the sandbox: a group of nodes that Chef and DNS know, a queue and a topic.
type mopWorld struct {
	*world

	cfg     estate.MopConfig
	on      *stack.Stack
	aws     *estate.Estate
	control estate.Control
	chef    *estate.Chef
	dns     *estate.Zones
	queue   estate.Queue
	topic   string
	group   string
	nodes   []estate.Node
	zone    string // names
	reverse string // addresses
	domain  string
	server  *exec.Cmd
}

// newMopWorld makes a group of n nodes; settings are more of the environment's.
func newMopWorld(t *testing.T, n int, settings ...string) *mopWorld {
	t.Helper()
	return newMopWorldOn(t, box.Stack, n, settings...)
}

func newMopWorldOn(t *testing.T, on *stack.Stack, n int, settings ...string) *mopWorld {
	t.Helper()
	number := worlds.Add(1)
	w := &mopWorld{
		world: &world{T: t, ctx: t.Context(), queue: fmt.Sprintf("epoxy-%d", number), channel: fmt.Sprintf("#e2e-%d", number), patience: patience},
		on:    on, control: estate.Control{URL: on.AWSURL() + "/epoxy"}, group: fmt.Sprintf("web%d", number), domain: fmt.Sprintf("w%d.example.com", number),
	}
	var err error
	w.aws, err = estate.Open(w.ctx, on.AWSURL())
	w.must(err)
	w.chef, err = estate.OpenChef(on.ChefURL(), on.ChefKeyFile())
	w.must(err)
	key, err := os.ReadFile(on.ChefKeyFile())
	w.must(err)
	w.secrets = strings.Split(strings.TrimSpace(string(key)), "\n")[1:3] // of Chef's key
	w.dns = w.aws.DNS()
	w.zone, err = w.dns.NewZone(w.ctx, w.domain)
	w.must(err)
	w.reverse, err = w.dns.NewZone(w.ctx, "10.in-addr.arpa") // each test has one of its own
	w.must(err)
	w.queueAndTopic(fmt.Sprintf("nodes-%d", number))
	w.cfg = estate.MopConfig{
		ConfigOptions: estate.ConfigOptions{UI: on.UIURL(), SlackAPI: on.SlackURL() + "/api/", Channel: w.channel},
		Environment:   fmt.Sprintf("prod%d", number), Owner: estate.Account, Bucket: fmt.Sprintf("epoxy-artifacts-%d", number), Table: fmt.Sprintf("epoxy-ledger-%d", number),
		Approval: `mode: ask, users: [U0ADA00000], cli: ["ann@*"], expires: 72h`,
		Chef:     map[string]estate.ChefEntry{"prod": {URL: on.ChefURL(), Client: stack.ChefClient, KeyFile: on.ChefKeyFile()}},
		Queues:   []string{w.queue.URL}, Topics: []string{w.topic},
		Zones:    []estate.MopZone{{ID: w.zone, Name: w.domain}, {ID: w.reverse, Name: "10.in-addr.arpa"}},
		Serve:    freeAddress(t),
		Settings: settings,
	}
	for key, value := range map[string]string{
		"groups": "[" + w.group + "]", "hooks": "[epoxy-mop]", "node_names": `["{name}"]`, "shared_names": `["all.` + w.domain + `"]`,
		"patience": "5s", "failed_wait": "60s", "later": "[1s]", "breaker": "{ nodes: 1000, percent: 100, window: 1h }",
	} {
		if !slices.ContainsFunc(settings, func(s string) bool { return strings.HasPrefix(s, key+":") }) {
			w.cfg.Settings = append(w.cfg.Settings, key+": "+value)
		}
	}
	w.config = filepath.Join(t.TempDir(), "epoxy.yaml")
	w.environ = append(on.Environ(), "EPOXY_CONFIG="+w.config, "EPOXY_TASK_QUEUE="+w.world.queue, "EPOXY_REQUESTED_BY=ann@e2e")
	w.must(w.cfg.Write(w.config))
	t.Cleanup(w.killWorker)
	t.Cleanup(w.showLogs)
	if out, stderr, code := w.epoxy("setup"); code != 0 {
		t.Fatalf("setup: exit code %d: %s%s", code, out, stderr)
	}
	w.nodes, err = w.aws.NewNodes(w.ctx, w.group, n)
	w.must(err)
	w.must(w.aws.Notify(w.ctx, w.group, w.topic))
	for _, node := range w.nodes {
		w.register(node)
	}
	return w
}

// showLogs helps whoever reads of a failure.
func (w *mopWorld) showLogs() {
	if !w.Failed() {
		return
	}
	for _, log := range w.logs {
		text, err := os.ReadFile(log)
		if err != nil {
			continue
		}
		lines := strings.Split(string(text), "\n")
		w.Logf("%s ends with\n%s", filepath.Base(log), strings.Join(lines[max(0, len(lines)-25):], "\n"))
	}
}

func (w *mopWorld) queueAndTopic(name string) {
	w.Helper()
	var err error
	w.queue, err = w.aws.NewQueue(w.ctx, name)
	w.must(err)
	w.topic, err = w.aws.NewTopic(w.ctx, name)
	w.must(err)
	w.must(w.aws.Subscribe(w.ctx, w.topic, w.queue.ARN, false))
}

// register does what a node's first run of chef-client does: node, client, and its records.
func (w *mopWorld) register(n estate.Node) {
	w.Helper()
	w.registerInChef(n, time.Now().Add(-time.Hour))
	w.must(w.dns.Put(w.ctx, w.zone, n.Name+"."+w.domain, "A", 60, n.Address))
	w.must(w.dns.Put(w.ctx, w.reverse, w.pointer(n), "PTR", 60, n.Name+"."+w.domain))
}

func (w *mopWorld) registerInChef(n estate.Node, checkedIn time.Time) {
	w.Helper()
	automatic := estate.EC2Node(estate.Account, estate.Zone, n.ID, n.Address, checkedIn)
	automatic["hostname"], automatic["fqdn"] = n.Name, n.Name+"."+w.domain
	w.must(w.chef.Register(w.ctx, n.Name, automatic))
}

// pointer is the PTR name of a node's address.
func (w *mopWorld) pointer(n estate.Node) string {
	part := strings.Split(n.Address, ".")
	return fmt.Sprintf("%s.%s.%s.%s.in-addr.arpa", part[3], part[2], part[1], part[0])
}

// serve runs epoxy serve until the test ends or stopServe.
func (w *mopWorld) serve() {
	w.Helper()
	w.server = w.launch("epoxy", "serve")
	w.Cleanup(func() { w.stopServe(syscall.SIGTERM) })
	w.until("epoxy serve", func() bool { return w.status("/healthz") == http.StatusOK })
}

func (w *mopWorld) stopServe(signal syscall.Signal) {
	if w.server != nil {
		_ = w.server.Process.Signal(signal)
		_ = w.server.Wait()
		w.server = nil
	}
}

func (w *mopWorld) status(path string) int {
	req, err := http.NewRequestWithContext(w.ctx, http.MethodGet, "http://"+w.cfg.Serve+path, nil)
	w.must(err)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// there says what is left of some nodes: node, client, A and PTR of each.
func (w *mopWorld) there(nodes ...estate.Node) (out []string) {
	w.Helper()
	chefNodes, err := w.chef.Nodes(w.ctx)
	w.must(err)
	clients, err := w.chef.Clients(w.ctx)
	w.must(err)
	records, err := w.dns.Records(w.ctx, w.zone)
	w.must(err)
	pointers, err := w.dns.Records(w.ctx, w.reverse)
	w.must(err)
	for _, n := range nodes {
		if slices.Contains(chefNodes, n.Name) {
			out = append(out, "node "+n.Name)
		}
		if slices.Contains(clients, n.Name) {
			out = append(out, "client "+n.Name)
		}
		if values := records[n.Name+"."+w.domain+". A"]; len(values) > 0 {
			out = append(out, "A "+n.Name)
		}
		if values := pointers[w.pointer(n)+". PTR"]; len(values) > 0 {
			out = append(out, "PTR "+n.Name)
		}
	}
	return out
}

// gone waits until nothing is left of nodes.
func (w *mopWorld) gone(nodes ...estate.Node) {
	w.Helper()
	var left []string
	for end := time.Now().Add(w.patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if left = w.there(nodes...); len(left) == 0 {
			return
		}
	}
	w.Fatalf("still there: %v", left)
}

// whole checks that nothing of nodes was touched.
func (w *mopWorld) whole(nodes ...estate.Node) {
	w.Helper()
	if left := w.there(nodes...); len(left) != 4*len(nodes) {
		w.Errorf("of %d nodes that are alive there is only %v", len(nodes), left)
	}
}

func (w *mopWorld) subject(n estate.Node) policy.Subject {
	return policy.Subject{Account: estate.Account, Region: estate.Region, Instance: n.ID}
}

func (w *mopWorld) mopID(n estate.Node) string { return workflows.MopWorkflowID(w.subject(n)) }

// ended waits until a node's mop is over.
func (w *mopWorld) ended(n estate.Node) *activities.Report {
	w.Helper()
	return w.outcomeOf(w.mopID(n))
}

// reports are the messages in this test's channel, not counting threads.
func (w *mopWorld) reports() (out []slack.Message) {
	w.Helper()
	all, err := slack.Control{URL: w.on.SlackURL()}.Messages(w.ctx, "")
	w.must(err)
	for _, m := range all {
		if "#"+m.ChannelName == w.channel && m.ThreadTS == "" {
			out = append(out, m)
		}
	}
	return out
}

// told waits until Slack was told something in this test's channel, and returns how often it says so.
func (w *mopWorld) told(words string) (times int) {
	w.Helper()
	w.until("Slack to be told "+words, func() bool {
		times = 0
		for _, m := range w.reports() {
			times += strings.Count(string(m.Blocks), words)
		}
		return times > 0
	})
	return times
}

// send puts a message into the queue, as nobody but an attacker or an old system would.
func (w *mopWorld) send(body string) {
	w.Helper()
	_, err := w.aws.SQS().SendMessage(w.ctx, &sqs.SendMessageInput{QueueUrl: &w.queue.URL, MessageBody: &body})
	w.must(err)
}

// configure writes the configuration again.
func (w *mopWorld) reconfigure(change func(*estate.MopConfig)) {
	w.Helper()
	change(&w.cfg)
	w.must(w.cfg.Write(w.config))
}
