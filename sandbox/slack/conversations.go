package slack

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// https://docs.slack.dev/reference/methods/conversations.history: newest first, without the replies of threads.
func (s *Server) history(_ *http.Request, a args) (reply, error) {
	c, err := s.readable(a["channel"])
	if err != nil {
		return nil, err
	}
	var found []*Message
	for _, m := range slices.Backward(c.messages) {
		if (m.ThreadTS == "" || m.Broadcast) && a.within(m.TS) {
			found = append(found, m)
		}
	}
	return c.page(found, a, func(m *Message, cursor string) bool { return m.TS < cursor })
}

// https://docs.slack.dev/reference/methods/conversations.replies: the thread's root, then the replies, oldest first.
func (s *Server) replies(_ *http.Request, a args) (reply, error) {
	c, err := s.readable(a["channel"])
	if err != nil {
		return nil, err
	}
	root := c.find(a["ts"])
	if root != nil && root.ThreadTS != "" {
		root = c.find(root.ThreadTS)
	}
	if root == nil {
		return nil, refuse("thread_not_found")
	}
	found := []*Message{root}
	for _, m := range c.thread(root.TS) {
		if a.within(m.TS) {
			found = append(found, m)
		}
	}
	return c.page(found, a, func(m *Message, cursor string) bool { return m.TS > cursor })
}

// https://docs.slack.dev/reference/methods/conversations.info
func (s *Server) info(_ *http.Request, a args) (reply, error) {
	c, err := s.readable(a["channel"])
	if err != nil {
		return nil, err
	}
	return reply{"channel": c.describe()}, nil
}

// https://docs.slack.dev/reference/methods/conversations.list, in one page: a sandbox has few channels.
func (s *Server) list(*http.Request, args) (reply, error) {
	out := make([]reply, 0, len(s.channels))
	for _, c := range s.channels {
		out = append(out, c.describe())
	}
	return reply{"channels": out, "response_metadata": reply{"next_cursor": ""}}, nil
}

// readable takes ids only, as Slack does. A channel nobody wrote to yet is there and empty.
func (s *Server) readable(id string) (*channel, error) {
	if !channelID.MatchString(id) {
		return nil, refuse("channel_not_found")
	}
	return s.open(id), nil
}

// within keeps to oldest and latest. Timestamps have the same number of digits, so they compare as text.
func (a args) within(ts string) bool {
	after, before := ts > a["oldest"], a["latest"] == "" || ts < a["latest"]
	if a.truth("inclusive") {
		after, before = after || ts == a["oldest"], before || ts == a["latest"]
	}
	return after && before
}

// page cuts one page out of messages. The cursor is the last ts of the page before, so that what is posted meanwhile
// neither repeats nor hides a message.
func (c *channel) page(found []*Message, a args, past func(*Message, string) bool) (reply, error) {
	limit := 100
	if text := a["limit"]; text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 999 {
			return nil, refuse("invalid_limit")
		}
		limit = n
	}
	if cursor := a["cursor"]; cursor != "" {
		data, err := base64.StdEncoding.DecodeString(cursor)
		last, ok := strings.CutPrefix(string(data), "next_ts:")
		if err != nil || !ok {
			return nil, refuse("invalid_cursor")
		}
		found = slices.DeleteFunc(found, func(m *Message) bool { return !past(m, last) })
	}
	next, more := "", len(found) > limit
	if more {
		found = found[:limit]
		next = base64.StdEncoding.EncodeToString([]byte("next_ts:" + found[limit-1].TS))
	}
	messages := []reply{}
	for _, m := range found {
		messages = append(messages, c.wire(m, a.truth("include_all_metadata")))
	}
	return reply{"messages": messages, "has_more": more, "pin_count": 0, "response_metadata": reply{"next_cursor": next}}, nil
}
