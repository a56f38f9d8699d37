package config

import (
	"reflect"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Bake is the images to make, and for whom.
type Bake struct {
	Defaults BakeSettings `yaml:"defaults" doc:"settings for every target that does not say otherwise"`
	Targets  Targets      `yaml:"targets" doc:"region → app → layer → env → group → target"`
}

// Targets is the map region → app → layer → env → group.
type Targets map[string]map[string]map[string]map[string]map[string]Target

// Target is one group of machines: where its image comes from and goes to.
type Target struct {
	Instance       InstanceID       `yaml:"instance" rule:"required" doc:"id of the instance to make the image of: i-0123456789abcdef0"`
	LaunchTemplate LaunchTemplateID `yaml:"launch_template" rule:"required" doc:"id of the launch template that gets the image, which is also the lock of the bake: lt-0123456789abcdef0"`
	BakeSettings
}

// BakeSettings are the same in bake.defaults and in a target. Absent (nil)
// means: as in bake.defaults, else as built in.
type BakeSettings struct {
	Account          *string        `yaml:"account" doc:"account in aws.accounts; the Region's own when left out"`
	Reboot           *bool          `yaml:"reboot" doc:"reboot the instance for a file system that is surely consistent"`
	ImageTimeout     *Duration      `yaml:"image_timeout" rule:"min=10m,max=48h" doc:"how long an image may take to become available"`
	PollInterval     *Duration      `yaml:"poll_interval" rule:"min=1s,max=5m" doc:"how often to look at an image or a rollout; below 5s only for tests"`
	CopyTo           *[]RegionID    `yaml:"copy_to" doc:"AWS Regions to copy the image to"`
	ShareWith        *[]AccountID   `yaml:"share_with" doc:"accounts that may launch the image, in quotes"`
	Source           *Version       `yaml:"source" doc:"launch template version to start from: latest, default, pinned (the group's) or a number; follows publish when left out"`
	Publish          *Publish       `yaml:"publish" doc:"how the new version reaches the group: latest (it uses $Latest), default (becomes the default version), pinned (the group is set to it) or ssm (the image id goes into a parameter)"`
	SSMParameter     *ParameterName `yaml:"ssm_parameter" doc:"parameter that holds the image id, with publish: ssm"`
	AutoScalingGroup *GroupName     `yaml:"auto_scaling_group" doc:"the group, for publish: pinned and for refresh"`
	Refresh          *Refresh       `yaml:"refresh" doc:"replace the group's instances afterwards; false for not, {} or true for the group's own pace"`
	KeepFailedImage  *bool          `yaml:"keep_failed_image" doc:"keep the image of a bake that failed, to look into it"`
	Tags             Tags           `yaml:"tags" doc:"tags for image and snapshots, added to those of bake.defaults"`
	Channel          *Channel       `yaml:"channel" doc:"Slack channel for this target, instead of slack.channel"`
}

// Tags are tags of AWS resources.
type Tags map[string]string

// Refresh is an instance refresh of the Auto Scaling group.
type Refresh struct {
	// Off is `refresh: false`: not here, whatever bake.defaults say.
	Off bool `yaml:"-"`

	MinHealthyPercentage  *int      `yaml:"min_healthy_percentage" rule:"min=0,max=100" doc:"capacity to keep in service; the group's maintenance policy when left out"`
	MaxHealthyPercentage  *int      `yaml:"max_healthy_percentage" rule:"min=100,max=200" doc:"capacity to grow to meanwhile, at most 100 above min_healthy_percentage, which it needs"`
	InstanceWarmup        *Duration `yaml:"instance_warmup" rule:"min=0s,max=24h" doc:"time a new instance needs; the group's own when left out"`
	CheckpointPercentages *[]int    `yaml:"checkpoint_percentages" rule:"min=1,max=100" doc:"stop at these percentages, ascending, ending with 100 to replace all"`
	CheckpointDelay       *Duration `yaml:"checkpoint_delay" rule:"min=0s,max=48h" doc:"how long to wait at each checkpoint"`
	SkipMatching          *bool     `yaml:"skip_matching" doc:"leave instances alone that have the new version already"`
	BakeTime              *Duration `yaml:"bake_time" rule:"min=0s,max=48h" doc:"how long to watch after the last instance"`
	Alarms                *[]string `yaml:"alarms" rule:"items=10" doc:"CloudWatch alarms that stop the refresh and roll back"`
	Timeout               *Duration `yaml:"timeout" rule:"min=1m,max=336h" doc:"how long the refresh may take in all"`
}

// What holds when neither the target nor bake.defaults say.
var (
	builtin = BakeSettings{
		Reboot:          new(false),
		ImageTimeout:    new(Duration(4 * time.Hour)),
		PollInterval:    new(Duration(15 * time.Second)),
		Publish:         new(PublishLatest),
		KeepFailedImage: new(false),
	}
	builtinRefresh = Refresh{
		CheckpointDelay: new(Duration(time.Hour)),
		SkipMatching:    new(false),
		BakeTime:        new(Duration(0)),
		Timeout:         new(Duration(6 * time.Hour)),
	}
)

// builtinSource is the version whose settings the group runs with today.
func builtinSource(p Publish) Version {
	switch p {
	case PublishDefault:
		return SourceDefault
	case PublishPinned:
		return SourcePinned
	}
	return SourceLatest
}

// decodeYAML accepts true and false besides the settings.
func (r *Refresh) decodeYAML(d *decoder, n ast.Node, at place) bool {
	if b, ok := n.(*ast.BoolNode); ok {
		*r = Refresh{Off: !b.Value}
		return true
	}
	// Nothing could mean either, and a refresh replaces machines.
	if n.Type() == ast.NullType {
		at.errorf("has no value: write {} to refresh at the group's own pace, or false for no refresh")
		return false
	}
	if _, _, ok := scalarText(n); ok {
		at.errorf("must be settings below it, true or false, but %s", d.found(n, at))
		return false
	}
	return d.fields(n, reflect.ValueOf(r).Elem(), at)
}

// overlay lays top over base: what top leaves out comes from base, field by
// field in refresh and key by key in tags.
func overlay[T any](top, base T) T {
	out := top
	overlayStruct(reflect.ValueOf(&out).Elem(), reflect.ValueOf(base))
	return out
}

func overlayStruct(top, base reflect.Value) {
	for i := range top.NumField() {
		t, b := top.Field(i), base.Field(i)
		switch {
		case t.Kind() == reflect.Struct && top.Type().Field(i).Anonymous:
			overlayStruct(t, b)
		case t.Kind() != reflect.Pointer && t.Kind() != reflect.Map || b.IsNil():
		case t.IsNil():
			t.Set(b)
		case t.Kind() == reflect.Map:
			t.Set(mergeMaps(t, b))
		case t.Type().Elem().Kind() == reflect.Struct:
			fresh := reflect.New(t.Type().Elem())
			fresh.Elem().Set(t.Elem())
			overlayStruct(fresh.Elem(), b.Elem())
			t.Set(fresh)
		}
	}
}

func mergeMaps(top, base reflect.Value) reflect.Value {
	out := reflect.MakeMap(top.Type())
	for _, m := range []reflect.Value{base, top} {
		for _, k := range m.MapKeys() {
			out.SetMapIndex(k, m.MapIndex(k))
		}
	}
	return out
}
