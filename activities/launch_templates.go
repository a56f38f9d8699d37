package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"epoxy/internal/policy"
)

// LaunchTemplatesAPI is what versioning a launch template needs of EC2.
type LaunchTemplatesAPI interface {
	DescribeLaunchTemplates(context.Context, *ec2.DescribeLaunchTemplatesInput, ...func(*ec2.Options)) (*ec2.DescribeLaunchTemplatesOutput, error)
	DescribeLaunchTemplateVersions(context.Context, *ec2.DescribeLaunchTemplateVersionsInput, ...func(*ec2.Options)) (*ec2.DescribeLaunchTemplateVersionsOutput, error)
	CreateLaunchTemplateVersion(context.Context, *ec2.CreateLaunchTemplateVersionInput, ...func(*ec2.Options)) (*ec2.CreateLaunchTemplateVersionOutput, error)
	ModifyLaunchTemplate(context.Context, *ec2.ModifyLaunchTemplateInput, ...func(*ec2.Options)) (*ec2.ModifyLaunchTemplateOutput, error)
	DeleteLaunchTemplateVersions(context.Context, *ec2.DeleteLaunchTemplateVersionsInput, ...func(*ec2.Options)) (*ec2.DeleteLaunchTemplateVersionsOutput, error)
}

// LaunchTemplates makes and publishes launch template versions.
type LaunchTemplates struct {
	Connect Connect[LaunchTemplatesAPI]
}

// CreateVersionInput asks for one version that differs from its source in the image alone.
type CreateVersionInput struct {
	Place            Place  `json:"place"`
	LaunchTemplateID string `json:"launch_template_id"`
	Source           int64  `json:"source"`
	ImageID          string `json:"image_id"`
	Description      string `json:"description"`
	Token            string `json:"token"` // of the run: the same token never makes two versions
}

// CreateVersionOutput is the version; Created is AWS's own clock.
type CreateVersionOutput struct {
	Version int64     `json:"version"`
	Created time.Time `json:"created"`
}

// CreateLaunchTemplateVersion makes the version, reads it back and compares it with its source. Should anything but the
// image differ, the version is deleted at once and ErrNotAlone names the fields.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplateVersion.html
func (a *LaunchTemplates) CreateLaunchTemplateVersion(ctx context.Context, in CreateVersionInput) (CreateVersionOutput, error) {
	client, err := a.Connect(ctx, in.Place)
	if err != nil {
		return CreateVersionOutput{}, translate(in.Place, err)
	}
	source, err := describeVersion(ctx, client, in.LaunchTemplateID, in.Source)
	if err != nil {
		return CreateVersionOutput{}, translate(in.Place, err)
	}
	data, err := versionData(in.ImageID, source.LaunchTemplateData)
	if err != nil {
		return CreateVersionOutput{}, err
	}
	made, err := client.CreateLaunchTemplateVersion(ctx, &ec2.CreateLaunchTemplateVersionInput{
		LaunchTemplateId:   &in.LaunchTemplateID,
		SourceVersion:      aws.String(strconv.FormatInt(in.Source, 10)),
		VersionDescription: aws.String(clip(in.Description, 255)),
		ClientToken:        &in.Token,
		LaunchTemplateData: data,
	})
	if err != nil {
		return CreateVersionOutput{}, translate(in.Place, err)
	}
	v := made.LaunchTemplateVersion
	out := CreateVersionOutput{Version: aws.ToInt64(v.VersionNumber), Created: aws.ToTime(v.CreateTime)}
	changed, err := changedFields(ctx, client, in, source.LaunchTemplateData, out.Version)
	if err != nil {
		return out, err
	}
	if len(changed) > 0 {
		if err := deleteVersion(ctx, client, in.LaunchTemplateID, out.Version); err != nil {
			return out, translate(in.Place, err)
		}
		return out, Refuse(ErrNotAlone, "version %d of %s differed from version %d in more than the image (%s); it was deleted again",
			out.Version, in.LaunchTemplateID, in.Source, strings.Join(changed, ", "))
	}
	return out, nil
}

