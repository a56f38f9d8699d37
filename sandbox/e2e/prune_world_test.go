//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	enumspb "go.temporal.io/api/enums/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"epoxy/internal/policy"
	"epoxy/sandbox/estate"
	"epoxy/sandbox/slack"
	"epoxy/workflows"
)

// pruneWorld is one test's part of the sandbox: accounts, a bucket, a table and a channel of its own.
type pruneWorld struct {
	*world

	cfg    estate.PruneConfig
	own    *estate.Containers
	others map[string]*estate.Containers // by name in aws.accounts
	kind   string                        // policy.PlanOf…
}

const (
	autoApproval = "mode: auto, users: [U0ADA00000]"
	askApproval  = "mode: ask, users: [U0ADA00000], groups: [S0OPERATORS], cli: [\"ann@*\"], expires: 72h, remind: 24h"
	someRules    = "min_age: 30d, keep_newest: 1, max_percent: 100"
)

// newPruneWorld makes accounts and configuration. Images and Tasks are the policies' settings; others are more accounts.
func newPruneWorld(t *testing.T, approval, images, tasks string, others ...string) *pruneWorld {
	t.Helper()
	n := worlds.Add(1)
	w := &pruneWorld{
		world:  &world{T: t, ctx: t.Context(), queue: fmt.Sprintf("epoxy-%d", n), channel: fmt.Sprintf("#e2e-%d", n), patience: patience},
		others: map[string]*estate.Containers{}, kind: policy.PlanOfImages,
	}
	w.cfg = estate.PruneConfig{
		ConfigOptions: estate.ConfigOptions{UI: box.UIURL(), SlackAPI: box.SlackURL() + "/api/", Channel: w.channel},
		Policy:        fmt.Sprintf("shop%d", n), Owner: fmt.Sprintf("1%011d", n), Others: map[string]string{},
		Bucket: fmt.Sprintf("epoxy-artifacts-%d", n), Table: fmt.Sprintf("epoxy-ledger-%d", n), Approval: approval, Images: images, Tasks: tasks,
	}
	for i, name := range others {
		w.cfg.Others[name] = fmt.Sprintf("%d%011d", i+2, n)
	}
	w.config = filepath.Join(t.TempDir(), "epoxy.yaml")
	w.environ = append(box.Environ(), "EPOXY_CONFIG="+w.config, "EPOXY_TASK_QUEUE="+w.queue, "EPOXY_REQUESTED_BY=ci@e2e")
	w.must(w.cfg.Write(w.config))
	t.Cleanup(w.killWorker)

	var err error
	w.own, err = box.aws.Containers(w.ctx, w.cfg.Owner, box.control)
	w.must(err)
	w.must(w.own.NewCluster(w.ctx))
	for name, account := range w.cfg.Others {
		w.others[name], err = box.aws.Containers(w.ctx, account, box.control)
		w.must(err)
		w.must(w.others[name].NewCluster(w.ctx))
	}
	if out, stderr, code := w.epoxy("setup"); code != 0 {
		t.Fatalf("setup: exit code %d: %s%s", code, out, stderr)
	}
	return w
}

func (w *pruneWorld) rewrite(change func(*estate.PruneConfig)) {
	w.Helper()
	change(&w.cfg)
	w.must(w.cfg.Write(w.config))
}

func (w *pruneWorld) id() string {
	if w.kind == policy.PlanOfTaskDefinitions {
		return workflows.PruneTaskDefinitionsWorkflowID(w.cfg.Policy, false)
	}
	return workflows.PruneImagesWorkflowID(w.cfg.Policy, false)
}

const ago = 400 * 24 * time.Hour

// repository makes a repository with so many old images, and a new one: the old ones may go.
func (w *pruneWorld) repository(name string, old int) (digests []string) {
	w.Helper()
	w.must(w.own.NewRepository(w.ctx, name))
	now := time.Now()
	images := make([]estate.Push, 0, old+1)
	for i := range old {
		images = append(images, estate.Push{Tags: []string{fmt.Sprintf("v%d", i+1)}, Pushed: now.Add(-ago + time.Duration(i)*time.Minute), Bytes: 10 << 20})
	}
	images = append(images, estate.Push{Tags: []string{"newest"}, Pushed: now.Add(-time.Hour), Bytes: 10 << 20})
	digests, err := w.own.Push(w.ctx, name, images...)
	w.must(err)
	return digests
}

// use lets a task of the account run an image, so that the survey finds something.
func (w *pruneWorld) use(c *estate.Containers, repository, tag string) {
	w.Helper()
	definition, err := c.Define(w.ctx, strings.ReplaceAll(repository, "/", "-")+"-"+tag, w.own.URI(repository, tag))
	w.must(err)
	_, err = c.Run(w.ctx, definition)
	w.must(err)
}

func (w *pruneWorld) holds(repository string) map[string][]string {
	w.Helper()
	held, err := w.own.Digests(w.ctx, repository)
	w.must(err)
	return held
}

