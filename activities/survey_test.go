package activities

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"epoxy/internal/policy"
)

// estate is all that a survey looks at.
type estate struct {
	ec2     *fakeEC2
	scaling *fakeScaling
	ssm     *fakeParameters
}

func newEstate() estate {
	e := estate{newEC2(), newScaling(), newParameters()}
	for range 6 {
		e.ec2.add(sourceData("ami-source"))
	}
	e.ec2.deflt = 5
	e.ssm.values[golden] = parameter("ami-golden", "text")
	return e
}

func (e estate) surveyor() *Surveyor {
	return &Surveyor{EC2: to[SurveyAPI](e.ec2), AutoScaling: to[AutoScalingAPI](e.scaling), Parameters: to[ParametersAPI](e.ssm)}
}

func surveyInput() SurveyInput {
	return SurveyInput{Place: here, InstanceID: server, LaunchTemplateID: lt, ImageName: name, Source: "latest", Group: group, Parameter: golden, Tags: tags}
}

func TestSurveyBake(t *testing.T) {
	all := policy.BakeFacts{
		InstanceState: "running", InstanceOwner: "123456789012", RootDeviceType: "ebs",
		TemplateName: "shop", Latest: 7, Default: 5, Versions: 7, Source: 7, SourceImage: "ami-source",
		GroupDesired: 2, GroupTemplate: lt, GroupVersion: "$Latest", ParameterValue: "ami-golden",
	}
	for about, c := range map[string]struct {
		change func(estate, *SurveyInput)
		want   func(*policy.BakeFacts)
	}{
		"everything is there": {func(estate, *SurveyInput) {}, func(*policy.BakeFacts) {}},
		"no instance": {
			func(e estate, _ *SurveyInput) { e.ec2.instances = nil },
			func(f *policy.BakeFacts) {
				f.InstanceState, f.InstanceOwner, f.RootDeviceType, f.SourceImage = "", "", "", ""
			},
		},
		"a terminated instance": {
			func(e estate, _ *SurveyInput) { e.ec2.instances[0].State.Name = "terminated" },
			func(f *policy.BakeFacts) { f.InstanceState = "terminated" },
		},
		"no template": {
			func(e estate, _ *SurveyInput) { e.ec2.name = "" },
			func(f *policy.BakeFacts) {
				f.TemplateName, f.Latest, f.Default, f.Versions, f.Source, f.SourceImage = "", 0, 0, 0, 0, ""
			},
		},
		"no template, in an empty list": {
			func(e estate, _ *SurveyInput) { e.ec2.blank["DescribeLaunchTemplates"] = 1 },
			func(f *policy.BakeFacts) {
				f.TemplateName, f.Latest, f.Default, f.Versions, f.Source, f.SourceImage = "", 0, 0, 0, 0, ""
			},
		},
		"the default":     {func(_ estate, in *SurveyInput) { in.Source = "default" }, func(f *policy.BakeFacts) { f.Source = 5 }},
		"a number":        {func(_ estate, in *SurveyInput) { in.Source = "3" }, func(f *policy.BakeFacts) { f.Source = 3 }},
		"no such version": {func(_ estate, in *SurveyInput) { in.Source = "8" }, func(f *policy.BakeFacts) { f.Source, f.SourceImage = 0, "" }},
		"no group is asked for": {
			func(_ estate, in *SurveyInput) { in.Group = "" },
			func(f *policy.BakeFacts) { f.GroupDesired, f.GroupTemplate, f.GroupVersion = 0, "", "" },
		},
		"a group with a launch configuration": {
			func(e estate, _ *SurveyInput) { e.scaling.group.LaunchTemplate = nil },
			func(f *policy.BakeFacts) { f.GroupTemplate, f.GroupVersion = "", "" },
		},
		"a pinned group": {
			func(e estate, in *SurveyInput) {
				e.scaling.group.LaunchTemplate.Version, in.Source = aws.String("4"), "pinned"
			},
			func(f *policy.BakeFacts) { f.GroupVersion, f.Source = "4", 4 },
		},
		"a group of mixed instances": {func(e estate, _ *SurveyInput) {
			e.scaling.group.LaunchTemplate = nil
			e.scaling.group.MixedInstancesPolicy = &types.MixedInstancesPolicy{LaunchTemplate: &types.LaunchTemplate{LaunchTemplateSpecification: template("lt-mixed", "m", "$Default")}}
		}, func(f *policy.BakeFacts) { f.GroupTemplate, f.GroupVersion = "lt-mixed", "$Default" }},
		"no parameter yet":          {func(e estate, _ *SurveyInput) { clear(e.ssm.values) }, func(f *policy.BakeFacts) { f.ParameterValue = "" }},
		"no parameter is asked for": {func(_ estate, in *SurveyInput) { in.Parameter = "" }, func(f *policy.BakeFacts) { f.ParameterValue = "" }},
		"a template of a parameter": {
			func(e estate, _ *SurveyInput) {
				e.ec2.version(7).LaunchTemplateData.ImageId = aws.String("resolve:ssm:" + golden)
			},
			func(f *policy.BakeFacts) { f.SourceImage = "resolve:ssm:" + golden },
		},
		"a dry run that meets something else": {func(e estate, _ *SurveyInput) { e.ec2.failing("CreateImage", 503, "RequestLimitExceeded", "") }, func(*policy.BakeFacts) {}},
	} {
		e, in, want := newEstate(), surveyInput(), all
		c.change(e, &in)
		c.want(&want)
		got, err := attempt(t, e.surveyor().SurveyBake, in)
		if err != nil || got != want {
			t.Errorf("%s: found\n%+v, want\n%+v: %v", about, got, want, err)
		}
		if len(e.ec2.images) > 0 || e.ec2.latest != 7 || e.ec2.deflt != 5 {
			t.Errorf("%s: a survey changed something: %s", about, e.ec2.left())
		}
		if e.ec2.calls["DescribeLaunchTemplateVersions"] > 1 {
			t.Errorf("%s: versions were counted far below the quota", about)
		}
	}
}

