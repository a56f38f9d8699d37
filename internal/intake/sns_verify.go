package intake

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	fetchPatience   = 5 * time.Second
	turnPatience    = 3 * time.Second // of that, for a turn to fetch at all
	maxCertificate  = 64 << 10
	maxIssuers      = 3   // between a certificate and a root
	maxCertificates = 100 // kept; SNS has one for each Region, and changes it now and then
)

// certificatePath is where SNS has its certificates. Who makes up other paths gets no turn of those who come with real ones.
// https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
var certificatePath = regexp.MustCompile(`^/SimpleNotificationService-[0-9a-f]+\.pem$`)

// verify makes sure that SNS signed a message. Its certificate is believed when it comes from the topic's own SNS, over TLS,
// was issued to SNS, and leads to a root that this system trusts.
// https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
func (t *Topics) verify(ctx context.Context, m snsMessage) error {
	e, err := endpointOf(m.topic)
	if err != nil {
		return refused("unexpected_topic", "%v", err)
	}
	if path, there := strings.CutPrefix(m.certificateURL, "https://"+e.host); !there || !certificatePath.MatchString(path) {
		return refused("forged", "the certificate %.200q is not one of SNS's at https://%s", m.certificateURL, e.host)
	}
	certificate, err := t.certificate(ctx, m.certificateURL, e)
	if err != nil {
		return err
	}
	return m.signedBy(certificate)
}

// address is an address at the topic's SNS.
func (e endpoint) address(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "https" || u.Host != e.host || u.User != nil || u.Fragment != "" {
		return nil, errors.New("it is elsewhere")
	}
	return u, nil
}

// certificate is fetched once, however many messages wait for it; a failed fetch is forgotten.
func (t *Topics) certificate(ctx context.Context, address string, e endpoint) (*x509.Certificate, error) {
	if known := t.known(address); known != nil {
		return known, nil
	}
	fetched, err, _ := t.fetching.Do(address, func() (any, error) {
		if known := t.known(address); known != nil {
			return known, nil
		}
		// Not ended with the one message that happened to be first.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchPatience)
		defer cancel()
		if err := t.turn(ctx); err != nil {
			return nil, err
		}
		c, err := t.fetchCertificate(ctx, address, e)
		if err == nil {
			t.keep(address, c)
		}
		return c, err
	})
	if err != nil {
		return nil, err
	}
	certificate, _ := fetched.(*x509.Certificate)
	return certificate, nil
}

// turn waits until something may be fetched, so that a few addresses that lead nowhere do not keep out one that is SNS's.
func (t *Topics) turn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, turnPatience)
	defer cancel()
	if err := t.fetches.Wait(ctx); err != nil {
		return fmt.Errorf("too many certificates were asked for in the last seconds: %w", err)
	}
	return nil
}

// known is a certificate that was verified before and is still in force.
func (t *Topics) known(address string) *x509.Certificate {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.certificates[address]; c != nil && t.inForce(c) {
		return c
	}
	return nil
}

func (t *Topics) keep(address string, c *x509.Certificate) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.certificates) >= maxCertificates {
		clear(t.certificates)
	}
	t.certificates[address] = c
}

func (t *Topics) inForce(c *x509.Certificate) bool {
	now := t.Now()
	return !now.Before(c.NotBefore) && !now.After(c.NotAfter)
}

func (t *Topics) fetchCertificate(ctx context.Context, address string, e endpoint) (*x509.Certificate, error) {
	text, err := t.get(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("fetch SNS's certificate: %w", err)
	}
	chain, err := parseCertificates(text)
	if err != nil {
		return nil, refused("forged", "at %.200q is no certificate", address)
	}
	leaf := chain[0]
	if !slices.ContainsFunc(e.names(), func(name string) bool { return leaf.VerifyHostname(name) == nil }) {
		return nil, refused("forged", "the certificate %.200q was not issued to SNS in %s", address, e.region)
	}
	if !t.inForce(leaf) {
		return nil, refused("forged", "the certificate %.200q is good from %s to %s only", address, leaf.NotBefore.Format(time.DateOnly), leaf.NotAfter.Format(time.DateOnly))
	}
	return leaf, t.trusted(ctx, chain)
}

// trusted follows a chain to a root. SNS serves its certificate without those between, so they are fetched from where each says
// its issuer's is: nothing is believed of them but what a root's signature makes good.
// https://datatracker.ietf.org/doc/html/rfc5280#section-4.2.2.1
func (t *Topics) trusted(ctx context.Context, chain []*x509.Certificate) error {
	for range maxIssuers {
		between := x509.NewCertPool()
		for _, c := range chain[1:] {
			between.AddCert(c)
		}
		_, err := chain[0].Verify(x509.VerifyOptions{
			Roots: t.Roots, Intermediates: between, CurrentTime: t.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		})
		last := chain[len(chain)-1]
		switch _, unknown := errors.AsType[x509.UnknownAuthorityError](err); {
		case err == nil:
			return nil
		case !unknown || len(last.IssuingCertificateURL) == 0:
			return refused("forged", "SNS's certificate leads to no root that this system trusts: %v", err)
		}
		text, err := t.get(ctx, last.IssuingCertificateURL[0])
		if err != nil {
			return fmt.Errorf("fetch the certificate of the issuer of SNS's: %w", err)
		}
		issuers, err := parseCertificates(text)
		if err != nil {
			return refused("forged", "at %.200q is no certificate", last.IssuingCertificateURL[0])
		}
		chain = append(chain, issuers[0])
	}
	return refused("forged", "SNS's certificate leads to no root that this system trusts within %d issuers", maxIssuers)
}

// parseCertificates reads PEM, of which there may be several, or DER.
func parseCertificates(text []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	if len(out) > 0 {
		return out, nil
	}
	return x509.ParseCertificates(text)
}

// get fetches something small.
func (t *Topics) get(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := t.Fetch.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", req.URL.Host, resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxCertificate+1))
	if len(body) > maxCertificate {
		return nil, fmt.Errorf("%s sends more than %d bytes", req.URL.Host, maxCertificate)
	}
	return body, err
}

// confirm subscribes: SNS delivers nothing before. Only the topic's own SNS is called, and for nothing else.
// https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.confirm.html
func (t *Topics) confirm(ctx context.Context, m snsMessage) error {
	e, err := endpointOf(m.topic)
	if err != nil {
		return refused("unexpected_topic", "%v", err)
	}
	address, err := e.address(m.subscribeURL)
	if err != nil {
		return refused("forged", "the subscription is not confirmed at https://%s", e.host)
	}
	if q := address.Query(); q.Get("Action") != "ConfirmSubscription" || q.Get("TopicArn") != m.topic {
		return refused("forged", "the address does not confirm a subscription to %s", m.topic)
	}
	if _, err := t.get(ctx, address.String()); err != nil {
		return fmt.Errorf("confirm the subscription: %w", withoutAddress(err))
	}
	return nil
}
