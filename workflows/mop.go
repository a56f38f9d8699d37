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
	signals   workflow.ReceiveChannel
	kinds     map[string]int // of announcements
	asked     int            // heard when EC2 was asked last
	heard     int            // announcements that were not there before
	ids       map[string]bool
	group     string // as an event named it
	grown     bool   // something new was announced since the last look began
	again     bool   // a person asks: also what somebody had put back goes
	instance  policy.Instance
	hooks     []policy.LifecycleHook
	holding   int       // coroutines that hold a hook
	looked    bool      // once: held instances may go
	first     time.Time // when the first look ended: later ones are counted from it
	rested    int       // later looks that were waited for
	confirmed bool
	late      bool
	facts     policy.Facts         // by which its records are recognized, of every look: a node that is gone tells no address any more
	clean     bool                 // the last look found nothing, or deleted it all
	now       []activities.Deleted // by this look
	told      int
	would     []string // of a dry run
	trouble   []string // what could not be deleted, and why: of the last look, and of the hooks
	hookFails []string
	toldFails int // of hookFails
	toldError bool
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
	for again := true; again; {
		err = m.work(work)
		m.wrapUp(ctx, err)
		m.drain(ctx)
		if again = m.goesOn(ctx, err); !again && m.holding > 0 { // a hook came while the last line was told
			m.looked = true
			_ = workflow.Await(detached(ctx), func() bool { return m.holding == 0 })
			again = m.goesOn(ctx, err)
		}
	}
	stop()
	return m.finish(ctx, err)
}

func newMop(ctx workflow.Context, in MopInput) (*mop, error) {
	m := &mop{in: in, subject: in.Subject, kinds: map[string]int{}, ids: map[string]bool{}, out: MopResult{Subject: in.Subject}}
	steps := []string{stepConfirm, stepMop}
	if len(in.Later) > 0 && !in.DryRun && !in.Once {
		steps = append(steps, stepLater)
	}
	var err error
	if m.reporter, err = newReporter(ctx, MopTitle(in), Telling{UI: in.Telling.UI}, steps); err != nil {
		return nil, err
	}
	m.signals = workflow.GetSignalChannel(ctx, AnnouncedSignal)
	m.drain(ctx)
	workflow.Go(detached(ctx), func(ctx workflow.Context) {
		// Who waits to receive holds what came where drain does not see it.
		for workflow.Await(ctx, func() bool { return m.signals.Len() > 0 }) == nil {
			m.drain(ctx)
		}
	})
	return m, nil
}

// goesOn tells whether something came in while the last line was told. Its message is deleted: nobody else will look into it.
func (m *mop) goesOn(ctx workflow.Context, err error) bool {
	heard := m.heard > m.asked
	switch {
	case err == nil:
		return m.grown || heard && len(m.trouble) > 0
	case m.late || ctx.Err() != nil || isType(err, activities.ErrInvalid):
		return false
	case !heard && !m.grown:
		return false
	}
	m.confirmed = false
	return true
}

// drain takes what has arrived and nobody has read yet.
func (m *mop) drain(ctx workflow.Context) {
	for {
		var a policy.Announcement
		if !m.signals.ReceiveAsync(&a) {
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
	fresh := a.ID == "" || !m.ids[a.ID]
	if len(m.ids) < idsKept {
		m.ids[a.ID] = true
	}
	if fresh {
		m.heard++
	}
	m.kinds[a.Kind]++
	m.again = m.again || a.Kind == policy.AnnouncedByPerson
	m.group = orElse(m.group, a.Group)
	before := m.subject
	m.subject.Node, m.subject.Address = orElse(m.subject.Node, a.Subject.Node), orElse(m.subject.Address, a.Subject.Address)
	switch {
	case m.subject != before:
		m.grown = true
	case !fresh || !m.looked:
	case m.subject.Instance == "": // names and addresses are given again: this is another death
		m.grown, m.confirmed = true, false
	case a.Kind == policy.AnnouncedByPerson: // does not wait for the next look
		m.grown = true
	}
	m.take(ctx, a)
}

// take holds the instance in the hook that an event tells of, once.
func (m *mop) take(ctx workflow.Context, a policy.Announcement) {
	if a.Hook == nil || slices.ContainsFunc(m.hooks, func(h policy.LifecycleHook) bool { return h.Name == a.Hook.Name && h.Token == a.Hook.Token }) {
		return
	}
	m.hooks = append(m.hooks, *a.Hook)
	if m.in.DryRun {
		return
	}
	m.holding++
	workflow.Go(detached(ctx), func(ctx workflow.Context) {
		m.hold(ctx, *a.Hook)
		m.holding--
	})
}

// idsKept bounds the memory of events.
const idsKept = 200

// work looks, and looks again later.
func (m *mop) work(ctx workflow.Context) error {
	if err := m.validate(); err != nil {
		return refuse(activities.ErrInvalid, err.Error())
	}
	for {
		m.grown, m.asked = false, m.heard
		if !m.confirmed {
			if err := m.confirm(ctx); err != nil {
				return err
			}
		}
		if err := m.look(ctx); err != nil {
			return err
		}
		if !m.looked && len(m.hooks) > 0 {
			m.confirmed = false // it was about to end: the next look begins with whether it did
		}
		m.looked = true
		if m.grown {
			continue
		}
		if m.first.IsZero() {
			m.first = workflow.Now(ctx)
		}
		later := m.later()
		if m.rested >= len(later) {
			return nil
		}
		if err := m.rest(ctx, m.first.Add(later[m.rested])); err != nil {
			return err
		}
		if !m.grown {
			m.rested++
		}
	}
}

// later is when to look again. A run that a person or a sweep began looks once, unless an event joins it.
func (m *mop) later() []time.Duration {
	events := m.kinds[policy.AnnouncedTerminated] + m.kinds[policy.AnnouncedTerminating] + m.kinds[policy.AnnouncedFailed]
	if m.in.DryRun || m.in.Once && events == 0 {
		return nil
	}
	return m.in.Later
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
func (m *mop) rest(ctx workflow.Context, until time.Time) error {
	m.begin(ctx, stepLater, "Looks again at "+until.UTC().Format("15:04:05 MST")+", for what registers late")
	_, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
		Timeout: max(until.Sub(workflow.Now(ctx)), time.Second), TimerOptions: workflow.TimerOptions{Summary: "Look again"},
	}, func() bool { return m.grown })
	return err
}

// patient is for a short call of a mop. Whatever is down, the run waits for it until its own timeout; the others go on.
func (m *mop) patient(ctx workflow.Context, summary string) workflow.Context {
	left := m.Begun.Add(m.in.Timeout).Sub(workflow.Now(ctx))
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    time.Minute,
		ScheduleToCloseTimeout: max(left, time.Minute),
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second},
		Summary:                summary,
	})
}

// queued is for a call that waits for its turn, at a Chef server or a hosted zone, and heartbeats meanwhile.
func (m *mop) queued(ctx workflow.Context, summary string) workflow.Context {
	ctx = workflow.WithHeartbeatTimeout(m.patient(ctx, summary), heartbeat)
	return workflow.WithStartToCloseTimeout(ctx, 10*time.Minute)
}
