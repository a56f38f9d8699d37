package intake

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"epoxy/internal/policy"
)

// What a person can do: the action_id of our buttons, and the dialog's submission.
const (
	ActionApprove = policy.DecideApprove
	ActionDeny    = policy.DecideDeny
	ActionDetails = policy.ActionDetails
	ActionVeto    = "veto-submit" // the dialog that details opens
)

// The dialog and its inputs.
const (
	vetoCallback = "epoxy-veto"
	keepBlock    = "keep"
	reasonBlock  = "reason"
)

// Click is what a person did in Slack, verified.
type Click struct {
	ID          string   // stable for one interaction: the Update id in Temporal
	UserID      string   // who; the rest about them is for people to read
	UserName    string   //
	TeamID      string   //
	Action      string   // ActionApprove, ActionDeny, ActionDetails or ActionVeto
	Value       Value    //
	TriggerID   string   // opens a dialog, for three seconds
	ResponseURL string   // answers the person, for half an hour; not to be trusted unseen
	Channel     string   //
	MessageTS   string   //
	ViewID      string   // of the dialog, with ActionVeto
	Keep        []string // digests, tags or ARNs, with ActionVeto
	Reason      string   // with ActionVeto
}

// Value is what a button of ours carries as JSON: a policy.Button, from outside.
type Value struct {
	WorkflowID string `json:"workflow_id"`
	RunID      string `json:"run_id,omitempty"`
	Plan       string `json:"plan"` // hash of the plan that the person saw
}

// origin is what the dialog carries in its private_metadata: a submission names no message and has no response_url.
type origin struct {
	Value
	Channel     string `json:"channel,omitempty"`
	MessageTS   string `json:"message_ts,omitempty"`
	ResponseURL string `json:"response_url,omitempty"`
}

// Refusal is why an interaction is no click of ours, in words for the person.
type Refusal struct {
	Code  string // for counters
	Text  string
	Block string // the dialog's input that is wrong, if it is one
}

func (r Refusal) Error() string { return r.Text }

func refused(code, format string, v ...any) error {
	return Refusal{Code: code, Text: fmt.Sprintf(format, v...)}
}

// Bounds of what is taken from outside. A value has at most 2,000 characters in Slack, private_metadata and an input 3,000.
const (
	maxWorkflowID = 1000
	maxMetadata   = 3000 * utf8.UTFMax
	maxInput      = 3000 * utf8.UTFMax
	maxKeep       = 500
	maxItem       = 2048 // an ARN
	maxName       = 80
	maxURL        = 2048
	maxTrigger    = 255
)

var (
	userID    = regexp.MustCompile(`^[UW][A-Z0-9]{2,30}$`)
	teamID    = regexp.MustCompile(`^[TE][A-Z0-9]{2,30}$`)
	channelID = regexp.MustCompile(`^[CGD][A-Z0-9]{2,30}$`)
	messageTS = regexp.MustCompile(`^[0-9]{1,15}\.[0-9]{6}$`)
	viewID    = regexp.MustCompile(`^V[A-Z0-9]{2,30}$`)
	runID     = regexp.MustCompile(`^([0-9a-fA-F-]{36})?$`)
	planHash  = regexp.MustCompile(`^[A-Za-z0-9:._-]{1,128}$`)
)

func readValue(text string) (v Value, err error) {
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return Value{}, refused("bad_value", "This button does not carry what Epoxy put there. Use `epoxy approve` or `epoxy deny` instead.")
	}
	return v, v.check()
}

func (v Value) check() error {
	if v.WorkflowID == "" || len(v.WorkflowID) > maxWorkflowID || !printable(v.WorkflowID) {
		return refused("bad_value", "This button names no workflow. Use `epoxy approve` or `epoxy deny` instead.")
	}
	if !runID.MatchString(v.RunID) || !planHash.MatchString(v.Plan) {
		return refused("bad_value", "This button names no plan. Use `epoxy plan %s`, then `epoxy approve` or `epoxy deny`.", v.WorkflowID)
	}
	return nil
}

// items reads one item to keep from each line. People paste lists: bullets, backquotes and repetitions are forgiven.
func items(text string) ([]string, error) {
	seen, out := map[string]bool{}, []string{}
	if len(text) > maxInput {
		return nil, wrongInput(keepBlock, "This is too long. Veto in several goes, or deny the plan.")
	}
	for line := range strings.Lines(text) {
		item := strings.Trim(strings.TrimPrefix(strings.TrimSpace(line), "- "), " \t\r\n`,;•")
		switch {
		case item == "" || seen[item]:
			continue
		case len(item) > maxItem || strings.ContainsFunc(item, unicode.IsSpace) || !printable(item):
			return nil, wrongInput(keepBlock, "Not a digest, tag or ARN: “%s”. One a line, please.", clip(item, 60))
		case len(out) == maxKeep:
			return nil, wrongInput(keepBlock, "No more than %d at once. To keep everything, deny the plan.", maxKeep)
		}
		seen[item], out = true, append(out, item)
	}
	if len(out) == 0 {
		return nil, wrongInput(keepBlock, "Name at least one digest, tag or ARN. To keep everything, close this and deny the plan.")
	}
	return out, nil
}

func wrongInput(block, format string, v ...any) error {
	return Refusal{Code: "bad_input", Text: fmt.Sprintf(format, v...), Block: block}
}

// identify makes one id of what is different in every interaction. Slack gives out a trigger once.
func identify(parts ...string) string {
	sum := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(sum, "%d:%s", len(part), part)
	}
	return "slack-" + hex.EncodeToString(sum.Sum(nil)[:16])
}

func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// clean makes one printable line of what a person wrote, for logs, Temporal's UI and Slack.
func clean(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, "?"))
	return clip(strings.TrimSpace(text), most)
}

func clip(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}
