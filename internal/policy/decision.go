package policy

import "time"

// Modes of approval.
const (
	ApproveAuto = "auto" // under the caps nobody is asked; over them: as ask
	ApproveAsk  = "ask"  // nothing happens until somebody approves
	ApproveVeto = "veto" // it happens after a window unless somebody objects
)

// Kinds of decision.
const (
	DecideApprove = "approve"
	DecideDeny    = "deny" // the whole plan
	DecideVeto    = "veto" // some items; in mode veto without items: the whole plan
)

// Doors through which decisions come.
const (
	DoorSlack = "slack"
	DoorCLI   = "cli"
)

// Person is who decides, as the door knows them.
type Person struct {
	Door   string   `json:"door"`
	ID     string   `json:"id"`               // Slack user id, or name@host of the command
	Name   string   `json:"name,omitempty"`   // for people
	Groups []string `json:"groups,omitempty"` // Slack user groups, looked up when the decision was made
}

// Decision is what a person says to a plan.
type Decision struct {
	Kind   string   `json:"kind"`
	Plan   string   `json:"plan"`            // hash of the plan that the person saw
	Items  []string `json:"items,omitempty"` // digests, tags or ARNs to keep
	Reason string   `json:"reason,omitempty"`
	By     Person   `json:"by"`
}

// Approvers are who may decide.
type Approvers struct {
	Users  []string `json:"users,omitempty"`  // Slack user ids: U…
	Groups []string `json:"groups,omitempty"` // Slack user group ids: S…
	CLI    []string `json:"cli,omitempty"`    // name@host as the command says them; patterns with * and ?
}

// Asking is a question to people, while it is open.
type Asking struct {
	Mode      string    `json:"mode"`
	Plan      string    `json:"plan"` // hash
	Approvers Approvers `json:"approvers"`
	Until     time.Time `json:"until"`               // expiry, or the end of the veto window
	Decided   *Decision `json:"decided,omitempty"`   // the decision that closed it
	Vetoed    []string  `json:"vetoed,omitempty"`    // items
	Closed    bool      `json:"closed,omitempty"`    // nothing can be decided any more: "the window is over"
	NeedsOne  bool      `json:"needs_one,omitempty"` // mode auto over its caps asks like ask
	Untold    bool      `json:"untold,omitempty"`    // it ended, and Slack had never been reached: silence means nothing
}

// Empty tells that nobody may decide.
func (a Approvers) Empty() bool { return len(a.Users)+len(a.Groups)+len(a.CLI) == 0 }

// Button is what a button of a question carries, and what a decision made with it is about.
type Button struct {
	WorkflowID string `json:"workflow_id"`
	RunID      string `json:"run_id"`
	Plan       string `json:"plan"` // hash
}

// ActionDetails is the action of the button that shows the plan; the other buttons' actions are Decide… constants. They are
// permanent: old messages keep them.
const ActionDetails = "details"
