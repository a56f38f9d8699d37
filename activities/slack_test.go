package activities

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"pgregory.net/rapid"

	sandbox "epoxy/sandbox/slack" //nolint:depguard // a stand-in as strict as Slack, for this test only
)

const (
	token   = "xoxb-sandbox-test"
	channel = "C0123456789"
)

// workspace is a stand-in for Slack with Epoxy in front of it.
func workspace(t testing.TB) (*Slack, sandbox.Control) {
	t.Helper()
	web := httptest.NewServer(sandbox.New(token))
	t.Cleanup(web.Close)
	return &Slack{Client: slack.New(token, slack.OptionAPIURL(web.URL+"/api/"))}, sandbox.Control{URL: web.URL}
}

func postInput() PostReportInput { return PostReportInput{Channel: channel, Report: report()} }

func messages(t testing.TB, c sandbox.Control) []sandbox.Message {
	t.Helper()
	return must[[]sandbox.Message](t)(c.Messages(t.Context(), ""))
}

func fail(t testing.TB, c sandbox.Control, f sandbox.Failure) {
	t.Helper()
	if err := c.Fail(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func TestPostReport(t *testing.T) {
	s, control := workspace(t)
	in := postInput()
	in.Channel = "#deploys"
	first, err := attempt(t, s.PostReport, in)
	if err != nil || !strings.HasPrefix(first.Channel, "C") || first.TS == "" {
		t.Fatalf("posted %+v: %v", first, err)
	}
	in.Channel, in.TS, in.Report.Headline = first.Channel, first.TS, "Done"
	second, err := attempt(t, s.PostReport, in)
	if err != nil || second != first {
		t.Errorf("updated %+v, want %+v: %v", second, first, err)
	}
	all := messages(t, control)
	if len(all) != 1 || all[0].Edits != 1 || all[0].Text != "Bake vg/shop/web/prod/a: Done" || !strings.Contains(string(all[0].Metadata), `"run_id":"r-1"`) {
		t.Errorf("left %+v", all)
	}
	if got := string(all[0].Earlier[0].Blocks); !strings.Contains(got, "Failed. Image") || strings.Contains(string(all[0].Blocks), "Failed. Image") {
		t.Errorf("blocks were %s", got)
	}
}

func TestPostReportFailures(t *testing.T) {
	for about, c := range map[string]struct {
		fail sandbox.Failure
		want what
	}{
		"rate limited":    {sandbox.Failure{Status: 429, RetryAfter: 17}, what{kind: ErrThrottled, benign: true, after: 17 * time.Second, says: "Slack asks to wait 17s"}},
		"down":            {sandbox.Failure{Status: 500}, what{}},
		"overloaded":      {sandbox.Failure{Status: 503}, what{}},
		"its own trouble": {sandbox.Failure{Error: "internal_error"}, what{says: "internal_error"}},
		"an answer lost":  {sandbox.Failure{Lost: true}, what{}},
	} {
		s, control := workspace(t)
		fail(t, control, c.fail)
		_, err := attempt(t, s.PostReport, postInput())
		wantError(t, about, err, c.want)
		if _, err := attempt(t, s.PostReport, postInput()); err != nil {
			t.Errorf("%s, then well: %v", about, err)
		}
	}
	for code, help := range slackHelp {
		s, control := workspace(t)
		fail(t, control, sandbox.Failure{Error: code})
		_, err := attempt(t, s.PostReport, postInput())
		wantError(t, code, err, refused(ErrInvalid, "Slack refused the message to "+channel+" ("+code+"): "+help))
	}
	for wrong, want := range map[string]string{"xoxb-other": "(invalid_auth): the token is wrong: check slack.token", "": "(not_authed): the token is empty"} {
		_, control := workspace(t)
		s := &Slack{Client: slack.New(wrong, slack.OptionAPIURL(control.URL+"/api/"))}
		_, err := attempt(t, s.PostReport, postInput())
		wantError(t, wrong, err, refused(ErrInvalid, want))
		if wrong != "" && strings.Contains(err.Error(), wrong) {
			t.Errorf("the token is in the error: %v", err)
		}
	}
	_, err := attempt(t, (&Slack{}).PostReport, postInput())
	wantError(t, "no token", err, refused(ErrInvalid, "this worker has no Slack token: set slack.token…EPOXY_SLACK_TOKEN"))
}

func TestPostReportInPlaceOfADeletedMessage(t *testing.T) {
	s, control := workspace(t)
	_, _ = attempt(t, s.PostReport, postInput()) // there is a channel
	in := postInput()
	in.TS = "1700000000.000100"
	out, err := attempt(t, s.PostReport, in)
	if all := messages(t, control); err != nil || len(all) != 2 || out.TS != all[1].TS {
		t.Errorf("posted %+v of %d messages: %v", out, len(all), err)
	}
}

func TestPostReportAfterALostAnswer(t *testing.T) {
	for about, c := range map[string]struct {
		channel string
		again   bool
		blind   bool // may not read the channel
		left    int
	}{
		"asked again":              {channel, true, false, 1},
		"a name tells nothing":     {"#deploys", true, false, 2},
		"history is not allowed":   {channel, true, true, 2},
		"nobody says it may be so": {channel, false, false, 2},
	} {
		s, control := workspace(t)
		other := postInput()
		other.Channel, other.Report.RunID = c.channel, "r-other"
		before, err := attempt(t, s.PostReport, other)
		if err != nil {
			t.Fatal(err)
		}
		fail(t, control, sandbox.Failure{Method: "chat.postMessage", Lost: true})
		in := postInput()
		in.Channel = c.channel
		_, err = attempt(t, s.PostReport, in)
		wantError(t, about, err, what{})
		other.Report.RunID = "r-later" // and the newest message is another run's, too
		later, err := attempt(t, s.PostReport, other)
		if err != nil {
			t.Fatal(err)
		}
		if c.blind {
			fail(t, control, sandbox.Failure{Method: "conversations.history", Error: "missing_scope"})
		}
		in.Again, in.Report.Headline = c.again, "Done"
		out, err := attempt(t, s.PostReport, in)
		all := messages(t, control) // before, lost, later, and where that was not found one more
		if err != nil || len(all) != 2+c.left || out.TS != map[int]string{1: all[1].TS, 2: all[len(all)-1].TS}[c.left] {
			t.Errorf("%s: %d messages, answered %+v: %v", about, len(all), out, err)
		}
		if all[0].TS != before.TS || all[0].Edits > 0 || all[2].TS != later.TS || all[2].Edits > 0 {
			t.Errorf("%s: another run's message was changed: %+v", about, all)
		}
	}
}

// A second attempt of the same call finds the message of the first.
func TestPostReportIsTriedAgain(t *testing.T) {
	s, control := workspace(t)
	fail(t, control, sandbox.Failure{Method: "chat.postMessage", Lost: true})
	_, err := retried(t, s.PostReport, postInput())
	if all := messages(t, control); err != nil || len(all) != 1 || all[0].Edits != 1 {
		t.Errorf("left %+v: %v", all, err)
	}
}

// texts are all texts of a message's blocks, by where they are.
func texts(t rapid.TB, blocks json.RawMessage) map[string]string {
	t.Helper()
	var tree any
	if err := json.Unmarshal(blocks, &tree); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case []any:
			for i, x := range v {
				walk(fmt.Sprint(at, "/", i), x)
			}
		case map[string]any:
			if s, ok := v["text"].(string); ok {
				if v["type"] == "mrkdwn" && v["verbatim"] != true {
					t.Errorf("Slack makes links and mentions of plain words in %s", at)
				}
				out[at] = s
			}
			for k, x := range v {
				walk(at+"/"+k, x)
			}
		}
	}
	walk("", tree)
	return out
}

func TestPostReportReadsWell(t *testing.T) {
	s, control := workspace(t)
	if _, err := attempt(t, s.PostReport, postInput()); err != nil {
		t.Fatal(err)
	}
	const want = `:rotating_light: *Bake vg/shop/web/prod/a*
Failed. Image and snapshots are removed
>image ami-1 ended as "failed": no space
:white_check_mark: Check — instance is running  _1 s_
:white_check_mark: Create image — ami-1  _41 s_
:x: Wait  _1 h 07 min_
:white_small_square: Publish
:hourglass_flowing_sand: Remove

*Instance*
` + "`i-0123456789abcdef0`" + `
*Image*
` + "`ami-1`" + `
<https://temporal.example.com/namespaces/default/workflows/bake%2Flt-0123456789abcdef0/r-1/history|bake/lt-0123456789abcdef0> · took 1 h 07 min`
	parts := texts(t, messages(t, control)[0].Blocks)
	lines := make([]string, 0, len(parts))
	for _, at := range slices.Sorted(maps.Keys(parts)) {
		lines = append(lines, parts[at])
	}
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("it reads\n%s\nwant\n%s", got, want)
	}
}
