package intake

import (
	"crypto"
	"crypto/rsa"
	_ "crypto/sha1" //nolint:gosec // signature version 1 is SNS's default, and has to be read
	_ "crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"epoxy/internal/cloud"
)

// Types of SNS messages.
const (
	snsNotification = "Notification"
	snsSubscribe    = "SubscriptionConfirmation"
	snsUnsubscribe  = "UnsubscribeConfirmation"
)

// snsMessage is what SNS posts, read but not trusted.
type snsMessage struct {
	kind, topic, id string
	at              time.Time
	hash            crypto.Hash
	signature       []byte
	signed          string // what the signature is of
	certificateURL  string
	subscribeURL    string // of a confirmation
}

// What is signed, in this order.
// https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html
var (
	signedNotification = []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	signedConfirmation = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
)

func readMessage(body []byte) (snsMessage, error) {
	value, err := readJSON(body)
	if err != nil {
		return snsMessage{}, err
	}
	d, ok := value.(document)
	if !ok {
		return snsMessage{}, refused("bad_shape", "an SNS message is a JSON object")
	}
	f := fields{of: d}
	m := snsMessage{
		kind: f.text("Type"), topic: f.text("TopicArn"), id: f.identifier("MessageId"),
		certificateURL: f.text("SigningCertURL"), subscribeURL: f.text("SubscribeURL"),
	}
	version, signature, at := f.text("SignatureVersion"), f.text("Signature"), f.text("Timestamp")
	order := signedConfirmation
	switch m.kind {
	case snsNotification:
		order = signedNotification
	case snsSubscribe, snsUnsubscribe:
	default:
		return m, refused("bad_shape", "%.60q is no type of an SNS message", m.kind)
	}
	for _, key := range order {
		if d[key] != nil {
			m.signed += key + "\n" + f.text(key) + "\n"
		} else if key != "Subject" {
			return m, refused("bad_shape", "an SNS message has a %s", key)
		}
	}
	if f.err != nil {
		return m, f.err
	}
	if m.at, err = time.Parse(time.RFC3339, at); err != nil {
		return m, refused("bad_time", "%.40q is %v", at, errTime)
	}
	if m.signature, err = base64.StdEncoding.DecodeString(signature); err != nil || len(m.signature) == 0 {
		return m, refused("forged", "it is not signed; with raw delivery SNS signs nothing: turn that off for this address")
	}
	if m.hash = snsHashes[version]; m.hash == 0 {
		return m, refused("forged", "%.20q is no version of a signature", version)
	}
	return m, nil
}

var snsHashes = map[string]crypto.Hash{"1": crypto.SHA1, "2": crypto.SHA256}

// signedBy checks the signature.
func (m snsMessage) signedBy(certificate *x509.Certificate) error {
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		return refused("forged", "the certificate's key is not RSA")
	}
	sum := m.hash.New()
	sum.Write([]byte(m.signed))
	if err := rsa.VerifyPKCS1v15(key, m.hash, sum.Sum(nil), m.signature); err != nil {
		return refused("forged", "the signature does not fit the message")
	}
	return nil
}

// endpoint is where a topic's SNS is: messages are signed with certificates from there, and confirmed there, and nowhere else.
type endpoint struct{ host, region, suffix string }

func endpointOf(topic string) (endpoint, error) {
	parsed, err := arn.Parse(topic)
	if err != nil || parsed.Service != "sns" || parsed.Region == "" {
		return endpoint{}, fmt.Errorf("%q is no ARN of an SNS topic", topic)
	}
	e := endpoint{region: parsed.Region, suffix: cloud.Domain(parsed.Partition)}
	e.host = "sns." + e.region + "." + e.suffix
	return e, nil
}

// names are those that a signing certificate is issued to, by Region; as the AWS SDK for Java has them.
// https://github.com/aws/aws-sdk-java-v2/tree/master/services-custom/sns-message-manager
func (e endpoint) names() []string {
	names := []string{e.host, "sns-signing." + e.region + "." + e.suffix, "sns-" + e.region + "." + e.suffix}
	if strings.HasPrefix(e.region, "us-gov-") {
		names = append(names, "sns-us-gov-west-1.amazonaws.com")
	}
	if e.suffix == "amazonaws.com" {
		names = append(names, "sns.amazonaws.com")
	}
	return names
}
