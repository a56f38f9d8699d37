// Command epoxy-sandbox runs Epoxy's world on one machine: Temporal, AWS, Slack, GitHub and Chef, all on 127.0.0.1.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use: "epoxy-sandbox", Short: "Epoxy's world on one machine: Temporal, AWS, Slack, GitHub and Chef, all on 127.0.0.1",
		SilenceUsage: true, SilenceErrors: true,
	}
	root.AddCommand(commands()...)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "epoxy-sandbox:", err)
		os.Exit(1)
	}
}

func commands() []*cobra.Command {
	return []*cobra.Command{
		demoCommand(),
		upCommand(),
		downCommand(),
		statusCommand(),
		slackCommand(),
		githubCommand(),
		chefCommand(),
	}
}
