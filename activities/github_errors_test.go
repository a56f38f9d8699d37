package activities

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v88/github"
)

// waits is a benign wait of exactly so long.
func waits(d time.Duration, says string) what {
	return what{kind: ErrThrottled, benign: true, after: d, says: says}
}

// limitHeaders reset twenty minutes from now by GitHub's clock, which is far from ours here.
func limitHeaders(remaining string, more ...string) []string {
	return append([]string{
		"Date: " + begun.Format(http.TimeFormat), "X-RateLimit-Limit: 5000", "X-RateLimit-Remaining: " + remaining,
		"X-RateLimit-Reset: " + strconv.FormatInt(begun.Add(20*time.Minute).Unix(), 10),
	}, more...)
}

const secondary = `"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."`

func TestLookUpHalfWayIntoALimit(t *testing.T) {
	docs := `,"documentation_url":"https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits"}`
	primary := waits(20*time.Minute+time.Second, "GitHub's rate limit is used up until 03:24:05 UTC")
	for about, c := range map[string]struct {
		answer http.HandlerFunc
		want   what
	}{
		"GraphQL":                {says(200, `{"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded for user ID 1."}]}`, limitHeaders("0")...), primary},
		"GraphQL, as of 2026":    {says(200, `{"errors":[{"type":"RATE_LIMIT","code":"graphql_rate_limit","message":"API rate limit already exceeded"}]}`, limitHeaders("4")...), primary},
		"403":                    {says(403, `{"message":"API rate limit exceeded for user ID 1."}`, limitHeaders("0")...), primary},
		"429":                    {says(429, `{"message":"API rate limit exceeded for user ID 1."}`, limitHeaders("0")...), primary},
		"no reset":               {says(403, `{"message":"API rate limit exceeded"}`, "X-RateLimit-Remaining: 0"), waits(time.Minute, "GitHub's rate limit is used up")},
		"reset is past":          {says(403, `{}`, "X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 1700000000", "Date: "+begun.Format(http.TimeFormat)), waits(time.Second, "used up until 22:13:20 UTC")},
		"secondary":              {says(403, `{"message":`+secondary+docs, limitHeaders("4000", "Retry-After: 42")...), waits(42*time.Second, "GitHub asks to wait 42s")},
		"secondary, 429":         {says(429, `{"message":`+secondary+docs, limitHeaders("4000", "Retry-After: 42")...), waits(42*time.Second, "secondary rate limit")},
		"secondary, other page":  {says(403, `{"message":`+secondary+`}`, limitHeaders("4000", "Retry-After: 42")...), waits(42*time.Second, "")},
		"secondary in GraphQL":   {says(200, `{"errors":[{"message":`+secondary+`}]}`, limitHeaders("4000", "Retry-After: 42")...), waits(42*time.Second, "")},
		"secondary, no wait":     {says(403, `{"message":`+secondary+docs, limitHeaders("4000")...), waits(time.Minute, "GitHub asks to wait 1m0s")},
		"429 without a word":     {says(429, ``), waits(time.Minute, "")},
		"403 with a wait":        {says(403, `{"message":"slow down"}`, "Retry-After: 9"), waits(9*time.Second, "")},
		"nonsense for a wait":    {says(429, ``, "Retry-After: soon"), waits(time.Minute, "")},
		"both, the longer one":   {says(403, `{}`, limitHeaders("0", "Retry-After: 3600")...), waits(time.Hour, "used up until 03:24:05 UTC")},
		"GraphQL without header": {says(200, `{"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded"}]}`), waits(time.Minute, "does not say until when")},
	} {
		g, fake := onGitHub(t, knowsAll(), c.answer)
		found, heads, err := g.LookUp(t.Context(), "acme/shop", shas(250), true)
		wantError(t, about, err, c.want)
		if len(found) != 100 || heads != nil || len(fake.seen) != 2 {
			t.Errorf("%s: %d found, heads %v, %d requests", about, len(found), heads, len(fake.seen))
		}
	}
}

