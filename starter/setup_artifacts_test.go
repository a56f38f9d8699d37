package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every kind of artifact expires: the constants kind… of activities are the folders. What puts things back does not: the ledger
// names it. When manifests were read is needed only while a batch is retried.
func TestArtifactFolders(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "activities", "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	kinds := []string{"readings"}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`(?m)^(?:\t|const )kind[A-Z]\w* += "(.+)"`).FindAllSubmatch(source, -1) {
			if kind := string(found[1]); kind != "put-back" {
				kinds = append(kinds, kind)
			}
		}
	}
	slices.Sort(kinds)
	if diff := cmp.Diff(kinds, artifactFolders); diff != "" {
		t.Errorf("kinds of artifacts (-) and folders that expire (+): %s", diff)
	}
}

// The template's bucket is as setup makes it: the same folders expire, and nothing else does.
func TestTemplateExpiresTheSame(t *testing.T) {
	source, err := os.ReadFile(filepath.Join("..", "deploy", "epoxy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, rule := range regexp.MustCompile(`(?m)^ +- \{ Id: epoxy-(\S+), Prefix: (\S+)/, Status: Enabled, ExpirationInDays: 400,`).FindAllStringSubmatch(string(source), -1) {
		if rule[1] != rule[2] {
			t.Errorf("%s", rule[0])
		}
		folders = append(folders, rule[2])
	}
	if diff := cmp.Diff(artifactFolders, folders); diff != "" || strings.Count(string(source), "ExpirationInDays") != len(folders) {
		t.Errorf("setup (-) and deploy/epoxy.yaml (+): %s", diff)
	}
}
