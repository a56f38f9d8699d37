package workflows

import (
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// PruneSettings are what every kind of prune is told. The starter resolves the configuration into them, so that the run's
// history says it all.
type PruneSettings struct {
	Policy      string           `json:"policy"`
	Place       activities.Place `json:"place"`
	DryRun      bool             `json:"dry_run,omitempty"` // everything but the question and the deletion
	RequestedBy string           `json:"requested_by,omitempty"`
	Request     string           `json:"request,omitempty"`

	Sources           []string                  `json:"sources"` // policy.Source…
	RollbackRevisions int                       `json:"rollback_revisions"`
	ExpectClusters    []string                  `json:"expect_clusters,omitempty"`
	InUse             []string                  `json:"in_use,omitempty"`
	InUseObjects      []activities.ListedObject `json:"in_use_objects,omitempty"`

	Caps     policy.Caps            `json:"caps"`
	Approval ApprovalInput          `json:"approval"`
	Timeout  time.Duration          `json:"timeout"` // of the whole run, waiting for people included
	Store    activities.Store       `json:"store"`
	Ledger   activities.LedgerTable `json:"ledger"`
	Telling  Telling                `json:"telling"`
}

// PruneResult is what a prune planned and did.
type PruneResult struct {
	Outcome string              `json:"outcome"`
	RunID   string              `json:"run_id,omitempty"`
	Plan    activities.Artifact `json:"plan,omitzero"` // its SHA256 is the plan's hash
	Totals  policy.Totals       `json:"totals"`        // as planned
	Deleted int                 `json:"deleted"`
	Bytes   int64               `json:"bytes"`
	Kept    int                 `json:"kept"` // planned, and kept at the second look
	Failed  int                 `json:"failed"`
	AtLeast bool                `json:"at_least,omitempty"` // what became of a batch is not known: so many are gone, or more
	Blocked []policy.Blocked    `json:"blocked,omitempty"`
}

// The steps of a prune, as people see them.
const (
	stepSurvey  = "Survey what is in use"
	stepPlan    = "Plan"
	stepApprove = "Ask"
	stepDelete  = "Look again and delete"
)

// maxPlans bounds how often a question that nobody answered is asked again, with a fresh plan.
const maxPlans = 3

// planner is what differs between the kinds of prune.
type planner interface {
	validate(workflowID string) error
	survey(ctx workflow.Context) error
	plan(ctx workflow.Context) ([]policy.PlanPart, error)
	recheck(ctx workflow.Context) error // once more before deleting: who else may use it now
	rules(root *policy.Plan)            // writes them into a plan
	kind() string                       // policy.PlanOf…
	things(n int) string                // "3 images"
	delete(d activities.Deletion) PrunePartInput
}

// prune is one run of any kind.
type prune struct {
	*reporter
	*approval

	set     PruneSettings
	planner planner
	begun   time.Time

	surveys []surveyed
	listed  *activities.Artifact
	blocked map[string]string // part → why nothing is deleted there
	planned activities.WritePlanOutput
	parts   []policy.PlanPart
	vetoed  []string
	named   map[string]bool // vetoes that mean something of the plan
	stray   []string        // those that do not
	by      string          // who approved
	late    bool            // the policy's timeout is over
	notes   notes
	out     PruneResult
}

func newPrune(ctx workflow.Context, title string, set PruneSettings) (*prune, error) {
	info := workflow.GetInfo(ctx)
	p := &prune{set: set, begun: info.WorkflowStartTime, blocked: map[string]string{}, named: map[string]bool{}, out: PruneResult{RunID: info.WorkflowExecution.RunID}}
	steps := []string{stepSurvey, stepPlan}
	if !set.DryRun {
		steps = append(steps, stepApprove, stepDelete)
	}
	var err error
	if p.reporter, err = newReporter(ctx, title, set.Telling, steps); err != nil {
		return nil, err
	}
	p.Request = set.Request
	if p.approval, err = newApproval(ctx, set.Approval, set.Store); err != nil {
		return nil, err
	}
	return p, workflow.SetQueryHandler(ctx, PlanQuery, func() (activities.Artifact, error) { return p.planned.Plan, nil })
}

// run works within the policy's timeout. A run that Temporal itself ends tells nobody anything, so it ends itself before.
func (p *prune) run(ctx workflow.Context) (PruneResult, error) {
	work, giveUp := workflow.WithCancel(ctx)
	clock, stop := workflow.WithCancel(ctx)
	if p.set.Timeout > 0 {
		workflow.Go(clock, func(ctx workflow.Context) {
			if workflow.NewTimerWithOptions(ctx, p.set.Timeout, workflow.TimerOptions{Summary: "The policy's timeout"}).Get(ctx, nil) == nil {
				p.late = true
				giveUp()
			}
		})
	}
	err := p.work(work)
	stop()
	return p.finish(ctx, err)
}

func (p *prune) work(ctx workflow.Context) error {
	if err := p.validate(ctx); err != nil {
		return refuse(activities.ErrInvalid, err.Error())
	}
	for attempt := 1; ; attempt++ {
		if err := p.makePlan(ctx); err != nil {
			return err
		}
		if p.set.DryRun || p.planned.Totals.Delete == 0 {
			return nil
		}
		got, err := p.askPeople(ctx, func(now time.Time) bool { return attempt < maxPlans && p.roomAt(now) })
		if err != nil {
			return err
		}
		if got.Granted {
			p.vetoed, p.by = got.Vetoed, got.By
			break
		}
		now := workflow.Now(ctx)
		p.late = p.late || got.Outcome == activities.OutcomeExpired && !now.Before(p.deadline())
		if got.Outcome != activities.OutcomeExpired || attempt == maxPlans || !p.roomAt(now) {
			return refuse(errNotGranted, p.refusal(got))
		}
	}
	return p.act(ctx)
}

// makePlan begins with nothing: what is left of a plan before would be told when this one fails.
func (p *prune) makePlan(ctx workflow.Context) error {
	p.planned, p.parts, p.attach, p.Facts = activities.WritePlanOutput{}, nil, nil, nil
	p.out.Plan, p.out.Totals = activities.Artifact{}, policy.Totals{}
	p.begin(ctx, stepSurvey, "Looking at who uses what")
	if err := p.planner.survey(ctx); err != nil {
		return err
	}
	p.end(ctx, p.surveyNote())
	p.begin(ctx, stepPlan, "Planning")
	parts, err := p.planner.plan(ctx)
	if err != nil {
		return err
	}
	p.parts = parts
	if err := p.writePlan(ctx); err != nil {
		return err
	}
	t := p.planned.Totals
	p.out.Plan, p.out.Totals = p.planned.Plan, t
	p.fact("Plan", p.planned.Plan.SHA256)
	p.fact("To delete", fmt.Sprintf("%s of %d%s", p.planner.things(t.Delete), t.Images, p.sized(t.DeleteBytes, ", %s")))
	p.attach = &activities.Attachment{Store: p.set.Store, Plan: p.planned.Plan}
	p.end(ctx, fmt.Sprintf("%s would go, %d stay", p.planner.things(t.Delete), t.Images-t.Delete))
	return nil
}

// act deletes, one child run for each part; nothing is cancelled in the middle of a batch.
func (p *prune) act(ctx workflow.Context) error {
	p.begin(ctx, stepDelete, "Deleting "+p.planner.things(p.planned.Totals.Delete)+", with a second look before each batch")
	if err := p.planner.recheck(ctx); err != nil {
		return err
	}
	gate := workflow.NewSemaphore(ctx, partsAtOnce)
	wg := workflow.NewWaitGroup(ctx)
	for _, part := range p.parts {
		if part.Totals.Delete == 0 || p.blocked[part.Name] != "" {
			continue
		}
		if err := gate.Acquire(ctx, 1); err != nil {
			break
		}
		wg.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer wg.Done()
			defer gate.Release(1)
			p.deletePart(ctx, part)
		})
	}
	wg.Wait(detached(ctx))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	p.end(ctx, p.gone()+" deleted"+p.sized(p.out.Bytes, ", %s"))
	p.stray = p.strayVetoes()
	return nil
}

