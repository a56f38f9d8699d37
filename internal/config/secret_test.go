package config

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"
)

func TestSecretReferences(t *testing.T) {
	for text, want := range map[string]Secret{
		"{ env: TOKEN }":                  {Env: "TOKEN"},
		"{ file: /etc/token }":            {File: "/etc/token"},
		"{ file: token }":                 {File: "token"},
		"{ secretsmanager: epoxy/slack }": {SecretsManager: &SecretsManagerItem{ID: "epoxy/slack"}},
		"{ secretsmanager: { id: arn:aws:secretsmanager:us-east-1:123456789012:secret:x, field: f } }": {SecretsManager: &SecretsManagerItem{ID: "arn:aws:secretsmanager:us-east-1:123456789012:secret:x", Field: "f"}},
		"{ ssm: /epoxy/slack }":                    {SSM: "/epoxy/slack"},
		"{ s3: { bucket: b, key: k, kms: true } }": {S3: &S3Object{Bucket: "b", Key: "k", KMS: true}},
	} {
		got := load(t, change(t, "{ env: EPOXY_SLACK_TOKEN }", text)).Slack.Token
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestSecretFileIsRelativeToTheConfiguration(t *testing.T) {
	c, err := read("conf/epoxy.yaml", []byte(change(t, "env: EPOXY_SLACK_TOKEN", "file: keys/slack")), noEnv)
	if err != nil || c.Slack.Token.File != filepath.Join("conf", "keys", "slack") {
		t.Errorf("%v, %v", c.Slack.Token, err)
	}
}

// vault holds one secret in all places, and fails when told to.
type vault struct {
	value string
	blob  []byte
	fail  error
	saw   []byte
}

func (c *vault) GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	return &secretsmanager.GetSecretValueOutput{SecretString: aws.String(c.value)}, c.fail
}

func (c *vault) GetParameter(_ context.Context, in *ssm.GetParameterInput, _ ...func(*ssm.Options)) (*ssm.GetParameterOutput, error) {
	if !aws.ToBool(in.WithDecryption) {
		return nil, errors.New("without decryption")
	}
	return &ssm.GetParameterOutput{Parameter: &ssmtypes.Parameter{Value: aws.String(c.value)}}, c.fail
}

func (c *vault) GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	return &s3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader(c.blob))}, c.fail
}

func (c *vault) Decrypt(_ context.Context, in *kms.DecryptInput, _ ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	c.saw = in.CiphertextBlob
	return &kms.DecryptOutput{Plaintext: []byte(c.value)}, c.fail
}

func (c *vault) resolver() Resolver {
	return Resolver{Env: env("TOKEN", "canary-value"), SecretsManager: c, SSM: c, S3: c, KMS: c}
}

