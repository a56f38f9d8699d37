package config

import "testing"

const (
	imagePolicy = "        repositories: [shop/*]\n"
	definitions = "        families: [\"*\"]\n"
)

// inImages puts lines into the policy for images.
func inImages(line string) string { return imagePolicy + "        " + line + "\n" }

// TestPruneProblems has every message about prunes, exactly, in testdata/prune_problems.golden.
func TestPruneProblems(t *testing.T) {
	const artifacts = "artifacts: { region: vg, bucket: epoxy-artifacts }"
	const ledger = "ledger: { account: data, region: vg, table: epoxy-ledger }"
	const github = "github: { token: { env: EPOXY_GITHUB_TOKEN } }"
	const careful = "{ mode: ask, users: [U0123ABCD] }"
	problemCases(t, pruning, "testdata/prune_problems.golden", []problemCase{
		// What the sections need of each other.
		{"no artifacts", artifacts + "\n", ""},
		{"no ledger", ledger + "\n", ""},
		{"empty artifacts", artifacts, "artifacts:"},
		{"artifacts", artifacts, "artifacts: { account: shp, region: vgg, bucket: Epoxy }"},
		{"artifacts in another partition", artifacts, "artifacts: { account: china, region: vg, bucket: epoxy }"},
		{"ledger", ledger, "ledger: { region: us-east-1, table: x }"},
		{"no github", github + "\n", ""},
		{"github with token and app", github, "github: { token: { env: A }, app: { id: 1, installation_id: 2, private_key: { env: B } } }"},
		{"github without either", github, "github: { api_url: https://github.example.com/api/v3 }"},
		{"github app", github, "github: { app: { id: 0, installation_id: x, private_key: hunter2 } }"},
		{"slack secrets alone", "slack: { token: { env: EPOXY_SLACK_TOKEN }, channel: \"#deploys\" }", "slack: { signing_secret: { env: A } }"},
		{"serve", "artifacts:", "serve: { address: 8080 }\nartifacts:"},
		// approvals
		{"approval name", "  careful:", "  \"care ful\": { mode: auto }\n  careful:"},
		{"approval without mode", careful, "{ users: [U0123ABCD] }"},
		{"mode", careful, "{ mode: aks, users: [U0123ABCD] }"},
		{"nobody decides", careful, "{ mode: ask }"},
		{"nobody objects", careful, "{ mode: veto, users: [] }"},
		{"people", careful, "{ mode: ask, users: [ann, U0123ABCD, U0123ABCD], groups: [\"@ops\"], cli: [ann] }"},
		{"window without veto", careful, "{ mode: ask, cli: [a@b], window: 2h }"},
		{"times", careful, "{ mode: ask, cli: [a@b], expires: 61d, remind: 1s }"},
		{"reminder too late", careful, "{ mode: ask, cli: [a@b], expires: 2h, remind: 2h }"},
		{"Slack decides, but there is none", "slack: { token: { env: EPOXY_SLACK_TOKEN }, channel: \"#deploys\" }\n", ""},
		// A policy by itself.
		{"policy name", "      shop:\n        region: vg", "      sh/op:\n        region: vg"},
		{"policy without anything", "        region: vg\n" + imagePolicy, "        {}\n"},
		{"unknown field", imagePolicy, inImages("keep_newst: 3")},
		{"region", "region: vg\n        repositories", "region: vgg\n        repositories"},
		{"account", imagePolicy, inImages("account: sop")},
		{"account in another partition", imagePolicy, inImages("account: china")},
		{"repositories", imagePolicy, "        repositories: [Shop/*, /shop, shop/*, shop/*]\n"},
		{"no repositories", imagePolicy, "        repositories: []\n"},
		{"ages", imagePolicy, inImages("min_age: 30s\n        untagged_min_age: 11y\n        timeout: 30s")},
		{"counts", imagePolicy, inImages("keep_newest: 0\n        max_delete: 0\n        max_percent: 101\n        rollback_revisions: -1")},
		{"keep by tag", imagePolicy, inImages("keep_by_tag: [{ pattern: \"a b\" }, { newest: 0 }]")},
		{"protected tags", imagePolicy, inImages("protect_tags: [\":x\", a, a]")},
		{"commit tag", imagePolicy, inImages("commit_tag: \"(\"")},
		{"commit tag without group", imagePolicy, inImages("commit_tag: \"[0-9a-f]+\"")},
		{"github names", imagePolicy, inImages("github: { shop: shop, \"A B\": acme/x, \"s/*\": \"acme/{repo}\" }")},
		{"consumers", imagePolicy, inImages("consumers: [{ account: dta, regions: [vg, vgg] }, { account: china, regions: [vg] }, { account: data, regions: [] }, {}]")},
		{"sources", imagePolicy, inImages("sources: [ecss, lambda, lambda]")},
		{"no sources", imagePolicy, inImages("sources: []")},
		{"clusters", imagePolicy, inImages("expect_clusters: [arn:aws:ecs:us-east-1:1:cluster/x, prod, prod]")},
		{"in use", imagePolicy, inImages("in_use: [shop/web:1, \"123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/web@sha256:12\", nginx]")},
		{"lists", imagePolicy, inImages("in_use_objects: [{ region: vgg, bucket: B, key: \"\" }, {}]")},
		{"unknown approval", "approval: careful", "approval: carefu"},
		{"empty approval", "approval: careful", "approval: \"\""},
		{"in use as an image", definitions, definitions + "        in_use: [shop-web:7]\n"},
		{"families", definitions, "        families: [\"a/b\"]\n        protect_families: [a, a]\n"},
		// Settings together.
		{"no approval", "      approval: careful\n", ""},
		{"no approval of its own", "        approval: window\n", ""},
		{"timeout below the question", imagePolicy, inImages("timeout: 72h")},
		{"timeout below the window", definitions, definitions + "        timeout: 2d\n"},
		{"github without commit tag", "      commit_tag: '^([0-9a-f]{7,40})$'\n", ""},
		{"commit tag without github", "      github: { \"*\": \"acme/{repository}\" }\n    policies:\n      shop:\n", "    policies:\n      shop:\n        commit_tag: (.*)\n"},
		{"task definitions without ecs", definitions, definitions + "        sources: [batch]\n"},
	})
}
