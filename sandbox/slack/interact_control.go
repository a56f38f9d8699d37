package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// State is what a workspace holds beside its messages.
type State struct {
	RequestURL string      `json:"request_url"`
	Sockets    int         `json:"sockets"` // Socket Mode clients that are connected
	Users      []User      `json:"users"`
	Usergroups []Usergroup `json:"usergroups"`
	Ephemerals []Ephemeral `json:"ephemerals"`
	Views      []View      `json:"views"`
	Deliveries []Delivery  `json:"deliveries"`
}

// Interact clicks a button, waits until the app has answered or three seconds are over, and says what came back. Its error
// means that nothing was sent.
func (c Control) Interact(ctx context.Context, in Interaction) (out Delivery, err error) {
	return out, c.do(ctx, http.MethodPost, "/control/interact", in, &out)
}

// SubmitView presses a view's submit button, likewise.
func (c Control) SubmitView(ctx context.Context, in Submission) (out Delivery, err error) {
	return out, c.do(ctx, http.MethodPost, "/control/submit", in, &out)
}

// SignedRequest makes the request that Slack would send with this payload at that time, for the caller to send: late, twice,
// or with something changed.
func (c Control) SignedRequest(ctx context.Context, payload string, at time.Time) (out Signed, err error) {
	return out, c.do(ctx, http.MethodPost, "/control/sign", signInput{payload, at.Unix()}, &out)
}

// SetRequestURL says where interactions go while no Socket Mode client is connected.
func (c Control) SetRequestURL(ctx context.Context, address string) error {
	return c.do(ctx, http.MethodPost, "/control/request-url", map[string]string{"url": address}, nil)
}

// SetUser adds a user, or changes one.
func (c Control) SetUser(ctx context.Context, u User) error {
	return c.do(ctx, http.MethodPost, "/control/users", u, nil)
}

// SetUsergroup adds a user group, or changes one.
func (c Control) SetUsergroup(ctx context.Context, g Usergroup) error {
	return c.do(ctx, http.MethodPost, "/control/usergroups", g, nil)
}

// Disconnect ends the Socket Mode connections the way Slack does: warning, refresh_requested or link_disabled.
func (c Control) Disconnect(ctx context.Context, reason string) error {
	return c.do(ctx, http.MethodPost, "/control/disconnect", map[string]string{"reason": reason}, nil)
}

// State of what is no message.
func (c Control) State(ctx context.Context) (out State, err error) {
	return out, c.do(ctx, http.MethodGet, "/control/state", nil, &out)
}

// File fetches what was uploaded.
func (c Control) File(ctx context.Context, f File) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.URL, "/")+"/files/"+f.ID+"/"+f.Name, nil)
	if err != nil {
		return "", err
	}
	return fetch(req)
}

type signInput struct {
	Payload string `json:"payload"`
	At      int64  `json:"at"`
}

func (s *Server) interactionControls() {
	s.mux.HandleFunc("POST /control/interact", func(w http.ResponseWriter, r *http.Request) {
		var in Interaction
		s.send(w, r, &in, func() (*Delivery, error) { return s.click(r.Host, in) }, func() bool { return in.Unsent })
	})
	s.mux.HandleFunc("POST /control/submit", func(w http.ResponseWriter, r *http.Request) {
		var in Submission
		s.send(w, r, &in, func() (*Delivery, error) { return s.submission(in) }, func() bool { return in.Unsent })
	})
	s.control("GET /control/state", func(*http.Request) (any, error) { return s.state(), nil })
	s.control("POST /control/sign", func(r *http.Request) (any, error) {
		var in signInput
		err := decode(r, &in)
		return sign(s.options.SigningSecret, in.Payload, time.Unix(in.At, 0)), err
	})
	s.control("POST /control/request-url", func(r *http.Request) (any, error) {
		var in struct{ URL string }
		err := decode(r, &in)
		if err == nil {
			s.requestURL = in.URL
		}
		return done, err
	})
	s.control("POST /control/users", func(r *http.Request) (any, error) {
		var u User
		if err := decode(r, &u); err != nil || u.ID == "" || u.Name == "" {
			return nil, errors.Join(errors.New(`a user needs "id" and "name"`), err)
		}
		s.setUser(u)
		return done, nil
	})
	s.control("POST /control/usergroups", func(r *http.Request) (any, error) {
		var g Usergroup
		if err := decode(r, &g); err != nil || g.ID == "" || g.Handle == "" {
			return nil, errors.Join(errors.New(`a user group needs "id" and "handle"`), err)
		}
		s.setGroup(g)
		return done, nil
	})
	s.control("POST /control/disconnect", func(r *http.Request) (any, error) {
		var in struct{ Reason string }
		err := decode(r, &in)
		if err == nil {
			s.sockets.disconnect(in.Reason)
		}
		return done, err
	})
}

// send prepares an interaction with the server locked, and delivers it unlocked.
func (s *Server) send(w http.ResponseWriter, r *http.Request, into any, prepare func() (*Delivery, error), unsent func() bool) {
	err := decode(r, into)
	var d *Delivery
	if err == nil {
		s.mu.Lock()
		d, err = prepare()
		s.mu.Unlock()
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		answer(w, map[string]any{"ok": false, "error": err.Error()})
		return
	}
	if !unsent() {
		s.deliver(r.Context(), d)
	}
	answer(w, d)
}

func (s *Server) state() State {
	out := State{
		RequestURL: s.requestURL, Sockets: s.sockets.count(), Users: s.users, Usergroups: s.groups,
		Ephemerals: []Ephemeral{}, Views: []View{}, Deliveries: []Delivery{},
	}
	for _, e := range s.ephemerals {
		out.Ephemerals = append(out.Ephemerals, *e)
	}
	for _, v := range s.views {
		out.Views = append(out.Views, *v)
	}
	for _, d := range s.deliveries {
		out.Deliveries = append(out.Deliveries, *d)
	}
	return out
}

// ButtonValue is what one of the message's buttons carries.
func (m Message) ButtonValue(actionID string) (string, error) {
	found := m.element(actionID)
	if found == nil {
		return "", fmt.Errorf("message %s has no button %q", m.TS, actionID)
	}
	value, _ := found.element["value"].(string)
	return value, nil
}
