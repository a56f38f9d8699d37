package activities

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"epoxy/internal/policy"
)

func versionInput() CreateVersionInput {
	return CreateVersionInput{Place: here, LaunchTemplateID: lt, Source: 1, ImageID: "ami-new", Description: "epoxy: ami-new", Token: run}
}

func templates(f *fakeEC2) *LaunchTemplates {
	return &LaunchTemplates{Connect: to[LaunchTemplatesAPI](f)}
}

func TestCreateLaunchTemplateVersion(t *testing.T) {
	f := newEC2()
	f.add(&types.ResponseLaunchTemplateData{ImageId: aws.String("ami-other"), InstanceType: "t4g.nano"}) // a newer one than the source
	out, err := attempt(t, templates(f).CreateLaunchTemplateVersion, versionInput())
	if want := (CreateVersionOutput{Version: 3, Created: begun.Add(3 * time.Minute)}); err != nil || !out.Created.Equal(want.Created) || out.Version != 3 {
		t.Fatalf("made %+v, want %+v: %v", out, want, err)
	}
	if *f.askedVersion.SourceVersion != "1" || *f.askedVersion.ClientToken != run || *f.askedVersion.VersionDescription != "epoxy: ami-new" {
		t.Errorf("asked for %s", toJSON(f.askedVersion))
	}
	if want := (types.RequestLaunchTemplateData{ImageId: aws.String("ami-new")}); toJSON(f.askedVersion.LaunchTemplateData) != toJSON(want) {
		t.Errorf("asked for more than the image: %s", toJSON(f.askedVersion.LaunchTemplateData))
	}
	want := sourceData("ami-new")
	if got := toJSON(f.version(3).LaunchTemplateData); got != toJSON(want) {
		t.Errorf("the new version is\n%s, want\n%s", got, toJSON(want))
	}
	if f.deflt != 1 {
		t.Errorf("it was published: the default is %d", f.deflt)
	}
}

// EC2 takes 255 characters. A character is not cut in two.
func TestCreateLaunchTemplateVersionWithALongDescription(t *testing.T) {
	f := newEC2()
	in := versionInput()
	in.Description = strings.Repeat("é", 200)
	if _, err := attempt(t, templates(f).CreateLaunchTemplateVersion, in); err != nil || *f.askedVersion.VersionDescription != strings.Repeat("é", 127) {
		t.Errorf("described as %q: %v", *f.askedVersion.VersionDescription, err)
	}
}

// A version's devices keep their snapshots, which EC2 does not pass on by itself.
func TestCreateLaunchTemplateVersionKeepsSnapshots(t *testing.T) {
	f := newEC2()
	devices := []types.LaunchTemplateBlockDeviceMapping{
		{DeviceName: aws.String("/dev/xvda"), Ebs: &types.LaunchTemplateEbsBlockDevice{VolumeSize: aws.Int32(20), VolumeType: "gp3"}},
		{DeviceName: aws.String("/dev/sdb"), NoDevice: aws.String("")},
	}
	f.version(1).LaunchTemplateData.BlockDeviceMappings = devices
	if _, err := attempt(t, templates(f).CreateLaunchTemplateVersion, versionInput()); err != nil || f.askedVersion.LaunchTemplateData.BlockDeviceMappings != nil {
		t.Errorf("devices without snapshots are inherited, but %s was asked: %v", toJSON(f.askedVersion.LaunchTemplateData), err)
	}
	devices = append(devices, types.LaunchTemplateBlockDeviceMapping{DeviceName: aws.String("/dev/sdc"), Ebs: &types.LaunchTemplateEbsBlockDevice{
		SnapshotId: aws.String("snap-1"), Encrypted: aws.Bool(true), Iops: aws.Int32(3000), KmsKeyId: aws.String("key"), Throughput: aws.Int32(125), DeleteOnTermination: aws.Bool(false),
	}})
	f.version(1).LaunchTemplateData.BlockDeviceMappings = devices
	in := versionInput()
	in.Token = "another"
	if out, err := attempt(t, templates(f).CreateLaunchTemplateVersion, in); err != nil || toJSON(f.version(out.Version).LaunchTemplateData.BlockDeviceMappings) != toJSON(devices) {
		t.Errorf("devices are %s, want %s: %v", toJSON(f.version(out.Version)), toJSON(devices), err)
	}
}

