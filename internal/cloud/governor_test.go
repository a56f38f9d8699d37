package cloud

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/apprunner"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

var here = Place{Account: home, Region: "us-east-1"}

// seconds is how long n calls take together.
func seconds(t *testing.T, g *governor, n int, p Place, service, operation string) float64 {
	t.Helper()
	begun := time.Now()
	for range n {
		if err := g.wait(t.Context(), p, service, operation); err != nil {
			t.Fatal(err)
		}
	}
	return time.Since(begun).Seconds()
}

// The clock of these tests is synctest's: nothing waits.
func TestGovernorKeepsAWSsRates(t *testing.T) {
	for operation, c := range map[string]struct {
		service string
		calls   int
		want    float64
	}{
		"DescribeTaskDefinition":   {"ECS", 40 + 160, 10}, // 0.8 × 50 at once, then 0.8 × 20 a second
		"DescribeTasks":            {"ECS", 80 + 160, 10},
		"DeregisterTaskDefinition": {"ECS", 16 + 8, 10},
		"DeleteTaskDefinitions":    {"ECS", 4 + 8, 10},
		"GetFunction":              {"Lambda", 80 + 800, 10},
		"ListAliases":              {"Lambda", 12 + 120, 10},
		"ListTargetsByRule":        {"EventBridge", 40 + 400, 10},
		"DescribeStateMachine":     {"SFN", 160 + 160, 10},
		"PutImage":                 {"ECR", 8 + 80, 10},
		"GetObject":                {"S3", 10_000, 0},
		"DescribeImages":           {"EC2", 10_000, 0},
		"DescribeInstances":        {"EC2", 80 + 160, 10},
		"ListResourceRecordSets":   {"Route 53", 40 + 80, 10},
	} {
		synctest.Test(t, func(t *testing.T) {
			if got := seconds(t, newGovernor(), c.calls, here, c.service, operation); math.Abs(got-c.want) > 0.1 {
				t.Errorf("%d calls of %s took %.1f s, want %.1f", c.calls, operation, got, c.want)
			}
		})
	}
}

// A bucket belongs to an account and a Region: whoever asks there shares it, and nobody else does.
func TestBucketsAreSharedAsAWSShares(t *testing.T) {
	other := here
	other.RoleARN, other.ExternalID = role, "x"
	for about, c := range map[string]struct {
		place              Place
		service, operation string
		shared             bool
	}{
		"another role in the account":     {other, "ECS", "DescribeTaskDefinition", true},
		"an operation of the same bucket": {here, "ECS", "ListTaskDefinitions", true},
		"an operation of another bucket":  {here, "ECS", "DescribeTasks", false},
		"another Region":                  {here.In("eu-west-1"), "ECS", "DescribeTaskDefinition", false},
		"another account":                 {Place{Account: partner, Region: "us-east-1"}, "ECS", "DescribeTaskDefinition", false},
		"another service":                 {here, "Lambda", "ListFunctions", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := newGovernor()
			seconds(t, g, 40, here, "ECS", "DescribeTaskDefinition")
			if waited := seconds(t, g, 1, c.place, c.service, c.operation) > 0; waited != c.shared {
				t.Errorf("%s: waited is %v", about, waited)
			}
		})
	}
}

// Route 53 has one endpoint, and one rate for an account.
func TestGlobalServicesHaveOneBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGovernor()
		seconds(t, g, 40, here, "Route 53", "ListResourceRecordSets")
		if waited := seconds(t, g, 1, here.In("eu-west-1"), "Route 53", "ChangeResourceRecordSets"); waited == 0 {
			t.Error("another Region has a bucket of its own")
		}
		if waited := seconds(t, g, 1, Place{Account: partner, Region: "us-east-1"}, "Route 53", "ListResourceRecordSets"); waited > 0 {
			t.Error("another account has none of its own")
		}
	})
}

func TestRatesAreAFactorOfAWSs(t *testing.T) {
	for factor, want := range map[float64]float64{2: 5, 0.5: 20, math.Inf(1): 0} {
		synctest.Test(t, func(t *testing.T) {
			c := New(aws.Config{}, WithRates(factor))
			calls := 160
			if !math.IsInf(factor, 1) {
				calls += int(40 * factor)
			}
			if got := seconds(t, c.governor, calls, here, "ECS", "DescribeTaskDefinition"); math.Abs(got-want) > 0.2 {
				t.Errorf("at %v times the rate it took %.1f s, want %.1f", factor, got, want)
			}
		})
	}
}

func TestWaitingForATurnEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGovernor()
		seconds(t, g, 16, here, "ECS", "DeregisterTaskDefinition")
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		begun := time.Now()
		if err := g.wait(ctx, here, "ECS", "DeregisterTaskDefinition"); !errors.Is(err, context.Canceled) || time.Since(begun) != 100*time.Millisecond {
			t.Errorf("cancelled after %s: %v", time.Since(begun), err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := g.wait(ctx, here, "ECS", "DeregisterTaskDefinition"); err == nil {
			t.Error("a turn that comes too late was waited for")
		}
	})
}

