package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"epoxy/internal/cloud"
	"epoxy/internal/config"
	"epoxy/internal/intake"
	"epoxy/workflows"
)

// eventDoor is what every poller shares.
type eventDoor struct {
	accept   intake.Accept
	ready    func(context.Context) error // whether Temporal can take events
	topics   []string
	counters *intake.Counters
	log      *slog.Logger
}

// queueWays makes a way in of each queue of the configuration.
func (in *intakes) queueWays(ctx context.Context, queues []config.Queue, door eventDoor) error {
	if len(queues) == 0 {
		return nil
	}
	base, err := cloud.LoadConfig(ctx)
	if err != nil {
		return err
	}
	clients := cloud.New(base)
	for _, q := range queues {
		in.ways = append(in.ways, &way{name: "queue " + q.URL, run: func(ctx context.Context, up func()) error {
			if err := door.ready(ctx); err != nil {
				return err
			}
			s, err := clients.At(ctx, q.Place)
			if wrong, ok := errors.AsType[*cloud.WrongAccountError](err); ok {
				return exit(exitUsage, "mop.queues: %s: %w", q.URL, wrong)
			}
			if err != nil {
				return err
			}
			p := &intake.Poller{
				API: s.SQS, Queue: intake.Queue{URL: q.URL, ARN: queueARN(q), Topics: door.topics},
				Accept: door.accept, Counters: door.counters, Log: door.log,
			}
			in.polls(p)
			up()
			return p.Run(ctx)
		}})
	}
	return nil
}

// queueARN is where a queue is; an event that does not say where it happened, happened there.
func queueARN(q config.Queue) string {
	return arn.ARN{
		Partition: config.RegionID(q.Place.Region).Partition(), Service: "sqs", Region: q.Place.Region, AccountID: q.Place.Account, Resource: path.Base(q.URL),
	}.String()
}

// readiness says whether the namespace has Epoxy's search attributes: without them no mop can begin, and every event would wait.
// A server that does not let us look is not waited for; it answers when the first event comes.
func readiness(c client.Client, namespace string, log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		have, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
		_, denied := errors.AsType[*serviceerror.PermissionDenied](err)
		_, unknown := errors.AsType[*serviceerror.Unimplemented](err)
		switch {
		case denied || unknown:
			log.Warn("Temporal does not say which search attributes the namespace has; should events not be taken, run `epoxy setup`", "error", err)
			return nil
		case err != nil:
			return fmt.Errorf("look for Epoxy's search attributes in namespace %s: %w", namespace, err)
		}
		return checkSearchAttributes(namespace, have.GetCustomAttributes())
	}
}

func checkSearchAttributes(namespace string, have map[string]enumspb.IndexedValueType) error {
	missing := slices.DeleteFunc(slices.Clone(workflows.SearchAttributeNames()), func(name string) bool {
		return have[name] == enumspb.INDEXED_VALUE_TYPE_KEYWORD
	})
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("namespace %s lacks the search attributes %s (as Keyword): run `epoxy setup`", namespace, strings.Join(missing, ", "))
}
