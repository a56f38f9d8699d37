package activities

import (
	"testing"
	"time"
)

// report is a bake that failed half-way, with all that a report can have.
func report() Report {
	at := func(s int) time.Time { return begun.Add(time.Duration(s) * time.Second) }
	return Report{
		Title: "Bake vg/shop/web/prod/a", Outcome: OutcomeFailed, Headline: "Failed. Image and snapshots are removed", Reason: "image ami-1 ended as \"failed\":\n  no space",
		Steps: []Step{
			{Name: "Check", State: StepDone, Note: "instance is\nrunning", Begun: at(0), Ended: at(1)},
			{Name: "Create image", State: StepDone, Note: "ami-1", Begun: at(1), Ended: at(42)},
			{Name: "Wait", State: StepFailed, Begun: at(42), Ended: at(4062)},
			{Name: "Publish", State: StepAhead},
			{Name: "Remove", State: StepRunning, Begun: at(4062).In(time.FixedZone("CET", 3600))},
		},
		Facts:      []Fact{{"Instance", server}, {"Image", "ami-1"}},
		WorkflowID: "bake/" + lt, RunID: "r-1", URL: "https://temporal.example.com/namespaces/default/workflows/bake%2F" + lt + "/r-1/history",
		Begun: at(0), Ended: at(4070),
	}
}

func TestReportMarkdown(t *testing.T) {
	const want = `**Failed. Image and snapshots are removed**

> image ami-1 ended as "failed": no space

- ✅ Check — instance is running (1 s)
- ✅ Create image — ami-1 (41 s)
- ❌ Wait (1 h 07 min)
- ⬜ Publish
- ⏳ Remove (since 04:11:47 UTC)

| | |
|---|---|
| Instance | ` + "`i-0123456789abcdef0`" + ` |
| Image | ` + "`ami-1`" + ` |
`
	if got := report().Markdown(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := (Report{Headline: "Begins"}).Markdown(), "**Begins**\n\n"; got != want {
		t.Errorf("an empty report is %q, want %q", got, want)
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 s", 400 * time.Millisecond: "0 s", 41 * time.Second: "41 s", 59*time.Second + 600*time.Millisecond: "1 min 00 s",
		12*time.Minute + 5*time.Second: "12 min 05 s", time.Hour - time.Millisecond: "1 h 00 min", time.Hour + 7*time.Minute + 59*time.Second: "1 h 07 min", 50 * time.Hour: "50 h 00 min",
	} {
		if got := short(d); got != want {
			t.Errorf("%s reads %q, want %q", d, got, want)
		}
	}
}

func TestTook(t *testing.T) {
	now := begun.Add(time.Minute)
	for about, c := range map[string]struct {
		step Step
		want time.Duration
	}{
		"ahead":   {Step{}, 0},
		"running": {Step{Begun: begun}, time.Minute},
		"done":    {Step{Begun: begun, Ended: begun.Add(time.Second)}, time.Second},
	} {
		if got := c.step.Took(now); got != c.want {
			t.Errorf("%s: %s, want %s", about, got, c.want)
		}
	}
}
