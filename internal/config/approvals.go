package config

import (
	"time"

	"epoxy/internal/policy"
)

// Approval says who may decide about a plan, and how.
type Approval struct {
	Mode    Mode              `yaml:"mode" rule:"required" doc:"auto (nobody is asked below the caps), ask (nothing happens until somebody approves) or veto (it happens after a window unless somebody objects)"`
	Users   []SlackUser       `yaml:"users" doc:"Slack user ids, such as U0123ABCD (in a profile: Copy member ID)"`
	Groups  []SlackGroup      `yaml:"groups" doc:"Slack user group ids, such as S0123ABCD; whoever is in the group when they decide"`
	CLI     []IdentityPattern `yaml:"cli" doc:"who may decide with the epoxy command, as name@host; * and ? are wildcards"`
	Window  *Duration         `yaml:"window" rule:"min=1m,max=60d" doc:"with mode veto: how long people have to object"`
	Expires *Duration         `yaml:"expires" rule:"min=1m,max=60d" doc:"how long a question waits for an answer; then the plan is too old"`
	Remind  *Duration         `yaml:"remind" rule:"min=1m,max=60d" doc:"how often to remind people of an open question"`
	Channel *Channel          `yaml:"channel" doc:"Slack channel to ask in, instead of the one that is reported to"`
}

// What holds for an approval that does not say. A reminder comes only if the
// question is open that long.
var builtinApproval = Approval{
	Window:  new(Duration(48 * time.Hour)),
	Expires: new(Duration(72 * time.Hour)),
	Remind:  new(Duration(24 * time.Hour)),
}

// ApprovalRules is an approval with its defaults.
type ApprovalRules struct {
	Name      string           `json:"name"` // in approvals
	Mode      string           `json:"mode"` // policy.Approve…
	Approvers policy.Approvers `json:"approvers"`
	Window    time.Duration    `json:"window,omitempty"` // of mode veto alone
	Expires   time.Duration    `json:"expires"`
	Remind    time.Duration    `json:"remind,omitempty"` // 0: no reminders
	Channel   string           `json:"channel,omitempty"`
}

func (a Approval) validate(at place, slack Slack) {
	checkUnique(at.key("users"), a.Users)
	checkUnique(at.key("groups"), a.Groups)
	checkUnique(at.key("cli"), a.CLI)
	if a.Mode == "" {
		return // missing or wrong, which is said already
	}
	if a.Mode == policy.ApproveVeto && !slack.Enabled() {
		at.errorf("mode veto needs Slack, where people are told of what they may object to: add the section slack, or use mode ask")
	}
	if !at.key("users").bad() && !at.key("groups").bad() && !at.key("cli").bad() {
		a.checkPeople(at, slack)
	}
	if window := at.key("window"); window.known() && a.Mode != policy.ApproveVeto {
		window.errorf("is used only with mode: veto, but here mode is %s: use expires, or remove it", a.Mode)
	}
	if remind := at.key("remind"); remind.known() && !remind.bad() && time.Duration(orZero(a.Remind)) >= a.open() {
		remind.errorf("the question is open for %s, so a reminder after %s never comes: make it shorter", Duration(a.open()), *a.Remind)
	}
}

// checkPeople: somebody must be able to decide. Only mode auto may do without, and then fails over its caps.
func (a Approval) checkPeople(at place, slack Slack) {
	inSlack := len(a.Users)+len(a.Groups) > 0
	switch {
	case !inSlack && len(a.CLI) == 0 && a.Mode != policy.ApproveAuto:
		at.errorf("nobody may decide here: mode %s needs users, groups or cli", a.Mode)
	case inSlack && len(a.CLI) == 0 && !slack.Enabled():
		at.errorf("users and groups decide in Slack, but slack has no token: add one, or let people decide with the command (cli)")
	}
}

// open is how long a question is open at most: in mode veto the window, or, over the caps, as in mode ask.
func (a Approval) open() time.Duration {
	a = overlay(a, builtinApproval)
	if a.Mode == policy.ApproveVeto {
		return time.Duration(max(*a.Window, *a.Expires))
	}
	return time.Duration(*a.Expires)
}

func (a Approval) resolve(name, channel string) ApprovalRules {
	open := a.open()
	s := overlay(a, builtinApproval)
	out := ApprovalRules{
		Name: name, Mode: string(s.Mode),
		Approvers: policy.Approvers{Users: texts(s.Users, ""), Groups: texts(s.Groups, ""), CLI: texts(s.CLI, "")},
		Expires:   time.Duration(*s.Expires),
		Channel:   orElse(string(orZero(s.Channel)), channel),
	}
	if s.Mode == policy.ApproveVeto {
		out.Window = time.Duration(*s.Window)
	}
	if remind := time.Duration(*s.Remind); remind < open {
		out.Remind = remind
	}
	return out
}
