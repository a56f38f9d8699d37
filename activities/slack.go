package activities

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"epoxy/internal/artifact"
)

// SlackAPI is what telling people needs of Slack.
type SlackAPI interface {
	SendMessageContext(ctx context.Context, channel string, options ...slack.MsgOption) (channelID, ts, text string, err error)
	GetConversationHistoryContext(ctx context.Context, params *slack.GetConversationHistoryParameters) (*slack.GetConversationHistoryResponse, error)
	GetConversationRepliesContext(ctx context.Context, params *slack.GetConversationRepliesParameters) (msgs []slack.Message, hasMore bool, nextCursor string, err error)
	UploadFileContext(ctx context.Context, params slack.UploadFileParameters) (*slack.FileSummary, error)
}

// Slack tells people. Client is nil on a worker without a token.
type Slack struct {
	Client SlackAPI
	S3     Connect[artifact.API] // for plans to attach
}

// PostReportInput asks to post a report, or to put it in the place of an earlier one.
type PostReportInput struct {
	Channel string `json:"channel"`
	TS      string `json:"ts,omitempty"` // of the message to update; "" posts a new one
	// Again says that an earlier post may have arrived without an answer.
	Again  bool        `json:"again,omitempty"`
	Report Report      `json:"report"`
	Attach *Attachment `json:"attach,omitempty"` // goes into the message's thread, once
}

// PostReportOutput names the message, for the next update.
type PostReportOutput struct {
	Channel string `json:"channel"`
	TS      string `json:"ts"`
	// Attached says that the plan is in the message's thread, and need not be brought again.
	Attached bool `json:"attached,omitempty"`
}

// runEvent is the type of the metadata that a message carries, so that it is found again after a lost response.
// https://api.slack.com/metadata/using
const runEvent = "epoxy_run"

// PostReport posts or updates the one message of a run. After a lost response the message is looked up by its metadata;
// where Epoxy may not read the channel's history, a second message is the lesser evil.
func (a *Slack) PostReport(ctx context.Context, in PostReportInput) (PostReportOutput, error) {
	if a.Client == nil {
		return PostReportOutput{}, Refuse(ErrInvalid, "this worker has no Slack token: set slack.token in its epoxy.yaml, or EPOXY_SLACK_TOKEN")
	}
	if in.TS == "" && (in.Again || activity.GetInfo(ctx).Attempt > 1) {
		in.TS = a.find(ctx, in.Channel, in.Report.RunID)
	}
	out, err := a.send(ctx, in)
	if slackCode(err) == "message_not_found" { // somebody deleted it
		in.TS = ""
		out, err = a.send(ctx, in)
	}
	if err == nil && in.Attach != nil {
		out.Attached = a.attachPlan(ctx, out, *in.Attach)
	}
	return out, translateSlack(in.Channel, err)
}

func (a *Slack) send(ctx context.Context, in PostReportInput) (PostReportOutput, error) {
	options := []slack.MsgOption{
		slack.MsgOptionText(outside(in.Report.Title+": "+in.Report.Headline, textChars), false),
		slack.MsgOptionBlocks(blocks(in.Report)...),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: runEvent, EventPayload: map[string]any{"run_id": in.Report.RunID}}),
		slack.MsgOptionDisableLinkUnfurl(),
	}
	if in.TS != "" {
		options = append(options, slack.MsgOptionUpdate(in.TS))
	}
	channel, ts, _, err := a.Client.SendMessageContext(ctx, in.Channel, options...)
	return PostReportOutput{Channel: channel, TS: ts}, err
}

// find needs a channel id (conversations.history takes no names); anything else, and any error, finds nothing.
func (a *Slack) find(ctx context.Context, channel, run string) string {
	if strings.HasPrefix(channel, "#") {
		return ""
	}
	out, err := a.Client.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
		ChannelID: channel, Limit: 100, IncludeAllMetadata: true,
	})
	if err != nil {
		return ""
	}
	for _, m := range out.Messages {
		if m.Metadata.EventType == runEvent && m.Metadata.EventPayload["run_id"] == run {
			return m.Timestamp
		}
	}
	return ""
}

// slackHelp says what to do about the errors that no retry mends.
// https://api.slack.com/methods/chat.postMessage#errors
var slackHelp = map[string]string{
	"invalid_auth":      "the token is wrong: check slack.token",
	"not_authed":        "the token is empty: check slack.token",
	"account_inactive":  "the token's app was removed: make a new one",
	"token_revoked":     "the token was revoked: make a new one",
	"missing_scope":     "the app lacks a scope: it needs chat:write, and files:write for plans",
	"channel_not_found": "no such channel, or the app is not in it: check slack.channel, and invite the app",
	"not_in_channel":    "invite the app to the channel",
	"is_archived":       "the channel is archived: check slack.channel",
	"invalid_blocks":    "this is a fault of Epoxy: please report it",
	"msg_too_long":      "this is a fault of Epoxy: please report it",
}

