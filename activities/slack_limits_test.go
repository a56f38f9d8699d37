package activities

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	sandbox "epoxy/sandbox/slack" //nolint:depguard // a stand-in as strict as Slack, for this test only
)

// anyText is what may come from outside: short or far too long, with mentions, markup and broken characters.
var anyText = rapid.OneOf(
	rapid.String(),
	rapid.Custom(func(t *rapid.T) string {
		piece := rapid.SampledFrom([]string{"a", "é", "🚀", "&", "<!channel>", "<@U0EPOXY000>", "<https://evil.example|login>", "&lt;", "\n", "`", "*", "|", "\xff", "\x00", "x y "}).Draw(t, "piece")
		return strings.Repeat(piece, rapid.IntRange(0, 5000).Draw(t, "times"))
	}),
)

func anyReport(t *rapid.T) Report {
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		return begun.Add(time.Duration(rapid.IntRange(0, 1e6).Draw(t, "second")) * time.Second)
	})
	states := rapid.SampledFrom([]string{StepAhead, StepRunning, StepDone, StepFailed, ""})
	r := Report{
		Title: anyText.Draw(t, "title"), Headline: anyText.Draw(t, "headline"), Reason: anyText.Draw(t, "reason"),
		Outcome:    rapid.SampledFrom([]string{OutcomeRunning, OutcomeDone, OutcomeFailed, OutcomeCancelled, OutcomeRolledBack, ""}).Draw(t, "outcome"),
		WorkflowID: anyText.Draw(t, "workflow"), RunID: rapid.StringN(0, 36, -1).Draw(t, "run"), Begun: begun,
	}
	if rapid.Bool().Draw(t, "with URL") {
		letters := rapid.SampledFrom([]string{"abcdefgh%/-", "abcdefgh%/<|>"}).Draw(t, "letters")
		r.URL = "https://temporal.example.com/" + rapid.StringOfN(rapid.RuneFrom([]rune(letters)), 0, 3500, -1).Draw(t, "path")
	}
	for range rapid.IntRange(0, 40).Draw(t, "steps") {
		r.Steps = append(r.Steps, Step{Name: anyText.Draw(t, "step"), Note: anyText.Draw(t, "note"), State: states.Draw(t, "state"), Begun: begun, Ended: moment.Draw(t, "ended")})
	}
	for range rapid.IntRange(0, 20).Draw(t, "facts") {
		r.Facts = append(r.Facts, Fact{Name: anyText.Draw(t, "fact"), Value: anyText.Draw(t, "value")})
	}
	if rapid.Bool().Draw(t, "over") {
		r.Ended = moment.Draw(t, "ended")
	}
	return r
}

// ownLink is the one link in a message that Epoxy makes.
var ownLink = regexp.MustCompile(`^<https://temporal\.example\.com/[^<>|]*\|[^<>]*>`)

// Whatever a report says, Slack takes it, as a new message and as an update, and it makes nobody's phone ring.
func TestPostReportTakesAnyReport(t *testing.T) {
	s, control := workspace(t)
	ctx := t.Context()
	rapid.Check(t, func(t *rapid.T) {
		if err := control.Reset(ctx); err != nil {
			t.Fatal(err)
		}
		in := PostReportInput{Channel: channel, Report: anyReport(t)}
		for _, about := range []string{"a post", "an update"} {
			out, err := s.send(ctx, in)
			if err != nil {
				t.Fatalf("%s: %v %+v", about, err, err)
			}
			in.TS = out.TS
		}
		m := must[[]sandbox.Message](t)(control.Messages(ctx, ""))[0]
		if strings.ContainsAny(m.Text, "<>") {
			t.Fatalf("the text has markup: %q", m.Text)
		}
		for at, text := range texts(t, m.Blocks) {
			if at == "/0/text" {
				text = strings.ReplaceAll(text, "\n>", "\n") // of a quotation
			}
			if rest := ownLink.ReplaceAllString(text, ""); strings.ContainsAny(rest, "<>") {
				t.Fatalf("%s has markup: %q", at, text)
			}
			if rest := entity.ReplaceAllString(text, ""); strings.Contains(rest, "&") && !ownLink.MatchString(text) {
				t.Fatalf("%s has half an entity: %q", at, text)
			}
		}
	})
}

var entity = regexp.MustCompile(`&(amp|lt|gt);`)

// One long note does not push the other steps out, and a link that is too long for Slack not the whole message.
func TestPostReportShowsEveryStep(t *testing.T) {
	s, control := workspace(t)
	in := postInput()
	in.Report.Steps, in.Report.URL = nil, "https://temporal.example.com/"+strings.Repeat("a", 3000)
	for i := range 9 {
		in.Report.Steps = append(in.Report.Steps, Step{Name: fmt.Sprint("Step ", i), Note: strings.Repeat("é", 5000), State: StepDone})
	}
	if _, err := attempt(t, s.PostReport, in); err != nil {
		t.Fatal(err)
	}
	for i := range 9 {
		if got := texts(t, messages(t, control)[0].Blocks)["/1/text"]; !strings.Contains(got, fmt.Sprint("Step ", i)) {
			t.Errorf("step %d is missing in %q", i, got)
		}
	}
}

func TestPostReportEscapesMentions(t *testing.T) {
	s, control := workspace(t)
	const bad = "<!channel> <@U1|x> & <https://evil.example|login>"
	const good = "&lt;!channel&gt; &lt;@U1|x&gt; &amp; &lt;https://evil.example|login&gt;"
	in := postInput()
	in.Report = Report{Title: bad, Headline: bad, Reason: bad, Steps: []Step{{Name: bad, Note: bad}}, Facts: []Fact{{bad, bad}}, WorkflowID: bad}
	if _, err := attempt(t, s.PostReport, in); err != nil {
		t.Fatal(err)
	}
	m := messages(t, control)[0]
	for at, text := range texts(t, m.Blocks) {
		if n := strings.Count(text, good); n == 0 || strings.Contains(text, "<!") {
			t.Errorf("%s: %q", at, text)
		}
	}
	if m.Text != good+": "+good {
		t.Errorf("the text is %q", m.Text)
	}
}
