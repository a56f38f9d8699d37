package stack

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	namespace = "default"
	awsKey    = "sandbox"
	awsSecret = "sandbox-secret"
	awsRegion = "us-east-1"
)

// Dir holds the logs, the state and the env file.
func (s *Stack) Dir() string { return s.dir }

// Root is the repository.
func (s *Stack) Root() string { return s.root }

// Log is where a service writes.
func (s *Stack) Log(name string) string { return filepath.Join(s.dir, "log", name+".log") }

// EnvFile is what a shell sources to use the sandbox.
func (s *Stack) EnvFile() string { return filepath.Join(s.dir, "env") }

// Ports the services listen on.
func (s *Stack) Ports() Ports { return s.state.Ports }

// TemporalAddress is host:port of Temporal's frontend.
func (s *Stack) TemporalAddress() string { return address(s.state.Ports.Temporal) }

// UIURL is Temporal's web UI.
func (s *Stack) UIURL() string { return "http://" + address(s.state.Ports.TemporalUI) }

// AWSURL is the endpoint of every AWS service; the stand-in's control API is below it under /epoxy/.
func (s *Stack) AWSURL() string { return "http://" + address(s.state.Ports.AWS) }

// SlackURL is the page that shows the messages; the Web API is below it under /api/.
func (s *Stack) SlackURL() string { return "http://" + address(s.state.Ports.Slack) }

func (s *Stack) database() string { return filepath.Join(s.dir, "temporal.db") }

// GitHubURL is where the GitHub stand-in answers; its controls are below it under /control/.
func (s *Stack) GitHubURL() string { return "http://" + address(s.state.Ports.GitHub) }

// GitHubAPIURL is what a client is given: the form of a GitHub Enterprise Server, which go-github completes to and
// whose GraphQL is at /api/graphql. The stand-in answers at GitHubURL alone too, as api.github.com does.
func (s *Stack) GitHubAPIURL() string { return s.GitHubURL() + "/api/v3" }

// Env is what points a program at the sandbox.
func (s *Stack) Env() map[string]string {
	aws, temporal := filepath.Join(s.dir, "aws.ini"), filepath.Join(s.dir, "temporal.toml")
	env := map[string]string{
		"AWS_ENDPOINT_URL":           s.AWSURL(),
		"AWS_ACCESS_KEY_ID":          awsKey,
		"AWS_SECRET_ACCESS_KEY":      awsSecret,
		"AWS_SESSION_TOKEN":          "",
		"AWS_REGION":                 awsRegion,
		"AWS_DEFAULT_REGION":         awsRegion,
		"AWS_EC2_METADATA_DISABLED":  "true",
		"TEMPORAL_ADDRESS":           s.TemporalAddress(),
		"TEMPORAL_NAMESPACE":         namespace,
		"EPOXY_TEMPORAL_UI":          s.UIURL(),
		"EPOXY_SLACK_TOKEN":          s.state.Secrets.SlackToken,
		"EPOXY_SLACK_SIGNING_SECRET": s.state.Secrets.SlackSigningSecret,
		"EPOXY_SLACK_APP_TOKEN":      s.state.Secrets.SlackAppToken,
		"EPOXY_SLACK_API_URL":        s.SlackURL() + "/api/",
		"EPOXY_GITHUB_TOKEN":         s.state.Secrets.GitHubToken,
		"EPOXY_GITHUB_API_URL":       s.GitHubAPIURL(),
		"EPOXY_SANDBOX_AWS":          s.AWSURL() + "/epoxy",
		"EPOXY_SANDBOX_SLACK":        s.SlackURL(),
		"EPOXY_SANDBOX_GITHUB":       s.GitHubURL(),
		"EPOXY_SANDBOX_CHEF":         s.ChefURL(),
		"EPOXY_SANDBOX_CHEF_KEY":     s.ChefKeyFile(), // of the client admin; in epoxy.yaml: private_key: { file: … }

		// A person's own profiles may name other endpoints, roles and keys, which must never mix with the sandbox: a
		// job that deletes would then do so in a real account. So both tools read files that know the sandbox alone.
		"AWS_PROFILE":                         "default",
		"AWS_CONFIG_FILE":                     aws,
		"AWS_SHARED_CREDENTIALS_FILE":         aws,
		"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
		"TEMPORAL_CONFIG_FILE":                temporal,
		"TEMPORAL_PROFILE":                    "default",
		"TEMPORAL_API_KEY":                    "",
		"TEMPORAL_TLS":                        "false",
	}
	if config := filepath.Join(s.dir, "epoxy.yaml"); exists(config) == nil {
		env["EPOXY_CONFIG"] = config
	}
	return env
}

// Environ is the environment for a child process: the caller's without anything that configures AWS, Temporal or
// Epoxy, and the sandbox's.
func (s *Stack) Environ() []string {
	environ := cleanEnviron("AWS_", "TEMPORAL_", "EPOXY_")
	for key, value := range s.Env() {
		environ = append(environ, key+"="+value)
	}
	return environ
}

// WriteEnv writes the env file and the two profiles it names. Up does so; call it again after epoxy.yaml appeared.
func (s *Stack) WriteEnv() error {
	aws := fmt.Sprintf("[default]\nregion = %s\nendpoint_url = %s\naws_access_key_id = %s\naws_secret_access_key = %s\n",
		awsRegion, s.AWSURL(), awsKey, awsSecret)
	if err := writeFile(filepath.Join(s.dir, "aws.ini"), []byte(aws)); err != nil {
		return err
	}
	temporal := fmt.Sprintf("[profile.default]\naddress = %q\nnamespace = %q\n", s.TemporalAddress(), namespace)
	if err := writeFile(filepath.Join(s.dir, "temporal.toml"), []byte(temporal)); err != nil {
		return err
	}
	env := s.Env()
	var b strings.Builder
	b.WriteString("# Points a shell at the sandbox: set -a; . this file; set +a\n")
	for _, key := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(&b, "%s=%s\n", key, quote(env[key]))
	}
	return writeFile(s.EnvFile(), []byte(b.String()))
}

// quote leaves plain values as they are, for readers that know no shell quoting.
func quote(value string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:,@%+=", r)
	}
	if strings.IndexFunc(value, func(r rune) bool { return !plain(r) }) < 0 {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}

// cleanEnviron is this process's environment without the variables that start with one of the prefixes.
func cleanEnviron(prefixes ...string) []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(entry, p) })
	})
}

func (s *Stack) say(format string, args ...any) {
	s.mu.Lock() // lines of services that start side by side stay whole
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, format+"\n", args...)
}

// Short names a path the way a person in this directory would.
func (s *Stack) Short(path string) string {
	if cwd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(cwd, path); err == nil && !strings.HasPrefix(rel, "..") {
			return rel
		}
	}
	return path
}
