package activities

import (
	"context"
	"errors"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"epoxy/internal/policy"
)

// SurveyAPI is what looking at a bake's target needs of EC2; the creating calls are dry runs.
type SurveyAPI interface {
	DescribeInstances(context.Context, *ec2.DescribeInstancesInput, ...func(*ec2.Options)) (*ec2.DescribeInstancesOutput, error)
	DescribeLaunchTemplates(context.Context, *ec2.DescribeLaunchTemplatesInput, ...func(*ec2.Options)) (*ec2.DescribeLaunchTemplatesOutput, error)
	DescribeLaunchTemplateVersions(context.Context, *ec2.DescribeLaunchTemplateVersionsInput, ...func(*ec2.Options)) (*ec2.DescribeLaunchTemplateVersionsOutput, error)
	CreateImage(context.Context, *ec2.CreateImageInput, ...func(*ec2.Options)) (*ec2.CreateImageOutput, error)
	CreateLaunchTemplateVersion(context.Context, *ec2.CreateLaunchTemplateVersionInput, ...func(*ec2.Options)) (*ec2.CreateLaunchTemplateVersionOutput, error)
}

// Surveyor looks at everything that a bake will touch, and changes nothing.
type Surveyor struct {
	EC2         Connect[SurveyAPI]
	AutoScaling Connect[AutoScalingAPI]
	Parameters  Connect[ParametersAPI]
}

// SurveyInput names what a bake will touch.
type SurveyInput struct {
	Place            Place  `json:"place"`
	InstanceID       string `json:"instance_id"`
	LaunchTemplateID string `json:"launch_template_id"`
	ImageName        string `json:"image_name"`
	Source           string `json:"source"`
	Group            string `json:"group,omitempty"`
	Parameter        string `json:"parameter,omitempty"`

	Tags map[string]string `json:"tags,omitempty"` // of the image and its snapshots: tagging needs a permission of its own
}

// SurveyBake reads instance, launch template, group and parameter, and asks EC2 by dry runs whether it would be allowed to
// create image and version: a missing permission shows now, not after two hours.
func (a *Surveyor) SurveyBake(ctx context.Context, in SurveyInput) (policy.BakeFacts, error) {
	client, err := a.EC2(ctx, in.Place)
	if err != nil {
		return policy.BakeFacts{}, translate(in.Place, err)
	}
	var f policy.BakeFacts
	for _, look := range []func() error{
		func() error { return surveyInstance(ctx, client, in, &f) },
		func() error { return surveyTemplate(ctx, client, in, &f) },
		func() error { return a.surveyGroup(ctx, in, &f) },
		func() error { return a.surveyParameter(ctx, in, &f) },
		func() error { return surveyPermissions(ctx, client, in, &f) },
	} {
		if err := look(); err != nil {
			return f, translate(in.Place, err)
		}
	}
	return f, nil
}

func surveyInstance(ctx context.Context, client SurveyAPI, in SurveyInput, f *policy.BakeFacts) error {
	out, err := client.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{in.InstanceID}})
	if isNotFound(codeOf(err)) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, r := range out.Reservations {
		for _, i := range r.Instances {
			f.InstanceState = string(i.State.Name)
			f.InstanceOwner = aws.ToString(r.OwnerId)
			f.RootDeviceType = string(i.RootDeviceType)
		}
	}
	return nil
}

func surveyTemplate(ctx context.Context, client SurveyAPI, in SurveyInput, f *policy.BakeFacts) error {
	t, err := describeTemplate(ctx, client, in.LaunchTemplateID)
	var refused interface{ Type() string }
	if isNotFound(codeOf(err)) || errors.As(err, &refused) && refused.Type() == ErrNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	f.TemplateName = aws.ToString(t.LaunchTemplateName)
	f.Latest, f.Default = aws.ToInt64(t.LatestVersionNumber), aws.ToInt64(t.DefaultVersionNumber)
	f.Versions = f.Latest // numbers are never used again, so there are at most as many versions
	if f.Versions >= policy.VersionQuota {
		f.Versions, err = countVersions(ctx, client, in.LaunchTemplateID)
	}
	return err
}

func countVersions(ctx context.Context, client describeVersionsAPI, template string) (int64, error) {
	pages := ec2.NewDescribeLaunchTemplateVersionsPaginator(client, &ec2.DescribeLaunchTemplateVersionsInput{
		LaunchTemplateId: &template, MaxResults: aws.Int32(200),
	})
	var n int64
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, err
		}
		n += int64(len(page.LaunchTemplateVersions))
	}
	return n, nil
}

