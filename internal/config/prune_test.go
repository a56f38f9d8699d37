package config

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"epoxy/internal/cloud"
	"epoxy/internal/policy"
)

// pruning is a small configuration with a policy of each kind.
const pruning = `aws:
  accounts:
    shop: { id: "123456789012", role_arn: arn:aws:iam::123456789012:role/epoxy, external_id: epoxy-shop }
    data: { id: "222222222222" }
    china: { id: "333333333333", role_arn: arn:aws-cn:iam::333333333333:role/epoxy }
  regions:
    vg: { region: us-east-1, account: shop }
    ie: { region: eu-west-1, account: data }
    bj: { region: cn-north-1, account: china }
slack: { token: { env: EPOXY_SLACK_TOKEN }, channel: "#deploys" }
github: { token: { env: EPOXY_GITHUB_TOKEN } }
artifacts: { region: vg, bucket: epoxy-artifacts }
ledger: { account: data, region: vg, table: epoxy-ledger }
approvals:
  careful: { mode: ask, users: [U0123ABCD] }
  window: { mode: veto, cli: ["ann@*"] }
prune:
  images:
    defaults:
      approval: careful
      keep_newest: 20
      commit_tag: '^([0-9a-f]{7,40})$'
      github: { "*": "acme/{repository}" }
    policies:
      shop:
        region: vg
        repositories: [shop/*]
  task_definitions:
    policies:
      shop:
        region: ie
        account: shop
        families: ["*"]
        approval: window
`

var (
	shopInVirginia = cloud.Place{Account: "123456789012", Region: "us-east-1", RoleARN: "arn:aws:iam::123456789012:role/epoxy", ExternalID: "epoxy-shop"}
	dataInVirginia = cloud.Place{Account: "222222222222", Region: "us-east-1"}
)

