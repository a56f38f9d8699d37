package chef

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// world is a gate before a server that notes what reaches it.
func world(t *testing.T) (gate string, reached *[]string) {
	t.Helper()
	reached = &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*reached = append(*reached, r.Method+" "+r.URL.String()+" "+r.Header.Get("X-Ops-Userid"))
		_, _ = io.WriteString(w, `{"name":"web-1"}`)
	}))
	t.Cleanup(server.Close)
	g, err := New(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(g)
	t.Cleanup(front.Close)
	return front.URL, reached
}

// ask returns the status and the body; 0 when no answer came.
func ask(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Ops-Userid", "admin")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func TestGatePassesOnAndCounts(t *testing.T) {
	gate, reached := world(t)
	if status, text := ask(t, http.MethodGet, gate+"/nodes/web-1?x=a%2Fb", ""); status != http.StatusOK || text != `{"name":"web-1"}` {
		t.Errorf("%d %s", status, text)
	}
	ask(t, http.MethodDelete, gate+"/nodes/web-1", "")
	if got := strings.Join(*reached, "|"); got != "GET /nodes/web-1?x=a%2Fb admin|DELETE /nodes/web-1 admin" {
		t.Errorf("the server got %s", got)
	}
	_, text := ask(t, http.MethodGet, gate+"/epoxy/calls", "")
	var calls map[string]int
	if err := json.Unmarshal([]byte(text), &calls); err != nil || calls["nodes.GET"] != 1 || calls["nodes.DELETE"] != 1 || len(calls) != 2 {
		t.Errorf("calls %s, %v", text, err)
	}
	ask(t, http.MethodDelete, gate+"/epoxy/calls", "")
	if _, text := ask(t, http.MethodGet, gate+"/epoxy/calls", ""); strings.TrimSpace(text) != "{}" {
		t.Errorf("after it forgot them: %s", text)
	}
}

func TestGateFailsOnDemand(t *testing.T) {
	gate, reached := world(t)
	add := func(fault string) {
		t.Helper()
		if status, text := ask(t, http.MethodPost, gate+"/epoxy/faults", fault); status != http.StatusOK {
			t.Fatalf("%s: %d %s", fault, status, text)
		}
	}
	add(`{"operation":"nodes.*","kind":"error","skip":1,"count":2,"match":"web-1"}`)
	for i, want := range []int{200, 503, 503, 200} {
		if status, _ := ask(t, http.MethodGet, gate+"/nodes/web-1", ""); status != want {
			t.Errorf("call %d: %d, want %d", i, status, want)
		}
	}
	add(`{"operation":"clients.DELETE","kind":"lost"}`)
	add(`{"operation":"*","kind":"latency","latency_ms":1}`)
	before := len(*reached)
	if status, _ := ask(t, http.MethodDelete, gate+"/clients/web-1", ""); status != 0 {
		t.Errorf("the lost answer came: %d", status)
	}
	if len(*reached) != before+1 {
		t.Error("what is answered into the void was not done")
	}
	add(`{"operation":"*","kind":"throttle","count":-1,"match":"web-2"}`)
	for range 3 {
		if status, _ := ask(t, http.MethodGet, gate+"/nodes/web-2", ""); status != http.StatusTooManyRequests {
			t.Errorf("throttled: %d", status)
		}
	}
	ask(t, http.MethodDelete, gate+"/epoxy/faults?match=web-2", "")
	if status, _ := ask(t, http.MethodGet, gate+"/nodes/web-2", ""); status != http.StatusOK {
		t.Errorf("healed: %d", status)
	}
	for _, wrong := range []string{`{}`, `{"operation":"*","kind":"fire"}`, `{"operation":"*","kind":"lost","colour":1}`} {
		if status, text := ask(t, http.MethodPost, gate+"/epoxy/faults", wrong); status != http.StatusBadRequest || !strings.Contains(text, "lost") {
			t.Errorf("%s: %d %s", wrong, status, text)
		}
	}
}

func TestGateBeforeNobody(t *testing.T) {
	if _, err := New("127.0.0.1"); err == nil {
		t.Error("an address without http:// was taken")
	}
	g, err := New("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	g.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/nodes", nil))
	if answer.Code != http.StatusBadGateway {
		t.Errorf("answers %d", answer.Code)
	}
}
