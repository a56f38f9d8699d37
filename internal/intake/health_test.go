package intake

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestHealth(t *testing.T) {
	d := newDoor(t, yes(""))
	status := func() int {
		w := httptest.NewRecorder()
		d.ServeHealth(w, httptest.NewRequest(http.MethodGet, "/healthz", nil))
		return w.Code
	}
	if got := status(); got != 200 {
		t.Errorf("open: %d", got)
	}
	d.socket.Store(true)
	if got := status(); got != 503 {
		t.Errorf("Socket Mode not connected: %d", got)
	}
	d.connected.Store(true)
	if got := status(); got != 200 {
		t.Errorf("connected: %d", got)
	}
	d.settled()
	if got := status(); got != 503 {
		t.Errorf("closed: %d", got)
	}
}
