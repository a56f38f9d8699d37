package workflows

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"epoxy/activities"
	"epoxy/internal/policy"
)

const (
	owner    = "111111111111"
	consumer = "222222222222"
	stranger = "333333333333"
)

// pruneWorld is everything that a prune touches, in memory: repositories with verdicts, surveys, Slack.
type pruneWorld struct {
	*testing.T

	env *testsuite.TestWorkflowEnvironment
	rec *recorder
	in  PruneImagesInput

	mu       sync.Mutex
	repos    map[string]*fakeRepo
	failing  map[string]error // activity, or activity:what → what every attempt answers
	faults   map[string]fault // activity → what goes wrong with its first attempts
	struck   int
	hooks    map[string]func()
	calls    map[string]int
	overCap  string
	uses     int // of images, found by each survey
	kind     string
	most     int            // repositories that are asked for at most
	known    []string       // vetoes that mean something
	attached map[string]int // how often a plan was brought, by message
	deleted  []string
	batches  []activities.Deletion
	surveyed []string
	looked   []string // places
	plans    int
	messages []*message
	replies  []string
	given    []policy.Verdict // what the second look keeps
	refused  []policy.Verdict // what AWS refuses
}

type fakeRepo struct {
	access activities.FoundRepository
	going  []int // images to delete, by wave
	stays  int
}

func newPruneWorld(t *testing.T) *pruneWorld {
	t.Helper()
	place := activities.Place{Account: owner, Region: home}
	w := &pruneWorld{
		T: t, rec: &recorder{}, failing: map[string]error{}, faults: map[string]fault{}, hooks: map[string]func(){}, calls: map[string]int{}, uses: 3,
		kind: policy.UseTask, attached: map[string]int{},
		repos: map[string]*fakeRepo{
			"shop/web":  {access: activities.FoundRepository{Name: "shop/web"}, going: []int{1, 3}, stays: 5},
			"shop/data": {access: activities.FoundRepository{Name: "shop/data", Accounts: []string{consumer}}, going: []int{250}, stays: 2},
		},
	}
	w.in = PruneImagesInput{
		PruneSettings: PruneSettings{
			Policy: "shop", Place: place, Sources: policy.DefaultSources(), RollbackRevisions: 3, Timeout: 7 * 24 * time.Hour,
			Approval: ApprovalInput{
				Mode: policy.ApproveAuto, Approvers: policy.Approvers{Users: []string{"UANN"}, CLI: []string{"ann@*"}},
				Expires: 72 * time.Hour, Window: 48 * time.Hour, Remind: 24 * time.Hour,
			},
			Store: activities.Store{Place: place, Bucket: "artifacts"}, Ledger: activities.LedgerTable{Place: place, Table: "ledger"},
			Telling: Telling{Channel: "#prune", UI: "https://temporal.example"},
		},
		Repositories: []string{"shop/*"}, Rules: policy.ImageRules{MinAge: 720 * time.Hour, KeepNewest: 10},
		Accounts: []activities.Place{{Account: owner, Region: home}, {Account: consumer, Region: home, RoleARN: "arn:aws:iam::222222222222:role/epoxy"}},
	}
	w.env = newEnvironment(t, w.rec)
	RegisterWorkflows(w.env)
	w.env.RegisterActivity(&pruneFakes{w})
	w.env.SetStartWorkflowOptions(startAs(PruneImagesWorkflowID("shop", false)))
	return w
}

func (w *pruneWorld) prune() (PruneResult, error) {
	w.Helper()
	w.env.ExecuteWorkflow(PruneImagesType, w.in)
	if !w.env.IsWorkflowCompleted() {
		w.Fatal("the prune did not end")
	}
	var out PruneResult
	err := w.env.GetWorkflowError()
	if err == nil {
		err = w.env.GetWorkflowResult(&out)
	}
	return out, err
}

// did is what was deleted, by repository.
func (w *pruneWorld) did() string {
	slices.Sort(w.deleted)
	return strings.Join(w.deleted, "; ")
}

// report is the last message in a channel whose key is the run's own.
func (w *pruneWorld) report() activities.Report {
	w.Helper()
	for _, m := range w.messages {
		if !strings.Contains(m.report.RunID, "/ask-") {
			return m.report
		}
	}
	w.Fatal("there is no report")
	return activities.Report{}
}

func (w *pruneWorld) questions() []*message {
	var out []*message
	for _, m := range w.messages {
		if strings.Contains(m.report.RunID, "/ask-") {
			out = append(out, m)
		}
	}
	return out
}

// decideAfter sends a decision, and writes down how it was answered.
func (w *pruneWorld) decideAfter(after time.Duration, id string, said *string, decision func() policy.Decision) {
	w.env.RegisterDelayedCallback(func() {
		w.env.UpdateWorkflow(DecideUpdate, id, &testsuite.TestUpdateCallback{
			OnReject:   func(err error) { *said = "rejected: " + err.Error() },
			OnAccept:   func() {},
			OnComplete: func(v any, err error) { *said = fmt.Sprint(v, err) },
		}, decision())
	}, after)
}

func (w *pruneWorld) hash() string { return fmt.Sprintf("%064d", w.plans) }

func (w *pruneWorld) approve() policy.Decision {
	return policy.Decision{Kind: policy.DecideApprove, Plan: w.hash(), By: policy.Person{Door: policy.DoorSlack, ID: "UANN", Name: "ann"}}
}
