package bench

import (
	"fmt"
	"os"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/proxy"
	"google.golang.org/protobuf/proto"

	"epoxy/workflows"
)

const (
	largeRepositories = 50
	largeImages       = 2000 // in each
	wholeRepositories = 5    // of which everything goes that is old
	oldOfOthers       = 200  // that go of each other one
	largeRevisions    = 30   // of each of two families for each repository
)

// deleteAll is a variable of the environment: set, nothing is protected.
const deleteAll = "EPOXY_BENCH_DELETE_ALL"

// BenchmarkPruneLarge prunes an estate of 100,000 images and 3,000 task definitions, in mode auto, down to the deletions. It
// deletes 19,000 and has a rule to keep the others: the stand-in's DynamoDB, one process of Python, is what takes the time.
func BenchmarkPruneLarge(b *testing.B) {
	for range b.N {
		r := newPruneRig(b, `repositories: ["*"], protect_tags: ["release-*"], `+pruneRules)
		r.stageLarge(b)
		r.startWorker(b)
		begin := time.Now()
		b.Log(r.epoxy(b, "prune", "images", prunePolicy, "--wait"))
		took := time.Since(begin)
		var most history
		var out workflows.PruneResult
		run := r.temporal.GetWorkflow(b.Context(), workflows.PruneImagesWorkflowID(prunePolicy, false), "")
		must(b, run.Get(b.Context(), &out))
		r.measure(b, run.GetID(), out.RunID, &most)
		b.ReportMetric(float64(out.Totals.Images), "images")
		b.ReportMetric(float64(out.Deleted), "images-deleted")
		b.ReportMetric(float64(out.Kept+out.Failed), "images-kept-or-failed-late")
		b.ReportMetric(r.peak(b), "worker-MB-peak")
		b.ReportMetric(float64(most.events), "events-biggest-run")
		b.ReportMetric(float64(most.bytes)/(1<<20), "history-MB-biggest-run")
		b.ReportMetric(float64(most.payload)/(1<<10), "payload-KB-biggest")
		b.ReportMetric(float64(most.runs), "runs")
		b.ReportMetric(took.Seconds(), "seconds")
	}
}

func (r *pruneRig) stageLarge(b *testing.B) {
	b.Helper()
	must(b, r.own.NewCluster(b.Context()))
	for i := range largeRepositories {
		going := oldOfOthers
		if i < wholeRepositories || os.Getenv(deleteAll) != "" {
			going = largeImages
		}
		must(b, r.fill(b.Context(), fmt.Sprintf("app-%d", i+1), largeImages-1, func(n int) string {
			if n < going {
				return version(n)
			}
			return "release-" + version(n)
		}))
	}
	for range largeRevisions {
		r.define(b, "web-{n}", r.own.URI("app-{n}", newestTag), largeRepositories)
		r.define(b, "job-{n}", r.own.URI("app-{n}", newestTag), largeRepositories)
	}
	for i := range largeRepositories {
		must(b, r.own.Serve(b.Context(), fmt.Sprintf("s%d", i+1), fmt.Sprintf("web-%d:%d", i+1, largeRevisions), 1, false))
	}
}

// history is the most there was in any one run.
type history struct{ runs, events, bytes, payload int }

// measure reads a run's history, those of its children, and those that went on as new from each.
func (r *pruneRig) measure(b *testing.B, id, run string, most *history) {
	b.Helper()
	d, err := r.temporal.DescribeWorkflowExecution(b.Context(), id, run)
	must(b, err)
	info := d.GetWorkflowExecutionInfo()
	most.runs++
	most.events = max(most.events, int(info.GetHistoryLength()))
	most.bytes = max(most.bytes, int(info.GetHistorySizeBytes()))
	events := r.temporal.GetWorkflowHistory(b.Context(), id, run, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		must(b, err)
		must(b, proxy.VisitPayloads(b.Context(), event, proxy.VisitPayloadsOptions{
			Visitor: func(_ *proxy.VisitPayloadsContext, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
				for _, p := range payloads {
					most.payload = max(most.payload, proto.Size(p))
				}
				return payloads, nil
			},
		}))
		if child := event.GetChildWorkflowExecutionStartedEventAttributes().GetWorkflowExecution(); child != nil {
			r.measure(b, child.GetWorkflowId(), child.GetRunId(), most)
		}
		if next := event.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId(); next != "" {
			r.measure(b, id, next, most)
		}
	}
}
