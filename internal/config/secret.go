package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"

	"github.com/goccy/go-yaml/ast"
)

// Secret says where a secret is kept; it never holds the secret. Exactly one
// field is set. A Resolver fetches the value when it is needed.
type Secret struct {
	Env            EnvName             `yaml:"env" json:"env,omitempty" doc:"environment variable"`
	File           string              `yaml:"file" json:"file,omitempty" doc:"file, relative to epoxy.yaml; a newline at its end is not part of the secret"`
	SecretsManager *SecretsManagerItem `yaml:"secretsmanager" json:"secretsmanager,omitempty" doc:"name or ARN in AWS Secrets Manager, or { id, field } for one field of a JSON secret"`
	SSM            string              `yaml:"ssm" json:"ssm,omitempty" doc:"name of an SSM parameter, usually a SecureString"`
	S3             *S3Object           `yaml:"s3" json:"s3,omitempty" doc:"object in S3 that KMS has encrypted (aws kms encrypt)"`
}

// SecretsManagerItem is a secret in AWS Secrets Manager.
type SecretsManagerItem struct {
	ID    string `yaml:"id" json:"id" rule:"required" doc:"name or ARN of the secret"`
	Field string `yaml:"field" json:"field,omitempty" doc:"field to take when the secret is a JSON object"`
}

// S3Object is a KMS ciphertext in S3.
type S3Object struct {
	Bucket string `yaml:"bucket" json:"bucket" rule:"required" doc:"name of the bucket"`
	Key    string `yaml:"key" json:"key" rule:"required" doc:"key of the object"`
	KMS    bool   `yaml:"kms" json:"kms" rule:"required" doc:"say true: Epoxy reads nothing from S3 but what aws kms encrypt returned"`
}

// EnvName is the name of an environment variable.
type EnvName string

var envNamePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// parse must not repeat the text: it may be the secret itself.
func (e *EnvName) parse(text string, _ bool) error {
	if !envNamePattern.MatchString(text) || knownSecret.MatchString(text) {
		return fmt.Errorf("is not the name of an environment variable: letters, digits and _, such as EPOXY_SLACK_TOKEN")
	}
	*e = EnvName(text)
	return nil
}

// IsSet says whether there is a reference at all.
func (s Secret) IsSet() bool { return s != Secret{} }

// String names the place the secret is kept in.
func (s Secret) String() string {
	switch {
	case s.Env != "":
		return "environment variable " + string(s.Env)
	case s.File != "":
		return "file " + s.File
	case s.SecretsManager != nil && s.SecretsManager.Field != "":
		return fmt.Sprintf("field %q of Secrets Manager secret %s", s.SecretsManager.Field, s.SecretsManager.ID)
	case s.SecretsManager != nil:
		return "Secrets Manager secret " + s.SecretsManager.ID
	case s.SSM != "":
		return "SSM parameter " + s.SSM
	case s.S3 != nil:
		return fmt.Sprintf("s3://%s/%s (KMS)", s.S3.Bucket, s.S3.Key)
	}
	return "no secret"
}

// GoString keeps %#v readable; there is nothing to hide in a reference.
func (s Secret) GoString() string { return "config.Secret{" + s.String() + "}" }

// LogValue is what slog shows.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON writes the reference.
func (s Secret) MarshalJSON() ([]byte, error) {
	type reference Secret
	return json.Marshal(reference(s))
}

// decodeYAML refuses a literal, without repeating it.
func (s *Secret) decodeYAML(d *decoder, n ast.Node, at place) bool {
	at.secret = true
	if n.Type() == ast.NullType {
		at.errorf("has no value: say where the secret is kept, such as { env: EPOXY_SLACK_TOKEN }")
		return false
	}
	if _, ok := n.(ast.MapNode); !ok {
		at.errorf("a secret is never written into this file, which people read, commit and paste (if it was one: replace it). "+
			"Put it into an environment variable and say { env: NAME }, or name where it is kept with one of %s", secretKinds)
		return false
	}
	before := len(d.doc.problems)
	v := reflect.ValueOf(s).Elem()
	if !d.fields(n, v, at) || len(d.doc.problems) > before {
		return false
	}
	if count := countSet(v); count != 1 {
		at.errorf("has %d references: say where the secret is kept with exactly one of %s", count, secretKinds)
		return false
	}
	if s.S3 != nil && !s.S3.KMS {
		at.key("s3").key("kms").errorf("must be true: Epoxy reads only what KMS has encrypted from S3, so encrypt the object (aws kms encrypt) or use secretsmanager")
		return false
	}
	if s.File != "" && !filepath.IsAbs(s.File) {
		s.File = filepath.Join(d.doc.dir, s.File)
	}
	d.doc.secrets = append(d.doc.secrets, foundSecret{at: at, ref: *s})
	return true
}

const secretKinds = "env, file, secretsmanager, ssm, s3"

func countSet(v reflect.Value) int {
	count := 0
	for _, field := range v.Fields() {
		if !field.IsZero() {
			count++
		}
	}
	return count
}

// decodeYAML takes the plain name for { id: name }.
func (i *SecretsManagerItem) decodeYAML(d *decoder, n ast.Node, at place) bool {
	if n.Type() == ast.StringType {
		id := reflect.ValueOf(&i.ID).Elem()
		ok := d.value(n, id, at)
		if ok {
			inRange(id, rules{}, at)
		}
		return ok
	}
	return d.fields(n, reflect.ValueOf(i).Elem(), at)
}

// warning says what is likely to go wrong on this machine.
func (s Secret) warning(env func(string) string) string {
	switch {
	case s.Env != "" && env(string(s.Env)) == "":
		return fmt.Sprintf("%s is not set here: set it wherever Epoxy's worker and server run", s)
	case s.File != "":
		info, err := os.Stat(s.File)
		switch {
		case err != nil:
			return fmt.Sprintf("%s cannot be read here: %v", s, err)
		case info.Mode().Perm()&0o077 != 0:
			return fmt.Sprintf("%s can be read by others (%s): chmod 600 it", s, info.Mode().Perm())
		}
	}
	return ""
}