// versionData is what the new version says beside what it inherits: the image, and block devices with a snapshot, which
// EC2 does not pass on ("Snapshots applied to the block device mapping are ignored … unless they are explicitly included").
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplateVersion.html (SourceVersion)
func versionData(image string, source *types.ResponseLaunchTemplateData) (*types.RequestLaunchTemplateData, error) {
	data := &types.RequestLaunchTemplateData{ImageId: &image}
	for _, m := range source.BlockDeviceMappings {
		if m.Ebs == nil || m.Ebs.SnapshotId == nil {
			continue
		}
		raw, err := json.Marshal(source.BlockDeviceMappings) // the two types have the same fields
		if err != nil {
			return nil, fmt.Errorf("read block devices: %w", err)
		}
		return data, json.Unmarshal(raw, &data.BlockDeviceMappings)
	}
	return data, nil
}

// changedFields reads the new version back. One that is not visible yet is looked at again.
func changedFields(ctx context.Context, client LaunchTemplatesAPI, in CreateVersionInput, source *types.ResponseLaunchTemplateData, version int64) ([]string, error) {
	made, err := describeVersion(ctx, client, in.LaunchTemplateID, version)
	if isNotFound(codeOf(err)) || strings.HasSuffix(codeOf(err), "VersionNotFound") {
		return nil, NotReady(notVisibleRetry, "version %d of %s is not visible yet", version, in.LaunchTemplateID)
	}
	if err != nil {
		return nil, translate(in.Place, err)
	}
	if got := aws.ToString(made.LaunchTemplateData.ImageId); got != in.ImageID {
		return []string{fmt.Sprintf("ImageId is %s, not %s", got, in.ImageID)}, nil
	}
	before, err := fields(source)
	if err != nil {
		return nil, err
	}
	after, err := fields(made.LaunchTemplateData)
	if err != nil {
		return nil, err
	}
	return policy.DiffExceptImage(before, after), nil
}

func fields(data *types.ResponseLaunchTemplateData) (map[string]any, error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("read launch template data: %w", err)
	}
	var m map[string]any
	return m, json.Unmarshal(raw, &m)
}

// SetDefaultVersionInput publishes a version as the template's default.
type SetDefaultVersionInput struct {
	Place            Place  `json:"place"`
	LaunchTemplateID string `json:"launch_template_id"`
	Version          int64  `json:"version"`
}

// SetDefaultVersion is idempotent: it sets one number.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyLaunchTemplate.html
func (a *LaunchTemplates) SetDefaultVersion(ctx context.Context, in SetDefaultVersionInput) error {
	client, err := a.Connect(ctx, in.Place)
	if err != nil {
		return translate(in.Place, err)
	}
	_, err = client.ModifyLaunchTemplate(ctx, &ec2.ModifyLaunchTemplateInput{
		LaunchTemplateId: &in.LaunchTemplateID, DefaultVersion: aws.String(strconv.FormatInt(in.Version, 10)),
	})
	return translate(in.Place, err)
}

type describeTemplatesAPI interface {
	DescribeLaunchTemplates(context.Context, *ec2.DescribeLaunchTemplatesInput, ...func(*ec2.Options)) (*ec2.DescribeLaunchTemplatesOutput, error)
}

func describeTemplate(ctx context.Context, client describeTemplatesAPI, id string) (types.LaunchTemplate, error) {
	out, err := client.DescribeLaunchTemplates(ctx, &ec2.DescribeLaunchTemplatesInput{LaunchTemplateIds: []string{id}})
	if err != nil {
		return types.LaunchTemplate{}, err
	}
	if len(out.LaunchTemplates) == 0 {
		return types.LaunchTemplate{}, Refuse(ErrNotFound, "launch template %s does not exist", id)
	}
	return out.LaunchTemplates[0], nil
}

func describeVersion(ctx context.Context, client describeVersionsAPI, template string, version int64) (types.LaunchTemplateVersion, error) {
	out, err := client.DescribeLaunchTemplateVersions(ctx, &ec2.DescribeLaunchTemplateVersionsInput{
		LaunchTemplateId: &template, Versions: []string{strconv.FormatInt(version, 10)},
	})
	if err != nil {
		return types.LaunchTemplateVersion{}, err
	}
	if len(out.LaunchTemplateVersions) == 0 || out.LaunchTemplateVersions[0].LaunchTemplateData == nil {
		return types.LaunchTemplateVersion{}, NotReady(notVisibleRetry, "version %d of %s is not visible yet", version, template)
	}
	return out.LaunchTemplateVersions[0], nil
}

// clip shortens to at most n bytes without cutting a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
