package intake

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

type object = map[string]any

const planSum = "1b4f0e9851971998e732078544c96b36c3d01cedf7caa332359d6f1d83567014"

func valueOf(workflow, plan string) string {
	data, _ := json.Marshal(Value{WorkflowID: workflow, RunID: "0196b3a1-7c3e-7d60-a5c1-0242ac120002", Plan: plan})
	return string(data)
}

// press is a click as Slack sends it, shortened to what matters. https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
func press(action string) object {
	return object{
		"type": "block_actions", "trigger_id": "12466734323.1395872398." + action, "api_app_id": "A02",
		"user": object{"id": "U061F7AUR", "username": "ada", "team_id": "T061EG9R6"}, "team": object{"id": "T061EG9R6", "domain": "example"},
		"container":    object{"type": "message", "message_ts": "1700000000.000100", "channel_id": "C0123456789", "is_ephemeral": false},
		"channel":      object{"id": "C0123456789", "name": "deploys"},
		"message":      object{"type": "message", "text": "…", "blocks": []any{}},
		"response_url": "https://hooks.slack.com/actions/T061EG9R6/1/x",
		"actions": []any{object{
			"action_id": action, "block_id": "=qXel", "type": "button", "action_ts": "1700000100.000200",
			"text": object{"type": "plain_text", "text": "…"}, "value": valueOf("prune-images/nightly", planSum),
		}},
	}
}

// submit is the dialog's submission. https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload
func submit(keep, reason string) object {
	from, _ := json.Marshal(origin{
		Value: Value{WorkflowID: "prune-images/nightly", Plan: planSum}, Channel: "C0123456789", MessageTS: "1700000000.000100",
		ResponseURL: "https://hooks.slack.com/actions/T061EG9R6/1/x",
	})
	return object{
		"type": "view_submission", "trigger_id": "12466734323.1395872398.s", "team": object{"id": "T061EG9R6"},
		"user": object{"id": "U061F7AUR", "username": "ada", "team_id": "T061EG9R6"}, "response_urls": []any{},
		"view": object{
			"id": "V0MHU10V25", "callback_id": vetoCallback, "private_metadata": string(from),
			"state": object{"values": object{
				keepBlock:   object{keepBlock: object{"type": "plain_text_input", "value": keep}},
				reasonBlock: object{reasonBlock: object{"type": "plain_text_input", "value": reason}},
			}},
		},
	}
}

func parse(t *testing.T, payload object) (Click, error) {
	t.Helper()
	data, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	return ParseInteraction(data)
}

func TestButtons(t *testing.T) {
	ids := map[string]bool{}
	for _, action := range []string{ActionApprove, ActionDeny, ActionDetails} {
		got, err := parse(t, press(action))
		want := Click{
			ID: got.ID, UserID: "U061F7AUR", UserName: "ada", TeamID: "T061EG9R6", Action: action, TriggerID: "12466734323.1395872398." + action,
			Value:       Value{"prune-images/nightly", "0196b3a1-7c3e-7d60-a5c1-0242ac120002", planSum},
			ResponseURL: "https://hooks.slack.com/actions/T061EG9R6/1/x", Channel: "C0123456789", MessageTS: "1700000000.000100",
		}
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %+v, %v", action, got, err)
		}
		again, _ := parse(t, press(action))
		if again.ID != got.ID || !strings.HasPrefix(got.ID, "slack-") || ids[got.ID] {
			t.Errorf("%s: ids %s and %s", action, got.ID, again.ID)
		}
		ids[got.ID] = true
	}
	another := press(ActionApprove)
	another["trigger_id"] = "1.2.3"
	if got, _ := parse(t, another); ids[got.ID] {
		t.Error("two clicks have one id")
	}
}

func TestVeto(t *testing.T) {
	got, err := parse(t, submit(" - `sha256:1`\r\n\nv1.2.3,\nsha256:1\n• arn:aws:ecr:eu-west-1:1:repository/a\n", "  still\nneeded "))
	want := []string{"sha256:1", "v1.2.3", "arn:aws:ecr:eu-west-1:1:repository/a"}
	if err != nil || got.Action != ActionVeto || !slices.Equal(got.Keep, want) || got.Reason != "still needed" {
		t.Errorf("%+v, %v", got, err)
	}
	if got.Channel != "C0123456789" || got.MessageTS == "" || got.ResponseURL == "" || got.ViewID != "V0MHU10V25" || got.Value.Plan != planSum {
		t.Errorf("what the dialog took along is lost: %+v", got)
	}
}

