package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"golang.org/x/sync/errgroup"

	"epoxy/internal/policy"
)

// HoldersAPI is what looking for live holders of addresses and names needs of EC2.
type HoldersAPI interface {
	InstancesAPI
	DescribeNetworkInterfaces(context.Context, *ec2.DescribeNetworkInterfacesInput, ...func(*ec2.Options)) (*ec2.DescribeNetworkInterfacesOutput, error)
	DescribeAddresses(context.Context, *ec2.DescribeAddressesInput, ...func(*ec2.Options)) (*ec2.DescribeAddressesOutput, error)
}

// heldQuestion are addresses and names of which somebody wants to know whether anybody alive has them.
type heldQuestion struct{ addresses, names []string }

// heldAnswer says who has what, of all that was asked in a call.
type heldAnswer struct {
	place            Place
	addresses, names map[string][]holder
}

type holder struct{ id, label string }

// holders says who alive holds what the records claim, other than the dead. A place that cannot be looked at is an error:
// nothing is deleted then.
func (a *DNS) holders(ctx context.Context, live []Place, facts policy.Facts, records []policy.OwnRecord) (policy.Held, error) {
	held := policy.Held{Addresses: map[string]string{}, Names: map[string]string{}}
	q := questionOf(records)
	answers, err := a.askEverywhere(ctx, live, q)
	if err != nil {
		return policy.Held{}, err
	}
	for _, answer := range answers {
		for _, side := range []struct {
			asked []string
			found map[string][]holder
			into  map[string]string
		}{{q.addresses, answer.addresses, held.Addresses}, {q.names, answer.names, held.Names}} {
			for _, key := range side.asked {
				if who := otherThan(side.found[key], append(facts.Holders, facts.Subject.Instance)...); who != "" {
					side.into[key] = who
				}
			}
		}
	}
	return held, nil
}

// alive says in words who alive has one of the addresses or names in one of the places, other than an instance; "" is nobody.
func (a *DNS) alive(ctx context.Context, live []Place, addresses, names []string, except string) (string, error) {
	var q heldQuestion
	for _, address := range addresses {
		q.addresses = append(q.addresses, usualAddress(address))
	}
	for _, name := range names {
		q.names = append(q.names, plainHost(name))
	}
	q.addresses, q.names = unique(q.addresses), unique(q.names)
	answers, err := a.askEverywhere(ctx, live, q)
	if err != nil {
		return "", err
	}
	for _, answer := range answers {
		var found []holder
		for _, key := range q.addresses {
			found = append(found, answer.addresses[key]...)
		}
		for _, key := range q.names {
			found = append(found, answer.names[key]...)
		}
		if who := otherThan(found, except); who != "" {
			return fmt.Sprintf("%s in %s", who, answer.place), nil
		}
	}
	return "", nil
}

func otherThan(found []holder, dead ...string) string {
	for _, h := range found {
		if !slices.Contains(dead, h.id) {
			return h.label
		}
	}
	return ""
}

// askEverywhere has the answer of each place, in their order.
func (a *DNS) askEverywhere(ctx context.Context, live []Place, q heldQuestion) ([]heldAnswer, error) {
	if len(q.addresses)+len(q.names) == 0 {
		return nil, nil
	}
	answers := make([]heldAnswer, len(live))
	group, ctx := errgroup.WithContext(ctx)
	for i, place := range live {
		group.Go(func() (err error) {
			answers[i], err = a.holdersAt(place).ask(ctx, q)
			return translate(place, err)
		})
	}
	return answers, group.Wait()
}

func questionOf(records []policy.OwnRecord) heldQuestion {
	var q heldQuestion
	for _, r := range records {
		addresses, names := r.Claims()
		q.addresses = append(q.addresses, addresses...)
		for _, name := range names {
			q.names = append(q.names, plainHost(name))
		}
	}
	q.addresses, q.names = unique(q.addresses), unique(q.names)
	return q
}

// plainHost is a name in lower case and without the dot at its end.
func plainHost(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

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
		a.places[place] = newGatherer(gatherOptions{Moment: 100 * time.Millisecond, Timeout: lookTimeout},
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
	found := heldAnswer{place: place, addresses: map[string][]holder{}, names: map[string][]holder{}}
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
	addresses := unique(all.addresses)
	nics, err := findInterfaces(ctx, client, addresses)
	if err != nil {
		return found, err
	}
	if err := findOwners(ctx, client, place, nics, found.addresses); err != nil {
		return found, err
	}
	return found, findElastic(ctx, client, addresses, found.addresses)
}
