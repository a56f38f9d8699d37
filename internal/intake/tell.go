package intake

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackutilsx"
)

// patience with Slack, when telling a person something.
const patience = 10 * time.Second

// A redirect would lead away from the address that was checked.
var answers = &http.Client{
	Timeout:       patience,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// tell says something to the person who clicked, and to nobody else: through the interaction's response_url, which works for
// half an hour and five times, else as an ephemeral message.
// https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
func (d *Door) tell(click Click, text string, within time.Duration) {
	if text == "" {
		return
	}
	// Not under the context of the work, which may be what ran out.
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	err := withoutAddress(d.respond(ctx, click, text))
	if err != nil && d.API != nil && click.Channel != "" {
		_, second := d.API.PostEphemeralContext(ctx, click.Channel, click.UserID, slack.MsgOptionText(text, false))
		if second == nil {
			return
		}
		err = errors.Join(err, second)
	}
	if err != nil {
		d.Counters.decision(click.Action, "untold")
		d.Log.Error("could not tell the person what became of the click", "user", click.UserID, "text", text, "error", err)
	}
}

func (d *Door) respond(ctx context.Context, click Click, text string) error {
	if !d.answerable(click.ResponseURL) {
		return errors.New("the interaction has no response_url at Slack")
	}
	return slack.PostWebhookCustomHTTPContext(ctx, click.ResponseURL, answers, &slack.WebhookMessage{
		ResponseType: slack.ResponseTypeEphemeral, ReplaceOriginal: false, Text: text,
	})
}

// withoutAddress is what went wrong with a request, without where it went: whoever has a response_url can post in our name.
func withoutAddress(err error) error {
	if at, ok := errors.AsType[*url.Error](err); ok {
		return at.Err
	}
	return err
}

// answerable keeps the door from posting to wherever a payload says.
func (d *Door) answerable(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.Host == "" {
		return false
	}
	if u.Scheme == "https" && u.Host == "hooks.slack.com" {
		return true
	}
	api, err := url.Parse(d.APIURL)
	return err == nil && u.Scheme == api.Scheme && u.Host == api.Host
}

func notDone(err error) string { return ":no_entry: " + escape(err.Error()) }

func escape(text string) string { return slackutilsx.EscapeMessage(text) }
