package policy

import (
	"strings"
	"testing"
)

var (
	soundWish = BakeWish{
		Account: "123456789012", Region: "us-east-1", InstanceID: "i-1", LaunchTemplate: "lt-1", Source: SourceLatest, Publish: PublishLatest, Group: "web", Refresh: true,
	}
	soundFacts = BakeFacts{
		InstanceState: "running", InstanceOwner: "123456789012", RootDeviceType: "ebs", TemplateName: "web", Latest: 7, Default: 1, Versions: 7,
		Source: 7, SourceImage: "ami-1", GroupDesired: 2, GroupTemplate: "lt-1", GroupVersion: "$Latest",
	}
)

func TestCheckBake(t *testing.T) {
	type change = func(*BakeWish, *BakeFacts)
	for name, c := range map[string]struct {
		change change
		says   string // "" when nothing speaks against it
	}{
		"sound":                {func(*BakeWish, *BakeFacts) {}, ""},
		"stopped is fine":      {func(_ *BakeWish, f *BakeFacts) { f.InstanceState = "stopped" }, ""},
		"no instance":          {func(_ *BakeWish, f *BakeFacts) { f.InstanceState = "" }, "i-1 does not exist in account 123456789012"},
		"foreign instance":     {func(_ *BakeWish, f *BakeFacts) { f.InstanceOwner = "999999999999" }, "belongs to account 999999999999"},
		"terminated":           {func(_ *BakeWish, f *BakeFacts) { f.InstanceState = "terminated" }, "is terminated"},
		"pending":              {func(_ *BakeWish, f *BakeFacts) { f.InstanceState = "pending" }, "is pending"},
		"instance store":       {func(_ *BakeWish, f *BakeFacts) { f.RootDeviceType = "instance-store" }, "EBS-backed"},
		"no template":          {func(_ *BakeWish, f *BakeFacts) { f.Latest = 0 }, "lt-1 does not exist"},
		"quota":                {func(_ *BakeWish, f *BakeFacts) { f.Versions = VersionQuota }, "quota of 10000 versions"},
		"below quota":          {func(_ *BakeWish, f *BakeFacts) { f.Versions = VersionQuota - 1 }, ""},
		"no source":            {func(w *BakeWish, f *BakeFacts) { w.Source, f.Source = "12", 0 }, `no version "12"`},
		"template follows SSM": {func(_ *BakeWish, f *BakeFacts) { f.SourceImage = "resolve:ssm:/golden" }, "set publish: ssm and ssm_parameter: /golden"},
		"SSM": {func(w *BakeWish, f *BakeFacts) {
			w.Publish, w.Parameter, f.SourceImage = PublishSSM, "/golden", "resolve:ssm:/golden:2"
		}, ""},
		"SSM, another parameter": {func(w *BakeWish, f *BakeFacts) {
			w.Publish, w.Parameter, f.SourceImage = PublishSSM, "/other", "resolve:ssm:/golden"
		}, "set ssm_parameter: /golden"},
		"SSM without a parameter":  {func(w *BakeWish, _ *BakeFacts) { w.Publish = PublishSSM }, "needs ssm_parameter"},
		"SSM refresh from literal": {func(w *BakeWish, _ *BakeFacts) { w.Publish, w.Parameter = PublishSSM, "/golden" }, "would not follow the parameter"},
		"group of another":         {func(_ *BakeWish, f *BakeFacts) { f.GroupTemplate = "lt-2" }, "launches from lt-2, not from lt-1"},
		"group without template":   {func(_ *BakeWish, f *BakeFacts) { f.GroupTemplate = "" }, "launches from nothing"},
		"latest, pinned group":     {func(_ *BakeWish, f *BakeFacts) { f.GroupVersion = "7" }, "set publish: pinned"},
		"latest, default group":    {func(_ *BakeWish, f *BakeFacts) { f.GroupVersion = "$Default" }, "set publish: default"},
		"default, latest group":    {func(w *BakeWish, _ *BakeFacts) { w.Publish = PublishDefault }, "set publish: latest"},
		"default":                  {func(w *BakeWish, f *BakeFacts) { w.Publish, f.GroupVersion = PublishDefault, "$Default" }, ""},
		"pinned":                   {func(w *BakeWish, f *BakeFacts) { w.Publish, f.GroupVersion = PublishPinned, "7" }, ""},
		"pinned, latest group":     {func(w *BakeWish, _ *BakeFacts) { w.Publish = PublishPinned }, "would pin it from now on"},
	} {
		t.Run(name, func(t *testing.T) {
			w, f := soundWish, soundFacts
			c.change(&w, &f)
			got := CheckBake(w, f)
			if c.says == "" && got != "" || !strings.Contains(got, c.says) {
				t.Errorf("got %q, want %q", got, c.says)
			}
		})
	}
}
