package estate

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/go-chef/chef"
)

// Chef is a Chef server as its administrator and its nodes use it.
type Chef struct{ signer *chef.Client }

// OpenChef signs as admin.
func OpenChef(url, adminKeyFile string) (*Chef, error) {
	key, err := os.ReadFile(adminKeyFile)
	if err != nil {
		return nil, err
	}
	signer, err := chef.NewClient(&chef.Config{
		Name: "admin", Key: string(key), BaseURL: url + "/", AuthenticationVersion: chef.AuthVersion13,
		Client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}, Timeout: 30 * time.Second},
	})
	if err != nil {
		return nil, err
	}
	return &Chef{signer: signer}, nil
}

// ErrNoSuchThing is a 404.
var ErrNoSuchThing = errors.New("there is none on the Chef server")

// Do sends a signed request with a JSON body, and decodes the answer; both may be nil.
func (c *Chef) Do(ctx context.Context, method, path string, body, into any) error {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	req, err := c.signer.NewRequest(method, path, content)
	if err != nil {
		return err
	}
	resp, err := c.signer.Client.Do(req.WithContext(ctx))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s %s: %w", method, path, ErrNoSuchThing)
	case resp.StatusCode/100 != 2:
		return fmt.Errorf("%s %s answers %s: %s", method, path, resp.Status, text)
	case into == nil:
		return nil
	}
	return json.Unmarshal(text, into)
}

// Register makes a client and a node, as the first run of chef-client does. A node that is there gets the attributes.
func (c *Chef) Register(ctx context.Context, name string, automatic map[string]any) error {
	if err := c.NewClient(ctx, name, false); err != nil {
		return err
	}
	node := map[string]any{
		"name": name, "chef_environment": "prod", "json_class": "Chef::Node", "chef_type": "node", "run_list": []string{"recipe[base]"},
		"automatic": automatic, "normal": map[string]any{"tags": []string{}}, "default": map[string]any{}, "override": map[string]any{},
	}
	err := c.Do(ctx, http.MethodPut, "nodes/"+name, node, nil)
	if errors.Is(err, ErrNoSuchThing) {
		err = c.Do(ctx, http.MethodPost, "nodes", node, nil)
	}
	return err
}

// EC2Node is what Ohai finds on an instance.
func EC2Node(account, zone, instance, address string, checkedIn time.Time) map[string]any {
	return map[string]any{
		"ipaddress": address, "hostname": instance, "fqdn": instance + ".example.com", "ohai_time": float64(checkedIn.UnixMilli()) / 1000,
		"ec2": map[string]any{
			"instance_id": instance, "account_id": account, "placement_availability_zone": zone, "local_ipv4": address,
		},
	}
}

// nodeKey is every client's: to make one for each would take a tenth of a second.
var nodeKey = sync.OnceValues(func() (string, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})), err
})

// NewClient makes a client, unless it is there.
func (c *Chef) NewClient(ctx context.Context, name string, validator bool) error {
	err := c.Do(ctx, http.MethodGet, "clients/"+name, nil, nil)
	if !errors.Is(err, ErrNoSuchThing) {
		return err
	}
	key, err := nodeKey()
	if err != nil {
		return err
	}
	return c.Do(ctx, http.MethodPost, "clients", map[string]any{"name": name, "validator": validator, "public_key": key}, nil)
}

// DeleteNode deletes a node and leaves its client; DeleteClient the other way round.
func (c *Chef) DeleteNode(ctx context.Context, name string) error {
	return c.Do(ctx, http.MethodDelete, "nodes/"+name, nil, nil)
}

// DeleteClient deletes a client.
func (c *Chef) DeleteClient(ctx context.Context, name string) error {
	return c.Do(ctx, http.MethodDelete, "clients/"+name, nil, nil)
}

// Nodes are the names of all nodes, sorted.
func (c *Chef) Nodes(ctx context.Context) ([]string, error) { return c.names(ctx, "nodes") }

// Clients are the names of all clients, sorted; a server has some of its own.
func (c *Chef) Clients(ctx context.Context) ([]string, error) { return c.names(ctx, "clients") }

func (c *Chef) names(ctx context.Context, kind string) ([]string, error) {
	var all map[string]string
	if err := c.Do(ctx, http.MethodGet, kind, nil, &all); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(all)), nil
}

// Node is a node's JSON.
func (c *Chef) Node(ctx context.Context, name string) (map[string]any, error) {
	var node map[string]any
	return node, c.Do(ctx, http.MethodGet, "nodes/"+name, nil, &node)
}
