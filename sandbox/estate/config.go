package estate

import (
	"fmt"
	"os"
	"strings"
)

// Target is one bake target of the sandbox's epoxy.yaml: vg/shop/web/prod/<Group>.
type Target struct {
	Group    string
	Fleet    Fleet
	Settings string // YAML flow settings of the target: "publish: default, refresh: {}"
}

// ConfigOptions are what the sandbox's epoxy.yaml says beside its targets.
type ConfigOptions struct {
	UI, SlackAPI, Channel string
}

// WriteConfig writes an epoxy.yaml for the sandbox.
func WriteConfig(path string, o ConfigOptions, targets ...Target) error {
	var b strings.Builder
	fmt.Fprintf(&b, `# Made by the sandbox.
temporal:
  ui: %s
aws:
  accounts:
    shop: { id: %q }
  regions:
    vg: { region: %s, account: shop }
slack:
  token: { env: EPOXY_SLACK_TOKEN }
  channel: %q
  api_url: %s
bake:
  defaults: { image_timeout: 10m, poll_interval: 1s }
  targets:
    vg:
      shop:
        web:
          prod:
`, o.UI, Account, Region, o.Channel, o.SlackAPI)
	for _, t := range targets {
		settings := t.Settings
		if settings != "" {
			settings = ", " + settings
		}
		fmt.Fprintf(&b, "            %s: { instance: %s, launch_template: %s%s }\n", t.Group, t.Fleet.InstanceID, t.Fleet.LaunchTemplateID, settings)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("write the sandbox's configuration: %w", err)
	}
	return nil
}
