package activities

import (
	"context"
	"maps"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"epoxy/internal/policy"
)

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

// findOwners says whose the interfaces are. One of an instance that is dead is nobody's; one that is attached to nothing, or that
// its instance does not take along, keeps its address for whoever gets it next.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_NetworkInterfaceAttachment.html (deleteOnTermination)
func findOwners(ctx context.Context, client HoldersAPI, place Place, nics []types.NetworkInterface, into map[string][]holder) error {
	ids := make([]string, 0, len(nics))
	for _, nic := range nics {
		ids = append(ids, instanceWith(nic))
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
		itself := aws.ToString(nic.NetworkInterfaceId)
		owners := []holder{{itself, "network interface " + itself}}
		if id := instanceWith(nic); id != "" {
			owners = nil
			i, known := instances[id]
			if !known || slices.Contains(notDead, i.State) {
				i.ID = id
				owners = append(owners, holder{id, named(i)})
			}
			if stays := nic.Attachment.DeleteOnTermination; stays != nil && !*stays {
				owners = append(owners, holder{itself, "network interface " + itself + ", which outlives " + id})
			}
		}
		for _, address := range addressesOfInterface(nic) {
			into[address] = append(into[address], owners...)
		}
	}
	return nil
}

// instanceWith is the instance that has an interface, or "".
func instanceWith(nic types.NetworkInterface) string {
	if nic.Attachment == nil {
		return ""
	}
	return aws.ToString(nic.Attachment.InstanceId)
}

// findElastic finds public addresses that the account keeps, until it releases them: such a one outlives whatever has it.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/elastic-ip-addresses-eip.html
func findElastic(ctx context.Context, client HoldersAPI, addresses []string, into map[string][]holder) error {
	public := slices.DeleteFunc(slices.Clone(addresses), func(address string) bool {
		ip, err := netip.ParseAddr(address)
		return err != nil || !ip.Is4() || ip.IsPrivate()
	})
	for some := range slices.Chunk(public, instancesPerCall) {
		out, err := client.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: []types.Filter{{Name: aws.String("public-ip"), Values: some}}})
		if err != nil {
			return err
		}
		for _, elastic := range out.Addresses {
			who := holder{aws.ToString(elastic.AllocationId), "the Elastic IP address " + aws.ToString(elastic.AllocationId)}
			if id := aws.ToString(elastic.InstanceId); id != "" {
				who.label += ", which outlives " + id
			}
			into[*elastic.PublicIp] = append(into[*elastic.PublicIp], who)
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
