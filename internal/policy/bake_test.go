package policy

import (
	"reflect"
	"strings"
	"testing"
)

// sound is a bake that can end well, in each way to publish.
func sound(publish string) (BakeWish, BakeFacts) {
	w := BakeWish{
		Account: "123456789012", Region: "us-east-1", InstanceID: "i-1", LaunchTemplate: "lt-1", Source: SourceLatest, Publish: publish, Group: "web", Refresh: true,
	}
	f := BakeFacts{
		InstanceState: "running", InstanceOwner: "123456789012", RootDeviceType: "ebs", TemplateName: "shop", Latest: 7, Default: 5, Versions: 7,
		Source: 7, SourceImage: "ami-1", GroupDesired: 3, GroupTemplate: "lt-1", GroupVersion: "$Latest",
	}
	switch publish {
	case PublishDefault:
		f.GroupVersion = "$Default"
	case PublishPinned:
		f.GroupVersion = "6"
	case PublishSSM:
		w.Parameter, f.SourceImage, f.ParameterValue = "/golden", "resolve:ssm:/golden", "ami-1"
	}
	return w, f
}

func TestCheckBakeOfASoundBake(t *testing.T) {
	for name, c := range map[string]struct {
		publish string
		change  func(*BakeWish, *BakeFacts)
	}{
		"latest":                           {PublishLatest, nil},
		"default":                          {PublishDefault, nil},
		"default, of a group that says no": {PublishDefault, func(_ *BakeWish, f *BakeFacts) { f.GroupVersion = "" }},
		"pinned":                           {PublishPinned, nil},
		"ssm":                              {PublishSSM, nil},
		"ssm, at a version of the alias":   {PublishSSM, func(_ *BakeWish, f *BakeFacts) { f.SourceImage += ":3" }},
		"ssm, without a parameter yet":     {PublishSSM, func(_ *BakeWish, f *BakeFacts) { f.ParameterValue = "" }},
		"ssm beside a plain template":      {PublishSSM, func(w *BakeWish, f *BakeFacts) { f.SourceImage, w.Refresh = "ami-1", false }},
		"a stopped instance":               {PublishLatest, func(_ *BakeWish, f *BakeFacts) { f.InstanceState = "stopped" }},
		"an owner that EC2 does not say":   {PublishLatest, func(_ *BakeWish, f *BakeFacts) { f.InstanceOwner = "" }},
		"below the quota":                  {PublishLatest, func(_ *BakeWish, f *BakeFacts) { f.Versions = VersionQuota - 1 }},
		"no group": {PublishLatest, func(w *BakeWish, f *BakeFacts) {
			w.Group, w.Refresh, f.GroupTemplate, f.GroupVersion = "", false, "", ""
		}},
	} {
		w, f := sound(c.publish)
		if c.change != nil {
			c.change(&w, &f)
		}
		if why := CheckBake(w, f); why != "" {
			t.Errorf("%s: %s", name, why)
		}
	}
}

