package intake

import "github.com/prometheus/client_golang/prometheus"

// Results beside the codes of a Refusal.
const (
	codeAccepted = "accepted"
	codeNothing  = "nothing_to_decide" // a button that is a link
	codeBusy     = "busy"
	codeClosing  = "closing"
)

// Counters count what comes through the doors and what became of it. Nil counts nothing.
type Counters struct {
	requests, decisions *prometheus.CounterVec
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
	}
	if err := with.Register(c.requests); err != nil {
		return nil, err
	}
	return c, with.Register(c.decisions)
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
