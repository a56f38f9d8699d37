package intake

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"epoxy/internal/policy"
)

const (
	certificateURL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
	issuerURL      = "http://crt.example.amazontrust.com/issuer.cer"
	subscribeURL   = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=" + ourTopic + "&Token=secret-token"
)

var snsNow = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// authority is a root, one below it, and what they issued.
type authority struct {
	root, issuer *x509.Certificate
	issuerKey    *ecdsa.PrivateKey
	key          *rsa.PrivateKey // of the certificates that sign
}

var newAuthority = sync.OnceValue(func() authority {
	rootKey, issuerKey := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	ca := func(name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
			NotBefore: snsNow.AddDate(-5, 0, 0), NotAfter: snsNow.AddDate(5, 0, 0),
		}
	}
	root := ca("root")
	root = must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey))))
	issuer := must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, ca("issuer"), root, issuerKey.Public(), rootKey))))
	return authority{root, issuer, issuerKey, must(rsa.GenerateKey(rand.Reader, 2048))}
})

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// leaf is a certificate as SNS serves it: by itself, with the address of its issuer's.
func (a authority) leaf(change func(*x509.Certificate)) []byte {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "sns.amazonaws.com"}, DNSNames: []string{"sns.amazonaws.com"},
		NotBefore: snsNow.AddDate(0, -1, 0), NotAfter: snsNow.AddDate(0, 1, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		IssuingCertificateURL: []string{issuerURL},
	}
	if change != nil {
		change(c)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: must(x509.CreateCertificate(rand.Reader, c, a.issuer, a.key.Public(), a.issuerKey))})
}

// topics is the endpoint, in front of an internet of two servers.
type topics struct {
	*Topics
	t       *testing.T
	ca      authority
	serves  map[string][]byte // by address
	fetched []string
	took    []policy.Announcement
	answer  error
	log     *written
	mu      sync.Mutex
}

func newTopics(t *testing.T) *topics {
	s := &topics{t: t, ca: newAuthority(), log: &written{}}
	s.serves = map[string][]byte{certificateURL: s.ca.leaf(nil), issuerURL: s.ca.issuer.Raw, subscribeURL: []byte("<ok/>")}
	roots := x509.NewCertPool()
	roots.AddCert(s.ca.root)
	s.Topics = &Topics{
		ARNs: []string{ourTopic}, Roots: roots, Now: func() time.Time { return snsNow }, Fetch: &http.Client{Transport: s},
		Log: slog.New(slog.NewTextHandler(s.log, nil)),
		Accept: func(_ context.Context, a policy.Announcement) (Accepted, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.took = append(s.took, a)
			return Accepted{}, s.answer
		},
	}
	return s
}

// RoundTrip is the internet.
func (s *topics) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	address := r.URL.String()
	s.fetched = append(s.fetched, address)
	body, ok := s.serves[address]
	if !ok {
		return nil, errors.New("no route to host")
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(body)), Header: http.Header{}, Request: r}, nil
}

// message is one of SNS's, signed.
func (s *topics) message(version string, change func(map[string]string)) map[string]string {
	m := map[string]string{
		"Type": "Notification", "MessageId": "dc1e94d9-56c5-5e96-808d-cc7f68faa162", "TopicArn": ourTopic, "Subject": "Auto Scaling: termination",
		"Message": eventNotification, "Timestamp": "2026-01-31T11:59:30.000Z", "SignatureVersion": version, "SigningCertURL": certificateURL,
	}
	if change != nil {
		change(m)
	}
	signed := signedNotification
	if m["Type"] != "Notification" {
		signed = signedConfirmation
	}
	text := ""
	for _, key := range signed {
		if value, ok := m[key]; ok {
			text += key + "\n" + value + "\n"
		}
	}
	hash := map[string]crypto.Hash{"1": crypto.SHA1, "2": crypto.SHA256}[version]
	sum := hash.New()
	sum.Write([]byte(text))
	m["Signature"] = base64.StdEncoding.EncodeToString(must(rsa.SignPKCS1v15(nil, s.ca.key, hash, sum.Sum(nil))))
	return m
}

func (s *topics) post(m map[string]string) (int, string) {
	s.t.Helper()
	return s.postText(string(must(json.Marshal(m))))
}

func (s *topics) postText(body string) (int, string) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/sns", strings.NewReader(body)))
	return w.Code, w.Body.String()
}

func confirmation(kind string) func(map[string]string) {
	return func(m map[string]string) {
		m["Type"], m["Message"], m["Token"], m["SubscribeURL"] = kind, "You have chosen to subscribe", "secret-token", subscribeURL
		delete(m, "Subject")
	}
}
