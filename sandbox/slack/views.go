package slack

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Limits of views. https://docs.slack.dev/reference/views/modal-views
const (
	maxViewTitle = 24
	maxViewBytes = 250 << 10
	maxPrivate   = 3000
)

// A View is a modal that somebody has open.
type View struct {
	ID     string                       `json:"id"`
	User   string                       `json:"user"`
	Hash   string                       `json:"hash"`
	Errors map[string]string            `json:"errors,omitempty"` // by block_id: what the last submission got
	State  map[string]map[string]string `json:"state,omitempty"`  // what the last submission had
	Closed bool                         `json:"closed,omitempty"`
	viewSource
}

// viewSource is what an app says of a view.
type viewSource struct {
	Type            string           `json:"type"`
	Title           map[string]any   `json:"title"`
	Submit          map[string]any   `json:"submit,omitempty"`
	Close           map[string]any   `json:"close,omitempty"`
	Blocks          []map[string]any `json:"blocks"`
	CallbackID      string           `json:"callback_id"`
	PrivateMetadata string           `json:"private_metadata"`
	ExternalID      string           `json:"external_id"`
}

// https://docs.slack.dev/reference/methods/views.open
func (s *Server) openView(_ *http.Request, a args) (reply, error) {
	t := s.triggers[a["trigger_id"]]
	switch {
	case t == nil:
		return nil, refuse("invalid_trigger_id")
	case t.used:
		return nil, refuse("exchanged_trigger_id")
	case s.now().Sub(t.at) > triggerLasts:
		return nil, refuse("expired_trigger_id")
	}
	source, err := readView(a["view"])
	if err != nil {
		return nil, err
	}
	if source.ExternalID != "" && s.externalView(source.ExternalID) != nil {
		return nil, refuse("duplicate_external_id")
	}
	t.used = true
	v := &View{ID: "V0" + strconv.FormatInt(s.now().UnixMilli(), 10) + strconv.Itoa(len(s.views)), User: t.user, viewSource: source}
	v.Hash = s.stamp()
	s.views = append(s.views, v)
	return reply{"view": v.wire()}, nil
}

// https://docs.slack.dev/reference/methods/views.update
func (s *Server) updateView(_ *http.Request, a args) (reply, error) {
	v := s.view(a["view_id"])
	if v == nil {
		v = s.externalView(a["external_id"])
	}
	if v == nil || v.Closed {
		return nil, refuse("not_found")
	}
	if a["hash"] != "" && a["hash"] != v.Hash {
		return nil, refuse("hash_conflict")
	}
	source, err := readView(a["view"])
	if err != nil {
		return nil, err
	}
	v.viewSource, v.Hash, v.Errors = source, s.stamp(), nil
	return reply{"view": v.wire()}, nil
}

func readView(text string) (source viewSource, err error) {
	if len(text) > maxViewBytes {
		return source, refuse("view_too_large")
	}
	if json.Unmarshal([]byte(text), &source) != nil {
		return source, refuse("invalid_arguments", "failed to match all allowed schemas [json-pointer:/view]")
	}
	b := gather(source.Blocks, maxViewBlocks)
	if source.Type != "modal" {
		b.fail("/view/type", "unsupported type: %s", source.Type)
	}
	b.textObject(source.Title, "/view/title", maxViewTitle, "plain_text")
	for name, object := range map[string]map[string]any{"submit": source.Submit, "close": source.Close} {
		if object != nil {
			b.textObject(object, "/view/"+name, maxViewTitle, "plain_text")
		}
	}
	if b.inputs > 0 && source.Submit == nil {
		b.fail("/view/submit", "missing required field: submit") // a view with an input block needs one
	}
	if utf8.RuneCountInString(source.PrivateMetadata) > maxPrivate {
		b.length(source.PrivateMetadata, "/view/private_metadata", maxPrivate)
	}
	b.length(source.CallbackID, "/view/callback_id", maxID)
	b.length(source.ExternalID, "/view/external_id", maxID)
	if len(b.problems) > 0 {
		return source, refuse("invalid_arguments", b.problems...)
	}
	return source, nil
}

func (s *Server) view(id string) *View {
	return s.findView(func(v *View) bool { return id != "" && v.ID == id })
}

func (s *Server) externalView(id string) *View {
	return s.findView(func(v *View) bool { return id != "" && v.ExternalID == id })
}

func (s *Server) findView(is func(*View) bool) *View {
	if i := slices.IndexFunc(s.views, is); i >= 0 {
		return s.views[i]
	}
	return nil
}

// wire is a view the way the Web API returns it.
func (v *View) wire() reply {
	values := reply{}
	for block, actions := range v.State {
		typed := reply{}
		for action, value := range actions {
			typed[action] = reply{"type": "plain_text_input", "value": orNull(value)}
		}
		values[block] = typed
	}
	out := reply{
		"id": v.ID, "team_id": teamID, "type": v.Type, "title": v.Title, "submit": nil, "close": nil, "blocks": v.Blocks,
		"private_metadata": v.PrivateMetadata, "callback_id": v.CallbackID, "external_id": v.ExternalID,
		"state": reply{"values": values}, "hash": v.Hash, "clear_on_close": false, "notify_on_close": false,
		"root_view_id": v.ID, "previous_view_id": nil, "app_id": appID, "bot_id": botID, "app_installed_team_id": teamID,
	}
	if v.Submit != nil {
		out["submit"] = v.Submit
	}
	if v.Close != nil {
		out["close"] = v.Close
	}
	return out
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// inputs are the view's text inputs by block_id.
func (v *View) inputs() map[string]input {
	out := map[string]input{}
	for _, block := range v.Blocks {
		if block["type"] != "input" {
			continue
		}
		id, _ := block["block_id"].(string)
		element, _ := block["element"].(map[string]any)
		action, _ := element["action_id"].(string)
		most, _ := element["max_length"].(float64)
		optional, _ := block["optional"].(bool)
		out[id] = input{action, int(cmp.Or(most, maxInputText)), optional}
	}
	return out
}

type input struct {
	action   string
	most     int
	optional bool
}
