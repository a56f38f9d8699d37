package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"epoxy/sandbox/chef"
	"epoxy/sandbox/github"
	"epoxy/sandbox/slack"
	"epoxy/sandbox/stack"
)

func upCommand() *cobra.Command {
	options := stack.Options{}
	flags := stack.Ports{}
	cmd := &cobra.Command{
		Use: "up", Short: "Start the sandbox and leave it running", Args: cobra.NoArgs,
		Long: "Start the sandbox and leave it running. Ports come from the flags, else from\n" +
			"EPOXY_SANDBOX_{TEMPORAL,UI,AWS,SLACK,GITHUB,CHEF,GOIARDI}_PORT, else they are free ones.",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if options.Ports, err = stack.PortsFromEnvironment(); err != nil {
				return err
			}
			options.Ports = flags.Or(options.Ports)
			if options.Self, err = os.Executable(); err != nil {
				return err
			}
			options.Out = cmd.OutOrStdout()
			s, err := stack.Up(cmd.Context(), options)
			if err != nil {
				return err
			}
			return explain(cmd.OutOrStdout(), s)
		},
	}
	cmd.Flags().StringVar(&options.Dir, "dir", "", "folder for logs, state and the env file (default .sandbox in the repository)")
	cmd.Flags().BoolVar(&options.InMemory, "in-memory", false, "run Temporal without a database file")
	cmd.Flags().IntVar(&flags.Temporal, "temporal-port", 0, "port of Temporal (0: a free one)")
	cmd.Flags().IntVar(&flags.TemporalUI, "ui-port", 0, "port of Temporal's web UI (0: a free one)")
	cmd.Flags().IntVar(&flags.AWS, "aws-port", 0, "port of the AWS stand-in (0: a free one)")
	cmd.Flags().IntVar(&flags.Slack, "slack-port", 0, "port of the Slack stand-in (0: a free one)")
	cmd.Flags().IntVar(&flags.GitHub, "github-port", 0, "port of the GitHub stand-in (0: a free one)")
	cmd.Flags().IntVar(&flags.Chef, "chef-port", 0, "port of the Chef server (0: a free one)")
	return cmd
}

// explain says what runs where, and what to do with it.
func explain(out io.Writer, s *stack.Stack) error {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table)
	fmt.Fprintf(table, "  Temporal\t%s\tweb UI; workers connect to %s\n", s.UIURL(), s.TemporalAddress())
	fmt.Fprintf(table, "  AWS\t%s\tmoto, made strict; controls under /epoxy/\n", s.AWSURL())
	fmt.Fprintf(table, "  Slack\t%s\tshows what Epoxy posts\n", s.SlackURL())
	fmt.Fprintf(table, "  GitHub\t%s\tcommits, branches, tags and pull requests; controls under /control/\n", s.GitHubURL())
	fmt.Fprintf(table, "  Chef\t%s\tgoiardi; the client %s has the key %s\n", s.ChefURL(), stack.ChefClient, s.Short(s.ChefKeyFile()))
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\nUse it in a shell:  set -a; . %s; set +a\nStop it:            make sandbox-down\n", s.Short(s.EnvFile()))
	return err
}

func downCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "down", Short: "Stop the sandbox", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := stack.Load(dir)
			if errors.Is(err, stack.ErrNotRunning) {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "no sandbox runs")
				return err
			}
			if err != nil {
				return err
			}
			if err := s.Down(); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "the sandbox is stopped; its logs stay in %s\n", s.Short(s.Dir()))
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "the sandbox's folder (default .sandbox in the repository)")
	return cmd
}

func statusCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "status", Short: "Say what runs where; fails unless everything is healthy", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := stack.Load(dir)
			if err != nil {
				return err
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 3, ' ', 0)
			var bad []string
			for _, service := range s.Status(cmd.Context()) {
				condition := "healthy"
				if service.Err != nil {
					condition, bad = service.Err.Error(), append(bad, service.Name)
				}
				fmt.Fprintf(table, "%s\t%s\tpid %d\t%s\n", service.Name, service.URL, service.PID, condition)
			}
			if err := table.Flush(); err != nil {
				return err
			}
			if len(bad) > 0 {
				return fmt.Errorf("not healthy: %v; `make sandbox` starts what has died, the logs are in %s", bad, s.Short(s.Dir()))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "the sandbox's folder (default .sandbox in the repository)")
	return cmd
}

// slackCommand runs the Slack stand-in alone, in the foreground; `up` uses it too.
func slackCommand() *cobra.Command {
	return standInCommand("slack", "Slack", slack.TokenVariable, "the token that callers must send, for example xoxb-sandbox", func() (http.Handler, error) {
		return slack.NewServer(slack.OptionsFromEnvironment()), nil
	})
}

// githubCommand runs the GitHub stand-in alone, in the foreground; `up` uses it too.
func githubCommand() *cobra.Command {
	return standInCommand("github", "GitHub", github.TokenVariable, "the token that callers must send, for example ghp_sandbox", func() (http.Handler, error) {
		return github.New(github.OptionsFromEnvironment()), nil
	})
}

// chefCommand runs the gate to a Chef server alone, in the foreground; `up` uses it too.
func chefCommand() *cobra.Command {
	return standInCommand("chef", "Chef", chef.ServerVariable, "the address of goiardi, for example http://127.0.0.1:4545", func() (http.Handler, error) {
		return chef.New(chef.ServerFromEnvironment())
	})
}

func standInCommand(name, title, variable, meaning string, handler func() (http.Handler, error)) *cobra.Command {
	var addr string
	cmd := &cobra.Command{
		Use: name, Short: "Run the " + title + " stand-in alone, in the foreground", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if os.Getenv(variable) == "" {
				return fmt.Errorf("set %s to %s", variable, meaning)
			}
			answers, err := handler()
			if err != nil {
				return err
			}
			var listen net.ListenConfig
			listener, err := listen.Listen(cmd.Context(), "tcp", addr)
			if err != nil {
				return fmt.Errorf("%w; choose another address with --addr", err)
			}
			server := &http.Server{Handler: answers, ReadHeaderTimeout: 10 * time.Second}
			go func() {
				<-cmd.Context().Done()
				grace, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				defer cancel()
				_ = server.Shutdown(grace)
			}()
			fmt.Fprintf(cmd.OutOrStdout(), "%s stand-in on http://%s\n", title, listener.Addr())
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:0", "where to listen")
	return cmd
}
