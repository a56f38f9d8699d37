package activities

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// fakeTemplates has one launch template.
type fakeTemplates struct {
	wire *wire

	name          string // "": there is no template
	latest, deflt int64
	versions      []types.LaunchTemplateVersion // newest first, as EC2 lists them
	hidden        map[int64]int                 // how many looks do not show a version
	blank         map[string]int                // by operation, how many of the next answers show nothing
	tampers       func(*types.ResponseLaunchTemplateData)
	tokens        map[string]used
	askedVersion  *ec2.CreateLaunchTemplateVersionInput
}

func newTemplates(w *wire) *fakeTemplates {
	f := &fakeTemplates{wire: w, name: "shop", hidden: map[int64]int{}, blank: map[string]int{}, tokens: map[string]used{}}
	f.deflt = f.add(sourceData("ami-source"))
	return f
}

// sourceData has values, lists and structures to inherit.
func sourceData(image string) *types.ResponseLaunchTemplateData {
	return &types.ResponseLaunchTemplateData{
		ImageId: &image, InstanceType: "m7g.large", EbsOptimized: aws.Bool(true), UserData: aws.String("IyEvYmluL3NoCg=="), SecurityGroupIds: []string{"sg-1", "sg-2"},
		MetadataOptions: &types.LaunchTemplateInstanceMetadataOptions{HttpTokens: "required"},
		TagSpecifications: []types.LaunchTemplateTagSpecification{
			{ResourceType: "instance", Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("web")}}},
		},
	}
}

func (f *fakeTemplates) add(data *types.ResponseLaunchTemplateData) int64 {
	f.latest++
	v := types.LaunchTemplateVersion{
		LaunchTemplateId: aws.String(lt), VersionNumber: aws.Int64(f.latest), LaunchTemplateData: data, CreateTime: aws.Time(begun.Add(time.Duration(f.latest) * time.Minute)),
	}
	f.versions = slices.Insert(f.versions, 0, v)
	return f.latest
}

func (f *fakeTemplates) version(n int64) *types.LaunchTemplateVersion {
	for i := range f.versions {
		if *f.versions[i].VersionNumber == n {
			return &f.versions[i]
		}
	}
	return nil
}

func (f *fakeTemplates) exists(operation, id string) error {
	if f.name == "" || id != lt {
		return f.wire.refuse(operation, "InvalidLaunchTemplateId.NotFound", "The specified launch template, with template ID %s, does not exist.", id)
	}
	return nil
}

