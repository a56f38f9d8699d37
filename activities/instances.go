package activities

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/sync/errgroup"

	"epoxy/internal/policy"
)

// InstancesAPI is what looking at instances needs of EC2.
type InstancesAPI interface {
	DescribeInstances(context.Context, *ec2.DescribeInstancesInput, ...func(*ec2.Options)) (*ec2.DescribeInstancesOutput, error)
}

// InstanceGroupsAPI is what looking at instances needs of Auto Scaling.
type InstanceGroupsAPI interface {
	DescribeAutoScalingInstances(context.Context, *autoscaling.DescribeAutoScalingInstancesInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingInstancesOutput, error)
	DescribeAutoScalingGroups(context.Context, *autoscaling.DescribeAutoScalingGroupsInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingGroupsOutput, error)
}

// Instances says whether instances are dead. Mops that look in the same place at the same time share their calls.
type Instances struct {
	EC2         Connect[InstancesAPI]
	AutoScaling Connect[InstanceGroupsAPI]
	Holders     livingLooker

	mu     sync.Mutex
	places map[Place]*gatherer[string, policy.Instance]
}

// livingLooker says in words who alive has one of the addresses or names in one of the places, other than one instance; ""
// is nobody. *DNS does.
type livingLooker interface {
	alive(ctx context.Context, live []Place, addresses, names []string, except string) (string, error)
}

// ErrAlive says that what was announced as dead is alive: nothing of it is touched.
const ErrAlive = "StillAlive"

// FindInstance returns an instance that is dead, or that its Auto Scaling group is about to end. One that is still alive is
// looked at again until in.Until; then it is ErrAlive. An announcement is only a hint, and EC2 may show an old state for some
// seconds. https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
func (a *Instances) FindInstance(ctx context.Context, in FindInstanceInput) (policy.Instance, error) {
	found, err := a.find(ctx, in)
	if err != nil {
		return policy.Instance{}, translate(in.Place, err)
	}
	phase := policy.PhaseOfInstance(found)
	if phase == policy.Alive && in.Hook && in.ID != "" {
		if err := a.askGroup(ctx, in.Place, &found); err != nil {
			return policy.Instance{}, translate(in.Place, err)
		}
		phase = policy.PhaseOfInstance(found)
	}
	switch {
	case phase == policy.Dead || phase == policy.Doomed:
		return found, nil
	case phase == policy.Alive && !time.Now().Before(in.Until):
		return policy.Instance{}, Refuse(ErrAlive, "%s is %s in %s: nothing of it is touched; if it ends later, its next event or the sweep will find it", named(found), found.State, in.Place)
	}
	return policy.Instance{}, NotReady(in.Poll, "%s is %s in %s", named(found), found.State, in.Place)
}

func named(i policy.Instance) string {
	if i.Name != "" {
		return i.ID + " (" + i.Name + ")"
	}
	return i.ID
}

// find looks by id; else for somebody alive who has the address or the name.
func (a *Instances) find(ctx context.Context, in FindInstanceInput) (policy.Instance, error) {
	if in.ID != "" {
		return a.ask(ctx, in.Place, in.ID)
	}
	holder, err := a.Holders.alive(ctx, in.Live, given(in.Address), given(in.Name), "")
	if err != nil {
		return policy.Instance{}, err
	}
	if holder == "" {
		return policy.Instance{Place: in.Place.String(), State: policy.InstanceGone}, nil
	}
	return policy.Instance{Place: in.Place.String(), ID: holder, State: "alive"}, nil
}

// notDead are the states of those who hold what they have.
var notDead = []string{"pending", "running", "stopping", "stopped"}