func (a *Surveyor) surveyGroup(ctx context.Context, in SurveyInput, f *policy.BakeFacts) error {
	if in.Group == "" {
		return nil
	}
	client, err := a.AutoScaling(ctx, in.Place)
	if err != nil {
		return err
	}
	g, err := describeGroup(ctx, client, in.Group)
	if err != nil {
		return err
	}
	f.GroupDesired = int(aws.ToInt32(g.DesiredCapacity))
	if spec := templateOf(g); spec != nil {
		f.GroupTemplate, f.GroupVersion = aws.ToString(spec.LaunchTemplateId), aws.ToString(spec.Version)
	}
	return nil
}

func templateOf(g types.AutoScalingGroup) *types.LaunchTemplateSpecification {
	if m := g.MixedInstancesPolicy; m != nil && m.LaunchTemplate != nil {
		return m.LaunchTemplate.LaunchTemplateSpecification
	}
	return g.LaunchTemplate
}

func (a *Surveyor) surveyParameter(ctx context.Context, in SurveyInput, f *policy.BakeFacts) error {
	if in.Parameter == "" {
		return nil
	}
	client, err := a.Parameters(ctx, in.Place)
	if err != nil {
		return err
	}
	p, err := getParameter(ctx, client, in.Parameter)
	if err == nil && p != nil {
		f.ParameterValue = aws.ToString(p.Value)
	}
	return err
}

// surveyPermissions reads the source version, too, which the dry run of a version needs.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonParameters.html (DryRun)
func surveyPermissions(ctx context.Context, client SurveyAPI, in SurveyInput, f *policy.BakeFacts) error {
	f.Source = policy.SourceVersion(in.Source, f.Latest, f.Default, f.GroupVersion)
	if f.Source == 0 || f.InstanceState == "" {
		return nil // policy.CheckBake says what is wrong
	}
	v, err := describeVersion(ctx, client, in.LaunchTemplateID, f.Source)
	if err != nil {
		return err
	}
	f.SourceImage = aws.ToString(v.LaunchTemplateData.ImageId)
	_, err = client.CreateImage(ctx, &ec2.CreateImageInput{
		InstanceId: &in.InstanceID, Name: &in.ImageName, TagSpecifications: imageTags(in.Tags), DryRun: aws.Bool(true),
	})
	if forbiddenCodes[codeOf(err)] {
		return err
	}
	_, err = client.CreateLaunchTemplateVersion(ctx, &ec2.CreateLaunchTemplateVersionInput{
		LaunchTemplateId: &in.LaunchTemplateID, SourceVersion: aws.String(strconv.FormatInt(f.Source, 10)),
		LaunchTemplateData: &ec2types.RequestLaunchTemplateData{ImageId: &f.SourceImage}, DryRun: aws.Bool(true),
	})
	if forbiddenCodes[codeOf(err)] {
		return err
	}
	return nil // a dry run always answers with an error; any other than "forbidden" is met, and told, at the real call
}

// FindSourceInput asks which version a new one is to be made from.
type FindSourceInput struct {
	Place            Place  `json:"place"`
	LaunchTemplateID string `json:"launch_template_id"`
	Source           string `json:"source"` // latest, default, pinned or a number
	Group            string `json:"group,omitempty"`
}

// FindSourceOutput is the source as a number, and the image it names.
type FindSourceOutput struct {
	Version int64  `json:"version"`
	ImageID string `json:"image_id"`
}

// FindSource resolves the source just before it is used: whatever people changed during a bake of hours is kept.
func (a *Surveyor) FindSource(ctx context.Context, in FindSourceInput) (FindSourceOutput, error) {
	client, err := a.EC2(ctx, in.Place)
	if err != nil {
		return FindSourceOutput{}, translate(in.Place, err)
	}
	t, err := describeTemplate(ctx, client, in.LaunchTemplateID)
	if err != nil {
		return FindSourceOutput{}, translate(in.Place, err)
	}
	var f policy.BakeFacts
	if err := a.surveyGroup(ctx, SurveyInput{Place: in.Place, Group: in.Group}, &f); err != nil {
		return FindSourceOutput{}, translate(in.Place, err)
	}
	latest := aws.ToInt64(t.LatestVersionNumber)
	out := FindSourceOutput{Version: policy.SourceVersion(in.Source, latest, aws.ToInt64(t.DefaultVersionNumber), f.GroupVersion)}
	if out.Version == 0 {
		return out, Refuse(ErrInvalid, "%s has no version %q to start from (latest is %d): check the target's source in epoxy.yaml",
			in.LaunchTemplateID, in.Source, latest)
	}
	v, err := describeVersion(ctx, client, in.LaunchTemplateID, out.Version)
	if err != nil {
		return out, translate(in.Place, err)
	}
	out.ImageID = aws.ToString(v.LaunchTemplateData.ImageId)
	return out, nil
}
