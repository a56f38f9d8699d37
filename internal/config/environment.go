package config

// override applies the environment, which wins over the file.
func (c *Config) override(env func(string) string) {
	c.overrideScalar(env, "EPOXY_TEMPORAL_UI", &c.Temporal.UI, "temporal", "ui")
	c.overrideScalar(env, "EPOXY_SLACK_API_URL", &c.Slack.APIURL, "slack", "api_url")
	c.overrideScalar(env, "EPOXY_SLACK_CHANNEL", &c.Slack.Channel, "slack", "channel")
	c.overrideScalar(env, "EPOXY_SERVE_ADDRESS", &c.Serve.Address, "serve", "address")
	c.overrideScalar(env, "EPOXY_METRICS_ADDRESS", &c.Worker.MetricsAddress, "worker", "metrics_address")
	c.overrideScalar(env, "EPOXY_GITHUB_API_URL", &c.GitHub.APIURL, "github", "api_url")
	c.overrideSecret(env, "EPOXY_SLACK_TOKEN", &c.Slack.Token, "slack", "token")
	c.overrideSecret(env, "EPOXY_SLACK_SIGNING_SECRET", &c.Slack.SigningSecret, "slack", "signing_secret")
	c.overrideSecret(env, "EPOXY_SLACK_APP_TOKEN", &c.Slack.AppToken, "slack", "app_token")
	if c.overrideSecret(env, "EPOXY_GITHUB_TOKEN", &c.GitHub.Token, "github", "token") {
		c.GitHub.App = nil
		c.doc.root().key("github").key("app").key("private_key").mark(spot{variable: "EPOXY_GITHUB_TOKEN"})
	}
}

func (c *Config) overrideScalar(env func(string) string, variable string, into scalar, section, field string) {
	text := env(variable)
	if text == "" {
		return
	}
	at := c.doc.root().key(section).key(field).mark(spot{variable: variable})
	if err := into.parse(text, true); err != nil {
		at.errorf("%v", err)
	}
}

// overrideSecret leaves the secret where it is: the reference is what changes.
func (c *Config) overrideSecret(env func(string) string, variable string, into *Secret, section, field string) bool {
	if env(variable) == "" {
		return false
	}
	c.doc.root().key(section).key(field).mark(spot{variable: variable})
	*into = Secret{Env: EnvName(variable)}
	return true
}
