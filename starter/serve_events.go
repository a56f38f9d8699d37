package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"epoxy/internal/cloud"
	"epoxy/internal/config"
	"epoxy/internal/intake"
)

// openQueues makes a poller for each queue of the configuration.
func openQueues(ctx context.Context, cfg *config.Config, accept intake.Accept, counters *intake.Counters, logger *slog.Logger) ([]*intake.Poller, error) {
	queues := cfg.MopQueues()
	if len(queues) == 0 {
		return nil, nil
	}
	base, err := cloud.LoadConfig(ctx)
	if err != nil {
		return nil, err
	}
	clients := cloud.New(base)
	pollers := make([]*intake.Poller, 0, len(queues))
	for _, q := range queues {
		s, err := clients.At(ctx, q.Place)
		if wrong, ok := errors.AsType[*cloud.WrongAccountError](err); ok {
			return nil, exit(exitUsage, "mop.queues: %s: %w", q.URL, wrong)
		}
		if err != nil {
			return nil, fmt.Errorf("mop.queues: %s: %w", q.URL, err)
		}
		pollers = append(pollers, &intake.Poller{
			API:    s.SQS,
			Queue:  intake.Queue{URL: q.URL, ARN: queueARN(q), Topics: cfg.MopTopics()},
			Accept: accept, Counters: counters, Log: logger,
		})
	}
	return pollers, nil
}

// queueARN is where a queue is; an event that does not say where it happened, happened there.
func queueARN(q config.Queue) string {
	return arn.ARN{Partition: "aws", Service: "sqs", Region: q.Place.Region, AccountID: q.Place.Account, Resource: path.Base(q.URL)}.String()
}
