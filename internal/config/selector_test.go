package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const manyTargets = `aws:
  accounts: { shop: { id: "123456789012" } }
  regions:
    vg: { region: us-east-1, account: shop }
    bj: { region: eu-west-1, account: shop }
bake:
  targets:
    vg:
      shop:
        web:
          prod:
            a: { instance: i-00000001, launch_template: lt-00000001 }
            b: { instance: i-00000002, launch_template: lt-00000002 }
          release:
            a: { instance: i-00000003, launch_template: lt-00000003 }
      billing:
        app:
          prod:
            a: { instance: i-00000004, launch_template: lt-00000004 }
    bj:
      shop:
        app:
          prod:
            c: { instance: i-00000005, launch_template: lt-00000005 }
`

// selector reads "vg/shop/*/*/a".
func selector(s string) Selector {
	var sel Selector
	for i, part := range strings.Split(s, "/") {
		if part != "*" {
			sel = sel.With(Levels[i], part)
		}
	}
	return sel
}

func TestBakeFindsTheTarget(t *testing.T) {
	c := load(t, manyTargets)
	for sel, want := range map[string]string{"vg/shop/web/prod/b": "lt-00000002", "bj/shop/app/prod/c": "lt-00000005"} {
		got, err := c.Bake(selector(sel))
		if err != nil || got.LaunchTemplateID != want || got.Selector.String() != sel {
			t.Errorf("%s: %+v, %v", sel, got, err)
		}
	}
	if got, want := selector("vg/shop/web/prod/b").ImagePrefix(), "vg-shop-web-prod-b"; got != want {
		t.Errorf("image prefix %s, want %s", got, want)
	}
}

func TestBakeErrors(t *testing.T) {
	c := load(t, manyTargets)
	for _, test := range []struct{ sel, want string }{
		{"vgg/shop/web/prod/a", `no region "vgg": did you mean "vg"? (has: bj, vg) — bake.targets in epoxy.yaml:7`},
		{"vg/shp/web/prod/a", `no app "shp" in region vg: did you mean "shop"? (has: billing, shop) — bake.targets in epoxy.yaml:8`},
		{"vg/shop/app/prod/a", `no layer "app" in region vg, app shop (has: web) — bake.targets in epoxy.yaml:9`},
		{"vg/shop/web/prd/a", `no env "prd" in region vg, app shop, layer web: did you mean "prod"? (has: prod, release) — bake.targets in epoxy.yaml:10`},
		{"vg/shop/web/prod/c", `no group "c" in region vg, app shop, layer web, env prod (has: a, b) — bake.targets in epoxy.yaml:11`},
		{"*/shp/*/*/*", `no app "shp": did you mean "shop"? (has: billing, shop) — bake.targets in epoxy.yaml:7`},
		{"*/*/*/*/*", "which target? add --region, --app, --layer, --env and --group (region is one of bj, vg)"},
		{"vg/*/*/prod/a", "which target? add --app and --layer (app is one of billing, shop)"},
		{"vg/shop/web/prod/*", "which target? add --group (group is one of a, b)"},
		{"*/billing/*/*/*", "which target? add --region, --layer, --env and --group (region is one of vg)"},
	} {
		if _, err := c.Bake(selector(test.sel)); err == nil || err.Error() != test.want {
			t.Errorf("%s\ngot  %v\nwant %s", test.sel, err, test.want)
		}
	}
}

func TestBakeNames(t *testing.T) {
	c := load(t, manyTargets)
	for _, test := range []struct {
		level Level
		sel   string
		want  []string
	}{
		{LevelRegion, "*/*/*/*/*", []string{"bj", "vg"}},
		{LevelRegion, "*/billing/*/*/*", []string{"vg"}},
		{LevelApp, "vg/*/*/*/*", []string{"billing", "shop"}},
		{LevelApp, "*/*/*/*/c", []string{"shop"}},
		{LevelLayer, "*/shop/*/*/*", []string{"app", "web"}},
		{LevelEnv, "vg/shop/web/*/b", []string{"prod"}},
		{LevelGroup, "vg/shop/web/prod/zzz", []string{"a", "b"}}, // what is being completed does not count
		{LevelGroup, "nowhere/*/*/*/*", []string{}},
	} {
		if diff := cmp.Diff(test.want, c.BakeNames(test.level, selector(test.sel))); diff != "" {
			t.Errorf("--%s with %s: %s", test.level, test.sel, diff)
		}
	}
}
