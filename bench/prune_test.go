package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"epoxy/sandbox/estate"
	"epoxy/sandbox/github"
	"epoxy/sandbox/stack"
)

const (
	prunePolicy = "shop"
	pruneBucket = "epoxy-artifacts"
	pruneTable  = "epoxy-ledger"
	pruneAuto   = "mode: auto, users: [U0ADA00000]"
	pruneRules  = "min_age: 30d, keep_newest: 1, max_percent: 100"
	longAgo     = 400 * 24 * time.Hour
)

// pruneRig is a sandbox with an account to prune, and a worker.
type pruneRig struct {
	*rig

	own     *estate.Containers
	hub     github.Control
	environ []string
}

// newPruneRig stages nothing. Images are the settings of the policy.
func newPruneRig(b *testing.B, images string) *pruneRig {
	b.Helper()
	ctx := b.Context()
	s, err := stack.Up(ctx, stack.Options{Dir: b.TempDir(), InProcessSlack: true, InProcessGitHub: true, InMemory: true})
	must(b, err)
	b.Cleanup(func() { must(b, s.Down()) })
	r := &pruneRig{rig: &rig{Stack: s, control: estate.Control{URL: s.AWSURL() + "/epoxy"}}, hub: github.Control{URL: s.GitHubURL()}}
	r.aws, err = estate.Open(ctx, s.AWSURL())
	must(b, err)
	r.own, err = r.aws.Containers(ctx, estate.Account, r.control)
	must(b, err)
	r.temporal, err = client.DialContext(ctx, client.Options{HostPort: s.TemporalAddress()})
	must(b, err)
	b.Cleanup(r.temporal.Close)
	config := filepath.Join(b.TempDir(), "epoxy.yaml")
	must(b, estate.PruneConfig{
		ConfigOptions: estate.ConfigOptions{UI: s.UIURL(), SlackAPI: s.SlackURL() + "/api/", Channel: "#bench"},
		GitHubAPI:     s.GitHubAPIURL(), Policy: prunePolicy, Owner: estate.Account, Bucket: pruneBucket, Table: pruneTable,
		Approval: pruneAuto, Images: images,
	}.Write(config))
	r.environ = append(s.Environ(), "EPOXY_CONFIG="+config, "EPOXY_REQUESTED_BY=ci@bench")
	r.epoxy(b, "setup")
	return r
}

// startWorker is for when the estate is staged: staging is not what is measured.
func (r *pruneRig) startWorker(b *testing.B) {
	b.Helper()
	r.worker = exec.Command(filepath.Join(r.Root(), "bin", "epoxy-worker"))
	r.worker.Env = r.environ
	must(b, r.worker.Start())
	b.Cleanup(func() { _ = r.worker.Process.Kill(); _ = r.worker.Wait() })
}

// epoxy runs the command; it must succeed.
func (r *pruneRig) epoxy(b *testing.B, args ...string) string {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), filepath.Join(r.Root(), "bin", "epoxy"), args...)
	cmd.Env = r.environ
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("epoxy %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// define registers task definitions without a call for each: `{n}` in family and image is the number, from 1.
func (r *pruneRig) define(b *testing.B, family, image string, count int) {
	b.Helper()
	body, err := json.Marshal(map[string]any{
		"account": estate.Account, "region": estate.Region, "family": family, "image": image, "count": count, "registered": time.Now().Add(-longAgo).Unix(),
	})
	must(b, err)
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, r.control.URL+"/ecs/task-definitions", bytes.NewReader(body))
	must(b, err)
	resp, err := http.DefaultClient.Do(req)
	must(b, err)
	must(b, resp.Body.Close())
	if resp.StatusCode != http.StatusOK {
		b.Fatalf("stage task definitions: %s", resp.Status)
	}
}

// fill makes a repository with so many old images and a new one, which every policy keeps. tag names the old ones.
func (r *pruneRig) fill(ctx context.Context, name string, old int, tag func(i int) string) error {
	if err := r.own.NewRepository(ctx, name); err != nil {
		return err
	}
	now := time.Now()
	images := make([]estate.Push, 0, old+1)
	for i := range old {
		images = append(images, estate.Push{Tags: []string{tag(i)}, Pushed: now.Add(-longAgo + time.Duration(i)*time.Minute), Bytes: 10 << 20})
	}
	images = append(images, estate.Push{Tags: []string{newestTag}, Pushed: now.Add(-time.Hour), Bytes: 10 << 20})
	_, err := r.own.Push(ctx, name, images...)
	return err
}

const newestTag = "newest"

func version(i int) string { return fmt.Sprintf("v%d", i+1) }

// peak is the most memory that the worker ever had resident, in MB; Linux only.
func (r *pruneRig) peak(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.worker.Process.Pid))
	if err != nil {
		b.Skip("resident memory is read from /proc, which this system has not")
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	must(b, err)
	return float64(kib) / 1024
}
