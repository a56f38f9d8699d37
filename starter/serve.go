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
		Use: "serve", Short: "Take in decisions from Slack's buttons, and events of instances from queues and topics", Args: cobra.NoArgs,
		Long: "Take in what comes from outside, by every way that is configured:\n\n" +
			"Decisions from Slack's buttons. With slack.signing_secret and serve.address it listens for Slack's requests at\n" +
			"/slack/interactions; give Slack that address as the app's request URL. With slack.app_token it uses Socket Mode and needs\n" +
			"no address that Slack can reach.\n\n" +
			"Events of instances: terminations, lifecycle hooks, failed bootstraps. With mop.queues it polls these SQS queues; a message\n" +
			"is deleted when Temporal has it, kept while Temporal does not answer, and left for the dead letter queue when it is no event.\n" +
			"With mop.topics and serve.address it listens for Amazon SNS at /sns, confirms the subscriptions of these topics, and refuses\n" +
			"every other; SNS needs an HTTPS address that it can reach.\n\n" +
			"/healthz and /metrics are served as well with serve.address. It keeps no state; run as many as you like.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return a.connected(ctx, func(cfg *config.Config, c client.Client, _ client.Options) error { return a.serve(ctx, cfg, c) })
		},
	}
}

// shutdownPatience is what is under way gets when the process is told to stop.
const shutdownPatience = 20 * time.Second

// waysIn says what is configured.
type waysIn struct{ clicks, socket, topics, queues bool }

func waysOf(cfg *config.Config) waysIn {
	listens, slack := cfg.Serve.Address != "", cfg.Slack.Enabled()
	return waysIn{
		clicks: slack && listens && cfg.Slack.SigningSecret.IsSet(),
		socket: slack && cfg.Slack.AppToken.IsSet(),
		topics: listens && len(cfg.MopTopics()) > 0,
		queues: len(cfg.MopQueues()) > 0,
	}
}

func (w waysIn) check() error {
	if w != (waysIn{}) {
		return nil
	}
	return exit(exitUsage, "there is no way in: for Slack's buttons set slack.token, and slack.signing_secret with serve.address, or slack.app_token; "+
		"for events of instances set mop.queues, or mop.topics with serve.address")
}

// intakes are the ways in that are open.
type intakes struct {
	ways    waysIn
	door    *intake.Door // nil: no Slack
	slack   *slack.Client
	topics  *intake.Topics // nil: none
	pollers []*intake.Poller
	metrics *prometheus.Registry
}

func (a *app) serve(ctx context.Context, cfg *config.Config, c client.Client) error {
	if err := waysOf(cfg).check(); err != nil {
		return err
	}
	logger := slog.New(slog.NewJSONHandler(a.errOut, &slog.HandlerOptions{Level: slog.LevelInfo}))
	in, err := a.openIntakes(ctx, cfg, c, logger)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	if cfg.Serve.Address != "" {
		if err := a.listen(ctx, group, string(cfg.Serve.Address), in.routes()); err != nil {
			return err
		}
	}
	if in.ways.socket {
		group.Go(func() error { return in.door.Socket(ctx, in.slack) })
	}
	for _, p := range in.pollers {
		group.Go(func() error { return p.Run(ctx) })
	}
	logger.Info("epoxy serve runs", "address", string(cfg.Serve.Address), "interactions", in.ways.clicks, "socketMode", in.ways.socket,
		"topics", in.ways.topics, "queues", len(in.pollers))
	err = group.Wait()
	if in.door == nil {
		return err
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
	defer cancel()
	return errors.Join(err, in.door.Shutdown(last))
}

// openIntakes makes everything ready; nothing comes in yet.
func (a *app) openIntakes(ctx context.Context, cfg *config.Config, c client.Client, logger *slog.Logger) (*intakes, error) {
	in := &intakes{ways: waysOf(cfg), metrics: prometheus.NewRegistry()}
	in.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	counters, err := intake.NewCounters(in.metrics)
	if err != nil {
		return nil, err
	}
	if in.ways.clicks || in.ways.socket {
		api, secret, err := connect.SlackDoor(ctx, cfg.Slack)
		if err != nil {
			return nil, exit(exitUsage, "%w", err)
		}
		d := &decider{temporal: c, slack: api, cfg: cfg}
		in.slack = api
		in.door = &intake.Door{
			Verify: &intake.Verifier{SigningSecret: secret}, Decide: d.decide, Details: d.details,
			API: api, APIURL: string(cfg.Slack.APIURL), Counters: counters, Log: logger,
		}
	}
	n := &announcer{temporal: c, cfg: cfg, taskQueue: a.taskQueue}
	if in.ways.topics {
		in.topics = &intake.Topics{ARNs: cfg.MopTopics(), Accept: n.accept, Counters: counters, Log: logger}
	}
	in.pollers, err = openQueues(ctx, cfg, n.accept, counters, logger)
	return in, err
}

func (in *intakes) routes() http.Handler {
	mux := http.NewServeMux()
	if in.ways.clicks {
		mux.Handle("/slack/interactions", in.door)
	}
	if in.topics != nil {
		mux.Handle("/sns", in.topics)
	}
	mux.HandleFunc("/healthz", in.health)
	mux.Handle("/metrics", promhttp.HandlerFor(in.metrics, promhttp.HandlerOpts{}))
	return mux
}

// health answers 503 as long as something that should come in cannot, and says what.
func (in *intakes) health(w http.ResponseWriter, r *http.Request) {
	all := make([]error, 0, len(in.pollers))
	for _, p := range in.pollers {
		all = append(all, p.Health())
	}
	switch err := errors.Join(all...); {
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	case in.door != nil:
		in.door.ServeHealth(w, r)
	default:
		fmt.Fprintln(w, "ok")
	}
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
