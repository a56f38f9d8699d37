package activities

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"epoxy/internal/artifact"
	"epoxy/internal/artifact/artifacttest"
	"epoxy/internal/policy"
)

// sweepWorld is a Chef server, a Region and a hosted zone.
type sweepWorld struct {
	*wire

	s3        *artifacttest.S3
	nodes     []policy.ChefNode
	clients   map[string]ClientInfo
	chefFails error
	instances []ec2types.Instance
	nics      []ec2types.NetworkInterface
	records   []types.ResourceRecordSet
}

func newSweepWorld() *sweepWorld {
	return &sweepWorld{wire: newWire("EC2"), s3: artifacttest.New("artifacts"), clients: map[string]ClientInfo{}}
}

func (w *sweepWorld) sweeper() *Sweeper {
	return &Sweeper{Nodes: w, EC2: to[SweepEC2API](w), Route53: to[SweepRecordsAPI](w), S3: to[artifact.API](w.s3)}
}

func (w *sweepWorld) store() Store { return Store{Place: here, Bucket: "artifacts", Prefix: "epoxy"} }

func (w *sweepWorld) listNodes(_ context.Context, _ string, each func(policy.ChefNode) error) error {
	for _, n := range w.nodes {
		if err := each(n); err != nil {
			return err
		}
	}
	return w.chefFails
}

func (w *sweepWorld) listClients(context.Context, string) (map[string]ClientInfo, error) {
	return w.clients, nil
}

// DescribeInstances gives at most 1,000 a page.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html
func (w *sweepWorld) DescribeInstances(ctx context.Context, in *ec2.DescribeInstancesInput, _ ...func(*ec2.Options)) (*ec2.DescribeInstancesOutput, error) {
	out := &ec2.DescribeInstancesOutput{}
	return out, w.call(ctx, "DescribeInstances", func() error {
		if size := aws.ToInt32(in.MaxResults); size < 5 || size > 1000 {
			return w.refuse("DescribeInstances", "InvalidParameterValue", "MaxResults is %d", size)
		}
		part, next := page(w.instances, in.NextToken, int(*in.MaxResults), func(i ec2types.Instance) string { return *i.InstanceId })
		for _, i := range part {
			out.Reservations = append(out.Reservations, ec2types.Reservation{Instances: []ec2types.Instance{i}})
		}
		out.NextToken = next
		return nil
	})
}

// DescribeNetworkInterfaces gives at most 1,000 a page.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html
func (w *sweepWorld) DescribeNetworkInterfaces(ctx context.Context, in *ec2.DescribeNetworkInterfacesInput, _ ...func(*ec2.Options)) (*ec2.DescribeNetworkInterfacesOutput, error) {
	out := &ec2.DescribeNetworkInterfacesOutput{}
	return out, w.call(ctx, "DescribeNetworkInterfaces", func() error {
		if size := aws.ToInt32(in.MaxResults); size < 5 || size > 1000 {
			return w.refuse("DescribeNetworkInterfaces", "InvalidParameterValue", "MaxResults is %d", size)
		}
		out.NetworkInterfaces, out.NextToken = page(w.nics, in.NextToken, int(*in.MaxResults), func(n ec2types.NetworkInterface) string { return *n.NetworkInterfaceId })
		return nil
	})
}

// ListResourceRecordSets gives at most 300 a page, and begins at the name, type and identifier that it is given.
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html
func (w *sweepWorld) ListResourceRecordSets(ctx context.Context, in *route53.ListResourceRecordSetsInput, _ ...func(*route53.Options)) (*route53.ListResourceRecordSetsOutput, error) {
	out := &route53.ListResourceRecordSetsOutput{}
	return out, w.call(ctx, "ListResourceRecordSets", func() error {
		if aws.ToInt32(in.MaxItems) > 300 || *in.HostedZoneId != "Z1" {
			return w.refuse("ListResourceRecordSets", "NoSuchHostedZone", "%s", *in.HostedZoneId)
		}
		from := 0
		for in.StartRecordName != nil && from < len(w.records) && !isAt(w.records[from], in) {
			from++
		}
		to := min(from+int(*in.MaxItems), len(w.records))
		out.ResourceRecordSets, out.IsTruncated = w.records[from:to], to < len(w.records)
		if out.IsTruncated {
			next := w.records[to]
			out.NextRecordName, out.NextRecordType, out.NextRecordIdentifier = next.Name, next.Type, next.SetIdentifier
		}
		return nil
	})
}

func isAt(set types.ResourceRecordSet, in *route53.ListResourceRecordSetsInput) bool {
	return *set.Name == *in.StartRecordName && set.Type == in.StartRecordType && aws.ToString(set.SetIdentifier) == aws.ToString(in.StartRecordIdentifier)
}

func (w *sweepWorld) launch(id, state, tag, address string) {
	w.instances = append(w.instances, ec2types.Instance{
		InstanceId: &id, State: &ec2types.InstanceState{Name: ec2types.InstanceStateName(state)},
		Tags: []ec2types.Tag{{Key: aws.String("Name"), Value: &tag}}, PrivateIpAddress: &address,
	})
}

func (w *sweepWorld) point(name string, kind types.RRType, values ...string) {
	set := types.ResourceRecordSet{Name: &name, Type: kind, TTL: aws.Int64(300)}
	for _, v := range values {
		set.ResourceRecords = append(set.ResourceRecords, types.ResourceRecord{Value: &v})
	}
	w.records = append(w.records, set)
}

// many is n of a kind, with names that sort as they are counted.
func many(n int, format string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(format, i)
	}
	return out
}
