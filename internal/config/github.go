package config

// GitHub is where commits are looked up: as a person or machine user with a
// token, or as a GitHub App.
type GitHub struct {
	Token  Secret     `yaml:"token" doc:"reference to a token that may read the repositories: { env: EPOXY_GITHUB_TOKEN }"`
	App    *GitHubApp `yaml:"app" doc:"a GitHub App instead of a token, which has more requests an hour and belongs to nobody"`
	APIURL URL        `yaml:"api_url" doc:"API of a GitHub Enterprise Server, such as https://github.example.com/api/v3; leave it out for github.com"`
}

// GitHubApp is an installation of a GitHub App.
// https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/authenticating-as-a-github-app-installation
type GitHubApp struct {
	ID             int    `yaml:"id" rule:"required,min=1,max=9007199254740991" doc:"the App's id, from its settings page"`
	InstallationID int    `yaml:"installation_id" rule:"required,min=1,max=9007199254740991" doc:"the installation's id, from the address of its page"`
	PrivateKey     Secret `yaml:"private_key" rule:"required" doc:"reference to the App's private key in PEM: { file: app.pem }"`
}

// Enabled says whether GitHub can be asked.
func (g GitHub) Enabled() bool { return g.Token.IsSet() || g.App != nil }

func (g GitHub) validate(at place) {
	token, app := at.key("token"), at.key("app")
	switch {
	case token.known() && g.App != nil:
		token.errorf("github has a token and an app (%s): keep one of them", app.line())
	case !token.known() && !app.known() && at.key("api_url").known():
		token.errorf("is missing: add token: { env: EPOXY_GITHUB_TOKEN } or app, or set that variable")
	}
}
