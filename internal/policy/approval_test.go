package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var hash = strings.TrimPrefix(sha("plan"), "sha256:")

func asking(mode string) Asking {
	return Asking{Mode: mode, Plan: hash, Approvers: Approvers{Users: []string{"UANN"}, Groups: []string{"SOPS"}, CLI: []string{"ann@ci-*"}}, Until: noon.Add(time.Hour)}
}

func ann(kind string) Decision {
	return Decision{Kind: kind, Plan: hash, By: Person{Door: DoorSlack, ID: "UANN", Name: "ann"}}
}

func TestCheckDecision(t *testing.T) {
	const late = "too late: the window for plan"
	for name, c := range map[string]struct {
		mode   string
		change func(*Asking, *Decision)
		now    time.Time
		want   string // "": taken
	}{
		"approve":                  {ApproveAsk, func(*Asking, *Decision) {}, noon, ""},
		"approve early, mode veto": {ApproveVeto, func(*Asking, *Decision) {}, noon, ""},
		"approve over the caps":    {ApproveAuto, func(a *Asking, _ *Decision) { a.NeedsOne = true }, noon, ""},
		"deny":                     {ApproveAsk, func(_ *Asking, d *Decision) { d.Kind = DecideDeny }, noon, ""},
		"veto some":                {ApproveAsk, func(_ *Asking, d *Decision) { d.Kind, d.Items = DecideVeto, []string{"v1"} }, noon, ""},
		"veto all, mode veto":      {ApproveVeto, func(_ *Asking, d *Decision) { d.Kind = DecideVeto }, noon, ""},
		"veto all, mode ask":       {ApproveAsk, func(_ *Asking, d *Decision) { d.Kind = DecideVeto }, noon, "name the items to keep, or deny"},
		"veto all, over the caps":  {ApproveVeto, func(a *Asking, d *Decision) { d.Kind, a.NeedsOne = DecideVeto, true }, noon, "name the items to keep"},
		"approve some":             {ApproveAsk, func(_ *Asking, d *Decision) { d.Items = []string{"v1"} }, noon, "veto the items first, to keep them, then approve the rest"},
		"unknown kind":             {ApproveAsk, func(_ *Asking, d *Decision) { d.Kind = "yes" }, noon, `"yes" is no decision`},
		"a group's member": {ApproveAsk, func(_ *Asking, d *Decision) {
			d.By = Person{Door: DoorSlack, ID: "UBOB", Groups: []string{"SX", "SOPS"}}
		}, noon, ""},
		"another group's member":    {ApproveAsk, func(_ *Asking, d *Decision) { d.By = Person{Door: DoorSlack, ID: "UBOB", Groups: []string{"SX", ""}} }, noon, `UBOB in Slack may not decide…(UANN, SOPS, ann@ci-*)…"UBOB"`},
		"the command":               {ApproveAsk, func(_ *Asking, d *Decision) { d.By = Person{Door: DoorCLI, ID: "ann@ci-7"} }, noon, ""},
		"the command elsewhere":     {ApproveAsk, func(_ *Asking, d *Decision) { d.By = Person{Door: DoorCLI, ID: "ann@laptop"} }, noon, "may not decide"},
		"a Slack id at the command": {ApproveAsk, func(_ *Asking, d *Decision) { d.By.Door = DoorCLI }, noon, "may not decide"},
		"groups at the command":     {ApproveAsk, func(_ *Asking, d *Decision) { d.By = Person{Door: DoorCLI, ID: "bob@x", Groups: []string{"SOPS"}} }, noon, "may not decide"},
		"an identity in Slack":      {ApproveAsk, func(_ *Asking, d *Decision) { d.By = Person{Door: DoorSlack, ID: "ann@ci-7"} }, noon, "may not decide"},
		"nobody in Slack":           {ApproveAsk, func(_ *Asking, d *Decision) { d.By = Person{Door: DoorSlack, Groups: []string{"SOPS"}} }, noon, "may not decide"},
		"nobody at the command":     {ApproveAsk, func(a *Asking, d *Decision) { a.Approvers.CLI, d.By = []string{"*"}, Person{Door: DoorCLI} }, noon, "may not decide"},
		"another door":              {ApproveAsk, func(_ *Asking, d *Decision) { d.By.Door = "mail" }, noon, `not through "mail"`},
		"no approvers":              {ApproveAsk, func(a *Asking, _ *Decision) { a.Approvers = Approvers{} }, noon, "nobody may decide: name approvers"},
		"the hash's beginning":      {ApproveAsk, func(_ *Asking, d *Decision) { d.Plan = strings.ToUpper(hash[:12]) }, noon, ""},
		"too little of it":          {ApproveAsk, func(_ *Asking, d *Decision) { d.Plan = hash[:11] }, noon, "too short for a plan's hash…at least 12"},
		"more than it":              {ApproveAsk, func(_ *Asking, d *Decision) { d.Plan = hash + "0" }, noon, "is not the open one"},
		"another plan":              {ApproveAsk, func(_ *Asking, d *Decision) { d.Plan = strings.Repeat("0", 64) }, noon, "plan 000000000000 is not the open one, which is " + hash[:12]},
		"no plan":                   {ApproveAsk, func(_ *Asking, d *Decision) { d.Plan = "" }, noon, "too short"},
		"in the last moment":        {ApproveAsk, func(*Asking, *Decision) {}, noon.Add(time.Hour - 1), ""},
		"a moment too late":         {ApproveAsk, func(*Asking, *Decision) {}, noon.Add(time.Hour), late},
		"closed":                    {ApproveAsk, func(a *Asking, _ *Decision) { a.Closed = true }, noon, late},
		"nothing is asked":          {ApproveAsk, func(a *Asking, _ *Decision) { *a = Asking{Closed: true} }, noon, "no plan waits for a decision"},
		"decided before":            {ApproveAsk, func(a *Asking, _ *Decision) { d := ann(DecideDeny); a.Decided = &d }, noon, "decided before. Denied by ann (UANN) in Slack"},
		"too many items":            {ApproveAsk, func(_ *Asking, d *Decision) { d.Kind, d.Items = DecideVeto, make([]string, 501) }, noon, "501 items are too many"},
		"too many in all": {ApproveAsk, func(a *Asking, d *Decision) {
			d.Kind, d.Items = DecideVeto, []string{"v1"}
			for i := range 500 {
				a.Vetoed = append(a.Vetoed, strings.Repeat("x", i+1))
			}
		}, noon, "more than 500 items are vetoed"},
		"too much in all": {ApproveAsk, func(a *Asking, d *Decision) {
			d.Kind, d.Items = DecideVeto, []string{"v1"}
			for i := range 200 {
				a.Vetoed = append(a.Vetoed, strings.Repeat("x", 512-i))
			}
		}, noon, "deny the plan"},
		"a long reason":       {ApproveAsk, func(_ *Asking, d *Decision) { d.Reason = strings.Repeat("x", 2001) }, noon, "the reason is too long"},
		"a long name":         {ApproveAsk, func(_ *Asking, d *Decision) { d.By.Name = strings.Repeat("x", 257) }, noon, "longer than 256"},
		"an empty item":       {ApproveAsk, func(_ *Asking, d *Decision) { d.Kind, d.Items = DecideVeto, []string{""} }, noon, "is no digest, tag, ARN or repository"},
		"two items in one":    {ApproveAsk, func(_ *Asking, d *Decision) { d.Kind, d.Items = DecideVeto, []string{"v1 v2"} }, noon, `"v1 v2" is no digest`},
		"a long item":         {ApproveAsk, func(_ *Asking, d *Decision) { d.Kind, d.Items = DecideVeto, []string{strings.Repeat("x", 513)} }, noon, "is no digest"},
		"a digest's bit":      {ApproveAsk, func(_ *Asking, d *Decision) { d.Kind, d.Items = DecideVeto, []string{"sha256:1234567"} }, noon, "too short for a digest"},
		"a digest's half":     {ApproveAsk, func(_ *Asking, d *Decision) { d.Kind, d.Items = DecideVeto, []string{sha("a")[:19]} }, noon, ""},
		"nothing says who":    {ApproveAsk, func(_ *Asking, d *Decision) { d.By = Person{} }, noon, "decisions come through slack or cli"},
		"someone who may not": {ApproveVeto, func(_ *Asking, d *Decision) { d.Kind, d.By.ID = DecideVeto, "UBOB" }, noon, "may not decide"},
	} {
		a, d := asking(c.mode), ann(DecideApprove)
		c.change(&a, &d)
		err := CheckDecision(a, d, c.now)
		if (err == nil) != (c.want == "") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
			continue
		}
		for part := range strings.SplitSeq(c.want, "…") {
			if err != nil && !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q lacks %q", name, err, part)
			}
		}
	}
}

