package slack

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"time"
)

// An Ephemeral message is seen by one person, and by no method of the Web API.
type Ephemeral struct {
	User string `json:"user"`
	Message
}

// https://docs.slack.dev/reference/methods/chat.postEphemeral
func (s *Server) postEphemeral(_ *http.Request, a args) (reply, error) {
	if a["channel"] == "" || !channelName.MatchString(a["channel"]) && !channelID.MatchString(a["channel"]) {
		return nil, refuse("channel_not_found")
	}
	if u, ok := s.user(a["user"]); !ok || u.ID != a["user"] {
		return nil, refuse("user_not_in_channel")
	}
	version, err := a.content(maxText)
	if err != nil {
		return nil, err
	}
	e := s.whisper(s.open(a["channel"]), a["user"], a["thread_ts"], version)
	return reply{"message_ts": e.TS}, nil
}

func (s *Server) whisper(c *channel, user, thread string, version Version) *Ephemeral {
	e := &Ephemeral{user, Message{Channel: c.id, ChannelName: c.name, TS: s.stamp(), Version: version}}
	if root := c.find(thread); root != nil {
		e.ThreadTS = root.TS
	}
	e.At = e.TS
	s.ephemerals = append(s.ephemerals, e)
	return e
}

// A responseURL answers one interaction.
type responseURL struct {
	channel, ts, user string
	until             time.Time
	left              int
}

func (s *Server) newResponseURL(host string, c *channel, m *Message, user string) string {
	secret := random(12)
	s.responses[secret] = &responseURL{c.id, m.TS, user, s.now().Add(responseLasts), responsesPerURL}
	return "http://" + host + "/actions/" + teamID + "/" + appID + "/" + secret
}

// serveResponseURL takes up to five messages in half an hour, without any token.
// https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
func (s *Server) serveResponseURL(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := args{}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err == nil {
		err = a.fromJSON(data)
	}
	if err == nil {
		err = s.respond(s.responses[r.PathValue("secret")], a)
	}
	refused, _ := err.(refusal) //nolint:errorlint // ours, and never wrapped
	s.count("response_url", refused.code)
	if err == nil {
		_, _ = io.WriteString(w, "ok")
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	_ = json.NewEncoder(w).Encode(map[string]any{"ok": false, "error": refused.code})
}

func (s *Server) respond(to *responseURL, a args) error {
	switch {
	case to == nil, s.now().After(to.until):
		return refuse("expired_url")
	case to.left == 0:
		return refuse("used_url")
	}
	to.left--
	c := s.channel(to.channel)
	if a.truth("delete_original") {
		s.remove(c, to.ts)
		return nil
	}
	version, err := a.content(maxText)
	if err != nil {
		return err
	}
	if a.truth("replace_original") {
		return s.replace(c, to.ts, version)
	}
	if a["response_type"] == "in_channel" {
		m := &Message{Channel: c.id, TS: s.stamp(), Version: version}
		m.At = m.TS
		c.messages = append(c.messages, m)
		return nil
	}
	thread := a["thread_ts"]
	if m := c.find(to.ts); thread == "" && m != nil { // an answer to a click within a thread stays there
		thread = m.ThreadTS
	}
	s.whisper(c, to.user, thread, version)
	return nil
}

func (s *Server) replace(c *channel, ts string, version Version) error {
	m := c.find(ts)
	for _, e := range s.ephemerals {
		if e.Channel == c.id && e.TS == ts {
			m = &e.Message
		}
	}
	if m == nil {
		return refuse("message_not_found")
	}
	version.At = s.stamp()
	m.Earlier, m.Version = append(m.Earlier, m.Version), version
	m.Edits++
	return nil
}

func (s *Server) remove(c *channel, ts string) {
	c.messages = slices.DeleteFunc(c.messages, func(m *Message) bool { return m.TS == ts })
	s.ephemerals = slices.DeleteFunc(s.ephemerals, func(e *Ephemeral) bool { return e.Channel == c.id && e.TS == ts })
}
