package workflows

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	enumspb "go.temporal.io/api/enums/v1"

	"epoxy/activities"
)

// calm is how long a bake to the latest version takes when nothing disturbs it.
const calm = 30 * time.Second

const published = "ami-us-east-1 is published as version 8"

func TestSlackMessageIsUpdatedInPlace(t *testing.T) {
	w := newWorld(t, "latest").withRefresh()
	w.blind = true
	var said []string
	for _, at := range []time.Duration{5 * time.Second, 40 * time.Second} {
		w.env.RegisterDelayedCallback(func() { said = append(said, w.messages[0].report.Headline) }, at)
	}
	w.ends("done", published, image1+modes["latest"].published+modes["latest"].rollout)
	if want := []string{"Waiting for image ami-us-east-1", "Replacing the instances of shop-web"}; !slices.Equal(said, want) {
		t.Errorf("said %q, not %q", said, want)
	}
	if w.messages[0].posts != 3 || w.rec.count("child") > 0 {
		t.Errorf("%d posts, %v", w.messages[0].posts, w.rec.commands)
	}
}

func TestNoChannelNoSlack(t *testing.T) {
	w := newWorld(t, "latest").withRefresh()
	w.in.Telling = Telling{}
	if _, err := w.bake(); err != nil {
		t.Fatal(err)
	}
	if w.rec.count("activity PostReport")+w.rec.count("child")+len(w.messages) > 0 {
		t.Errorf("told Slack: %v", w.rec.commands)
	}
	if r := w.report(); r.URL != "" || r.Outcome != activities.OutcomeDone {
		t.Errorf("report %+v", r)
	}
}

// Whatever is the matter with Slack, the bake ends well and hardly later, and SlackReport goes on trying to tell.
func TestSlackNeverDelaysABake(t *testing.T) {
	for name, c := range map[string]struct {
		fault fault
		slow  time.Duration // per attempt
		most  time.Duration // that the bake may take longer than a calm one
	}{
		"down":    {fails(0), 0, finalBound},
		"refuses": {refuses(activities.ErrInvalid), 0, 0},
		"hangs":   {fault{err: loses(1).err}, 5 * time.Second, settleTime + finalBound + 5*time.Second}, // the bound cuts no attempt here
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "latest")
			w.faults["PostReport"] = c.fault
			w.slowSlack(c.slow)
			if _, err := w.bake(); err != nil {
				t.Fatal(err)
			}
			if got := w.state(); got != image1+modes["latest"].published {
				t.Errorf("left %q", got)
			}
			if w.rec.took < calm || w.rec.took > calm+c.most {
				t.Errorf("took %s", w.rec.took)
			}
			if len(w.rec.children) != 1 {
				t.Fatalf("children %v", w.rec.children)
			}
			child := w.rec.children[0]
			if child.WorkflowID != "slack-report/default-test-run-id" || child.ParentClosePolicy != enumspb.PARENT_CLOSE_POLICY_ABANDON ||
				child.StaticSummary != "Tell Slack: Bake vg/shop/web/prod/a: done" {
				t.Errorf("child %+v", child)
			}
			if w.rec.outcome != "done" || w.report().Outcome != "done" {
				t.Errorf("outcome %q, report %+v", w.rec.outcome, w.report())
			}
		})
	}
}

// slowSlack lets every post take a while.
func (w *world) slowSlack(d time.Duration) {
	if d > 0 {
		w.env.OnActivity("PostReport", mock.Anything, mock.Anything).After(d).Return((&fakes{w}).PostReport)
	}
}

// A post that is under way when the work ends is waited for, not raced.
func TestSlowSlackGetsOneMessage(t *testing.T) {
	for _, slow := range []time.Duration{time.Second, 4 * time.Second} {
		w := newWorld(t, "latest")
		w.fates[home] = "failed"
		w.in.Poll = time.Second // the image fails before the first post is answered
		w.slowSlack(slow)
		w.ends("failed", removed, "")
		if w.rec.took > 2*time.Second+settleTime+finalBound || w.messages[0].posts != 2 {
			t.Errorf("slow %s: took %s, %d posts", slow, w.rec.took, w.messages[0].posts)
		}
	}
}

// What was to be told while a slow post was under way is not told behind the end's back.
func TestNothingIsToldAfterTheEnd(t *testing.T) {
	w := newWorld(t, "latest").withRefresh()
	w.in.Poll, w.faults["RefreshInstances"] = time.Second, refuses(activities.ErrForbidden)
	w.slowSlack(4 * time.Second)
	w.ends("failed", stays, image1+modes["latest"].published)
	if w.messages[0].posts != 2 {
		t.Errorf("%d posts", w.messages[0].posts)
	}
}

// A post that never comes back is given up when the work ends.
func TestHangingPostIsGivenUp(t *testing.T) {
	w := newWorld(t, "latest")
	w.fates[home], w.in.Poll = "failed", time.Second
	w.slowSlack(time.Minute)
	_, err := w.bake()
	if err == nil || w.rec.took > 2*time.Second+settleTime+time.Minute {
		t.Errorf("took %s: %v", w.rec.took, err)
	}
}

func TestSlackComesBack(t *testing.T) {
	for name, f := range map[string]fault{
		"before the end":            fails(3),
		"for the last message":      fails(6),
		"after the end":             fails(12),
		"first answer lost":         loses(1),
		"first post without answer": loses(5),
		"every answer but the last": loses(12),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "latest")
			w.faults["PostReport"] = f
			w.ends("done", published, image1+modes["latest"].published)
		})
	}
}

// SlackReport updates the bake's message also where it could not look for it.
func TestSlackComesBackAfterTheEnd(t *testing.T) {
	w := newWorld(t, "latest")
	w.blind = true
	w.env.RegisterDelayedCallback(func() { w.faults["PostReport"] = fails(8) }, 10*time.Second)
	w.ends("done", published, image1+modes["latest"].published)
	if w.rec.count("child SlackReport") != 1 {
		t.Errorf("%v", w.rec.commands)
	}
}

func TestSlackReportKeepsTrying(t *testing.T) {
	w := newWorld(t, "latest")
	w.faults["PostReport"] = fails(8)
	in := activities.PostReportInput{Channel: "C0123", Again: true, Report: activities.Report{RunID: "run", Headline: "How it ended"}}
	w.env.ExecuteWorkflow(SlackReport, in)
	if err := w.env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if len(w.messages) != 1 || w.messages[0].report.Headline != "How it ended" {
		t.Errorf("messages %+v", w.messages)
	}
	if w.rec.took < 3*time.Minute {
		t.Errorf("took %s: the attempts do not grow apart", w.rec.took)
	}
}

func TestRunURLIsEscaped(t *testing.T) {
	got := RunURL("https://ui", "a b", "bake/lt-1", "run")
	if want := "https://ui/namespaces/a%20b/workflows/bake%2Flt-1/run/history"; got != want {
		t.Errorf("%s, not %s", got, want)
	}
}
