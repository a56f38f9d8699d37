//go:build e2e

package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
)

// record keeps a run's history for the replay tests, when EPOXY_RECORD=1. Do so for a workflow's first version, and again for
// each version after it that changed its commands: it comes beside the others, with a number.
func (w *world) record(name, workflowID string) {
	w.Helper()
	if os.Getenv("EPOXY_RECORD") == "" {
		return
	}
	var h history.History
	events := box.temporal.GetWorkflowHistory(w.ctx, workflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		w.must(err)
		h.Events = append(h.Events, e)
	}
	raw, err := temporalproto.CustomJSONMarshalOptions{Indent: " "}.Marshal(&h)
	w.must(err)
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, err = zip.Write(raw)
	w.must(err)
	w.must(zip.Close())
	dir := filepath.Join(box.root, "testdata", "histories")
	w.must(os.MkdirAll(dir, 0o755))
	path := filepath.Join(dir, name+".json.gz")
	for n := 2; ; n++ { // a history that landed stays: runs that began with those commands go on
		if _, err := os.Stat(path); err != nil {
			break
		}
		path = filepath.Join(dir, fmt.Sprintf("%s-%d.json.gz", name, n))
	}
	w.must(os.WriteFile(path, packed.Bytes(), 0o644))
	w.Logf("recorded %s: %d events", name, len(h.Events))
}

// recordClosed waits until the run has ended.
func (w *world) recordClosed(name, workflowID string) {
	w.Helper()
	w.until(workflowID+" to end", func() bool {
		d, err := box.temporal.DescribeWorkflow(w.ctx, workflowID, "")
		return err == nil && d.WorkflowCloseTime != nil
	})
	w.record(name, workflowID)
}
