package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"epoxy/sandbox/estate"
	"epoxy/sandbox/slack"
	"epoxy/sandbox/stack"
)

const (
	demoDomain  = "shop.example.com"
	demoReverse = "10.in-addr.arpa"
	demoShared  = "all." + demoDomain + ". A"
)

// mop plays the end of instances while Epoxy is down: what they left goes, what only looks like theirs stays.
func (d *demo) mop(ctx context.Context) error {
	d.title("A group of six nodes that Chef and DNS know")
	n, err := d.newNodes(ctx)
	if err != nil {
		return err
	}
	if err := d.mopConfig(n); err != nil {
		return err
	}
	if err := d.epoxy(ctx, "setup"); err != nil {
		return err
	}

	d.title("Epoxy is down; a bootstrap fails, and three of the group end")
	if err := d.stopWorker(); err != nil {
		return err
	}
	if err := d.failBootstrap(ctx, n); err != nil {
		return err
	}
	if err := d.endNodes(ctx, n); err != nil {
		return err
	}
	before, err := n.everything(ctx)
	if err != nil {
		return err
	}

	d.title("Epoxy starts: the events have waited for it")
	if err := d.startWorker(); err != nil {
		return err
	}
	serve, err := d.serve()
	if err != nil {
		return err
	}
	defer func() { _ = serve.Process.Signal(syscall.SIGTERM); _ = serve.Wait() }()
	if err := d.verifyMop(ctx, n, before); err != nil {
		return err
	}

	d.title("Why, and back again")
	if err := d.undoRecord(ctx, n); err != nil {
		return err
	}
	d.title("A sweep finds what nobody announced")
	if err := d.sweep(ctx, n); err != nil {
		return err
	}
	if err := d.oneMessage(ctx); err != nil {
		return err
	}
	if err := d.showSlack(ctx, "nodes", 3, "four dead instances in one message, an undo, and a sweep"); err != nil {
		return err
	}
	d.title("From now on the sweep runs by itself")
	return d.schedules(ctx)
}

func (d *demo) mopConfig(n *nodes) error {
	var err error
	if d.serveURL, err = stack.FreeAddress(); err != nil {
		return err
	}
	config := estate.MopConfig{
		ConfigOptions: estate.ConfigOptions{UI: d.s.UIURL(), SlackAPI: d.s.SlackURL() + "/api/", Channel: "#nodes"},
		Environment:   "prod", Owner: estate.Account, Bucket: "epoxy-artifacts", Table: "epoxy-ledger",
		Approval: "mode: ask, users: [" + demoApprover + `], cli: ["*@*"]`,
		Chef:     map[string]estate.ChefEntry{"prod": {URL: d.s.ChefURL(), Client: stack.ChefClient, KeyFile: d.s.ChefKeyFile()}},
		Queues:   []string{n.queue.URL}, Topics: []string{n.topic},
		Zones: []estate.MopZone{{ID: n.names, Name: demoDomain}, {ID: n.reverse, Name: demoReverse}},
		Settings: []string{
			`node_names: ["{name}"]`, `shared_names: ["all.` + demoDomain + `"]`, "patience: 5s", "failed_wait: 1m", "later: [10s]",
			"breaker: { nodes: 20, percent: 100, window: 1h }",
		},
		Sweep: "mode: report, grace: 1h", Schedules: `hourly: { sweep: prod, every: 1h, offset: 30m, catch_up: 2h, note: "events are best effort" }`,
		Serve: d.serveURL,
	}
	d.config = filepath.Join(d.s.Dir(), "epoxy.yaml")
	if err := config.Write(d.config); err != nil {
		return err
	}
	return d.s.WriteEnv()
}

// endNodes ends three of the group, of which the third one's address goes to another at once; and one of whom nobody hears.
func (d *demo) endNodes(ctx context.Context, n *nodes) error {
	third := n.group[2]
	if err := d.aws.Terminate(ctx, n.group[0].ID, n.group[1].ID, third.ID); err != nil {
		return err
	}
	var err error
	if n.silent, err = d.aws.RunAt(ctx, "10.77.0.8", "web-8"); err != nil {
		return err
	}
	if err := errors.Join(n.register(ctx, n.silent), d.aws.Kill(ctx, n.silent.ID)); err != nil {
		return err
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		state, err := d.aws.State(ctx, third.ID)
		if err != nil || state == "terminated" {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s is %s after a minute", third.ID, state)
		}
	}
	if n.heir, err = d.aws.RunAt(ctx, third.Address, "batch-1"); err != nil {
		return err
	}
	d.say("web-1, web-2 and web-3 are terminated, and %s, which was web-3's, is batch-1's now", third.Address)
	d.say("web-8, of no group, is terminated as well, and nobody says so")
	return n.register(ctx, n.heir)
}

