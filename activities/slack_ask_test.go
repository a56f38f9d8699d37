package activities

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"epoxy/internal/artifact"
	"epoxy/internal/artifact/artifacttest"
	"epoxy/internal/policy"
	sandbox "epoxy/sandbox/slack" //nolint:depguard // a stand-in as strict as Slack, for this test only
)

func question() PostReportInput {
	in := postInput()
	in.Report.Outcome, in.Report.Headline = OutcomeAsking, "Delete 512 images (31.4 GiB)?"
	in.Report.Lists = []List{{Title: "From", Lines: []string{"shop/web: 500 of 600, 31.0 GiB", "shop/<b>: 12 & more"}}}
	in.Report.Ask = &Ask{Mode: policy.ApproveAsk, Plan: strings.Repeat("a", 64), RunID: "11111111-2222-4333-8444-555555555555", Until: time.Now(), Text: "Open until tomorrow."}
	return in
}

// buttons are a message's, by action.
func buttons(t *testing.T, m sandbox.Message) map[string]policy.Button {
	t.Helper()
	var blocks []struct {
		Type     string
		Elements []struct {
			Type, Value string
			ActionID    string `json:"action_id"`
		}
	}
	if err := json.Unmarshal(m.Blocks, &blocks); err != nil {
		t.Fatal(err)
	}
	out := map[string]policy.Button{}
	for _, b := range blocks {
		for _, e := range b.Elements {
			if e.Type != "button" {
				continue
			}
			var v policy.Button
			if err := json.Unmarshal([]byte(e.Value), &v); err != nil {
				t.Errorf("%s carries %q", e.ActionID, e.Value)
			}
			out[e.ActionID] = v
		}
	}
	return out
}

func TestQuestionHasButtonsUntilItIsDecided(t *testing.T) {
	for _, mode := range []string{policy.ApproveAsk, policy.ApproveVeto} {
		t.Run(mode, func(t *testing.T) {
			s, control := workspace(t)
			in := question()
			in.Report.Ask.Mode = mode
			posted := must[PostReportOutput](t)(attempt(t, s.PostReport, in))
			got := buttons(t, messages(t, control)[0])
			want := policy.Button{WorkflowID: in.Report.WorkflowID, RunID: in.Report.Ask.RunID, Plan: in.Report.Ask.Plan}
			for _, action := range []string{policy.DecideApprove, policy.DecideDeny, policy.ActionDetails} {
				if got[action] != want {
					t.Errorf("button %s carries %+v, want %+v", action, got[action], want)
				}
			}
			in.TS, in.Channel, in.Report.Ask = posted.TS, posted.Channel, nil
			must[PostReportOutput](t)(attempt(t, s.PostReport, in))
			if left := buttons(t, messages(t, control)[0]); len(left) != 0 {
				t.Errorf("a decided question still has %v", left)
			}
		})
	}
}

// stored writes a small plan and returns where it is.
func stored(t *testing.T, s *Slack) Attachment {
	t.Helper()
	bucket := artifacttest.New("artifacts")
	s.S3 = func(context.Context, Place) (artifact.API, error) { return bucket, nil }
	store := &artifact.Store{API: bucket, Bucket: "artifacts"}
	content := policy.PartContent{Name: "1/r/shop/web", Verdicts: []policy.Verdict{{ID: "sha256:" + strings.Repeat("c", 64), Tags: []string{"v1"}, Code: policy.VerdictDelete, Reason: "pushed 400 days ago"}}}
	part := must[artifact.Ref](t)(store.Put(t.Context(), kindPart, content))
	root := policy.Plan{
		Kind: policy.PlanOfImages, Policy: "shop", Made: time.Now(), ImageRules: &policy.ImageRules{MinAge: time.Hour, KeepNewest: 1},
		Parts: []policy.PlanPart{{Name: content.Name, Key: part.Key, SHA256: part.SHA256, Size: part.Bytes, Totals: policy.Totals{Images: 1, Delete: 1}}}, Totals: policy.Totals{Images: 1, Delete: 1},
	}
	return Attachment{Store: Store{Place: here, Bucket: "artifacts"}, Plan: must[artifact.Ref](t)(store.Put(t.Context(), kindPlan, root))}
}

func files(t *testing.T, control sandbox.Control) (names []string) {
	t.Helper()
	for _, m := range messages(t, control) {
		for _, f := range m.Files {
			names = append(names, f.Name)
		}
	}
	return names
}

func TestQuestionWithoutAPlanOffersNoDetails(t *testing.T) {
	s, control := workspace(t)
	in := question()
	in.Report.Ask.NoPlan = true
	must[PostReportOutput](t)(attempt(t, s.PostReport, in))
	m := messages(t, control)[0]
	if _, there := buttons(t, m)[policy.ActionDetails]; there || len(buttons(t, m)) != 2 || strings.Contains(string(m.Blocks), "veto") {
		t.Errorf("%s", m.Blocks)
	}
}

