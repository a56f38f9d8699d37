package github

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v4"
)

const (
	accessTokenKind = "access_token"
	appID           = 424242
	installationID  = 52525252
)

// App is what a test needs to be the stand-in's one GitHub App.
type App struct {
	ID             int64  `json:"id"`
	InstallationID int64  `json:"installation_id"`
	PrivateKey     string `json:"private_key"` // PEM
}

// app is the stand-in's side of it.
type app struct {
	make     sync.Once
	key      *rsa.PrivateKey
	lifetime time.Duration
	tokens   map[string]time.Time // installation token → when it expires
}

// forget keeps the key, as GitHub would.
func (a *app) forget() { a.lifetime, a.tokens = time.Hour, map[string]time.Time{} }

func (a *app) private() *rsa.PrivateKey {
	a.make.Do(func() {
		var err error
		if a.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			panic(err) // crypto/rand does not fail
		}
	})
	return a.key
}

func (a *app) describe() App {
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(a.private())}
	return App{ID: appID, InstallationID: installationID, PrivateKey: string(pem.EncodeToMemory(block))}
}

func (a *app) knows(token string, now time.Time) bool { return now.Before(a.tokens[token]) }

// accessToken gives a JWT's bearer a token of the installation, for an hour.
// https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app
func (s *Server) accessToken(r *http.Request) (reply, error) {
	if err := s.checkJWT(bearer(r)); err != nil {
		return reply{}, err
	}
	if r.PathValue("id") != strconv.Itoa(installationID) {
		return reply{}, notFound
	}
	token, expires := "ghs_"+rand.Text(), s.now().Add(s.app.lifetime).Truncate(time.Second)
	s.app.tokens[token] = expires
	return reply{status: http.StatusCreated, body: object{
		"token": token, "expires_at": expires.UTC(), "repository_selection": "all",
		"permissions": object{"contents": "read", "metadata": "read", "pull_requests": "read"},
	}}, nil
}

// checkJWT holds the App to RS256, its own key, and at most ten minutes.
// https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
func (s *Server) checkJWT(text string) error {
	denied := func(message string) error { return refusal{status: http.StatusUnauthorized, message: message} }
	var claims jwt.RegisteredClaims
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithoutClaimsValidation())
	_, err := parser.ParseWithClaims(text, &claims, func(*jwt.Token) (any, error) { return &s.app.private().PublicKey, nil })
	now := s.now()
	switch {
	case err != nil:
		return denied("A JSON web token could not be decoded")
	case claims.Issuer != strconv.Itoa(appID):
		return refusal{status: http.StatusNotFound, message: "Integration not found"}
	case claims.ExpiresAt == nil || !now.Before(claims.ExpiresAt.Time):
		return denied("'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
	case claims.ExpiresAt.After(now.Add(10 * time.Minute)):
		return denied("'Expiration time' claim ('exp') is too far in the future")
	case claims.IssuedAt == nil || claims.IssuedAt.After(now):
		return denied("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
	}
	return nil
}

func (a *app) expireAfter(seconds int) error {
	if seconds < 1 || seconds > 3600 {
		return errors.New(`"token_lifetime" must be from 1 to 3600 seconds`)
	}
	a.lifetime = time.Duration(seconds) * time.Second
	return nil
}
