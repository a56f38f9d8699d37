package deploy_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const bootstrapTopic = "arn:aws:sns:us-east-1:123456789012:epoxy-nodes"

// broken is what is wrong with a machine.
type broken struct {
	metadata http.HandlerFunc  // instead of one that works
	refuses  int               // how many publications SNS answers with 500
	fakes    map[string]string // commands
}

// machine is an instance on which the bootstrap script runs: a metadata service, an SNS, and commands in a PATH of its own.
type machine struct {
	*testing.T
	broken

	mu     sync.Mutex
	log    string              // file with what happened, in order
	said   []map[string]string // messages that SNS took
	tokens int                 // sessions that the metadata service was asked for
}

// asked is the metadata service, version 2, as EC2 has it.
func (m *machine) asked(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPut {
		m.mu.Lock()
		m.tokens++
		m.mu.Unlock()
	}
	if m.metadata != nil {
		m.metadata(w, r)
		return
	}
	answer, known := map[string]string{
		"/latest/api/token": "session", "/latest/meta-data/local-ipv4": "10.0.0.7", "/latest/meta-data/instance-id": "i-0123456789abcdef0",
		"/latest/meta-data/placement/region": "us-east-1", "/latest/dynamic/instance-identity/document": "{\n  \"accountId\" : \"123456789012\",\n  \"x\" : 1\n}",
		"/latest/meta-data/iam/security-credentials/":    "web",
		"/latest/meta-data/iam/security-credentials/web": "{\n  \"AccessKeyId\" : \"ASIAEXAMPLE\",\n  \"SecretAccessKey\" : \"s/e+c\",\n  \"Token\" : \"to/k+en==\"\n}",
	}[r.URL.Path]
	switch {
	case !known:
		w.WriteHeader(http.StatusNotFound)
	case r.Method != http.MethodPut && r.Header.Get("X-aws-ec2-metadata-token") != "session":
		w.WriteHeader(http.StatusUnauthorized)
	default:
		fmt.Fprint(w, answer)
	}
}

// publish is SNS.
func (m *machine) publish(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var message map[string]any
	err := json.Unmarshal([]byte(r.FormValue("Message")), &message)
	signed := strings.Contains(r.Header.Get("Authorization"), "Credential=ASIAEXAMPLE/") && r.Header.Get("X-Amz-Security-Token") == "to/k+en=="
	if err != nil || !signed || r.FormValue("Action") != "Publish" || r.FormValue("TopicArn") != bootstrapTopic {
		m.Errorf("SNS got %v with %v: %v", r.Form, r.Header, err)
	}
	if m.refuses > 0 {
		m.refuses--
		m.note("SNS refuses")
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	m.note("SNS takes")
	texts := map[string]string{}
	for key, value := range message {
		texts[key] = fmt.Sprint(value)
	}
	m.said = append(m.said, texts)
}

func (m *machine) note(line string) {
	f, err := os.OpenFile(m.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(f, line)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		m.Error(err)
	}
}

// run runs the script with a shell.
func (m *machine) run(shell []string, arguments ...string) (out string, code int, happened []string) {
	m.Helper()
	dir := m.TempDir()
	m.log = filepath.Join(dir, "log")
	scripts := map[string]string{"sleep": ":", "cfn-signal": `echo "cfn-signal $*" >> ` + m.log}
	for _, name := range []string{"sh", "curl", "grep", "sed", "cut", "date", "head", "timeout"} {
		path, err := exec.LookPath(name)
		if err != nil {
			m.Skip(err)
		}
		if name == "curl" && m.metadata == nil { // a pause of this machine is no service that does not answer
			scripts[name] = "exec " + path + ` "$@" -m 60`
			continue
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			m.Fatal(err)
		}
	}
	maps.Copy(scripts, m.fakes)
	for name, text := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			m.Fatal(err)
		}
	}
	imds, sns := httptest.NewServer(http.HandlerFunc(m.asked)), httptest.NewServer(http.HandlerFunc(m.publish))
	command := append(slices.Clone(shell[1:]), filepath.Join("bootstrap", "epoxy-bootstrap.sh"))
	cmd := exec.CommandContext(m.Context(), shell[0], append(command, arguments...)...)
	cmd.Env = []string{"PATH=" + dir, "AWS_EC2_METADATA_SERVICE_ENDPOINT=" + imds.URL + "/", "AWS_ENDPOINT_URL=" + sns.URL}
	text, err := cmd.CombinedOutput()
	imds.Close() // which waits for its handlers
	sns.Close()
	if cmd.ProcessState == nil {
		m.Fatal(err)
	}
	log, _ := os.ReadFile(m.log) // none: nothing happened
	return string(text), cmd.ProcessState.ExitCode(), strings.FieldsFunc(string(log), func(r rune) bool { return r == '\n' })
}

