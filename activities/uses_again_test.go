package activities

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"

	"epoxy/internal/policy"
)

// waitFor waits until n callers have come and got no answer yet.
func waitFor(t *testing.T, l *UseLooker, n int) {
	t.Helper()
	for {
		l.mu.Lock()
		waiting := 0
		for _, s := range l.looks {
			waiting += s.waiting
		}
		l.mu.Unlock()
		if waiting >= n {
			return
		}
		if t.Context().Err() != nil {
			t.Fatalf("%d wait, not %d", waiting, n)
		}
		runtime.Gosched()
	}
}

// doorman holds up looks, and notes how many there were.
type doorman struct {
	open  chan struct{}
	came  chan struct{}
	mu    sync.Mutex
	looks int
	errs  []error // of each look; nil at the end
}

func newDoorman() *doorman {
	return &doorman{open: make(chan struct{}), came: make(chan struct{}, 100)}
}

// ask is one question, whose answer names the look.
func (d *doorman) ask() look {
	return look{"q", func(ctx context.Context) (*findings, error) {
		d.mu.Lock()
		d.looks++
		n := d.looks
		var err error
		if n <= len(d.errs) {
			err = d.errs[n-1]
		}
		d.mu.Unlock()
		d.came <- struct{}{}
		select {
		case <-d.open:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		f := newFindings()
		f.definition(policy.UseListed, "x", fmt.Sprint("look ", n))
		return f, err
	}}
}

type answer struct {
	uses policy.Uses
	err  error
}

func (a answer) String() string {
	if a.err != nil {
		return a.err.Error()
	}
	return a.uses.TaskDefinitions[0].ARN
}

// Those who come while a look is under way share the next one, for it began after they came.
func TestALookServesThoseWhoCameBeforeItBegan(t *testing.T) {
	broken := errors.New("broken")
	for about, c := range map[string]struct {
		errs []error
		want string
	}{
		"an answer": {nil, "look 2"},
		"an error":  {[]error{nil, broken}, "broken"}, // for all who waited
	} {
		d, l := newDoorman(), &UseLooker{}
		d.errs = c.errs
		answers := make(chan answer, 100)
		ask := func() {
			uses, err := l.ask(t.Context(), d.ask())
			answers <- answer{uses, err}
		}
		go ask()
		<-d.came
		for range 50 {
			go ask()
		}
		waitFor(t, l, 51)
		close(d.open)
		var got []string
		for range 51 {
			got = append(got, (<-answers).String())
		}
		slices.Sort(got)
		counted := slices.Compact(slices.Clone(got))
		want := []string{"look 1", c.want}
		slices.Sort(want)
		if d.looks != 2 || !slices.Equal(counted, want) {
			t.Errorf("%s: %d looks answered %q", about, d.looks, counted)
		}
		if len(l.looks) != 0 {
			t.Errorf("%s: %d answers are kept, though nobody waits", about, len(l.looks))
		}
	}
}

// An answer that is there already is never fresh enough.
func TestALookThatBeganEarlierServesNobody(t *testing.T) {
	d, l := newDoorman(), &UseLooker{}
	close(d.open)
	for n := range 3 {
		uses, err := l.ask(t.Context(), d.ask())
		if got := (answer{uses, err}).String(); got != fmt.Sprint("look ", n+1) {
			t.Errorf("call %d got %s", n+1, got)
		}
	}
}

// A caller who is cancelled takes nobody along: those who wait look for themselves.
func TestACancelledLookSaysNothingToOthers(t *testing.T) {
	d, l := newDoorman(), &UseLooker{}
	type who struct{}
	var cancel [3]context.CancelFunc
	var answers [3]chan answer
	looking := make(chan int, 10)
	for i := range 3 {
		var ctx context.Context
		ctx, cancel[i] = context.WithCancel(context.WithValue(t.Context(), who{}, i))
		defer cancel[i]()
		answers[i] = make(chan answer, 1)
		ask := d.ask()
		do := ask.do
		ask.do = func(ctx context.Context) (*findings, error) {
			looking <- ctx.Value(who{}).(int)
			return do(ctx)
		}
		go func() {
			uses, err := l.ask(ctx, ask)
			answers[i] <- answer{uses, err}
		}()
		waitFor(t, l, i+1)
		if i == 0 {
			<-d.came // the others come while this one looks
		}
	}
	<-looking
	d.open <- struct{}{}
	if got := (<-answers[0]).String(); got != "look 1" {
		t.Errorf("the first got %s", got)
	}
	second := <-looking
	<-d.came
	cancel[second]()
	if got := <-answers[second]; !errors.Is(got.err, context.Canceled) {
		t.Errorf("who was cancelled got %v", got)
	}
	d.open <- struct{}{}
	if got := (<-answers[3-second]).String(); got != "look 3" {
		t.Errorf("who waited got %s", got)
	}
}

// Who waits for a turn need not wait for it when cancelled.
func TestWaitingForALookEndsWhenCancelled(t *testing.T) {
	d, l := newDoorman(), &UseLooker{}
	done := make(chan answer, 2)
	go func() { uses, err := l.ask(t.Context(), d.ask()); done <- answer{uses, err} }()
	<-d.came
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.ask(ctx, d.ask()); !errors.Is(err, context.Canceled) {
		t.Errorf("it got %v", err)
	}
	close(d.open)
	if got := (<-done).String(); got != "look 1" {
		t.Errorf("who looked got %s", got)
	}
}

func TestLookAgainSeesWhatChanged(t *testing.T) {
	ecs, events := newContainers(), newEvents()
	prod, one, two := ecs.cluster("prod"), ecs.register("web", registry+"web:1"), ecs.register("web", registry+"web:2")
	prod.task("1", "RUNNING", one, registry+"web:1="+digestNumber(11))
	a, _ := listing(ecs, registry+"eks:1")
	a.EventBridge = to[EventBridgeUsesAPI](events)
	l := &UseLooker{Surveyor: a}
	again := []SurveyUsesInput{
		{Store: theStore(), Place: here, Source: policy.SourceECS, ExpectClusters: []string{"prod"}}, {Store: theStore(), Place: here, Source: policy.SourceEventBridge},
	}
	listed := ReadListedUsesInput{Listed: []string{registry + "x:1"}, Objects: []ListedObject{{Place: here, Bucket: bucket, Key: "lists/eks.txt"}}}
	look := func() []string { return inWordsOf(must[policy.Uses](t)(l.LookAgain(t.Context(), again, listed))) }
	before := look()
	prod.task("2", "PENDING", two, registry+"web:2")
	events.buses["default"]["nightly"] = ecsRule(two)
	clear(ecs.calls)
	var added []string
	for _, line := range look() {
		if !slices.Contains(before, line) {
			added = append(added, line)
		}
	}
	want := []string{
		"ecs-task task-definition/web:2 by task/2", "ecs-task web:2 by task/2",
		"eventbridge-rule task-definition/web:2 by rule/default/nightly", "eventbridge-rule web:2 by rule/default/nightly",
	}
	if !slices.Equal(added, want) || len(before) != 5 {
		t.Errorf("%q came after %q", added, before)
	}
	if n := ecs.calls["DescribeTaskDefinition"]; n < 1 || n > 2 { // both surveys may ask for web:2, neither for web:1
		t.Errorf("calls: %v", ecs.calls)
	}
	if uses, err := l.LookAgain(t.Context(), nil, ReadListedUsesInput{}); err != nil || len(uses.Images) != 0 {
		t.Errorf("nothing to look at: %v %v", uses, err)
	}
	ecs.failing("ListClusters", 400, "AccessDeniedException", "no")
	uses, err := l.LookAgain(t.Context(), again, listed)
	wantError(t, "denied", err, refused(ErrForbidden, "ecs:ListClusters is not allowed"))
	if len(uses.Images) != 0 {
		t.Error("half of an answer came with the error")
	}
}

// Whoever waits says that it lives.
func TestSurveysHeartbeat(t *testing.T) {
	l := &UseLooker{Surveyor: surveyor(smallECS())}
	looks := func(ctx context.Context, in SurveyUsesInput) (policy.Uses, error) {
		return l.LookAgain(ctx, []SurveyUsesInput{in}, ReadListedUsesInput{})
	}
	in := surveyECS(1)
	in.Place, in.Store = here, theStore()
	var beats []string
	listen := func(env *testsuite.TestActivityEnvironment) {
		env.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
			var said string
			if details.Get(&said) == nil {
				beats = append(beats, said)
			}
		})
	}
	must[SurveyUsesOutput](t)(attempt(t, l.Surveyor.SurveyUses, in, listen))
	must[policy.Uses](t)(attempt(t, looks, in, listen))
	must[SurveyUsesOutput](t)(attempt(t, l.Surveyor.ReadListedUses, ReadListedUsesInput{Store: theStore()}, listen))
	if want := "ecs, look again at what is in use, lists"; strings.Join(beats, ", ") != want {
		t.Errorf("heartbeats %q, want %q", beats, want)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	var m memory[int]
	for i := range 10 * memoryHalf {
		m.put(fmt.Sprint(i), i)
		if v, ok := m.get("0"); !ok || v != 0 {
			t.Fatalf("what is used all the time was forgotten after %d others", i)
		}
		if len(m.young)+len(m.older) > 2*memoryHalf {
			t.Fatalf("%d are remembered", len(m.young)+len(m.older))
		}
	}
	if _, ok := m.get("1"); ok {
		t.Error("what was used long ago is remembered")
	}
	if v, ok := m.get(fmt.Sprint(10*memoryHalf - 1)); !ok || v != 10*memoryHalf-1 {
		t.Error("what came last is forgotten")
	}
}