func images(t *testing.T, text string) PruneImages {
	t.Helper()
	got, err := load(t, text).PruneImages("shop")
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestImagePolicyDefaults(t *testing.T) {
	want := PruneImages{
		PruneJob: PruneJob{
			Policy: "shop", Account: "shop", Place: shopInVirginia,
			Sources: policy.DefaultSources(), RollbackRevisions: 3, Caps: policy.Caps{MaxPercent: 50},
			Approval: ApprovalRules{
				Name: "careful", Mode: "ask", Approvers: policy.Approvers{Users: []string{"U0123ABCD"}},
				Expires: 72 * time.Hour, Remind: 24 * time.Hour, Channel: "#deploys",
			},
			Timeout: 7 * 24 * time.Hour, Channel: "#deploys",
			Artifacts: ArtifactStore{Place: shopInVirginia, Bucket: "epoxy-artifacts"},
			Ledger:    LedgerTable{Place: dataInVirginia, Table: "epoxy-ledger"},
		},
		Repositories: []string{"shop/*"},
		Rules:        policy.ImageRules{MinAge: 30 * 24 * time.Hour, KeepNewest: 20, CommitTag: "^([0-9a-f]{7,40})$"},
		GitHub:       []GitHubMatch{{"*", "acme/{repository}"}},
		// Nobody in China can use an image of another partition.
		Accounts: []NamedPlace{{"data", dataInVirginia}, {"shop", shopInVirginia}},
	}
	if diff := cmp.Diff(want, images(t, pruning)); diff != "" {
		t.Error(diff)
	}
}

func TestTaskDefinitionPolicyDefaults(t *testing.T) {
	got, err := load(t, pruning).PruneTaskDefinitions("shop")
	if err != nil {
		t.Fatal(err)
	}
	const month = 30 * 24 * time.Hour
	want := policy.TaskDefinitionRules{MinAge: month, KeepNewest: 10, Families: []string{"*"}, InactiveMinAge: month}
	if diff := cmp.Diff(want, got.Rules); diff != "" {
		t.Error(diff)
	}
	approval := ApprovalRules{
		Name: "window", Mode: "veto", Approvers: policy.Approvers{CLI: []string{"ann@*"}},
		Window: 48 * time.Hour, Expires: 72 * time.Hour, Remind: 24 * time.Hour, Channel: "#deploys",
	}
	if diff := cmp.Diff(approval, got.Approval); diff != "" {
		t.Error(diff)
	}
	if want := shopInVirginia.In("eu-west-1"); got.Place != want || got.Account != "shop" {
		t.Errorf("%s %+v, want %+v", got.Account, got.Place, want)
	}
}

// A policy's value wins over the defaults; names of GitHub repositories are added, the most specific first.
func TestPolicyWinsOverDefaults(t *testing.T) {
	got := images(t, changeIn(t, pruning, "        repositories: [shop/*]\n", `        repositories: [shop/*, tools-web]
        min_age: 60d12h
        untagged_min_age: 7d
        keep_newest: 1
        keep_by_tag: [{ pattern: "release-*", newest: 5 }]
        protect_tags: [latest, "prod-*"]
        github: { "shop/*": acme/shop, "shop/web-?": acme/web, shop/web-a: acme/web-a }
        consumers: [{ account: data, regions: [vg, ie] }, { account: shop, regions: [vg, ie] }, { account: data, regions: [ie] }]
        ignore_principals: ["*"]
        sources: [ecs, batch]
        rollback_revisions: 0
        expect_clusters: [prod]
        in_use: ["123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/web:stable"]
        in_use_objects: [{ region: ie, account: shop, bucket: lists, key: eks.txt }]
        max_delete: 500
        max_percent: 100
        approval: window
        timeout: 4d
        channel: "#prune"
`))
	want := images(t, pruning)
	want.Repositories = []string{"shop/*", "tools-web"}
	want.Rules = policy.ImageRules{
		MinAge: (60*24 + 12) * time.Hour, UntaggedMinAge: 7 * 24 * time.Hour, KeepNewest: 1,
		KeepByTag: []policy.KeepByTag{{Pattern: "release-*", Newest: 5}}, ProtectTags: []string{"latest", "prod-*"}, CommitTag: want.Rules.CommitTag,
	}
	want.GitHub = []GitHubMatch{{"shop/web-a", "acme/web-a"}, {"shop/web-?", "acme/web"}, {"shop/*", "acme/shop"}, {"*", "acme/{repository}"}}
	want.Consumers = []NamedPlace{{"data", dataInVirginia}, {"data", dataInVirginia.In("eu-west-1")}, {"shop", shopInVirginia.In("eu-west-1")}}
	want.IgnorePrincipals = []string{"*"}
	want.Sources, want.RollbackRevisions, want.ExpectClusters = []string{"ecs", "batch"}, 0, []string{"prod"}
	want.InUse = []string{"123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/web:stable"}
	want.InUseObjects = []ListedObject{{Place: shopInVirginia.In("eu-west-1"), Bucket: "lists", Key: "eks.txt"}}
	want.Caps = policy.Caps{MaxDelete: 500, MaxPercent: 100}
	want.Timeout, want.Channel = 4*24*time.Hour, "#prune"
	want.Approval = ApprovalRules{
		Name: "window", Mode: "veto", Approvers: policy.Approvers{CLI: []string{"ann@*"}},
		Window: 48 * time.Hour, Expires: 72 * time.Hour, Remind: 24 * time.Hour, Channel: "#prune",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestApprovalSettings(t *testing.T) {
	for careful, want := range map[string]ApprovalRules{
		// The question is gone before a reminder.
		`{ mode: ask, groups: [S0123ABCD], expires: 1h, channel: "#yes" }`: {
			Mode: "ask", Approvers: policy.Approvers{Groups: []string{"S0123ABCD"}}, Expires: time.Hour, Channel: "#yes",
		},
		"{ mode: ask, cli: [a@b], expires: 2d, remind: 1h }": {
			Mode: "ask", Approvers: policy.Approvers{CLI: []string{"a@b"}}, Expires: 48 * time.Hour, Remind: time.Hour, Channel: "#deploys",
		},
		"{ mode: auto }": {
			Mode: "auto", Expires: 72 * time.Hour, Remind: 24 * time.Hour, Channel: "#deploys",
		},
		"{ mode: veto, cli: [a@b], window: 2h, expires: 3h }": {
			Mode: "veto", Approvers: policy.Approvers{CLI: []string{"a@b"}}, Window: 2 * time.Hour, Expires: 3 * time.Hour, Channel: "#deploys",
		},
	} {
		want.Name = "careful"
		got := images(t, changeIn(t, pruning, "{ mode: ask, users: [U0123ABCD] }", careful)).Approval
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", careful, diff)
		}
	}
}

func TestUnknownPolicy(t *testing.T) {
	c := load(t, pruning)
	_, err := c.PruneImages("shp")
	if want := `no policy "shp": did you mean "shop"? (has: shop) — prune.images.policies in epoxy.yaml:24`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := c.PruneTaskDefinitions("x"); err == nil || !strings.Contains(err.Error(), "prune.task_definitions.policies in epoxy.yaml:29") {
		t.Error(err)
	}
	_, err = load(t, base).PruneImages("shop")
	if want := "no policies: add some to prune.images.policies in epoxy.yaml (epoxy.example.yaml shows how)"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	for _, kind := range []string{policy.PlanOfImages, policy.PlanOfTaskDefinitions} {
		if got := c.PruneNames(kind); !cmp.Equal(got, []string{"shop"}) {
			t.Errorf("%s: %v", kind, got)
		}
	}
}

// Days may be written wherever a time is, and are shown where they are whole.
func TestDurations(t *testing.T) {
	for text, want := range map[string]string{
		"30d": "30d", "720h": "30d", "1d12h": "36h", "0d": "0s", "1.5h": "1h30m", "90s": "1m30s", "2d0h0m": "2d", "100ms": "100ms",
	} {
		var d Duration
		if err := d.parse(text, false); err != nil || d.String() != want {
			t.Errorf("%s is %s, %v; want %s", text, d, err, want)
		}
	}
	for _, text := range []string{"", "d", "-1d", "1.5d", "1h1d", "1d1d", "1 d", "107000d", "99999999999d"} {
		var d Duration
		if err := d.parse(text, false); err == nil {
			t.Errorf("%q is %s", text, d)
		}
	}
}

func TestPrunePoliciesAsJSON(t *testing.T) {
	c, err := Load(examplePath, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	definitions, err := c.PruneTaskDefinitions("shop")
	if err != nil {
		t.Fatal(err)
	}
	ofImages, err := c.PruneImages("shop")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent([]any{ofImages, definitions}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/example_policies.golden.json", string(text)+"\n")
}
