package activities

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"

	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// StarterAPI is what starting runs needs of Temporal.
type StarterAPI interface {
	ExecuteWorkflow(ctx context.Context, options client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error)
	SignalWithStartWorkflow(ctx context.Context, workflowID, signal string, arg any, options client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error)
}

// Breaker keeps mops from deleting too much at once. What it remembers lies in the ledger's table, so that all workers see the
// same and a crash forgets nothing.
type Breaker struct {
	DynamoDB Connect[ledger.API]
	Chef     *Chef
	Temporal StarterAPI

	mu    sync.Mutex
	doors map[breakerDoor]*gatherer[TakePermitInput, policy.PermitAnswer]
	asked map[string]time.Time // run and trip → when it was started last
}

type breakerDoor struct {
	table       LedgerTable
	environment string
}

// ErrStopped says that a person stopped the mops of an environment.
const ErrStopped = "BreakerStopped"

// TakePermit returns once a mop may delete. While a person is asked it is a retryable error, so that to wait for days costs
// nothing; when the person stops the mops, it is ErrStopped.
func (a *Breaker) TakePermit(ctx context.Context, in TakePermitInput) (Permit, error) {
	in.Asker.TaskQueue = activity.GetInfo(ctx).TaskQueue
	got, err := a.door(in).ask(ctx, in)
	switch {
	case err != nil:
		return Permit{}, translate(in.Ledger.Place, err)
	case got.Granted:
		return Permit{By: got.Why}, nil
	case got.Refused:
		return Permit{}, Refuse(ErrStopped, "%s", got.Why)
	}
	return Permit{}, NotReady(in.Poll, "the breaker of %s has tripped (%s): it waits for a decision, epoxy approve|deny %s", in.Environment, got.Why, in.Asker.WorkflowID)
}

// ReadBreaker is what the breaker remembers.
func (a *Breaker) ReadBreaker(ctx context.Context, in ReadBreakerInput) (policy.Breaker, error) {
	b, _, err := a.read(ctx, in)
	return b, translate(in.Ledger.Place, err)
}

// SettleBreaker takes a person's decision. To repeat it changes nothing.
func (a *Breaker) SettleBreaker(ctx context.Context, in SettleBreakerInput) error {
	return translate(in.Ledger.Place, a.change(ctx, in.ReadBreakerInput, func(b policy.Breaker) policy.Breaker {
		return b.Settle(in.Trip, in.GoOn, in.By, in.Window, time.Now().UTC())
	}))
}

func (a *Breaker) door(in TakePermitInput) *gatherer[TakePermitInput, policy.PermitAnswer] {
	at := breakerDoor{in.Ledger, in.Environment}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.doors == nil {
		a.doors = map[breakerDoor]*gatherer[TakePermitInput, policy.PermitAnswer]{}
	}
	if a.doors[at] == nil {
		a.doors[at] = newGatherer(gatherOptions{Moment: 50 * time.Millisecond, Most: 1000, Timeout: lookTimeout}, a.answer)
	}
	return a.doors[at]
}

// answer takes permits for all who ask at the same time, with one write.
func (a *Breaker) answer(ctx context.Context, asked []TakePermitInput) ([]policy.PermitAnswer, error) {
	first := asked[0] // all are of one environment
	limits := policy.BreakerLimits{Nodes: first.Limit.Nodes, Percent: first.Limit.Percent, Window: first.Limit.Window}
	requests := make([]policy.PermitRequest, len(asked))
	for i, in := range asked {
		requests[i] = policy.PermitRequest{Key: in.Key, Nodes: in.Nodes, Went: in.Went, Who: in.Who}
	}
	if limits.Percent > 0 {
		var err error
		if limits.Total, err = a.Chef.countNodes(ctx, first.Servers); err != nil {
			return nil, err
		}
	}
	var answers []policy.PermitAnswer
	var after policy.Breaker
	err := a.change(ctx, ReadBreakerInput{Ledger: first.Ledger, Environment: first.Environment}, func(b policy.Breaker) policy.Breaker {
		after, answers = policy.TakePermits(b, requests, limits, time.Now().UTC())
		return after
	})
	if err == nil && after.State == policy.BreakerAsking {
		err = a.askPeople(ctx, first.Asker, after.Trip)
	}
	return answers, err
}

