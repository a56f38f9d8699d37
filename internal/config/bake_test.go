package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var vgShopWebProdA = Selector{Region: "vg", App: "shop", Layer: "web", Env: "prod", Group: "a"}

func bakeTarget(t *testing.T, text string) BakeTarget {
	t.Helper()
	got, err := load(t, text).Bake(vgShopWebProdA)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestBuiltInDefaults(t *testing.T) {
	want := BakeTarget{
		Selector: vgShopWebProdA,
		Account:  "shop", AccountID: "123456789012", RoleARN: "arn:aws:iam::123456789012:role/epoxy", Region: "us-east-1",
		InstanceID: "i-0123456789abcdef0", LaunchTemplateID: "lt-0123456789abcdef0",
		ImageTimeout: 4 * time.Hour, PollInterval: 15 * time.Second,
		Source: "latest", Publish: PublishLatest, Channel: "#deploys",
	}
	if diff := cmp.Diff(want, bakeTarget(t, base)); diff != "" {
		t.Error(diff)
	}
}

func TestRefreshDefaults(t *testing.T) {
	want := &RefreshSettings{Timeout: 6 * time.Hour}
	for _, text := range []string{"refresh: {}", "refresh: true"} {
		got := bakeTarget(t, change(t, target, add("auto_scaling_group: g", text))).Refresh
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// A target's value wins over bake.defaults, field by field in refresh and key
// by key in tags; a list replaces a list, an empty one too.
func TestTargetWinsOverDefaults(t *testing.T) {
	const defaults = `    reboot: true
    image_timeout: 8h
    copy_to: [us-east-1, eu-west-1]
    share_with: ["123456789012", "345678901234"]
    tags: { team: web, tier: "1" }
    channel: "#web"
    auto_scaling_group: g
    refresh:
      min_healthy_percentage: 90
      max_healthy_percentage: 110
      checkpoint_percentages: [10, 100]
      alarms: [a]
`
	text := change(t, settings, defaults)
	fromDefaults := bakeTarget(t, text)
	want := BakeTarget{
		Selector: vgShopWebProdA,
		Account:  "shop", AccountID: "123456789012", RoleARN: "arn:aws:iam::123456789012:role/epoxy", Region: "us-east-1",
		InstanceID: "i-0123456789abcdef0", LaunchTemplateID: "lt-0123456789abcdef0",
		Reboot: true, ImageTimeout: 8 * time.Hour, PollInterval: 15 * time.Second,
		CopyTo: []string{"eu-west-1"}, ShareWith: []string{"345678901234"}, // without its own
		Source: "latest", Publish: PublishLatest, AutoScalingGroup: "g",
		Tags: map[string]string{"team": "web", "tier": "1"}, Channel: "#web",
		Refresh: &RefreshSettings{
			MinHealthyPercentage: new(90), MaxHealthyPercentage: new(110),
			CheckpointPercentages: []int{10, 100}, CheckpointDelay: time.Hour, Alarms: []string{"a"}, Timeout: 6 * time.Hour,
		},
	}
	if diff := cmp.Diff(want, fromDefaults); diff != "" {
		t.Errorf("defaults alone: %s", diff)
	}
	want.Reboot, want.CopyTo, want.Channel, want.Publish, want.Source = false, nil, "C0123456789", PublishDefault, "default"
	want.Tags["team"], want.Tags["own"] = "shop", "x"
	want.Refresh.MinHealthyPercentage, want.Refresh.Alarms, want.Refresh.InstanceWarmup = new(95), nil, new(5*time.Minute)
	got := bakeTarget(t, strings.Replace(text, target, add("reboot: false", "copy_to: []", "channel: C0123456789", "publish: default",
		"tags: { team: shop, own: x }", "refresh: { min_healthy_percentage: 95, alarms: [], instance_warmup: 5m }"), 1))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("with the target's own: %s", diff)
	}
	off := bakeTarget(t, strings.Replace(text, target, add("refresh: false"), 1))
	if off.Refresh != nil {
		t.Errorf("refresh: false leaves %+v", off.Refresh)
	}
}

func TestSourceFollowsPublish(t *testing.T) {
	for lines, want := range map[string]string{
		"publish: latest":  "latest",
		"publish: default": "default",
		"publish: pinned\n              auto_scaling_group: g": "pinned",
		"publish: ssm\n              ssm_parameter: /i":        "latest",
		"publish: default\n              source: latest":       "latest",
		"source: 12":    "12",
		"source: \"7\"": "7",
	} {
		if got := bakeTarget(t, change(t, target, add(lines))).Source; got != want {
			t.Errorf("%s: source %s, want %s", lines, got, want)
		}
	}
}

func TestAccountOfTarget(t *testing.T) {
	text := strings.Replace(change(t, target, add("account: other")), "  regions:", "    other: { id: \"210987654321\" }\n  regions:", 1)
	got := bakeTarget(t, text)
	if got.Account != "other" || got.AccountID != "210987654321" || got.RoleARN != "" {
		t.Errorf("account %s %s %s", got.Account, got.AccountID, got.RoleARN)
	}
}

func TestAnchorsAndMerges(t *testing.T) {
	text := change(t, target, add("tags: &t { a: b }", "poll_interval: &p 20s")+
		"            b: &b { instance: i-01234567, launch_template: lt-01234567, poll_interval: *p }\n"+
		"            c:\n              <<: *b\n              launch_template: lt-01234568\n              tags: *t\n")
	got, err := load(t, text).Bake(vgShopWebProdA.With(LevelGroup, "c"))
	if err != nil {
		t.Fatal(err)
	}
	if got.InstanceID != "i-01234567" || got.LaunchTemplateID != "lt-01234568" || got.PollInterval != 20*time.Second || got.Tags["a"] != "b" {
		t.Errorf("%+v", got)
	}
}

// A file of nested aliases must not cost more than an error.
func TestAliasBomb(t *testing.T) {
	for _, levels := range []int{4, 9} {
		var b strings.Builder
		b.WriteString("d0: &d0 { copy_to: [eu-west-1] }\n")
		for i := range levels {
			fmt.Fprintf(&b, "d%d: &d%d { <<: [%s*d0] }\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*d%d, ", i), 30))
		}
		fmt.Fprintf(&b, "bake: { defaults: *d%d }\n", levels)
		_, err := read("epoxy.yaml", []byte(b.String()), noEnv)
		var bomb []string
		for _, p := range problems(t, err) {
			if p.Path == "bake.defaults" {
				bomb = append(bomb, p.Message)
			}
		}
		if len(bomb) == 0 || len(bomb) > 2 {
			t.Errorf("%d levels: %d problems: %.200v", levels, len(bomb), bomb)
		}
	}
}

func TestBakeTargetAsJSON(t *testing.T) {
	c, err := Load(examplePath, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(c.BakeTargets(Selector{}), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/example_targets.golden.json", string(text)+"\n")
}
