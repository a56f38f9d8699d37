package activities

import (
	"encoding/json"
	"strings"

	"github.com/slack-go/slack"

	"epoxy/internal/policy"
)

// Lists share what the other parts of a message leave of Slack's limit.
const (
	listChars  = 1200 // of one list
	listsChars = 3600 // of all
	lineChars  = 300
)

func listBlocks(lists []List) []slack.Block {
	var out []slack.Block
	left := listsChars
	for _, l := range lists {
		text := "*" + outside(l.Title, nameChars) + "*"
		for _, line := range l.Lines {
			line = "\n• " + cutLine(oneLine(line))
			if len(text)+len(line) > min(listChars, left) {
				text += "\n…"
				break
			}
			text += line
		}
		if left -= len(text); left < 0 {
			break
		}
		out = append(out, slack.NewSectionBlock(mrkdwn(text), nil, nil))
	}
	return out
}

// cutLine marks what it cuts: a reason that ends in the middle must not pass for the whole.
func cutLine(line string) string {
	const mark = " …"
	whole := outside(line, len(line)*len("&amp;"))
	if len(whole) <= lineChars {
		return whole
	}
	return outside(line, lineChars-len(mark)) + mark
}

// askBlocks are the question's buttons. Each carries which plan it is about: a button of an old message decides nothing
// about a new plan.
// https://docs.slack.dev/reference/block-kit/block-elements/button-element
func askBlocks(r Report) []slack.Block {
	value, err := json.Marshal(policy.Button{WorkflowID: r.WorkflowID, RunID: r.Ask.RunID, Plan: r.Ask.Plan})
	if err != nil || len(value) > buttonValueChars {
		return nil // the command still decides
	}
	yes := "Approve"
	if r.Ask.Mode == policy.ApproveVeto && !r.Ask.NeedsOne {
		yes = "Delete now" // to object is to deny, in each mode
	}
	button := func(action, text string, style slack.Style) *slack.ButtonBlockElement {
		b := slack.NewButtonBlockElement(action, string(value), slack.NewTextBlockObject(slack.PlainTextType, text, false, false))
		b.Style = style
		return b
	}
	approve := button(policy.DecideApprove, yes, slack.StylePrimary)
	approve.Confirm = slack.NewConfirmationBlockObject(
		slack.NewTextBlockObject(slack.PlainTextType, "Sure?", false, false),
		slack.NewTextBlockObject(slack.PlainTextType, clip(strings.TrimSpace(r.Headline), 290), false, false),
		slack.NewTextBlockObject(slack.PlainTextType, yes, false, false),
		slack.NewTextBlockObject(slack.PlainTextType, "Not yet", false, false))
	buttons, commands := []slack.BlockElement{approve, button(policy.DecideDeny, "Deny", slack.StyleDanger)}, "approve|deny"
	if !r.Ask.NoPlan {
		buttons, commands = append(buttons, button(policy.ActionDetails, "Details, keep some …", slack.StyleDefault)), commands+"|veto"
	}
	return []slack.Block{
		slack.NewSectionBlock(mrkdwn(cutLine(r.Ask.Text)+"\nOr with the command: `epoxy "+commands+" "+outside(r.WorkflowID, nameChars)+"`"), nil, nil),
		slack.NewActionBlock("ask", buttons...),
	}
}

// buttonValueChars is what Slack takes as a button's value.
const buttonValueChars = 2000
