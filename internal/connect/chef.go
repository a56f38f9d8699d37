package connect

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-chef/chef"

	"epoxy/internal/config"
)

// chefAtOnce is how many requests one server has under way: more only wait inside it. Activities take turns, besides.
const chefAtOnce = 32

// ChefClient asks one Chef Infra Server, or one organisation of it. It signs with go-chef and sends itself, so that a context
// ends a request and no answer fills the memory. The key is fetched when it is first needed, kept in memory alone, and fetched
// again when the server refuses it: it may have been rotated.
type ChefClient struct {
	name, url, client string
	timeout           time.Duration
	key               func(context.Context) (string, error)
	http              *http.Client
	slots             chan struct{}

	mu     sync.Mutex
	signer *chef.Client
}

// ChefServers makes the clients of the section chef, under its names. No key is fetched yet.
func ChefServers(servers map[string]config.ChefServer) (map[string]*ChefClient, error) {
	clients := make(map[string]*ChefClient, len(servers))
	for name, server := range servers {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = chefAtOnce
		if server.CAFile != "" {
			trusted, err := trust(server.CAFile)
			if err != nil {
				return nil, fmt.Errorf("chef.%s.ca_file: %w", name, err)
			}
			transport.TLSClientConfig = &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}
		}
		c := &ChefClient{
			name: name, url: strings.TrimRight(string(server.URL), "/"), client: server.Client, timeout: 10 * time.Second,
			slots: make(chan struct{}, chefAtOnce),
			// A signature holds for one path on one server: what it redirects to could do nothing with it.
			http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		}
		if server.Timeout != nil && *server.Timeout > 0 {
			c.timeout = time.Duration(*server.Timeout)
		}
		c.key = func(ctx context.Context) (string, error) { return resolve(ctx, server.Key) }
		clients[name] = c
	}
	return clients, nil
}

// trust adds certificates to those that the machine trusts.
func trust(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", file)
	}
	return pool, nil
}

// Client is the name that requests are signed with.
func (c *ChefClient) Client() string { return c.client }

// String names the server.
func (c *ChefClient) String() string { return fmt.Sprintf("Chef server %s (%s)", c.name, c.url) }

// GoString keeps the key out of %#v.
func (c *ChefClient) GoString() string { return "connect.ChefClient{" + c.String() + "}" }

// ChefError is an answer that is no success.
type ChefError struct {
	Server, Client string // the server in words; whom we are there
	Method, Path   string
	Status         int
	Message        string // what the server says
	Foreign        bool   // it is no answer of a Chef server: of a load balancer, perhaps
}

// FromChef tells that a Chef server answered, and nothing between it and us.
func (e *ChefError) FromChef() bool { return !e.Foreign }

func (e *ChefError) Error() string {
	return fmt.Sprintf("%s answers %s %s of client %s with %d: %s", e.Server, e.Method, e.Path, e.Client, e.Status, e.Message)
}

// StatusCode is HTTP's.
func (e *ChefError) StatusCode() int { return e.Status }

// Do sends one signed request below the server's URL and returns the body of a successful answer, if it has at most so many
// bytes. Any other answer is a *ChefError.
func (c *ChefClient) Do(ctx context.Context, method, path string, query url.Values, body []byte, most int64) ([]byte, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	signer, err := c.signed(ctx, nil)
	if err != nil {
		return nil, err
	}
	out, err := c.send(ctx, signer, method, path, query, body, most)
	if refused, ok := errors.AsType[*ChefError](err); !ok || refused.Status != http.StatusUnauthorized {
		return out, err
	}
	again, wrong := c.signed(ctx, signer)
	if wrong != nil || again.Auth.PrivateKey.Equal(signer.Auth.PrivateKey) {
		return nil, errors.Join(err, wrong)
	}
	return c.send(ctx, again, method, path, query, body, most)
}

// signed gives what signs requests; refused is the one whose signature the server did not take.
func (c *ChefClient) signed(ctx context.Context, refused *chef.Client) (*chef.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.signer != nil && c.signer != refused {
		return c.signer, nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	key, err := c.key(ctx)
	if err != nil {
		return nil, fmt.Errorf("chef.%s.private_key: %w", c.name, err)
	}
	// With version 1.3, the default is the old 1.0, signatures are SHA-256.
	// https://docs.chef.io/server/api_chef_server/#authentication-headers
	signer, err := chef.NewClient(&chef.Config{
		Name: c.client, Key: key, BaseURL: c.url + "/", AuthenticationVersion: chef.AuthVersion13, Client: c.http,
	})
	if err != nil { // without the library's words: what it could not read may be the key
		return nil, fmt.Errorf("chef.%s.private_key is no RSA key in PEM: take the .pem file of client %s", c.name, c.client)
	}
	c.signer = signer
	return signer, nil
}

func (c *ChefClient) send(ctx context.Context, signer *chef.Client, method, path string, query url.Values, body []byte, most int64) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no answer within %s", c.timeout))
	defer cancel()
	target := path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	req, err := signer.NewRequest(method, target, content)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be asked %s %s: %w", c, method, path, err)
	}
	resp, err := c.http.Do(req.WithContext(ctx))
	if err != nil {
		return nil, c.unanswered(ctx, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	failed := &ChefError{Server: c.String(), Client: c.client, Method: method, Path: path, Status: resp.StatusCode}
	switch {
	case err != nil:
		return nil, c.unanswered(ctx, err)
	case resp.StatusCode/100 == 3:
		failed.Message = "it redirects to " + resp.Header.Get("Location") + "; write the address that it really has into chef." + c.name + ".url"
		return nil, failed
	case resp.StatusCode/100 != 2:
		var answer struct {
			Error json.RawMessage `json:"error"`
		}
		failed.Foreign = json.Unmarshal(text, &answer) != nil || len(answer.Error) == 0
		failed.Message = said(text)
		return nil, failed
	case int64(len(text)) > most:
		failed.Status, failed.Message = http.StatusRequestEntityTooLarge, fmt.Sprintf("the answer has more than %d bytes", most)
		return nil, failed
	}
	return text, nil
}

func (c *ChefClient) unanswered(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // the rest is the address
	}
	return fmt.Errorf("%s does not answer: %w", c, err)
}

// said is the start of what a server says, on one line.
func said(text []byte) string {
	words := strings.Join(strings.Fields(strings.ToValidUTF8(string(text[:min(len(text), 300)]), "?")), " ")
	if words == "" {
		return "nothing more"
	}
	return words
}
