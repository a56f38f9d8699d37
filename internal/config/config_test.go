package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	examplePath = "../../epoxy.example.yaml"
	schemaPath  = "../../epoxy.schema.json"
)

func TestExampleLoads(t *testing.T) {
	c, err := Load(examplePath, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(c.BakeTargets(Selector{})); got != 4 {
		t.Errorf("%d targets", got)
	}
	// EPOXY_SLACK_TOKEN, EPOXY_SLACK_SIGNING_SECRET and EPOXY_GITHUB_TOKEN are not set.
	if got := len(c.Warnings(noEnv)); got != 3 {
		t.Errorf("%d warnings: %v", got, c.Warnings(noEnv))
	}
}

// The example shows every field there is, if only in a comment.
func TestExampleIsComplete(t *testing.T) {
	text, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	for path := range yamlFields() {
		name := path[strings.LastIndex(path, ".")+1:]
		if !strings.Contains(string(text), name+":") {
			t.Errorf("epoxy.example.yaml does not mention %s", path)
		}
	}
}

func TestLocate(t *testing.T) {
	dir := t.TempDir()
	named, fromEnv := filepath.Join(dir, "named.yaml"), filepath.Join(dir, "env.yaml")
	for path, ui := range map[string]string{named: "https://named", fromEnv: "https://env", filepath.Join(dir, "epoxy.yaml"): "https://default"} {
		if err := os.WriteFile(path, []byte("temporal: { ui: \""+ui+"\" }\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	for _, c := range []struct {
		path string
		env  func(string) string
		want URL
	}{
		{named, env("EPOXY_CONFIG", fromEnv), "https://named"},
		{"", env("EPOXY_CONFIG", fromEnv), "https://env"},
		{"", noEnv, "https://default"},
	} {
		got, err := Load(c.path, c.env)
		if err != nil || got.Temporal.UI != c.want {
			t.Errorf("Load(%q): %v, want %s", c.path, err, c.want)
		}
	}
}

func TestNoFile(t *testing.T) {
	t.Chdir(t.TempDir())
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, env, want string }{
		{"", "", "epoxy.yaml: no configuration at DIR/epoxy.yaml (the default; --config or EPOXY_CONFIG name another): copy epoxy.example.yaml there and fill it in"},
		{"", "e.yaml", "e.yaml: no configuration at DIR/e.yaml (given with EPOXY_CONFIG): copy epoxy.example.yaml there and fill it in"},
		{"f.yaml", "e.yaml", "f.yaml: no configuration at DIR/f.yaml (given with --config): copy epoxy.example.yaml there and fill it in"},
		{".", "", ".: cannot be read (given with --config): read .: is a directory"},
	} {
		_, err := Load(c.path, env("EPOXY_CONFIG", c.env))
		if got := strings.ReplaceAll(err.Error(), dir, "DIR"); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestEmptyFile(t *testing.T) {
	for _, text := range []string{"", "\n", "---\n", "# nothing\n"} {
		_, err := read("epoxy.yaml", []byte(text), noEnv)
		if err == nil || problems(t, err)[0].Message != "the file is empty: start from epoxy.example.yaml" {
			t.Errorf("%q: %v", text, err)
		}
	}
	_, err := read("epoxy.yaml", make([]byte, maxSize+1), noEnv)
	if err == nil || !strings.Contains(err.Error(), "is this the right file?") {
		t.Errorf("too large: %v", err)
	}
}

func TestRulersAreNotNesting(t *testing.T) {
	load(t, "# "+strings.Repeat("-", 200)+"\n# "+strings.Repeat("[] ", 200)+"\n"+base)
}

func TestEmptySectionsAreFine(t *testing.T) {
	c := load(t, "temporal:\naws:\nslack:\nworker:\nbake:\n  targets:\n")
	if c.Slack.Enabled() {
		t.Error("Slack without a token")
	}
	_, err := c.Bake(Selector{Region: "vg"})
	if want := "no bake targets: add some to bake.targets in epoxy.yaml (epoxy.example.yaml shows how)"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestWindowsFile(t *testing.T) {
	text := "\ufeff" + strings.ReplaceAll(base, "\n", "\r\n")
	load(t, text)
	_, err := read("epoxy.yaml", []byte(strings.Replace(text, "reboot:", "rebot:", 1)), noEnv)
	if err == nil || problems(t, err)[0].Line != 15 {
		t.Errorf("wrong line: %v", err)
	}
}

func TestEnvironmentWins(t *testing.T) {
	variables := env(
		"EPOXY_TEMPORAL_UI", "http://127.0.0.1:8233/", "EPOXY_SLACK_TOKEN", "xoxb-1", "EPOXY_SLACK_API_URL", "http://127.0.0.1:1/api",
		"EPOXY_SLACK_CHANNEL", "#other", "EPOXY_METRICS_ADDRESS", ":9091", "EPOXY_SERVE_ADDRESS", ":8081",
		"EPOXY_SLACK_SIGNING_SECRET", "s", "EPOXY_SLACK_APP_TOKEN", "xapp-1",
		"EPOXY_GITHUB_TOKEN", "t", "EPOXY_GITHUB_API_URL", "http://127.0.0.1:2/",
	)
	app := "github: { app: { id: 1, installation_id: 2, private_key: { env: NOT_THERE } } }\n"
	for _, text := range []string{base, "bake: {}\n", app, change(t, "env: EPOXY_SLACK_TOKEN", "file: not-there")} {
		c, err := read("epoxy.yaml", []byte(text), variables)
		if err != nil {
			t.Fatal(err)
		}
		want := File{
			Temporal: Temporal{UI: "http://127.0.0.1:8233"},
			Slack: Slack{
				Token: Secret{Env: "EPOXY_SLACK_TOKEN"}, Channel: "#other", APIURL: "http://127.0.0.1:1/api",
				SigningSecret: Secret{Env: "EPOXY_SLACK_SIGNING_SECRET"}, AppToken: Secret{Env: "EPOXY_SLACK_APP_TOKEN"},
			},
			GitHub: GitHub{Token: Secret{Env: "EPOXY_GITHUB_TOKEN"}, APIURL: "http://127.0.0.1:2"},
			Worker: Worker{MetricsAddress: ":9091"},
			Serve:  Serve{Address: ":8081"},
			AWS:    c.AWS, Bake: c.File.Bake,
		}
		if diff := cmp.Diff(want, c.File); diff != "" {
			t.Error(diff)
		}
		if w := c.Warnings(variables); len(w) > 0 {
			t.Errorf("warns about what is overridden: %v", w)
		}
	}
}

func TestEnvironmentIsChecked(t *testing.T) {
	_, err := read("epoxy.yaml", []byte(base), env("EPOXY_SLACK_CHANNEL", "two words", "EPOXY_TEMPORAL_UI", "x"))
	want := `environment variable EPOXY_SLACK_CHANNEL: slack.channel: "two words" is neither a Slack channel such as "#deploys" nor a channel id such as C0123456789
environment variable EPOXY_TEMPORAL_UI: temporal.ui: "x" is not a base URL: https://host or https://host/path, without user, query or fragment`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestWarnings(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "slack.token")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]string{
		"env: EPOXY_TEST_UNSET":              "environment variable EPOXY_TEST_UNSET is not set here",
		"file: " + path:                      "can be read by others (-rw-r--r--): chmod 600 it",
		"file: not-there":                    "file not-there cannot be read here",
		"ssm: /epoxy/slack":                  "",
		"secretsmanager: epoxy/slack":        "",
		"s3: {bucket: b, key: k, kms: true}": "",
	} {
		got := load(t, change(t, "env: EPOXY_SLACK_TOKEN", ref)).Warnings(noEnv)
		switch {
		case want == "" && len(got) > 0, want != "" && len(got) != 1:
			t.Errorf("%s: %v", ref, got)
		case want != "" && !strings.Contains(got[0].Message, want):
			t.Errorf("%s: %s, want %s", ref, got[0].Message, want)
		}
	}
}

func TestColorOnlyOnRequest(t *testing.T) {
	_, err := read("epoxy.yaml", []byte(change(t, "reboot: false", "reboot: \x1b[31mno")), noEnv)
	if strings.Contains(err.Error(), "\x1b") {
		t.Errorf("escape codes in %q", err.Error())
	}
	all := &Error{Problems: []Problem{{File: "f", Line: 7, Column: 3, Path: "a.b", Message: "wrong", Excerpt: "a b"}}}
	if got, want := all.Format(true), "\x1b[1;31mf:7:3: a.b: wrong\x1b[0m\n\x1b[1;31m>\x1b[0m 7 | a b\n        \x1b[1;31m^\x1b[0m"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestManyProblems(t *testing.T) {
	var text strings.Builder
	for i := range 200 {
		text.WriteString("unknown" + strings.Repeat("x", i) + ": 1\n")
	}
	_, err := read("epoxy.yaml", []byte(text.String()), noEnv)
	if all := problems(t, err); len(all) != 200 || !strings.HasSuffix(err.Error(), "… and 150 more") {
		t.Errorf("%d problems: %.300s", len(all), err)
	}
}
