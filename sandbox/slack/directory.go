package slack

import (
	"net/http"
	"slices"
)

// A User of the workspace. Interactions come from one.
type User struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	RealName string `json:"real_name,omitempty"`
}

// A Usergroup is what people mention as @handle.
type Usergroup struct {
	ID     string   `json:"id"`
	Handle string   `json:"handle"`
	Name   string   `json:"name"`
	Users  []string `json:"users"` // ids
}

type directory struct {
	users  []User
	groups []Usergroup
}

// someone is who is there before a test says otherwise: two operators, and one who is none.
func someone() directory {
	return directory{
		users:  []User{{"U0ADA00000", "ada", "Ada"}, {"U0GRACE000", "grace", "Grace"}, {"U0MALLORY0", "mallory", "Mallory"}},
		groups: []Usergroup{{"S0OPERATORS", "operators", "Operators", []string{"U0ADA00000", "U0GRACE000"}}},
	}
}

// user finds one by id or name.
func (d *directory) user(idOrName string) (User, bool) {
	i := slices.IndexFunc(d.users, func(u User) bool { return u.ID == idOrName || u.Name == idOrName })
	if i < 0 {
		return User{}, false
	}
	return d.users[i], true
}

func (d *directory) setUser(u User) {
	d.users = append(slices.DeleteFunc(d.users, func(old User) bool { return old.ID == u.ID }), u)
}

func (d *directory) setGroup(g Usergroup) {
	d.groups = append(slices.DeleteFunc(d.groups, func(old Usergroup) bool { return old.ID == g.ID }), g)
}

func (u User) wire() reply {
	return reply{
		"id": u.ID, "team_id": teamID, "name": u.Name, "real_name": u.RealName, "deleted": false, "is_bot": false,
		"profile": reply{"display_name": u.Name, "real_name": u.RealName},
	}
}

func (g Usergroup) wire(withUsers bool) reply {
	out := reply{
		"id": g.ID, "team_id": teamID, "is_usergroup": true, "name": g.Name, "handle": g.Handle,
		"date_delete": 0, "user_count": len(g.Users),
	}
	if withUsers {
		out["users"] = g.Users
	}
	return out
}

// https://docs.slack.dev/reference/methods/users.info
func (s *Server) userInfo(_ *http.Request, a args) (reply, error) {
	u, ok := s.user(a["user"])
	if !ok || u.ID != a["user"] {
		return nil, refuse("user_not_found")
	}
	return reply{"user": u.wire()}, nil
}

// https://docs.slack.dev/reference/methods/usergroups.list
func (s *Server) listUsergroups(_ *http.Request, a args) (reply, error) {
	out := make([]reply, 0, len(s.groups))
	for _, g := range s.groups {
		out = append(out, g.wire(a.truth("include_users")))
	}
	return reply{"usergroups": out}, nil
}

// https://docs.slack.dev/reference/methods/usergroups.users.list
func (s *Server) listMembers(_ *http.Request, a args) (reply, error) {
	for _, g := range s.groups {
		if g.ID == a["usergroup"] {
			return reply{"users": append([]string{}, g.Users...)}, nil
		}
	}
	return nil, refuse("no_such_subteam")
}
