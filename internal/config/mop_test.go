package config

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"epoxy/internal/cloud"
	"epoxy/internal/policy"
)

// mopping is a small configuration with two environments, a sweep and a schedule.
const mopping = `aws:
  accounts:
    shop: { id: "123456789012", role_arn: arn:aws:iam::123456789012:role/epoxy, external_id: epoxy-shop }
    data: { id: "222222222222" }
    china: { id: "333333333333", role_arn: arn:aws-cn:iam::333333333333:role/epoxy }
  regions:
    vg: { region: us-east-1, account: shop }
    ie: { region: eu-west-1, account: data }
    bj: { region: cn-north-1, account: china }
slack: { token: { env: EPOXY_SLACK_TOKEN }, channel: "#deploys" }
artifacts: { region: vg, bucket: epoxy-artifacts }
ledger: { account: data, region: vg, table: epoxy-ledger }
approvals:
  careful: { mode: ask, users: [U0123ABCD] }
  window: { mode: veto, cli: ["ann@*"] }
chef:
  prod: { url: https://chef.example.com/organizations/shop, client: epoxy, private_key: { env: CHEF_KEY } }
  old: { url: https://old.example.com, client: epoxy, private_key: { file: old.pem }, ca_file: ca.pem, timeout: 30s }
mop:
  queues:
    - { region: vg, name: terminations }
  topics: ["arn:aws:sns:us-east-1:123456789012:terminations"]
  defaults:
    approval: careful
    chef: [prod]
  environments:
    prod:
      accounts: [{ account: shop, regions: [vg, ie] }, { account: data, regions: [vg] }]
      zones: [{ id: Z1, name: Example.com. }]
    test:
      accounts: [{ account: data, regions: [ie] }]
sweeps:
  prod: { environment: prod }
schedules:
  hourly:
    sweep: prod
    cron: "@hourly"
`

