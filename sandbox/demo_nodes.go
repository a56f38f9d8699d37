package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"epoxy/sandbox/estate"
)

// nodes is what the demo mops up after, and beside.
type nodes struct {
	chef           *estate.Chef
	dns            *estate.Zones
	names, reverse string // hosted zones
	queue          estate.Queue
	topic          string

	group  []estate.Node // six; the first three end
	broken estate.Node   // its bootstrap fails
	silent estate.Node   // it ends, and nobody says so
	heir   estate.Node   // it has the third one's address by now
}

func (d *demo) newNodes(ctx context.Context) (*nodes, error) {
	n := &nodes{dns: d.aws.DNS()}
	var err error
	if n.chef, err = estate.OpenChef(d.s.ChefURL(), d.s.ChefKeyFile()); err != nil {
		return nil, err
	}
	if n.names, err = n.dns.NewZone(ctx, demoDomain); err != nil {
		return nil, err
	}
	if n.reverse, err = n.dns.NewZone(ctx, demoReverse); err != nil {
		return nil, err
	}
	if n.queue, err = d.aws.NewQueue(ctx, "epoxy-nodes"); err != nil {
		return nil, err
	}
	if n.topic, err = d.aws.NewTopic(ctx, "epoxy-nodes"); err != nil {
		return nil, err
	}
	if n.group, err = d.aws.NewNodes(ctx, "web", 6); err != nil {
		return nil, err
	}
	if err := errors.Join(d.aws.Subscribe(ctx, n.topic, n.queue.ARN, false), d.aws.Notify(ctx, "web", n.topic)); err != nil {
		return nil, err
	}
	shared := make([]string, len(n.group))
	for i, node := range n.group {
		shared[i] = node.Address
		if err := n.register(ctx, node); err != nil {
			return nil, err
		}
	}
	d.say("web-1 to web-6: each with a node and a client in Chef, an A and a PTR record, and its address in all.%s", demoDomain)
	d.say("printer.%s leads to web-1's address as well, but nothing else says that it is web-1's", demoDomain)
	return n, errors.Join(
		n.dns.Put(ctx, n.names, "all."+demoDomain, "A", 60, shared...),
		n.dns.Put(ctx, n.names, "printer."+demoDomain, "A", 60, n.group[0].Address))
}

// register does what a node's first run of chef-client does.
func (n *nodes) register(ctx context.Context, node estate.Node) error {
	attributes := estate.EC2Node(estate.Account, estate.Zone, node.ID, node.Address, time.Now().Add(-48*time.Hour))
	attributes["hostname"], attributes["fqdn"] = node.Name, node.Name+"."+demoDomain
	return errors.Join(n.chef.Register(ctx, node.Name, attributes), n.resolve(ctx, node))
}

func (n *nodes) resolve(ctx context.Context, node estate.Node) error {
	return errors.Join(
		n.dns.Put(ctx, n.names, node.Name+"."+demoDomain, "A", 60, node.Address),
		n.dns.Put(ctx, n.reverse, pointer(node), "PTR", 60, node.Name+"."+demoDomain))
}

// pointer is the name of a node's PTR record.
func pointer(node estate.Node) string {
	part := strings.Split(node.Address, ".")
	slices.Reverse(part)
	return strings.Join(part, ".") + ".in-addr.arpa"
}

// everything is what Chef and both zones hold, with the records' values.
func (n *nodes) everything(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	inChef, err := n.chef.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	clients, err := n.chef.Clients(ctx)
	if err != nil {
		return nil, err
	}
	for kind, names := range map[string][]string{"node ": inChef, "client ": clients} {
		for _, name := range names {
			out[kind+name] = name
		}
	}
	for _, zone := range []string{n.names, n.reverse} {
		records, err := n.dns.Records(ctx, zone)
		if err != nil {
			return nil, err
		}
		for key, values := range records {
			slices.Sort(values)
			out[key] = strings.Join(values, " ")
		}
	}
	return out, nil
}

