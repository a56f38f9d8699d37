package slack

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// A Message as the control API shows it.
type Message struct {
	Channel     string    `json:"channel"`
	ChannelName string    `json:"channel_name,omitempty"`
	TS          string    `json:"ts"`
	ThreadTS    string    `json:"thread_ts,omitempty"`
	Broadcast   bool      `json:"reply_broadcast,omitempty"`
	Username    string    `json:"username,omitempty"`
	Edits       int       `json:"edits"`
	Earlier     []Version `json:"earlier,omitempty"` // what it said before each edit, oldest first
	Files       []File    `json:"files,omitempty"`
	Warning     string    `json:"warning,omitempty"` // what Slack shows of the last click on it, if that went wrong
	Version
}

// A Version of a message's content. The nested values are as they were sent.
type Version struct {
	Text        string          `json:"text"`
	Blocks      json.RawMessage `json:"blocks,omitempty"`
	Attachments json.RawMessage `json:"attachments,omitempty"`
	Metadata    json.RawMessage `json:"metadata,omitempty"`
	At          string          `json:"at"` // posted or edited, like a ts
}

type channel struct {
	id, name string
	messages []*Message // oldest first
}

func (c *channel) find(ts string) *Message {
	for _, m := range c.messages {
		if m.TS == ts {
			return m
		}
	}
	return nil
}

// thread lists the replies under a message, oldest first.
func (c *channel) thread(root string) []*Message {
	var out []*Message
	for _, m := range c.messages {
		if m.ThreadTS == root && m.TS != root {
			out = append(out, m)
		}
	}
	return out
}

var (
	channelID   = regexp.MustCompile(`^[CGD][A-Z0-9]{8,}$`)
	channelName = regexp.MustCompile(`^#?([a-z0-9][a-z0-9_-]{0,79})$`)
)

// channel finds one by id.
func (s *Server) channel(id string) *channel {
	for _, c := range s.channels {
		if c.id == id {
			return c
		}
	}
	return nil
}

// open finds or makes the channel of an id or a name: any well-formed one exists. Only chat.postMessage takes names.
func (s *Server) open(nameOrID string) *channel {
	id, name := nameOrID, ""
	if match := channelName.FindStringSubmatch(nameOrID); match != nil {
		name = match[1]
		for _, c := range s.channels {
			if c.name == name {
				return c
			}
		}
		sum := sha256.Sum256([]byte(name))
		id = "C0" + base32.StdEncoding.EncodeToString(sum[:])[:9]
	} else if !channelID.MatchString(nameOrID) {
		return nil
	}
	c := s.channel(id)
	if c == nil {
		c = &channel{id: id, name: name}
		s.channels = append(s.channels, c)
	}
	return c
}

// stamp is a ts: the time in microseconds, never the same twice.
func (s *Server) stamp() string {
	s.lastTS = max(s.lastTS+1, s.now().UnixMicro())
	return fmt.Sprintf("%d.%06d", s.lastTS/1e6, s.lastTS%1e6)
}

// wire is a message the way the Web API returns it.
func (c *channel) wire(m *Message, withMetadata bool) reply {
	out := reply{"type": "message", "user": userID, "bot_id": botID, "app_id": appID, "team": teamID, "ts": m.TS, "text": m.Text}
	set := func(name string, value json.RawMessage) {
		if len(value) > 0 {
			out[name] = value
		}
	}
	set("blocks", m.Blocks)
	set("attachments", m.Attachments)
	if len(m.Files) > 0 {
		out["files"], out["subtype"] = m.Files, "file_share"
	}
	if withMetadata {
		set("metadata", m.Metadata)
	}
	if m.Username != "" {
		out["username"], out["subtype"] = m.Username, "bot_message"
	}
	if m.Edits > 0 {
		out["edited"] = reply{"user": userID, "ts": m.At}
	}
	if m.ThreadTS != "" {
		out["thread_ts"] = m.ThreadTS
		if m.Broadcast {
			out["subtype"] = "thread_broadcast"
		}
	} else if replies := c.thread(m.TS); len(replies) > 0 {
		out["thread_ts"], out["reply_count"] = m.TS, len(replies)
		out["reply_users"], out["latest_reply"] = []string{userID}, replies[len(replies)-1].TS
	}
	return out
}

func (c *channel) describe() reply {
	return reply{"id": c.id, "name": c.title(), "is_channel": strings.HasPrefix(c.id, "C"), "is_archived": false, "is_member": true}
}

// title is the name, or the id of a channel that was only ever called by that.
func (c *channel) title() string {
	if c.name != "" {
		return c.name
	}
	return strings.ToLower(c.id)
}
