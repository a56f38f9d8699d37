package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"slices"

	"github.com/spf13/cobra"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"epoxy/internal/config"
	"epoxy/internal/connect"
	"epoxy/internal/policy"
	"epoxy/workflows"
)

// app is what the commands share: where to write, and what was configured.
type app struct {
	out, errOut io.Writer
	getenv      func(string) string

	configPath string
	output     string
	taskQueue  string
}

const (
	outputText = "text"
	outputJSON = "json"
)

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:           "epoxy",
		Short:         "Durable glue for AWS: bakes images and rolls them out, prunes what nobody uses, mops up after dead instances",
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if a.output != outputText && a.output != outputJSON {
				return exit(exitUsage, "--output is %q: it takes text or json", a.output)
			}
			return nil
		},
	}
	root.SetOut(a.out)
	root.SetErr(a.errOut)
	flags := root.PersistentFlags()
	flags.StringVar(&a.configPath, "config", "", "configuration (default $EPOXY_CONFIG, then ./epoxy.yaml)")
	flags.StringVarP(&a.output, "output", "o", outputText, "text or json")
	a.taskQueue = workflows.TaskQueue
	if q := a.getenv("EPOXY_TASK_QUEUE"); q != "" {
		a.taskQueue = q
	}
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{outputText, outputJSON}, cobra.ShellCompDirectiveNoFileComp))
	root.AddCommand(a.bakeCommand(), a.pruneCommand(), a.mopCommand(), a.sweepCommand(), a.planCommand(), a.decideCommand(policy.DecideApprove), a.decideCommand(policy.DecideDeny),
		a.decideCommand(policy.DecideVeto), a.listCommand(), a.watchCommand(), a.cancelCommand(), a.whyCommand(), a.undoCommand(),
		a.schedulesCommand(), a.serveCommand(), a.configCommand(), a.setupCommand())
	return root
}

// complete offers names from the configuration to the shell.
func (a *app) complete(names func(*config.Config) []string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		cfg, err := config.Load(a.configPath, a.getenv)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return names(cfg), cobra.ShellCompDirectiveNoFileComp
	}
}

func namesOf[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

func (a *app) json() bool { return a.output == outputJSON }

func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func (a *app) load() (*config.Config, error) {
	cfg, err := config.Load(a.configPath, a.getenv)
	if err != nil {
		return nil, &exitError{code: exitUsage, err: err}
	}
	return cfg, nil
}

// dial connects to Temporal. Only errors are logged: what matters is printed.
func (a *app) dial(ctx context.Context, cfg *config.Config) (client.Client, client.Options, error) {
	logger := slog.New(slog.NewTextHandler(a.errOut, &slog.HandlerOptions{Level: slog.LevelError}))
	o, err := connect.TemporalOptions(cfg.Temporal, logger)
	if err != nil {
		return nil, o, &exitError{code: exitUsage, err: err}
	}
	c, err := connect.Dial(ctx, o)
	if err != nil {
		return nil, o, &exitError{code: exitFailed, err: err}
	}
	return c, o, nil
}

// connected loads the configuration and dials.
func (a *app) connected(ctx context.Context, f func(*config.Config, client.Client, client.Options) error) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	c, o, err := a.dial(ctx, cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	return explain(f(cfg, c, o))
}

// explain says in words what the server's errors mean; errors that carry an exit code pass.
func explain(err error) error {
	var coded *exitError
	var invalid *serviceerror.InvalidArgument
	var missing *serviceerror.NotFound
	var noNamespace *serviceerror.NamespaceNotFound
	switch {
	case err == nil, errors.As(err, &coded):
		return err
	case errors.As(err, &invalid):
		return exit(exitFailed, "Temporal refused the request: %w; if it names a search attribute, run `epoxy setup` once", err)
	case errors.As(err, &noNamespace):
		return exit(exitFailed, "%w: set TEMPORAL_NAMESPACE or temporal.namespace", err)
	case errors.As(err, &missing):
		return exit(exitFailed, "there is no such run: %w; see `epoxy list --all`", err)
	}
	return exit(exitFailed, "%w", err)
}