// until waits until exactly these differ from before.
func (n *nodes) until(ctx context.Context, before map[string]string, want []string) error {
	var differ []string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		now, err := n.everything(ctx)
		if err != nil {
			return err
		}
		differ = nil
		for key, value := range before {
			if now[key] != value {
				differ = append(differ, key)
			}
		}
		if slices.Sort(differ); slices.Equal(differ, want) {
			return nil
		}
	}
	return fmt.Errorf("after a minute these are gone or changed: %s; it should be these: %s", strings.Join(differ, ", "), strings.Join(want, ", "))
}

// failBootstrap runs the script of deploy/bootstrap as user data does: the bootstrap fails before Chef knows the instance's
// id, the script says so, and the instance's stack ends it.
func (d *demo) failBootstrap(ctx context.Context, n *nodes) error {
	var err error
	if n.broken, err = d.aws.RunAt(ctx, "10.77.0.7", "web-7"); err != nil {
		return err
	}
	if err := errors.Join(n.chef.Register(ctx, n.broken.Name, map[string]any{}), n.resolve(ctx, n.broken)); err != nil {
		return err
	}
	path, err := d.withoutAWS()
	if err != nil {
		return err
	}
	metadata := metadataOf(n.broken)
	defer metadata.Close()
	const bootstrap = "echo 'chef-client: no cookbook called shop' >&2; exit 23"
	d.say("$ epoxy-bootstrap.sh --topic %s --node %s -- sh -c %q", n.topic, n.broken.Name, bootstrap)
	script := filepath.Join(d.s.Root(), "deploy", "bootstrap", "epoxy-bootstrap.sh")
	cmd := exec.CommandContext(ctx, "sh", script, "--topic", n.topic, "--node", n.broken.Name, "--", "sh", "-c", bootstrap)
	cmd.Env = append(d.s.Environ(), "PATH="+path, "AWS_EC2_METADATA_SERVICE_ENDPOINT="+metadata.URL)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = d.out, io.MultiWriter(d.out, &said)
	var failed *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &failed) || failed.ExitCode() != 23 {
		return fmt.Errorf("the script should end with the bootstrap's exit code 23, but: %v", err) //nolint:errorlint // told, not wrapped: it may be nil
	}
	if !strings.Contains(said.String(), "announced to "+n.topic) {
		return errors.New("the script could not announce it: it needs curl 7.75 or newer")
	}
	d.say("(exit code 23, the bootstrap's)\n")
	return d.aws.Kill(ctx, n.broken.ID)
}

// withoutAWS is a PATH with what the script needs and no AWS CLI, as many instances have none: it signs with curl then.
func (d *demo) withoutAWS() (string, error) {
	dir := filepath.Join(d.s.Dir(), "instance-bin")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o750)); err != nil {
		return "", err
	}
	for _, name := range []string{"sh", "curl", "grep", "sed", "cut", "date", "head", "sleep"} {
		path, err := exec.LookPath(name)
		if err != nil {
			return "", fmt.Errorf("the bootstrap script needs %s: %w; install it", name, err)
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// metadataOf answers what the script asks an instance's metadata service, version 2.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
func metadataOf(n estate.Node) *httptest.Server {
	answers := map[string]string{
		"/latest/meta-data/local-ipv4": n.Address, "/latest/meta-data/instance-id": n.ID, "/latest/meta-data/placement/region": estate.Region,
		"/latest/dynamic/instance-identity/document": fmt.Sprintf(`{"accountId" : %q}`, estate.Account),
	}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, known := answers[r.URL.Path]
		switch {
		case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token":
			fmt.Fprint(w, "token")
		case r.Header.Get("X-aws-ec2-metadata-token") != "token":
			w.WriteHeader(http.StatusUnauthorized)
		case !known:
			w.WriteHeader(http.StatusNotFound)
		default:
			fmt.Fprint(w, answer)
		}
	}))
}
