package deploy_test

import (
	"go/version"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pinned is a tag that begins with a version of at least two numbers.
var pinned = regexp.MustCompile(`^[a-z0-9./-]+:v?[0-9]+\.[0-9]+[a-z0-9.-]*$`)

func TestImagesArePinnedAndBuildable(t *testing.T) {
	dockerfiles := map[string][]string{filepath.Join(root, "Dockerfile"): {"worker", "epoxy"}}
	for name, service := range compose(t).Services {
		switch build := service.Build; {
		case build == nil && !pinned.MatchString(service.Image):
			t.Errorf("%s runs %q, which is not pinned to a version", name, service.Image)
		case build != nil:
			file := filepath.Join(build.Context, "Dockerfile")
			dockerfiles[file] = append(dockerfiles[file], build.Target)
		}
	}
	for file, targets := range dockerfiles {
		stages := stagesOf(t, file)
		for _, target := range targets {
			if target != "" && !slices.Contains(stages, target) {
				t.Errorf("%s has no target %q", file, target)
			}
		}
	}
}

var (
	from     = regexp.MustCompile(`(?m)^FROM (?:--platform=\S+ )?(\S+)(?: AS (\S+))?$`)
	copied   = regexp.MustCompile(`(?m)^COPY ([a-z][^-\n]*)$`)
	copyFrom = regexp.MustCompile(`(?m)^COPY --from=(\S+)`)
)

// stagesOf checks a Dockerfile's images and what it copies, and returns the names of its stages.
func stagesOf(t *testing.T, file string) []string {
	t.Helper()
	text := read(t, file)
	var stages []string
	for _, m := range from.FindAllStringSubmatch(text, -1) {
		if m[1] != "scratch" && !slices.Contains(stages, m[1]) && !pinned.MatchString(m[1]) {
			t.Errorf("%s is from %q, which is neither pinned nor a stage", file, m[1])
		}
		stages = append(stages, m[2])
	}
	for _, m := range copyFrom.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(stages, m[1]) {
			t.Errorf("%s copies from %q, which is no stage", file, m[1])
		}
	}
	let := strings.Split(read(t, filepath.Join(filepath.Dir(file), ".dockerignore")), "\n")
	for _, m := range copied.FindAllStringSubmatch(text, -1) {
		words := strings.Fields(m[1])
		for _, source := range words[:len(words)-1] {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), source)); err != nil {
				t.Errorf("%s copies %s: %v", file, source, err)
			}
			if !slices.Contains(let, "!"+source) {
				t.Errorf("%s copies %s, which .dockerignore keeps out", file, source)
			}
		}
	}
	return stages
}

func TestDockerfileBuildsWithARecentGo(t *testing.T) {
	m := regexp.MustCompile(`(?m)^FROM .*golang:([0-9.]+)`).FindStringSubmatch(read(t, filepath.Join(root, "Dockerfile")))
	want := regexp.MustCompile(`(?m)^(?:go |toolchain go)([0-9.]+)$`).FindAllStringSubmatch(read(t, filepath.Join(root, "go.mod")), -1)
	if m == nil || want == nil {
		t.Fatalf("Go is %v in the Dockerfile, %v in go.mod", m, want)
	}
	for _, w := range want {
		if version.Compare("go"+m[1], "go"+w[1]) < 0 {
			t.Errorf("the Dockerfile builds with Go %s, go.mod asks for %s", m[1], w[1])
		}
	}
}
