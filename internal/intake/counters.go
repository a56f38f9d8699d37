package intake

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Results beside the codes of a Refusal.
const (
	codeAccepted = "accepted"
	codeNothing  = "nothing_to_decide" // a button that is a link
	codeBusy     = "busy"
	codeClosing  = "closing"

	codeDuplicate   = "duplicate"   // its run is over already
	codeUnavailable = "unavailable" // not taken now; it comes again
)

// Counters count what comes through the doors and what became of it. Nil counts nothing.
type Counters struct {
	requests, decisions, events *prometheus.CounterVec

	with prometheus.Registerer
}

// NewCounters registers them.
func NewCounters(with prometheus.Registerer) (*Counters, error) {
	c := &Counters{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "epoxy_slack_requests_total", Help: "What came from Slack, by door (http, socket) and by what became of it: accepted, or why not.",
		}, []string{"door", "result"}),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "epoxy_slack_decisions_total", Help: "Accepted clicks, by action and by result: done, refused, untold (the person could not be told).",
		}, []string{"action", "result"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "epoxy_events_total", Help: "Events of instances, by door (sns, sqs) and by what became of them: accepted, duplicate, unavailable, or why not.",
		}, []string{"door", "result"}),
		with: with,
	}
	return c, errors.Join(with.Register(c.requests), with.Register(c.decisions), with.Register(c.events))
}

func (c *Counters) request(door, result string) {
	if c != nil {
		c.requests.WithLabelValues(door, result).Inc()
	}
}

func (c *Counters) decision(action, result string) {
	if c != nil {
		c.decisions.WithLabelValues(action, result).Inc()
	}
}

func (c *Counters) event(door, result string) {
	if c != nil {
		c.events.WithLabelValues(door, result).Inc()
	}
}

// oldest shows how old, in seconds, the oldest message of a queue is that was received and is not done with.
func (c *Counters) oldest(queue string, age func() float64) error {
	if c == nil {
		return nil
	}
	return c.with.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "epoxy_events_oldest_seconds", Help: "Age of the oldest message in hand, by queue; 0: none is in hand.",
		ConstLabels: prometheus.Labels{"queue": queue},
	}, age))
}

// result is what became of an event, for counters.
func result(done Accepted, err error) string {
	refusal, isRefusal := errors.AsType[Refusal](err)
	skipped, isIgnored := errors.AsType[Ignored](err)
	switch {
	case err == nil && done.Duplicate:
		return codeDuplicate
	case err == nil:
		return codeAccepted
	case isRefusal:
		return refusal.Code
	case isIgnored:
		return skipped.Code
	}
	return codeUnavailable
}
