package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/slack-go/slack"
	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"epoxy/internal/config"
	"epoxy/internal/connect"
	"epoxy/internal/intake"
)

func (a *app) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Take decisions from Slack's buttons: over HTTP, Socket Mode, or both", Args: cobra.NoArgs,
		Long: "Take decisions from Slack's buttons.\n\n" +
			"With slack.signing_secret and serve.address it listens for Slack's requests at /slack/interactions; give Slack that\n" +
			"address as the app's request URL. With slack.app_token it uses Socket Mode and needs no address that Slack can reach.\n" +
			"/healthz and /metrics are served as well. It keeps no state; run as many as you like.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return a.connected(ctx, func(cfg *config.Config, c client.Client, _ client.Options) error { return a.serve(ctx, cfg, c) })
		},
	}
}

// shutdownPatience is what clicks under way get when the process is told to stop.
const shutdownPatience = 20 * time.Second

func (a *app) serve(ctx context.Context, cfg *config.Config, c client.Client) error {
	listens, socket := cfg.Slack.SigningSecret.IsSet() && cfg.Serve.Address != "", cfg.Slack.AppToken.IsSet()
	if !cfg.Slack.Enabled() || !listens && !socket {
		return exit(exitUsage, "there is no way in from Slack: set slack.token, and slack.signing_secret with serve.address, or slack.app_token")
	}
	api, secret, err := connect.SlackDoor(ctx, cfg.Slack)
	if err != nil {
		return exit(exitUsage, "%w", err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	counters, err := intake.NewCounters(registry)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewJSONHandler(a.errOut, &slog.HandlerOptions{Level: slog.LevelInfo}))
	d := &decider{temporal: c, slack: api, cfg: cfg}
	door := &intake.Door{
		Verify: &intake.Verifier{SigningSecret: secret}, Decide: d.decide, Details: d.details,
		API: api, APIURL: string(cfg.Slack.APIURL), Counters: counters, Log: logger,
	}
	group, ctx := errgroup.WithContext(ctx)
	if cfg.Serve.Address != "" {
		if err := a.listen(ctx, group, string(cfg.Serve.Address), routes(door, registry, listens)); err != nil {
			return err
		}
	}
	if socket {
		group.Go(func() error { return door.Socket(ctx, api) })
	}
	logger.Info("epoxy serve runs", "address", string(cfg.Serve.Address), "interactions", listens, "socketMode", socket)
	err = group.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
	defer cancel()
	return errors.Join(err, door.Shutdown(last))
}

func routes(door *intake.Door, registry *prometheus.Registry, listens bool) http.Handler {
	mux := http.NewServeMux()
	if listens {
		mux.Handle("/slack/interactions", door)
	}
	mux.HandleFunc("/healthz", door.ServeHealth)
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

// listen serves until the context ends, and then finishes what was begun.
func (a *app) listen(ctx context.Context, group *errgroup.Group, address string, handler http.Handler) error {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return exit(exitFailed, "listen on serve.address: %w", err)
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 15 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 64 << 10,
	}
	fmt.Fprintf(a.out, "listening on http://%s\n", listener.Addr())
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
		defer cancel()
		return server.Shutdown(last)
	})
	return nil
}

// groupsAPI looks up who is in a Slack user group.
type groupsAPI interface {
	GetUserGroupMembersContext(ctx context.Context, userGroup string, options ...slack.GetUserGroupMembersOption) ([]string, error)
}
