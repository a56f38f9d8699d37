package activities

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/sync/errgroup"

	"epoxy/internal/policy"
)

// HoldersAPI is what looking for live holders of addresses and names needs of EC2.
type HoldersAPI interface {
	InstancesAPI
	DescribeNetworkInterfaces(context.Context, *ec2.DescribeNetworkInterfacesInput, ...func(*ec2.Options)) (*ec2.DescribeNetworkInterfacesOutput, error)
}

// heldQuestion are addresses and names of which somebody wants to know whether anybody alive has them.
type heldQuestion struct{ addresses, names []string }

// heldAnswer says who has what, of all that was asked in a call.
type heldAnswer struct{ addresses, names map[string][]holder }

type holder struct{ id, label string }

// holders says who alive holds what the records claim, other than the dead. A place that cannot be looked at is an error:
// nothing is deleted then.
func (a *DNS) holders(ctx context.Context, live []Place, facts policy.Facts, records []policy.OwnRecord) (policy.Held, error) {
	held := policy.Held{Addresses: map[string]string{}, Names: map[string]string{}}
	q := questionOf(facts, records)
	if len(q.addresses)+len(q.names) == 0 {
		return held, nil
	}
	answers := make([]heldAnswer, len(live))
	group, ctx := errgroup.WithContext(ctx)
	for i, place := range live {
		group.Go(func() (err error) {
			answers[i], err = a.holdersAt(place).ask(ctx, q)
			return translate(place, err)
		})
	}
	if err := group.Wait(); err != nil {
		return policy.Held{}, err
	}
	isDead := func(h holder) bool { return h.id == facts.Subject.Instance || slices.Contains(facts.Holders, h.id) }
	for _, answer := range answers {
		for _, side := range []struct {
			asked []string
			found map[string][]holder
			into  map[string]string
		}{{q.addresses, answer.addresses, held.Addresses}, {q.names, answer.names, held.Names}} {
			for _, key := range side.asked {
				if other := slices.IndexFunc(side.found[key], func(h holder) bool { return !isDead(h) }); other >= 0 {
					side.into[key] = side.found[key][other].label
				}
			}
		}
	}
	return held, nil
}

// questionOf asks for names as DNS spells them and as the facts do: a filter on a tag tells upper case from lower.
func questionOf(facts policy.Facts, records []policy.OwnRecord) heldQuestion {
	var q heldQuestion
	for _, r := range records {
		addresses, names := r.Claims()
		q.addresses = append(q.addresses, addresses...)
		for _, name := range names {
			q.names = append(q.names, policy.HeldNames(name)...)
		}
	}
	for _, name := range facts.Names {
		if slices.Contains(q.names, strings.ToLower(name)) {
			q.names = append(q.names, name)
		}
	}
	q.addresses, q.names = unique(q.addresses), unique(q.names)
	return q
}

func unique(all []string) []string {
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(v string) bool { return v == "" })
}

func (a *DNS) holdersAt(place Place) *gatherer[heldQuestion, heldAnswer] {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.places == nil {
		a.places = map[Place]*gatherer[heldQuestion, heldAnswer]{}
	}
	if a.places[place] == nil {
		a.places[place] = newGatherer(gatherOptions{Moment: 100 * time.Millisecond},
			func(ctx context.Context, asked []heldQuestion) ([]heldAnswer, error) {
				found, err := a.lookForHolders(ctx, place, asked)
				return slices.Repeat([]heldAnswer{found}, len(asked)), err
			})
	}
	return a.places[place]
}

// lookForHolders looks for all that anybody asked for. The lists of interfaces and instances are complete answers only from a
// filter: a list of ids fails as a whole where one is unknown.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html
func (a *DNS) lookForHolders(ctx context.Context, place Place, asked []heldQuestion) (heldAnswer, error) {
	found := heldAnswer{addresses: map[string][]holder{}, names: map[string][]holder{}}
	client, err := a.EC2(ctx, place)
	if err != nil {
		return found, err
	}
	var all heldQuestion
	for _, q := range asked {
		all.addresses, all.names = append(all.addresses, q.addresses...), append(all.names, q.names...)
	}
	if err := findNames(ctx, client, place, unique(all.names), found.names); err != nil {
		return found, err
	}
	nics, err := findInterfaces(ctx, client, unique(all.addresses))
	if err != nil {
		return found, err
	}
	return found, findOwners(ctx, client, place, nics, found.addresses)
}

