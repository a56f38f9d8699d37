package activities

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v88/github"
	"go.temporal.io/sdk/temporal"
)

// errNoRepository is what GitHub says of a repository that is not there, and of one that the caller may not see.
var errNoRepository = errors.New("GitHub shows no such repository")

// errEmptyAnswer is an answer of status 200 that says nothing: neither that something is there nor that it is not.
var errEmptyAnswer = errors.New("GitHub's answer is empty; if it stays so, look at the proxy before github.api_url")

// gitHubAccess is what a lookup needs. https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps
const gitHubAccess = "read access to Metadata, Contents and Pull requests (a classic token: repo)"

// translateGitHub turns what came back from GitHub into what Temporal is to do about it: a rate limit waits until it resets,
// what the configuration must change ends the attempt for good, anything else is retried.
func translateGitHub(repository string, err error) error {
	var app *temporal.ApplicationError
	switch {
	case err == nil, errors.As(err, &app), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, errNoRepository):
		return Refuse(ErrNotFound, "GitHub has no repository %s, or does not show it to Epoxy: check the name, and that github.token or the App has %s to it",
			repository, gitHubAccess)
	}
	if token, ok := errors.AsType[*ghinstallation.HTTPError](err); ok {
		return translateAppToken(repository, token)
	}
	if limited, ok := errors.AsType[*github.RateLimitError](err); ok {
		return primaryLimit(limited.Rate.Reset.Time, limited.Response)
	}
	if limited, ok := errors.AsType[*github.AbuseRateLimitError](err); ok {
		return secondaryLimit(limited.Response)
	}
	if refused, ok := errors.AsType[graphQLError](err); ok {
		return translateGraphQL(repository, refused)
	}
	if refused, ok := errors.AsType[*github.ErrorResponse](err); ok && refused.Response != nil {
		return translateResponse(repository, refused)
	}
	return fmt.Errorf("ask GitHub about %s: %w", repository, err)
}

// translateAppToken judges why an App got no token.
func translateAppToken(repository string, err *ghinstallation.HTTPError) error {
	if err.Response == nil {
		return fmt.Errorf("get a token for the GitHub App: %w", err)
	}
	defer err.Response.Body.Close() // which ghinstallation leaves to us
	switch err.Response.StatusCode {
	case http.StatusUnauthorized, http.StatusNotFound:
		return Refuse(ErrForbidden, "GitHub gives the App no token (%s): check github.app.id, installation_id and private_key", err.Response.Status)
	}
	return translateGitHub(repository, github.CheckResponse(err.Response))
}

func translateGraphQL(repository string, err graphQLError) error {
	switch err.Type {
	case "FORBIDDEN", "INSUFFICIENT_SCOPES", "UNAUTHORIZED":
		return Refuse(ErrForbidden, "GitHub does not let Epoxy read %s: %s; give github.token or the App %s to it", repository, err.Message, gitHubAccess)
	}
	return fmt.Errorf("GitHub's answer about %s is not whole: %w", repository, err)
}

// translateResponse judges a status. https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
func translateResponse(repository string, err *github.ErrorResponse) error {
	status := err.Response.StatusCode
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusForbidden && (isSecondary(err.Message) || err.Response.Header.Get("Retry-After") != ""):
		return secondaryLimit(err.Response)
	case status == http.StatusUnauthorized:
		return Refuse(ErrForbidden, "GitHub does not accept Epoxy's credentials (%s): check github.token or github.app; a token may have expired or been revoked", err.Message)
	case status == http.StatusForbidden && err.Response.Header.Get("X-GitHub-SSO") != "":
		return Refuse(ErrForbidden, "GitHub's organisation of %s wants single sign-on (%s): authorize github.token for it, on GitHub's page of the token", repository, err.Message)
	case status == http.StatusForbidden, status == http.StatusUnavailableForLegalReasons:
		return Refuse(ErrForbidden, "GitHub does not let Epoxy read %s: %s; give github.token or the App %s to it", repository, err.Message, gitHubAccess)
	case status/100 == 4 && status != http.StatusRequestTimeout:
		return Refuse(ErrInvalid, "GitHub refused to tell about %s (%s): %s; check github.api_url", repository, err.Response.Status, err.Message)
	}
	return fmt.Errorf("GitHub answers %s when asked about %s: %w", err.Response.Status, repository, err)
}

// shortestSecondary is what to wait when GitHub does not say.
const shortestSecondary = time.Minute

// primaryLimit waits until the reset, and a second more: resets are whole seconds.
// https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
func primaryLimit(reset time.Time, resp *http.Response) error {
	if reset.IsZero() {
		return throttledGitHub(shortestSecondary, "GitHub's rate limit is used up; GitHub does not say until when")
	}
	wait := max(reset.Sub(gitHubNow(resp)), 0) + time.Second
	return throttledGitHub(max(wait, retryAfter(resp)), "GitHub's rate limit is used up until %s UTC", reset.UTC().Format(time.TimeOnly))
}

// secondaryLimit is GitHub's protection against too much at once. go-github's own idea of the wait is not used: without
// Retry-After it takes the primary limit's reset, which is up to an hour away.
func secondaryLimit(resp *http.Response) error {
	wait := retryAfter(resp)
	if wait == 0 {
		wait = shortestSecondary
	}
	return throttledGitHub(wait, "GitHub asks to wait %s (secondary rate limit)", wait)
}

func throttledGitHub(wait time.Duration, format string, args ...any) error {
	return temporal.NewApplicationErrorWithOptions(fmt.Sprintf(format, args...), ErrThrottled,
		temporal.ApplicationErrorOptions{NextRetryDelay: wait, Category: temporal.ApplicationErrorCategoryBenign})
}

func isSecondary(message string) bool { return strings.Contains(message, "secondary rate limit") }

func retryAfter(resp *http.Response) time.Duration {
	if resp == nil {
		return 0
	}
	seconds, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// gitHubNow is GitHub's clock: ours may be wrong, and then a wait that ends too early asks in a loop.
func gitHubNow(resp *http.Response) time.Time {
	if resp != nil {
		if t, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
			return t
		}
	}
	return time.Now()
}

// statusOfGitHub is the status of a plain refusal; 0 for rate limits and everything else.
func statusOfGitHub(err error) int {
	if refused, ok := errors.AsType[*github.ErrorResponse](err); ok && refused.Response != nil {
		return refused.Response.StatusCode
	}
	return 0
}
