package connect

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"epoxy/internal/config"
)

// chefKey is a private key in PEM, in a file that can be replaced.
func chefKey(t *testing.T, file string) *rsa.PublicKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return &key.PublicKey
}

// isSigned checks a request as a Chef server does, by version 1.3 of the protocol.
// https://docs.chef.io/server/api_chef_server/#authentication-headers
func isSigned(r *http.Request, body []byte, by *rsa.PublicKey) bool {
	hash := sha256.Sum256(body)
	content := base64.StdEncoding.EncodeToString(hash[:])
	text := fmt.Sprintf("Method:%s\nPath:%s\nX-Ops-Content-Hash:%s\nX-Ops-Sign:version=1.3\nX-Ops-Timestamp:%s\nX-Ops-UserId:epoxy\nX-Ops-Server-API-Version:1",
		r.Method, r.URL.Path, content, r.Header.Get("X-Ops-Timestamp"))
	var signature strings.Builder
	for i := 1; r.Header.Get(fmt.Sprintf("X-Ops-Authorization-%d", i)) != ""; i++ {
		signature.WriteString(r.Header.Get(fmt.Sprintf("X-Ops-Authorization-%d", i)))
	}
	raw, err := base64.StdEncoding.DecodeString(signature.String())
	sum := sha256.Sum256([]byte(text))
	return err == nil && rsa.VerifyPKCS1v15(by, crypto.SHA256, sum[:], raw) == nil
}

// chefWorld is a Chef server that trusts one key, and a client of it.
type chefWorld struct {
	keyFile string
	public  atomic.Pointer[rsa.PublicKey]
	asked   atomic.Int32
	answer  http.HandlerFunc
	url     string
}

func newChefWorld(t *testing.T) *chefWorld {
	w := &chefWorld{keyFile: filepath.Join(t.TempDir(), "epoxy.pem")}
	w.public.Store(chefKey(t, w.keyFile))
	w.answer = func(out http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(out, r.Method+" "+r.URL.String())
	}
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.asked.Add(1)
		body, _ := io.ReadAll(r.Body)
		if !isSigned(r, body, w.public.Load()) {
			http.Error(out, `{"error":["Invalid signature for user or client 'epoxy'"]}`, http.StatusUnauthorized)
			return
		}
		w.answer(out, r)
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *chefWorld) client(t *testing.T, change func(*config.ChefServer)) *ChefClient {
	t.Helper()
	server := config.ChefServer{URL: config.URL(w.url), Client: "epoxy", Key: config.Secret{File: w.keyFile}}
	if change != nil {
		change(&server)
	}
	clients, err := ChefServers(map[string]config.ChefServer{"prod": server})
	if err != nil {
		t.Fatal(err)
	}
	return clients["prod"]
}

func get(ctx context.Context, c *ChefClient, path string, most int64) (string, error) {
	out, err := c.Do(ctx, http.MethodGet, path, nil, nil, most)
	return string(out), err
}

func TestChefSigns(t *testing.T) {
	w := newChefWorld(t)
	for _, c := range []struct {
		suffix, method, path string
		query                url.Values
		body, want           string
	}{
		{"", "GET", "nodes/web-1", nil, "", "GET /nodes/web-1"},
		{"/", "DELETE", "nodes/web-1", nil, "", "DELETE /nodes/web-1"},
		{"/organizations/shop", "GET", "nodes/web-1", nil, "", "GET /organizations/shop/nodes/web-1"},
		{"/organizations/shop", "POST", "search/node", url.Values{"q": {"a:b&c OR d"}}, `{"name":["name"]}`, "POST /organizations/shop/search/node?q=a%3Ab%26c+OR+d"},
	} {
		chef := w.client(t, func(s *config.ChefServer) { s.URL = config.URL(w.url + c.suffix) })
		var body []byte
		if c.body != "" {
			body = []byte(c.body)
		}
		out, err := chef.Do(t.Context(), c.method, c.path, c.query, body, 1000)
		if err != nil || string(out) != c.want {
			t.Errorf("%s%s: %s, %v; want %s", c.suffix, c.path, out, err, c.want)
		}
	}
}

