package intake

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
)

// ServeHTTP answers Slack's request URL, /slack/interactions. A genuine request gets 200 within three seconds whatever becomes
// of the click: Slack shows people a warning otherwise, and nothing of what we would say.
// https://docs.slack.dev/interactivity/handling-user-interaction#acknowledgment_response
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.init()
	payload, err := d.genuine(w, r)
	if err != nil {
		code, status := httpCode(err)
		d.Counters.request("http", code)
		d.Log.Warn("a request was refused", "code", code, "reason", err, "from", r.RemoteAddr)
		http.Error(w, err.Error(), status)
		return
	}
	ack, code := d.take("http", payload)
	switch {
	case code != "":
		http.Error(w, "Epoxy is stopping: press again in a moment", http.StatusServiceUnavailable)
	case ack != nil:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_ = json.NewEncoder(w).Encode(ack)
	default:
		w.WriteHeader(http.StatusOK)
	}
}

var (
	errMethod  = errors.New("Slack posts: this address takes POST only")
	errType    = errors.New("Slack posts forms: this address takes application/x-www-form-urlencoded only")
	errPayload = errors.New("the form has no payload, or more than one")
)

// genuine reads and verifies a request, and returns its payload.
func (d *Door) genuine(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Method != http.MethodPost {
		return nil, errMethod
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, errType
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, ErrTooLarge
	}
	if err != nil {
		return nil, errPayload
	}
	if err := d.Verify.Verify(r.Header, body); err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form["payload"]) != 1 {
		return nil, errPayload
	}
	return []byte(form.Get("payload")), nil
}

func httpCode(err error) (code string, status int) {
	switch {
	case errors.Is(err, errMethod):
		return "wrong_method", http.StatusMethodNotAllowed
	case errors.Is(err, errType):
		return "wrong_type", http.StatusUnsupportedMediaType
	case errors.Is(err, ErrTooLarge):
		return "too_large", http.StatusRequestEntityTooLarge
	case errors.Is(err, ErrForged):
		return "forged", http.StatusUnauthorized
	case errors.Is(err, ErrLate):
		return "late", http.StatusUnauthorized
	case errors.Is(err, ErrReplayed):
		return "replayed", http.StatusConflict
	}
	return "bad_form", http.StatusBadRequest
}

// ServeHealth answers /healthz: 503 while the door is closed, or Socket Mode is wanted and not connected.
func (d *Door) ServeHealth(w http.ResponseWriter, _ *http.Request) {
	d.mu.Lock()
	closed := d.closed
	d.mu.Unlock()
	switch {
	case closed:
		http.Error(w, "stopping", http.StatusServiceUnavailable)
	case d.socket.Load() && !d.connected.Load():
		http.Error(w, "not connected to Slack", http.StatusServiceUnavailable)
	default:
		_, _ = io.WriteString(w, "ok\n")
	}
}