// left checks which images a repository still holds.
func (w *pruneWorld) left(repository string, want ...string) {
	w.Helper()
	held := w.holds(repository)
	for _, digest := range want {
		if _, ok := held[digest]; !ok {
			w.Errorf("%s lost %s, which was to stay", repository, digest)
		}
	}
	for digest, tags := range held {
		if !slices.Contains(want, digest) {
			w.Errorf("%s still holds %s %v", repository, digest, tags)
		}
	}
}

// run prunes and waits for the end.
func (w *pruneWorld) run(code int, extra ...string) string {
	w.Helper()
	out, stderr, got := w.epoxy(append([]string{"prune", w.kind, w.cfg.Policy, "--wait"}, extra...)...)
	if got != code {
		w.Fatalf("exit code %d, want %d:\n%s%s", got, code, out, stderr)
	}
	return out + stderr
}

// begin starts a prune, and returns once it asks; the plan's hash.
func (w *pruneWorld) begin() (plan string) {
	w.Helper()
	if out, stderr, code := w.epoxy("prune", w.kind, w.cfg.Policy); code != 0 {
		w.Fatalf("exit code %d:\n%s%s", code, out, stderr)
	}
	return w.asked("")
}

// asked waits until a question about another plan is open, and posted.
func (w *pruneWorld) asked(before string) (plan string) {
	w.Helper()
	w.until("a question", func() bool {
		v, err := box.temporal.QueryWorkflow(w.ctx, w.id(), "", workflows.AskingQuery)
		var a policy.Asking
		if err != nil || v.Get(&a) != nil || a.Closed || a.Plan == before {
			return false
		}
		plan = a.Plan
		return true
	})
	w.until("the question in Slack", func() bool {
		return slices.ContainsFunc(w.slack(), func(m slack.Message) bool { return strings.Contains(string(m.Blocks), plan) })
	})
	return plan
}

// slack is what Slack got in this test's channel, threads too.
func (w *world) slack() (out []slack.Message) {
	w.Helper()
	all, err := box.slack.Messages(w.ctx, "")
	w.must(err)
	for _, m := range all {
		if "#"+m.ChannelName == w.channel {
			out = append(out, m)
		}
	}
	return out
}

// told checks that exactly one report was posted, and that some message in the channel says all of this.
func (w *pruneWorld) told(reports int, words ...string) {
	w.Helper()
	n, all := 0, ""
	for _, m := range w.slack() {
		all += m.Text + "\n" + string(m.Blocks) + "\n"
		if m.ThreadTS == "" && !strings.Contains(string(m.Metadata), "/ask-") {
			n++
		}
	}
	if n != reports {
		w.Errorf("%d reports in Slack, want %d:\n%s", n, reports, all)
	}
	for _, word := range words {
		if !strings.Contains(all, word) {
			w.Errorf("Slack was not told %q:\n%s", word, all)
		}
	}
}

// object puts a list into the artifact bucket's account.
func (w *pruneWorld) object(key, text string) {
	w.Helper()
	_, err := w.own.S3.PutObject(w.ctx, &s3.PutObjectInput{Bucket: &w.cfg.Bucket, Key: &key, Body: strings.NewReader(text)})
	w.must(err)
}

// noSecrets checks that no secret of the sandbox stands in a run's history, in a log of this test or in its Slack messages.
func (w *world) noSecrets(ids ...string) {
	w.Helper()
	var text strings.Builder
	for _, id := range ids {
		events := box.temporal.GetWorkflowHistory(w.ctx, id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			e, err := events.Next()
			w.must(err)
			text.WriteString(protojson.Format(e))
			for _, p := range e.GetActivityTaskScheduledEventAttributes().GetInput().GetPayloads() {
				text.Write(p.GetData())
			}
		}
	}
	for _, m := range w.slack() {
		text.WriteString(m.Text + string(m.Blocks) + string(m.Metadata))
	}
	for _, log := range w.logs {
		content, err := os.ReadFile(log)
		w.must(err)
		text.Write(content)
	}
	for _, secret := range w.secrets {
		if strings.Contains(text.String(), secret) {
			w.Error("a secret of this test stands in a history, a log or a message")
		}
	}
	for _, name := range []string{"EPOXY_SLACK_TOKEN", "EPOXY_SLACK_SIGNING_SECRET", "EPOXY_SLACK_APP_TOKEN", "EPOXY_GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY"} {
		value := box.Env()[name]
		if value == "" {
			w.Errorf("the sandbox has no %s", name)
		} else if strings.Contains(text.String(), value) {
			w.Errorf("%s stands in a history, a log or a message", name)
		}
	}
}

// heal lifts the faults that match one of these.
func (w *pruneWorld) heal(matches ...string) {
	w.Helper()
	w.must(box.control.HealMatching(w.ctx, matches...))
}
