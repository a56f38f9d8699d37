package cloud

import (
	"context"
	"fmt"
	"math"
	"sync"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"
)

// governor keeps this process below AWS's rates: one token bucket for each account, Region and bucket of AWS's own (rates.go),
// whichever role, client or job asks. It does not see other processes: with two workers, or beside other tools, AWS throttles
// now and then, and the SDK's adaptive retry, under which it stands, slows down as AWS says.
type governor struct {
	factor float64 // of AWS's default rates

	mu      sync.Mutex
	buckets map[bucketKey]*rate.Limiter
}

type bucketKey struct{ account, region, service, bucket string }

func newGovernor() *governor {
	return &governor{factor: 1, buckets: map[bucketKey]*rate.Limiter{}}
}

// govern is an API option for the clients of a place. It stands below the SDK's retries, because AWS counts every attempt,
// and above the signing, because a signature ages while it waits.
func (g *governor) govern(p Place) func(*middleware.Stack) error {
	wait := middleware.FinalizeMiddlewareFunc("EpoxyGovernor",
		func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
			service, operation := awsmiddleware.GetServiceID(ctx), awsmiddleware.GetOperationName(ctx)
			if err := g.wait(ctx, p, service, operation); err != nil {
				return middleware.FinalizeOutput{}, middleware.Metadata{}, fmt.Errorf("wait for a turn in AWS's rate of %s: %w", operation, err)
			}
			return next.HandleFinalize(ctx, in)
		})
	return func(stack *middleware.Stack) error { return stack.Finalize.Insert(wait, "Retry", middleware.After) }
}

func (g *governor) wait(ctx context.Context, p Place, service, operation string) error {
	pace, governed := paceOf(service, operation)
	if !governed {
		return nil
	}
	region := p.Region
	if global[service] {
		region = ""
	}
	return g.bucket(bucketKey{p.Account, region, service, pace.bucket}, pace).Wait(ctx)
}

func (g *governor) bucket(key bucketKey, p pace) *rate.Limiter {
	g.mu.Lock()
	defer g.mu.Unlock()
	b, ok := g.buckets[key]
	if !ok {
		burst := math.Min(float64(p.burst)*share*g.factor, math.MaxInt32)
		b = rate.NewLimiter(rate.Limit(math.Min(p.perSecond*share*g.factor, float64(rate.Inf))), max(1, int(burst)))
		g.buckets[key] = b
	}
	return b
}
