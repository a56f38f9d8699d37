package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// ApprovalInput says who decides about a plan, and how.
type ApprovalInput struct {
	Mode      string           `json:"mode"` // policy.Approve…
	Approvers policy.Approvers `json:"approvers"`
	Window    time.Duration    `json:"window,omitempty"`  // mode veto: how long anybody may object
	Expires   time.Duration    `json:"expires,omitempty"` // modes ask and auto: how long an answer is waited for
	Remind    time.Duration    `json:"remind,omitempty"`  // between reminders; 0: none
	Channel   string           `json:"channel,omitempty"` // where to ask; "": where the run reports
}

// question is what people are asked.
type question struct {
	Plan     activities.Artifact // its hash is what is approved
	NeedsOne bool                // the policy's caps are exceeded: silence does not suffice
	Headline string              // "Delete 512 images (31.4 GiB) of 12 repositories?"
	Facts    []activities.Fact
	Lists    []activities.List
}

// resolution is how a question ended.
type resolution struct {
	Granted bool
	By      string   // who granted, denied or vetoed it, in words
	Vetoed  []string // items to keep
	Outcome string   // when it was not granted: denied, vetoed or expired
	Reason  string   // as given by the person
}

// approval is the piece of a run that asks people: an Update `decide`, which Slack's buttons and the command both send, and
// a message of its own, because Slack tells nobody of a message that was only edited.
// https://docs.temporal.io/handling-messages#update-validators
type approval struct {
	in     ApprovalInput
	store  activities.Store
	asking policy.Asking // what is open; the zero value: nothing
	asked  int
}

// Decided is what a decision answers.
type Decided struct {
	Message string `json:"message"` // for the person: "Approved: …"
}

// newApproval opens the door. Without an open question every decision is refused.
func newApproval(ctx workflow.Context, in ApprovalInput, store activities.Store) (*approval, error) {
	a := &approval{in: in, store: store, asking: policy.Asking{Closed: true}}
	if err := workflow.SetQueryHandler(ctx, AskingQuery, func() (policy.Asking, error) { return a.asking, nil }); err != nil {
		return nil, err
	}
	return a, workflow.SetUpdateHandlerWithOptions(ctx, DecideUpdate, a.decide, workflow.UpdateHandlerOptions{
		Validator: func(ctx workflow.Context, d policy.Decision) error {
			return policy.CheckDecision(a.asking, d, workflow.Now(ctx))
		},
		Description: "Approve, deny or veto the plan that is asked about",
	})
}

func (a *approval) decide(ctx workflow.Context, d policy.Decision) (Decided, error) {
	// Two decisions may arrive in one workflow task: the validator saw the state before the first.
	if err := policy.CheckDecision(a.asking, d, workflow.Now(ctx)); err != nil {
		return Decided{}, refuse(activities.ErrInvalid, err.Error())
	}
	a.asking = policy.Decide(a.asking, d)
	return Decided{Message: policy.DescribeDecision(a.asking, d)}, nil
}

// ask asks, reminds and waits. The plan is approved, denied, vetoed, or the question expires.
func (a *approval) ask(ctx workflow.Context, r *reporter, q question) (resolution, error) {
	if a.in.Mode == policy.ApproveAuto && !q.NeedsOne {
		return resolution{Granted: true, By: "policy (mode auto, below its caps)"}, nil
	}
	wait := a.in.Expires
	if a.in.Mode == policy.ApproveVeto && !q.NeedsOne {
		wait = a.in.Window
	}
	a.asked++
	a.asking = policy.Asking{
		Mode: a.in.Mode, NeedsOne: q.NeedsOne, Plan: q.Plan.SHA256, Approvers: a.in.Approvers, Until: workflow.Now(ctx).Add(wait),
	}
	message := a.message(ctx, r, q, wait)
	message.tell()
	err := a.await(ctx, message, q)
	a.asking.Closed = true
	got := a.answer(err)
	headline := policy.DescribeAnswer(a.asking)
	if err != nil {
		headline = "Cancelled before anybody decided"
	}
	message.settle(ctx, got.Outcome, headline, got.Reason)
	return got, err
}