func (f *fakeTemplates) DescribeLaunchTemplates(ctx context.Context, in *ec2.DescribeLaunchTemplatesInput, _ ...func(*ec2.Options)) (*ec2.DescribeLaunchTemplatesOutput, error) {
	out := &ec2.DescribeLaunchTemplatesOutput{}
	return out, f.wire.call(ctx, "DescribeLaunchTemplates", func() error {
		if err := f.exists("DescribeLaunchTemplates", in.LaunchTemplateIds[0]); err != nil {
			return err
		}
		if f.blank["DescribeLaunchTemplates"]--; f.blank["DescribeLaunchTemplates"] >= 0 {
			return nil
		}
		latest, deflt := f.latest, f.deflt
		out.LaunchTemplates = []types.LaunchTemplate{{LaunchTemplateId: aws.String(lt), LaunchTemplateName: &f.name, LatestVersionNumber: &latest, DefaultVersionNumber: &deflt}}
		return nil
	})
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeLaunchTemplateVersions.html
func (f *fakeTemplates) DescribeLaunchTemplateVersions(ctx context.Context, in *ec2.DescribeLaunchTemplateVersionsInput, _ ...func(*ec2.Options)) (*ec2.DescribeLaunchTemplateVersionsOutput, error) {
	const operation = "DescribeLaunchTemplateVersions"
	out := &ec2.DescribeLaunchTemplateVersionsOutput{}
	return out, f.wire.call(ctx, operation, func() error {
		if err := f.exists(operation, *in.LaunchTemplateId); err != nil {
			return err
		}
		if len(in.Versions) > 0 && (in.MaxResults != nil || in.MinVersion != nil) || aws.ToInt32(in.MaxResults) > 200 {
			return f.wire.refuse(operation, "InvalidParameterCombination", "versions go with no other parameter, and 200 to a page")
		}
		if f.blank[operation]--; f.blank[operation] >= 0 {
			return nil
		}
		for _, asked := range in.Versions {
			v := f.visible(asked)
			if v == nil {
				return f.wire.refuse(operation, "InvalidLaunchTemplateId.VersionNotFound", "Could not find the specified version %s", asked)
			}
			out.LaunchTemplateVersions = append(out.LaunchTemplateVersions, *v)
		}
		if len(in.Versions) > 0 {
			return nil
		}
		from, _ := strconv.ParseInt(aws.ToString(in.MinVersion), 10, 64)
		until, _ := strconv.ParseInt(cmp.Or(aws.ToString(in.NextToken), "99999"), 10, 64)
		size := int(cmp.Or(aws.ToInt32(in.MaxResults), 2))
		for _, v := range f.versions {
			if *v.VersionNumber < from || *v.VersionNumber >= until {
				continue
			}
			if len(out.LaunchTemplateVersions) == size {
				out.NextToken = aws.String(fmt.Sprint(*out.LaunchTemplateVersions[size-1].VersionNumber))
				return nil
			}
			out.LaunchTemplateVersions = append(out.LaunchTemplateVersions, v)
		}
		return nil
	})
}

func (f *fakeTemplates) visible(asked string) *types.LaunchTemplateVersion {
	n, err := strconv.ParseInt(asked, 10, 64)
	if err != nil || f.hidden[n] > 0 {
		f.hidden[n]--
		return nil
	}
	return f.version(n)
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplateVersion.html: what the request says
// replaces what the source says, field by field, and snapshots of block devices are not inherited.
func (f *fakeTemplates) CreateLaunchTemplateVersion(ctx context.Context, in *ec2.CreateLaunchTemplateVersionInput, _ ...func(*ec2.Options)) (*ec2.CreateLaunchTemplateVersionOutput, error) {
	const operation = "CreateLaunchTemplateVersion"
	out := &ec2.CreateLaunchTemplateVersionOutput{}
	return out, f.wire.call(ctx, operation, func() error {
		if err := f.exists(operation, *in.LaunchTemplateId); err != nil {
			return err
		}
		source := f.visible(aws.ToString(in.SourceVersion)) // nil without a number: then nothing is inherited
		if source == nil && in.SourceVersion != nil {
			return f.wire.refuse(operation, "InvalidLaunchTemplateId.VersionNotFound", "Could not find the specified version %s", *in.SourceVersion)
		}
		if aws.ToBool(in.DryRun) {
			return awsError("EC2", operation, 412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
		}
		f.askedVersion = in
		asked := toJSON(in.LaunchTemplateData) + aws.ToString(in.SourceVersion)
		before, known := f.tokens[aws.ToString(in.ClientToken)]
		switch {
		case known && before.asked != asked:
			return f.wire.refuse(operation, "IdempotentParameterMismatch", "the token was used for something else")
		case known:
			n, _ := strconv.ParseInt(before.answered, 10, 64)
			out.LaunchTemplateVersion = &types.LaunchTemplateVersion{VersionNumber: &n, CreateTime: aws.Time(begun.Add(time.Duration(n) * time.Minute))}
			return nil
		}
		n := f.add(f.inherit(source, in.LaunchTemplateData))
		if in.ClientToken != nil {
			f.tokens[*in.ClientToken] = used{asked, fmt.Sprint(n)}
		}
		out.LaunchTemplateVersion = f.version(n)
		return nil
	})
}

func (f *fakeTemplates) inherit(source *types.LaunchTemplateVersion, over *types.RequestLaunchTemplateData) *types.ResponseLaunchTemplateData {
	data := map[string]any{}
	if source != nil {
		fromJSON(toJSON(source.LaunchTemplateData), &data)
		devices, _ := data["BlockDeviceMappings"].([]any)
		for _, d := range devices {
			if ebs, _ := d.(map[string]any)["Ebs"].(map[string]any); ebs != nil {
				ebs["SnapshotId"] = nil
			}
		}
	}
	asked := map[string]any{}
	fromJSON(toJSON(over), &asked)
	for k, v := range asked {
		if v != nil && v != "" {
			data[k] = v
		}
	}
	merged := &types.ResponseLaunchTemplateData{}
	fromJSON(toJSON(data), merged)
	if f.tampers != nil {
		f.tampers(merged)
	}
	return merged
}

func toJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func fromJSON(text string, into any) {
	if err := json.Unmarshal([]byte(text), into); err != nil {
		panic(err)
	}
}

func (f *fakeTemplates) ModifyLaunchTemplate(ctx context.Context, in *ec2.ModifyLaunchTemplateInput, _ ...func(*ec2.Options)) (*ec2.ModifyLaunchTemplateOutput, error) {
	return &ec2.ModifyLaunchTemplateOutput{}, f.wire.call(ctx, "ModifyLaunchTemplate", func() error {
		v := f.visible(*in.DefaultVersion)
		if v == nil {
			return f.wire.refuse("ModifyLaunchTemplate", "InvalidLaunchTemplateId.VersionNotFound", "Could not find the specified version %s", *in.DefaultVersion)
		}
		f.deflt = *v.VersionNumber
		return nil
	})
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteLaunchTemplateVersions.html: the answer is 200 whatever
// became of each version.
func (f *fakeTemplates) DeleteLaunchTemplateVersions(ctx context.Context, in *ec2.DeleteLaunchTemplateVersionsInput, _ ...func(*ec2.Options)) (*ec2.DeleteLaunchTemplateVersionsOutput, error) {
	out := &ec2.DeleteLaunchTemplateVersionsOutput{}
	return out, f.wire.call(ctx, "DeleteLaunchTemplateVersions", func() error {
		for _, asked := range in.Versions {
			n, _ := strconv.ParseInt(asked, 10, 64)
			problem := &types.ResponseError{Code: types.LaunchTemplateErrorCodeUnexpectedError, Message: aws.String("words of EC2")}
			switch {
			case f.name == "":
				problem.Code = types.LaunchTemplateErrorCodeLaunchTemplateIdDoesNotExist
			case f.version(n) == nil:
				problem.Code = types.LaunchTemplateErrorCodeLaunchTemplateVersionDoesNotExist
			case n != f.deflt:
				f.versions = slices.DeleteFunc(f.versions, func(v types.LaunchTemplateVersion) bool { return *v.VersionNumber == n })
				continue
			}
			out.UnsuccessfullyDeletedLaunchTemplateVersions = append(out.UnsuccessfullyDeletedLaunchTemplateVersions,
				types.DeleteLaunchTemplateVersionsResponseErrorItem{VersionNumber: &n, ResponseError: problem})
		}
		return nil
	})
}
