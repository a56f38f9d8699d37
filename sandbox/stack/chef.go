package stack

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/go-chef/chef"

	sandboxchef "epoxy/sandbox/chef"
)

// ChefClient is whom Epoxy signs as on the sandbox's Chef server.
const ChefClient = "admin"

// ChefURL is where the Chef server answers; it has no organisations. Controls of the gate before it are below it under /epoxy/.
func (s *Stack) ChefURL() string { return "http://" + address(s.state.Ports.Chef) }

// GoiardiURL is the Chef server behind the gate.
func (s *Stack) GoiardiURL() string { return "http://" + address(s.state.Ports.Goiardi) }

// ChefKeyFile is the private key of ChefClient, which the server makes when it starts.
func (s *Stack) ChefKeyFile() string { return filepath.Join(s.chefDir(), ChefClient+".pem") }

func (s *Stack) chefDir() string { return filepath.Join(s.dir, "chef") }

// maxChefJSON is more than goiardi takes by default, 1 MB, which nodes of large machines do not fit into.
const maxChefJSON = 8 << 20

// goiardiCommand runs a Chef server in one program; see sandbox/setup.sh for where it comes from.
// https://goiardi.readthedocs.io/
func goiardiCommand(s *Stack) (*exec.Cmd, error) {
	binary, err := exec.LookPath("goiardi")
	if err != nil {
		binary = filepath.Join(s.root, ".tools", "bin", "goiardi")
		if err := exists(binary); err != nil {
			return nil, fmt.Errorf("goiardi, the Chef server, is neither on PATH nor in .tools/bin; run `make setup`")
		}
	}
	if err := os.MkdirAll(s.chefDir(), 0o700); err != nil {
		return nil, err
	}
	cmd := exec.Command(binary, "--use-auth", "--conf-root", s.chefDir(), "--ipaddress", host, "--hostname", host,
		"--port", strconv.Itoa(s.state.Ports.Goiardi), "--json-req-max-size", strconv.Itoa(maxChefJSON))
	cmd.Dir = s.chefDir()
	cmd.Env = cleanEnviron("AWS_", "TEMPORAL_", "EPOXY_", "GOIARDI_")
	return cmd, nil
}

func chefCommand(s *Stack) (*exec.Cmd, error) {
	return s.selfCommand(Chef, s.state.Ports.Chef, map[string]string{sandboxchef.ServerVariable: s.GoiardiURL()})
}

func chefHandler(s *Stack) http.Handler {
	gate, err := sandboxchef.New(s.GoiardiURL())
	if err != nil { // never: it is ours
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, err.Error(), http.StatusBadGateway) })
	}
	return gate
}

// answersSigned is healthy when a signed request is answered, as Epoxy makes them.
func answersSigned(server func(*Stack) string) func(context.Context, *Stack) error {
	return func(ctx context.Context, s *Stack) error {
		key, err := os.ReadFile(s.ChefKeyFile())
		if err != nil {
			return err
		}
		signer, err := chef.NewClient(&chef.Config{
			Name: ChefClient, Key: string(key), BaseURL: server(s) + "/", AuthenticationVersion: chef.AuthVersion13, Client: local,
		})
		if err != nil {
			return err
		}
		req, err := signer.NewRequest(http.MethodGet, "clients", nil)
		if err != nil {
			return err
		}
		resp, err := local.Do(req.WithContext(ctx))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("GET %s answers %s", req.URL, resp.Status)
		}
		return nil
	}
}
