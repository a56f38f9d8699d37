package config

import (
	"fmt"
	"strings"
	"testing"
)

const (
	target   = "              launch_template: lt-0123456789abcdef0\n"
	settings = "    reboot: false\n"
	tokenRef = "  token: { env: EPOXY_SLACK_TOKEN }\n"
)

// add puts lines into the target, or with settings into bake.defaults.
func add(lines ...string) string {
	return target + "              " + strings.Join(lines, "\n              ") + "\n"
}

// TestProblems has every message, exactly, in testdata/problems.golden.
func TestProblems(t *testing.T) {
	problemCases(t, base, "testdata/problems.golden", []problemCase{
		// The file as such.
		{"not yaml", "slack:", "slack: [\n"},
		{"tab", "  channel:", "\tchannel:"},
		{"brackets", "slack:", "slack: " + strings.Repeat("[", 101) + "\nx:"},
		{"dashes", "slack:", strings.Repeat("- ", 101) + "\nslack:"},
		{"second document", "slack:", "---\nslack:"},
		{"unknown section", "slack:", "slak:"},
		{"unknown field, near", "reboot: false", "rebot: false"},
		{"unknown field, far", "reboot: false", "zzzzzz: false"},
		{"unknown field of a target", target, add("reboot: true", "launch_templates: x")},
		{"duplicate key", settings, settings + settings},
		{"duplicate target", "            a:\n", "            a: {}\n            a:\n"},
		{"tag", "reboot: false", "reboot: !!bool false"},
		{"unknown alias", "reboot: false", "reboot: *no"},
		{"circular merge", "reboot: false", "refresh: &r\n      <<: *r"},
		{"anchor twice", "reboot: false", "copy_to: [&a eu-west-1, &a eu-west-2]"},
		{"list for mapping", "    shop:\n      id:", "    - shop:\n      id:"},
		{"text for mapping", "    reboot: false", "    nonsense"},
		{"mapping for text", "  channel: \"#deploys\"", "  channel: { a: b }"},
		{"complex key", "reboot: false", "tags: { ? [a] : b }"},
		// Types.
		{"text for bool", "reboot: false", "reboot: yes"},
		{"nothing for bool", "reboot: false", "reboot:"},
		{"number for text", "reboot: false", "tags: { a: 1 }"},
		{"text for number", "reboot: false", "refresh: { min_healthy_percentage: 90% }"},
		{"float for number", "reboot: false", "refresh: { min_healthy_percentage: 9.5 }"},
		{"text for list", "reboot: false", "copy_to: eu-west-1"},
		{"duration without unit", "reboot: false", "poll_interval: 30"},
		{"duration in words", "reboot: false", "image_timeout: 2 days"},
		{"duration with days last", "reboot: false", "image_timeout: 1h2d"},
		{"duration too long", "reboot: false", "image_timeout: 200000d"},
		{"empty text", target, add("refresh: { alarms: [\"\"] }")},
		// temporal, worker
		{"ui", "https://temporal.example.com", "temporal.example.com"},
		{"ui with user", "https://temporal.example.com", "https://me:pw@temporal.example.com"},
		{"address", "slack:", "worker: { metrics_address: 9090 }\nslack:"},
		{"address port", "slack:", "worker: { metrics_address: \"127.0.0.1:99999\" }\nslack:"},
		// aws
		{"account id unquoted", `"123456789012"`, "123456789012"},
		{"account id unquoted, leading zero", `"123456789012"`, "012345678901"},
		{"account id lost zeros", `"123456789012"`, "12345678901"},
		{"account id short", `"123456789012"`, `"1234"`},
		{"account id missing", `      id: "123456789012"` + "\n", ""},
		{"role", "arn:aws:iam::123456789012:role/epoxy", "epoxy"},
		{"role of another account", "arn:aws:iam::123456789012", "arn:aws:iam::123456789013"},
		{"role of another partition", "arn:aws:iam::123456789012", "arn:aws-cn:iam::123456789012"},
		{"external id without role", "role_arn: arn:aws:iam::123456789012:role/epoxy", "external_id: x1"},
		{"external id", "  regions:", "      external_id: a b\n  regions:"},
		{"account name", "    shop:\n      id", "    sh op:\n      id"},
		{"region id", "us-east-1", "us-east"},
		{"region account", "account: shop }", "account: shp }"},
		{"region without account", ", account: shop }", "}"},
		// slack
		{"slack without token", tokenRef, ""},
		{"slack without channel", "  channel: \"#deploys\"\n", ""},
		{"channel starts a comment", `"#deploys"`, "#deploys"},
		{"channel without #", `"#deploys"`, "Deploys"},
		{"channel", `"#deploys"`, `"# deploys"`},
		// secrets
		{"literal token", tokenRef, "  token: hunter2-hunter2\n"},
		{"literal number", tokenRef, "  token: 12345678\n"},
		{"literal in flow", tokenRef, "  token: {hunter2-hunter2}\n"},
		{"literal as list", tokenRef, "  token: [hunter2-hunter2]\n"},
		{"literal as env", tokenRef, "  token: { env: hunter2-hunter2 }\n"},
		{"literal under a misspelt key", tokenRef, "  tokn: hunter2-hunter2\n"},
		{"literal under an unknown key", tokenRef, "  password: hunter2-hunter2\n"},
		{"literal over lines", tokenRef, "  token: |\n    hunter2-hunter2\n  chanel: y\n"},
		{"token empty", tokenRef, "  token:\n"},
		{"token without reference", tokenRef, "  token: {}\n"},
		{"token with two references", tokenRef, "  token: { env: A, file: b }\n"},
		{"secret empty", tokenRef, "  token: { file: \"\" }\n"},
		{"secret empty name", tokenRef, "  token: { secretsmanager: \"\" }\n"},
		{"secret swallowed", "    shop:\n      id: \"123456789012\"", "    shop:\n      id: \"123456789012\n      token: hunter2\""},
		{"secret field", tokenRef, "  token: { secretsmanager: { name: x } }\n"},
		{"secret s3 in clear", tokenRef, "  token: { s3: { bucket: b, key: k, kms: false } }\n"},
		{"secret s3 incomplete", tokenRef, "  token: { s3: { bucket: b } }\n"},
		{"secret duplicate", tokenRef, "  token: { env: A, env: B }\n"},
		// bake: targets
		{"no such region", "    vg:\n      shop", "    vgg:\n      shop"},
		{"cut off", "          prod:", "          release: {}\n          prod:"},
		{"group name", "            a:\n", "            -a b:\n"},
		{"names too long", "      shop:\n        web", "      " + strings.Repeat("s", 101) + ":\n        web"},
		{"instance missing", "              instance: i-0123456789abcdef0\n", ""},
		{"instance", "i-0123456789abcdef0", "i-0123"},
		{"launch template name", "lt-0123456789abcdef0", "shop web's"},
		{"launch template id", "lt-0123456789abcdef0", "lt-0123456789ABCDEF0"},
		{"same launch template", target, target + "            b: { instance: i-0123456789abcdef0, launch_template: lt-0123456789abcdef0 }\n"},
		{"same image name", "        web:", "        web-prod: { a: { b: { instance: i-0123456789abcdef0, launch_template: lt-01234567 } } }\n" +
			"        web: { prod-a: { b: { instance: i-0123456789abcdef0, launch_template: lt-01234568 } } }\n        x:"},
		{"same ssm parameter", "            a:\n", "            b: &b { instance: i-01234567, launch_template: lt-01234567, publish: ssm, ssm_parameter: /i }\n" +
			"            c: { <<: *b, launch_template: lt-01234568 }\n            a:\n"},
		// bake: settings by themselves
		{"account", target, add("account: shopp")},
		{"image timeout", target, add("image_timeout: 5m")},
		{"poll interval", target, add("poll_interval: 100ms")},
		{"copy to", target, add("copy_to: [us-east, eu-west-1, eu-west-1, us-east-1, cn-north-1]")},
		{"share with", target, add("share_with: [123456789012, \"123456789012\", \"345678901234\", \"345678901234\"]")},
		{"source", target, add("source: newest")},
		{"source zero", target, add("source: 0")},
		{"publish", target, add("publish: lates")},
		{"ssm parameter", target, add("publish: ssm", "ssm_parameter: a/b")},
		{"ssm parameter reserved", target, add("publish: ssm", "ssm_parameter: /aws/b")},
		{"group", target, add("auto_scaling_group: arn:aws:x")},
		{"tags", target, add("tags: { \"AWS:a\": b, \"epoxy:a\": b, \"" + strings.Repeat("k", 129) + "\": b, c: \"" + strings.Repeat("v", 257) + "\" }")},
		{"alarms", target, add("auto_scaling_group: g", "refresh: { alarms: [a, b, c, d, e, f, g, h, i, j, a] }")},
		// bake: settings together
		{"ssm without parameter", target, add("publish: ssm")},
		{"parameter without ssm", target, add("ssm_parameter: /a")},
		{"pinned without group", target, add("publish: pinned")},
		{"source pinned without publish", target, add("source: pinned")},
		{"refresh without group", target, add("refresh: {}")},
		{"refresh from defaults without group", settings, "    refresh: {}\n"},
		{"refresh empty", target, add("auto_scaling_group: g", "refresh:")},
		{"refresh word", target, add("auto_scaling_group: g", "refresh: off")},
		{"percentages", target, add("auto_scaling_group: g", "refresh: { min_healthy_percentage: 101, max_healthy_percentage: 99 }")},
		{"percentages apart", target, add("auto_scaling_group: g", "refresh: { min_healthy_percentage: 50, max_healthy_percentage: 200 }")},
		{"max without min", target, add("auto_scaling_group: g", "refresh: { max_healthy_percentage: 110 }")},
		{"checkpoints", target, add("auto_scaling_group: g", "refresh: { checkpoint_percentages: [0, 50, 50, 101] }")},
		{"delay without checkpoints", target, add("auto_scaling_group: g", "refresh: { checkpoint_delay: 1h }")},
		{"refresh timeout", target, add("auto_scaling_group: g", "refresh: { checkpoint_percentages: [10, 50, 100], checkpoint_delay: 3h, bake_time: 49h }")},
		{"refresh waits", target, add("auto_scaling_group: g", "refresh: { checkpoint_percentages: [10, 50, 100], checkpoint_delay: 3h }")},
	})
}

type problemCase struct{ name, old, to string }

// problemCases replaces a piece of text in each case, and compares all that is said about it with a golden file.
func problemCases(t *testing.T, text, path string, cases []problemCase) {
	t.Helper()
	var out strings.Builder
	seen := map[string]bool{}
	for _, c := range cases {
		if seen[c.name] {
			t.Fatalf("two cases are called %q", c.name)
		}
		seen[c.name] = true
		_, err := read("epoxy.yaml", []byte(changeIn(t, text, c.old, c.to)), noEnv)
		if err == nil {
			t.Errorf("%s: no problem found", c.name)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the secret is in the message:\n%v", c.name, err)
		}
		fmt.Fprintf(&out, "# %s\n%v\n\n", c.name, err)
	}
	golden(t, path, out.String())
}
