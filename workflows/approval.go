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
	End      time.Time                // of the run; zero: none is known
	Fresh    func(now time.Time) bool // tells whether a fresh plan is asked about when nobody answers; nil: never
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
	cut    bool // the run ends before the question would
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
	a.asked++
	a.asking = policy.Asking{
		Mode: a.in.Mode, NeedsOne: q.NeedsOne, Plan: q.Plan.SHA256, Approvers: a.in.Approvers,
		Vetoed: a.asking.Vetoed, // what somebody wanted kept stays so in a fresh plan
	}
	q.Lists = append(list("Kept by veto", a.asking.Vetoed, len(a.asking.Vetoed)), q.Lists...)
	a.open(ctx, q)
	message := a.message(ctx, r, q)
	message.tell()
	err := a.untilTold(ctx, message, q)
	if err == nil {
		err = a.await(ctx, message, q)
	}
	a.asking.Closed = true
	got := a.answer(ctx, err, message.ts != "")
	message.settle(ctx, got.Outcome, a.ending(ctx, q, got, err), got.Reason)
	return got, err
}

// silenceIsYes tells whether the plan is carried out when nobody objects.
func (a *approval) silenceIsYes() bool {
	return a.asking.Mode == policy.ApproveVeto && !a.asking.NeedsOne
}

// open opens the question from now on, and not for longer than the run lasts.
func (a *approval) open(ctx workflow.Context, q question) {
	now, wait := workflow.Now(ctx), a.in.Expires
	if a.silenceIsYes() {
		wait = a.in.Window
	}
	a.cut = !q.End.IsZero() && now.Add(wait).After(q.End)
	if a.cut {
		wait = max(q.End.Sub(now), time.Second)
	}
	a.asking.Until = now.Add(wait)
}

// untilTold begins the veto window when people have been told: nobody objects to what they cannot know of. Meanwhile the
// command decides.
func (a *approval) untilTold(ctx workflow.Context, message *reporter, q question) error {
	if !a.silenceIsYes() || !since(ctx, windowOnceTold) {
		return nil
	}
	ended, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
		Timeout: a.asking.Until.Sub(workflow.Now(ctx)), TimerOptions: workflow.TimerOptions{Summary: "Slack was not reached"},
	}, func() bool { return message.ts != "" || a.asking.Decided != nil })
	if err != nil || !ended || a.asking.Decided != nil {
		return err
	}
	promised := a.asking.Until
	a.open(ctx, q)
	if a.asking.Until.Sub(promised) > time.Minute {
		message.Ask.Until, message.Ask.Text = a.asking.Until, a.until()
		message.tell()
	}
	return nil
}

// await waits until somebody decides or the time is over, and reminds meanwhile.
func (a *approval) await(ctx workflow.Context, message *reporter, q question) error {
	for {
		left := a.asking.Until.Sub(workflow.Now(ctx))
		if left <= 0 {
			return nil
		}
		summary := "Question expires"
		if a.silenceIsYes() {
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
func (a *approval) message(ctx workflow.Context, r *reporter, q question) *reporter {
	title := r.Title
	if a.asked > 1 {
		title += fmt.Sprintf(" (plan %d)", a.asked)
	}
	m := r.another(ctx, orElse(a.in.Channel, r.home), fmt.Sprintf("%s/ask-%d", r.RunID, a.asked), a.asking.Until.Sub(workflow.Now(ctx)))
	m.Title, m.Headline, m.Facts, m.Lists = title, q.Headline, q.Facts, q.Lists
	m.Outcome = activities.OutcomeAsking
	m.Ask = &activities.Ask{Mode: a.asking.Mode, NeedsOne: a.asking.NeedsOne, Plan: q.Plan.SHA256, RunID: r.RunID, Until: a.asking.Until, Text: a.until(), NoPlan: q.Plan.Key == ""}
	if q.Plan.Key != "" { // else there is nothing but a hash: see MopBreaker
		m.attach = &activities.Attachment{Store: a.store, Plan: q.Plan}
	}
	return m
}

func (a *approval) until() string {
	when := a.asking.Until.UTC().Format("2006-01-02 15:04 MST")
	switch {
	case a.silenceIsYes() && a.cut:
		return "Unless somebody approves, nothing is deleted: the policy's timeout is over at " + when + ", before the veto window."
	case a.silenceIsYes():
		return "It goes on at " + when + " unless somebody objects."
	}
	return "Without an answer nothing is deleted; the question is open until " + when + "."
}

// answer reads how the question ended. Silence is consent only from people who were told, for as long as they were promised.
func (a *approval) answer(ctx workflow.Context, err error, told bool) resolution {
	d := a.asking.Decided
	got := resolution{Vetoed: a.asking.Vetoed}
	if d != nil {
		got.By, got.Reason = policy.DescribePerson(d.By), d.Reason
	}
	silent := err == nil && d == nil && a.silenceIsYes() && !a.cut
	switch {
	case err != nil:
		got.Outcome = activities.OutcomeCancelled
	case silent && (told || !since(ctx, silenceOfTheTold)):
		got.Granted, got.By = true, "nobody objected within the veto window"
		got.Outcome = activities.OutcomeDone
	case silent:
		a.asking.Untold = true
		got.Outcome, got.Reason = activities.OutcomeExpired, "Slack was not reached, so nobody was told of the plan"
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

// ending says in the question's place how it ended.
func (a *approval) ending(ctx workflow.Context, q question, got resolution, err error) string {
	now := workflow.Now(ctx)
	switch {
	case a.asking.Decided == nil && !q.End.IsZero() && !now.Before(q.End):
		return "The policy's timeout is over: nothing is deleted."
	case err != nil:
		return "Cancelled before anybody decided"
	case got.Outcome == activities.OutcomeExpired && q.Fresh != nil && q.Fresh(now):
		return policy.DescribeAnswer(a.asking) + " A fresh plan is made, and asked about."
	}
	return policy.DescribeAnswer(a.asking)
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