// verifyMop looks with the owner's eyes: what is gone or changed is the dead ones' own, all of it, and nothing else.
func (d *demo) verifyMop(ctx context.Context, n *nodes, before map[string]string) error {
	want := []string{demoShared}
	for _, node := range append(slices.Clone(n.group[:3]), n.broken) {
		want = append(want, "node "+node.Name, "client "+node.Name)
		if node.Address != n.heir.Address {
			want = append(want, node.Name+"."+demoDomain+". A", pointer(node)+". PTR")
		}
	}
	slices.Sort(want)
	if err := n.until(ctx, before, want); err != nil {
		return fmt.Errorf("%w; see %s", err, d.s.Short(filepath.Join(d.s.Dir(), "log", "worker.log")))
	}
	if err := d.epoxy(ctx, "watch", "mop/"+estate.Account+"/"+estate.Region+"/"+n.group[0].ID); err != nil {
		return err
	}
	if err := n.until(ctx, before, want); err != nil { // it has looked again since
		return err
	}
	after, err := n.everything(ctx)
	if err != nil {
		return err
	}
	d.say("\nIn Chef and Route 53: nodes, clients and records of web-1, web-2, web-3 and web-7 are gone. All else is as it was:")
	left := strings.Fields(after[demoShared])
	d.say("  all.%s has %d of its 6 addresses; %s is left in it, and in web-3's own record, because batch-1 has it", demoDomain, len(left), n.heir.Address)
	d.say("  printer.%s still leads to %s: an address alone proves nothing", demoDomain, after["printer."+demoDomain+". A"])
	if len(left) != 4 || !slices.Contains(left, n.heir.Address) {
		return fmt.Errorf("all.%s has %v, where the three living and batch-1 should be", demoDomain, left)
	}
	return nil
}

// undoRecord asks why, and puts web-1's record back.
func (d *demo) undoRecord(ctx context.Context, n *nodes) error {
	dead := n.group[0]
	if err := d.epoxy(ctx, "why", dead.ID); err != nil {
		return err
	}
	out, err := d.output(ctx, "why", dead.ID, "-o", "json")
	if err != nil {
		return err
	}
	var why struct {
		Entries []struct{ ID, Resource string }
	}
	if err := json.Unmarshal([]byte(out), &why); err != nil {
		return err
	}
	i := slices.IndexFunc(why.Entries, func(e struct{ ID, Resource string }) bool {
		return strings.HasSuffix(e.Resource, "/"+dead.Name+"."+demoDomain+"./A")
	})
	if i < 0 {
		return fmt.Errorf("the ledger has no entry for %s's A record, but %v", dead.Name, why.Entries)
	}
	if err := d.epoxy(ctx, "undo", why.Entries[i].ID, "--wait"); err != nil {
		return err
	}
	after, err := n.everything(ctx)
	if err != nil {
		return err
	}
	if got := after[dead.Name+"."+demoDomain+". A"]; got != dead.Address {
		return fmt.Errorf("%s.%s should lead to %s again, and leads to %q", dead.Name, demoDomain, dead.Address, got)
	}
	d.say("%s.%s leads to %s again", dead.Name, demoDomain, dead.Address)
	return nil
}

// sweep reports what no event told of. It is seen for the first time, so a sweep that mops would leave it alone yet.
func (d *demo) sweep(ctx context.Context, n *nodes) error {
	if err := d.epoxy(ctx, "sweep", "prod", "--wait"); err != nil {
		return err
	}
	out, err := d.output(ctx, "watch", "sweep/prod", "-o", "json")
	if err != nil {
		return err
	}
	var run struct {
		Report struct {
			Lists []struct {
				Title string
				Lines []string
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &run); err != nil {
		return err
	}
	found := false
	for _, list := range run.Report.Lists {
		d.say("%s", list.Title)
		for _, item := range list.Lines {
			d.say("  %s", item)
			found = found || strings.HasPrefix(item, "node "+n.silent.Name+" ")
		}
	}
	if !found {
		return fmt.Errorf("the sweep did not find node %s, whose instance %s is dead", n.silent.Name, n.silent.ID)
	}
	return nil
}

// schedules brings Temporal's schedules in line with the file, twice: the second time nothing differs.
func (d *demo) schedules(ctx context.Context) error {
	var differs *exec.ExitError
	if err := d.epoxy(ctx, "schedules", "diff"); !errors.As(err, &differs) || differs.ExitCode() != 1 {
		return fmt.Errorf("schedules diff should say with exit code 1 that one is missing, but: %v", err) //nolint:errorlint // told, not wrapped: it may be nil
	}
	d.say("(exit code 1)")
	for _, verb := range []string{"apply", "diff", "list"} {
		if err := d.epoxy(ctx, "schedules", verb); err != nil {
			return err
		}
	}
	return nil
}

// oneMessage waits for the report of the mops, which gathers until it is quiet.
func (d *demo) oneMessage(ctx context.Context) error {
	const want = "4 dead instances"
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		all, err := slack.Control{URL: d.s.SlackURL()}.Messages(ctx, "nodes")
		if err != nil {
			return err
		}
		if slices.ContainsFunc(all, func(m slack.Message) bool { return strings.Contains(m.Text, want) }) {
			return nil
		}
	}
	return fmt.Errorf("#nodes was not told of %q within a minute", want)
}
