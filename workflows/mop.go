package workflows

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// The steps of a mop, as people see them.
const (
	stepConfirm = "Confirm that it is dead"
	stepMop     = "Delete what it left"
	stepLater   = "Look again later"
)

// mop is one run: whichever events arrive, it is the only one that deletes for this instance.
type mop struct {
	*reporter

	in        MopInput
	subject   policy.Subject // what was announced, all together
	kinds     map[string]int // of announcements
	instance  policy.Instance
	hooks     []policy.LifecycleHook
	holding   int  // coroutines that hold a hook
	looked    bool // once: held instances may go
	failed    bool // an announcement told of a bootstrap that failed
	confirmed bool
	late      bool
	seen      []policy.ChefNode
	told      int
	trouble   []string // what could not be deleted, and why
	out       MopResult
}

// MopTitle is the first line of a mop everywhere.
func MopTitle(in MopInput) string { return "Mop up after " + in.Subject.String() }

// Mop deletes what a dead instance left behind: its Chef node and client, and its DNS records. It confirms the death, finds
// what is provably its own, asks the environment's breaker, deletes with a record in the ledger, and looks again later for
// what registered late. Events reach it as signals.
func Mop(ctx workflow.Context, in MopInput) (MopResult, error) {
	m, err := newMop(ctx, in)
	if err != nil {
		return MopResult{}, err
	}
	work, giveUp := workflow.WithCancel(ctx)
	clock, stop := workflow.WithCancel(ctx)
	workflow.Go(clock, func(ctx workflow.Context) {
		if workflow.NewTimerWithOptions(ctx, in.Timeout, workflow.TimerOptions{Summary: "The mop's timeout"}).Get(ctx, nil) == nil {
			m.late = true
			giveUp()
		}
	})
	err = m.work(work)
	stop()
	return m.finish(ctx, err)
}

func newMop(ctx workflow.Context, in MopInput) (*mop, error) {
	m := &mop{in: in, subject: in.Subject, kinds: map[string]int{}, out: MopResult{Subject: in.Subject}}
	steps := []string{stepConfirm, stepMop}
	if len(in.Later) > 0 && !in.DryRun {
		steps = append(steps, stepLater)
	}
	var err error
	if m.reporter, err = newReporter(ctx, MopTitle(in), Telling{UI: in.Telling.UI}, steps); err != nil {
		return nil, err
	}
	signals := workflow.GetSignalChannel(ctx, AnnouncedSignal)
	m.drain(ctx, signals)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var a policy.Announcement
			if !signals.Receive(ctx, &a) {
				return
			}
			m.announced(ctx, a)
		}
	})
	return m, nil
}

// drain takes what has arrived and nobody has read yet.
func (m *mop) drain(ctx workflow.Context, signals workflow.ReceiveChannel) {
	for {
		var a policy.Announcement
		if !signals.ReceiveAsync(&a) {
			return
		}
		m.announced(ctx, a)
	}
}

// announced takes one event. It only ever adds: the same event five times changes nothing.
func (m *mop) announced(ctx workflow.Context, a policy.Announcement) {
	if a.Subject.Check() != nil || a.Subject.Key() != m.in.Subject.Key() {
		workflow.GetLogger(ctx).Warn("An announcement is about another instance; it is ignored", "subject", a.Subject.Key())
		return
	}
	m.kinds[a.Kind]++
	m.failed = m.failed || a.Kind == policy.AnnouncedFailed
	m.subject.Node, m.subject.Address = orElse(m.subject.Node, a.Subject.Node), orElse(m.subject.Address, a.Subject.Address)
	if a.Hook == nil || slices.ContainsFunc(m.hooks, func(h policy.LifecycleHook) bool { return h.Name == a.Hook.Name && h.Token == a.Hook.Token }) {
		return
	}
	m.hooks = append(m.hooks, *a.Hook)
	m.holding++
	workflow.Go(detached(ctx), func(ctx workflow.Context) {
		m.hold(ctx, *a.Hook)
		m.holding--
	})
}

func (m *mop) work(ctx workflow.Context) error {
	if err := m.validate(); err != nil {
		return refuse(activities.ErrInvalid, err.Error())
	}
	for n := 0; ; n++ {
		if !m.confirmed {
			if err := m.confirm(ctx); err != nil {
				return err
			}
		}
		if err := m.look(ctx, n); err != nil {
			return err
		}
		if n == 0 && len(m.hooks) > 0 {
			m.confirmed = false // it was about to end: the next look begins with whether it did
		}
		m.looked = true
		if n == len(m.in.Later) || m.in.DryRun {
			return nil
		}
		if err := m.rest(ctx, n); err != nil {
			return err
		}
	}
}

