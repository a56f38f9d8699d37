package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// me is the cookie that says which user the page's reader is.
const me = "me"

// pageActions are what the page's buttons do. Forms of other sites must not press them.
func (s *Server) pageActions() {
	guard := http.NewCrossOriginProtection()
	handle := func(path string, run func(*http.Request, User) error) {
		s.mux.Handle("POST "+path, guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			reader := s.reader(r)
			s.mu.Unlock()
			if err := run(r, reader); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			http.Redirect(w, r, "/?channel="+url.QueryEscape(r.FormValue("channel")), http.StatusSeeOther)
		})))
	}
	handle("/page/click", func(r *http.Request, u User) error {
		in := Interaction{Channel: r.FormValue("channel"), TS: r.FormValue("ts"), ActionID: r.FormValue("action_id"), UserID: u.ID}
		return s.pressed(r.Context(), func() (*Delivery, error) { return s.click(r.Host, in) })
	})
	handle("/page/submit", func(r *http.Request, u User) error {
		return s.pressed(r.Context(), func() (*Delivery, error) { return s.submission(s.typed(r, u)) })
	})
	handle("/page/close", func(r *http.Request, u User) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if v := s.view(r.FormValue("view")); v != nil && v.User == u.ID {
			v.Closed = true
		}
		return nil
	})
	s.mux.Handle("POST /page/me", guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		//nolint:gosec // G124: not Secure, because the page is served over http on 127.0.0.1
		http.SetCookie(w, &http.Cookie{Name: me, Value: r.FormValue(me), Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
		http.Redirect(w, r, "/?channel="+url.QueryEscape(r.FormValue("channel")), http.StatusSeeOther)
	})))
}

func (s *Server) pressed(ctx context.Context, prepare func() (*Delivery, error)) error {
	s.mu.Lock()
	d, err := prepare()
	s.mu.Unlock()
	if err == nil {
		s.deliver(ctx, d)
	}
	return err
}

// typed reads the page's form of a view: the inputs are named by the place of their block.
func (s *Server) typed(r *http.Request, u User) Submission {
	in := Submission{ViewID: r.FormValue("view"), UserID: u.ID, Values: map[string]map[string]string{}}
	if v := s.view(in.ViewID); v != nil {
		for i, block := range v.Blocks {
			id, _ := block["block_id"].(string)
			if found, ok := v.inputs()[id]; ok && block["type"] == "input" {
				in.Values[id] = map[string]string{found.action: r.FormValue("b" + strconv.Itoa(i))}
			}
		}
	}
	return in
}

// reader is who the page is shown to; the first user, if the cookie names nobody.
func (s *Server) reader(r *http.Request) User {
	if cookie, err := r.Cookie(me); err == nil {
		if u, ok := s.user(cookie.Value); ok {
			return u
		}
	}
	return s.users[0]
}

// A pageView is the modal that the reader has open, with what the page's form needs in its blocks.
type pageView struct {
	*View
	Shown   []map[string]any
	Problem string
}

func (s *Server) openFor(u User) *pageView {
	for _, v := range slices.Backward(s.views) {
		if v.User != u.ID || v.Closed {
			continue
		}
		p := &pageView{View: v}
		data, err := json.Marshal(v.Blocks)
		if err == nil {
			err = json.Unmarshal(data, &p.Shown)
		}
		if err != nil {
			p.Problem = fmt.Sprint(err)
		}
		for i, block := range p.Shown {
			id, _ := block["block_id"].(string)
			element, _ := block["element"].(map[string]any)
			action, _ := element["action_id"].(string)
			block["sandbox_name"] = "b" + strconv.Itoa(i)
			block["sandbox_value"], block["sandbox_error"] = v.State[id][action], v.Errors[id]
		}
		for _, d := range s.deliveries {
			if d.ViewID == v.ID {
				p.Problem = d.Problem
			}
		}
		return p
	}
	return nil
}