// partsAtOnce bounds the children that run side by side; the worker's governor keeps each API's rate.
const partsAtOnce = 8

func (p *prune) deletePart(ctx workflow.Context, part policy.PlanPart) {
	in := p.planner.delete(activities.Deletion{
		Store: p.set.Store, Ledger: p.set.Ledger, Place: p.set.Place, Policy: p.set.Policy, Plan: p.planned.Plan, Part: part,
		Approver: p.by, WorkflowID: p.WorkflowID, RunID: p.RunID, Vetoed: p.vetoed,
	})
	child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            PrunePartWorkflowID(p.planner.kind(), part.Name),
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_REQUEST_CANCEL,
		WaitForCancellation:   true, // a batch under way is finished and counted
		StaticSummary:         fmt.Sprintf("Delete %s of %s", p.planner.things(part.Totals.Delete), part.Name),
	})
	var out PrunePartResult
	err := workflow.ExecuteChildWorkflow(child, PrunePartType, in).Get(ctx, &out)
	if err != nil {
		out = partDone(err)
		p.blocked[part.Name] = partReason(err)
	}
	p.count(part.Name, out)
	p.Headline = fmt.Sprintf("Deleting: %d of %s are gone%s", p.out.Deleted, p.planner.things(p.planned.Totals.Delete), p.sized(p.out.Bytes, ", %s"))
	p.show(ctx)
}

func (p *prune) count(name string, out PrunePartResult) {
	p.out.Deleted += out.Deleted
	p.out.Bytes += out.Bytes
	p.out.Kept += out.Kept
	p.out.Failed += out.Failed
	p.out.AtLeast = p.out.AtLeast || out.AtLeast
	for _, item := range out.Named {
		p.named[item] = true
	}
	p.notes.add(name, out)
}
