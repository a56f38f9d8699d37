package bench

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"epoxy/activities"
	"epoxy/internal/cloud"
	"epoxy/internal/policy"
	"epoxy/sandbox/estate"
)

// latency of every call, as it is between two networks of a Region.
const latency = 20 * time.Millisecond

// BenchmarkPruneSurvey: the survey of ECS, EventBridge, Scheduler and Lambda, side by side as Epoxy does it, against the same
// calls one after the other. The sandbox answers once; then its answers are played back, each after the latency: it is
// Epoxy that is measured, not how many calls the stand-in can answer at a time. AWS's rates are left out of that, and are told
// apart: whoever keeps them, side by side or not, describes no more than so many task definitions a second.
func BenchmarkPruneSurvey(b *testing.B) {
	for range b.N {
		r := newPruneRig(b, `repositories: ["*"], `+pruneRules)
		r.stageShop(b)
		r.stageFunctions(b)
		for key, value := range r.Env() {
			b.Setenv(key, value)
		}
		answers := &player{answers: map[string]answer{}}
		survey(b, answers, math.Inf(1))
		answers.pause = latency
		answers.asked = 0
		quick := survey(b, answers, math.Inf(1))
		calls := answers.asked
		governed := survey(b, answers, 1)
		answers.turn = make(chan struct{}, 1)
		slow := survey(b, answers, math.Inf(1))
		b.ReportMetric(float64(calls), "calls")
		b.ReportMetric(float64(calls-len(answers.answers)), "calls-twice") // several sources ask for the same at once
		b.ReportMetric(quick.Seconds(), "s")
		b.ReportMetric(slow.Seconds(), "s-one-by-one")
		b.ReportMetric(slow.Seconds()/quick.Seconds(), "times-as-fast")
		b.ReportMetric(governed.Seconds(), "s-at-AWS-rates")
		b.ReportMetric(survey(b, answers, 1).Seconds()/governed.Seconds(), "times-as-fast-at-AWS-rates")
	}
}

func (r *pruneRig) stageFunctions(b *testing.B) {
	b.Helper()
	for n := range 20 {
		must(b, r.own.Function(b.Context(), fmt.Sprintf("function%d", n), r.own.URI("app-2", newestTag)))
	}
}

// survey is one look at all sources, as a prune's: one activity each, at once, by a process that knows nothing yet.
func survey(b *testing.B, through http.RoundTripper, rates float64) time.Duration {
	b.Helper()
	cfg, err := cloud.LoadConfig(b.Context())
	must(b, err)
	cfg.HTTPClient = &http.Client{Transport: through}
	set := activities.NewSet(cloud.New(cfg, cloud.WithRates(rates)), activities.Others{})
	place := activities.Place{Account: estate.Account, Region: estate.Region}
	begin := time.Now()
	var sources sync.WaitGroup
	for _, source := range policy.DefaultSources() {
		sources.Go(func() {
			var suite testsuite.WorkflowTestSuite
			suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
			env := suite.NewTestActivityEnvironment()
			env.SetTestTimeout(time.Hour)
			env.RegisterActivity(set.UseSurveyor)
			_, err := env.ExecuteActivity(set.UseSurveyor.SurveyUses, activities.SurveyUsesInput{
				Store: activities.Store{Place: place, Bucket: pruneBucket}, Place: place, Source: source, RollbackRevisions: rollbackTargets,
			})
			if err != nil {
				b.Errorf("%s: %v", source, err)
			}
		})
	}
	sources.Wait()
	return time.Since(begin)
}

// player asks the sandbox once for each request and remembers the answer.
type player struct {
	pause time.Duration
	turn  chan struct{} // one at a time; nil: all at once

	mu      sync.Mutex
	answers map[string]answer
	asked   int
}

type answer struct {
	response http.Response
	body     []byte
}

func (p *player) RoundTrip(req *http.Request) (*http.Response, error) {
	if p.turn != nil {
		p.turn <- struct{}{}
		defer func() { <-p.turn }()
	}
	time.Sleep(p.pause)
	key, err := keyOf(req)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.asked++
	a, known := p.answers[key]
	p.mu.Unlock()
	if !known {
		if a, err = ask(req); err != nil {
			return nil, err
		}
		p.mu.Lock()
		p.answers[key] = a
		p.mu.Unlock()
	}
	out := a.response
	out.Request, out.Body = req, io.NopCloser(bytes.NewReader(a.body))
	return &out, nil
}

// keyOf is what is asked: two requests differ in when they were signed, too.
func keyOf(req *http.Request) (string, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return "", err
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	return req.Method + " " + req.URL.String() + " " + req.Header.Get("X-Amz-Target") + " " + string(body), nil
}

func ask(req *http.Request) (answer, error) {
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{*resp, body}, err
}
