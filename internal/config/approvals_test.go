package config

import (
	"strings"
	"testing"
	"time"
)

// Over the caps mode veto asks, for as long as mode ask: reminders and the run's timeout must fit that, too.
func TestAVetoThatAsksIsOpenAsLongAsAQuestion(t *testing.T) {
	for approval, want := range map[string]struct{ open, remind time.Duration }{
		"{ mode: veto, cli: [a@b], window: 2h }":                         {72 * time.Hour, 24 * time.Hour},
		"{ mode: veto, cli: [a@b], window: 2h, remind: 20h }":            {72 * time.Hour, 20 * time.Hour},
		"{ mode: veto, cli: [a@b], window: 90h, expires: 3h }":           {90 * time.Hour, 24 * time.Hour},
		"{ mode: veto, cli: [a@b], window: 2h, expires: 3h }":            {3 * time.Hour, 0},
		"{ mode: ask, cli: [a@b], expires: 3h }":                         {3 * time.Hour, 0},
		"{ mode: veto, cli: [a@b], window: 2h, expires: 3h, remind: 1h}": {3 * time.Hour, time.Hour},
	} {
		c := load(t, changeIn(t, pruning, "{ mode: ask, users: [U0123ABCD] }", approval))
		if got := c.Approvals["careful"].open(); got != want.open {
			t.Errorf("%s is open for %s, want %s", approval, got, want.open)
		}
		p, err := c.PruneImages("shop")
		if err != nil || p.Approval.Remind != want.remind {
			t.Errorf("%s reminds every %s, want %s (%v)", approval, p.Approval.Remind, want.remind, err)
		}
	}
}

// Silence is consent of those who were told, so that there must be somewhere to tell them.
func TestVetoNeedsSlack(t *testing.T) {
	const slack = "slack: { token: { env: EPOXY_SLACK_TOKEN }, channel: \"#deploys\" }\n"
	without := strings.Replace(strings.Replace(pruning, slack, "", 1), "users: [U0123ABCD]", "cli: [a@b]", 1)
	_, err := read("epoxy.yaml", []byte(without), noEnv)
	if err == nil || !strings.Contains(err.Error(), "mode veto needs Slack") {
		t.Errorf("got %v", err)
	}
}