// The dry runs ask for all that the bake will do: tagging is a permission of its own.
func TestSurveyBakeTriesWhatTheBakeWillDo(t *testing.T) {
	e := newEstate()
	if _, err := attempt(t, e.surveyor().SurveyBake, surveyInput()); err != nil || e.ec2.calls["CreateImage"] != 1 || e.ec2.calls["CreateLaunchTemplateVersion"] != 1 {
		t.Fatalf("calls %v: %v", e.ec2.calls, err)
	}
	if e.ec2.triedImage == nil || toJSON(e.ec2.triedImage.TagSpecifications) != toJSON(imageTags(tags)) || *e.ec2.triedImage.Name != name {
		t.Errorf("tried %s", toJSON(e.ec2.triedImage))
	}
	for _, operation := range []string{"CreateImage", "CreateLaunchTemplateVersion"} {
		for _, code := range []string{"UnauthorizedOperation", "OptInRequired"} {
			e := newEstate()
			e.ec2.failing(operation, 403, code, "User: x is not authorized to perform: ec2:"+operation+" on resource: y")
			_, err := attempt(t, e.surveyor().SurveyBake, surveyInput())
			wantError(t, operation+" "+code, err, refused(ErrForbidden, "ec2:"+operation+" is not allowed in 123456789012/us-east-1"))
		}
	}
}

func TestSurveyBakeFailsWhereItCannotLook(t *testing.T) {
	for operation, service := range map[string]func(estate) *wire{
		"DescribeInstances":              func(e estate) *wire { return e.ec2.wire },
		"DescribeLaunchTemplates":        func(e estate) *wire { return e.ec2.wire },
		"DescribeLaunchTemplateVersions": func(e estate) *wire { return e.ec2.wire },
		"DescribeAutoScalingGroups":      func(e estate) *wire { return e.scaling.wire },
		"GetParameter":                   func(e estate) *wire { return e.ssm.wire },
	} {
		e := newEstate()
		service(e).failing(operation, 403, "AccessDenied", "no")
		_, err := attempt(t, e.surveyor().SurveyBake, surveyInput())
		wantError(t, operation, err, refused(ErrForbidden, ":"+operation+" is not allowed"))
		e = newEstate()
		service(e).failing(operation, 500, "InternalError", "")
		_, err = attempt(t, e.surveyor().SurveyBake, surveyInput())
		wantError(t, operation, err, what{says: ":" + operation})
	}
	e := newEstate()
	e.scaling.group = nil
	_, err := attempt(t, e.surveyor().SurveyBake, surveyInput())
	wantError(t, "no group", err, refused(ErrNotFound, "Auto Scaling group shop-web does not exist: check auto_scaling_group in epoxy.yaml"))
	closed := awsError("STS", "AssumeRole", 403, "AccessDenied", "no")
	s := newEstate().surveyor()
	s.AutoScaling = nowhere[AutoScalingAPI](closed)
	_, err = attempt(t, s.SurveyBake, surveyInput())
	wantError(t, "no way to Auto Scaling", err, refused(ErrForbidden, "sts:AssumeRole"))
	s = newEstate().surveyor()
	s.Parameters = nowhere[ParametersAPI](closed)
	_, err = attempt(t, s.SurveyBake, surveyInput())
	wantError(t, "no way to SSM", err, refused(ErrForbidden, "sts:AssumeRole"))
}