// await waits until somebody decides or the time is over, and reminds meanwhile.
func (a *approval) await(ctx workflow.Context, message *reporter, q question) error {
	for {
		left := a.asking.Until.Sub(workflow.Now(ctx))
		summary := "Question expires"
		if a.asking.Mode == policy.ApproveVeto && !a.asking.NeedsOne {
			summary = "Veto window ends"
		}
		next := left
		if a.in.Remind > 0 && a.in.Remind < left {
			next, summary = a.in.Remind, "Reminder"
		}
		decided, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{Timeout: next, TimerOptions: workflow.TimerOptions{Summary: summary}},
			func() bool { return a.asking.Decided != nil })
		if err != nil || decided || next == left {
			return err
		}
		a.remind(ctx, message, q)
	}
}

func (a *approval) remind(ctx workflow.Context, message *reporter, q question) {
	if message.channel == "" || message.ts == "" {
		return
	}
	var slack *activities.Slack
	err := workflow.ExecuteActivity(telling(ctx, liveBound), slack.PostReply, activities.PostReplyInput{
		Channel: message.channel, TS: message.ts, Key: fmt.Sprintf("%s/%d", message.RunID, workflow.Now(ctx).Unix()),
		Text: "Still open: " + q.Headline + " " + a.until(),
	}).Get(ctx, nil)
	if err != nil {
		workflow.GetLogger(ctx).Warn("Slack was not reminded; the question stays open", "error", err)
	}
}

// message is the question in Slack. It is a report of its own, with buttons.
func (a *approval) message(ctx workflow.Context, r *reporter, q question, wait time.Duration) *reporter {
	title := r.Title
	if a.asked > 1 {
		title += fmt.Sprintf(" (plan %d)", a.asked)
	}
	m := r.another(ctx, orElse(a.in.Channel, r.home), fmt.Sprintf("%s/ask-%d", r.RunID, a.asked), wait)
	m.Title, m.Headline, m.Facts, m.Lists = title, q.Headline, q.Facts, q.Lists
	m.Outcome = activities.OutcomeAsking
	m.Ask = &activities.Ask{Mode: a.asking.Mode, NeedsOne: a.asking.NeedsOne, Plan: q.Plan.SHA256, RunID: r.RunID, Until: a.asking.Until, Text: a.until()}
	m.attach = &activities.Attachment{Store: a.store, Plan: q.Plan}
	return m
}

func (a *approval) until() string {
	when := a.asking.Until.UTC().Format("2006-01-02 15:04 MST")
	if a.asking.Mode == policy.ApproveVeto && !a.asking.NeedsOne {
		return "It goes on at " + when + " unless somebody objects."
	}
	return "Without an answer nothing is deleted; the question is open until " + when + "."
}

func (a *approval) answer(err error) resolution {
	d := a.asking.Decided
	got := resolution{Vetoed: a.asking.Vetoed}
	if d != nil {
		got.By, got.Reason = policy.DescribePerson(d.By), d.Reason
	}
	switch {
	case err != nil:
		got.Outcome = activities.OutcomeCancelled
	case d == nil && a.asking.Mode == policy.ApproveVeto && !a.asking.NeedsOne:
		got.Granted, got.By = true, "nobody objected within the veto window"
		got.Outcome = activities.OutcomeDone
	case d == nil:
		got.Outcome = activities.OutcomeExpired
	case d.Kind == policy.DecideApprove:
		got.Granted, got.Outcome = true, activities.OutcomeDone
	case d.Kind == policy.DecideDeny:
		got.Outcome = activities.OutcomeDenied
	default:
		got.Outcome = activities.OutcomeVetoed
	}
	return got
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
