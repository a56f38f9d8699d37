package github

import (
	"crypto/subtle"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// The versions of the REST API that GitHub serves.
// https://docs.github.com/en/rest/about-the-rest-api/api-versions
var apiVersions = []string{"2022-11-28", "2026-03-10"}

// admit checks what GitHub checks before it looks at the path, and takes a failure that waits for the call.
func (s *Server) admit(r *http.Request, kind string) (*Failure, error) {
	if err := wellFormed(r); err != nil {
		return nil, err
	}
	if kind != accessTokenKind { // whose token is the App's own, see app.go
		if err := s.authenticate(r); err != nil {
			return nil, err
		}
	}
	failure := s.takeFailure(kind)
	if failure == nil || failure.Lost {
		return failure, nil
	}
	return failure, failure.refusal()
}

func wellFormed(r *http.Request) error {
	// https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api#user-agent
	if r.UserAgent() == "" {
		return refusal{status: http.StatusForbidden, message: "Request forbidden by administrative rules. Please make sure your request has a User-Agent header"}
	}
	if v := r.Header.Get("X-GitHub-Api-Version"); v != "" && !slices.Contains(apiVersions, v) {
		return refusal{status: http.StatusBadRequest, message: fmt.Sprintf("API version %q is not supported", v), docs: "/about-the-rest-api/api-versions"}
	}
	if accept := r.Header.Get("Accept"); !acceptable(accept) {
		return refusal{status: http.StatusUnsupportedMediaType, message: fmt.Sprintf("Unsupported 'Accept' header: '%s'. Must accept 'application/json'.", accept)}
	}
	if r.Method == http.MethodPost && r.ContentLength != 0 {
		if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
			return refusal{status: http.StatusUnsupportedMediaType, message: "Content-Type must be application/json"}
		}
	}
	return nil
}

// acceptable says whether a caller takes JSON. GitHub's own media types end in +json, or say so in old forms.
// https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api#media-types
func acceptable(accept string) bool {
	if accept == "" {
		return true
	}
	for entry := range strings.SplitSeq(accept, ",") {
		switch kind, _, _ := mime.ParseMediaType(entry); {
		case kind == "*/*", kind == "application/*", kind == "application/json":
			return true
		case strings.HasPrefix(kind, "application/vnd.github") && strings.HasSuffix(kind, "+json"):
			return true
		}
	}
	return false
}

var badCredentials = refusal{status: http.StatusUnauthorized, message: "Bad credentials"}

// authenticate knows the user's token and the App's installation tokens.
func (s *Server) authenticate(r *http.Request) error {
	token := bearer(r)
	if token == "" {
		return refusal{status: http.StatusUnauthorized, message: "Requires authentication", docs: "/using-the-rest-api/authenticating-to-the-rest-api"}
	}
	if s.options.Token != "" && subtle.ConstantTimeCompare([]byte(token), []byte(s.options.Token)) == 1 || s.app.knows(token, s.now()) {
		return nil
	}
	return badCredentials
}

// bearer is the token of a request, which GitHub takes as "Bearer" or as "token".
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "token") {
		return ""
	}
	return strings.TrimSpace(token)
}

// code is what a refusal is counted as.
func (r refusal) code() string {
	switch r.docs {
	case primaryDocs:
		return "primary"
	case secondaryDocs:
		return "secondary"
	}
	return strconv.Itoa(r.status)
}
