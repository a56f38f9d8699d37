package slack

import (
	"encoding/json"
	"net/http"
	"strings"
	"unicode/utf8"
)

const (
	maxText       = 40000 // Slack cuts longer text off; a report that lost its end should be seen here as an error
	maxUpdateText = 4000  // https://docs.slack.dev/reference/methods/chat.update: msg_too_long
)

// https://docs.slack.dev/reference/methods/chat.postMessage
func (s *Server) postMessage(_ *http.Request, a args) (reply, error) {
	if a["channel"] == "" || !channelName.MatchString(a["channel"]) && !channelID.MatchString(a["channel"]) {
		return nil, refuse("channel_not_found")
	}
	version, err := a.content(maxText)
	if err != nil {
		return nil, err
	}
	c := s.open(a["channel"])
	if err := s.limit(c.id); err != nil {
		return nil, err
	}
	m := &Message{Channel: c.id, Username: a["username"], Version: version}
	// A thread under a message that is gone becomes a message of its own; a reply to a reply joins its thread.
	if root := c.find(a["thread_ts"]); root != nil {
		m.ThreadTS = root.TS
		if root.ThreadTS != "" {
			m.ThreadTS = root.ThreadTS
		}
		m.Broadcast = a.truth("reply_broadcast")
	}
	m.TS = s.stamp()
	m.At = m.TS
	c.messages = append(c.messages, m)
	return reply{"channel": c.id, "ts": m.TS, "message": c.wire(m, true)}, nil
}

// https://docs.slack.dev/reference/methods/chat.update
func (s *Server) update(_ *http.Request, a args) (reply, error) {
	c := s.channel(a["channel"])
	if c == nil {
		return nil, refuse("channel_not_found")
	}
	m := c.find(a["ts"])
	if m == nil {
		return nil, refuse("message_not_found")
	}
	version, err := a.content(maxUpdateText)
	if err != nil {
		return nil, err
	}
	// What is not given stays: a new text alone does not replace the blocks above it.
	if !a.has("text") {
		version.Text = m.Text
	}
	if !a.has("blocks") {
		version.Blocks = m.Blocks
	}
	if !a.has("attachments") {
		version.Attachments = m.Attachments
	}
	if !a.has("metadata") {
		version.Metadata = m.Metadata
	}
	version.At = s.stamp()
	m.Earlier, m.Version = append(m.Earlier, m.Version), version
	m.Edits++
	return reply{"channel": c.id, "ts": m.TS, "text": m.Text, "message": c.wire(m, true)}, nil
}

// content checks and takes what a message says.
func (a args) content(longest int) (Version, error) {
	var v Version
	v.Text = a["text"]
	blocks, err := list(a["blocks"], "invalid_blocks_format")
	if err != nil {
		return v, err
	}
	attachments, err := list(a["attachments"], "invalid_attachments")
	if err != nil {
		return v, err
	}
	if v.Text == "" && len(blocks) == 0 && len(attachments) == 0 {
		return v, refuse("no_text")
	}
	if utf8.RuneCountInString(v.Text) > longest {
		return v, refuse("msg_too_long")
	}
	if err := checkBlocks(blocks); err != nil {
		return v, err
	}
	if len(attachments) > 100 {
		return v, refuse("too_many_attachments")
	}
	if len(blocks) > 0 {
		v.Blocks = json.RawMessage(a["blocks"])
	}
	if len(attachments) > 0 {
		v.Attachments = json.RawMessage(a["attachments"])
	}
	v.Metadata, err = metadata(a["metadata"])
	return v, err
}

// list reads a JSON array of objects; absent and empty are the same.
func list(text, code string) ([]map[string]any, error) {
	if text == "" {
		return nil, nil
	}
	var out []map[string]any
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		return nil, refuse(code)
	}
	return out, nil
}

// https://docs.slack.dev/messaging/message-metadata
func metadata(text string) (json.RawMessage, error) {
	if text == "" {
		return nil, nil
	}
	var m struct {
		EventType    string         `json:"event_type"`
		EventPayload map[string]any `json:"event_payload"`
	}
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return nil, refuse("invalid_metadata_format")
	}
	if m.EventType == "" || m.EventPayload == nil {
		return nil, refuse("invalid_metadata_schema")
	}
	return json.RawMessage(text), nil
}

// https://docs.slack.dev/reference/methods/chat.getPermalink; the link leads to this stand-in's own page.
func (s *Server) getPermalink(r *http.Request, a args) (reply, error) {
	c := s.channel(a["channel"])
	if c == nil {
		return nil, refuse("channel_not_found")
	}
	m := c.find(a["message_ts"])
	if m == nil {
		return nil, refuse("message_not_found")
	}
	link := "http://" + r.Host + "/archives/" + c.id + "/p" + strings.ReplaceAll(m.TS, ".", "")
	if m.ThreadTS != "" {
		link += "?thread_ts=" + m.ThreadTS + "&cid=" + c.id
	}
	return reply{"channel": c.id, "permalink": link}, nil
}
