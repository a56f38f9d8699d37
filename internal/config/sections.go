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
	Token         Secret  `yaml:"token" doc:"reference to the bot token, never the token itself: { env: EPOXY_SLACK_TOKEN }"`
	Channel       Channel `yaml:"channel" doc:"channel for all messages, in quotes because of the #: \"#deploys\""`
	SigningSecret Secret  `yaml:"signing_secret" doc:"reference to the app's signing secret, with which epoxy serve checks that a click came from Slack"`
	AppToken      Secret  `yaml:"app_token" doc:"reference to the app-level token (xapp-…) of Socket Mode, with which epoxy serve needs no address that Slack can reach"`
	APIURL        URL     `yaml:"api_url" doc:"Slack's API, for tests; leave it out for the real one"`
}

// Enabled says whether there is a Slack to report to.
func (s Slack) Enabled() bool { return s.Token.IsSet() }

func (s Slack) validate(at place) {
	token, channel := at.key("token"), at.key("channel")
	used := false
	for _, field := range []string{"token", "channel", "signing_secret", "app_token", "api_url"} {
		used = used || at.key(field).known()
	}
	if !used {
		return
	}
	if !token.known() {
		token.errorf("is missing: add token: { env: EPOXY_SLACK_TOKEN }, or set that variable")
	}
	if !channel.known() {
		channel.errorf("is missing: add channel: \"#deploys\" (with the quotes), or set EPOXY_SLACK_CHANNEL")
	}
}

// Serve is the process that listens for people's clicks.
type Serve struct {
	Address Address `yaml:"address" doc:"host:port that epoxy serve listens on"`
}

// Worker is the worker process.
type Worker struct {
	MetricsAddress Address `yaml:"metrics_address" doc:"host:port to serve Prometheus metrics on; leave it out for none"`
}