func mopEnvironment(t *testing.T, text, name string) MopEnvironment {
	t.Helper()
	env, err := load(t, text).MopEnvironment(name)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func TestMopDefaults(t *testing.T) {
	want := MopEnvironment{
		Name: "prod", Live: []cloud.Place{shopInVirginia, shopInVirginia.In("eu-west-1"), dataInVirginia}, Servers: []string{"prod"},
		Zones:    []MopZone{{Place: shopInVirginia, ID: "Z1", Name: "example.com."}},
		Patience: 5 * time.Minute, FailedWait: time.Hour, Later: []time.Duration{15 * time.Minute, 2 * time.Hour},
		Breaker: MopBreaker{Nodes: 20, Percent: 20, Window: time.Hour},
		Approval: ApprovalRules{
			Name: "careful", Mode: "ask", Approvers: policy.Approvers{Users: []string{"U0123ABCD"}},
			Expires: 72 * time.Hour, Remind: 24 * time.Hour, Channel: "#deploys",
		},
		Timeout:   7 * 24 * time.Hour,
		Artifacts: ArtifactStore{Place: shopInVirginia, Bucket: "epoxy-artifacts"},
		Ledger:    LedgerTable{Place: dataInVirginia, Table: "epoxy-ledger"},
		Channel:   "#deploys",
	}
	if diff := cmp.Diff(want, mopEnvironment(t, mopping, "prod")); diff != "" {
		t.Error(diff)
	}
}

func TestMopSettings(t *testing.T) {
	text := changeIn(t, mopping, "      zones: [{ id: Z1, name: Example.com. }]\n", `      chef: [old, prod]
      zones: [{ id: Z1, name: a.example, account: data }, { id: Z2, name: 2.0.192.in-addr.arpa, region: ie }, { id: Z3, name: c.example, account: china, region: bj }]
      groups: [shop-*]
      hooks: [epoxy-*]
      node_names: ["{name}", "web-{instance}.{hostname}"]
      record_names: ["{node}", "{hostname}.int"]
      shared_names: [Web.Example.com., "*.pool"]
      patience: 1m
      failed_wait: 2h
      later: []
      breaker: { nodes: 3 }
      dry_run: true
      timeout: 4d
      channel: "#nodes"
`)
	got, want := mopEnvironment(t, text, "prod"), mopEnvironment(t, mopping, "prod")
	want.Servers = []string{"old", "prod"}
	want.Zones = []MopZone{
		{Place: dataInVirginia, ID: "Z1", Name: "a.example."},
		{Place: dataInVirginia.In("eu-west-1"), ID: "Z2", Name: "2.0.192.in-addr.arpa."},
		{Place: cloud.Place{Account: "333333333333", Region: "cn-north-1", RoleARN: "arn:aws-cn:iam::333333333333:role/epoxy"}, ID: "Z3", Name: "c.example."},
	}
	want.Groups, want.Hooks = []string{"shop-*"}, []string{"epoxy-*"}
	want.Rules = policy.MopRules{
		NodeNames: []string{"{name}", "web-{instance}.{hostname}"}, RecordNames: []string{"{node}", "{hostname}.int"}, SharedNames: []string{"web.example.com", "*.pool"},
	}
	want.Patience, want.FailedWait, want.Later = time.Minute, 2*time.Hour, nil
	want.Breaker.Nodes = 3 // its percent and window stay
	want.DryRun, want.Timeout, want.Channel, want.Approval.Channel = true, 4*24*time.Hour, "#nodes", "#nodes"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// An account and Region leads to its environment, and to the role there.
func TestMopFor(t *testing.T) {
	c := load(t, mopping)
	for at, want := range map[[2]string]string{
		{"123456789012", "us-east-1"}: "prod", {"123456789012", "eu-west-1"}: "prod", {"222222222222", "us-east-1"}: "prod",
		{"222222222222", "eu-west-1"}: "test", {"123456789012", "cn-north-1"}: "", {"", ""}: "", {"shop", "vg"}: "",
	} {
		env, ok := c.MopFor(at[0], at[1])
		if env.Name != want || ok != (want != "") {
			t.Errorf("%v is in %q, %v; want %q", at, env.Name, ok, want)
		}
		if place, found := env.Place(at[0], at[1]); found != ok || ok && place.Account != at[0] {
			t.Errorf("%v: %v, %v", at, place, found)
		}
	}
	var names []string
	for _, env := range c.MopEnvironments() {
		names = append(names, env.Name)
	}
	if !cmp.Equal(names, []string{"prod", "test"}) {
		t.Error(names)
	}
}

// Nodes of several environments may be on one Chef server, also where it has two names.
func TestMopNeighbours(t *testing.T) {
	own := func(servers string) string {
		return changeIn(t, mopping, "      accounts: [{ account: data, regions: [ie] }]\n", "      accounts: [{ account: data, regions: [ie] }]\n      chef: "+servers+"\n")
	}
	for about, c := range map[string]struct{ text, of, want string }{
		"the same server":        {mopping, "prod", "222222222222/eu-west-1"},
		"seen from there":        {mopping, "test", "123456789012/us-east-1 123456789012/eu-west-1 222222222222/us-east-1"},
		"one of two":             {own("[old, prod]"), "prod", "222222222222/eu-west-1"},
		"another":                {own("[old]"), "prod", ""},
		"another's other name":   {changeIn(t, own("[old]"), "https://old.example.com", "https://Chef.example.com/organizations/shop/"), "prod", "222222222222/eu-west-1"},
		"another's organization": {changeIn(t, own("[old]"), "https://old.example.com", "https://chef.example.com/organizations/data"), "prod", ""},
	} {
		var got []string
		for _, p := range load(t, c.text).MopNeighbours(mopEnvironment(t, c.text, c.of)) {
			got = append(got, p.String())
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: %q, want %q", about, text, c.want)
		}
	}
}

func TestMopPlaces(t *testing.T) {
	c := load(t, mopping)
	for _, test := range []struct {
		env, account, region string
		want                 string // the places, or the error
	}{
		{"", "", "", "prod 123456789012/us-east-1, prod 123456789012/eu-west-1, prod 222222222222/us-east-1, test 222222222222/eu-west-1"},
		{"test", "", "", "test 222222222222/eu-west-1"},
		{"", "data", "vg", "prod 222222222222/us-east-1"},
		{"", "", "ie", "prod 123456789012/eu-west-1, test 222222222222/eu-west-1"},
		{"test", "shop", "", ""},
		{"prd", "", "", `no environment "prd": did you mean "prod"? (has: prod, test) — mop.environments in epoxy.yaml:`},
		{"", "dta", "", `no account "dta": did you mean "data"? (has: china, data, shop) — aws.accounts in epoxy.yaml:2`},
		{"", "", "us-east-1", `no region "us-east-1" (has: bj, ie, vg) — aws.regions in epoxy.yaml:6`},
	} {
		places, err := c.MopPlaces(test.env, test.account, test.region)
		var got []string
		for _, p := range places {
			got = append(got, p.Environment.Name+" "+p.Place.String())
		}
		if err != nil {
			got = []string{err.Error()}
		}
		if text := strings.Join(got, ", "); text != test.want && (err == nil || !strings.HasPrefix(text, test.want)) {
			t.Errorf("%q %q %q: %s, want %s", test.env, test.account, test.region, text, test.want)
		}
	}
	_, err := load(t, base).MopPlaces("", "", "vg")
	if want := "no environments: add some to mop.environments in epoxy.yaml (epoxy.example.yaml shows how)"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestMopQueues(t *testing.T) {
	text := changeIn(t, mopping, "    - { region: vg, name: terminations }\n", `    - { region: vg, name: terminations }
    - { region: bj, name: t.fifo }
    - { region: ie, account: shop, name: t, url: "http://127.0.0.1:5000/123456789012/t" }
`)
	c := load(t, text)
	want := []Queue{
		{Place: shopInVirginia, URL: "https://sqs.us-east-1.amazonaws.com/123456789012/terminations"},
		{Place: c.AWS.place("", "bj"), URL: "https://sqs.cn-north-1.amazonaws.com.cn/333333333333/t.fifo"},
		{Place: shopInVirginia.In("eu-west-1"), URL: "http://127.0.0.1:5000/123456789012/t"},
	}
	if diff := cmp.Diff(want, c.MopQueues()); diff != "" {
		t.Error(diff)
	}
	if got := c.MopTopics(); !cmp.Equal(got, []string{"arn:aws:sns:us-east-1:123456789012:terminations"}) {
		t.Error(got)
	}
}

func TestChefServers(t *testing.T) {
	c, err := read("conf/epoxy.yaml", []byte(mopping), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]ChefServer{
		"prod": {URL: "https://chef.example.com/organizations/shop", Client: "epoxy", Key: Secret{Env: "CHEF_KEY"}, Timeout: new(Duration(10 * time.Second))},
		"old": {
			URL: "https://old.example.com", Client: "epoxy", Key: Secret{File: filepath.Join("conf", "old.pem")}, CAFile: filepath.Join("conf", "ca.pem"),
			Timeout: new(Duration(30 * time.Second)),
		},
	}
	if diff := cmp.Diff(want, c.ChefServers()); diff != "" {
		t.Error(diff)
	}
}

func TestSweeps(t *testing.T) {
	c := load(t, changeIn(t, mopping, "  prod: { environment: prod }\n", "  prod: { environment: prod }\n  test: { environment: test, mode: mop, grace: 30m }\n"))
	for name, want := range map[string]Sweep{
		"prod": {Name: "prod", Environment: mopEnvironment(t, mopping, "prod"), Grace: 24 * time.Hour},
		"test": {Name: "test", Environment: mopEnvironment(t, mopping, "test"), Mop: true, Grace: 30 * time.Minute},
	} {
		got, err := c.Sweep(name)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(diff, err)
		}
	}
	if got := c.SweepNames(); !cmp.Equal(got, []string{"prod", "test"}) {
		t.Error(got)
	}
	if _, err := c.Sweep("tst"); err == nil || !strings.HasPrefix(err.Error(), `no sweep "tst": did you mean "test"? (has: prod, test) — sweeps in epoxy.yaml:`) {
		t.Error(err)
	}
}

func TestMopEnvironmentsAsJSON(t *testing.T) {
	c, err := Load(examplePath, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	sweep, err := c.Sweep("prod")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(map[string]any{"sweep": sweep, "schedules": c.Schedules(), "queues": c.MopQueues()}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/example_mop.golden.json", string(text)+"\n")
}

// A Chef server on this machine is for tests, and nobody is in between.
func TestChefOnThisMachine(t *testing.T) {
	for _, host := range []string{"http://localhost:8080", "http://127.0.0.1", "http://127.1.2.3:80/organizations/x"} {
		if got := load(t, strings.Replace(mopping, "https://old.example.com", host, 1)).ChefServers()["old"].URL; string(got) != host {
			t.Errorf("%s: %s", host, got)
		}
	}
}
