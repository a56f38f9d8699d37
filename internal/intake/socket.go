package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

// Socket takes clicks through Socket Mode until the context ends; it reconnects by itself. The client needs the app-level
// token: slack.OptionAppLevelToken. An envelope is acknowledged when its click is decided, or after Wait, as over HTTP: who
// clicks sees Slack's warning if we die before. https://docs.slack.dev/apis/events-api/using-socket-mode
func (d *Door) Socket(ctx context.Context, api *slack.Client) error {
	d.init()
	d.socket.Store(true)
	client := socketmode.New(api, socketmode.OptionReadLimit(maxBody),
		socketmode.OptionLog(slog.NewLogLogger(d.Log.Handler(), slog.LevelDebug)))
	inner, stop := context.WithCancel(ctx)
	defer stop()
	var events sync.WaitGroup
	events.Go(func() {
		for {
			select {
			case <-inner.Done():
				return
			case event := <-client.Events:
				d.event(inner, client, event, &events)
			}
		}
	})
	err := client.RunContext(inner)
	stop()
	events.Wait()
	d.connected.Store(false)
	if ctx.Err() != nil {
		return nil // asked to stop
	}
	return fmt.Errorf("Slack refuses Socket Mode (%w): check that slack.app_token is an app-level token, xapp-…, with the scope connections:write, and that Socket Mode is on", err)
}

func (d *Door) event(ctx context.Context, client *socketmode.Client, event socketmode.Event, events *sync.WaitGroup) {
	switch event.Type {
	case socketmode.EventTypeConnected:
		d.connected.Store(true)
		d.Log.Info("connected to Slack")
	case socketmode.EventTypeConnecting:
		d.connected.Store(false)
	case socketmode.EventTypeConnectionError, socketmode.EventTypeErrorBadMessage, socketmode.EventTypeErrorWriteFailed:
		d.Log.Warn("Socket Mode", "event", event.Type, "data", fmt.Sprintf("%+v", event.Data))
	case socketmode.EventTypeInteractive:
		events.Go(func() { d.envelope(ctx, client, *event.Request) })
	default:
		if event.Request != nil && event.Request.EnvelopeID != "" { // what we did not subscribe to
			_ = client.AckCtx(ctx, event.Request.EnvelopeID, nil)
		}
	}
}

func (d *Door) envelope(ctx context.Context, client *socketmode.Client, request socketmode.Request) {
	ack, code := d.take("socket", request.Payload)
	if code != "" {
		return // Slack shows that nobody took it
	}
	var payload any // not a nil pointer in it
	if ack != nil {
		payload = ack
	}
	if err := client.AckCtx(ctx, request.EnvelopeID, payload); err != nil && !errors.Is(err, context.Canceled) {
		d.Log.Warn("an envelope was not acknowledged", "error", err)
	}
}