// askAgain is how often it is made sure that the run which asks is there.
const askAgain = time.Minute

// askPeople starts the run that asks, unless it runs: also after a crash between the trip and the start.
func (a *Breaker) askPeople(ctx context.Context, q Asker, trip int) error {
	key := fmt.Sprintf("%s/%d", q.WorkflowID, trip)
	a.mu.Lock()
	recent := time.Since(a.asked[key]) < askAgain
	a.mu.Unlock()
	if recent {
		return nil
	}
	_, err := a.Temporal.ExecuteWorkflow(ctx, q.options(enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING), q.WorkflowType, q.Input)
	if err != nil {
		return fmt.Errorf("start %s, which asks people: %w", q.WorkflowID, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = map[string]time.Time{key: time.Now()} // others are asked once too often, which changes nothing
	return nil
}

func (q Asker) options(conflict enumspb.WorkflowIdConflictPolicy) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID: q.WorkflowID, TaskQueue: q.TaskQueue, StaticSummary: q.Summary,
		WorkflowIDConflictPolicy: conflict, WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}
}

// tries bounds how often a change gives way to others.
const tries = 10

func (a *Breaker) change(ctx context.Context, in ReadBreakerInput, f func(policy.Breaker) policy.Breaker) error {
	for range tries {
		before, version, err := a.read(ctx, in)
		if err != nil {
			return err
		}
		after := f(before)
		if reflect.DeepEqual(before, after) {
			return nil
		}
		table, err := a.table(ctx, in.Ledger)
		if err != nil {
			return err
		}
		if err = table.SetState(ctx, breakerName(in.Environment), after, version); !errors.Is(err, ledger.ErrChanged) {
			return err
		}
	}
	return fmt.Errorf("the breaker of %s is changed by others all the time", in.Environment)
}

func (a *Breaker) read(ctx context.Context, in ReadBreakerInput) (b policy.Breaker, version int, err error) {
	table, err := a.table(ctx, in.Ledger)
	if err != nil {
		return b, 0, err
	}
	version, err = table.State(ctx, breakerName(in.Environment), &b)
	return b, version, err
}

func (a *Breaker) table(ctx context.Context, t LedgerTable) (ledger.Table, error) {
	api, err := a.DynamoDB(ctx, t.Place)
	return ledger.Table{API: api, Name: t.Table}, err
}

func breakerName(environment string) string { return "breaker/" + environment }

// Teller hands lines to the run that makes messages of them. Many that come at once become one signal.
type Teller struct {
	Temporal StarterAPI

	mu    sync.Mutex
	doors map[string]*gatherer[TellInput, struct{}]
}

// Tell hands over a line. After a lost answer it may come twice; the report tells it once, by its key.
func (a *Teller) Tell(ctx context.Context, in TellInput) error {
	in.Report.TaskQueue = activity.GetInfo(ctx).TaskQueue
	a.mu.Lock()
	if a.doors == nil {
		a.doors = map[string]*gatherer[TellInput, struct{}]{}
	}
	door := a.doors[in.Report.WorkflowID]
	if door == nil {
		door = newGatherer(gatherOptions{Moment: 500 * time.Millisecond, Most: 200, Timeout: 10 * time.Second}, a.hand)
		a.doors[in.Report.WorkflowID] = door
	}
	a.mu.Unlock()
	_, err := door.ask(ctx, in)
	return err
}

func (a *Teller) hand(ctx context.Context, all []TellInput) ([]struct{}, error) {
	to := all[0].Report
	lines := make([]MopLine, len(all))
	for i, in := range all {
		lines[i] = in.Line
	}
	_, err := a.Temporal.SignalWithStartWorkflow(ctx, to.WorkflowID, all[0].Signal, lines, to.options(enumspb.WORKFLOW_ID_CONFLICT_POLICY_UNSPECIFIED), to.WorkflowType, to.Input)
	if err != nil {
		return nil, fmt.Errorf("hand %d lines to %s: %w", len(lines), to.WorkflowID, err)
	}
	return make([]struct{}, len(all)), nil
}
