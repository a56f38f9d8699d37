package bench

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"epoxy/activities"
	"epoxy/internal/intake"
	"epoxy/internal/intake/intaketest"
	"epoxy/internal/policy"
	"epoxy/sandbox/estate"
	"epoxy/sandbox/stack"
	"epoxy/workflows"
)

// announce is what `epoxy serve` asks of Temporal for each event.
func announce(ctx context.Context, c client.Client, said policy.Announcement) (intake.Accepted, error) {
	place := activities.Place{Account: said.Subject.Account, Region: said.Subject.Region}
	in := workflows.MopInput{Place: place, Subject: said.Subject, MopSettings: workflows.MopSettings{
		Environment: "prod", Live: []activities.Place{place}, Servers: []string{"prod"}, Later: []time.Duration{15 * time.Minute, 2 * time.Hour},
		Patience: 5 * time.Minute, FailedWait: time.Hour, Timeout: time.Hour, Telling: workflows.Telling{Channel: "#bench"},
	}}
	id := workflows.MopWorkflowID(said.Subject)
	_, err := c.SignalWithStartWorkflow(ctx, id, workflows.AnnouncedSignal, said, client.StartWorkflowOptions{
		TaskQueue:                "nobody-polls-this", // what is measured is the way in
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
		TypedSearchAttributes: temporal.NewSearchAttributes(workflows.TargetKey.ValueSet("prod"), workflows.AccountKey.ValueSet(place.Account),
			workflows.RegionKey.ValueSet(place.Region), workflows.OutcomeKey.ValueSet(activities.OutcomeRunning)),
		StaticSummary: "Mop up after " + said.Subject.String(), StaticDetails: "Announced by an event.",
	}, workflows.MopType, in)
	return intake.Accepted{WorkflowID: id}, err
}

const notification = `{"AccountId": "111111111111", "AutoScalingGroupName": "shop-web", "Event": "autoscaling:EC2_INSTANCE_TERMINATE",
"AutoScalingGroupARN": "arn:aws:autoscaling:us-east-1:111111111111:autoScalingGroup:f3a1b2c4-1111-2222-3333-444455556666:autoScalingGroupName/shop-web",
"ActivityId": "63d5d4c6-aaaa", "Time": "2026-01-31T12:00:05.120Z", "EC2InstanceId": "%s", "Cause": "%s", "Details": {"Availability Zone": "us-east-1a"}}`

// BenchmarkIntake: events from a queue into Temporal against bare calls of the same server, as many at a time, in turns.
func BenchmarkIntake(b *testing.B) {
	const rounds, each, atATime = 6, 500, 50
	for range b.N {
		ctx := b.Context()
		s, err := stack.Up(ctx, stack.Options{Dir: b.TempDir(), InProcessSlack: true, InProcessGitHub: true, InProcessChef: true, InMemory: true})
		must(b, err)
		b.Cleanup(func() { must(b, s.Down()) })
		c, err := client.DialContext(ctx, client.Options{HostPort: s.TemporalAddress()})
		must(b, err)
		b.Cleanup(c.Close)
		number := 0
		subjects := func() []string {
			out := make([]string, each)
			for i := range out {
				number++
				out[i] = fmt.Sprintf("i-%017x", number)
			}
			return out
		}
		bareCalls(b, c, subjects(), atATime) // warms up connection and server
		var bare, queued time.Duration
		for range rounds {
			bare += bareCalls(b, c, subjects(), atATime)
			queued += throughQueue(b, c, subjects(), atATime)
		}
		b.ReportMetric(bare.Seconds()/queued.Seconds(), "of-bare-rate")
		b.ReportMetric(rounds*each/queued.Seconds(), "events/s")
		b.ReportMetric(rounds*each/bare.Seconds(), "bare/s")
	}
}

func bareCalls(b *testing.B, c client.Client, instances []string, atATime int) time.Duration {
	b.Helper()
	begin := time.Now()
	work := make(chan string)
	var all sync.WaitGroup
	for range atATime {
		all.Go(func() {
			for instance := range work {
				_, err := announce(b.Context(), c, policy.Announcement{
					Kind: policy.AnnouncedTerminated, Format: "raw notification", Group: "shop-web",
					Subject: policy.Subject{Account: estate.Account, Region: estate.Region, Instance: instance},
				})
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	for _, instance := range instances {
		work <- instance
	}
	close(work)
	all.Wait()
	return time.Since(begin)
}

// throughQueue is the time until the last message is deleted, which is when its run is safe.
func throughQueue(b *testing.B, c client.Client, instances []string, atATime int) time.Duration {
	b.Helper()
	queue := &intaketest.Queue{MaxReceives: 3}
	for _, instance := range instances {
		queue.Send(fmt.Sprintf(notification, instance, strings.Repeat("x", 1000)))
	}
	p := &intake.Poller{
		API: queue, Queue: intake.Queue{URL: "https://sqs.us-east-1.amazonaws.com/111111111111/bench"}, InHand: atATime, Log: slog.New(slog.DiscardHandler),
		Accept: func(ctx context.Context, said policy.Announcement) (intake.Accepted, error) {
			return announce(ctx, c, said)
		},
	}
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	var running sync.WaitGroup
	begin := time.Now()
	running.Go(func() {
		if err := p.Run(ctx); err != nil {
			b.Error(err)
		}
	})
	for all, _ := queue.Len(); all > 0; all, _ = queue.Len() {
		time.Sleep(time.Millisecond)
	}
	took := time.Since(begin)
	stop()
	running.Wait()
	if dead := queue.Dead(); len(dead) > 0 {
		b.Errorf("%d messages were refused", len(dead))
	}
	return took
}