func TestChefReadsARotatedKeyAgain(t *testing.T) {
	w := newChefWorld(t)
	chef := w.client(t, nil)
	if _, err := get(t.Context(), chef, "nodes", 100); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(w.keyFile, w.keyFile+".old"); err != nil {
		t.Fatal(err)
	}
	if _, err := get(t.Context(), chef, "nodes", 100); err != nil {
		t.Errorf("the key was fetched although it serves: %v", err)
	}
	w.public.Store(chefKey(t, w.keyFile))
	before := w.asked.Load()
	if out, err := get(t.Context(), chef, "nodes", 100); err != nil || out != "GET /nodes" || w.asked.Load() != before+2 {
		t.Errorf("after the rotation: %s, %v, %d requests", out, err, w.asked.Load()-before)
	}
	// A key that is refused and has not changed is not tried again.
	chefKey(t, w.keyFile)
	w.public.Store(chefKey(t, w.keyFile+".other"))
	if _, err := get(t.Context(), chef, "nodes", 100); statusOf(err) != http.StatusUnauthorized {
		t.Errorf("a wrong key: %v", err)
	}
	before = w.asked.Load()
	if _, err := get(t.Context(), chef, "nodes", 100); statusOf(err) != http.StatusUnauthorized || w.asked.Load() != before+1 {
		t.Errorf("a wrong key again: %v, %d requests", err, w.asked.Load()-before)
	}
}

func statusOf(err error) int {
	if answer, ok := errors.AsType[*ChefError](err); ok {
		return answer.StatusCode()
	}
	return 0
}

func TestChefAnswers(t *testing.T) {
	w := newChefWorld(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	t.Cleanup(elsewhere.Close)
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		status int
		says   []string
	}{
		"none": {func(out http.ResponseWriter, _ *http.Request) {
			http.Error(out, `{"error":["node 'x' not found"]}`, 404)
		}, 404, []string{"node 'x' not found", "Chef server prod (" + w.url + ")", "client epoxy"}},
		"forbidden": {func(out http.ResponseWriter, _ *http.Request) { http.Error(out, "no", http.StatusForbidden) }, http.StatusForbidden, []string{"403", "no"}},
		"silence":   {func(out http.ResponseWriter, _ *http.Request) { out.WriteHeader(500) }, 500, []string{"nothing more"}},
		"too much":  {func(out http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(out, strings.Repeat("x", 101)) }, 413, []string{"more than 100 bytes"}},
		"a page": {
			func(out http.ResponseWriter, _ *http.Request) {
				http.Error(out, strings.Repeat("<p>\n", 10_000), http.StatusBadGateway)
			}, http.StatusBadGateway, []string{"502: <p> <p>"},
		},
		"a redirect": {
			func(out http.ResponseWriter, r *http.Request) {
				http.Redirect(out, r, elsewhere.URL+"/nodes/x", http.StatusTemporaryRedirect)
			}, http.StatusTemporaryRedirect,
			[]string{elsewhere.URL + "/nodes/x", "chef.prod.url"},
		},
	} {
		w.answer = c.answer
		_, err := get(t.Context(), w.client(t, nil), "nodes/x", 100)
		if statusOf(err) != c.status || len(err.Error()) > 700 || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
		for _, part := range c.says {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v does not say %q", name, err, part)
			}
		}
	}
	w.answer = func(out http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(out, strings.Repeat("x", 100)) }
	if out, err := get(t.Context(), w.client(t, nil), "nodes/x", 100); err != nil || len(out) != 100 {
		t.Errorf("as much as it may be: %d bytes, %v", len(out), err)
	}
}

// A Chef server's errors are JSON with an error in it; goiardi's too. Anything else is of what stands before it.
func TestChefErrorsOfSomethingElseAreTold(t *testing.T) {
	w := newChefWorld(t)
	for body, foreign := range map[string]bool{
		`{"error":["node 'x' not found"]}`:        false,
		`{"error":["Client x not found"]}` + "\n": false,
		`{"error":"Cannot load node x"}`:          false,
		"404 page not found":                      true,
		"<html>Not Found</html>":                  true,
		`{"message":"no Route matched"}`:          true,
		`["error"]`:                               true,
		`"error"`:                                 true,
		"null":                                    true,
		"":                                        true,
	} {
		w.answer = func(out http.ResponseWriter, _ *http.Request) {
			out.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(out, body)
		}
		_, err := get(t.Context(), w.client(t, nil), "nodes/x", 100)
		if answer, ok := errors.AsType[*ChefError](err); !ok || answer.Foreign != foreign || answer.FromChef() == foreign {
			t.Errorf("%q: %+v", body, err)
		}
	}
}

func TestChefDoesNotWaitForEver(t *testing.T) {
	w := newChefWorld(t)
	w.answer = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	short := config.Duration(50 * time.Millisecond)
	_, err := get(t.Context(), w.client(t, func(s *config.ChefServer) { s.Timeout = &short }), "nodes", 100)
	if err == nil || !strings.Contains(err.Error(), "does not answer: no answer within 50ms") || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a slow server: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := get(ctx, w.client(t, nil), "nodes", 100); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled request: %v", err)
	}
	w.url = "http://127.0.0.1:1"
	if _, err := get(t.Context(), w.client(t, nil), "nodes", 100); err == nil || !strings.Contains(err.Error(), "Chef server prod (http://127.0.0.1:1) does not answer: ") {
		t.Errorf("a server that is down: %v", err)
	}
}
