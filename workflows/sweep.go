package workflows

import (
	"errors"
	"fmt"
	"slices"

	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// SweepResult is what a sweep found and did.
type SweepResult struct {
	Outcome string              `json:"outcome"`
	Nodes   int                 `json:"nodes"` // that are orphans, whatever becomes of them
	Clients int                 `json:"clients"`
	Records int                 `json:"records"`
	Mopped  int                 `json:"mopped"` // dead instances, and record sets
	Kept    int                 `json:"kept"`   // the plan and the report say why
	Young   int                 `json:"young"`  // left alone until the time of grace is over
	Failed  int                 `json:"failed"`
	Plan    activities.Artifact `json:"plan,omitzero"` // a policy.SweepPlan
}

// The steps of a sweep, as people see them.
const (
	stepSweepLook    = "Look at Chef, EC2 and Route 53"
	stepSweepCompare = "Compare"
	stepSweepMop     = "Mop"
)

const (
	// sweptAtMost bounds what one sweep mops: a child costs its history a handful of events and its input.
	sweptAtMost = 200
	mopsAtOnce  = 8
)

// sweepRun is one sweep.
type sweepRun struct {
	*reporter

	in      SweepInput
	servers []activities.SweepLook
	zones   []activities.SweepLook
	places  []activities.SweepLook
	others  []activities.SweepLook
	plan    activities.PlanSweepOutput
	late    bool
	done    []string // what was mopped
	failed  []string // what could not be, and why
	left    []string // what was to be mopped and stays, and why
	out     SweepResult
}

// SweepTitle is the first line of a sweep everywhere.
func SweepTitle(in SweepInput) string {
	if in.mops() {
		return "Sweep " + in.Sweep
	}
	return "Sweep " + in.Sweep + " (report)"
}

// mops tells that what is found is deleted, too.
func (in SweepInput) mops() bool { return in.Mop && !in.DryRun }

// Sweep finds what dead instances left behind without anybody announcing their end, and mops it up or tells it: events are best
// effort, and this is what makes the promise hold. What could not be looked at makes nothing an orphan. Each orphan is mopped by
// a run of its own, which confirms everything once more and asks the breaker.
func Sweep(ctx workflow.Context, in SweepInput) (SweepResult, error) {
	s := &sweepRun{in: in}
	steps := []string{stepSweepLook, stepSweepCompare}
	if in.mops() {
		steps = append(steps, stepSweepMop)
	}
	var err error
	if s.reporter, err = newReporter(ctx, SweepTitle(in), in.Telling, steps); err != nil {
		return s.out, err
	}
	if err := workflow.SetQueryHandler(ctx, PlanQuery, func() (activities.Artifact, error) { return s.out.Plan, nil }); err != nil {
		return s.out, err
	}
	work, giveUp := workflow.WithCancel(ctx)
	clock, stop := workflow.WithCancel(ctx)
	if in.Timeout > 0 {
		workflow.Go(clock, func(ctx workflow.Context) {
			if workflow.NewTimerWithOptions(ctx, in.Timeout, workflow.TimerOptions{Summary: "The environment's timeout"}).Get(ctx, nil) == nil {
				s.late = true
				giveUp()
			}
		})
	}
	err = s.work(work)
	stop()
	return s.finish(ctx, err)
}

func (s *sweepRun) work(ctx workflow.Context) error {
	if err := s.validate(); err != nil {
		return refuse(activities.ErrInvalid, err.Error())
	}
	s.begin(ctx, stepSweepLook, "Looking at what there is")
	if err := s.look(ctx); err != nil {
		return err
	}
	s.begin(ctx, stepSweepCompare, "Comparing Chef and Route 53 with EC2")
	if err := s.compare(ctx); err != nil {
		return err
	}
	if !s.in.mops() || len(s.plan.ToMop) == 0 {
		return nil
	}
	return s.mop(ctx)
}

func (s *sweepRun) validate() error {
	in := s.in
	var problems []error
	no := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if want := SweepWorkflowID(in.Sweep); s.WorkflowID != want {
		no("a sweep %s must have the workflow id %s, which is its lock; this one is %s", in.Sweep, want, s.WorkflowID)
	}
	if in.Sweep == "" || in.Environment == "" || len(in.Servers)+len(in.Zones) == 0 {
		no("a sweep needs a name, an environment, and a Chef server or a hosted zone")
	}
	if len(in.Places) == 0 || slices.ContainsFunc(in.Places, func(p activities.Place) bool { return !isPlace(p) }) {
		no("places are missing, or one has no account (12 digits) or no Region: without them everything would look dead")
	}
	if slices.ContainsFunc(in.Others, func(p activities.Place) bool { return !isPlace(p) }) {
		no("others has a place without an account (12 digits) or a Region: who lives there would look dead")
	}
	if in.Grace <= 0 || in.Timeout <= 0 {
		no("grace and timeout must be above zero")
	}
	if !isPlace(in.Store.Place) || in.Store.Bucket == "" {
		no("store needs a place and a bucket")
	}
	return errors.Join(append(problems, in.validateMops())...)
}

// validateMops checks what only a sweep that deletes needs.
func (in SweepInput) validateMops() error {
	if !in.mops() {
		return nil
	}
	for _, live := range in.Live {
		if !slices.Contains(in.Places, live) {
			return fmt.Errorf("live instances may be in %s, and places leaves it out", live)
		}
	}
	if len(in.Live) == 0 || !isPlace(in.Ledger.Place) || in.Ledger.Table == "" || in.Breaker.Nodes < 1 || in.Breaker.Window <= 0 {
		return errors.New("to mop, a sweep needs live, a ledger and a breaker")
	}
	return nil
}

// look looks at everything. What may vouch for something comes last: who is launched meanwhile is seen alive.
func (s *sweepRun) look(ctx workflow.Context) error {
	nodes, records := s.lookAtChef(ctx), s.lookAtRecords(ctx)
	known, err := s.gather(ctx, nodes, s.servers)
	if err != nil {
		return err
	}
	named, err := s.gather(ctx, records, s.zones)
	if err != nil {
		return err
	}
	living, err := s.lookAtEC2(ctx)
	if err != nil {
		return err
	}
	s.end(ctx, fmt.Sprintf("%s, %s, %s", plural(known, "node"), plural(living, "instance"), plural(named, "record set")))
	return s.sawNothing()
}

func (s *sweepRun) lookAtChef(ctx workflow.Context) []workflow.Future {
	var sweeper *activities.Sweeper
	answers := make([]workflow.Future, len(s.in.Servers))
	for i, server := range s.in.Servers {
		s.servers = append(s.servers, activities.SweepLook{Name: server})
		answers[i] = workflow.ExecuteActivity(surveys(ctx, "Chef server "+server), sweeper.ListNodes, activities.SweepServerInput{Store: s.in.Store, Server: server})
	}
	return answers
}

func (s *sweepRun) lookAtRecords(ctx workflow.Context) []workflow.Future {
	var sweeper *activities.Sweeper
	answers := make([]workflow.Future, len(s.in.Zones))
	for i, zone := range s.in.Zones {
		s.zones = append(s.zones, activities.SweepLook{Name: zone.ID})
		answers[i] = workflow.ExecuteActivity(surveys(ctx, "Hosted zone "+zone.Name), sweeper.ListRecords, activities.SweepZoneInput{Store: s.in.Store, Zone: zone})
	}
	return answers
}

// lookAtEC2 looks at the environment's places, and at those of others whose nodes are on the same Chef servers. It counts the
// environment's instances alone.
func (s *sweepRun) lookAtEC2(ctx workflow.Context) (count int, err error) {
	ours, theirs := s.askEC2(ctx, s.in.Places, &s.places), s.askEC2(ctx, s.in.Others, &s.others)
	if count, err = s.gather(ctx, ours, s.places); err != nil {
		return count, err
	}
	_, err = s.gather(ctx, theirs, s.others)
	return count, err
}

func (s *sweepRun) askEC2(ctx workflow.Context, places []activities.Place, looks *[]activities.SweepLook) []workflow.Future {
	var sweeper *activities.Sweeper
	answers := make([]workflow.Future, len(places))
	for i, place := range places {
		*looks = append(*looks, activities.SweepLook{Place: place})
		answers[i] = workflow.ExecuteActivity(surveys(ctx, "EC2 in "+place.String()), sweeper.ListInstances, activities.SweepPlaceInput{Store: s.in.Store, Place: place})
	}
	return answers
}

// gather takes the answers. A look that fails is no failure of the sweep: what could be there is left alone.
func (s *sweepRun) gather(ctx workflow.Context, answers []workflow.Future, looks []activities.SweepLook) (count int, err error) {
	for i, answer := range answers {
		var out activities.SweptOutput
		if err := answer.Get(ctx, &out); err != nil {
			if ctx.Err() != nil {
				return count, ctx.Err()
			}
			looks[i].Failed = reasonOf(err)
			continue
		}
		looks[i].Found = out.Found
		count += out.Count
	}
	return count, nil
}

// sawNothing ends a sweep that has nothing to compare.
func (s *sweepRun) sawNothing() error {
	sees := func(l activities.SweepLook) bool { return l.Failed == "" }
	switch {
	case !slices.ContainsFunc(s.places, sees):
		return refuse(activities.ErrInvalid, "EC2 could be looked at nowhere, so nothing is touched: "+s.places[0].Failed)
	case !slices.ContainsFunc(slices.Concat(s.servers, s.zones), sees):
		return refuse(activities.ErrInvalid, "neither Chef nor Route 53 could be looked at, so nothing is touched: "+slices.Concat(s.servers, s.zones)[0].Failed)
	}
	return nil
}

func (s *sweepRun) compare(ctx workflow.Context) error {
	var sweeper *activities.Sweeper
	err := workflow.ExecuteActivity(surveys(ctx, "Compare"), sweeper.PlanSweep, activities.PlanSweepInput{
		Store: s.in.Store, Sweep: s.in.Sweep, Now: workflow.Now(ctx), Grace: s.in.Grace, Rules: s.in.Rules, Groups: s.in.Groups,
		Most: sweptAtMost, Places: s.places, Others: s.others, Servers: s.servers, Zones: s.zones,
	}).Get(ctx, &s.plan)
	if err != nil {
		return err
	}
	p := s.plan
	s.out.Plan, s.out.Nodes, s.out.Clients, s.out.Records, s.out.Young, s.out.Kept = p.Plan, p.Nodes, p.Clients, p.Records, p.Young, p.Kept+p.Later
	s.fact("Plan", policy.ShortHash(p.Plan.SHA256))
	s.fact("Belongs to nobody", s.orphans())
	s.end(ctx, fmt.Sprintf("%d to mop, %d too young, %d kept", len(p.ToMop), p.Young, s.out.Kept))
	return nil
}

func (s *sweepRun) orphans() string {
	return fmt.Sprintf("%s, %s without a node, %s", plural(s.out.Nodes, "node"), plural(s.out.Clients, "client"), plural(s.out.Records, "record set"))
}
