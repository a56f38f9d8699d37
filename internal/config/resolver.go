package config

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// SecretsManagerAPI is what a Resolver needs of Secrets Manager.
type SecretsManagerAPI interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// SSMAPI is what a Resolver needs of Systems Manager.
type SSMAPI interface {
	GetParameter(context.Context, *ssm.GetParameterInput, ...func(*ssm.Options)) (*ssm.GetParameterOutput, error)
}

// S3API is what a Resolver needs of S3.
type S3API interface {
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// KMSAPI is what a Resolver needs of KMS.
type KMSAPI interface {
	Decrypt(context.Context, *kms.DecryptInput, ...func(*kms.Options)) (*kms.DecryptOutput, error)
}

// Resolver fetches secrets. A client that is nil makes its kind of reference an
// error; env and file need none.
type Resolver struct {
	Env            func(string) string // nil: os.Getenv
	SecretsManager SecretsManagerAPI
	SSM            SSMAPI
	S3             S3API
	KMS            KMSAPI
}

// Resolve returns the value. Its errors name the reference, never the value.
func (r Resolver) Resolve(ctx context.Context, ref Secret) (string, error) {
	value, err := r.fetch(ctx, ref)
	if err != nil {
		return "", fmt.Errorf("secret from %s: %w", ref, err)
	}
	if value == "" {
		return "", fmt.Errorf("secret from %s: it is empty", ref)
	}
	return value, nil
}

func (r Resolver) fetch(ctx context.Context, ref Secret) (string, error) {
	switch {
	case ref.Env != "":
		return r.fromEnv(ref.Env)
	case ref.File != "":
		return fromFile(ref.File)
	case ref.SecretsManager != nil:
		return r.fromSecretsManager(ctx, *ref.SecretsManager)
	case ref.SSM != "":
		return r.fromSSM(ctx, ref.SSM)
	case ref.S3 != nil:
		return r.fromS3(ctx, *ref.S3)
	}
	return "", errors.New("the configuration names none: add a reference such as { env: NAME }")
}

func (r Resolver) fromEnv(name EnvName) (string, error) {
	env := r.Env
	if env == nil {
		env = os.Getenv
	}
	value := env(string(name))
	if value == "" {
		return "", errors.New("it is not set")
	}
	return value, nil
}

// maxSecret is what Secrets Manager allows, and far more than KMS can decrypt.
const maxSecret = 64 << 10

func fromFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := readAtMost(file)
	return strings.TrimRight(string(text), "\r\n"), err
}

func readAtMost(from io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(from, maxSecret+1))
	if err == nil && len(text) > maxSecret {
		err = fmt.Errorf("it is larger than %d bytes: is this the right one?", maxSecret)
	}
	return text, err
}

var errNoClient = errors.New("this process has no AWS client for it: use another kind of reference")

func (r Resolver) fromSecretsManager(ctx context.Context, item SecretsManagerItem) (string, error) {
	if r.SecretsManager == nil {
		return "", errNoClient
	}
	out, err := r.SecretsManager.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(item.ID)})
	if err != nil {
		return "", err
	}
	text := aws.ToString(out.SecretString)
	if text == "" {
		text = string(out.SecretBinary)
	}
	if item.Field == "" {
		return text, nil
	}
	// The JSON errors quote their input, so they stay here.
	fields := map[string]any{}
	if json.Unmarshal([]byte(text), &fields) != nil {
		return "", errors.New("it is not a JSON object: remove field to use the secret as it is")
	}
	value, ok := fields[item.Field]
	if !ok {
		return "", fmt.Errorf("it has no such field%s%s", didYouMean(item.Field, sortedKeys(fields)), has(sortedKeys(fields)))
	}
	if s, ok := value.(string); ok {
		return s, nil
	}
	return "", errors.New("the field is not text")
}

func (r Resolver) fromSSM(ctx context.Context, name string) (string, error) {
	if r.SSM == nil {
		return "", errNoClient
	}
	out, err := r.SSM.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(name), WithDecryption: aws.Bool(true)})
	if err != nil {
		return "", err
	}
	if out.Parameter == nil {
		return "", nil
	}
	return aws.ToString(out.Parameter.Value), nil
}

func (r Resolver) fromS3(ctx context.Context, object S3Object) (string, error) {
	if r.S3 == nil || r.KMS == nil {
		return "", errNoClient
	}
	got, err := r.S3.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(object.Bucket), Key: aws.String(object.Key)})
	if err != nil {
		return "", err
	}
	defer got.Body.Close()
	ciphertext, err := readAtMost(got.Body)
	if err != nil {
		return "", err
	}
	out, err := r.KMS.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: binary(ciphertext)})
	if err != nil {
		return "", fmt.Errorf("decrypt: %w", err)
	}
	return string(out.Plaintext), nil
}

// binary undoes the base64 in which `aws kms encrypt --output text` prints a
// ciphertext. A real one is binary and never passes for base64.
func binary(ciphertext []byte) []byte {
	compact := strings.Join(strings.Fields(string(ciphertext)), "")
	if raw, err := base64.StdEncoding.DecodeString(compact); err == nil && len(raw) > 0 {
		return raw
	}
	return ciphertext
}