// shells are those of this machine that user data may meet: dash is Debian's, busybox's is Alpine's.
func shells(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for name, more := range map[string][]string{"sh": nil, "dash": nil, "bash": {"--posix"}, "busybox": {"sh"}} {
		if path, err := exec.LookPath(name); err == nil {
			out[name] = append([]string{path}, more...)
		}
	}
	return out
}

func TestBootstrap(t *testing.T) {
	const (
		works   = "echo works"
		fails   = "echo no package; exit 23"
		signal0 = "cfn-signal -e 0 --stack shop --resource Web --region us-east-1"
		signal  = "cfn-signal -e 23 --stack shop --resource Web --region us-east-1"
	)
	stack := []string{"--stack", "shop", "--resource", "Web"}
	hangs := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	all := "account_id event exit_code instance_id ip node region time"
	for name, c := range map[string]struct {
		topic, node string
		options     []string
		bootstrap   string
		broken      broken
		says        string
		happens     []string
		members     string // of the event
		tokens      int
	}{
		"success":               {bootstrap: works, options: stack, happens: []string{signal0}, says: "works"},
		"failure":               {bootstrap: fails, happens: []string{"SNS takes"}, members: all, tokens: 1, says: "announced to " + bootstrapTopic},
		"told in this order":    {bootstrap: fails, options: stack, happens: []string{"SNS takes", signal}, members: all, tokens: 1},
		"SNS answers 500 twice": {bootstrap: fails, options: stack, broken: broken{refuses: 2}, happens: []string{"SNS refuses", signal, "SNS refuses", "SNS takes"}, members: all, tokens: 1},
		"SNS never answers": {
			bootstrap: fails, broken: broken{refuses: 99},
			happens: slices.Repeat([]string{"SNS refuses"}, 6), tokens: 1, says: "the sweep will find",
		},
		"no topic":                 {topic: "-", bootstrap: fails, options: stack, happens: []string{signal}, says: "--topic is no ARN", tokens: 1},
		"wrong topic, success":     {topic: "epoxy-nodes", bootstrap: works, says: "--topic is no ARN"},
		"wrong topic, failure":     {topic: bootstrapTopic + "/x", bootstrap: fails, says: "--topic is no ARN", tokens: 1},
		"topic of two lines":       {topic: bootstrapTopic + "\n" + bootstrapTopic, bootstrap: fails, says: "--topic is no ARN", tokens: 1},
		"topic of 257":             {topic: "arn:aws:sns:us-east-1:123456789012:" + strings.Repeat("t", 257), bootstrap: fails, says: "--topic is no ARN", tokens: 1},
		"node of two lines":        {node: "web-1\nweb-2", bootstrap: fails, happens: []string{"SNS takes"}, members: strings.Replace(all, "node ", "", 1), tokens: 1, says: "--node is no name"},
		"node with a quote":        {node: `web"1`, bootstrap: fails, happens: []string{"SNS takes"}, members: strings.Replace(all, "node ", "", 1), tokens: 1, says: "--node is no name"},
		"node of 256":              {node: strings.Repeat("n", 256), bootstrap: fails, happens: []string{"SNS takes"}, members: strings.Replace(all, "node ", "", 1), tokens: 1, says: "--node is no name"},
		"node of 255":              {node: strings.Repeat("n", 255), bootstrap: fails, happens: []string{"SNS takes"}, members: all, tokens: 1},
		"stack without resource":   {bootstrap: works, options: []string{"--stack", "shop"}, says: "--stack needs --resource"},
		"metadata does not answer": {bootstrap: fails, broken: broken{metadata: hangs}, tokens: 1, says: "the sweep will find"},
		"metadata refuses":         {bootstrap: fails, broken: broken{metadata: http.NotFound}, tokens: 1, says: "the sweep will find"},
		"AWS CLI that is broken": {
			bootstrap: fails, broken: broken{fakes: map[string]string{"aws": "echo no python >&2; exit 127"}},
			happens: []string{"SNS takes"}, members: all, tokens: 1, says: "trying with curl",
		},
		"AWS CLI that works": {bootstrap: fails, broken: broken{fakes: map[string]string{"aws": "exit 0"}}, tokens: 1, says: "announced to"},
		"cfn-signal that fails": {
			bootstrap: fails, options: stack, broken: broken{fakes: map[string]string{"cfn-signal": "exit 1"}},
			happens: []string{"SNS takes"}, members: all, tokens: 1, says: "cfn-signal failed",
		},
	} {
		for shell, with := range shells(t) {
			t.Run(name+"/"+shell, func(t *testing.T) {
				t.Parallel()
				if shell == "busybox" && strings.Contains(c.says, "the sweep") {
					t.Skip("busybox sleeps by itself, for half a minute")
				}
				m := &machine{T: t, broken: c.broken}
				arguments := append([]string{"--node", cmp.Or(c.node, "web-1")}, c.options...)
				if c.topic != "-" {
					arguments = append(arguments, "--topic", cmp.Or(c.topic, bootstrapTopic))
				}
				out, code, happened := m.run(with, append(arguments, "--", "sh", "-c", c.bootstrap)...)
				want := map[string]int{works: 0, fails: 23}[c.bootstrap]
				if code != want || !strings.Contains(out, c.says) || !slices.Equal(happened, c.happens) || m.tokens != c.tokens {
					t.Errorf("exit code %d, %d sessions, happened %q:\n%s", code, m.tokens, happened, out)
				}
				if got := memberNames(m.said); got != c.members {
					t.Errorf("announced %v", m.said)
				}
			})
		}
	}
}

