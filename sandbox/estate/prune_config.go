package estate

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// PruneConfig is the sandbox's epoxy.yaml for prunes. Account shop owns everything; others are entered by their role.
type PruneConfig struct {
	ConfigOptions

	GitHubAPI string
	Policy    string            // its name
	Owner     string            // account
	Others    map[string]string // name → account
	Bucket    string
	Table     string
	Approval  string // settings of the approval `people`, in YAML flow style
	Images    string // settings of the policy for images; "": none
	Tasks     string // of the policy for task definitions
	Serve     string // host:port of epoxy serve; "": none
	Socket    bool   // epoxy serve uses Socket Mode
}

// Write writes the file.
func (c PruneConfig) Write(path string) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Made by the sandbox.\ntemporal:\n  ui: %s\naws:\n  accounts:", c.UI)
	line("    shop: { id: %q%s }", c.Owner, roleOf(c.Owner))
	names := make([]string, 0, len(c.Others))
	for name := range c.Others {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		line("    %s: { id: %q%s }", name, c.Others[name], roleOf(c.Others[name]))
	}
	line("  regions:\n    vg: { region: %s, account: shop }", Region)
	line("slack:\n  token: { env: EPOXY_SLACK_TOKEN }\n  channel: %q\n  api_url: %s", c.Channel, c.SlackAPI)
	if c.Serve != "" {
		line("  signing_secret: { env: EPOXY_SLACK_SIGNING_SECRET }")
	}
	if c.Socket {
		line("  app_token: { env: EPOXY_SLACK_APP_TOKEN }")
	}
	if c.Serve != "" {
		line("serve: { address: %q }", c.Serve)
	}
	if c.GitHubAPI != "" {
		line("github:\n  token: { env: EPOXY_GITHUB_TOKEN }\n  api_url: %s", c.GitHubAPI)
	}
	line("artifacts: { region: vg, bucket: %s }\nledger: { region: vg, table: %s }", c.Bucket, c.Table)
	line("approvals:\n  people: { %s }\nprune:", c.Approval)
	if c.Images != "" {
		line("  images:\n    policies:\n      %s: { region: vg, approval: people, %s }", c.Policy, c.Images)
	}
	if c.Tasks != "" {
		line("  task_definitions:\n    policies:\n      %s: { region: vg, approval: people, %s }", c.Policy, c.Tasks)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("write the sandbox's configuration: %w", err)
	}
	return nil
}

// roleOf is the role to take; the sandbox's own credentials are Account's.
func roleOf(account string) string {
	if account == Account {
		return ""
	}
	return ", role_arn: " + RoleARN(account)
}
