package bench

import (
	"fmt"
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
	largeFamilies     = 100
	largeRevisions    = 30 // of each
)

// BenchmarkPruneLarge prunes an estate of 100,000 images and 3,000 task definitions, in mode auto, down to the deletions.
func BenchmarkPruneLarge(b *testing.B) {
	for range b.N {
		r := newPruneRig(b, `repositories: ["*"], `+pruneRules)
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
		must(b, r.fill(b.Context(), fmt.Sprintf("app-%d", i), largeImages-1, version))
	}
	for range largeRevisions {
		r.define(b, "family-{n}", r.own.URI("app-{n}", newestTag), largeFamilies)
	}
	for i := range largeFamilies {
		must(b, r.own.Serve(b.Context(), fmt.Sprintf("s%d", i), fmt.Sprintf("family-%d:%d", i+1, largeRevisions), 1, false))
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