func TestRefusals(t *testing.T) {
	action := func(o object) object { return o["actions"].([]any)[0].(object) }
	with := func(o object, change func(object)) object { change(o); return o }
	button := func(change func(object)) object { return with(press(ActionApprove), change) }
	veto := func(change func(object)) object {
		return with(submit("a", ""), func(o object) { change(o["view"].(object)) })
	}
	set := func(key string, value any) func(object) { return func(o object) { o[key] = value } }
	value := func(text string) object {
		return button(func(o object) { action(o)["value"] = text })
	}
	for name, c := range map[string]struct {
		payload object
		code    string
	}{
		"shortcut":              {button(set("type", "shortcut")), "unknown_type"},
		"no type":               {object{"user": object{"id": "U061F7AUR"}, "team": object{"id": "T061EG9R6"}, "trigger_id": "1"}, "unknown_type"},
		"nobody":                {button(set("user", object{})), "bad_user"},
		"user injection":        {button(set("user", object{"id": "U1> <!channel"})), "bad_user"},
		"bot":                   {button(set("user", object{"id": "B061F7AUR"})), "bad_user"},
		"no team":               {button(func(o object) { delete(o, "team"); delete(o["user"].(object), "team_id") }), "bad_team"},
		"no trigger":            {button(set("trigger_id", "")), "bad_trigger"},
		"long trigger":          {button(set("trigger_id", strings.Repeat("1", 256))), "bad_trigger"},
		"no message":            {button(set("container", object{})), "bad_action"},
		"channel injection":     {button(set("channel", object{"id": "../C1"})), "bad_message"},
		"no action":             {button(set("actions", []any{})), "bad_actions"},
		"two actions":           {button(set("actions", []any{object{}, object{}})), "bad_actions"},
		"another button":        {press("drop_database"), "unknown_action"},
		"a link":                {button(func(o object) { action(o)["action_id"] = "xyz"; delete(action(o), "value") }), codeNothing},
		"a menu":                {button(func(o object) { action(o)["type"] = "static_select" }), "bad_action"},
		"value no JSON":         {value("approve"), "bad_value"},
		"value empty":           {value(""), "bad_value"},
		"value no workflow":     {value(valueOf("", planSum)), "bad_value"},
		"value long workflow":   {value(valueOf(strings.Repeat("x", 1001), planSum)), "bad_value"},
		"value control":         {value(valueOf("a\nb", planSum)), "bad_value"},
		"value no plan":         {value(valueOf("a", "")), "bad_value"},
		"value plan injection":  {value(valueOf("a", "x y")), "bad_value"},
		"value run":             {value(`{"workflow_id":"a","run_id":"x","plan":"y"}`), "bad_value"},
		"another dialog":        {veto(set("callback_id", "x")), "unknown_view"},
		"metadata no JSON":      {veto(set("private_metadata", "x")), "bad_value"},
		"metadata empty":        {veto(set("private_metadata", "{}")), "bad_value"},
		"metadata long":         {veto(set("private_metadata", strings.Repeat(" ", maxMetadata+1))), "bad_value"},
		"view id":               {veto(set("id", "x")), "bad_value"},
		"nothing to keep":       {submit(" \n", ""), "bad_input"},
		"a sentence to keep":    {submit("all of them please", ""), "bad_input"},
		"a long item":           {submit(strings.Repeat("x", maxItem+1), ""), "bad_input"},
		"very much to keep":     {submit(strings.Repeat("x", maxInput+1), ""), "bad_input"},
		"too many to keep":      {submit(lines(maxKeep+1), ""), "bad_input"},
		"a control character":   {submit("a\x00b", ""), "bad_input"},
		"a very long reason":    {submit("a", strings.Repeat("x", maxInput+1)), "bad_input"},
		"a state of other kind": {veto(set("state", object{"values": object{"keep": object{}}})), "bad_input"},
	} {
		got, err := parse(t, c.payload)
		refusal, ok := errors.AsType[Refusal](err)
		if !ok || refusal.Code != c.code || refusal.Text == "" || (refusal.Block != "") != (c.code == "bad_input") {
			t.Errorf("%s: %#v, want %s", name, err, c.code)
		}
		if got.Action != "" || got.ID != "" || got.Value != (Value{}) || got.Keep != nil {
			t.Errorf("%s: a refused click still says %+v", name, got)
		}
	}
	for _, text := range []string{"", "null", "[]", "{", `"x"`, `{"actions":7}`, strings.Repeat("[", 100000)} {
		if _, err := ParseInteraction([]byte(text)); err == nil {
			t.Errorf("%.20q was taken", text)
		}
	}
}

func lines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintln(&b, i)
	}
	return b.String()
}

func TestNamesAreMadeHarmless(t *testing.T) {
	payload := press(ActionApprove)
	payload["user"].(object)["username"] = "ada\n\x1b[31m\u202e" + strings.Repeat("x", 200)
	got, err := parse(t, payload)
	if err != nil || !printable(got.UserName) || len([]rune(got.UserName)) > maxName || !strings.HasPrefix(got.UserName, "ada") {
		t.Errorf("%q, %v", got.UserName, err)
	}
}

// Whatever comes in is either refused for a reason, or a click that is well-formed in every field.
func FuzzParseInteraction(f *testing.F) {
	for _, payload := range []object{press(ActionApprove), press(ActionDetails), press("x"), submit("sha256:1\nv1", "why"), submit("", "")} {
		data, _ := json.Marshal(payload)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := ParseInteraction(payload)
		if err != nil {
			if refusal, ok := errors.AsType[Refusal](err); !ok || refusal.Code == "" || refusal.Text == "" || c.Action != "" || c.Keep != nil {
				t.Fatalf("%#v with %+v", err, c)
			}
			return
		}
		known := map[string]bool{ActionApprove: true, ActionDeny: true, ActionDetails: true, ActionVeto: true}
		if !known[c.Action] || !userID.MatchString(c.UserID) || !teamID.MatchString(c.TeamID) || !strings.HasPrefix(c.ID, "slack-") || c.Value.check() != nil ||
			(c.Action == ActionVeto) != (len(c.Keep) > 0) || len(c.Keep) > maxKeep || !printable(c.UserName) || !printable(c.Reason) || !printable(c.ResponseURL) {
			t.Fatalf("%+v", c)
		}
		for _, item := range c.Keep {
			if len(item) > maxItem || !printable(item) || strings.ContainsAny(item, " \n") {
				t.Fatalf("item %q", item)
			}
		}
	})
}
