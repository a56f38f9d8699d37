package intake

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/slack-go/slack"
)

// fakeSlack takes what the door says, at response URLs and through the API.
type fakeSlack struct {
	*httptest.Server
	mu        sync.Mutex
	told      []slack.WebhookMessage
	ephemeral []string
	views     []slack.ModalViewRequest
	openErr   error
	hold      chan struct{} // response URLs answer when it closes
	status    int
}

func newFakeSlack(t *testing.T) *fakeSlack {
	f := &fakeSlack{status: http.StatusOK}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.hold != nil {
			<-f.hold
		}
		var message slack.WebhookMessage
		if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
			t.Error(err)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		w.WriteHeader(f.status)
		if f.status == http.StatusOK {
			f.told = append(f.told, message)
		}
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeSlack) OpenViewContext(_ context.Context, _ string, view slack.ModalViewRequest) (*slack.ViewResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.views = append(f.views, view)
	return &slack.ViewResponse{View: slack.View{ID: "V1"}}, f.openErr
}

func (f *fakeSlack) UpdateViewContext(_ context.Context, view slack.ModalViewRequest, _, _, id string) (*slack.ViewResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if id == "V1" {
		f.views = append(f.views, view)
	}
	return &slack.ViewResponse{}, nil
}

func (f *fakeSlack) PostEphemeralContext(_ context.Context, channel, user string, options ...slack.MsgOption) (string, error) {
	_, values, err := slack.UnsafeApplyMsgOptions("", channel, "", options...)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ephemeral = append(f.ephemeral, user+": "+values.Get("text"))
	return "", err
}

// texts are what people were told, through response URLs.
func (f *fakeSlack) texts() (out []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.told {
		out = append(out, m.Text)
	}
	return out
}

// testDoor is a door in front of a Decide, with somebody to knock.
type testDoor struct {
	*Door
	t     *testing.T
	url   string
	slack *fakeSlack

	registry *prometheus.Registry
}

func newDoor(t *testing.T, decide func(context.Context, Click) (Answer, error)) *testDoor {
	t.Helper()
	fake := newFakeSlack(t)
	registry := prometheus.NewRegistry()
	counters, err := NewCounters(registry)
	if err != nil {
		t.Fatal(err)
	}
	d := &Door{
		Verify: &Verifier{SigningSecret: secret}, Decide: decide, API: fake, APIURL: fake.URL + "/api/", Counters: counters,
		Details: func(context.Context, Value) (string, error) { return "keep  sha256:1\ngo    sha256:2\n", nil },
		Log:     slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	web := httptest.NewServer(d)
	t.Cleanup(web.Close)
	return &testDoor{d, t, web.URL, fake, registry}
}

func (d *testDoor) payload(of object) string {
	if of["type"] == "block_actions" {
		of["response_url"] = d.slack.URL + "/actions/T/A/x"
	} else if view, ok := of["view"].(object); ok {
		view["private_metadata"] = strings.ReplaceAll(view["private_metadata"].(string), "https://hooks.slack.com", d.slack.URL)
	}
	data, err := json.Marshal(of)
	if err != nil {
		d.t.Fatal(err)
	}
	return url.Values{"payload": {string(data)}}.Encode()
}

func (d *testDoor) send(header http.Header, body string) (int, string) {
	d.t.Helper()
	req, _ := http.NewRequestWithContext(d.t.Context(), http.MethodPost, d.url, strings.NewReader(body))
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data)
}

// knock sends a genuine request, which is answered whatever happens.
func (d *testDoor) knock(of object) (int, string) {
	d.t.Helper()
	body := d.payload(of)
	return d.send(signed(secret, time.Now(), body), body)
}

// settled waits for what goes on in the background.
func (d *testDoor) settled() {
	d.t.Helper()
	if err := d.Shutdown(d.t.Context()); err != nil {
		d.t.Error(err)
	}
}

// counted reads a counter by the values of its two labels.
func (d *testDoor) counted(of, result string) (n float64) {
	d.t.Helper()
	families, err := d.registry.Gather()
	if err != nil {
		d.t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if l := m.GetLabel(); l[0].GetValue() == of && l[1].GetValue() == result {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}

func yes(text string) func(context.Context, Click) (Answer, error) {
	return func(context.Context, Click) (Answer, error) { return Answer{text}, nil }
}