// A reason that is cut shows that it is, and whatever it is made of, it stays within its length.
func TestLongLinesAreMarked(t *testing.T) {
	for line, want := range map[string]string{
		strings.Repeat("x", lineChars):   strings.Repeat("x", lineChars),
		strings.Repeat("x", lineChars+1): strings.Repeat("x", lineChars-len(" …")) + " …",
		strings.Repeat("&", lineChars):   strings.Repeat("&amp;", 59) + " …",
		"a < b":                          "a &lt; b",
	} {
		if got := cutLine(line); got != want || len(got) > lineChars {
			t.Errorf("%.20s…: %s", line, got)
		}
	}
	blocks := listBlocks([]List{{Title: "Left alone", Lines: []string{strings.Repeat("y", 400), "short"}}})
	text, err := json.Marshal(blocks)
	if err != nil || !strings.Contains(string(text), `yyy …\n• short`) {
		t.Errorf("%s, %v", text, err)
	}
}

func TestPlanIsAttachedOnce(t *testing.T) {
	s, control := workspace(t)
	in := question()
	plan := stored(t, s)
	in.Attach = &plan
	posted := must[PostReportOutput](t)(attempt(t, s.PostReport, in))
	in.TS, in.Channel = posted.TS, posted.Channel
	again := must[PostReportOutput](t)(attempt(t, s.PostReport, in)) // an update, or a second attempt
	if !posted.Attached || !again.Attached {
		t.Errorf("the run is not told that the plan is attached: %+v, %+v", posted, again)
	}
	want := "plan-" + policy.ShortHash(plan.Plan.SHA256) + ".txt"
	if got := files(t, control); len(got) != 1 || got[0] != want {
		t.Errorf("attached %q, want %s once", got, want)
	}
	for _, m := range messages(t, control) {
		if len(m.Files) > 0 && m.ThreadTS != posted.TS {
			t.Errorf("the plan is in thread %q, not in the message's", m.ThreadTS)
		}
	}
}

// A plan that cannot be attached does not keep the report from being told.
func TestPlanThatCannotBeAttached(t *testing.T) {
	for name, stage := range map[string]func(t *testing.T, s *Slack, c sandbox.Control, a *Attachment){
		"tampered": func(_ *testing.T, _ *Slack, _ sandbox.Control, a *Attachment) {
			a.Plan.SHA256 = strings.Repeat("0", 64)
		},
		"no upload": func(t *testing.T, _ *Slack, c sandbox.Control, _ *Attachment) {
			fail(t, c, sandbox.Failure{Method: "files.getUploadURLExternal", Error: "missing_scope", Count: -1})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, control := workspace(t)
			in := question()
			plan := stored(t, s)
			stage(t, s, control, &plan)
			in.Attach = &plan
			if out, err := attempt(t, s.PostReport, in); err != nil || out.Attached {
				t.Errorf("the report was not told: %+v, %v", out, err)
			}
			if got := files(t, control); len(got) != 0 {
				t.Errorf("attached %q", got)
			}
		})
	}
}

// slowFiles never takes a file, and tells how long it would have been waited for.
type slowFiles struct {
	SlackAPI
	left time.Duration
}

func (s *slowFiles) UploadFileContext(ctx context.Context, _ slack.UploadFileParameters) (*slack.FileSummary, error) {
	if deadline, ok := ctx.Deadline(); ok {
		s.left = time.Until(deadline)
	}
	return nil, context.DeadlineExceeded
}

// An attachment that takes long must not use up the attempt's time: the message is posted, and would be posted again.
func TestASlowAttachmentDoesNotFailThePost(t *testing.T) {
	s, control := workspace(t)
	in := question()
	plan := stored(t, s)
	in.Attach = &plan
	files := &slowFiles{SlackAPI: s.Client}
	s.Client = files
	if out, err := attempt(t, s.PostReport, in); err != nil || out.TS == "" || out.Attached {
		t.Errorf("%+v, %v", out, err)
	}
	if files.left <= 0 || files.left > attachWithin {
		t.Errorf("the attachment may take %s, want at most %s", files.left, attachWithin)
	}
	if n := len(messages(t, control)); n != 1 {
		t.Errorf("%d messages", n)
	}
}

// A button that is called veto and denies would say another word than the report.
func TestToObjectIsToDeny(t *testing.T) {
	for _, mode := range []string{policy.ApproveAsk, policy.ApproveVeto} {
		s, control := workspace(t)
		in := question()
		in.Report.Ask.Mode = mode
		must[PostReportOutput](t)(attempt(t, s.PostReport, in))
		if text := string(messages(t, control)[0].Blocks); !strings.Contains(text, `"Deny"`) || strings.Contains(text, "Veto all") {
			t.Errorf("%s: %s", mode, text)
		}
	}
}

func TestPostReply(t *testing.T) {
	s, control := workspace(t)
	posted := must[PostReportOutput](t)(attempt(t, s.PostReport, question()))
	in := PostReplyInput{Channel: posted.Channel, TS: posted.TS, Key: "run/1", Text: "Still open: <!channel>"}
	fail(t, control, sandbox.Failure{Method: "chat.postMessage", Lost: true})
	if _, err := attempt(t, silent(s.PostReply), in); err == nil {
		t.Fatal("the lost answer was not noticed")
	}
	if _, err := attempt(t, silent(s.PostReply), in); err != nil {
		t.Fatal(err)
	}
	var replies []sandbox.Message
	for _, m := range messages(t, control) {
		if m.ThreadTS == posted.TS && m.TS != posted.TS {
			replies = append(replies, m)
		}
	}
	if len(replies) != 1 || !replies[0].Broadcast || strings.Contains(replies[0].Text, "<!channel>") {
		t.Errorf("replies %+v", replies)
	}
}
