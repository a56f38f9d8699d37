package slack

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// How long Slack waits, and how long what it hands out is good.
// https://docs.slack.dev/interactivity/handling-user-interaction
const (
	ackWithin       = 3 * time.Second
	triggerLasts    = 3 * time.Second
	responseLasts   = 30 * time.Minute
	responsesPerURL = 5
)

// An Interaction is a click on a button.
type Interaction struct {
	Channel  string `json:"channel"`       // id or name
	TS       string `json:"ts,omitempty"`  // of the message; or
	Nth      int    `json:"nth,omitempty"` // which of the channel's messages that have such a button, from 1; 0: the newest
	ActionID string `json:"action_id"`
	UserID   string `json:"user_id"`          // or the user's name
	Unsent   bool   `json:"unsent,omitempty"` // prepare it only: Delivery.Request is for the test to send
}

// A Submission is the press on a view's submit button.
type Submission struct {
	ViewID string                       `json:"view_id"`
	UserID string                       `json:"user_id"`
	Values map[string]map[string]string `json:"values"` // by block_id and action_id
	Unsent bool                         `json:"unsent,omitempty"`
}

// A Delivery is an interaction as it was sent, and what came back.
type Delivery struct {
	Type        string          `json:"type"` // block_actions or view_submission
	Via         string          `json:"via"`  // http or socket
	Channel     string          `json:"channel,omitempty"`
	MessageTS   string          `json:"message_ts,omitempty"`
	ActionID    string          `json:"action_id,omitempty"`
	ViewID      string          `json:"view_id,omitempty"`
	UserID      string          `json:"user_id"`
	TriggerID   string          `json:"trigger_id"`
	ResponseURL string          `json:"response_url,omitempty"`
	Payload     json.RawMessage `json:"payload"`
	Request     Signed          `json:"request"` // as sent to a request URL
	Status      int             `json:"status,omitempty"`
	Body        string          `json:"body,omitempty"`
	Elapsed     time.Duration   `json:"elapsed"`
	Problem     string          `json:"problem,omitempty"` // what Slack shows the person; empty: all is well
}

type interactivity struct {
	requestURL string
	triggers   map[string]*trigger
	responses  map[string]*responseURL // by secret
	ephemerals []*Ephemeral
	views      []*View
	deliveries []*Delivery
}

type trigger struct {
	user string
	at   time.Time
	used bool
}

func (s *Server) newTrigger(user string) string {
	id := fmt.Sprintf("%d.%d.%s", s.now().UnixMilli(), 1000000000000, random(16))
	s.triggers[id] = &trigger{user: user, at: s.now()}
	return id
}

// base is what all payloads have. https://docs.slack.dev/reference/interaction-payloads
func (s *Server) base(kind string, u User) (payload reply, d *Delivery) {
	d = &Delivery{Type: kind, UserID: u.ID, TriggerID: s.newTrigger(u.ID)}
	return reply{
		"type": kind, "token": "sandbox-verification-token", "api_app_id": appID, "trigger_id": d.TriggerID,
		"user": reply{"id": u.ID, "username": u.Name, "name": u.Name, "team_id": teamID},
		"team": reply{"id": teamID, "domain": "sandbox"}, "enterprise": nil, "is_enterprise_install": false,
	}, d
}

// click makes the payload of a click. https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
func (s *Server) click(host string, in Interaction) (*Delivery, error) {
	u, ok := s.user(cmp.Or(in.UserID, s.users[0].ID))
	if !ok {
		return nil, fmt.Errorf("there is no user %q", in.UserID)
	}
	c, m, visibleTo, err := s.target(in)
	if err != nil {
		return nil, err
	}
	if visibleTo != "" && visibleTo != u.ID {
		return nil, fmt.Errorf("only %s sees that message", visibleTo)
	}
	found := m.element(in.ActionID)
	if found == nil {
		return nil, fmt.Errorf("message %s has no element with action_id %q", m.TS, in.ActionID)
	}
	payload, d := s.base("block_actions", u)
	d.Channel, d.MessageTS, d.ActionID = c.id, m.TS, in.ActionID
	d.ResponseURL = s.newResponseURL(host, c, m, u.ID)
	action := reply{"action_id": in.ActionID, "block_id": found.block, "type": found.element["type"], "action_ts": s.stamp()}
	for _, name := range []string{"text", "value", "style", "confirm"} {
		if value, ok := found.element[name]; ok {
			action[name] = value
		}
	}
	container := reply{"type": "message", "message_ts": m.TS, "channel_id": c.id, "is_ephemeral": visibleTo != ""}
	if m.ThreadTS != "" {
		container["thread_ts"] = m.ThreadTS
	}
	payload["actions"], payload["container"] = []any{action}, container
	payload["channel"] = reply{"id": c.id, "name": c.title()}
	payload["response_url"], payload["state"] = d.ResponseURL, reply{"values": reply{}}
	if visibleTo == "" { // of an ephemeral message the app gets the container alone
		payload["message"] = c.wire(m, true)
	}
	return s.finish(d, payload)
}

func (s *Server) finish(d *Delivery, payload reply) (*Delivery, error) {
	var err error
	if d.Payload, err = json.Marshal(payload); err != nil {
		return nil, err
	}
	d.Request = sign(s.options.SigningSecret, string(d.Payload), s.now())
	return d, nil
}

// target is the message that is clicked, and who alone sees it if it is ephemeral.
func (s *Server) target(in Interaction) (c *channel, m *Message, visibleTo string, err error) {
	i := slices.IndexFunc(s.channels, func(c *channel) bool {
		return c.id == in.Channel || c.name != "" && c.name == strings.TrimPrefix(in.Channel, "#")
	})
	if i < 0 {
		return nil, nil, "", fmt.Errorf("there is no channel %q", in.Channel)
	}
	c = s.channels[i]
	for _, e := range s.ephemerals {
		if e.Channel == c.id && e.TS == in.TS {
			return c, &e.Message, e.User, nil
		}
	}
	if in.TS != "" {
		if m = c.find(in.TS); m == nil {
			return nil, nil, "", fmt.Errorf("there is no message %s in %s", in.TS, in.Channel)
		}
		return c, m, "", nil
	}
	var fitting []*Message
	for _, m := range c.messages {
		if m.element(in.ActionID) != nil {
			fitting = append(fitting, m)
		}
	}
	nth := cmp.Or(in.Nth, len(fitting))
	if nth < 1 || nth > len(fitting) {
		return nil, nil, "", fmt.Errorf("%d messages in %s have an element with action_id %q", len(fitting), in.Channel, in.ActionID)
	}
	return c, fitting[nth-1], "", nil
}

type foundElement struct {
	block   string // its block_id; Slack makes one up where the app gives none
	element map[string]any
}

// element finds what can be clicked by its action_id.
func (m *Message) element(actionID string) *foundElement {
	var blocks []map[string]any
	_ = json.Unmarshal(m.Blocks, &blocks) // checked when they came
	for i, block := range blocks {
		elements, _ := block["elements"].([]any)
		for _, value := range append(elements, block["accessory"]) {
			if element, ok := value.(map[string]any); ok && actionID != "" && element["action_id"] == actionID {
				id, _ := block["block_id"].(string)
				return &foundElement{cmp.Or(id, fmt.Sprintf("b%03d", i)), element}
			}
		}
	}
	return nil
}

func random(bytes int) string {
	out := make([]byte, bytes)
	_, _ = rand.Read(out) // never fails
	return hex.EncodeToString(out)
}
