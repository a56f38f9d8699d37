package config

// Temporal is the part of the connection that is not a secret.
type Temporal struct {
	UI        URL     `yaml:"ui" doc:"base URL of the Temporal UI, for links: https://temporal.example.com"`
	Profile   string  `yaml:"profile" doc:"profile of the Temporal client configuration file to use"`
	Address   Address `yaml:"address" doc:"host:port of the Temporal frontend, when TEMPORAL_ADDRESS and the profile do not say"`
	Namespace string  `yaml:"namespace" doc:"Temporal namespace, when TEMPORAL_NAMESPACE and the profile do not say"`
}

// Slack is where Epoxy reports.
type Slack struct {
	Token   Secret  `yaml:"token" doc:"reference to the bot token, never the token itself: { env: EPOXY_SLACK_TOKEN }"`
	Channel Channel `yaml:"channel" doc:"channel for all messages, in quotes because of the #: \"#deploys\""`
	APIURL  URL     `yaml:"api_url" doc:"Slack's API, for tests; leave it out for the real one"`
}

// Enabled says whether there is a Slack to report to.
func (s Slack) Enabled() bool { return s.Token.IsSet() }

func (s Slack) validate(at place) {
	token, channel := at.key("token"), at.key("channel")
	if !token.known() && !channel.known() && !at.key("api_url").known() {
		return
	}
	if !token.known() {
		token.errorf("is missing: add token: { env: EPOXY_SLACK_TOKEN }, or set that variable")
	}
	if !channel.known() {
		channel.errorf("is missing: add channel: \"#deploys\" (with the quotes), or set EPOXY_SLACK_CHANNEL")
	}
}

// Worker is the worker process.
type Worker struct {
	MetricsAddress Address `yaml:"metrics_address" doc:"host:port to serve Prometheus metrics on; leave it out for none"`
}

// override applies the environment, which wins over the file.
func (c *Config) override(env func(string) string) {
	c.overrideScalar(env, "EPOXY_TEMPORAL_UI", &c.Temporal.UI, "temporal", "ui")
	c.overrideScalar(env, "EPOXY_SLACK_API_URL", &c.Slack.APIURL, "slack", "api_url")
	c.overrideScalar(env, "EPOXY_SLACK_CHANNEL", &c.Slack.Channel, "slack", "channel")
	c.overrideScalar(env, "EPOXY_METRICS_ADDRESS", &c.Worker.MetricsAddress, "worker", "metrics_address")
	// The token stays where it is: the reference is what changes.
	if env(slackTokenVariable) != "" {
		c.doc.root().key("slack").key("token").mark(spot{variable: slackTokenVariable})
		c.Slack.Token = Secret{Env: slackTokenVariable}
	}
}

const slackTokenVariable = "EPOXY_SLACK_TOKEN"

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