// findNames finds live instances by the tag Name and by the host's name.
func findNames(ctx context.Context, client HoldersAPI, place Place, names []string, into map[string][]holder) error {
	alive := types.Filter{Name: aws.String("instance-state-name"), Values: notDead}
	for some := range slices.Chunk(names, instancesPerCall) {
		hosts := make([]string, 0, len(some))
		for _, name := range some {
			if !strings.Contains(name, ".") {
				hosts = append(hosts, name+".*")
			}
		}
		for _, by := range []types.Filter{{Name: aws.String("tag:Name"), Values: some}, {Name: aws.String("private-dns-name"), Values: hosts}} {
			if len(by.Values) == 0 {
				continue
			}
			found, err := describeInstances(ctx, client, place, by, alive)
			if err != nil {
				return err
			}
			for _, i := range found {
				for _, name := range unique([]string{strings.ToLower(i.Name), strings.ToLower(i.Hostname)}) {
					into[name] = append(into[name], holder{i.ID, named(i)})
				}
			}
		}
	}
	return nil
}

// findInterfaces finds the network interfaces that have an address, whatever they are attached to.
func findInterfaces(ctx context.Context, client HoldersAPI, addresses []string) ([]types.NetworkInterface, error) {
	var v4, v6 []string
	for _, address := range addresses {
		if ip, err := netip.ParseAddr(address); err == nil && ip.Is6() {
			v6 = append(v6, address)
		} else {
			v4 = append(v4, address)
		}
	}
	found := map[string]types.NetworkInterface{}
	for _, by := range []struct {
		filter string
		values []string
	}{{"addresses.private-ip-address", v4}, {"association.public-ip", v4}, {"ipv6-addresses.ipv6-address", v6}} {
		for some := range slices.Chunk(by.values, instancesPerCall) {
			pages := ec2.NewDescribeNetworkInterfacesPaginator(client, &ec2.DescribeNetworkInterfacesInput{
				Filters: []types.Filter{{Name: &by.filter, Values: some}}, MaxResults: aws.Int32(1000),
			})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				if err != nil {
					return nil, err
				}
				for _, nic := range page.NetworkInterfaces {
					found[aws.ToString(nic.NetworkInterfaceId)] = nic
				}
			}
		}
	}
	return slices.Collect(maps.Values(found)), nil
}

// findOwners says whose the interfaces are. One of an instance that is dead is nobody's; one that is attached to nothing keeps
// its address for whoever gets it next.
func findOwners(ctx context.Context, client HoldersAPI, place Place, nics []types.NetworkInterface, into map[string][]holder) error {
	var ids []string
	for _, nic := range nics {
		if nic.Attachment != nil {
			ids = append(ids, aws.ToString(nic.Attachment.InstanceId))
		}
	}
	instances := map[string]policy.Instance{}
	for some := range slices.Chunk(unique(ids), instancesPerCall) {
		found, err := describeInstances(ctx, client, place, types.Filter{Name: aws.String("instance-id"), Values: some})
		if err != nil {
			return err
		}
		for _, i := range found {
			instances[i.ID] = i
		}
	}
	for _, nic := range nics {
		who := holder{aws.ToString(nic.NetworkInterfaceId), "network interface " + aws.ToString(nic.NetworkInterfaceId)}
		if nic.Attachment != nil && aws.ToString(nic.Attachment.InstanceId) != "" {
			id := *nic.Attachment.InstanceId
			i, known := instances[id]
			if known && !slices.Contains(notDead, i.State) {
				continue
			}
			i.ID = id
			who = holder{id, named(i)}
		}
		for _, address := range addressesOfInterface(nic) {
			into[address] = append(into[address], who)
		}
	}
	return nil
}

func addressesOfInterface(nic types.NetworkInterface) []string {
	all := []string{aws.ToString(nic.PrivateIpAddress)}
	if nic.Association != nil {
		all = append(all, aws.ToString(nic.Association.PublicIp))
	}
	for _, p := range nic.PrivateIpAddresses {
		all = append(all, aws.ToString(p.PrivateIpAddress))
		if p.Association != nil {
			all = append(all, aws.ToString(p.Association.PublicIp))
		}
	}
	for _, v6 := range nic.Ipv6Addresses {
		all = append(all, usualAddress(aws.ToString(v6.Ipv6Address)))
	}
	return unique(all)
}
