// Package config reads epoxy.yaml: what Epoxy works on and where. It reports
// every mistake at once, each with its place in the file and what to change.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"

	"github.com/goccy/go-yaml/ast"
)

// DefaultPath is where the configuration is looked for, below EPOXY_CONFIG and
// the --config flag.
const DefaultPath = "epoxy.yaml"

// File is epoxy.yaml as written. A job adds its section here; the section is a
// struct with the tags of fields.go and a validate method called from check.
type File struct {
	Temporal  Temporal            `yaml:"temporal" doc:"the Temporal server; TEMPORAL_* environment variables and profiles come first"`
	AWS       AWS                 `yaml:"aws" doc:"the AWS accounts and Regions Epoxy works in"`
	Slack     Slack               `yaml:"slack" doc:"where Epoxy reports and asks; leave the section out for no messages"`
	GitHub    GitHub              `yaml:"github" doc:"where the commits of images are looked up; leave the section out when nothing needs it"`
	Worker    Worker              `yaml:"worker" doc:"the worker process"`
	Serve     Serve               `yaml:"serve" doc:"the process that takes decisions from Slack: epoxy serve"`
	Artifacts Artifacts           `yaml:"artifacts" doc:"bucket for what is too big for a history: inventories, surveys and plans; epoxy setup makes it"`
	Ledger    Ledger              `yaml:"ledger" doc:"DynamoDB table with every destructive act, for epoxy why and epoxy undo; epoxy setup makes it"`
	Approvals map[string]Approval `yaml:"approvals" doc:"who may decide about a plan, and how, under names of your choice"`
	Bake      Bake                `yaml:"bake" doc:"images and the launch templates they go into"`
	Prune     Prune               `yaml:"prune" doc:"what to delete when nobody uses it any more"`

	Chef      map[string]ChefServer       `yaml:"chef" doc:"Chef Infra Servers, under names of your choice"`
	Mop       Mop                         `yaml:"mop" doc:"what is mopped up after dead instances, and where their death is announced"`
	Sweeps    map[string]SweepSettings    `yaml:"sweeps" doc:"searches for what dead instances left behind without an event, under names of your choice: epoxy sweep NAME"`
	Schedules map[string]ScheduleSettings `yaml:"schedules" doc:"what runs when, under names of your choice: epoxy schedules diff, apply and list"`
}

// Config is a valid configuration, with the defaults of bake targets and prune
// policies and the environment applied.
type Config struct {
	File

	doc             *document
	targets         []locatedTarget
	images          map[string]PruneImages
	taskDefinitions map[string]PruneTaskDefinitions
	mops            map[string]MopEnvironment
	sweeps          map[string]Sweep
	schedules       map[string]Schedule
}

// Load reads and checks the configuration. An empty path means EPOXY_CONFIG,
// then epoxy.yaml in the working folder. Everything wrong with the file comes
// back as one *Error.
func Load(path string, env func(string) string) (*Config, error) {
	path, from := locate(path, env)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, unreadable(path, from, err)
	}
	return read(path, text, env)
}

func locate(path string, env func(string) string) (chosen, from string) {
	if path != "" {
		return path, "given with --config"
	}
	if path = env("EPOXY_CONFIG"); path != "" {
		return path, "given with EPOXY_CONFIG"
	}
	return DefaultPath, "the default; --config or EPOXY_CONFIG name another"
}

func unreadable(path, from string, err error) error {
	where, absErr := filepath.Abs(path)
	if absErr != nil {
		where = path
	}
	p := Problem{File: path, Message: fmt.Sprintf("cannot be read (%s): %v", from, err)}
	if errors.Is(err, fs.ErrNotExist) {
		p.Message = fmt.Sprintf("no configuration at %s (%s): copy epoxy.example.yaml there and fill it in", where, from)
	}
	return &Error{Problems: []Problem{p}}
}

// read is Load without the disk.
func read(path string, text []byte, env func(string) string) (*Config, error) {
	doc := newDocument(path, filepath.Dir(path), text)
	c := &Config{doc: doc}
	if root := doc.parse(text); root != nil {
		d := &decoder{doc: doc, anchors: map[string]ast.Node{}, left: maxNodes}
		d.anchorsIn(root)
		if d.value(root, reflect.ValueOf(&c.File).Elem(), doc.root()) {
			c.override(env)
			c.check()
		}
	}
	if len(doc.problems) > 0 {
		return nil, &Error{Problems: doc.report(doc.problems)}
	}
	return c, nil
}

// check holds the rules that span fields, one call for each section.
func (c *Config) check() {
	at := c.doc.root()
	c.AWS.validate(at.key("aws"))
	c.Slack.validate(at.key("slack"))
	c.GitHub.validate(at.key("github"))
	c.Artifacts.validate(at.key("artifacts"), c.AWS)
	c.Ledger.validate(at.key("ledger"), c.AWS)
	for _, name := range sortedKeys(c.Approvals) {
		checkName(at.key("approvals").key(name), name)
		c.Approvals[name].validate(at.key("approvals").key(name), c.Slack)
	}
	c.checkPrune(at)
	c.checkChef(at)
	c.checkMop(at)
	c.checkSweeps(at)
	c.checkSchedules(at)
	c.targets = c.File.Bake.validate(at.key("bake"), c.AWS)
}

// Warnings are things that may be wrong only on this machine: a secret's
// variable that is not set here, a key file that others can read.
func (c *Config) Warnings(env func(string) string) []Problem {
	var out []Problem
	for _, s := range c.doc.secrets {
		overridden := s.at.child(s.at.path).spot.variable != ""
		if message := s.ref.warning(env); message != "" && !overridden {
			out = append(out, s.at.problem("%s", message))
		}
	}
	return c.doc.report(out)
}
