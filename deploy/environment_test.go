package deploy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/contrib/envconfig"

	epoxyconfig "epoxy/internal/config"
)

func TestWorkerReadsItsEnvironment(t *testing.T) {
	env := values(compose(t).Services["worker"])
	code := source(t, "worker/*.go", "internal/*/*.go")
	for name := range env {
		used := false
		switch {
		case strings.HasPrefix(name, "EPOXY_"):
			used = strings.Contains(code, `"`+name+`"`)
		case strings.HasPrefix(name, "TEMPORAL_"):
			used = !cmp.Equal(temporalProfile(t, env), temporalProfile(t, without(env, name)))
		case strings.HasPrefix(name, "AWS_"):
			used = !cmp.Equal(awsEnvironment(t, env), awsEnvironment(t, without(env, name)))
		}
		if !used {
			t.Errorf("nothing reads the worker's %s", name)
		}
	}
}

// source is the Go source behind the patterns, without its tests.
func source(t *testing.T, patterns ...string) string {
	t.Helper()
	var all strings.Builder
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				all.WriteString(read(t, file))
			}
		}
	}
	return all.String()
}

func temporalProfile(t *testing.T, env map[string]string) envconfig.ClientConfigProfile {
	t.Helper()
	profile, err := envconfig.LoadClientConfigProfile(envconfig.LoadClientConfigProfileOptions{
		DisableFile: true, EnvLookup: lookup(env),
	})
	if err != nil {
		t.Fatal(err)
	}
	return profile
}

// lookup is an environment for envconfig.
type lookup map[string]string

func (l lookup) LookupEnv(name string) (string, bool) {
	value, ok := l[name]
	return value, ok
}

func (l lookup) Environ() []string {
	var all []string
	for name, value := range l {
		all = append(all, name+"="+value)
	}
	return all
}

// awsEnvironment is all that the SDK takes from the environment, as text.
func awsEnvironment(t *testing.T, env map[string]string) string {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "") // and is put back after the test
		}
	}
	for name, value := range env {
		if strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, value)
		}
	}
	taken, err := config.NewEnvConfig()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%+v", taken)
}

func without(env map[string]string, name string) map[string]string {
	out := map[string]string{}
	for k, v := range env {
		if k != name {
			out[k] = v
		}
	}
	return out
}

func TestComposeConfiguresTheWorker(t *testing.T) {
	project := compose(t)
	worker := project.Services["worker"]
	env := values(worker)
	for _, mounted := range worker.Configs {
		if mounted.Target != env["EPOXY_CONFIG"] {
			continue
		}
		file := filepath.Join(t.TempDir(), "epoxy.yaml")
		if err := os.WriteFile(file, []byte(project.Configs[mounted.Source].Content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := epoxyconfig.Load(file, func(name string) string { return env[name] }); err != nil {
			t.Error(err)
		}
		return
	}
	t.Errorf("nothing is at EPOXY_CONFIG=%s", env["EPOXY_CONFIG"])
}
