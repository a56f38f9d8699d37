package connect

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"epoxy/internal/config"
)

const tokenVariable = "EPOXY_TEST_GITHUB_TOKEN"

// seen is a server that notes what comes, and answers with a redirect if it has somewhere to send people.
func seen(t *testing.T, to string) (url string, requests *[]string) {
	t.Helper()
	requests = &[]string{}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*requests = append(*requests, r.URL.Path+" "+r.Header.Get("Authorization")+" "+r.UserAgent())
		if to != "" && !strings.HasSuffix(r.URL.Path, "/renamed") {
			http.Redirect(w, r, to, http.StatusMovedPermanently)
			return
		}
		_, _ = w.Write([]byte(`{}`))
	}))
	t.Cleanup(web.Close)
	return web.URL, requests
}

func TestGitHubSendsItsToken(t *testing.T) {
	t.Setenv(tokenVariable, "ghp_secret")
	for _, suffix := range []string{"", "/", "/api/v3", "/api/v3/"} {
		url, requests := seen(t, "/api/v3/renamed")
		client, err := GitHub(t.Context(), config.GitHub{Token: config.Secret{Env: tokenVariable}, APIURL: config.URL(url + suffix)})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := client.Repositories.Get(t.Context(), "acme", "shop"); err != nil {
			t.Error(err)
		}
		want := "/api/v3/repos/acme/shop Bearer ghp_secret epoxy|/api/v3/renamed Bearer ghp_secret epoxy"
		if got := strings.Join(*requests, "|"); got != want {
			t.Errorf("%q: sent %q, want %q", suffix, got, want)
		}
	}
}

func TestGitHubTokenFollowsNoRedirectElsewhere(t *testing.T) {
	t.Setenv(tokenVariable, "ghp_secret")
	other, requests := seen(t, "")
	url, _ := seen(t, other)
	client, err := GitHub(t.Context(), config.GitHub{Token: config.Secret{Env: tokenVariable}, APIURL: config.URL(url)})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := client.Repositories.Get(t.Context(), "acme", "shop"); err == nil || !strings.Contains(err.Error(), "gets no token") {
		t.Errorf("got %v", err)
	}
	if len(*requests) > 0 {
		t.Errorf("the other host was asked: %q", *requests)
	}
}

func TestGitHubIsRefused(t *testing.T) {
	key := filepath.Join(t.TempDir(), "app.pem")
	if err := os.WriteFile(key, []byte("-----BEGIN OPENSSH PRIVATE KEY-----\nsecret"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(tokenVariable, "")
	for says, c := range map[string]config.GitHub{
		"github.token":             {Token: config.Secret{Env: tokenVariable}},
		"github.app.private_key":   {App: &config.GitHubApp{ID: 1, InstallationID: 2, PrivateKey: config.Secret{File: key + ".gone"}}},
		"is no RSA key in PEM":     {App: &config.GitHubApp{ID: 1, InstallationID: 2, PrivateKey: config.Secret{File: key}}},
		key + ") is no RSA key in": {App: &config.GitHubApp{ID: 1, InstallationID: 2, PrivateKey: config.Secret{File: key}}},
	} {
		client, err := GitHub(t.Context(), c)
		if err == nil || client != nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret\n") {
			t.Errorf("want %q, got %v", says, err)
		}
	}
	if client, err := GitHub(t.Context(), config.GitHub{}); client != nil || err != nil {
		t.Errorf("without a section: %v, %v", client, err)
	}
}
