package activities

import (
	"cmp"
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"epoxy/internal/policy"
)

// SweepEC2API is what looking at whole Regions needs of EC2.
type SweepEC2API interface {
	InstancesAPI
	DescribeNetworkInterfaces(context.Context, *ec2.DescribeNetworkInterfacesInput, ...func(*ec2.Options)) (*ec2.DescribeNetworkInterfacesOutput, error)
}

// SweepRecordsAPI is what looking at whole hosted zones needs of Route 53.
type SweepRecordsAPI interface {
	ListResourceRecordSets(context.Context, *route53.ListResourceRecordSetsInput, ...func(*route53.Options)) (*route53.ListResourceRecordSetsOutput, error)
}

// ListNodes lists a Chef server. Clients come first: whoever registers meanwhile has a node by the time that nodes are listed.
func (a *Sweeper) ListNodes(ctx context.Context, in SweepServerInput) (SweptOutput, error) {
	defer beating(ctx, in.Server)()
	clients, err := a.Nodes.listClients(ctx, in.Server)
	if err != nil {
		return SweptOutput{}, err
	}
	found := policy.SweptServer{Server: in.Server}
	err = a.Nodes.listNodes(ctx, in.Server, func(n policy.ChefNode) error {
		found.Nodes = append(found.Nodes, n)
		delete(clients, n.Name)
		return nil
	})
	if err != nil {
		return SweptOutput{}, err
	}
	for name, c := range clients {
		if c.NeverDeleted == "" {
			found.Clients = append(found.Clients, name)
		}
	}
	slices.Sort(found.Clients)
	slices.SortFunc(found.Nodes, func(a, b policy.ChefNode) int { return cmp.Compare(a.Name, b.Name) })
	return a.keepLook(ctx, in.Store, found, len(found.Nodes))
}

// ListInstances lists what lives in an account and Region: instances in every state, and the addresses of all network
// interfaces, which load balancers and others have, too.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html
func (a *Sweeper) ListInstances(ctx context.Context, in SweepPlaceInput) (SweptOutput, error) {
	defer beating(ctx, in.Place.String())()
	client, err := a.EC2(ctx, in.Place)
	if err != nil {
		return SweptOutput{}, translate(in.Place, err)
	}
	found := policy.SweptPlace{Account: in.Place.Account, Region: in.Place.Region}
	if found.Instances, err = describeInstances(ctx, client, in.Place); err != nil {
		return SweptOutput{}, translate(in.Place, err)
	}
	if found.Addresses, err = heldAddresses(ctx, client); err != nil {
		return SweptOutput{}, translate(in.Place, err)
	}
	slices.SortFunc(found.Instances, func(a, b policy.Instance) int { return cmp.Compare(a.ID, b.ID) })
	return a.keepLook(ctx, in.Store, found, len(found.Instances))
}

func heldAddresses(ctx context.Context, client SweepEC2API) ([]string, error) {
	var all []string
	pages := ec2.NewDescribeNetworkInterfacesPaginator(client, &ec2.DescribeNetworkInterfacesInput{MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, nic := range page.NetworkInterfaces {
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
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(a string) bool { return a == "" }), nil
}

// ListRecords lists what a hosted zone says of hosts. Alias records lead to AWS's own resources and are no matter of instances.
func (a *Sweeper) ListRecords(ctx context.Context, in SweepZoneInput) (SweptOutput, error) {
	defer beating(ctx, in.Zone.Name)()
	client, err := a.Route53(ctx, in.Zone.Place)
	if err != nil {
		return SweptOutput{}, translate(in.Zone.Place, err)
	}
	found := policy.SweptZone{Zone: in.Zone.ID, Name: in.Zone.Name}
	pages := route53.NewListResourceRecordSetsPaginator(client, &route53.ListResourceRecordSetsInput{HostedZoneId: &in.Zone.ID, MaxItems: aws.Int32(300)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return SweptOutput{}, translate(in.Zone.Place, err)
		}
		for _, set := range page.ResourceRecordSets {
			if !slices.Contains(hostTypes, set.Type) || set.AliasTarget != nil {
				continue
			}
			record, err := recordSetOf(in.Zone.ID, set)
			if err != nil {
				return SweptOutput{}, err
			}
			found.Records = append(found.Records, record)
		}
	}
	return a.keepLook(ctx, in.Store, found, len(found.Records))
}

var hostTypes = []types.RRType{types.RRTypeA, types.RRTypeAaaa, types.RRTypeCname, types.RRTypePtr}

func (a *Sweeper) keepLook(ctx context.Context, to Store, found any, count int) (SweptOutput, error) {
	store, err := openShelf(ctx, a.S3, to)
	if err != nil {
		return SweptOutput{}, err
	}
	ref, err := store.put(ctx, kindSweep, found)
	return SweptOutput{Found: ref, Count: count}, err
}

const kindSweep = "sweeps"
