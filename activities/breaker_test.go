package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"go.temporal.io/sdk/client"

	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// fakeState is the part of DynamoDB that a breaker uses: one item with a version.
type fakeState struct {
	ledger.API

	mu     sync.Mutex
	item   map[string]types.AttributeValue
	writes int
	before func() // run before a write, once: somebody else is quicker
	lose   int    // answers of writes
}

func (f *fakeState) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &dynamodb.GetItemOutput{Item: f.item}, nil
}

func (f *fakeState) PutItem(_ context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	if before := f.before; before != nil {
		f.before = nil
		before()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	version := func(v types.AttributeValue) string {
		if n, ok := v.(*types.AttributeValueMemberN); ok {
			return n.Value
		}
		return ""
	}
	if version(f.item["version"]) != version(in.ExpressionAttributeValues[":version"]) {
		return nil, &types.ConditionalCheckFailedException{Message: aws.String("The conditional request failed")}
	}
	f.item = in.Item
	f.writes++
	if f.lose > 0 {
		f.lose--
		return nil, errLost("DynamoDB", "PutItem")
	}
	return &dynamodb.PutItemOutput{}, nil
}

// fakeStarter starts runs, each id once at a time.
type fakeStarter struct {
	mu      sync.Mutex
	started []string
	signals [][]MopLine
	err     error
}

func (f *fakeStarter) ExecuteWorkflow(_ context.Context, o client.StartWorkflowOptions, _ any, _ ...any) (client.WorkflowRun, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return nil, f.err
	}
	if !slices.Contains(f.started, o.ID) {
		f.started = append(f.started, o.ID)
	}
	return nil, nil
}

func (f *fakeStarter) SignalWithStartWorkflow(_ context.Context, _, _ string, arg any, _ client.StartWorkflowOptions, _ any, _ ...any) (client.WorkflowRun, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.signals = append(f.signals, arg.([]MopLine))
	return nil, f.err
}

func newBreaker() (*Breaker, *fakeState, *fakeStarter) {
	f, s := &fakeState{}, &fakeStarter{}
	return &Breaker{DynamoDB: to[ledger.API](f), Temporal: s}, f, s
}

func permitFor(key string) TakePermitInput {
	return TakePermitInput{
		Ledger: LedgerTable{Place: here, Table: "ledger"}, Environment: "prod", Limit: BreakerLimit{Nodes: 3, Window: time.Hour}, Key: key, Nodes: 1,
		Poll: 15 * time.Second, Asker: Asker{WorkflowID: "mop-breaker/prod", WorkflowType: "MopBreaker"},
	}
}

// A hundred ask at once: as many as the limit go, the others wait, and one run asks people.
func TestTakePermit(t *testing.T) {
	a, f, s := newBreaker()
	granted, waiting := 0, 0
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			_, err := attempt(t, a.TakePermit, permitFor(fmt.Sprint(i)))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				granted++
				return
			}
			waiting++
			wantError(t, "waiting", err, notReady(15*time.Second, "has tripped…mop-breaker/prod"))
		})
	}
	all.Wait()
	if granted != 3 || waiting != 97 || fmt.Sprint(s.started) != "[mop-breaker/prod]" {
		t.Errorf("%d granted, %d wait, started %v", granted, waiting, s.started)
	}
	if f.writes > 25 {
		t.Errorf("%d writes for 100 permits", f.writes)
	}

	where := ReadBreakerInput{Ledger: permitFor("").Ledger, Environment: "prod"}
	state := must[policy.Breaker](t)(attempt(t, a.ReadBreaker, where))
	if state.State != policy.BreakerAsking || state.Trip != 1 {
		t.Fatalf("%+v", state)
	}
	settle := SettleBreakerInput{ReadBreakerInput: where, Trip: 1, GoOn: true, By: "let go on by ada", Window: time.Hour}
	for range 2 {
		must[struct{}](t)(attempt(t, silent(a.SettleBreaker), settle))
	}
	if got, err := attempt(t, a.TakePermit, permitFor("50")); err != nil || got.By != "let go on by ada" {
		t.Errorf("after the decision: %+v, %v", got, err)
	}
}

func TestTakePermitThatWasStopped(t *testing.T) {
	a, _, _ := newBreaker()
	for i := range 4 {
		_, _ = attempt(t, a.TakePermit, permitFor(fmt.Sprint(i)))
	}
	where := ReadBreakerInput{Ledger: permitFor("").Ledger, Environment: "prod"}
	must[struct{}](t)(attempt(t, silent(a.SettleBreaker), SettleBreakerInput{ReadBreakerInput: where, Trip: 1, By: "ada", Window: time.Hour}))
	_, err := attempt(t, a.TakePermit, permitFor("3"))
	wantError(t, "stopped", err, refused(ErrStopped, "stopped by ada"))
	if _, err := attempt(t, a.TakePermit, permitFor("2")); err != nil {
		t.Errorf("what was granted before is not taken back: %v", err)
	}
}

// Two workers share the breaker, answers get lost, and the run that asks cannot be started at first: still no permit too many.
func TestTakePermitChaos(t *testing.T) {
	a, f, s := newBreaker()
	other := &Breaker{DynamoDB: a.DynamoDB, Temporal: s}
	f.before = func() { _, _ = attempt(t, other.TakePermit, permitFor("other")) }
	f.lose = 1
	keys := []string{"a", "b", "c", "a", "b"}
	granted := map[string]bool{"other": true}
	for _, key := range keys {
		if _, err := attempt(t, a.TakePermit, permitFor(key)); err == nil {
			granted[key] = true
		}
	}
	if len(granted) != 3 || !granted["a"] || !granted["b"] {
		t.Errorf("granted %v", granted)
	}
	s.started, s.err = nil, errors.New("Temporal does not answer")
	a = &Breaker{DynamoDB: a.DynamoDB, Temporal: s} // the worker that tripped it crashed before it could ask
	if _, err := attempt(t, a.TakePermit, permitFor("c")); err == nil {
		t.Error("a trip that nobody is asked about is granted")
	}
	s.err = nil
	if _, err := attempt(t, a.TakePermit, permitFor("c")); err == nil || len(s.started) != 1 {
		t.Errorf("%v: the run that asks is started by whoever comes next: %v", err, s.started)
	}
}

func TestTellGathers(t *testing.T) {
	s := &fakeStarter{}
	a := &Teller{Temporal: s}
	var all sync.WaitGroup
	for i := range 500 {
		all.Go(func() {
			must[struct{}](t)(attempt(t, silent(a.Tell), TellInput{Line: MopLine{Key: fmt.Sprint(i)}, Report: Asker{WorkflowID: "mop-report/prod"}, Signal: "lines"}))
		})
	}
	all.Wait()
	told := 0
	for _, lines := range s.signals {
		told += len(lines)
	}
	if told != 500 || len(s.signals) > 20 {
		t.Errorf("%d lines in %d signals", told, len(s.signals))
	}
}
