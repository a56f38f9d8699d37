package activities

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/slack-go/slack"
	"go.temporal.io/sdk/activity"

	"epoxy/internal/artifact"
	"epoxy/internal/planview"
	"epoxy/internal/policy"
)

// Attachment is a plan that goes with a message, as a text file in its thread.
type Attachment struct {
	Store Store    `json:"store"`
	Plan  Artifact `json:"plan"` // the root
}

const (
	attachWithin = 15 * time.Second
	attachSpare  = 3 * time.Second // of the attempt's time, for its answer
)

// attachPlan puts the plan into the message's thread, once: after a lost answer it is looked for first. A report without
// its plan is better than no report, so that nothing here fails it, and its time is its own: an attempt that runs out of time is
// repeated, and would post the message once more.
func (a *Slack) attachPlan(ctx context.Context, to PostReportOutput, plan Attachment) bool {
	within := attachWithin
	if deadline, ok := ctx.Deadline(); ok {
		within = min(within, time.Until(deadline)-attachSpare)
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	name := "plan-" + policy.ShortHash(plan.Plan.SHA256) + ".txt"
	if a.attached(ctx, to, name) {
		return true
	}
	text, err := a.planText(ctx, plan)
	if err == nil {
		_, err = a.Client.UploadFileContext(ctx, slack.UploadFileParameters{
			Filename: name, Title: name, Content: text, FileSize: len(text), Channel: to.Channel, ThreadTimestamp: to.TS,
		})
	}
	if err != nil {
		activity.GetLogger(ctx).Warn("the plan was not attached; `epoxy plan` shows it", "plan", plan.Plan.SHA256, "error", err)
	}
	return err == nil
}

func (a *Slack) attached(ctx context.Context, to PostReportOutput, name string) bool {
	replies, _, _, err := a.Client.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{ChannelID: to.Channel, Timestamp: to.TS})
	if err != nil {
		return false
	}
	for _, m := range replies {
		for _, f := range m.Files {
			if f.Name == name {
				return true
			}
		}
	}
	return false
}

// planChars bounds the file: Slack shows the beginning of a text file, and a plan of 100,000 images is for the command.
const planChars = 4 << 20

func (a *Slack) planText(ctx context.Context, plan Attachment) (string, error) {
	store, err := openShelf(ctx, a.S3, plan.Store)
	if err != nil {
		return "", err
	}
	var root policy.Plan
	if err := store.Get(ctx, plan.Plan, &root); err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = planview.Table(&b, plan.Plan.SHA256, root, func(part policy.PlanPart) (policy.PartContent, error) {
		var content policy.PartContent
		return content, store.Get(ctx, artifact.Ref{Key: part.Key, SHA256: part.SHA256, Bytes: part.Size}, &content)
	}, planview.Options{All: root.Totals.Images <= planLines})
	if err != nil {
		return "", err
	}
	text := b.String()
	if len(text) > planChars {
		text = strings.ToValidUTF8(text[:planChars], "") + "\n… cut; `epoxy plan` shows all of it\n"
	}
	return text, nil
}

// planLines is up to how many images the file tells also of those that stay.
const planLines = 20_000

// PostReplyInput asks to post into a message's thread, and to the channel as well, so that people are told.
type PostReplyInput struct {
	Channel string `json:"channel"`
	TS      string `json:"ts"`
	Key     string `json:"key"` // of this reply: one that is there already is not posted again
	Text    string `json:"text"`
}

// replyEvent is the metadata of a reply, as runEvent is of a message.
const replyEvent = "epoxy_reply"

// PostReply reminds people of a question.
func (a *Slack) PostReply(ctx context.Context, in PostReplyInput) error {
	if a.Client == nil {
		return Refuse(ErrInvalid, "this worker has no Slack token: set slack.token in its epoxy.yaml, or EPOXY_SLACK_TOKEN")
	}
	replies, _, _, err := a.Client.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{
		ChannelID: in.Channel, Timestamp: in.TS, IncludeAllMetadata: true,
	})
	for _, m := range replies {
		if err == nil && m.Metadata.EventType == replyEvent && m.Metadata.EventPayload["key"] == in.Key {
			return nil // an attempt before had come through
		}
	}
	_, _, _, err = a.Client.SendMessageContext(ctx, in.Channel,
		slack.MsgOptionText(outside(in.Text, textChars), false), slack.MsgOptionTS(in.TS), slack.MsgOptionBroadcast(),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: replyEvent, EventPayload: map[string]any{"key": in.Key}}))
	return translateSlack(in.Channel, err)
}
