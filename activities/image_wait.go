package activities

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"go.temporal.io/sdk/activity"

	"epoxy/internal/policy"
)

// ImageStatesAPI is what looking at images and their snapshots needs of EC2.
type ImageStatesAPI interface {
	DescribeImages(context.Context, *ec2.DescribeImagesInput, ...func(*ec2.Options)) (*ec2.DescribeImagesOutput, error)
	DescribeSnapshots(context.Context, *ec2.DescribeSnapshotsInput, ...func(*ec2.Options)) (*ec2.DescribeSnapshotsOutput, error)
}

// ImageWaiter waits for images. Bakes that wait in the same place share their calls.
type ImageWaiter struct {
	Connect Connect[ImageStatesAPI]

	mu     sync.Mutex
	places map[Place]*imageBatch
}

// AwaitImageInput asks to wait until an image can be used.
type AwaitImageInput struct {
	Place    Place         `json:"place"`
	ImageID  string        `json:"image_id"`
	Begun    time.Time     `json:"begun"`    // when the wait began
	Deadline time.Time     `json:"deadline"` // when to give up
	Poll     time.Duration `json:"poll"`     // between two looks
}

// AwaitImageOutput is the image once it is available.
type AwaitImageOutput struct {
	SnapshotIDs []string `json:"snapshot_ids"`
}

// ImageProgress is the heartbeat of a wait: what `epoxy watch` and the pending activity in the Temporal UI show.
type ImageProgress struct {
	ImageID  string    `json:"image_id"`
	State    string    `json:"state"`
	Percent  int       `json:"percent"` // of the snapshots
	LastSeen time.Time `json:"last_seen,omitzero"`
}

// invisibleFor is how long an image that was created may stay unseen before it counts as gone.
// https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
const invisibleFor = 10 * time.Minute

// AwaitImage looks once. "Not yet" is a retryable error with the delay in it, so that a wait of hours costs neither
// history events nor a worker slot. ErrImageFailed, ErrNotFound (it was there and is gone) and ErrTimedOut end the wait.
func (a *ImageWaiter) AwaitImage(ctx context.Context, in AwaitImageInput) (AwaitImageOutput, error) {
	last := ImageProgress{ImageID: in.ImageID, LastSeen: in.Begun}
	if activity.HasHeartbeatDetails(ctx) {
		_ = activity.GetHeartbeatDetails(ctx, &last) // an unreadable heartbeat only costs the memory of it
	}
	state, err := a.batch(in.Place).get(ctx, in.ImageID, in.Poll/3)
	if err != nil {
		return AwaitImageOutput{}, translate(in.Place, err)
	}
	now := time.Now()
	switch {
	case state.State == "":
		state.State = "not visible yet"
		if now.Sub(last.LastSeen) > invisibleFor {
			return AwaitImageOutput{}, Refuse(ErrNotFound, "image %s is gone from %s: somebody deregistered it; bake again", in.ImageID, in.Place)
		}
	case policy.PhaseOf(state.State) == policy.ImageReady:
		return AwaitImageOutput{SnapshotIDs: state.SnapshotIDs}, nil
	case policy.PhaseOf(state.State) == policy.ImageFailed:
		return AwaitImageOutput{}, Refuse(ErrImageFailed, "image %s in %s ended as %q: %s", in.ImageID, in.Place, state.State, state.reason())
	default:
		last.LastSeen = now
	}
	if now.After(in.Deadline) {
		return AwaitImageOutput{}, Refuse(ErrTimedOut, "image %s in %s was still %s (%d %%) after %s: raise image_timeout, or look at the instance's volumes",
			in.ImageID, in.Place, state.State, state.Percent, in.Deadline.Sub(in.Begun).Round(time.Second))
	}
	last.State, last.Percent = state.State, state.Percent
	activity.RecordHeartbeat(ctx, last)
	return AwaitImageOutput{}, NotReady(in.Poll, "%s is %s, %d %%", in.ImageID, state.State, state.Percent)
}

// batch is shared by all who wait in one place.
func (a *ImageWaiter) batch(p Place) *imageBatch {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.places == nil {
		a.places = map[Place]*imageBatch{}
	}
	b, ok := a.places[p]
	if !ok {
		b = newImageBatch(func(ctx context.Context, ids []string) (map[string]imageState, error) {
			client, err := a.Connect(ctx, p)
			if err != nil {
				return nil, err
			}
			return lookAtImages(ctx, client, ids)
		})
		a.places[p] = b
	}
	return b
}

type imageState struct {
	State       string
	Reason      string
	Percent     int
	SnapshotIDs []string
}

func (s imageState) reason() string {
	if s.Reason == "" {
		return "EC2 gives no reason; look at its snapshots in the EC2 console"
	}
	return s.Reason
}

// filterValues is the most values that one EC2 filter takes.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
const filterValues = 200

// lookAtImages describes all ids with one call per 200. It asks by filter, not by id: one id that is not visible yet would
// fail the call for all the others.
func lookAtImages(ctx context.Context, client ImageStatesAPI, ids []string) (map[string]imageState, error) {
	found := map[string]imageState{}
	var pending []string
	for part := range slices.Chunk(ids, filterValues) {
		pages := ec2.NewDescribeImagesPaginator(client, &ec2.DescribeImagesInput{
			Filters: []types.Filter{{Name: aws.String("image-id"), Values: part}},
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, img := range page.Images {
				s := imageState{State: string(img.State), SnapshotIDs: snapshotsOf(img)}
				if img.StateReason != nil {
					s.Reason = aws.ToString(img.StateReason.Message) // it begins with the code
				}
				if policy.PhaseOf(s.State) == policy.ImageWaiting {
					pending = append(pending, s.SnapshotIDs...)
				}
				found[aws.ToString(img.ImageId)] = s
			}
		}
	}
	addProgress(found, snapshotProgress(ctx, client, pending))
	return found, nil
}

func addProgress(found map[string]imageState, percent map[string]int) {
	for id, s := range found {
		sum, n := 0, 0
		for _, snap := range s.SnapshotIDs {
			if p, ok := percent[snap]; ok {
				sum, n = sum+p, n+1
			}
		}
		if n > 0 {
			s.Percent = sum / n
			found[id] = s
		}
	}
}

// snapshotProgress is a courtesy: without it (no permission, throttled) the wait goes on and shows 0 %.
func snapshotProgress(ctx context.Context, client ImageStatesAPI, ids []string) map[string]int {
	percent := map[string]int{}
	for part := range slices.Chunk(ids, filterValues) {
		pages := ec2.NewDescribeSnapshotsPaginator(client, &ec2.DescribeSnapshotsInput{
			Filters: []types.Filter{{Name: aws.String("snapshot-id"), Values: part}},
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return percent
			}
			for _, s := range page.Snapshots {
				var p int
				if _, err := fmt.Sscanf(aws.ToString(s.Progress), "%d%%", &p); err == nil {
					percent[aws.ToString(s.SnapshotId)] = p
				}
			}
		}
	}
	return percent
}

func snapshotsOf(img types.Image) []string {
	var ids []string
	for _, m := range img.BlockDeviceMappings {
		if m.Ebs != nil && m.Ebs.SnapshotId != nil {
			ids = append(ids, *m.Ebs.SnapshotId)
		}
	}
	return ids
}
