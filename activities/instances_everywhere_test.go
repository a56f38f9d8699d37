package activities

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// slowFleet takes its time.
type slowFleet struct{ *fakeFleet }

func (f slowFleet) DescribeInstances(ctx context.Context, in *ec2.DescribeInstancesInput, options ...func(*ec2.Options)) (*ec2.DescribeInstancesOutput, error) {
	time.Sleep(5 * time.Second)
	return f.fakeFleet.DescribeInstances(ctx, in, options...)
}

// However many places there are, and however slow: all are asked at the same time, within an activity's minute. One that cannot
// be looked at is never nobody, whatever the others say.
func TestFindLivingAsksEverywhereAtOnce(t *testing.T) {
	const places = 200
	for about, c := range map[string]struct {
		lives, fails int // in which place; -1: nowhere
		want         string
	}{
		"nowhere":                  {lives: -1, fails: -1},
		"in the first":             {lives: 0, fails: -1, want: server + " (web-1), which is running in 000000000000/us-east-1"},
		"in the last":              {lives: places - 1, fails: -1, want: server + " (web-1), which is running in 000000000199/us-east-1"},
		"nowhere, one fails":       {lives: -1, fails: places - 1},
		"in the first, one fails":  {lives: 0, fails: places - 1},
		"in the last, first fails": {lives: places - 1, fails: 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			var live []Place
			fleets := map[Place]slowFleet{}
			for n := range places {
				f := &fakeFleet{}
				if n == c.lives {
					f.instances = []types.Instance{instance(server, "running", "web-1", "10.0.0.5")}
				}
				if n == c.fails {
					f.err = errLost("EC2", "DescribeInstances")
				}
				live = append(live, Place{Account: fmt.Sprintf("%012d", n), Region: "us-east-1"})
				fleets[live[n]] = slowFleet{f}
			}
			a := &Instances{EC2: func(_ context.Context, place Place) (InstancesAPI, error) { return fleets[place], nil }}
			began := time.Now()
			got, err := a.FindLiving(t.Context(), FindLivingInput{Live: live, ID: server})
			if got.Holder != c.want || (err != nil) != (c.fails >= 0) {
				t.Errorf("%s: %q, %v", about, got.Holder, err)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("%s: it took %s", about, took)
			}
		})
	}
}
