package activities

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"epoxy/internal/policy"
)

// nodeCount is how many nodes a server has, as of a while ago.
type nodeCount struct {
	mu    sync.Mutex
	at    time.Time
	nodes int
}

// countFor is how long a count serves: it is for percentages, and a list of all names is long.
const countFor = 5 * time.Minute

// countNodes is how many nodes some servers have in all.
func (a *Chef) countNodes(ctx context.Context, servers []string) (int, error) {
	total := 0
	for _, name := range servers {
		s, err := a.server(name)
		if err != nil {
			return 0, err
		}
		nodes, err := a.countOf(name).get(ctx, s)
		if err != nil {
			return 0, err
		}
		total += nodes
	}
	return total, nil
}

func (a *Chef) countOf(server string) *nodeCount {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.counts == nil {
		a.counts = map[string]*nodeCount{}
	}
	if a.counts[server] == nil {
		a.counts[server] = &nodeCount{}
	}
	return a.counts[server]
}

func (c *nodeCount) get(ctx context.Context, s chefServer) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.at.IsZero() && time.Since(c.at) < countFor {
		return c.nodes, nil
	}
	names, err := s.names(ctx, chefNodes)
	if err != nil {
		return 0, err
	}
	c.at, c.nodes = time.Now(), len(names)
	return c.nodes, nil
}

// names are all nodes or clients. A wrong address is no empty server: a Chef server always has a client, and a list is JSON.
func (s chefServer) names(ctx context.Context, kind string) (map[string]bool, error) {
	text, err := s.do(ctx, http.MethodGet, kind, nil, nil, maxList)
	if isMissing(err) {
		return nil, Refuse(ErrInvalid, "%v: check its url in the section chef, with /organizations/NAME if it has organisations", err)
	}
	if err != nil {
		return nil, err
	}
	var addresses map[string]json.RawMessage
	if err := json.Unmarshal(text, &addresses); err != nil {
		return nil, s.nonsense("GET "+kind, err)
	}
	names := make(map[string]bool, len(addresses))
	for name := range addresses {
		names[name] = true
	}
	return names, nil
}

// searchPage is how many rows a Chef server gives at once.
// https://docs.chef.io/server/api_chef_server/#search
const searchPage = 1000

// listed goes through everything of a kind: what there is, by the list of names, with what the index knows of it. What the
// index does not know yet comes last, with no row: it is to be read.
func (s chefServer) listed(ctx context.Context, kind, index string, attributes map[string][]string, each func(name string, row json.RawMessage) error) error {
	names, err := s.names(ctx, kind)
	if err != nil {
		return err
	}
	for from := 0; len(names) > 0; from += searchPage {
		rows, total, err := s.search(ctx, index, "*:*", attributes, from, searchPage)
		if err != nil {
			return err
		}
		for _, row := range rows {
			name := textAt(row.Data, "name")
			if !names[name] {
				continue // gone by now, or on two pages: things come and go meanwhile
			}
			delete(names, name)
			if err := each(name, row.Data); err != nil {
				return err
			}
		}
		// A server counts what it finds in all, goiardi what it returns.
		if len(rows) < searchPage && total <= from+searchPage {
			break
		}
	}
	for name := range names {
		if err := each(name, nil); err != nil {
			return err
		}
	}
	return nil
}

// listNodes gives every node of a server, also those whose name policy.CheckNodeName refuses: they are to be reported, and no
// request ever has such a name in it.
func (a *Chef) listNodes(ctx context.Context, server string, each func(policy.ChefNode) error) error {
	s, err := a.server(server)
	if err != nil {
		return err
	}
	return s.listed(ctx, chefNodes, "node", policy.ChefRowAttributes, func(name string, row json.RawMessage) error {
		if row != nil {
			return each(policy.ParseChefRow(server, row))
		}
		if policy.CheckNodeName(name) != nil {
			return each(policy.ChefNode{Server: server, Name: name})
		}
		n, _, found, err := s.node(ctx, name)
		if err != nil || !found {
			return err
		}
		return each(n)
	})
}

// ClientInfo is what matters of a client to a sweep.
type ClientInfo struct {
	Validator, Admin bool
	NeverDeleted     string // why, or ""
}

// listClients gives every client of a server by name, also those whose name policy.CheckNodeName refuses: nobody touches them.
func (a *Chef) listClients(ctx context.Context, server string) (map[string]ClientInfo, error) {
	s, err := a.server(server)
	if err != nil {
		return nil, err
	}
	clients := map[string]ClientInfo{}
	attributes := map[string][]string{"name": {"name"}, "validator": {"validator"}, "admin": {"admin"}}
	err = s.listed(ctx, chefClients, "client", attributes, func(name string, row json.RawMessage) error {
		c := policy.ParseChefClient(row)
		c.Name = name
		wrong := policy.CheckNodeName(name)
		if row == nil && wrong == nil {
			text, found, err := s.get(ctx, chefClients, name)
			if err != nil || !found {
				return err
			}
			c = policy.ParseChefClient(text)
		}
		info := ClientInfo{Validator: c.Validator, Admin: c.Admin, NeverDeleted: c.NeverDeleted(s.api.Client())}
		if wrong != nil && info.NeverDeleted == "" {
			info.NeverDeleted = wrong.Error()
		}
		clients[name] = info
		return nil
	})
	return clients, err
}