// refusals has a row for each message: what was found, of which fact, and what the message must say.
var refusals = []struct {
	name, fact, publish string
	change              func(*BakeWish, *BakeFacts)
	says                string
}{
	{"no instance", "InstanceState", PublishLatest, func(_ *BakeWish, f *BakeFacts) { f.InstanceState = "" }, "instance i-1 does not exist in account 123456789012, us-east-1"},
	{"terminated", "InstanceState", PublishLatest, func(_ *BakeWish, f *BakeFacts) { f.InstanceState = "terminated" }, "instance i-1 is terminated"},
	{"pending", "InstanceState", PublishLatest, func(_ *BakeWish, f *BakeFacts) { f.InstanceState = "pending" }, "instance i-1 is pending"},
	{"foreign instance", "InstanceOwner", PublishLatest, func(_ *BakeWish, f *BakeFacts) { f.InstanceOwner = "999999999999" }, "instance i-1 belongs to account 999999999999, not to 123456789012"},
	{"instance store", "RootDeviceType", PublishLatest, func(_ *BakeWish, f *BakeFacts) { f.RootDeviceType = "instance-store" }, "EBS-backed"},
	{"no template", "Latest", PublishLatest, func(_ *BakeWish, f *BakeFacts) { f.Latest = 0 }, "launch template lt-1 does not exist in account 123456789012, us-east-1"},
	{"quota", "Versions", PublishLatest, func(_ *BakeWish, f *BakeFacts) { f.Versions = VersionQuota }, "launch template lt-1 (shop) is at its quota of 10000 versions"},
	{"no source", "Source", PublishLatest, func(w *BakeWish, f *BakeFacts) { w.Source, f.Source = "9", 0 }, `no version "9" to start from (it has 1 to 7)`},
	{"the alias would be cut", "SourceImage", PublishLatest, func(_ *BakeWish, f *BakeFacts) { f.SourceImage = "resolve:ssm:/golden:3" }, "set publish: ssm and ssm_parameter: /golden"},
	{"another parameter", "SourceImage", PublishSSM, func(_ *BakeWish, f *BakeFacts) { f.SourceImage = "resolve:ssm:/app" }, "nothing would change; set ssm_parameter: /app"},
	{"a refresh would not follow", "SourceImage", PublishSSM, func(_ *BakeWish, f *BakeFacts) { f.SourceImage = "ami-1" }, "names ami-1, not the parameter /golden"},
	{"a template without image", "SourceImage", PublishSSM, func(_ *BakeWish, f *BakeFacts) { f.SourceImage = "" }, "names nothing, not the parameter /golden"},
	{"no parameter", "ParameterValue", PublishSSM, func(w *BakeWish, f *BakeFacts) { w.Parameter, f.SourceImage, w.Refresh = "", "ami-1", false }, "publish: ssm needs ssm_parameter"},
	{"group of another", "GroupTemplate", PublishLatest, func(_ *BakeWish, f *BakeFacts) { f.GroupTemplate = "lt-2" }, "Auto Scaling group web launches from lt-2, not from lt-1"},
	{"group without template", "GroupTemplate", PublishLatest, func(_ *BakeWish, f *BakeFacts) { f.GroupTemplate = "" }, "launches from nothing, not from lt-1"},
	{"latest, pinned group", "GroupVersion", PublishLatest, func(_ *BakeWish, f *BakeFacts) { f.GroupVersion = "3" }, "launches version 3, so publish: latest would change nothing for it: set publish: pinned"},
	{"latest, default group", "GroupVersion", PublishLatest, func(_ *BakeWish, f *BakeFacts) { f.GroupVersion = "$Default" }, "set publish: default"},
	{"latest, group says no", "GroupVersion", PublishLatest, func(_ *BakeWish, f *BakeFacts) { f.GroupVersion = "" }, "launches version $Default, so publish: latest would change nothing for it: set publish: default"},
	{"default, latest group", "GroupVersion", PublishDefault, func(_ *BakeWish, f *BakeFacts) { f.GroupVersion = "$Latest" }, "set publish: latest"},
	{"default, pinned group", "GroupVersion", PublishDefault, func(_ *BakeWish, f *BakeFacts) { f.GroupVersion = "3" }, "set publish: pinned"},
	{"pinned, latest group", "GroupVersion", PublishPinned, func(_ *BakeWish, f *BakeFacts) { f.GroupVersion = "$Latest" }, "launches $Latest; publish: pinned would pin it from now on: set publish: latest"},
	{"pinned, group says no", "GroupVersion", PublishPinned, func(_ *BakeWish, f *BakeFacts) { f.GroupVersion = "" }, "launches $Default; publish: pinned would pin it from now on: set publish: default"},
}

func TestCheckBakeRefuses(t *testing.T) {
	covered := map[string]bool{"TemplateName": true, "Default": true, "GroupDesired": true} // only told
	for _, c := range refusals {
		covered[c.fact] = true
		w, f := sound(c.publish)
		c.change(&w, &f)
		if why := CheckBake(w, f); !strings.Contains(why, c.says) {
			t.Errorf("%s: %q, want %q in it", c.name, why, c.says)
		}
	}
	for fact := range reflect.TypeFor[BakeFacts]().Fields() {
		if !covered[fact.Name] {
			t.Errorf("no row says what CheckBake makes of %s", fact.Name)
		}
	}
}