func translateSlack(channel string, err error) error {
	if limited, ok := errors.AsType[*slack.RateLimitedError](err); ok {
		return temporal.NewApplicationErrorWithOptions(fmt.Sprintf("Slack asks to wait %s", limited.RetryAfter), ErrThrottled,
			temporal.ApplicationErrorOptions{NextRetryDelay: max(limited.RetryAfter, time.Second), Category: temporal.ApplicationErrorCategoryBenign})
	}
	if help, ok := slackHelp[slackCode(err)]; ok {
		return Refuse(ErrInvalid, "Slack refused the message to %s (%s): %s", channel, slackCode(err), help)
	}
	return err
}

func slackCode(err error) string {
	if refused, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		return refused.Err
	}
	return ""
}

var outcomeMarks = map[string]string{
	OutcomeRunning: ":hourglass_flowing_sand:", OutcomeDone: ":white_check_mark:", OutcomeFailed: ":rotating_light:",
	OutcomeCancelled: ":no_entry_sign:", OutcomeRolledBack: ":rewind:", OutcomeAsking: ":raised_hand:", OutcomePartial: ":warning:",
	OutcomeDenied: ":no_entry_sign:", OutcomeVetoed: ":no_entry_sign:", OutcomeExpired: ":hourglass:",
}

var slackStepMarks = map[string]string{
	StepAhead: ":white_small_square:", StepRunning: ":hourglass_flowing_sand:", StepDone: ":white_check_mark:", StepFailed: ":x:",
}

// blocks renders a report for Slack. Everything that comes from outside is escaped, and cut so that the whole stays within
// Slack's limits: a message that Slack refuses tells nobody anything.
// https://api.slack.com/reference/block-kit/blocks
func blocks(r Report) []slack.Block {
	head := fmt.Sprintf("%s *%s*\n%s", outcomeMarks[r.Outcome], outside(r.Title, titleChars), outside(r.Headline, headlineChars))
	if r.Reason != "" {
		head += "\n>" + outside(oneLine(r.Reason), reasonChars)
	}
	out := []slack.Block{slack.NewSectionBlock(mrkdwn(head), nil, nil)}
	if steps := stepLines(r.Steps); steps != "" {
		out = append(out, slack.NewSectionBlock(mrkdwn(steps), nil, nil))
	}
	out = append(out, listBlocks(r.Lists)...)
	if fields := factFields(r.Facts); len(fields) > 0 {
		out = append(out, slack.NewSectionBlock(nil, fields, nil))
	}
	if r.Ask != nil {
		out = append(out, askBlocks(r)...)
	}
	foot := "`" + outside(r.WorkflowID, nameChars) + "`"
	if r.URL != "" && len(r.URL) <= urlChars && !strings.ContainsAny(r.URL, "<|>") {
		foot = fmt.Sprintf("<%s|%s>", r.URL, outside(r.WorkflowID, nameChars))
	}
	if !r.Ended.IsZero() {
		foot += " · took " + short(r.Ended.Sub(r.Begun))
	}
	return append(out, slack.NewContextBlock("", mrkdwn(foot)))
}

// Slack takes 4,000 characters of text in an update, 3,000 in a section, 2,000 and ten to a section in fields, and about
// 10,000 in all blocks. The parts of a message are cut to fit: bytes, which are never fewer than characters.
// https://docs.slack.dev/reference/methods/chat.update
const (
	textChars     = 3900
	titleChars    = 200
	headlineChars = 1500
	reasonChars   = 1200
	sectionChars  = 3000
	sectionFields = 10
	nameChars     = 150
	noteChars     = 240 // of the nine steps that a bake has at most
	urlChars      = 1000
)

func stepLines(steps []Step) string {
	var b strings.Builder
	for _, s := range steps {
		line := slackStepMarks[s.State] + " " + outside(s.Name, nameChars)
		if s.Note != "" {
			line += " — " + outside(oneLine(s.Note), noteChars)
		}
		if s.State == StepDone || s.State == StepFailed {
			line += "  _" + short(s.Took(s.Ended)) + "_"
		}
		if b.Len()+len(line) >= sectionChars {
			break
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

func factFields(facts []Fact) []*slack.TextBlockObject {
	var fields []*slack.TextBlockObject
	for _, f := range facts {
		if len(fields) == sectionFields {
			break
		}
		fields = append(fields, mrkdwn(fmt.Sprintf("*%s*\n`%s`", outside(f.Name, nameChars), outside(f.Value, nameChars))))
	}
	return fields
}

// mrkdwn is a text whose plain words stay plain: otherwise Slack makes links of URLs and channels, and mentions of names.
// https://docs.slack.dev/reference/block-kit/composition-objects/text-object (verbatim)
func mrkdwn(text string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, text, false, true)
}

// outside makes text from outside fit for a message: it becomes no link and no mention, and is at most n bytes long. What
// stands for one character is not cut in two.
// https://api.slack.com/reference/surfaces/formatting#escaping
func outside(s string, n int) string {
	s = clip(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s), n)
	if i := strings.LastIndexByte(s, '&'); i >= 0 && !strings.Contains(s[i:], ";") {
		s = s[:i]
	}
	return s
}