// versionData hands devices back as they were read: that holds while both types have the same fields.
func TestDeviceTypesHaveTheSameFields(t *testing.T) {
	for read, asked := range map[reflect.Type]reflect.Type{
		reflect.TypeFor[types.LaunchTemplateBlockDeviceMapping](): reflect.TypeFor[types.LaunchTemplateBlockDeviceMappingRequest](),
		reflect.TypeFor[types.LaunchTemplateEbsBlockDevice]():     reflect.TypeFor[types.LaunchTemplateEbsBlockDeviceRequest](),
	} {
		for field := range read.Fields() {
			if same, ok := asked.FieldByName(field.Name); !ok || field.Name != "Ebs" && field.IsExported() && same.Type != field.Type {
				t.Errorf("%s.%s is lost in %s", read.Name(), field.Name, asked.Name())
			}
		}
	}
}

func TestCreateLaunchTemplateVersionThroughFaults(t *testing.T) {
	for about, c := range map[string]struct {
		strike func(*fakeEC2)
		says   string // each time before it is made
	}{
		"the answer is lost":         {func(f *fakeEC2) { f.lose["CreateLaunchTemplateVersion"] = 1 }, "ec2:CreateLaunchTemplateVersion"},
		"throttled":                  {func(f *fakeEC2) { f.failing("CreateLaunchTemplateVersion", 503, "RequestLimitExceeded", "") }, "is throttled"},
		"broken":                     {func(f *fakeEC2) { f.failing("CreateLaunchTemplateVersion", 500, "InternalError", "") }, "ec2:CreateLaunchTemplateVersion"},
		"nothing is shown yet":       {func(f *fakeEC2) { f.blank["DescribeLaunchTemplateVersions"] = 2 }, "version 1 of " + lt + " is not visible yet"},
		"not visible yet":            {func(f *fakeEC2) { f.hidden[2] = 3 }, "version 2 of " + lt + " is not visible yet"},
		"the source cannot be read":  {func(f *fakeEC2) { f.failing("DescribeLaunchTemplateVersions", 500, "InternalError", "") }, "ec2:DescribeLaunchTemplateVersions"},
		"reading back loses answers": {func(f *fakeEC2) { f.lose["DescribeLaunchTemplateVersions"] = 2 }, "ec2:DescribeLaunchTemplateVersions"},
		"reading back fails": {func(f *fakeEC2) {
			f.fail["DescribeLaunchTemplateVersions"] = []error{nil, awsError("EC2", "x", 500, "InternalError", "")}
		}, "ec2:x"},
	} {
		f := newEC2()
		c.strike(f)
		out, said, err := until(t, templates(f).CreateLaunchTemplateVersion, versionInput())
		if err != nil || out.Version != 2 || f.latest != 2 || f.version(2) == nil {
			t.Errorf("%s: version %d of %d: %v", about, out.Version, f.latest, err)
		}
		if len(said) == 0 {
			t.Errorf("%s: it said nothing of it", about)
		}
		for _, s := range said {
			if !strings.Contains(s, c.says) {
				t.Errorf("%s: %q, want %q in it", about, s, c.says)
			}
		}
	}
}

func TestCreateLaunchTemplateVersionThatChangesMore(t *testing.T) {
	for about, c := range map[string]struct {
		tamper func(*types.ResponseLaunchTemplateData)
		says   string
	}{
		"a field":        {func(d *types.ResponseLaunchTemplateData) { d.InstanceType = "m7g.xlarge" }, "(InstanceType)"},
		"a field less":   {func(d *types.ResponseLaunchTemplateData) { d.UserData = nil }, "(UserData)"},
		"a field more":   {func(d *types.ResponseLaunchTemplateData) { d.KeyName = aws.String("mine") }, "(KeyName)"},
		"in a list":      {func(d *types.ResponseLaunchTemplateData) { d.SecurityGroupIds[1] = "sg-3" }, "(SecurityGroupIds)"},
		"deep":           {func(d *types.ResponseLaunchTemplateData) { d.MetadataOptions.HttpTokens = "optional" }, "(MetadataOptions.HttpTokens)"},
		"deep in a list": {func(d *types.ResponseLaunchTemplateData) { d.TagSpecifications[0].Tags[0].Value = aws.String("db") }, "(TagSpecifications)"},
		"two":            {func(d *types.ResponseLaunchTemplateData) { d.InstanceType, d.EbsOptimized = "t4g.nano", nil }, "(EbsOptimized, InstanceType)"},
		"another image":  {func(d *types.ResponseLaunchTemplateData) { d.ImageId = aws.String("ami-x") }, "(ImageId is ami-x, not ami-new)"},
		"no image":       {func(d *types.ResponseLaunchTemplateData) { d.ImageId = nil }, "(ImageId is , not ami-new)"},
	} {
		f := newEC2()
		f.tampers = c.tamper
		_, err := attempt(t, templates(f).CreateLaunchTemplateVersion, versionInput())
		wantError(t, about, err, refused(ErrNotAlone, "version 2 of "+lt+" differed from version 1 in more than the image "+c.says+"; it was deleted again"))
		if f.version(2) != nil || f.version(1) == nil {
			t.Errorf("%s: left %s", about, f.left())
		}
	}
}

