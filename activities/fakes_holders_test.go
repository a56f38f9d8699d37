package activities

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// fakeHolders is an EC2 with instances and network interfaces.
type fakeHolders struct {
	*wire
	instances []types.Instance
	nics      []types.NetworkInterface
	elastic   []types.Address
}

func newHolders() *fakeHolders { return &fakeHolders{wire: newWire("EC2")} }

// run adds an instance with a primary interface.
func (f *fakeHolders) run(id, state, tag, address string) {
	host := "ip-" + strings.ReplaceAll(address, ".", "-") + ".ec2.internal"
	f.instances = append(f.instances, types.Instance{
		InstanceId: &id, State: &types.InstanceState{Name: types.InstanceStateName(state)}, PrivateDnsName: &host,
		Tags: []types.Tag{{Key: aws.String("Name"), Value: &tag}},
	})
	f.attach("eni-"+id, id, address, "")
}

func (f *fakeHolders) attach(nic, instance, address, public string) {
	n := types.NetworkInterface{NetworkInterfaceId: &nic}
	if strings.Contains(address, ":") {
		n.Ipv6Addresses = []types.NetworkInterfaceIpv6Address{{Ipv6Address: &address}}
	} else {
		n.PrivateIpAddresses = []types.NetworkInterfacePrivateIpAddress{{PrivateIpAddress: &address}}
	}
	if public != "" {
		n.Association = &types.NetworkInterfaceAssociation{PublicIp: &public}
	}
	if instance != "" {
		n.Attachment = &types.NetworkInterfaceAttachment{InstanceId: &instance}
	}
	f.nics = append(f.nics, n)
}

func (f *fakeHolders) DescribeInstances(ctx context.Context, in *ec2.DescribeInstancesInput, _ ...func(*ec2.Options)) (*ec2.DescribeInstancesOutput, error) {
	out := &ec2.DescribeInstancesOutput{}
	return out, f.call(ctx, "DescribeInstances", func() error {
		for _, i := range f.instances {
			fields := map[string]string{"instance-id": *i.InstanceId, "instance-state-name": string(i.State.Name), "private-dns-name": *i.PrivateDnsName}
			filters := slices.Clone(in.Filters)
			for n, by := range filters {
				filters[n].Values = settled(by.Values, fields[*by.Name]+tagOf(i.Tags, strings.TrimPrefix(*by.Name, "tag:")))
			}
			fits, err := match(filters, fields, i.Tags)
			if err != nil {
				return err
			}
			if fits {
				out.Reservations = append(out.Reservations, types.Reservation{Instances: []types.Instance{i}})
			}
		}
		return nil
	})
}

func (f *fakeHolders) DescribeNetworkInterfaces(ctx context.Context, in *ec2.DescribeNetworkInterfacesInput, _ ...func(*ec2.Options)) (*ec2.DescribeNetworkInterfacesOutput, error) {
	out := &ec2.DescribeNetworkInterfacesOutput{}
	return out, f.call(ctx, "DescribeNetworkInterfaces", func() error {
		for _, nic := range f.nics {
			fields := map[string]string{"addresses.private-ip-address": "", "association.public-ip": "", "ipv6-addresses.ipv6-address": ""}
			for _, p := range nic.PrivateIpAddresses {
				fields["addresses.private-ip-address"] = *p.PrivateIpAddress
			}
			for _, p := range nic.Ipv6Addresses {
				fields["ipv6-addresses.ipv6-address"] = *p.Ipv6Address
			}
			if nic.Association != nil {
				fields["association.public-ip"] = *nic.Association.PublicIp
			}
			fits, err := match(in.Filters, fields, nil)
			if err != nil {
				return err
			}
			if fits {
				out.NetworkInterfaces = append(out.NetworkInterfaces, nic)
			}
		}
		return nil
	})
}

// settled makes of each value that has wildcards, and fits, what there is: * is anything, and ? one character or none.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html#Filtering_Resources_CLI
func settled(values []string, there string) []string {
	out := slices.Clone(values)
	for i, value := range out {
		pattern := strings.NewReplacer(`\*`, ".*", `\?`, ".?").Replace(regexp.QuoteMeta(value))
		if strings.ContainsAny(value, "*?") && regexp.MustCompile("^"+pattern+"$").MatchString(there) {
			out[i] = there
		}
	}
	return out
}

// DescribeAddresses has no pages.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAddresses.html
func (f *fakeHolders) DescribeAddresses(ctx context.Context, in *ec2.DescribeAddressesInput, _ ...func(*ec2.Options)) (*ec2.DescribeAddressesOutput, error) {
	out := &ec2.DescribeAddressesOutput{}
	return out, f.call(ctx, "DescribeAddresses", func() error {
		for _, address := range f.elastic {
			fits, err := match(in.Filters, map[string]string{"public-ip": *address.PublicIp}, nil)
			if err != nil {
				return err
			}
			if fits {
				out.Addresses = append(out.Addresses, address)
			}
		}
		return nil
	})
}