func given(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// FindLiving says whether anybody alive is an instance, or has a name: then what the dead left under it is theirs. A place
// that cannot be looked at is an error, never nobody.
func (a *Instances) FindLiving(ctx context.Context, in FindLivingInput) (FindLivingOutput, error) {
	var out FindLivingOutput
	if in.ID != "" {
		found, err := a.askEverywhere(ctx, in.Live, in.ID)
		if err != nil {
			return FindLivingOutput{}, err
		}
		for i, place := range in.Live {
			if policy.PhaseOfInstance(found[i]) != policy.Dead {
				return FindLivingOutput{Holder: fmt.Sprintf("%s, which is %s in %s", named(found[i]), found[i].State, place)}, nil
			}
			out.Group = cmp.Or(out.Group, found[i].Group)
		}
	}
	if in.Name == "" {
		return out, nil
	}
	var err error
	out.Holder, err = a.Holders.alive(ctx, in.Live, nil, given(in.Name), in.Except)
	return out, err
}

// askEverywhere has the answer of each place, in their order. One after the other they would take longer than an activity may.
func (a *Instances) askEverywhere(ctx context.Context, live []Place, id string) ([]policy.Instance, error) {
	found := make([]policy.Instance, len(live))
	group, ctx := errgroup.WithContext(ctx)
	for i, place := range live {
		group.Go(func() (err error) {
			found[i], err = a.ask(ctx, place, id)
			return translate(place, err)
		})
	}
	return found, group.Wait()
}

// ask looks at one instance. What is no id is refused before it is in anybody's call: a filter takes it for a pattern.
func (a *Instances) ask(ctx context.Context, place Place, id string) (policy.Instance, error) {
	if err := policy.CheckInstanceID(id); err != nil {
		return policy.Instance{}, Refuse(ErrInvalid, "%v: nobody is looked for; say which instance is meant", err)
	}
	return a.gathered(place).ask(ctx, id)
}

// lookTimeout of a shared call: who comes in the middle of another's waits for both within an activity's minute.
const lookTimeout = 25 * time.Second

// instancesPerCall is how many values a filter takes.
const instancesPerCall = 200

func (a *Instances) gathered(place Place) *gatherer[string, policy.Instance] {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.places == nil {
		a.places = map[Place]*gatherer[string, policy.Instance]{}
	}
	if a.places[place] == nil {
		a.places[place] = newGatherer(gatherOptions{Moment: 100 * time.Millisecond, Most: instancesPerCall, Timeout: lookTimeout},
			func(ctx context.Context, ids []string) ([]policy.Instance, error) { return a.byID(ctx, place, ids) })
	}
	return a.places[place]
}

// byID looks at instances in the order of their ids. A filter, unlike a list of ids, takes one that is gone.
func (a *Instances) byID(ctx context.Context, place Place, ids []string) ([]policy.Instance, error) {
	client, err := a.EC2(ctx, place)
	if err != nil {
		return nil, err
	}
	unique := slices.Compact(slices.Sorted(slices.Values(ids)))
	found, err := describeInstances(ctx, client, place, types.Filter{Name: aws.String("instance-id"), Values: unique})
	if err != nil {
		return nil, err
	}
	byID := map[string]policy.Instance{}
	for _, i := range found {
		byID[i.ID] = i
	}
	out := make([]policy.Instance, len(ids))
	for n, id := range ids {
		i, there := byID[id]
		if !there {
			i = policy.Instance{Place: place.String(), ID: id, State: policy.InstanceGone}
		}
		out[n] = i
	}
	return out, nil
}

func describeInstances(ctx context.Context, client InstancesAPI, place Place, filters ...types.Filter) ([]policy.Instance, error) {
	var out []policy.Instance
	pages := ec2.NewDescribeInstancesPaginator(client, &ec2.DescribeInstancesInput{Filters: filters, MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Reservations {
			for _, i := range r.Instances {
				out = append(out, instanceOf(place, i))
			}
		}
	}
	return out, nil
}

// diedAt is in the reason of a transition: "User initiated (2026-11-21 10:00:00 GMT)".
var diedAt = regexp.MustCompile(`\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (GMT|UTC)\)`)

func instanceOf(place Place, i types.Instance) policy.Instance {
	out := policy.Instance{Place: place.String(), ID: aws.ToString(i.InstanceId), Launched: aws.ToTime(i.LaunchTime)}
	if i.State != nil {
		out.State = string(i.State.Name)
	}
	for _, tag := range i.Tags {
		switch aws.ToString(tag.Key) {
		case "Name":
			out.Name = aws.ToString(tag.Value)
		case "aws:autoscaling:groupName":
			out.Group = aws.ToString(tag.Value)
		}
	}
	out.Hostname, _, _ = strings.Cut(aws.ToString(i.PrivateDnsName), ".")
	out.Addresses = addressesOf(i)
	if m := diedAt.FindStringSubmatch(aws.ToString(i.StateTransitionReason)); m != nil && out.State == "terminated" {
		out.Died, _ = time.Parse(time.DateTime, m[1]) // the pattern is that of the layout; a date that is none stays unknown
	}
	return out
}

// addressesOf are all addresses of an instance, sorted; EC2 takes them away from one that is terminated.
func addressesOf(i types.Instance) []string {
	all := []string{aws.ToString(i.PrivateIpAddress), aws.ToString(i.PublicIpAddress), aws.ToString(i.Ipv6Address)}
	for _, nic := range i.NetworkInterfaces {
		for _, p := range nic.PrivateIpAddresses {
			all = append(all, aws.ToString(p.PrivateIpAddress))
			if p.Association != nil {
				all = append(all, aws.ToString(p.Association.PublicIp))
			}
		}
		for _, v6 := range nic.Ipv6Addresses {
			all = append(all, aws.ToString(v6.Ipv6Address))
		}
	}
	all = slices.DeleteFunc(all, func(s string) bool { return s == "" })
	slices.Sort(all)
	return slices.Clip(slices.Compact(all))
}

// askGroup adds what Auto Scaling knows: whether the instance waits for its end, and whether its group uses instances again.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html
func (a *Instances) askGroup(ctx context.Context, place Place, i *policy.Instance) error {
	client, err := a.AutoScaling(ctx, place)
	if err != nil {
		return err
	}
	out, err := client.DescribeAutoScalingInstances(ctx, &autoscaling.DescribeAutoScalingInstancesInput{InstanceIds: []string{i.ID}})
	if err != nil || len(out.AutoScalingInstances) != 1 {
		return err
	}
	i.Lifecycle, i.Group = aws.ToString(out.AutoScalingInstances[0].LifecycleState), aws.ToString(out.AutoScalingInstances[0].AutoScalingGroupName)
	groups, err := client.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{i.Group}})
	if err != nil {
		return err
	}
	for _, g := range groups.AutoScalingGroups {
		if pool := g.WarmPoolConfiguration; pool != nil && pool.InstanceReusePolicy != nil {
			i.Reused = aws.ToBool(pool.InstanceReusePolicy.ReuseOnScaleIn)
		}
	}
	return nil
}
