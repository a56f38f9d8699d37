package connect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/slack-go/slack"

	"epoxy/internal/config"
)

// Slack makes the client that activities tell people with; nil when the configuration has no Slack.
func Slack(ctx context.Context, c config.Slack) (*slack.Client, error) {
	if !c.Enabled() {
		return nil, nil
	}
	return slackClient(ctx, c, uploadTimeout)
}

// SlackDoor makes the client of `epoxy serve`, with the app-level token if there is one, and resolves the signing secret;
// without one it is empty, and verifies nothing.
func SlackDoor(ctx context.Context, c config.Slack) (*slack.Client, []byte, error) {
	var more []slack.Option
	if c.AppToken.IsSet() {
		token, err := resolve(ctx, c.AppToken)
		if err != nil {
			return nil, nil, fmt.Errorf("slack.app_token: %w", err)
		}
		more = append(more, slack.OptionAppLevelToken(token))
	}
	var secret string
	if c.SigningSecret.IsSet() {
		var err error
		if secret, err = resolve(ctx, c.SigningSecret); err != nil {
			return nil, nil, fmt.Errorf("slack.signing_secret: %w", err)
		}
		if secret == "" {
			return nil, nil, errors.New("slack.signing_secret is empty: take it from the app's Basic Information page")
		}
	}
	client, err := slackClient(ctx, c, clickTimeout, more...)
	return client, []byte(secret), err
}

func slackClient(ctx context.Context, c config.Slack, timeout time.Duration, more ...slack.Option) (*slack.Client, error) {
	token, err := resolve(ctx, c.Token)
	if err != nil {
		return nil, fmt.Errorf("slack.token: %w", err)
	}
	options := append([]slack.Option{slack.OptionHTTPClient(&http.Client{Timeout: timeout})}, more...)
	if c.APIURL != "" {
		options = append(options, slack.OptionAPIURL(withSlash(string(c.APIURL))))
	}
	return slack.New(token, options...), nil
}

const (
	uploadTimeout = 20 * time.Second // of one call, an attached plan too; activities have a shorter one for messages
	clickTimeout  = 4 * time.Second  // of one call while somebody waits
)

func withSlash(url string) string {
	if url[len(url)-1] != '/' {
		return url + "/"
	}
	return url
}