func TestDecide(t *testing.T) {
	before := asking(ApproveVeto)
	before.Vetoed = []string{"v1"}
	veto := ann(DecideVeto)
	veto.Items = []string{"v0", "v1"}
	after := Decide(before, veto)
	if want := []string{"v0", "v1"}; !slices.Equal(after.Vetoed, want) || after.Decided != nil {
		t.Errorf("after a veto of items: %+v", after)
	}
	if !slices.Equal(before.Vetoed, []string{"v1"}) || before.Decided != nil {
		t.Errorf("what was asked before is changed: %+v", before)
	}
	for _, d := range []Decision{ann(DecideApprove), ann(DecideDeny), ann(DecideVeto)} {
		done := Decide(after, d)
		if done.Decided == nil || !cmp.Equal(*done.Decided, d) || !slices.Equal(done.Vetoed, after.Vetoed) {
			t.Errorf("%s: %+v", d.Kind, done)
		}
		if err := CheckDecision(done, ann(DecideDeny), noon); err == nil {
			t.Errorf("after %s one can decide again", d.Kind)
		}
	}
}

// Whatever people send: what is not theirs to decide is not decided, and at most one decision closes the question.
func TestADecisionIsTakenOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := asking(rapid.SampledFrom([]string{ApproveAuto, ApproveAsk, ApproveVeto}).Draw(t, "mode"))
		closed := 0
		for range rapid.IntRange(1, 6).Draw(t, "decisions") {
			d := Decision{
				Kind: rapid.SampledFrom([]string{DecideApprove, DecideDeny, DecideVeto, "?"}).Draw(t, "kind"), Plan: rapid.SampledFrom([]string{hash, hash[:12], "?"}).Draw(t, "plan"),
				Items: rapid.SliceOfN(rapid.SampledFrom([]string{"v1", "v2", ""}), 0, 2).Draw(t, "items"),
				By:    Person{Door: rapid.SampledFrom([]string{DoorSlack, DoorCLI}).Draw(t, "door"), ID: rapid.SampledFrom([]string{"UANN", "ann@ci-1", "UEVE"}).Draw(t, "who")},
			}
			if CheckDecision(a, d, noon) != nil {
				continue
			}
			if d.By.ID == "UEVE" || (d.By.Door == DoorSlack) != (d.By.ID == "UANN") {
				t.Fatalf("%+v decided", d.By)
			}
			if a = Decide(a, d); a.Decided != nil {
				closed++
			}
		}
		if closed > 1 {
			t.Fatalf("%d decisions closed the question", closed)
		}
	})
}

// A person who is told "kept" of a name that nobody has goes home, and it is deleted.
func TestAVetoPromisesNothing(t *testing.T) {
	d := ann(DecideVeto)
	d.Items = []string{"v41", "v42"}
	if got := DescribeDecision(asking(ApproveAsk), d); !strings.HasPrefix(got, "Will be kept if the plan names them: v41, v42.") {
		t.Errorf("told %q", got)
	}
}

func TestSilenceOfThoseWhoWereNotAsked(t *testing.T) {
	a := asking(ApproveVeto)
	if got := DescribeAnswer(a); !strings.HasPrefix(got, "Nobody objected") {
		t.Errorf("told, and silent: %q", got)
	}
	a.Untold = true
	if got := DescribeAnswer(a); !strings.Contains(got, "Slack was not reached: nothing is deleted") {
		t.Errorf("never told: %q", got)
	}
}
