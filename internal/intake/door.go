package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slack-go/slack"
)

// ErrUnknown says that a decision was sent, and that it is not known whether it was taken.
var ErrUnknown = errors.New("it is not known whether this was taken")

// Answer is what the person is told who clicked, in Slack's mrkdwn. Empty: a word for each action.
type Answer struct{ Text string }

// SlackAPI is what the door needs of Slack.
type SlackAPI interface {
	OpenViewContext(ctx context.Context, triggerID string, view slack.ModalViewRequest) (*slack.ViewResponse, error)
	UpdateViewContext(ctx context.Context, view slack.ModalViewRequest, externalID, hash, viewID string) (*slack.ViewResponse, error)
	PostEphemeralContext(ctx context.Context, channelID, userID string, options ...slack.MsgOption) (string, error)
}

// Door takes clicks, over HTTP (ServeHTTP) and Socket Mode (Socket), and tells people what became of them.
type Door struct {
	Verify *Verifier // for HTTP; a Socket Mode connection was opened by us, and needs no signatures
	// Decide takes a decision. It must be idempotent by Click.ID. Its error is why not, in words for the person, or ErrUnknown.
	Decide func(context.Context, Click) (Answer, error)
	// Details is a plan as plain text, for the dialog.
	Details func(context.Context, Value) (string, error)
	API     SlackAPI
	APIURL  string // slack.api_url of the config; its host is answered as Slack's own is. Empty: Slack's only

	Wait     time.Duration // how long Slack waits for Decide; 0: two seconds of the three it would
	Limit    time.Duration // how long Decide may take after all; 0: a minute
	Counters *Counters
	Log      *slog.Logger

	setup     sync.Once
	mu        sync.Mutex
	closed    bool
	running   sync.WaitGroup
	slots     chan struct{}
	life      context.Context
	end       context.CancelFunc
	socket    atomic.Bool // Socket was called
	connected atomic.Bool
}

// maxRunning bounds the clicks being worked on: people do not click that fast.
const maxRunning = 100

func (d *Door) init() {
	d.setup.Do(func() {
		d.slots = make(chan struct{}, maxRunning)
		d.life, d.end = context.WithCancel(context.Background())
		if d.Wait == 0 {
			d.Wait = 2 * time.Second
		}
		if d.Limit == 0 {
			d.Limit = time.Minute
		}
		if d.Log == nil {
			d.Log = slog.Default()
		}
	})
}

// Shutdown takes no more clicks and waits for those under way.
func (d *Door) Shutdown(ctx context.Context) error {
	d.init()
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	idle := make(chan struct{})
	go func() { d.running.Wait(); close(idle) }()
	select {
	case <-idle:
		d.end()
		return nil
	case <-ctx.Done():
		d.end()
		<-idle
		return fmt.Errorf("decisions from Slack were cut off while they were taken: %w; who clicked was told to look again", ctx.Err())
	}
}

// begin runs work in the background, bounded in number and time.
func (d *Door) begin(work func(context.Context)) (code string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return codeClosing
	}
	select {
	case d.slots <- struct{}{}:
	default:
		return codeBusy
	}
	d.running.Go(func() {
		defer func() { <-d.slots }()
		ctx, cancel := context.WithTimeout(d.life, d.Limit)
		defer cancel()
		work(ctx)
	})
	return ""
}

// dialogErrors is the acknowledgement that keeps a dialog open and shows what is wrong in it.
// https://docs.slack.dev/surfaces/modals/#displaying_errors
type dialogErrors struct {
	Action string            `json:"response_action"`
	Errors map[string]string `json:"errors"`
}

func inDialog(block, text string) *dialogErrors {
	return &dialogErrors{"errors", map[string]string{block: clip(text, 500)}}
}

// take works on one payload and returns with what to acknowledge it, soon enough for Slack. A code says that the payload
// must not be acknowledged.
func (d *Door) take(door string, payload []byte) (ack *dialogErrors, code string) {
	click, err := ParseInteraction(payload)
	if err != nil {
		return d.refuse(door, click, err)
	}
	result, gone := make(chan *dialogErrors), make(chan struct{})
	code = d.begin(func(ctx context.Context) {
		ack, text := d.act(ctx, click)
		select {
		case result <- ack:
		case <-gone: // too late for the dialog
			ack = nil
		}
		if ack == nil {
			d.tell(click, text, patience)
		}
	})
	switch code {
	case codeBusy:
		return d.refuse(door, click, refused(codeBusy, "Too much is going on. Nothing was decided: press again in a moment."))
	case codeClosing:
		d.Counters.request(door, code)
		return nil, code
	}
	d.Counters.request(door, codeAccepted)
	late := time.NewTimer(d.Wait)
	defer late.Stop()
	select {
	case ack = <-result:
	case <-late.C:
		close(gone)
	}
	return ack, ""
}

// refuse acknowledges what is no click of ours, and says so to the person.
func (d *Door) refuse(door string, click Click, err error) (*dialogErrors, string) {
	refusal, _ := errors.AsType[Refusal](err)
	d.Counters.request(door, refusal.Code)
	d.Log.Warn("a click was refused", "door", door, "code", refusal.Code, "reason", refusal.Text, "user", click.UserID)
	switch {
	case refusal.Block != "":
		return inDialog(refusal.Block, refusal.Text), ""
	case refusal.Code != codeNothing && click.UserID != "":
		if code := d.begin(func(context.Context) { d.tell(click, notDone(err), patience) }); code != "" {
			d.tell(click, notDone(err), d.Wait) // while Slack waits
		}
	}
	return nil, ""
}

// act does what the click asks for. The text is for the person, unless the dialog says it.
func (d *Door) act(ctx context.Context, click Click) (ack *dialogErrors, text string) {
	if click.Action == ActionDetails {
		if err := d.showPlan(ctx, click); err != nil {
			d.note(click, err)
			return nil, notDone(err)
		}
		d.note(click, nil)
		return nil, ""
	}
	answer, err := d.Decide(ctx, click)
	d.note(click, err)
	switch {
	case errors.Is(err, ErrUnknown), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return nil, fmt.Sprintf(":warning: Epoxy could not find out in time whether this was taken. Look at the message; if it still asks, press again: nothing is decided twice. `epoxy plan %s` tells more.", escape(click.Value.WorkflowID))
	case err != nil && click.Action == ActionVeto:
		return inDialog(keepBlock, err.Error()), notDone(err)
	case err != nil:
		return nil, notDone(err)
	case answer.Text == "":
		return nil, done[click.Action]
	}
	return nil, answer.Text
}

var done = map[string]string{
	ActionApprove: ":white_check_mark: Approved.",
	ActionDeny:    ":no_entry: Denied: nothing will be deleted.",
	ActionVeto:    ":shield: They will be kept if the plan names them.",
}

func (d *Door) note(click Click, err error) {
	result, level := "done", slog.LevelInfo
	if err != nil {
		result, level = "refused", slog.LevelWarn
	}
	d.Counters.decision(click.Action, result)
	d.Log.Log(context.Background(), level, "click", "action", click.Action, "result", result, "error", err,
		"id", click.ID, "user", click.UserID, "workflow", click.Value.WorkflowID, "plan", click.Value.Plan)
}
