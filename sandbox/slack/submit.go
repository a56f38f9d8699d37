package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// submission makes the payload of a press on submit, after the checks that Slack's own clients make.
// https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload
func (s *Server) submission(in Submission) (*Delivery, error) {
	v := s.view(in.ViewID)
	if v == nil || v.Closed {
		return nil, fmt.Errorf("no view %q is open", in.ViewID)
	}
	u, ok := s.user(in.UserID)
	if !ok || u.ID != v.User {
		return nil, fmt.Errorf("the view is %s's, and %q cannot see it", v.User, in.UserID)
	}
	if v.Submit == nil {
		return nil, errors.New("the view has no submit button")
	}
	inputs := v.inputs()
	for block, actions := range in.Values {
		for action := range actions {
			if found, ok := inputs[block]; !ok || found.action != action {
				return nil, fmt.Errorf("the view has no input %q in a block %q", action, block)
			}
		}
	}
	v.State = map[string]map[string]string{}
	for block, wanted := range inputs {
		value := in.Values[block][wanted.action]
		switch n := utf8.RuneCountInString(value); {
		case n > wanted.most:
			return nil, fmt.Errorf("%q takes %d characters, not %d", block, wanted.most, n)
		case strings.TrimSpace(value) == "" && !wanted.optional:
			return nil, fmt.Errorf("%q must be filled in", block)
		}
		v.State[block] = map[string]string{wanted.action: value}
	}
	payload, d := s.base("view_submission", u)
	d.ViewID = v.ID
	payload["view"], payload["response_urls"] = v.wire(), []any{}
	return s.finish(d, payload)
}

const unanswered = "we had some trouble connecting; try again?" // what Slack shows in a view

// answered does what the app's acknowledgement of a submission asks for, and returns what Slack shows if that was wrong.
// https://docs.slack.dev/surfaces/modals/#modifying
func (v *View) answered(d *Delivery) string {
	if d.Problem != "" {
		return d.Problem
	}
	v.Errors = nil
	var answer struct {
		Action string            `json:"response_action"`
		Errors map[string]string `json:"errors"`
		View   json.RawMessage   `json:"view"`
	}
	if strings.TrimSpace(d.Body) == "" {
		v.Closed = true
		return ""
	}
	if json.Unmarshal([]byte(d.Body), &answer) != nil {
		return unanswered
	}
	switch answer.Action {
	case "", "clear":
		v.Closed = true
	case "errors":
		inputs := v.inputs()
		for block := range answer.Errors {
			if _, ok := inputs[block]; !ok {
				return unanswered + " (errors for a block that is no input: " + block + ")"
			}
		}
		v.Errors = answer.Errors
	case "update":
		source, err := readView(string(answer.View))
		if err != nil {
			return unanswered + " (" + err.Error() + ")"
		}
		v.viewSource = source
	default:
		return unanswered + " (response_action " + answer.Action + " is not supported here)"
	}
	return ""
}