// The wrong version is not left behind because its deletion did not work at once.
func TestCreateLaunchTemplateVersionDeletesTheWrongOneInTheEnd(t *testing.T) {
	for about, c := range map[string]struct {
		status int
		code   string
		want   what
	}{
		"throttled": {503, "RequestLimitExceeded", throttled("ec2:DeleteLaunchTemplateVersions is throttled")},
		"broken":    {500, "InternalError", what{says: "ec2:DeleteLaunchTemplateVersions"}},
	} {
		f := newEC2()
		f.tampers = func(d *types.ResponseLaunchTemplateData) { d.KeyName = aws.String("mine") }
		f.failing("DeleteLaunchTemplateVersions", c.status, c.code, "")
		_, err := attempt(t, templates(f).CreateLaunchTemplateVersion, versionInput())
		wantError(t, about, err, c.want)
		_, err = attempt(t, templates(f).CreateLaunchTemplateVersion, versionInput())
		wantError(t, about+", then well", err, refused(ErrNotAlone, "it was deleted again"))
		if f.version(2) != nil || f.latest != 2 {
			t.Errorf("%s: left %s", about, f.left())
		}
	}
}

func TestCreateLaunchTemplateVersionRefused(t *testing.T) {
	for about, c := range map[string]struct {
		change func(*fakeEC2, *CreateVersionInput)
		want   what
	}{
		"quota": {func(f *fakeEC2, _ *CreateVersionInput) {
			f.failing("CreateLaunchTemplateVersion", 400, "MaxTemplateVersionLimitExceeded", "You've reached the limit on the number of launch template versions")
		}, refused(ErrInvalid, "You've reached the limit…(MaxTemplateVersionLimitExceeded)")},
		"denied": {func(f *fakeEC2, _ *CreateVersionInput) {
			f.failing("CreateLaunchTemplateVersion", 403, "UnauthorizedOperation", "no")
		}, refused(ErrForbidden, "ec2:CreateLaunchTemplateVersion is not allowed")},
		"no such template": {func(f *fakeEC2, _ *CreateVersionInput) { f.name = "" }, refused(ErrNotFound, lt)},
		"no such source":   {func(_ *fakeEC2, in *CreateVersionInput) { in.Source = 9 }, refused(ErrInvalid, "version 9")},
	} {
		f, in := newEC2(), versionInput()
		c.change(f, &in)
		_, err := attempt(t, templates(f).CreateLaunchTemplateVersion, in)
		wantError(t, about, err, c.want)
		if len(f.versions) != 1 {
			t.Errorf("%s: left %s", about, f.left())
		}
	}
}

func TestSetDefaultVersion(t *testing.T) {
	f := newEC2()
	f.add(sourceData("ami-new"))
	in := SetDefaultVersionInput{Place: here, LaunchTemplateID: lt, Version: 2}
	f.lose["ModifyLaunchTemplate"] = 1
	_, err := attempt(t, silent(templates(f).SetDefaultVersion), in)
	wantError(t, "lost", err, what{says: "ec2:ModifyLaunchTemplate"})
	if _, err := attempt(t, silent(templates(f).SetDefaultVersion), in); err != nil || f.deflt != 2 {
		t.Errorf("the default is %d: %v", f.deflt, err)
	}
	in.Version = 9
	_, err = attempt(t, silent(templates(f).SetDefaultVersion), in)
	wantError(t, "no such version", err, refused(ErrInvalid, "version 9"))
}

func TestClip(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want string
	}{{"abc", 3, "abc"}, {"abcd", 3, "abc"}, {"aéa", 2, "a"}, {"aéa", 3, "aé"}, {"", 3, ""}, {"日本", 4, "日"}} {
		if got := clip(c.text, c.n); got != c.want {
			t.Errorf("%q cut to %d bytes is %q, want %q", c.text, c.n, got, c.want)
		}
	}
}

// What two versions are compared by: every field of a version, by its name in the API.
func TestFieldsHoldEveryFieldOfAVersion(t *testing.T) {
	all, err := fields(&types.ResponseLaunchTemplateData{})
	if err != nil {
		t.Fatal(err)
	}
	for field := range reflect.TypeFor[types.ResponseLaunchTemplateData]().Fields() {
		if _, ok := all[field.Name]; field.IsExported() && !ok {
			t.Errorf("%s is not compared", field.Name)
		}
	}
	if diff := policy.DiffExceptImage(all, all); len(diff) > 0 {
		t.Errorf("nothing differs from itself in %v", diff)
	}
}