func TestLookUpIsRefused(t *testing.T) {
	notFound := `{"data":{"repository":null},"errors":[{"type":"NOT_FOUND","path":["repository"],"message":"Could not resolve to a Repository with the name 'acme/shop'."}]}`
	for about, c := range map[string]struct {
		answer http.HandlerFunc
		want   what
	}{
		"no repository":       {says(200, notFound), refused(ErrNotFound, "no repository acme/shop…check the name…github.token…Contents")},
		"null":                {says(200, `{"data":{"repository":null}}`), refused(ErrNotFound, "no repository acme/shop")},
		"neither API":         {says(404, `{"message":"Not Found"}`), refused(ErrNotFound, "no repository acme/shop")},
		"credentials":         {says(401, `{"message":"Bad credentials"}`), refused(ErrForbidden, "(Bad credentials)…github.token")},
		"single sign-on":      {says(403, `{"message":"Resource protected by organization SAML enforcement."}`, "X-GitHub-SSO: required; url=https://github.com/orgs/acme/sso"), refused(ErrForbidden, "acme/shop wants single sign-on…authorize github.token")},
		"no permission":       {says(403, `{"message":"Resource not accessible by personal access token"}`, limitHeaders("17")...), refused(ErrForbidden, "acme/shop: Resource not accessible…Contents")},
		"blocked":             {says(451, `{"message":"Repository access blocked"}`), refused(ErrForbidden, "Repository access blocked")},
		"scopes":              {says(200, `{"errors":[{"type":"INSUFFICIENT_SCOPES","message":"Your token has not been granted the required scopes"}]}`), refused(ErrForbidden, "required scopes…classic token: repo")},
		"wrong address":       {says(406, `{"message":"no"}`), refused(ErrInvalid, "406…github.api_url")},
		"broken":              {says(503, ``), what{says: "503…acme/shop"}},
		"slow":                {says(408, ``), what{says: "408…acme/shop"}},
		"empty":               {says(200, ``), what{says: "acme/shop…answer is empty"}},
		"timeout in GraphQL":  {says(200, `{"errors":[{"message":"Something went wrong while executing your query."}]}`), what{says: "acme/shop…Something went wrong"}},
		"an error of its own": {says(200, `{"errors":[{"type":"INTERNAL","message":"oops"}]}`), what{says: "oops (INTERNAL)"}},
	} {
		g, _ := onGitHub(t, c.answer)
		found, heads, err := g.LookUp(t.Context(), "acme/shop", shas(1), true)
		wantError(t, about, err, c.want)
		if len(found) != 0 || heads != nil {
			t.Errorf("%s: %v, %v", about, found, heads)
		}
	}
}

func TestLookUpNeedsAClient(t *testing.T) {
	for _, g := range []*GitHub{nil, {}} {
		_, _, err := g.LookUp(t.Context(), "acme/shop", nil, true)
		wantError(t, "no client", err, refused(ErrInvalid, "github.token…EPOXY_GITHUB_TOKEN"))
	}
}

func TestLookUpIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	g, _ := onGitHub(t, knowsAll(), func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done() // an answer could be faster than the cancellation
	})
	found, _, err := g.LookUp(ctx, "acme/shop", shas(150), false)
	if err != context.Canceled || len(found) != 100 { //nolint:errorlint // not wrapped: Temporal looks at it
		t.Errorf("%v, %d found", err, len(found))
	}
}

func TestAppGetsNoToken(t *testing.T) {
	key := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	for about, c := range map[string]struct {
		answer http.HandlerFunc
		want   what
	}{
		"wrong key":    {says(401, `{"message":"A JSON web token could not be decoded"}`), refused(ErrForbidden, "401…github.app.id, installation_id and private_key")},
		"installation": {says(404, `{"message":"Not Found"}`), refused(ErrForbidden, "404…installation_id")},
		"suspended":    {says(403, `{"message":"This installation has been suspended"}`), refused(ErrForbidden, "suspended")},
		"limit":        {says(403, `{"message":"API rate limit exceeded"}`, limitHeaders("0")...), waits(20*time.Minute+time.Second, "used up until 03:24:05 UTC")},
		"broken":       {says(502, ``), what{says: "502"}},
		"lost":         {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, what{says: "token for the GitHub App"}},
	} {
		web := httptest.NewServer(c.answer)
		t.Cleanup(web.Close)
		transport := must[*ghinstallation.Transport](t)(ghinstallation.New(http.DefaultTransport, 1, 2, text))
		transport.BaseURL = web.URL
		url := web.URL + "/"
		client := must[*github.Client](t)(github.NewClient(github.WithURLs(&url, &url), github.WithTransport(transport)))
		_, _, err := (&GitHub{Client: client}).LookUp(t.Context(), "acme/shop", shas(1), false)
		wantError(t, about, err, c.want)
		if err != nil && strings.Contains(err.Error(), "BEGIN") {
			t.Errorf("%s: the key is in the error: %v", about, err)
		}
	}
}
