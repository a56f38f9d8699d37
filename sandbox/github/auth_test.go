package github

import (
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v4"
	"github.com/google/go-github/v88/github"

	"epoxy/internal/config"
	"epoxy/internal/connect"
)

func TestCredentials(t *testing.T) {
	_, _, control := world(t)
	_, resp, err := getCommit(t.Context(), client(t, control.URL, "ghp_other"), "main")
	wantStatus(t, resp, err, http.StatusUnauthorized)
	if err != nil && !strings.Contains(err.Error(), "Bad credentials") {
		t.Error(err)
	}
	for header, want := range map[string]int{
		"Bearer " + testToken: 200, "token " + testToken: 200, "bearer " + testToken: 200, "Basic " + testToken: 401, "": 401, "Bearer": 401,
	} {
		if got := status(t, control.URL+"/repos/acme/shop", map[string]string{"Authorization": header}); got != want {
			t.Errorf("%q is answered with %d, want %d", header, got, want)
		}
	}
}

func TestHeadersAreChecked(t *testing.T) {
	_, _, control := world(t)
	for _, c := range []struct {
		name, value string
		want        int
	}{
		{"User-Agent", "", 403},
		{"Accept", "application/vnd.github.v3+json", 200},
		{"Accept", "application/vnd.github+json", 200},
		{"Accept", "text/html, */*;q=0.1", 200},
		{"Accept", "text/html", 415},
		{"Accept", "application/vnd.other+json", 415},
		{"X-GitHub-Api-Version", "2022-11-28", 200},
		{"X-GitHub-Api-Version", "2021-01-01", 400},
	} {
		got := status(t, control.URL+"/api/v3/repos/acme/shop", map[string]string{"Authorization": "Bearer " + testToken, c.name: c.value})
		if got != c.want {
			t.Errorf("%s: %q is answered with %d, want %d", c.name, c.value, got, c.want)
		}
	}
	if got := status(t, control.URL+"/api/v3/user", map[string]string{"Authorization": "Bearer " + testToken}); got != 404 {
		t.Errorf("an unknown path is answered with %d", got)
	}
}

func status(t *testing.T, url string, headers map[string]string) int {
	t.Helper()
	req := must[*http.Request](t)(http.NewRequest(http.MethodGet, url, nil))
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	resp := must[*http.Response](t)(http.DefaultClient.Do(req))
	defer resp.Body.Close()
	return resp.StatusCode
}

// The App as Epoxy connects it: ghinstallation signs, fetches tokens and renews them.
func TestApp(t *testing.T) {
	server, _, control := world(t)
	app := must[App](t)(control.App(t.Context()))
	t.Setenv("SANDBOX_APP_KEY", app.PrivateKey)
	connected := func(id, installation int64) *github.Client {
		return must[*github.Client](t)(connect.GitHub(t.Context(), config.GitHub{APIURL: config.URL(control.URL), App: &config.GitHubApp{
			ID: int(id), InstallationID: int(installation), PrivateKey: config.Secret{Env: "SANDBOX_APP_KEY"},
		}}))
	}
	c := connected(app.ID, app.InstallationID)
	for range 3 {
		if got, _, err := getCommit(t.Context(), c, "main"); err != nil || got.GetSHA() != SHA("second") {
			t.Fatalf("%v, %v", got, err)
		}
	}
	tokens := func() Calls { return must[map[string]Calls](t)(control.Calls(t.Context()))["access_token"] }
	if got := tokens(); got.Total != 1 || got.OK != 1 {
		t.Errorf("tokens for three calls: %+v", got)
	}
	// Whatever the client thinks, the token ends after an hour.
	now := time.Now().Add(time.Hour + time.Second)
	server.mu.Lock()
	server.now = func() time.Time { return now }
	server.mu.Unlock()
	_, resp, err := getCommit(t.Context(), c, "main")
	wantStatus(t, resp, err, http.StatusUnauthorized)
	server.mu.Lock()
	server.now = time.Now
	server.mu.Unlock()

	// ghinstallation renews a token in its last minute: of this lifetime each call needs a new one.
	ok(t, control.Set(t.Context(), Settings{TokenLifetime: 30}))
	c = connected(app.ID, app.InstallationID)
	for range 2 {
		if _, _, err := getCommit(t.Context(), c, "main"); err != nil {
			t.Fatal(err)
		}
	}
	if got := tokens(); got.Total != 3 {
		t.Errorf("tokens: %+v", got)
	}
	for _, wrong := range []*github.Client{connected(1, app.InstallationID), connected(app.ID, 1)} {
		if _, _, err := getCommit(t.Context(), wrong, "main"); err == nil || !strings.Contains(err.Error(), "404") {
			t.Errorf("got %v", err)
		}
	}
}

func TestJWTIsChecked(t *testing.T) {
	server, _, control := world(t)
	other := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	now := time.Now()
	claims := func(issuer int, issued, expires time.Duration) jwt.RegisteredClaims {
		return jwt.RegisteredClaims{Issuer: strconv.Itoa(issuer), IssuedAt: jwt.NewNumericDate(now.Add(issued)), ExpiresAt: jwt.NewNumericDate(now.Add(expires))}
	}
	good := claims(appID, -time.Minute, 5*time.Minute)
	sign := func(method jwt.SigningMethod, c jwt.RegisteredClaims, key any) string {
		return must[string](t)(jwt.NewWithClaims(method, c).SignedString(key))
	}
	mine := server.app.private()
	for name, c := range map[string]struct {
		token string
		want  int
	}{
		"good":         {sign(jwt.SigningMethodRS256, good, mine), 201},
		"other key":    {sign(jwt.SigningMethodRS256, good, other), 401},
		"other method": {sign(jwt.SigningMethodRS512, good, mine), 401},
		"hmac":         {sign(jwt.SigningMethodHS256, good, []byte("x")), 401},
		"other app":    {sign(jwt.SigningMethodRS256, claims(1, -time.Minute, 5*time.Minute), mine), 404},
		"expired":      {sign(jwt.SigningMethodRS256, claims(appID, -time.Hour, -time.Second), mine), 401},
		"too long":     {sign(jwt.SigningMethodRS256, claims(appID, 0, 11*time.Minute), mine), 401},
		"from later":   {sign(jwt.SigningMethodRS256, claims(appID, time.Minute, 5*time.Minute), mine), 401},
		"no JWT":       {testToken, 401},
	} {
		req := must[*http.Request](t)(http.NewRequest(http.MethodPost, control.URL+"/app/installations/"+strconv.Itoa(installationID)+"/access_tokens", nil))
		req.Header.Set("Authorization", "Bearer "+c.token)
		resp := must[*http.Response](t)(http.DefaultClient.Do(req))
		resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("%s is answered with %s, want %d", name, resp.Status, c.want)
		}
	}
}
