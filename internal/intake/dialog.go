package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"
)

// Limits of a dialog. https://docs.slack.dev/reference/block-kit/blocks/section-block and /reference/views
const (
	maxSection  = 2900 // of 3,000, for the fence around
	maxSections = 20   // of 100 blocks, and far from 250 kB
	maxPrivate  = 3000
)

// showPlan opens the dialog at once, because the trigger lasts three seconds and a plan may take longer, and then fills it.
// https://docs.slack.dev/surfaces/modals/#opening_modals
func (d *Door) showPlan(ctx context.Context, click Click) error {
	if d.API == nil || d.Details == nil {
		return fmt.Errorf("Epoxy cannot open a dialog here: use `epoxy plan %s`", click.Value.WorkflowID)
	}
	opened, err := d.API.OpenViewContext(ctx, click.TriggerID, dialog(plain("Fetching the plan …")))
	if err != nil {
		return openError(err, click.Value.WorkflowID)
	}
	text, err := d.Details(ctx, click.Value)
	full := dialog(plain(fmt.Sprintf("The plan could not be fetched: %v", err)))
	if err == nil {
		full = planDialog(click, text)
	} else {
		d.Log.Warn("a plan could not be shown", "workflow", click.Value.WorkflowID, "plan", click.Value.Plan, "error", err)
	}
	if _, second := d.API.UpdateViewContext(ctx, full, "", "", opened.ID); second != nil && !isCode(second, "not_found") { // closed meanwhile
		return fmt.Errorf("the dialog could not be filled (%w): press Details again, or use `epoxy plan %s`", second, click.Value.WorkflowID)
	}
	return nil
}

func openError(err error, workflow string) error {
	switch {
	case isCode(err, "expired_trigger_id"):
		return errors.New("Slack gave up waiting, which it does after three seconds: press Details again")
	case isCode(err, "exchanged_trigger_id"):
		return errors.New("this click has opened a dialog already")
	}
	return fmt.Errorf("Slack did not open the dialog (%w): use `epoxy plan %s`", err, workflow)
}

func isCode(err error, code string) bool {
	refused, ok := errors.AsType[slack.SlackErrorResponse](err)
	return ok && refused.Err == code
}

func dialog(blocks ...slack.Block) slack.ModalViewRequest {
	return slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: vetoCallback, Blocks: slack.Blocks{BlockSet: blocks},
		Title: words("The plan"), Close: words("Close"),
	}
}

// planDialog shows the plan, and asks what of it to keep.
func planDialog(click Click, text string) slack.ModalViewRequest {
	keep := slack.NewPlainTextInputBlockElement(words("sha256:…"), keepBlock).WithMultiline(true)
	keep.MaxLength = 3000
	reason := slack.NewPlainTextInputBlockElement(nil, reasonBlock)
	reason.MaxLength = 1000
	blocks := append(fenced(text, click.Value.WorkflowID),
		slack.NewDividerBlock(),
		slack.NewInputBlock(keepBlock, words("Keep these (digests, tags or ARNs, one a line)"), nil, keep),
		slack.NewInputBlock(reasonBlock, words("Why"), nil, reason).WithOptional(true))
	view := dialog(blocks...)
	view.Submit, view.PrivateMetadata = words("Keep these"), metadata(click)
	return view
}

// metadata takes along where the answer to a submission goes, as far as there is room.
func metadata(click Click) string {
	from := origin{Value: click.Value, Channel: click.Channel, MessageTS: click.MessageTS, ResponseURL: click.ResponseURL}
	data, _ := json.Marshal(from) // strings always marshal
	if utf8.RuneCount(data) > maxPrivate {
		from.ResponseURL = ""
		data, _ = json.Marshal(from)
	}
	return string(data)
}

// fenced cuts text into blocks of code, and says what did not fit.
func fenced(text, workflow string) []slack.Block {
	var blocks []slack.Block
	var part strings.Builder
	flush := func() {
		if part.Len() > 0 {
			blocks = append(blocks, slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, "```\n"+part.String()+"```", false, false), nil, nil))
			part.Reset()
		}
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		line = escape(strings.ReplaceAll(clip(line, 500), "```", "'''")) + "\n"
		if utf8.RuneCountInString(part.String())+utf8.RuneCountInString(line) > maxSection {
			flush()
		}
		if len(blocks) == maxSections {
			return append(blocks, plain(fmt.Sprintf("… and %d lines more: `epoxy plan %s` shows them all.", len(lines)-i, workflow)))
		}
		part.WriteString(line)
	}
	flush()
	return blocks
}

func plain(text string) slack.Block {
	return slack.NewSectionBlock(slack.NewTextBlockObject(slack.PlainTextType, clip(text, maxSection), true, false), nil, nil)
}

func words(text string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, text, true, false)
}
