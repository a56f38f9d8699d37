package activities

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// parseChefResource takes chef/SERVER/nodes/NAME apart, as DeleteNode wrote it.
func (a *Restorer) parseChefResource(e ledger.Entry, kind string) (s chefServer, name string, err error) {
	parts := strings.Split(e.Resource, "/")
	if len(parts) != 4 || parts[0] != "chef" || parts[2] != kind || policy.CheckNodeName(parts[3]) != nil {
		return chefServer{}, "", Refuse(ErrInvalid, "entry %s names %q, which is none of a Chef server's %s", e.ID, e.Resource, kind)
	}
	s, err = a.Chef.server(parts[1])
	return s, parts[3], err
}

// putNode makes the node anew, as it was. One that is there with another content is somebody's by now.
func (a *Restorer) putNode(ctx context.Context, _ Place, e ledger.Entry) (string, error) {
	s, name, err := a.parseChefResource(e, chefNodes)
	if err != nil {
		return "", err
	}
	text, found, err := s.get(ctx, chefNodes, name)
	switch {
	case err != nil:
		return "", err
	case found && sameJSON(text, []byte(e.PutBack.Definition)):
		return "it is there as it was", nil
	case found:
		return "", Refuse(ErrInvalid, "%s has a node %s again, with other content: it registered anew, and is left as it is; if the old content must be there, delete that node and undo again", s.api, name)
	}
	if _, err = s.do(ctx, http.MethodPost, chefNodes, nil, []byte(e.PutBack.Definition), maxNode); err != nil {
		return "", err
	}
	// https://docs.chef.io/server/server_orgs/#object-permissions
	return fmt.Sprintf("as it was; on a server with permissions by object, let its client write it: knife acl add client %s nodes %s read,update,delete", name, name), nil
}

// sameJSON compares values, whatever their order.
func sameJSON(a, b []byte) bool {
	var left, right any
	for _, side := range []struct {
		text []byte
		into *any
	}{{a, &left}, {b, &right}} {
		decoder := json.NewDecoder(bytes.NewReader(side.text))
		decoder.UseNumber() // numbers as they are written
		if decoder.Decode(side.into) != nil {
			return false
		}
	}
	return reflect.DeepEqual(left, right)
}

// putClient makes the client anew with its old public key. Its rights are never more than a node's.
// https://docs.chef.io/server/api_chef_server/#clients
func (a *Restorer) putClient(ctx context.Context, _ Place, e ledger.Entry) (string, error) {
	s, name, err := a.parseChefResource(e, chefClients)
	if err != nil {
		return "", err
	}
	lost := "its private key, if it was lost with the instance, must be made anew: knife client reregister " + name
	key := textAt([]byte(e.PutBack.Definition), "public_key")
	now, found, err := s.client(ctx, name)
	switch {
	case err != nil:
		return "", err
	case found && (now.PublicKey == key || key == ""):
		return "it is there; " + lost, nil
	case found:
		return "", Refuse(ErrInvalid, "%s has a client %s again, with another key: a machine registered anew, and is left as it is", s.api, name)
	case key == "":
		return "", Refuse(ErrInvalid, "the public key of client %s is not known, so it needs a new key: knife client create %s", name, name)
	}
	body, err := json.Marshal(map[string]any{"name": name, "public_key": key, "validator": false, "admin": false})
	if err != nil {
		return "", err
	}
	if _, err := s.do(ctx, http.MethodPost, chefClients, nil, body, maxClient); err != nil {
		return "", err
	}
	return "with its old public key; " + lost, nil
}
