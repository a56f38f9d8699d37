package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"epoxy/internal/config"
	"epoxy/internal/policy"
)

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check the configuration, or print its schema"}
	cmd.AddCommand(
		&cobra.Command{
			Use: "check", Short: "Say everything that is wrong with epoxy.yaml, with the line and what to do", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error { return a.checkConfig() },
		},
		&cobra.Command{
			Use: "schema", Short: "Print the JSON Schema of epoxy.yaml, for editors", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				schema, err := config.Schema()
				if err != nil {
					return exit(exitFailed, "%w", err)
				}
				_, err = fmt.Fprintln(a.out, string(schema))
				return err
			},
		})
	return cmd
}

func (a *app) checkConfig() error {
	cfg, err := config.Load(a.configPath, a.getenv)
	var wrong *config.Error
	if a.json() {
		out := map[string]any{"ok": err == nil}
		if errors.As(err, &wrong) {
			out["problems"] = wrong.Problems
		}
		if cfg != nil {
			out["warnings"] = cfg.Warnings(a.getenv)
			out["targets"] = cfg.BakeTargets(config.Selector{})
		}
		if err := a.printJSON(out); err != nil {
			return err
		}
	}
	if errors.As(err, &wrong) && colored(a.errOut) {
		return &exitError{code: exitUsage, err: fmt.Errorf("%s", wrong.Format(true))}
	}
	if err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	if a.json() {
		return nil
	}
	for _, w := range cfg.Warnings(a.getenv) {
		fmt.Fprintln(a.errOut, "warning:", w.Error())
	}
	fmt.Fprintf(a.out, "the configuration is good: %s, %s, %s, %s, %s\n",
		plural(len(cfg.BakeTargets(config.Selector{})), "bake target", "bake targets"),
		plural(len(cfg.PruneNames(policy.PlanOfImages))+len(cfg.PruneNames(policy.PlanOfTaskDefinitions)), "prune policy", "prune policies"),
		plural(len(cfg.MopEnvironments()), "mop environment", "mop environments"),
		plural(len(cfg.SweepNames()), "sweep", "sweeps"), plural(len(cfg.Schedules()), "schedule", "schedules"))
	return nil
}

// plural counts: 1 policy, 2 policies.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func colored(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == ""
}
