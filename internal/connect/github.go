package connect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v88/github" // the version that ghinstallation is built on: two would be linked otherwise

	"epoxy/internal/config"
)

// githubTimeout of one call. GitHub itself gives up after ten seconds.
// https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api#timeouts
const githubTimeout = 30 * time.Second

// GitHub makes the client that commits are looked up with; nil when the configuration has no GitHub. An address of a GitHub
// Enterprise Server may end in /api/v3 or not.
func GitHub(ctx context.Context, c config.GitHub) (*github.Client, error) {
	if !c.Enabled() {
		return nil, nil
	}
	options := []github.ClientOptionsFunc{
		github.WithHTTPClient(&http.Client{Timeout: githubTimeout, CheckRedirect: sameHost}), github.WithUserAgent("epoxy"),
		github.WithDisableRateLimitCheck(), // GitHub says when it is used up, and Temporal waits
	}
	if c.APIURL != "" {
		options = append(options, github.WithEnterpriseURLs(string(c.APIURL), string(c.APIURL)))
	}
	if c.App != nil {
		return githubApp(ctx, *c.App, options)
	}
	token, err := resolve(ctx, c.Token)
	if err != nil {
		return nil, fmt.Errorf("github.token: %w", err)
	}
	if token == "" {
		return nil, errors.New("github.token is empty: make a token that may read the repositories, on GitHub's page Settings, Developer settings")
	}
	return github.NewClient(append(options, github.WithAuthToken(token))...)
}

// githubApp is a client whose tokens are fetched with the App's key and last an hour.
func githubApp(ctx context.Context, app config.GitHubApp, options []github.ClientOptionsFunc) (*github.Client, error) {
	key, err := resolve(ctx, app.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("github.app.private_key: %w", err)
	}
	// The library's error would quote the key.
	transport, err := ghinstallation.New(http.DefaultTransport, int64(app.ID), int64(app.InstallationID), []byte(key))
	if err != nil {
		return nil, fmt.Errorf("github.app.private_key (%s) is no RSA key in PEM: take the .pem file that the App's settings page gave", app.PrivateKey)
	}
	transport.Client = &http.Client{Timeout: githubTimeout}
	client, err := github.NewClient(append(options, github.WithTransport(transport))...)
	if err != nil {
		return nil, err
	}
	transport.BaseURL = strings.TrimSuffix(client.BaseURL(), "/")
	return client, nil
}

// sameHost keeps the token from following a redirect to somebody else; renamed repositories redirect within GitHub.
func sameHost(req *http.Request, via []*http.Request) error {
	if req.URL.Host != via[0].URL.Host || len(via) >= 5 {
		return fmt.Errorf("GitHub redirects to %s, which gets no token", req.URL.Host)
	}
	return nil
}
