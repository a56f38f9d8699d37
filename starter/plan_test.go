package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"epoxy/activities"
	"epoxy/internal/artifact"
	"epoxy/internal/config"
	"epoxy/internal/policy"
	"epoxy/workflows"
)

// oneObject is a bucket that keeps what was put there last.
type oneObject struct {
	artifact.API

	body []byte
}

func (o *oneObject) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	body, err := io.ReadAll(in.Body)
	o.body = body
	return &s3.PutObjectOutput{}, err
}

func (o *oneObject) GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	return &s3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader(o.body)), ContentLength: aws.Int64(int64(len(o.body)))}, nil
}

func TestPlanOfASweep(t *testing.T) {
	store := &artifact.Store{API: &oneObject{}, Bucket: "epoxy-artifacts"}
	ref, err := store.Put(t.Context(), "sweeps", policy.SweepPlan{Sweep: "prod", Made: time.Now(), Grace: time.Hour, Orphans: []policy.Orphan{
		{Kind: policy.OrphanNode, Where: "chef", Name: "web-1", Why: "its instance is terminated", Do: policy.SweepMops},
		{Kind: policy.OrphanClient, Where: "chef", Name: "web-2", Why: "it has no node", Do: policy.SweepKeeps, Kept: "node_names does not fit it"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := (&app{out: &out, output: "text"}).showSweep(t.Context(), store, ref); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sweep prod", "2 orphans: 1 goes, 1 stays.", "node web-1 on chef", "its instance is terminated", "node_names does not fit it"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is missing:\n%s", want, out.String())
		}
	}
	out.Reset()
	if err := (&app{out: &out, output: "json"}).showSweep(t.Context(), store, ref); err != nil {
		t.Fatal(err)
	}
	var got fullSweep
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got.Hash != ref.SHA256 || len(got.Orphans) != 2 || got.Orphans[1].Kept == "" {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestPlanRefusesWhatMakesNone(t *testing.T) {
	for id, want := range map[string]string{
		"mop/123456789012/us-east-1/i-0abc": "mop/123456789012/us-east-1/i-0abc makes no plan: epoxy watch mop/123456789012/us-east-1/i-0abc",
		"mop-breaker/prod":                  "mop-breaker/prod makes no plan: epoxy watch mop-breaker/prod",
		"bake/lt-1":                         "bake/lt-1 makes no plan",
		"sweep/prod":                        "Temporal does not answer",
		"prune-images/shop/dry-run":         "Temporal does not answer",
		"prune-task-definitions/all":        "Temporal does not answer",
	} {
		if _, stderr, code := try(t, "plan", id); code == exitDone || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d\n%s", id, code, stderr)
		}
	}
	if _, stderr, code := try(t, "plan", "sweep/prod", "--repository", "shop/web"); code != exitUsage || !strings.Contains(stderr, "the plan of a prune") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}

// A sweep of an environment that is dry deletes nothing, and its name says so.
func TestASweepThatDeletesNothingSaysSo(t *testing.T) {
	for settings, want := range map[[2]string]string{{"mop", "false"}: "Sweep prod", {"mop", "true"}: "Sweep prod (report)", {"report", "false"}: "Sweep prod (report)"} {
		w := newScheduleWorld(t)
		w.edit("mode: report #", "mode: "+settings[0]+" #")
		w.edit("dry_run: false #", "dry_run: "+settings[1]+" #")
		cfg := w.config()
		for _, s := range cfg.Schedules() {
			if s.Job != config.ScheduleSweep {
				continue
			}
			if in, err := scheduledInput(cfg, s); err != nil || in.Summary != want {
				t.Errorf("%v: %s, %v", settings, in.Summary, err)
			}
		}
	}
}

func TestListNamesTheOutcomes(t *testing.T) {
	stdout, _, _ := try(t, "list", "--help")
	for _, outcome := range []string{
		activities.OutcomeRunning, activities.OutcomeDone, activities.OutcomePartial, activities.OutcomeFailed, activities.OutcomeCancelled,
		activities.OutcomeDenied, activities.OutcomeVetoed, activities.OutcomeExpired, activities.OutcomeRolledBack, workflows.OutcomeSkipped,
	} {
		if !strings.Contains(stdout, outcome) {
			t.Errorf("%s is missing:\n%s", outcome, stdout)
		}
	}
}

func TestPlurals(t *testing.T) {
	stdout, _, _ := try(t, "config", "check", "--config", filepath.Join("..", "epoxy.example.yaml"))
	if !strings.Contains(stdout, "1 mop environment, ") || !strings.Contains(stdout, "1 sweep, ") {
		t.Error(stdout)
	}
}
