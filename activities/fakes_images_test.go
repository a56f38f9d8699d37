package activities

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// fakeEC2 is one account in one Region.
type fakeEC2 struct {
	*wire
	*fakeTemplates

	images     []*fakeImage
	snapshots  []types.Snapshot
	instances  []types.Instance
	volumes    int             // of every instance
	hides      bool            // new images are not visible
	tokens     map[string]used // of CopyImage
	pages      int             // how many things one page has
	made       int
	askedImage *ec2.CreateImageInput
	triedImage *ec2.CreateImageInput
}

type fakeImage struct {
	types.Image

	hidden bool
	owner  string // "": this account
	shared []string
}

var _ ec2API = (*fakeEC2)(nil)

func newEC2() *fakeEC2 {
	w := newWire("EC2")
	return &fakeEC2{
		wire: w, fakeTemplates: newTemplates(w), volumes: 2, tokens: map[string]used{}, pages: 2,
		instances: []types.Instance{{InstanceId: aws.String(server), RootDeviceType: "ebs", State: &types.InstanceState{Name: "running"}}},
	}
}

func (f *fakeEC2) image(id string) *fakeImage {
	for _, i := range f.images {
		if *i.ImageId == id {
			return i
		}
	}
	return nil
}

// newImage is for tests that begin with one.
func (f *fakeEC2) newImage(name, state string, tags map[string]string) *fakeImage {
	f.made++
	img := &fakeImage{hidden: f.hides, Image: types.Image{
		ImageId: aws.String(fmt.Sprintf("ami-%017x", f.made)), Name: &name, State: types.ImageState(state), Tags: ec2Tags(tags),
	}}
	for n := range f.volumes {
		id := fmt.Sprintf("snap-%014x%03x", f.made, n)
		f.snapshots = append(f.snapshots, types.Snapshot{SnapshotId: &id, Progress: aws.String("0%"), Tags: ec2Tags(tags)})
		img.BlockDeviceMappings = append(img.BlockDeviceMappings, types.BlockDeviceMapping{Ebs: &types.EbsBlockDevice{SnapshotId: &id}})
	}
	img.BlockDeviceMappings = append(img.BlockDeviceMappings, types.BlockDeviceMapping{VirtualName: aws.String("ephemeral0")})
	f.images = append(f.images, img)
	return img
}

// register is what CreateImage and CopyImage have in common.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html (InvalidAMIName.Duplicate)
func (f *fakeEC2) register(operation, name string, specs []types.TagSpecification) (string, error) {
	for _, i := range f.images { // those that are not visible, too
		if *i.Name == name && i.owner == "" {
			return "", f.refuse(operation, "InvalidAMIName.Duplicate", "AMI name %s is already in use by AMI %s", name, *i.ImageId)
		}
	}
	img, snapshots := f.newImage(name, "pending", nil), f.volumes
	for _, s := range specs {
		switch s.ResourceType {
		case types.ResourceTypeImage:
			img.Tags = s.Tags
		case types.ResourceTypeSnapshot:
			for n := range snapshots {
				f.snapshots[len(f.snapshots)-1-n].Tags = s.Tags
			}
		default:
			return "", f.refuse(operation, "InvalidParameterValue", "%s is not a valid taggable resource", s.ResourceType)
		}
	}
	return *img.ImageId, nil
}

