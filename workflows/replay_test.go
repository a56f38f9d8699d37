package workflows

import (
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// recorded are the histories that must be there, by file: each path through a workflow that a change could break for runs
// that are under way. What else is recorded is replayed, too.
var recorded = []string{
	"bake-latest", "bake-default-refresh", "bake-failed-image", "bake-cancelled", "bake-rolled-back", "bake-queue", "slack-report",
	"prune-images-approved", "prune-images-denied", "prune-images-expired", "prune-images-veto-window", "prune-images-blocked", "prune-images-dry-run",
	"prune-part", "prune-task-definitions", "undo", "mop", "mop-lifecycle-hook", "mop-report", "mop-breaker-approve", "mop-breaker-deny", "sweep", "scheduled",
	"scheduled-skipped",
}

const histories = "../testdata/histories"

// replay fails where today's workflows would do something else than the recorded run did.
func replay(history []byte) error {
	h, err := client.HistoryFromJSON(bytes.NewReader(history), client.HistoryJSONOptions{})
	if err != nil {
		return err
	}
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{DisableDeadlockDetection: true})
	if err != nil {
		return err
	}
	RegisterWorkflows(replayer)
	id := h.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetWorkflowId() // a bake's lock, which it checks
	return replayer.ReplayWorkflowHistoryWithOptions(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), h, worker.ReplayWorkflowHistoryOptions{
		OriginalExecution: workflow.Execution{ID: id},
	})
}

func readHistory(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join(histories, name+".json.gz"))
	if err != nil {
		t.Fatalf("%v: record it with EPOXY_RECORD=1 from the end-to-end tests", err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestReplay(t *testing.T) {
	names := slices.Clone(recorded)
	files, err := filepath.Glob(filepath.Join(histories, "*.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		names = append(names, filepath.Base(f[:len(f)-len(".json.gz")]))
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		t.Run(name, func(t *testing.T) {
			if err := replay(readHistory(t, name)); err != nil {
				t.Errorf("runs that are under way would break: %v; keep the old commands behind workflow.GetVersion", err)
			}
		})
	}
}

// A history in which one command has another name must not replay: else TestReplay would prove nothing.
func TestReplayNoticesChanges(t *testing.T) {
	for name, command := range map[string]string{
		"bake-latest": "CreateImage", "bake-default-refresh": "SetDefaultVersion", "bake-failed-image": "RemoveImage", "bake-cancelled": "RemoveImage",
		"bake-rolled-back": "CreateLaunchTemplateVersion", "bake-queue": "Bake", "slack-report": "PostReport",
		"prune-images-approved": "PrunePart", "prune-images-denied": "WritePlan", "prune-images-expired": "TakeInventory", "prune-images-veto-window": "SurveyUses",
		"prune-images-blocked": "SortUses", "prune-images-dry-run": "PlanRepository", "prune-part": "DeleteImages", "prune-task-definitions": "TakeTaskDefinitions",
		"undo": "Restore", "mop": "DeleteNode", "mop-lifecycle-hook": "CompleteHook", "mop-report": "PostReport", "mop-breaker-approve": "SettleBreaker",
		"mop-breaker-deny": "ReadBreaker", "sweep": "PlanSweep", "scheduled": "PruneImages",
	} {
		t.Run(name, func(t *testing.T) {
			whole := readHistory(t, name)
			changed := regexp.MustCompile(`"name":\s*"`+command+`"`).ReplaceAll(whole, []byte(`"name":"Other"`))
			if bytes.Equal(whole, changed) {
				t.Fatalf("the history has no %s", command)
			}
			if err := replay(changed); err == nil {
				t.Errorf("it replays without %s", command)
			}
		})
	}
}