// Options come from user data, where a variable may be empty: that must not keep an instance from its bootstrap.
func TestBootstrapRunsWhateverTheOptionsAre(t *testing.T) {
	fails := []string{"--", "sh", "-c", "echo runs; exit 23"}
	topic := []string{"--topic", bootstrapTopic}
	for name, c := range map[string]struct {
		options []string
		command []string
		code    int
		says    string
		members string // of the event
	}{
		"topic is missing":        {options: []string{"--node", "web-1", "--topic"}, command: fails, code: 23, says: "--topic has no value"},
		"node is missing":         {options: append([]string{"--node"}, topic...), command: fails, code: 23, says: "--node has no value", members: "account_id event exit_code instance_id ip region time"},
		"both are missing":        {options: []string{"--topic", "--node"}, command: fails, code: 23, says: "--node has no value"},
		"node is empty":           {options: append([]string{"--node", ""}, topic...), command: fails, code: 23, says: "runs", members: "account_id event exit_code instance_id ip region time"},
		"resource is missing":     {options: []string{"--stack", "shop", "--resource"}, command: fails, code: 23, says: "--stack needs --resource"},
		"stack is missing":        {options: append([]string{"--stack", "--node", "web-1"}, topic...), command: fails, code: 23, says: "--stack has no value", members: "account_id event exit_code instance_id ip node region time"},
		"unknown option":          {options: append([]string{"--quiet", "--nodes", "web-1", "-v"}, topic...), command: fails, code: 23, says: "--quiet is no option", members: "account_id event exit_code instance_id ip region time"},
		"nothing but the command": {command: fails, code: 23, says: "runs"},
		"no command":              {options: topic, command: []string{"--"}, code: 2, says: "For user data"},
		"neither command nor --":  {options: []string{"--node"}, code: 2, says: "For user data"},
		"without --":              {options: append([]string{"chef-client", "--once"}, topic...), code: 2, says: "For user data"},
	} {
		for shell, with := range shells(t) {
			t.Run(name+"/"+shell, func(t *testing.T) {
				t.Parallel()
				m := &machine{T: t}
				out, code, _ := m.run(with, slices.Concat(c.options, c.command)...)
				if code != c.code || !strings.Contains(out, c.says) || strings.Contains(out, "runs\n") != (c.code == 23) {
					t.Errorf("exit code %d:\n%s", code, out)
				}
				if got := memberNames(m.said); got != c.members {
					t.Errorf("announced %v", m.said)
				}
			})
		}
	}
}

func memberNames(said []map[string]string) string {
	var names []string
	for _, message := range said {
		for name := range message {
			names = append(names, strings.ToLower(name))
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}
