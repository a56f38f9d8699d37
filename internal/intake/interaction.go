package intake

import (
	"encoding/json"
	"strings"
)

// interaction is what we read of a payload; slack-go's InteractionCallback reads far more, and so trusts far more.
// https://docs.slack.dev/reference/interaction-payloads
type interaction struct {
	Type        string    `json:"type"`
	TriggerID   string    `json:"trigger_id"`
	ResponseURL string    `json:"response_url"`
	User        person    `json:"user"`
	Team        named     `json:"team"`
	Channel     named     `json:"channel"`
	Container   container `json:"container"`
	Actions     []action  `json:"actions"`
	View        view      `json:"view"`
}

type person struct {
	ID       string `json:"id"`
	Username string `json:"username"`
	Name     string `json:"name"`
	TeamID   string `json:"team_id"`
}

type named struct {
	ID string `json:"id"`
}

type container struct {
	MessageTS string `json:"message_ts"`
	ChannelID string `json:"channel_id"`
}

type action struct {
	Type     string `json:"type"`
	ActionID string `json:"action_id"`
	Value    string `json:"value"`
	ActionTS string `json:"action_ts"`
}

type view struct {
	ID              string `json:"id"`
	CallbackID      string `json:"callback_id"`
	PrivateMetadata string `json:"private_metadata"`
	State           struct {
		Values map[string]map[string]struct {
			Value string `json:"value"`
		} `json:"values"`
	} `json:"state"`
}

// ParseInteraction reads the payload of a request or an envelope. Its error is a Refusal; the click then says no more than
// whom to tell.
func ParseInteraction(payload []byte) (Click, error) {
	if len(payload) > maxBody {
		return Click{}, refused("too_large", "This is more than Slack sends.")
	}
	var in interaction
	if err := json.Unmarshal(payload, &in); err != nil {
		return Click{}, refused("bad_json", "The payload is not what Slack sends: %s.", clean(err.Error(), 200))
	}
	c, err := in.who()
	if err != nil {
		return Click{}, err
	}
	told := c // what a refusal leaves: neither action nor value
	switch in.Type {
	case "block_actions":
		err = in.button(&c)
	case "view_submission":
		err = in.submission(&c)
		told.ResponseURL, told.Channel, told.MessageTS = c.ResponseURL, c.Channel, c.MessageTS
	default:
		err = refused("unknown_type", "Epoxy does not know what to do with “%s”, only with its own buttons and dialog.", clean(in.Type, 40))
	}
	if err != nil {
		return told, err
	}
	return c, nil
}

// who reads what every interaction has.
func (in interaction) who() (Click, error) {
	name := in.User.Username
	if name == "" {
		name = in.User.Name
	}
	team := in.Team.ID
	if team == "" { // an app of a whole organisation
		team = in.User.TeamID
	}
	c := Click{
		UserID: in.User.ID, UserName: clean(name, maxName), TeamID: team, TriggerID: in.TriggerID,
		Channel: in.Channel.ID, MessageTS: in.Container.MessageTS,
	}
	if c.Channel == "" {
		c.Channel = in.Container.ChannelID
	}
	if len(in.ResponseURL) <= maxURL && printable(in.ResponseURL) {
		c.ResponseURL = in.ResponseURL
	}
	switch {
	case !userID.MatchString(c.UserID):
		return Click{}, refused("bad_user", "The payload does not say who did this.")
	case !teamID.MatchString(c.TeamID):
		return Click{}, refused("bad_team", "The payload does not say which workspace this comes from.")
	case c.TriggerID == "" || len(c.TriggerID) > maxTrigger || !printable(c.TriggerID):
		return Click{}, refused("bad_trigger", "The payload has no trigger_id, which every interaction has.")
	case c.Channel != "" && !channelID.MatchString(c.Channel), c.MessageTS != "" && !messageTS.MatchString(c.MessageTS):
		return Click{}, refused("bad_message", "The payload does not say which message this is about.")
	}
	return c, nil
}

// button reads a click. Slack sends one action at a time.
func (in interaction) button(c *Click) error {
	if len(in.Actions) != 1 {
		return refused("bad_actions", "The payload has %d actions, and a click is one.", len(in.Actions))
	}
	a := in.Actions[0]
	switch a.ActionID {
	case ActionApprove, ActionDeny, ActionDetails:
	default:
		// A button that is a link comes in too, and carries nothing to decide. https://docs.slack.dev/reference/block-kit/block-elements/button-element
		if a.Value == "" {
			return refused(codeNothing, "Nothing to decide.")
		}
		return refused("unknown_action", "This version of Epoxy has no button “%s”. Use the `epoxy` command, or the newest message.", clean(a.ActionID, 40))
	}
	if a.Type != "button" || c.Channel == "" || c.MessageTS == "" {
		return refused("bad_action", "The payload is not a click on a button in a message.")
	}
	value, err := readValue(a.Value)
	if err != nil {
		return err
	}
	c.Action, c.Value = a.ActionID, value
	c.ID = identify(in.Type, c.TeamID, c.UserID, c.TriggerID, c.Channel, c.MessageTS, a.ActionID, a.ActionTS)
	return nil
}

// submission reads the dialog that Details opened.
func (in interaction) submission(c *Click) error {
	if in.View.CallbackID != vetoCallback {
		return refused("unknown_view", "This version of Epoxy has no dialog “%s”. Open it again from the newest message.", clean(in.View.CallbackID, 40))
	}
	var from origin
	if len(in.View.PrivateMetadata) > maxMetadata || json.Unmarshal([]byte(in.View.PrivateMetadata), &from) != nil || !viewID.MatchString(in.View.ID) {
		return refused("bad_value", "This dialog does not carry what Epoxy put there. Open it again from the message.")
	}
	if channelID.MatchString(from.Channel) && messageTS.MatchString(from.MessageTS) {
		c.Channel, c.MessageTS = from.Channel, from.MessageTS
	}
	if len(from.ResponseURL) <= maxURL && printable(from.ResponseURL) {
		c.ResponseURL = from.ResponseURL
	}
	if err := from.check(); err != nil {
		return err
	}
	keep, err := items(in.View.input(keepBlock))
	if err != nil {
		return err
	}
	reason := strings.TrimSpace(in.View.input(reasonBlock))
	if len(reason) > maxInput {
		return wrongInput(reasonBlock, "This is too long.")
	}
	c.Action, c.Value, c.ViewID, c.Keep, c.Reason = ActionVeto, from.Value, in.View.ID, keep, clean(reason, 1000)
	c.ID = identify(in.Type, c.TeamID, c.UserID, c.TriggerID, c.ViewID)
	return nil
}

// input is what was typed; each of our blocks holds one input, called by the block's name.
func (v view) input(block string) string { return v.State.Values[block][block].Value }
