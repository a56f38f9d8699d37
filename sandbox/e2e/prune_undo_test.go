//go:build e2e

package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"epoxy/internal/policy"
	"epoxy/workflows"
)

func TestWhyAndUndo(t *testing.T) {
	t.Parallel()
	w := newPruneWorld(t, autoApproval, `repositories: [web], `+someRules, `families: ["old*"], min_age: 1m, keep_newest: 1, delete: true, max_percent: 100, rollback_revisions: 1`)
	web := w.repository("web", 2)
	w.use(w.own, "web", "v1")
	w.startWorker()
	w.run(0)
	if out, stderr, code := w.epoxy("why", "web:v1"); code != 0 || !strings.Contains(out, "kept") || !strings.Contains(out, "ecs") {
		t.Errorf("why kept: exit code %d: %s%s", code, out, stderr)
	}
	if out, stderr, code := w.epoxy("why", "sha256:"+strings.Repeat("0", 64)); code != 1 || !strings.Contains(stderr, "unknown") {
		t.Errorf("why unknown: exit code %d: %s%s", code, out, stderr)
	}
	out, stderr, code := w.epoxy("why", "v2", "-o", "json")
	var answer struct {
		Entries []struct {
			ID, Outcome, Approver, Digest string
		}
	}
	if code != 0 || json.Unmarshal([]byte(out), &answer) != nil || len(answer.Entries) != 1 || answer.Entries[0].Digest != web[1] || answer.Entries[0].Outcome != "deleted" {
		t.Fatalf("why deleted: exit code %d: %s%s", code, out, stderr)
	}
	entry := answer.Entries[0].ID
	if out, stderr, code := w.epoxy("undo", entry, "--wait"); code != 0 {
		t.Fatalf("undo: exit code %d: %s%s", code, out, stderr)
	}
	w.recordClosed("undo", workflows.UndoWorkflowID(entry))
	if tags := w.holds("web")[web[1]]; !slices.Contains(tags, "v2") {
		t.Errorf("the image is back with tags %v", tags)
	}
	if _, stderr, code := w.epoxy("undo", entry); code != 1 || !strings.Contains(stderr, "put back by") {
		t.Errorf("undo twice: exit code %d: %s", code, stderr)
	}
	w.undoDefinition()
}

func (w *pruneWorld) undoDefinition() {
	w.Helper()
	w.kind = policy.PlanOfTaskDefinitions
	var arns []string
	for range 3 {
		arn, err := w.own.Define(w.ctx, "old", w.own.URI("web", "v1"))
		w.must(err)
		w.must(w.own.Backdate(w.ctx, arn, time.Now().Add(-ago)))
		arns = append(arns, arn)
	}
	w.run(0)
	out, stderr, _ := w.epoxy("why", "old:1", "-o", "json")
	answer := decode[struct{ Entries []struct{ ID string } }](w.world, out)
	if len(answer.Entries) != 1 {
		w.Fatalf("why %s: %s%s", arns[0], out, stderr)
	}
	if out, stderr, code := w.epoxy("undo", answer.Entries[0].ID, "--wait"); code != 0 || !strings.Contains(out, "old:4") {
		w.Errorf("undo: exit code %d: %s%s", code, out, stderr)
	}
	if status, err := w.own.Definitions(w.ctx, "old"); err != nil || len(status) != 2 {
		w.Errorf("left: %v (%v)", status, err)
	}
}
