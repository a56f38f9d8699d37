package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
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
			"A way in that cannot be opened is tried again, and does not close the others. /healthz, which names it, and /metrics are served\n" +
			"as well with serve.address. It keeps no state; run as many as you like.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return a.connected(ctx, func(cfg *config.Config, c client.Client, o client.Options) error {
				return a.serve(ctx, cfg, c, o.Namespace)
			})
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

// intakes are the ways in that are open, or kept opening.
type intakes struct {
	configured waysIn
	ways       []*way
	door       *intake.Door // nil: no Slack
	topics     *intake.Topics
	announcer  *announcer
	metrics    *prometheus.Registry

	mu      sync.Mutex
	pollers []*intake.Poller
}

func (a *app) serve(ctx context.Context, cfg *config.Config, c client.Client, namespace string) error {
	if err := waysOf(cfg).check(); err != nil {
		return err
	}
	logger := slog.New(slog.NewJSONHandler(a.errOut, &slog.HandlerOptions{Level: slog.LevelInfo}))
	in, err := a.openIntakes(ctx, cfg, c, namespace, logger)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	if cfg.Serve.Address != "" {
		if err := a.listen(ctx, group, string(cfg.Serve.Address), in.routes()); err != nil {
			return err
		}
	}
	for _, w := range in.ways {
		group.Go(func() error { return w.keep(ctx, logger) })
	}
	logger.Info("epoxy serve runs", "address", string(cfg.Serve.Address), "interactions", in.configured.clicks, "socketMode", in.configured.socket,
		"topics", in.configured.topics, "queues", len(cfg.MopQueues()))
	err = group.Wait()
	if in.door == nil {
		return err
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
	defer cancel()
	return errors.Join(err, in.door.Shutdown(last))
}

// openIntakes makes everything ready; nothing comes in yet.
func (a *app) openIntakes(ctx context.Context, cfg *config.Config, c client.Client, namespace string, logger *slog.Logger) (*intakes, error) {
	in := &intakes{configured: waysOf(cfg), metrics: prometheus.NewRegistry()}
	in.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	counters, err := intake.NewCounters(in.metrics)
	if err != nil {
		return nil, err
	}
	if in.configured.clicks || in.configured.socket {
		api, secret, err := connect.SlackDoor(ctx, cfg.Slack)
		if err != nil {
			return nil, exit(exitUsage, "%w", err)
		}
		d := &decider{temporal: c, slack: api, cfg: cfg}
		in.door = &intake.Door{
			Verify: &intake.Verifier{SigningSecret: secret}, Decide: d.decide, Details: d.details,
			API: api, APIURL: string(cfg.Slack.APIURL), Counters: counters, Log: logger,
		}
		if in.configured.socket {
			in.ways = append(in.ways, &way{name: "Slack's Socket Mode", run: func(ctx context.Context, up func()) error {
				up() // whether it is connected, the door itself tells
				return in.door.Socket(ctx, api)
			}})
		}
	}
	in.announcer = &announcer{temporal: c, cfg: cfg, taskQueue: a.taskQueue, filters: filters{log: logger}}
	ready := readiness(c, namespace, logger)
	if in.configured.topics {
		in.ways = append(in.ways, &way{name: "topics at /sns", run: func(ctx context.Context, up func()) error {
			if err := ready(ctx); err != nil {
				return err
			}
			up()
			<-ctx.Done()
			return nil
		}})
		in.topics = &intake.Topics{ARNs: cfg.MopTopics(), Accept: in.announcer.accept, Counters: counters, Log: logger}
	}
	return in, in.queueWays(ctx, cfg.MopQueues(), eventDoor{
		accept: in.announcer.accept, ready: ready, topics: cfg.MopTopics(), counters: counters, log: logger,
	})
}

func (in *intakes) routes() http.Handler {
	mux := http.NewServeMux()
	if in.configured.clicks {
		mux.Handle("/slack/interactions", in.door)
	}
	if in.topics != nil {
		mux.Handle("/sns", in.topics)
	}
	mux.HandleFunc("/healthz", in.health)
	mux.Handle("/metrics", promhttp.HandlerFor(in.metrics, promhttp.HandlerOpts{}))
	return mux
}

// polls takes down a poller that is about to run.
func (in *intakes) polls(p *intake.Poller) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.pollers = append(in.pollers, p)
}

// health answers 503 as long as something that should come in cannot, and says what.
func (in *intakes) health(w http.ResponseWriter, r *http.Request) {
	var all []error
	for _, w := range in.ways {
		all = append(all, w.Health())
	}
	in.mu.Lock()
	for _, p := range in.pollers {
		all = append(all, p.Health())
	}
	in.mu.Unlock()
	if in.announcer != nil {
		all = append(all, in.announcer.Health())
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