func (m *mop) validate() error {
	in := m.in
	var problems []error
	if want := MopRunID(in); m.WorkflowID != want {
		problems = append(problems, fmt.Errorf("a mop after %s must have the workflow id %s, which is its lock; this one is %s", in.Subject, want, m.WorkflowID))
	}
	if in.Place.Account != in.Subject.Account || in.Place.Region != in.Subject.Region {
		problems = append(problems, fmt.Errorf("the instance is in %s/%s, but the mop is to act in %s", in.Subject.Account, in.Subject.Region, in.Place))
	}
	if in.Environment == "" || in.Ledger.Table == "" || in.Timeout <= 0 || len(in.Live) == 0 {
		problems = append(problems, errors.New("a mop needs an environment, where live instances are looked for, a ledger and a timeout"))
	}
	if in.Breaker.Nodes < 1 || in.Breaker.Window <= 0 {
		problems = append(problems, errors.New("a mop needs a breaker: how many nodes may go in which window"))
	}
	return errors.Join(append(problems, in.Subject.Check())...)
}

// rest waits for the next look: Chef's index lags, and chef-client may register once more while its instance dies.
func (m *mop) rest(ctx workflow.Context, n int) error {
	m.begin(ctx, stepLater, fmt.Sprintf("Looks again %s after the first look, for what registers late", m.in.Later[n]))
	wait := m.in.Later[n]
	if n > 0 {
		wait -= m.in.Later[n-1]
	}
	return workflow.NewTimerWithOptions(ctx, max(wait, time.Second), workflow.TimerOptions{Summary: "Look again"}).Get(ctx, nil)
}

// patient is for a call of a mop. Whatever is down, the run waits for it until its own timeout; the others go on.
func (m *mop) patient(ctx workflow.Context, summary string) workflow.Context {
	left := m.Begun.Add(m.in.Timeout).Sub(workflow.Now(ctx))
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    2 * time.Minute, // the changes of a hosted zone wait for each other
		ScheduleToCloseTimeout: max(left, time.Minute),
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second},
		Summary:                summary,
	})
}

// finish lets held instances go, and tells how the run ended.
func (m *mop) finish(ctx workflow.Context, err error) (MopResult, error) {
	m.looked = true
	_ = workflow.Await(detached(ctx), func() bool { return m.holding == 0 })
	outcome, headline, reason := m.ending(ctx, err)
	if err != nil {
		m.fail(ctx)
	} else {
		m.end(ctx, "")
	}
	m.out.Outcome = outcome
	if (m.told == 0 || err != nil) && !isType(err, errNotOurs) {
		m.tellLine(ctx, outcome, orElse(reason, headline))
	}
	m.close(ctx, outcome, headline, reason)
	m.drain(ctx, workflow.GetSignalChannel(ctx, AnnouncedSignal))
	_ = workflow.Await(detached(ctx), func() bool { return m.holding == 0 })
	switch {
	case outcome == activities.OutcomeCancelled:
		return m.out, temporal.NewCanceledError(headline)
	case isType(err, errNotOurs):
		return m.out, nil
	case err != nil:
		return m.out, err
	case len(m.trouble) > 0: // so that the next event begins anew
		return m.out, refuse(errNotAll, reason)
	}
	return m.out, nil
}

// errNotAll says that something of a dead instance is left, by no will of anybody's.
const errNotAll = "NotAll"

func (m *mop) ending(ctx workflow.Context, err error) (outcome, headline, reason string) {
	deleted := m.deletedInWords()
	switch {
	case m.late:
		return activities.OutcomeFailed, "Gave up. " + deleted, fmt.Sprintf("it took longer than %s, the mop's timeout", m.in.Timeout)
	case temporal.IsCanceledError(err) || errors.Is(ctx.Err(), workflow.ErrCanceled):
		return activities.OutcomeCancelled, "Cancelled. " + deleted, ""
	case isType(err, errNotOurs):
		return activities.OutcomeDone, "Another team's: nothing was touched", reasonOf(err)
	case isType(err, activities.ErrAlive):
		return activities.OutcomeFailed, "It is alive: nothing was touched", reasonOf(err)
	case isType(err, activities.ErrStopped):
		return activities.OutcomeDenied, "Stopped. " + deleted, reasonOf(err)
	case err != nil:
		return activities.OutcomeFailed, "Failed. " + deleted, reasonOf(err)
	case len(m.trouble) > 0:
		return activities.OutcomePartial, deleted, m.trouble[0]
	case m.in.DryRun:
		return activities.OutcomeDone, "Dry run: nothing was touched", ""
	}
	return activities.OutcomeDone, deleted, ""
}