// Numbers are never used again, so only a template whose latest number reached the quota may be full.
func TestSurveyBakeCountsVersionsAtTheQuotaOnly(t *testing.T) {
	e := newEstate()
	for e.ec2.latest < policy.VersionQuota-1 {
		e.ec2.latest++
	}
	e.ec2.add(sourceData("ami-source"))
	full := e.ec2.versions[:1:1]
	for n := range int64(499) {
		v := e.ec2.versions[1]
		v.VersionNumber = aws.Int64(policy.VersionQuota - 1 - n)
		full = append(full, v)
	}
	e.ec2.versions = full
	got, err := attempt(t, e.surveyor().SurveyBake, surveyInput())
	if err != nil || got.Latest != policy.VersionQuota || got.Versions != 500 {
		t.Errorf("%d versions up to %d: %v", got.Versions, got.Latest, err)
	}
	if n := e.ec2.calls["DescribeLaunchTemplateVersions"]; n != 4 { // pages of 200, and the source
		t.Errorf("counting took %d calls", n)
	}
}

func TestFindSource(t *testing.T) {
	for _, c := range []struct {
		source, group string
		want          FindSourceOutput
	}{
		{"latest", "", FindSourceOutput{7, "ami-seven"}},
		{"default", "", FindSourceOutput{5, "ami-source"}},
		{"3", "", FindSourceOutput{3, "ami-source"}},
		{"pinned", "4", FindSourceOutput{4, "ami-source"}},
		{"pinned", "$Latest", FindSourceOutput{7, "ami-seven"}},
		{"pinned", "$Default", FindSourceOutput{5, "ami-source"}},
	} {
		e := newEstate()
		e.ec2.version(7).LaunchTemplateData.ImageId = aws.String("ami-seven")
		in := FindSourceInput{Place: here, LaunchTemplateID: lt, Source: c.source}
		if c.group != "" {
			in.Group, e.scaling.group.LaunchTemplate.Version = group, &c.group
		}
		if got, err := attempt(t, e.surveyor().FindSource, in); err != nil || got != c.want {
			t.Errorf("%s of a group at %q: %+v, want %+v: %v", c.source, c.group, got, c.want, err)
		}
	}
}

func TestFindSourceRefused(t *testing.T) {
	for about, c := range map[string]struct {
		change func(estate, *FindSourceInput)
		want   what
	}{
		"above the latest": {func(_ estate, in *FindSourceInput) { in.Source = "8" }, refused(ErrInvalid, lt+` has no version "8" to start from (latest is 7)`)},
		"no number":        {func(_ estate, in *FindSourceInput) { in.Source = "newest" }, refused(ErrInvalid, `"newest"`)},
		"deleted": {func(e estate, in *FindSourceInput) {
			in.Source = "3"
			e.ec2.versions = append(e.ec2.versions[:4:4], e.ec2.versions[5:]...)
		}, refused(ErrInvalid, "version 3")},
		"no template": {func(e estate, _ *FindSourceInput) { e.ec2.name = "" }, refused(ErrNotFound, lt)},
		"shown empty": {func(e estate, _ *FindSourceInput) { e.ec2.blank["DescribeLaunchTemplates"] = 1 }, refused(ErrNotFound, "launch template "+lt+" does not exist")},
		"no group":    {func(e estate, _ *FindSourceInput) { e.scaling.group = nil }, refused(ErrNotFound, "shop-web does not exist")},
		"denied": {func(e estate, _ *FindSourceInput) {
			e.ec2.failing("DescribeLaunchTemplates", 403, "UnauthorizedOperation", "no")
		}, refused(ErrForbidden, "ec2:DescribeLaunchTemplates")},
		"throttled": {func(e estate, _ *FindSourceInput) {
			e.ec2.failing("DescribeLaunchTemplateVersions", 503, "RequestLimitExceeded", "")
		}, throttled("")},
	} {
		e, in := newEstate(), FindSourceInput{Place: here, LaunchTemplateID: lt, Source: "latest", Group: group}
		c.change(e, &in)
		_, err := attempt(t, e.surveyor().FindSource, in)
		wantError(t, about, err, c.want)
	}
}