func (f *fakeEC2) CreateImage(ctx context.Context, in *ec2.CreateImageInput, _ ...func(*ec2.Options)) (*ec2.CreateImageOutput, error) {
	out := &ec2.CreateImageOutput{}
	return out, f.call(ctx, "CreateImage", func() error {
		if !slices.ContainsFunc(f.instances, func(i types.Instance) bool { return *i.InstanceId == *in.InstanceId }) {
			return f.refuse("CreateImage", "InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", *in.InstanceId)
		}
		if aws.ToBool(in.DryRun) {
			f.triedImage = in
			return awsError("EC2", "CreateImage", 412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
		}
		f.askedImage = in
		id, err := f.register("CreateImage", *in.Name, in.TagSpecifications)
		out.ImageId = &id
		return err
	})
}

// https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
func (f *fakeEC2) CopyImage(ctx context.Context, in *ec2.CopyImageInput, _ ...func(*ec2.Options)) (*ec2.CopyImageOutput, error) {
	out := &ec2.CopyImageOutput{}
	return out, f.call(ctx, "CopyImage", func() error {
		asked := *in.SourceRegion + *in.SourceImageId + *in.Name
		before, known := f.tokens[*in.ClientToken]
		switch {
		case known && before.asked != asked:
			return f.refuse("CopyImage", "IdempotentParameterMismatch", "the token was used for something else")
		case known:
			out.ImageId = &before.answered
			return nil
		}
		id, err := f.register("CopyImage", *in.Name, in.TagSpecifications)
		if err == nil {
			f.tokens[*in.ClientToken] = used{asked, id}
		}
		out.ImageId = &id
		return err
	})
}

func (f *fakeEC2) ModifyImageAttribute(ctx context.Context, in *ec2.ModifyImageAttributeInput, _ ...func(*ec2.Options)) (*ec2.ModifyImageAttributeOutput, error) {
	return &ec2.ModifyImageAttributeOutput{}, f.call(ctx, "ModifyImageAttribute", func() error {
		img := f.image(*in.ImageId)
		if img == nil || img.hidden {
			return f.refuse("ModifyImageAttribute", "InvalidAMIID.NotFound", "The image id '[%s]' does not exist", *in.ImageId)
		}
		for _, p := range in.LaunchPermission.Add {
			if !slices.Contains(img.shared, *p.UserId) {
				img.shared = append(img.shared, *p.UserId)
			}
		}
		return nil
	})
}

func (f *fakeEC2) DescribeImages(ctx context.Context, in *ec2.DescribeImagesInput, _ ...func(*ec2.Options)) (*ec2.DescribeImagesOutput, error) {
	out := &ec2.DescribeImagesOutput{}
	return out, f.call(ctx, "DescribeImages", func() error {
		var found []types.Image
		for _, i := range f.images {
			matches, err := match(in.Filters, map[string]string{"image-id": *i.ImageId, "name": *i.Name}, i.Tags)
			if err != nil {
				return f.refuse("DescribeImages", "InvalidParameterValue", "%s", err)
			}
			if matches && !i.hidden && (i.owner == "" || !slices.Contains(in.Owners, "self")) {
				found = append(found, i.Image)
			}
		}
		out.Images, out.NextToken = page(found, in.NextToken, f.pages, func(i types.Image) string { return *i.ImageId })
		return nil
	})
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeregisterImage.html: snapshots of an image that failed stay.
func (f *fakeEC2) DeregisterImage(ctx context.Context, in *ec2.DeregisterImageInput, _ ...func(*ec2.Options)) (*ec2.DeregisterImageOutput, error) {
	return &ec2.DeregisterImageOutput{}, f.call(ctx, "DeregisterImage", func() error {
		img := f.image(*in.ImageId)
		if img == nil || img.hidden || img.owner != "" {
			return f.refuse("DeregisterImage", "InvalidAMIID.NotFound", "The image id '[%s]' does not exist", *in.ImageId)
		}
		f.images = slices.DeleteFunc(f.images, func(i *fakeImage) bool { return i == img })
		if aws.ToBool(in.DeleteAssociatedSnapshots) && img.State != "failed" {
			own := snapshotsOf(img.Image)
			f.snapshots = slices.DeleteFunc(f.snapshots, func(s types.Snapshot) bool { return slices.Contains(own, *s.SnapshotId) })
		}
		return nil
	})
}

func (f *fakeEC2) DescribeSnapshots(ctx context.Context, in *ec2.DescribeSnapshotsInput, _ ...func(*ec2.Options)) (*ec2.DescribeSnapshotsOutput, error) {
	out := &ec2.DescribeSnapshotsOutput{}
	return out, f.call(ctx, "DescribeSnapshots", func() error {
		var found []types.Snapshot
		for _, s := range f.snapshots {
			matches, err := match(in.Filters, map[string]string{"snapshot-id": *s.SnapshotId}, s.Tags)
			if err != nil {
				return f.refuse("DescribeSnapshots", "InvalidParameterValue", "%s", err)
			}
			if matches {
				found = append(found, s)
			}
		}
		out.Snapshots, out.NextToken = page(found, in.NextToken, f.pages, func(s types.Snapshot) string { return *s.SnapshotId })
		return nil
	})
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSnapshot.html
func (f *fakeEC2) DeleteSnapshot(ctx context.Context, in *ec2.DeleteSnapshotInput, _ ...func(*ec2.Options)) (*ec2.DeleteSnapshotOutput, error) {
	return &ec2.DeleteSnapshotOutput{}, f.call(ctx, "DeleteSnapshot", func() error {
		for _, i := range f.images {
			if slices.Contains(snapshotsOf(i.Image), *in.SnapshotId) {
				return f.refuse("DeleteSnapshot", "InvalidSnapshot.InUse", "The snapshot %s is currently in use by %s", *in.SnapshotId, *i.ImageId)
			}
		}
		left := slices.DeleteFunc(slices.Clone(f.snapshots), func(s types.Snapshot) bool { return *s.SnapshotId == *in.SnapshotId })
		if len(left) == len(f.snapshots) {
			return f.refuse("DeleteSnapshot", "InvalidSnapshot.NotFound", "The snapshot '%s' does not exist", *in.SnapshotId)
		}
		f.snapshots = left
		return nil
	})
}

func (f *fakeEC2) DescribeInstances(ctx context.Context, in *ec2.DescribeInstancesInput, _ ...func(*ec2.Options)) (*ec2.DescribeInstancesOutput, error) {
	out := &ec2.DescribeInstancesOutput{}
	return out, f.call(ctx, "DescribeInstances", func() error {
		for _, i := range f.instances {
			if *i.InstanceId == in.InstanceIds[0] {
				out.Reservations = []types.Reservation{{OwnerId: &here.Account, Instances: []types.Instance{i}}}
				return nil
			}
		}
		return f.refuse("DescribeInstances", "InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", in.InstanceIds[0])
	})
}
