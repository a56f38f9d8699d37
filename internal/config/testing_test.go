package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files and epoxy.schema.json")

// base is the smallest configuration with everything the cases change.
const base = `temporal:
  ui: https://temporal.example.com
aws:
  accounts:
    shop:
      id: "123456789012"
      role_arn: arn:aws:iam::123456789012:role/epoxy
  regions:
    vg: { region: us-east-1, account: shop }
slack:
  token: { env: EPOXY_SLACK_TOKEN }
  channel: "#deploys"
bake:
  defaults:
    reboot: false
  targets:
    vg:
      shop:
        web:
          prod:
            a:
              instance: i-0123456789abcdef0
              launch_template: lt-0123456789abcdef0
`

func noEnv(string) string { return "" }

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// change replaces one piece of the base configuration.
func change(t *testing.T, old, to string) string {
	t.Helper()
	return changeIn(t, base, old, to)
}

func changeIn(t *testing.T, text, old, to string) string {
	t.Helper()
	if strings.Count(text, old) != 1 {
		t.Fatalf("%q is not in the configuration once", old)
	}
	return strings.Replace(text, old, to, 1)
}

func load(t *testing.T, text string) *Config {
	t.Helper()
	c, err := read("epoxy.yaml", []byte(text), noEnv)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return c
}

func problems(t *testing.T, err error) []Problem {
	t.Helper()
	var all *Error
	if !errors.As(err, &all) || len(all.Problems) == 0 {
		t.Fatalf("not an *Error with problems: %v", err)
	}
	return all.Problems
}

// golden compares with a file below testdata, or writes it with -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got), -update writes it:\n%s", path, diff)
	}
}