func TestResolve(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("canary-value\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ciphertext := []byte{1, 2, 0xff, 0}
	c := &vault{value: "canary-value", blob: ciphertext}
	for _, ref := range []Secret{
		{Env: "TOKEN"}, {File: file}, {SecretsManager: &SecretsManagerItem{ID: "x"}}, {SSM: "/x"}, {S3: &S3Object{Bucket: "b", Key: "k", KMS: true}},
	} {
		got, err := c.resolver().Resolve(t.Context(), ref)
		if err != nil || got != "canary-value" {
			t.Errorf("%s: %q, %v", ref, got, err)
		}
	}
	if !bytes.Equal(c.saw, ciphertext) {
		t.Errorf("decrypted %v", c.saw)
	}
	c.blob = []byte(base64.StdEncoding.EncodeToString(ciphertext) + "\n")
	if _, err := c.resolver().Resolve(t.Context(), Secret{S3: &S3Object{}}); err != nil || !bytes.Equal(c.saw, ciphertext) {
		t.Errorf("base64: decrypted %v, %v", c.saw, err)
	}
	c.value = `{"slack":"canary-value","n":1}`
	got, err := c.resolver().Resolve(t.Context(), Secret{SecretsManager: &SecretsManagerItem{ID: "x", Field: "slack"}})
	if err != nil || got != "canary-value" {
		t.Errorf("field: %q, %v", got, err)
	}
}

func TestResolveErrors(t *testing.T) {
	manager := func(field string) Secret { return Secret{SecretsManager: &SecretsManagerItem{ID: "x", Field: field}} }
	object := Secret{S3: &S3Object{Bucket: "b", Key: "k", KMS: true}}
	denied := errors.New("AccessDenied")
	for _, test := range []struct {
		ref  Secret
		in   Resolver
		want string
	}{
		{Secret{}, Resolver{}, "secret from no secret: the configuration names none: add a reference such as { env: NAME }"},
		{Secret{Env: "OTHER"}, (&vault{}).resolver(), "secret from environment variable OTHER: it is not set"},
		{Secret{Env: "EPOXY_TEST_UNSET"}, Resolver{}, "secret from environment variable EPOXY_TEST_UNSET: it is not set"},
		{Secret{File: "not-there"}, Resolver{}, "secret from file not-there: open not-there: no such file or directory"},
		{Secret{File: os.DevNull}, Resolver{}, "secret from file /dev/null: it is empty"},
		{manager(""), Resolver{}, "secret from Secrets Manager secret x: this process has no AWS client for it: use another kind of reference"},
		{manager(""), (&vault{fail: denied}).resolver(), "secret from Secrets Manager secret x: AccessDenied"},
		{manager(""), (&vault{}).resolver(), "secret from Secrets Manager secret x: it is empty"},
		{manager("f"), (&vault{value: "canary"}).resolver(), `secret from field "f" of Secrets Manager secret x: it is not a JSON object: remove field to use the secret as it is`},
		{manager("slak"), (&vault{value: `{"slack":"canary"}`}).resolver(), `secret from field "slak" of Secrets Manager secret x: it has no such field: did you mean "slack"? (has: slack)`},
		{manager("n"), (&vault{value: `{"n":"canary"}`, fail: denied}).resolver(), `secret from field "n" of Secrets Manager secret x: AccessDenied`},
		{manager("n"), (&vault{value: `{"n":42}`}).resolver(), `secret from field "n" of Secrets Manager secret x: the field is not text`},
		{Secret{SSM: "/x"}, Resolver{}, "secret from SSM parameter /x: this process has no AWS client for it: use another kind of reference"},
		{Secret{SSM: "/x"}, (&vault{fail: denied}).resolver(), "secret from SSM parameter /x: AccessDenied"},
		{object, Resolver{S3: &vault{}}, "secret from s3://b/k (KMS): this process has no AWS client for it: use another kind of reference"},
		{object, Resolver{S3: &vault{fail: denied}, KMS: &vault{}}, "secret from s3://b/k (KMS): AccessDenied"},
		{object, Resolver{S3: &vault{}, KMS: &vault{fail: denied}}, "secret from s3://b/k (KMS): decrypt: AccessDenied"},
		{object, (&vault{blob: make([]byte, maxSecret+1)}).resolver(), "secret from s3://b/k (KMS): it is larger than 65536 bytes: is this the right one?"},
	} {
		got, err := test.in.Resolve(t.Context(), test.ref)
		if err == nil || err.Error() != test.want || got != "" {
			t.Errorf("got  %q, %v\nwant %s", got, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("the value is in the error: %v", err)
		}
	}
}

// A reference prints as where the secret is, however it is printed.
func TestSecretPrintsItsPlace(t *testing.T) {
	t.Setenv("TOKEN", "canary-value")
	ref := Secret{Env: "TOKEN"}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "token", ref)
	asJSON, err := json.Marshal(ref)
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []string{fmt.Sprint(ref), fmt.Sprintf("%+v", ref), fmt.Sprintf("%#v", ref), log.String(), string(asJSON)} {
		if strings.Contains(got, "canary") || !strings.Contains(got, "TOKEN") {
			t.Errorf("prints %s", got)
		}
	}
	if want := `{"env":"TOKEN"}`; string(asJSON) != want {
		t.Errorf("JSON %s, want %s", asJSON, want)
	}
}

func TestMaskLines(t *testing.T) {
	text := `slack:
  token: canary
  channel: "#a"   # xoxb-canary
  # token: canary
a: { bot_token: canary, b: c }
Secret-Key: |
  canary

  canary
  x: canary
b: 1
list:
  - password: "canary
      canary"
  - c: 2
flow: {
token:
canary
}
next: 3
"tokn" : canary
url: https://me:canary@host/`
	want := `slack:
  token: ••••
  channel: "#a"   # ••••
  # token: ••••
a: { bot_token: ••••
Secret-Key: ••••
  ••••
••••
  ••••
  ••••
b: 1
list:
  - password: ••••
      ••••
  - c: 2
flow: {
token: ••••
••••
••••
next: 3
"tokn" : ••••
url: https:••••host/`
	got := strings.Join(maskLines(strings.Split(text, "\n")), "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
