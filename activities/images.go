package activities

import (
	"context"
	"sort"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"epoxy/internal/policy"
)

// ImagesAPI is what making and sharing images needs of EC2.
type ImagesAPI interface {
	CreateImage(context.Context, *ec2.CreateImageInput, ...func(*ec2.Options)) (*ec2.CreateImageOutput, error)
	CopyImage(context.Context, *ec2.CopyImageInput, ...func(*ec2.Options)) (*ec2.CopyImageOutput, error)
	DescribeImages(context.Context, *ec2.DescribeImagesInput, ...func(*ec2.Options)) (*ec2.DescribeImagesOutput, error)
	ModifyImageAttribute(context.Context, *ec2.ModifyImageAttributeInput, ...func(*ec2.Options)) (*ec2.ModifyImageAttributeOutput, error)
}

// Images makes, copies and shares images.
type Images struct{ Connect Connect[ImagesAPI] }

// CreateImageInput asks for one image of one instance.
type CreateImageInput struct {
	Place       Place             `json:"place"`
	InstanceID  string            `json:"instance_id"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Reboot      bool              `json:"reboot,omitempty"`
	Run         string            `json:"run"`  // the value of the epoxy:run tag
	Tags        map[string]string `json:"tags"` // for the image and its snapshots
}

// CreateImageOutput names the image, and whether an earlier attempt had made it.
type CreateImageOutput struct {
	ImageID string `json:"image_id"`
	Adopted bool   `json:"adopted,omitempty"`
}

// CreateImage starts an image. CreateImage knows no client token: after a lost response the name is taken, and the image
// under it is adopted if it carries this run's tag. ErrNameTaken: the name is a stranger's.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html
func (a *Images) CreateImage(ctx context.Context, in CreateImageInput) (CreateImageOutput, error) {
	client, err := a.Connect(ctx, in.Place)
	if err != nil {
		return CreateImageOutput{}, translate(in.Place, err)
	}
	out, err := client.CreateImage(ctx, &ec2.CreateImageInput{
		InstanceId:        &in.InstanceID,
		Name:              &in.Name,
		Description:       &in.Description,
		NoReboot:          aws.Bool(!in.Reboot),
		TagSpecifications: imageTags(in.Tags),
	})
	if codeOf(err) == "InvalidAMIName.Duplicate" {
		return adoptImage(ctx, client, in.Place, in.Name, in.Run)
	}
	if err != nil {
		return CreateImageOutput{}, translate(in.Place, err)
	}
	return CreateImageOutput{ImageID: aws.ToString(out.ImageId)}, nil
}

// notVisibleRetry is how long to wait for an image that exists, as "name taken" proves, but is not described yet.
const notVisibleRetry = 5 * time.Second

func adoptImage(ctx context.Context, client ImagesAPI, place Place, name, run string) (CreateImageOutput, error) {
	found, err := imagesNamed(ctx, client, name)
	if err != nil {
		return CreateImageOutput{}, translate(place, err)
	}
	own, foreign := policy.Adopt(run, found)
	switch {
	case own != "":
		return CreateImageOutput{ImageID: own, Adopted: true}, nil
	case foreign != "":
		return CreateImageOutput{}, Refuse(ErrNameTaken,
			"the image name %s is taken in %s by %s, which this run did not make: deregister or keep it, then bake again (a new run has a new name)",
			name, place, foreign)
	}
	return CreateImageOutput{}, NotReady(notVisibleRetry, "image %s exists in %s but is not visible yet", name, place)
}

func imagesNamed(ctx context.Context, client describeImagesAPI, name string) ([]policy.Candidate, error) {
	pages := ec2.NewDescribeImagesPaginator(client, &ec2.DescribeImagesInput{
		Owners:  []string{"self"},
		Filters: []types.Filter{{Name: aws.String("name"), Values: []string{name}}},
	})
	var found []policy.Candidate
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, img := range page.Images {
			found = append(found, policy.Candidate{ID: aws.ToString(img.ImageId), Run: tagOf(img.Tags, policy.TagRun)})
		}
	}
	return found, nil
}

type describeImagesAPI interface {
	DescribeImages(context.Context, *ec2.DescribeImagesInput, ...func(*ec2.Options)) (*ec2.DescribeImagesOutput, error)
}

// CopyImageInput asks for a copy of an image in another Region of the same account.
type CopyImageInput struct {
	From        Place             `json:"from"`
	To          Place             `json:"to"`
	ImageID     string            `json:"image_id"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Run         string            `json:"run"`
	Token       string            `json:"token"`
	Tags        map[string]string `json:"tags"`
}

// CopyImage starts a copy. CopyImage does know a client token; a copy that outlived its token is adopted by name and tag.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopyImage.html
func (a *Images) CopyImage(ctx context.Context, in CopyImageInput) (CreateImageOutput, error) {
	client, err := a.Connect(ctx, in.To)
	if err != nil {
		return CreateImageOutput{}, translate(in.To, err)
	}
	out, err := client.CopyImage(ctx, &ec2.CopyImageInput{
		SourceImageId:     &in.ImageID,
		SourceRegion:      &in.From.Region,
		Name:              &in.Name,
		Description:       &in.Description,
		ClientToken:       &in.Token,
		TagSpecifications: imageTags(in.Tags),
	})
	if codeOf(err) == "InvalidAMIName.Duplicate" {
		return adoptImage(ctx, client, in.To, in.Name, in.Run)
	}
	if err != nil {
		return CreateImageOutput{}, translate(in.To, err)
	}
	return CreateImageOutput{ImageID: aws.ToString(out.ImageId)}, nil
}

// ShareImageInput lets other accounts launch an image.
type ShareImageInput struct {
	Place    Place    `json:"place"`
	ImageID  string   `json:"image_id"`
	Accounts []string `json:"accounts"`
}

// ShareImage adds launch permissions; adding one twice changes nothing.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyImageAttribute.html
func (a *Images) ShareImage(ctx context.Context, in ShareImageInput) error {
	client, err := a.Connect(ctx, in.Place)
	if err != nil {
		return translate(in.Place, err)
	}
	add := make([]types.LaunchPermission, 0, len(in.Accounts))
	for _, account := range in.Accounts {
		add = append(add, types.LaunchPermission{UserId: aws.String(account)})
	}
	_, err = client.ModifyImageAttribute(ctx, &ec2.ModifyImageAttributeInput{
		ImageId:          &in.ImageID,
		LaunchPermission: &types.LaunchPermissionModifications{Add: add},
	})
	return translate(in.Place, err)
}

// imageTags puts the same tags on an image and on its snapshots, the moment they are made.
func imageTags(tags map[string]string) []types.TagSpecification {
	all := ec2Tags(tags)
	return []types.TagSpecification{{ResourceType: types.ResourceTypeImage, Tags: all}, {ResourceType: types.ResourceTypeSnapshot, Tags: all}}
}

func ec2Tags(m map[string]string) []types.Tag {
	tags := make([]types.Tag, 0, len(m))
	for k, v := range m {
		tags = append(tags, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	sort.Slice(tags, func(i, j int) bool { return *tags[i].Key < *tags[j].Key })
	return tags
}

func tagOf(tags []types.Tag, key string) string {
	for _, t := range tags {
		if aws.ToString(t.Key) == key {
			return aws.ToString(t.Value)
		}
	}
	return ""
}
