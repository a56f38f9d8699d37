package deploy_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"epoxy/internal/config"
)

// TestCIExamplesSayWhatTheCommandKnows: an example that fails is worse than none.
func TestCIExamplesSayWhatTheCommandKnows(t *testing.T) {
	known := commandFlags(t)
	for _, file := range []string{"ci/github-actions.yml", "ci/Jenkinsfile"} {
		text := read(t, file)
		_, command, found := strings.Cut(text, `"$EPOXY" bake `)
		command, _, redirected := strings.Cut(command, " > bake.json")
		if !found || !redirected {
			t.Fatalf("%s runs no bake", file)
		}
		for _, m := range regexp.MustCompile(`--([a-z-]+)`).FindAllStringSubmatch(command, -1) {
			if !slices.Contains(known, m[1]) {
				t.Errorf("%s: epoxy bake has no flag --%s (it has %v)", file, m[1], known)
			}
		}
		for _, m := range regexp.MustCompile(`--env ([A-Z_]+)`).FindAllStringSubmatch(text, -1) {
			if !strings.Contains(text, "\n"+strings.Repeat(" ", indent(file))+m[1]) {
				t.Errorf("%s passes %s on, which it does not set", file, m[1])
			}
			if !readsVariable(t, m[1]) {
				t.Errorf("%s passes %s on, which epoxy does not read", file, m[1])
			}
		}
	}
}

// indent is how deep the variables of a file stand.
func indent(file string) int {
	if strings.HasSuffix(file, ".yml") {
		return len("          ")
	}
	return len("        ")
}

// commandFlags are the flags that the source of the command defines.
func commandFlags(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, level := range config.Levels {
		out = append(out, level.String())
	}
	for _, m := range regexp.MustCompile(`VarP?\(&[\w.]+, "([a-z-]+)"`).FindAllStringSubmatch(source(t, "starter/*.go"), -1) {
		out = append(out, m[1])
	}
	return out
}

func readsVariable(t *testing.T, name string) bool {
	t.Helper()
	if strings.HasPrefix(name, "TEMPORAL_") {
		return !cmp.Equal(temporalProfile(t, nil), temporalProfile(t, map[string]string{name: "x"}))
	}
	return strings.Contains(source(t, "starter/*.go"), `"`+name+`"`)
}

func TestGitHubWorkflowIsSound(t *testing.T) {
	var workflow struct {
		Permissions map[string]string
		Jobs        map[string]struct {
			Permissions map[string]string
			Steps       []struct{ Uses, Run, ID string }
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, filepath.Join("ci", "github-actions.yml"))), &workflow); err != nil {
		t.Fatal(err)
	}
	if len(workflow.Permissions) != 0 {
		t.Errorf("the workflow gives every job %v", workflow.Permissions)
	}
	job := workflow.Jobs["bake"]
	if diff := cmp.Diff(map[string]string{"contents": "read", "id-token": "write"}, job.Permissions); diff != "" {
		t.Error(diff)
	}
	for _, step := range job.Steps {
		if step.Uses != "" && !regexp.MustCompile(`@v[0-9]`).MatchString(step.Uses) {
			t.Errorf("%s is not pinned to a version", step.Uses)
		}
	}
	if len(job.Steps) < 2 {
		t.Errorf("only %d steps", len(job.Steps))
	}
}
