// Package connect opens the connections that worker and command share.
package connect

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"

	"epoxy/internal/cloud"
	"epoxy/internal/config"
)

// dialTimeout bounds the wait for a server that does not answer.
const dialTimeout = 10 * time.Second

// TemporalOptions are the client options: TEMPORAL_* variables first, then the profile (shared with the temporal CLI),
// then epoxy.yaml.
func TemporalOptions(c config.Temporal, logger *slog.Logger) (client.Options, error) {
	o, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{ConfigFileProfile: c.Profile})
	if err != nil {
		return o, fmt.Errorf("read Temporal's client configuration: %w", err)
	}
	if o.HostPort == "" {
		o.HostPort = string(c.Address)
	}
	if o.HostPort == "" {
		o.HostPort = client.DefaultHostPort
	}
	if o.Namespace == "" {
		o.Namespace = c.Namespace
	}
	if o.Namespace == "" {
		o.Namespace = client.DefaultNamespace
	}
	o.Logger = log.NewStructuredLogger(logger)
	return o, nil
}

// Dial connects, or says where nobody answered.
func Dial(ctx context.Context, o client.Options) (client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c, err := client.DialContext(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("Temporal does not answer at %s (namespace %s): %w; start it, or set TEMPORAL_ADDRESS", o.HostPort, o.Namespace, err)
	}
	return c, nil
}

func resolve(ctx context.Context, ref config.Secret) (string, error) {
	var r config.Resolver
	if ref.SecretsManager != nil || ref.SSM != "" || ref.S3 != nil {
		aws, err := cloud.LoadConfig(ctx)
		if err != nil {
			return "", err
		}
		r = config.Resolver{
			SecretsManager: secretsmanager.NewFromConfig(aws), SSM: ssm.NewFromConfig(aws), S3: s3.NewFromConfig(aws), KMS: kms.NewFromConfig(aws),
		}
	}
	return r.Resolve(ctx, ref)
}
