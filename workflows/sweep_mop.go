package workflows

import (
	"errors"
	"slices"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// mop lets a run of its own mop up after each orphan, a few at a time.
func (s *sweepRun) mop(ctx workflow.Context) error {
	s.begin(ctx, stepSweepMop, "Mopping up after "+plural(len(s.plan.ToMop), "orphan"))
	settings := s.childSettings()
	gate := workflow.NewSemaphore(ctx, mopsAtOnce)
	wg := workflow.NewWaitGroup(ctx)
	for _, orphan := range s.plan.ToMop {
		if err := gate.Acquire(ctx, 1); err != nil {
			break
		}
		wg.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer wg.Done()
			defer gate.Release(1)
			if orphan.Record != nil {
				s.takeOut(ctx, settings, orphan)
			} else {
				s.mopOne(ctx, settings, orphan)
			}
			s.show(ctx)
		})
	}
	wg.Wait(detached(ctx))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.end(ctx, s.mopped())
	return nil
}

// childSettings are those of the mops. Where the sweep could not look they would only wait.
func (s *sweepRun) childSettings() MopSettings {
	set := s.in.MopSettings
	set.Servers, set.Zones = nil, nil
	for i, look := range s.servers {
		if look.Failed == "" {
			set.Servers = append(set.Servers, s.in.Servers[i])
		}
	}
	for i, look := range s.zones {
		if look.Failed == "" {
			set.Zones = append(set.Zones, s.in.Zones[i])
		}
	}
	return set
}

// mopOne starts a mop that looks once: an orphan that has been one for the time of grace needs no later look. But an event may
// join the mop, and that is owed them.
func (s *sweepRun) mopOne(ctx workflow.Context, settings MopSettings, o policy.Orphan) {
	in := MopInput{MopSettings: settings, Place: s.placeOf(o.Subject), Subject: o.Subject, Once: true, RequestedBy: "sweep " + s.in.Sweep, Swept: true}
	child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            MopWorkflowID(o.Subject),
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_REQUEST_CANCEL,
		WaitForCancellation:   true, // what is begun is finished
		StaticSummary:         MopTitle(in),
		TypedSearchAttributes: temporal.NewSearchAttributes(
			TargetKey.ValueSet(in.Environment), AccountKey.ValueSet(o.Subject.Account), RegionKey.ValueSet(o.Subject.Region), OutcomeKey.ValueSet(activities.OutcomeRunning),
		),
	})
	var out MopResult
	err := workflow.ExecuteChildWorkflow(child, MopType, in).Get(ctx, &out)
	switch _, runs := errors.AsType[*temporal.ChildWorkflowExecutionAlreadyStartedError](err); {
	case runs:
		s.keep(o, "a mop after it is running already")
	case isType(err, activities.ErrStopped) || isType(err, activities.ErrAlive):
		s.keep(o, reasonOf(err))
	case temporal.IsCanceledError(err):
		s.keep(o, "cancelled")
	case err != nil:
		s.miss(o, reasonOf(err))
	case len(out.Deleted) == 0 && len(out.Kept) > 0:
		s.keep(o, out.Kept[0].Why)
	default:
		s.out.Mopped++
		s.done = append(s.done, o.String())
	}
}

func (s *sweepRun) placeOf(of policy.Subject) activities.Place {
	i := slices.IndexFunc(s.in.Places, func(p activities.Place) bool { return p.Account == of.Account && p.Region == of.Region })
	if i < 0 {
		return activities.Place{Account: of.Account, Region: of.Region} // never: the plan knows no other place
	}
	return s.in.Places[i]
}

// keep counts what was to be mopped and stays.
func (s *sweepRun) keep(o policy.Orphan, why string) {
	s.out.Kept++
	s.left = append(s.left, o.String()+": "+why)
}

// miss counts what was to be mopped and could not be.
func (s *sweepRun) miss(o policy.Orphan, why string) {
	s.out.Failed++
	s.failed = append(s.failed, o.String()+": "+why)
}

// takeOut deletes values that lead to nobody from a record set that nodes share. No node tells of them, so there is no mop.
func (s *sweepRun) takeOut(ctx workflow.Context, settings MopSettings, o policy.Orphan) {
	deleted, err := s.deleteRecord(ctx, settings, o)
	switch {
	case isType(err, activities.ErrStopped):
		s.keep(o, reasonOf(err))
	case temporal.IsCanceledError(err):
		s.keep(o, "cancelled")
	case err != nil:
		s.miss(o, reasonOf(err))
	case deleted.Outcome == activities.DeletedKept:
		s.keep(o, deleted.Detail)
	case deleted.Outcome == activities.DeletedFailed:
		s.miss(o, deleted.Detail)
	default:
		s.out.Mopped++
		s.done = append(s.done, o.String())
	}
}

// deleteRecord asks the breaker as a mop does: to count the nodes of a server that the sweep could not look at is to wait for it.
func (s *sweepRun) deleteRecord(ctx workflow.Context, settings MopSettings, o policy.Orphan) (activities.Deleted, error) {
	zone := s.in.Zones[slices.IndexFunc(s.in.Zones, func(z activities.Zone) bool { return z.ID == o.Record.Zone })]
	patient := func(ctx workflow.Context, summary string) workflow.Context {
		return workflow.WithScheduleToCloseTimeout(workflow.WithStartToCloseTimeout(calls(ctx, summary), surveyAttempt), s.in.Timeout)
	}
	var breaker *activities.Breaker
	var permit activities.Permit
	err := workflow.ExecuteActivity(patient(ctx, "Ask the breaker of "+s.in.Environment), breaker.TakePermit, activities.TakePermitInput{
		Ledger: s.in.Ledger, Environment: s.in.Environment, Limit: s.in.Breaker, Servers: settings.Servers,
		Key: s.RunID + "/" + o.Where + "/" + o.Name, Who: "sweep " + s.in.Sweep + ", " + o.Name, Nodes: len(o.Record.Drop), Poll: permitPoll, Asker: breakerAsker(s.in.MopSettings),
	}).Get(ctx, &permit)
	if err != nil {
		return activities.Deleted{}, err
	}
	var dns *activities.DNS
	var out activities.DeleteRecordsOutput
	err = workflow.ExecuteActivity(patient(detached(ctx), "Take "+o.Name+" out"), dns.DeleteRecords, activities.DeleteRecordsInput{
		MopAct: activities.MopAct{
			Store: s.in.Store, Ledger: s.in.Ledger, Subject: o.Subject, Environment: s.in.Environment, Reason: o.Why,
			Approver: permit.By, WorkflowID: s.WorkflowID, RunID: s.RunID,
		},
		Zone: zone, Records: []policy.OwnRecord{*o.Record}, Facts: policy.Facts{Subject: o.Subject, Addresses: o.Record.Drop}, Live: s.in.Live,
	}).Get(ctx, &out)
	if err != nil || len(out.Records) == 0 {
		return activities.Deleted{}, err
	}
	return out.Records[0], nil
}
