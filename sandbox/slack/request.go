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
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, refuse("invalid_json")
		}
		return a, a.fromJSON(data)
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

func (a args) fromJSON(data []byte) error {
	if len(data) == 0 { // a method without arguments
		return nil
	}
	if !json.Valid(data) {
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

// authenticate checks the bot token, or the app-level token for the one method that takes it.
func (s *Server) authenticate(method string, r *http.Request, a args) error {
	wanted, other := s.options.Token, s.options.AppToken
	if method == "apps.connections.open" {
		wanted, other = other, wanted
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		token = a["token"]
	}
	if token == "" {
		return refuse("not_authed")
	}
	same := func(a, b string) bool { return b != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
	switch {
	case same(token, wanted):
		return nil
	case same(token, other):
		return refuse("not_allowed_token_type")
	}
	return refuse("invalid_auth")
}
