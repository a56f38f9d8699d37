// Package cloud makes AWS clients: one set for each account and Region, by assumed role, verified and cached.
package cloud

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/apprunner"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Place is where a job acts: an account, a Region, and the role to get there. An empty role means the worker's own
// credentials.
type Place struct {
	Account    string `json:"account"` // twelve digits
	Region     string `json:"region"`  // such as eu-west-1
	RoleARN    string `json:"role_arn,omitempty"`
	ExternalID string `json:"external_id,omitempty"`
}

// String is account/Region, as messages name a place.
func (p Place) String() string { return p.Account + "/" + p.Region }

// In is the same account and role in another Region.
func (p Place) In(region string) Place {
	p.Region = region
	return p
}

// WrongAccountError tells that the credentials lead elsewhere. Nothing is ever done in an account that was not meant.
type WrongAccountError struct{ Want, Got, Role string }

func (e *WrongAccountError) Error() string {
	role := e.Role
	if role == "" {
		role = "the worker's own credentials"
	}
	return fmt.Sprintf("%s lead to account %s, not to %s: check aws.accounts in epoxy.yaml (id, role_arn)", role, e.Got, e.Want)
}

// Services are the clients of one place. Each client keeps its own adaptive rate limiter, so they are made once.
type Services struct {
	EC2         *ec2.Client
	AutoScaling *autoscaling.Client
	SSM         *ssm.Client

	// What prunes and mops call, thousands of times: governed (governor.go); so are some calls of EC2.
	ECR         *ecr.Client
	ECS         *ecs.Client
	EventBridge *eventbridge.Client
	Scheduler   *scheduler.Client
	Lambda      *lambda.Client
	AppRunner   *apprunner.Client
	Batch       *batch.Client
	SFN         *sfn.Client
	Route53     *route53.Client

	S3       *s3.Client
	DynamoDB *dynamodb.Client
	SQS      *sqs.Client
}

// Clients makes and keeps Services. It is safe for concurrent use.
type Clients struct {
	base     aws.Config
	governor *governor

	mu     sync.Mutex
	places map[Place]*placeClients
}

type placeClients struct {
	mu       sync.Mutex
	services *Services
}

const (
	// callTimeout bounds one HTTP exchange; maxAttempts of them fit into an activity's half minute. What still fails
	// after that is retried by Temporal, where a person can see it.
	callTimeout = 8 * time.Second
	maxAttempts = 3
	maxBackoff  = 3 * time.Second
)

// LoadConfig reads the environment as every AWS tool does (AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, …) and adds
// adaptive retries, timeouts and Epoxy's name in the user agent.
func LoadConfig(ctx context.Context) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithAppID("epoxy"),
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(callTimeout)),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
				o.StandardOptions = append(o.StandardOptions, func(s *retry.StandardOptions) {
					s.MaxAttempts, s.MaxBackoff = maxAttempts, maxBackoff
				})
			})
		}))
	if err != nil {
		return aws.Config{}, fmt.Errorf("read the AWS configuration: %w", err)
	}
	return cfg, nil
}

// Option changes how New makes clients.
type Option func(*Clients)

// WithRates takes a multiple of AWS's default request rates: where AWS has granted more, and, as math.Inf(1), where there is
// no AWS to protect.
func WithRates(factor float64) Option {
	return func(c *Clients) { c.governor.factor = factor }
}

// New starts with a configuration from LoadConfig.
func New(base aws.Config, options ...Option) *Clients {
	c := &Clients{base: base, governor: newGovernor(), places: map[Place]*placeClients{}}
	for _, option := range options {
		option(c)
	}
	return c
}

// At returns the clients of a place. The first call for a place asks STS whose credentials they are; a *WrongAccountError
// says that they are another account's.
func (c *Clients) At(ctx context.Context, p Place) (*Services, error) {
	c.mu.Lock()
	pc, ok := c.places[p]
	if !ok {
		pc = &placeClients{}
		c.places[p] = pc
	}
	c.mu.Unlock()

	pc.mu.Lock()
	defer pc.mu.Unlock()
	if pc.services != nil {
		return pc.services, nil
	}
	cfg := c.configFor(p)
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, fmt.Errorf("reach %s: %w", p, err)
	}
	if got := aws.ToString(who.Account); got != p.Account {
		return nil, &WrongAccountError{Want: p.Account, Got: got, Role: p.RoleARN}
	}
	pc.services = c.servicesOf(p, cfg)
	return pc.services, nil
}

func (c *Clients) servicesOf(p Place, cfg aws.Config) *Services {
	governed := cfg.Copy()
	governed.APIOptions = append(slices.Clone(cfg.APIOptions), c.governor.govern(p))
	return &Services{
		EC2: ec2.NewFromConfig(governed), AutoScaling: autoscaling.NewFromConfig(cfg), SSM: ssm.NewFromConfig(cfg),
		ECR: ecr.NewFromConfig(governed), ECS: ecs.NewFromConfig(governed),
		EventBridge: eventbridge.NewFromConfig(governed), Scheduler: scheduler.NewFromConfig(governed),
		Lambda: lambda.NewFromConfig(governed), AppRunner: apprunner.NewFromConfig(governed),
		Batch: batch.NewFromConfig(governed), SFN: sfn.NewFromConfig(governed), Route53: route53.NewFromConfig(governed),
		S3: s3.NewFromConfig(cfg, PathStyle), DynamoDB: dynamodb.NewFromConfig(cfg), SQS: sqs.NewFromConfig(cfg),
	}
}

// PathStyle is an option for S3 clients: behind AWS_ENDPOINT_URL or AWS_ENDPOINT_URL_S3 there may be an S3 of somebody else's,
// which has no host name for each bucket. AWS itself is asked by host name, as it wants to be.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
func PathStyle(o *s3.Options) {
	o.DisableLogOutputChecksumValidationSkipped = true // artifacts have hashes of their own
	endpoint, err := url.Parse(aws.ToString(o.BaseEndpoint))
	if err != nil || endpoint.Host == "" {
		return
	}
	host := endpoint.Hostname()
	if !strings.HasSuffix(host, ".amazonaws.com") && !strings.HasSuffix(host, ".amazonaws.com.cn") {
		o.UsePathStyle = true
	}
}

func (c *Clients) configFor(p Place) aws.Config {
	cfg := c.base.Copy()
	cfg.Region = p.Region
	if p.RoleARN == "" {
		return cfg
	}
	provider := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), p.RoleARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = "epoxy"
		if p.ExternalID != "" {
			o.ExternalID = aws.String(p.ExternalID)
		}
	})
	cfg.Credentials = aws.NewCredentialsCache(provider)
	return cfg
}
