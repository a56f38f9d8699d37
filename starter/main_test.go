package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"

	"epoxy/activities"
)

// try runs the command in-process with the example configuration and no Temporal server.
func try(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errOut bytes.Buffer
	t.Setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
	env := map[string]string{"EPOXY_CONFIG": filepath.Join("..", "epoxy.example.yaml"), "EPOXY_SLACK_TOKEN": "xoxb-secret-value"}
	a := &app{out: &out, errOut: &errOut, getenv: func(k string) string { return env[k] }}
	code = a.run(context.Background(), args)
	return out.String(), errOut.String(), code
}

func TestExitCodes(t *testing.T) {
	target := []string{"bake", "--region", "vg", "--app", "shop", "--layer", "web", "--env", "prod", "--group", "a"}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"help":                {[]string{"--help"}, exitDone, "Available Commands"},
		"config check":        {[]string{"config", "check"}, exitDone, "bake targets"},
		"config schema":       {[]string{"config", "schema"}, exitDone, "json-schema.org"},
		"unknown command":     {[]string{"brew"}, exitUsage, "unknown command"},
		"unknown output":      {[]string{"list", "--output", "xml"}, exitUsage, "text or json"},
		"unknown app":         {[]string{"bake", "--region", "vg", "--app", "shp"}, exitUsage, `did you mean "shop"?`},
		"odd commit":          {append(target, "--commit", "a b;rm"), exitUsage, "no commit"},
		"limit out of range":  {[]string{"list", "--limit", "0"}, exitUsage, "1 to 1000"},
		"watch without an id": {[]string{"watch"}, exitUsage, "accepts 1 arg"},
		"no server":           {target, exitFailed, "Temporal does not answer at 127.0.0.1:1"},
		"mop of nobody":       {[]string{"mop"}, exitUsage, "say what is dead: --instance, --node or --ip"},
		"mop of everybody":    {[]string{"mop", "--instance", "*"}, exitUsage, `--instance: "*" is no instance id`},
		"mop of a path":       {[]string{"mop", "--node", "../clients/web-2"}, exitUsage, `--node: "../clients/web-2" is no name of a Chef node`},
		"mop of nowhere":      {[]string{"mop", "--ip", "0.0.0.0"}, exitUsage, "--ip: 0.0.0.0 is no address that one instance has"},
		"mop in no place":     {[]string{"mop", "--node", "web-2", "--region", "bj"}, exitUsage, "no environment in mop.environments fits"},
		"mop elsewhere":       {[]string{"mop", "--node", "web-2", "--env", "prd"}, exitUsage, `did you mean "prod"?`},
		"mop":                 {[]string{"mop", "--node", "web-2"}, exitFailed, "Temporal does not answer at 127.0.0.1:1"},
		"unknown sweep":       {[]string{"sweep", "prd"}, exitUsage, `no sweep "prd": did you mean "prod"? (has: prod)`},
		"sweep":               {[]string{"sweep", "prod"}, exitFailed, "Temporal does not answer"},
		"schedules diff":      {[]string{"schedules", "diff"}, exitFailed, "Temporal does not answer"},
		"no configuration":    {[]string{"config", "check", "--config", "nowhere.yaml"}, exitUsage, "epoxy.example.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := try(t, c.args...)
			if code != c.code || !strings.Contains(stdout+stderr, c.says) {
				t.Errorf("exit code %d, want %d, saying %q:\n%s%s", code, c.code, c.says, stdout, stderr)
			}
			if strings.Contains(stdout+stderr, "xoxb-secret") {
				t.Error("the Slack token was printed")
			}
		})
	}
}

func TestCompletion(t *testing.T) {
	for want, args := range map[string][]string{
		"shop\n":        {"bake", "--region", "vg", "--app", ""},
		"prod\n:4":      {"mop", "--env", ""},
		"bj\nvg\n":      {"mop", "--region", ""},
		"shop\nshop-cn": {"mop", "--account", ""},
		"prod\n":        {"sweep", ""},
	} {
		stdout, _, code := try(t, append([]string{"__complete"}, args...)...)
		if code != exitDone || !strings.HasPrefix(stdout, want) {
			t.Errorf("%v: exit code %d: %q", args, code, stdout)
		}
	}
}

func TestListQuery(t *testing.T) {
	got, err := listQuery(false, "vg/shop", "")
	if want := "WorkflowType IN ('Bake', 'BakeQueue', 'PruneImages', 'PruneTaskDefinitions', 'Undo', 'Mop', 'MopBreaker', 'Sweep', 'Scheduled') AND ExecutionStatus = 'Running' AND Target STARTS_WITH 'vg/shop'"; err != nil || got != want {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := listQuery(true, "x' OR WorkflowId != '", ""); err == nil {
		t.Error("a quote went through")
	}
}

var (
	begun = time.Date(2026, 11, 21, 5, 8, 21, 0, time.UTC)
	half  = snapshot{
		Status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, Started: begun,
		Report: &activities.Report{Title: "Bake vg/shop/web/prod/a", Headline: "Waiting for image ami-1", Begun: begun, Steps: []activities.Step{
			{Name: "Create image", State: activities.StepDone, Note: "ami-1", Begun: begun, Ended: begun.Add(2 * time.Second)},
			{Name: "Wait until the image is available", State: activities.StepRunning, Begun: begun.Add(2 * time.Second)},
			{Name: "New launch template version", State: activities.StepAhead},
		}},
		Waiting: []pending{{Name: "AwaitImage", Message: "ami-1 is pending, 43 %", Percent: 43, Attempt: 3, NotReady: true}},
	}
)

func TestLines(t *testing.T) {
	var out bytes.Buffer
	l := &lines{out: &out, said: map[string]bool{}}
	l.show(half)
	l.show(half) // nothing new: nothing said
	want := `05:08:23  ✓ Create image: ami-1 (2s)
05:08:23  … Wait until the image is available
     ami-1 is pending, 43 %
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestDrawn(t *testing.T) {
	d := &drawn{out: os.Stdout, width: 70, now: func() time.Time { return begun.Add(42 * time.Second) }}
	got := strings.Join(d.render(half), "\n")
	want := `Bake vg/shop/web/prod/a — Waiting for image ami-1 (42s)
  ✓ Create image                              2s ami-1
  … Wait until the image is available        40s 
  · New launch template version                  
    [████████████░░░░░░░░░░░░░░░░░░]  43 %  ami-1 is pending, 43 %`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	long := half
	long.Report = &activities.Report{Title: half.Report.Title, Begun: begun, Steps: slices.Clone(half.Report.Steps)}
	long.Report.Steps[0].Note = strings.Repeat("long ", 40)
	for _, line := range d.render(long) {
		if n := len([]rune(line)); n >= d.width {
			t.Errorf("a line of %d runs over %d columns", n, d.width)
		}
	}
}
