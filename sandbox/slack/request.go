package slack

import (
	"crypto/subtle"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// args of a call. Nested values (blocks, metadata) are JSON text, as they are in a form.
type args map[string]string

func (a args) has(name string) bool { _, ok := a[name]; return ok }

func (a args) truth(name string) bool {
	b, _ := strconv.ParseBool(a[name])
	return b
}

// parse reads arguments from the query and from a form or JSON body.
// https://docs.slack.dev/apis/web-api/#post-bodies
func parse(r *http.Request) (args, error) {
	r.Body = http.MaxBytesReader(nil, r.Body, 4<<20)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	a := args{}
	if kind == "application/json" {
		return a, a.fromJSON(r.Body)
	}
	var err error
	if kind == "multipart/form-data" {
		err = r.ParseMultipartForm(4 << 20)
	} else {
		err = r.ParseForm()
	}
	if err != nil {
		return nil, refuse("invalid_form_data")
	}
	for name, values := range r.Form {
		a[name] = values[0]
	}
	return a, nil
}

func (a args) fromJSON(body io.Reader) error {
	data, err := io.ReadAll(body)
	if err != nil || !json.Valid(data) {
		return refuse("invalid_json")
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil {
		return refuse("json_not_object")
	}
	for name, raw := range fields {
		var text string
		switch {
		case string(raw) == "null":
		case json.Unmarshal(raw, &text) == nil:
			a[name] = text
		default:
			a[name] = string(raw)
		}
	}
	// Slack reads a token from a form or the header, never from JSON.
	delete(a, "token")
	return nil
}

func (s *Server) authenticate(r *http.Request, a args) error {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		token = a["token"]
	}
	if token == "" {
		return refuse("not_authed")
	}
	if subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) != 1 {
		return refuse("invalid_auth")
	}
	return nil
}
