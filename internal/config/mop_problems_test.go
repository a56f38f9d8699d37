package config

import "testing"

// TestMopProblems has every message about mops, sweeps and schedules, exactly, in testdata/mop_problems.golden.
func TestMopProblems(t *testing.T) {
	const (
		key   = "private_key: { env: CHEF_KEY }"
		zones = "      zones: [{ id: Z1, name: Example.com. }]\n"
		test  = "      accounts: [{ account: data, regions: [ie] }]\n"
		sweep = "  prod: { environment: prod }\n"
		job   = "    sweep: prod\n"
		when  = "    cron: \"@hourly\"\n"
	)
	prod := func(settings string) string { return zones + "      " + settings + "\n" }
	problemCases(t, mopping, "testdata/mop_problems.golden", []problemCase{
		// chef
		{"server name", "  old: {", "  \"o ld\": {"},
		{"server without anything", "  old: { url: https://old.example.com, client: epoxy, private_key: { file: old.pem }, ca_file: ca.pem, timeout: 30s }", "  old: {}"},
		{"server's url", "https://old.example.com", "chef://old.example.com"},
		{"server without TLS", "https://old.example.com", "http://old.example.com"},
		{"server that looks local", "https://old.example.com", "http://localhost.example.com"},
		{"server's client", "organizations/shop, client: epoxy", "organizations/shop, client: \"../users/x\""},
		{"key in the file", key, "private_key: hunter2"},
		{"server's timeout", "timeout: 30s", "timeout: 2m"},
		// What the sections need of each other.
		{"no artifacts", "artifacts: { region: vg, bucket: epoxy-artifacts }\n", ""},
		{"no ledger", "ledger: { account: data, region: vg, table: epoxy-ledger }\n", ""},
		{"queues without environments", "  environments:\n    prod:\n      accounts: [{ account: shop, regions: [vg, ie] }, { account: data, regions: [vg] }]\n" + zones + "    test:\n" + test, ""},
		// Queues and topics.
		{"queue", "{ region: vg, name: terminations }", "{ region: vgg, account: sop, name: \"a/b\", url: x }"},
		{"queue without anything", "{ region: vg, name: terminations }", "{}"},
		{"queue twice", "{ region: vg, name: terminations }", "{ region: vg, name: terminations }\n    - { account: shop, region: vg, name: terminations }\n    - { region: vg, name: others }\n    - { region: vg, name: x, url: \"https://sqs.us-east-1.amazonaws.com/123456789012/others\" }"},
		{"topics", "topics: [", "topics: [terminations, \"arn:aws:sns:us-east-1:123456789012:terminations\", "},
		// An environment by itself.
		{"environment's name", "    test:\n", "    te/st:\n"},
		{"no accounts", test, "      accounts: []\n"},
		{"accounts missing", test, "      channel: \"#x\"\n"},
		{"accounts", test, "      accounts: [{ account: dta, regions: [ie] }, { account: china, regions: [ie] }, { account: data, regions: [] }, { account: data, regions: [x] }, {}]\n"},
		{"place in two environments", test, "      accounts: [{ account: data, regions: [ie, vg] }]\n"},
		{"place twice", test, "      accounts: [{ account: data, regions: [ie] }, { account: data, regions: [ie] }]\n"},
		{"chef", zones, prod("chef: [prd, prod, prod]")},
		{"nothing to mop", test, test + "      chef: []\n"},
		{"zones", zones, "      zones: [{ id: /hostedzone/Z1, name: \"a b\" }, { id: Z1, name: a.example }, { id: Z1, name: a.example, region: x, account: y }, {}]\n"},
		{"groups and hooks", zones, prod("groups: [\"a:b\", x, x]\n      hooks: [\"a b\"]")},
		{"node names", zones, prod("node_names: [web, \"{node}\", \"{instnce}\", \"{name\", \"{name} x\", \"{name}/\", \"\"]")},
		{"record names", zones, prod("record_names: [web, \"{name}\", \"{hostnme}.x\", \"{node}*\"]")},
		{"shared names", zones, prod("shared_names: [\"a b\", x, X]")},
		{"times", zones, prod("patience: 0s\n      failed_wait: 8d\n      later: [10ms, 1h, 30m, 1h]\n      timeout: 1s")},
		{"breaker", zones, prod("breaker: { nodes: 0, percent: 101, window: 1s }")},
		{"unknown field", zones, prod("patiance: 5m")},
		// Settings together.
		{"no approval", "    approval: careful\n", ""},
		{"unknown approval", "approval: careful", "approval: carefu"},
		{"approval that goes on by itself", "approval: careful", "approval: window"},
		{"approval of its own", zones, prod("approval: window")},
		{"timeout below the question", zones, prod("timeout: 72h")},
		{"timeout below the last look", zones, prod("timeout: 5d\n      later: [6d]")},
		// sweeps
		{"sweep's name", "  prod: { environment: prod }", "  pr/od: { environment: prod }"},
		{"sweep", sweep, "  prod: { environment: prd, mode: mopp, grace: 5m }\n"},
		{"sweep without anything", sweep, "  prod: {}\n"},
		// schedules
		{"schedule's name", "  hourly:\n", "  hour ly:\n"},
		{"no job", job, ""},
		{"two jobs", job, job + "    prune_images: shop\n"},
		{"unknown sweep", job, "    sweep: prd\n"},
		{"unknown policies", job, "    prune_task_definitions: shop\n"},
		{"dry run of a sweep", job, job + "    dry_run: true\n"},
		{"no time", when, ""},
		{"two times", when, when + "    every: 6h\n"},
		{"cron with seconds", when, "    cron: \"0 0 3 * * *\"\n"},
		{"cron with an hour too much", when, "    cron: \"0 24 * * *\"\n"},
		{"cron with Sunday as 7", when, "    cron: \"0 3 * * 7\"\n"},
		{"cron with a time zone", when, "    cron: \"CRON_TZ=UTC 0 3 * * *\"\n"},
		{"cron of a day that never comes", when, "    cron: \"0 3 30 2 *\"\n"},
		{"cron of a day and a weekday, of which one never comes", when, "    cron: \"0 3 30 2 1\"\n"},
		{"cron with every", when, "    cron: \"@every 1h\"\n"},
		{"shorthand", when, "    cron: \"@nightly\"\n"},
		{"every", when, "    every: 30s\n"},
		{"offset", when, "    every: 1h\n    offset: 1h\n"},
		{"offset of cron", when, when + "    offset: 1h\n"},
		{"time zone", when, when + "    time_zone: Europe/Zürich\n"},
		{"time zone of this machine", when, when + "    time_zone: Local\n"},
		{"time zone of every", when, "    every: 1h\n    time_zone: Europe/Zurich\n"},
		{"overlap", when, when + "    overlap: skipp\n"},
		{"bounds", when, when + "    catch_up: 8d\n    jitter: 25h\n"},
		{"empty note", when, when + "    note: \"\"\n"},
	})
}
