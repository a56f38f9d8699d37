//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"

	"epoxy/sandbox/estate"
	"epoxy/sandbox/slack"
	"epoxy/sandbox/stack"
)

const (
	ada     = "U0ADA00000"
	grace   = "U0GRACE000" // an approver by her group
	mallory = "U0MALLORY0"
)

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := stack.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// serve runs epoxy serve, and returns once it is healthy.
func (w *pruneWorld) serve() (url string) {
	w.Helper()
	cmd := w.launch("epoxy", "serve")
	w.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	url = "http://" + w.cfg.Serve
	w.until("epoxy serve", func() bool {
		req, err := http.NewRequestWithContext(w.ctx, http.MethodGet, url+"/healthz", nil)
		w.must(err)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return url + "/slack/interactions"
}

// click presses a button of the newest question over HTTP, and returns the status.
func (w *pruneWorld) click(url, action, user string) (slack.Delivery, int) {
	w.Helper()
	d, err := box.slack.Interact(w.ctx, slack.Interaction{Channel: w.channel, ActionID: action, UserID: user, Unsent: true})
	w.must(err)
	return d, w.send(d.Request, url)
}

func (w *pruneWorld) send(r slack.Signed, url string) int {
	w.Helper()
	resp, err := r.Send(w.ctx, url)
	w.must(err)
	resp.Body.Close()
	return resp.StatusCode
}

// whispered waits until somebody was told this, so that only they see it.
func (w *pruneWorld) whispered(user, words string) {
	w.Helper()
	w.until(fmt.Sprintf("%s to be told %q", user, words), func() bool {
		state, err := box.slack.State(w.ctx)
		w.must(err)
		return slices.ContainsFunc(state.Ephemerals, func(e slack.Ephemeral) bool {
			return e.User == user && strings.Contains(e.Text, words) && w.isOurs(e.Channel)
		})
	})
}

func (w *pruneWorld) isOurs(channel string) bool {
	return slices.ContainsFunc(w.slack(), func(m slack.Message) bool { return m.Channel == channel })
}

func newAsking(t *testing.T, change func(*estate.PruneConfig)) (*pruneWorld, []string) {
	t.Helper()
	w := newPruneWorld(t, askApproval, `repositories: [web], `+someRules, "")
	w.rewrite(func(c *estate.PruneConfig) { c.Serve = freeAddress(t); change(c) })
	web := w.repository("web", 3)
	w.use(w.own, "web", "newest")
	w.startWorker()
	return w, web
}