// Every attempt is a request to AWS, so every attempt waits; the clients of bakes are as they were.
func TestEveryAttemptWaitsForItsTurn(t *testing.T) {
	var mu sync.Mutex
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		requests++
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	quick := retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
	c := New(aws.Config{BaseEndpoint: &server.URL, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("k", "s", ""), Retryer: func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.Backoff = 3, quick })
	}})
	s := c.servicesOf(here, c.configFor(here))
	ctx := t.Context()
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	for _, call := range []func() error{
		func() error { _, err := s.ECS.ListClusters(ctx, &ecs.ListClustersInput{}); return err },
		func() error { _, err := s.ECR.GetRegistryPolicy(ctx, &ecr.GetRegistryPolicyInput{}); return err },
		func() error {
			_, err := s.EventBridge.ListEventBuses(ctx, &eventbridge.ListEventBusesInput{})
			return err
		},
		func() error { _, err := s.Scheduler.ListSchedules(ctx, &scheduler.ListSchedulesInput{}); return err },
		func() error { _, err := s.Lambda.ListFunctions(ctx, &lambda.ListFunctionsInput{}); return err },
		func() error { _, err := s.AppRunner.ListServices(ctx, &apprunner.ListServicesInput{}); return err },
		func() error {
			_, err := s.Batch.DescribeJobDefinitions(ctx, &batch.DescribeJobDefinitionsInput{})
			return err
		},
		func() error { _, err := s.SFN.ListStateMachines(ctx, &sfn.ListStateMachinesInput{}); return err },
		func() error { _, err := s.EC2.DescribeImages(ctx, &ec2.DescribeImagesInput{}); return err },
	} {
		note(call())
	}
	if requests != 3*len(errs) {
		t.Fatalf("%d requests: %v", requests, errors.Join(errs...))
	}
	left := map[string]float64{}
	for key, b := range c.governor.buckets {
		left[key.service] = float64(b.Burst()) - b.Tokens()
		if key.account != home || key.region != "us-east-1" {
			t.Errorf("a bucket is %+v", key)
		}
	}
	for _, service := range []string{"ECS", "ECR", "EventBridge", "Scheduler", "Lambda", "AppRunner", "Batch", "SFN"} {
		if taken := left[service]; taken <= 0 || taken > 3 {
			t.Errorf("of %s's bucket %.2f tokens are taken after 3 attempts", service, taken)
		}
	}
	if len(left) != 8 {
		t.Errorf("governed are %v", left)
	}

	done, cancel := context.WithCancel(ctx)
	for range 100 { // until the bucket of App Runner is empty
		if c.governor.buckets[bucketKey{home, "us-east-1", "AppRunner", "API"}].Allow() {
			continue
		}
		cancel()
	}
	_, err := s.AppRunner.ListServices(done, &apprunner.ListServicesInput{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	cancel()
}

func TestEveryBucketHasItsOperations(t *testing.T) {
	for service, paces := range rates {
		seen := map[string]bool{}
		for i, p := range paces {
			if p.burst < 1 || p.perSecond <= 0 || p.bucket == "" || seen[p.bucket] {
				t.Errorf("%s: %+v", service, p)
			}
			seen[p.bucket] = true
			if p.operations == nil && i != len(paces)-1 {
				t.Errorf("%s: what follows %q is never reached", service, p.bucket)
			}
		}
	}
}

// A bucket's name is in the path where an endpoint is not AWS's, and in the host where it is.
func TestBucketsAreFound(t *testing.T) {
	for endpoint, want := range map[string]string{
		"":                                       "lists.s3.us-east-1.amazonaws.com/key",
		"http://localhost:4566":                  "localhost:4566/lists/key",
		"http://127.0.0.1:4566":                  "127.0.0.1:4566/lists/key",
		"https://minio.example.com":              "minio.example.com/lists/key",
		"https://s3.eu-west-1.amazonaws.com":     "lists.s3.eu-west-1.amazonaws.com/key",
		"https://s3.cn-north-1.amazonaws.com.cn": "lists.s3.cn-north-1.amazonaws.com.cn/key",
	} {
		asked := ""
		cfg := aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("k", "s", ""), RetryMaxAttempts: 1, HTTPClient: doer(func(r *http.Request) (*http.Response, error) {
			asked = r.URL.Host + r.URL.Path
			return nil, errors.New("that is enough")
		})}
		if endpoint != "" {
			cfg.BaseEndpoint = &endpoint
		}
		c := New(cfg)
		_, err := c.servicesOf(here, c.configFor(here)).S3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("lists"), Key: aws.String("key")})
		if err == nil || !strings.Contains(fmt.Sprint(err), "that is enough") || asked != want {
			t.Errorf("at %q it asked %q, want %q: %v", endpoint, asked, want, err)
		}
	}
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }
