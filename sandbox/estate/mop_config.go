package estate

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// MopConfig is the sandbox's epoxy.yaml for mops: one environment in one Region, with account shop and any others.
type MopConfig struct {
	ConfigOptions

	Environment string            // its name
	Owner       string            // account shop; bucket, table and zones are there
	Others      map[string]string // name → account, all in the environment
	Bucket      string
	Table       string
	Approval    string               // settings of the approval `people`, in YAML flow style
	Chef        map[string]ChefEntry // by name in the section chef
	Queues      []string             // URLs; the queues are shop's
	Topics      []string             // ARNs
	Zones       []MopZone
	Settings    []string // of the environment, one each: "patience: 5s", "later: [10s]"
	Sweep       string   // settings of the sweep that is called like the environment, likewise; "": none
	Schedules   string   // the section's schedules, a flow style mapping: "hourly: { sweep: prod, every: 1h }"; "": none
	Serve       string   // host:port of epoxy serve; "": none
}

// ChefEntry is a Chef server, and as whom it is asked.
type ChefEntry struct{ URL, Client, KeyFile string }

// MopZone is a hosted zone.
type MopZone struct{ ID, Name string }

// Write writes the file.
func (c MopConfig) Write(path string) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Made by the sandbox.\ntemporal:\n  ui: %s\naws:\n  accounts:", c.UI)
	line("    shop: { id: %q%s }", c.Owner, roleOf(c.Owner))
	others := slices.Sorted(maps.Keys(c.Others))
	for _, name := range others {
		line("    %s: { id: %q%s }", name, c.Others[name], roleOf(c.Others[name]))
	}
	line("  regions:\n    vg: { region: %s, account: shop }", Region)
	line("slack:\n  token: { env: EPOXY_SLACK_TOKEN }\n  channel: %q\n  api_url: %s", c.Channel, c.SlackAPI)
	if c.Serve != "" {
		line("  signing_secret: { env: EPOXY_SLACK_SIGNING_SECRET }\nserve: { address: %q }", c.Serve)
	}
	line("artifacts: { region: vg, bucket: %s }\nledger: { region: vg, table: %s }", c.Bucket, c.Table)
	line("approvals:\n  people: { %s }\nchef:", c.Approval)
	servers := slices.Sorted(maps.Keys(c.Chef))
	for _, name := range servers {
		s := c.Chef[name]
		line("  %s: { url: %q, client: %q, private_key: { file: %q } }", name, s.URL, s.Client, s.KeyFile)
	}
	c.writeMop(line, servers, others)
	if c.Sweep != "" {
		line("sweeps:\n  %s: { environment: %s, %s }", c.Environment, c.Environment, c.Sweep)
	}
	if c.Schedules != "" {
		line("schedules: { %s }", c.Schedules)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("write the sandbox's configuration: %w", err)
	}
	return nil
}

func (c MopConfig) writeMop(line func(string, ...any), servers, others []string) {
	line("mop:\n  queues: %s", flow(c.Queues, func(url string) string {
		return fmt.Sprintf("{ region: vg, name: %s, url: %q }", url[strings.LastIndex(url, "/")+1:], url)
	}))
	line("  topics: %s", flow(c.Topics, strconv.Quote))
	line("  environments:\n    %s:\n      approval: people", c.Environment)
	line("      accounts: %s", flow(append([]string{"shop"}, others...), func(name string) string {
		return fmt.Sprintf("{ account: %s, regions: [vg] }", name)
	}))
	line("      chef: %s", flow(servers, strconv.Quote))
	line("      zones: %s", flow(c.Zones, func(z MopZone) string {
		return fmt.Sprintf("{ id: %q, name: %q, account: shop }", z.ID, z.Name)
	}))
	for _, setting := range c.Settings {
		line("      %s", setting)
	}
}

// flow is a list in YAML flow style.
func flow[T any](items []T, text func(T) string) string {
	out := make([]string, 0, len(items))
	for _, item := range items {
		out = append(out, text(item))
	}
	return "[" + strings.Join(out, ", ") + "]"
}
