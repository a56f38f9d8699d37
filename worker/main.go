// Command epoxy-worker runs Epoxy's workflows and activities. It keeps no state: kill it at any moment, start it again,
// run as many as you like.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/cloud"
	"epoxy/internal/config"
	"epoxy/internal/connect"
	"epoxy/workflows"
)

// stopTimeout is what running activities get to end after SIGTERM; each attempt takes half a minute at most.
const stopTimeout = 35 * time.Second

type options struct {
	config     string
	taskQueue  string
	deployment string
	buildID    string
}

func main() {
	var o options
	flag.StringVar(&o.config, "config", "", "configuration (default $EPOXY_CONFIG, then ./epoxy.yaml)")
	flag.StringVar(&o.taskQueue, "task-queue", env("EPOXY_TASK_QUEUE", workflows.TaskQueue), "task queue to poll ($EPOXY_TASK_QUEUE)")
	flag.StringVar(&o.deployment, "deployment", os.Getenv("EPOXY_DEPLOYMENT"), "worker deployment name: runs stay on the build they began on ($EPOXY_DEPLOYMENT; none: no versioning)")
	flag.StringVar(&o.buildID, "build-id", os.Getenv("EPOXY_BUILD_ID"), "build id in that deployment ($EPOXY_BUILD_ID)")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "epoxy-worker:", err)
		os.Exit(1)
	}
}

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

func run(o options) error {
	ctx := context.Background()
	logger := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	cfg, err := config.Load(o.config, os.Getenv)
	if err != nil {
		return err
	}
	clientOptions, err := connect.TemporalOptions(cfg.Temporal, logger)
	if err != nil {
		return err
	}
	if cfg.Worker.MetricsAddress != "" {
		handler, serve, err := metrics(string(cfg.Worker.MetricsAddress))
		if err != nil {
			return err
		}
		clientOptions.MetricsHandler = handler
		go func() {
			if err := serve(); !errors.Is(err, http.ErrServerClosed) {
				logger.Error("metrics are not served", "error", err)
			}
		}()
	}
	temporal, err := connect.Dial(ctx, clientOptions)
	if err != nil {
		return err
	}
	defer temporal.Close()
	set, err := connectActivities(ctx, cfg, temporal)
	if err != nil {
		return err
	}
	logger.Info("epoxy-worker runs", "taskQueue", o.taskQueue, "temporal", clientOptions.HostPort, "namespace", clientOptions.Namespace,
		"slack", cfg.Slack.Enabled(), "metrics", string(cfg.Worker.MetricsAddress))
	return keepRunning(temporal, o, set, logger)
}

// startAgain is how long a worker that ended by itself waits before another takes its place.
const startAgain = 2 * time.Second

// keepRunning runs workers until the process is told to stop. One ends by itself when the server is away while it starts, or
// comes back and does not know its namespace yet: no reason for the process to go.
func keepRunning(temporal client.Client, o options, set *activities.Set, logger *slog.Logger) error {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	told := make(chan any)
	go func() { <-ctx.Done(); close(told) }()
	for {
		w, err := newWorker(temporal, o, set)
		if err != nil {
			return err
		}
		if err = w.Run(told); err == nil || ctx.Err() != nil {
			return err
		}
		logger.Error("the worker ended; another takes its place", "error", err)
		select {
		case <-time.After(startAgain):
		case <-ctx.Done():
		}
	}
}

func connectActivities(ctx context.Context, cfg *config.Config, temporal client.Client) (*activities.Set, error) {
	base, err := cloud.LoadConfig(ctx)
	if err != nil {
		return nil, err
	}
	talk, err := connect.Slack(ctx, cfg.Slack)
	if err != nil {
		return nil, err
	}
	slack := &activities.Slack{}
	if talk != nil {
		slack.Client = talk
	}
	others := activities.Others{Slack: slack, Runs: &activities.Runs{Client: temporal}, Temporal: temporal, Chef: map[string]activities.ChefAPI{}}
	servers, err := connect.ChefServers(cfg.ChefServers())
	if err != nil {
		return nil, err
	}
	for name, server := range servers {
		others.Chef[name] = server
	}
	gh, err := connect.GitHub(ctx, cfg.GitHub)
	if err != nil {
		return nil, err
	}
	if gh != nil {
		others.GitHub = &activities.GitHub{Client: gh}
	}
	return activities.NewSet(cloud.New(base), others), nil
}

func newWorker(temporal client.Client, o options, set *activities.Set) (worker.Worker, error) {
	wo := worker.Options{WorkerStopTimeout: stopTimeout}
	if (o.deployment == "") != (o.buildID == "") {
		return nil, errors.New("a worker deployment needs both --deployment and --build-id")
	}
	if o.deployment != "" {
		wo.DeploymentOptions = worker.DeploymentOptions{
			UseVersioning:             true,
			Version:                   worker.WorkerDeploymentVersion{DeploymentName: o.deployment, BuildID: o.buildID},
			DefaultVersioningBehavior: workflow.VersioningBehaviorPinned,
		}
	}
	w := worker.New(temporal, o.taskQueue, wo)
	workflows.Register(w, set)
	return w, nil
}
