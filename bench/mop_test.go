package bench

import (
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"epoxy/sandbox/estate"
)

// mopNodes is how many die at once; EPOXY_BENCH_NODES says otherwise, up to the 2,000 that a breaker lets go.
func mopNodes(b *testing.B) int {
	b.Helper()
	text := os.Getenv("EPOXY_BENCH_NODES")
	if text == "" {
		return 1000
	}
	n, err := strconv.Atoi(text)
	must(b, err)
	return n
}

// BenchmarkMop: 1,000 nodes die at once. Everything of theirs goes, once, with few changes of a zone; their neighbours stay; and
// while the mops wait for their second look, every event comes again, which costs no call.
func BenchmarkMop(b *testing.B) {
	const alive = 5
	for range b.N {
		n := mopNodes(b)
		r := newMopRig(b, n+alive, "[24h]")
		r.register(b, r.nodes)
		dead, neighbours := r.nodes[:n], r.nodes[n:]
		r.terminate(b, dead)
		r.startWorker(b)
		r.slowDown(b)
		r.forgetChefCalls(b)
		before, cpu, begin := r.awsCalls(b), cpuTimes(b), time.Now()

		took := r.mop(b, n)
		events := r.settle(b, dead)
		for name, spent := range cpuTimes(b) {
			b.ReportMetric(float64((spent-cpu[name]).Milliseconds())/float64(n), "cpu-ms/node-"+name)
		}
		chef, calls := r.chefCalls(b), difference(r.awsCalls(b), before)
		r.expect(b, chef["nodes.DELETE"] == n && chef["clients.DELETE"] == n, "Chef was asked to delete %d nodes and %d clients of %d", chef["nodes.DELETE"], chef["clients.DELETE"], n)
		r.expect(b, r.there(b, dead) == 0, "%d things of dead nodes are left", r.there(b, dead))
		r.expect(b, r.there(b, neighbours) == 4*alive, "of %d things of live nodes %d are left", 4*alive, r.there(b, neighbours))
		changes := r.changesOfAZone(b, begin)
		r.expect(b, changes <= 20, "a zone was changed %d times", changes)
		rate := float64(n) / took.Seconds()
		b.ReportMetric(rate, "nodes/s")
		b.ReportMetric(float64(total(chef))/float64(n), "chef-calls/node")
		b.ReportMetric(float64(total(calls))/float64(n), "aws-calls/node")
		b.ReportMetric(float64(changes), "zone-changes")
		b.ReportMetric(float64(events), "events/mop")
		b.ReportMetric(float64(r.rss(b))/1024, "worker-MB-waiting")
		if os.Getenv("EPOXY_BENCH_CALLS") != "" {
			fmt.Println("took", took, "\nchef", chef, "\naws", calls)
		}
		r.again(b, dead)
		loop := r.bare(b, dead, 1)
		b.ReportMetric(loop, "bare-loop-nodes/s")
		b.ReportMetric(rate/loop, "of-bare-loop")
		b.ReportMetric(r.bare(b, dead, 16), "bare-16-at-a-time-nodes/s")
	}
}

// again announces every death once more.
func (r *mopRig) again(b *testing.B, dead []estate.Node) {
	b.Helper()
	aws, chef := r.awsCalls(b), r.chefCalls(b)
	begin := time.Now()
	r.announceAgain(b, dead)
	r.until(b, "an empty queue", func() bool { return r.depth(b) == 0 })
	took := time.Since(begin)
	r.settle(b, dead)
	more := difference(r.awsCalls(b), aws)
	maps.Copy(more, difference(r.chefCalls(b), chef))
	r.expect(b, total(more) == 0, "events that came again cost %v", more)
	b.ReportMetric(float64(total(more)), "calls-of-repeated-events")
	b.ReportMetric(float64(len(dead))/took.Seconds(), "repeated-events/s")
}

// changesOfAZone is how often the one was changed since then that was changed most.
func (r *mopRig) changesOfAZone(b *testing.B, since time.Time) (most int) {
	b.Helper()
	log, err := r.control.CallLog(b.Context())
	must(b, err)
	zones := map[string]int{}
	for _, c := range log {
		if c.Operation == "route53.ChangeResourceRecordSets" && c.Time > float64(since.UnixMilli())/1000 {
			zones[c.Path]++
			most = max(most, zones[c.Path])
		}
	}
	return most
}

// slowDown puts Chef at the other end of a network: EPOXY_BENCH_CHEF_MS more for each call, 0 when unset.
func (r *mopRig) slowDown(b *testing.B) {
	b.Helper()
	ms, _ := strconv.ParseFloat(os.Getenv("EPOXY_BENCH_CHEF_MS"), 64)
	if ms > 0 {
		must(b, r.gate.Fail(b.Context(), estate.Fault{Operation: "*", Kind: "latency", Count: -1, LatencyMS: ms}))
	}
}

func (r *mopRig) expect(b *testing.B, ok bool, format string, args ...any) {
	b.Helper()
	if !ok {
		b.Errorf(format, args...)
	}
}

func difference(after, before map[string]int) map[string]int {
	out := map[string]int{}
	for operation, n := range after {
		if n > before[operation] {
			out[operation] = n - before[operation]
		}
	}
	return out
}

func total(calls map[string]int) (n int) {
	for _, c := range calls {
		n += c
	}
	return n
}

// awsCalls are without the queue's, and without those of whoever counts them.
func (r *mopRig) awsCalls(b *testing.B) map[string]int {
	b.Helper()
	calls, err := r.control.Calls(b.Context())
	must(b, err)
	for operation := range calls {
		if strings.HasPrefix(operation, "sqs.") {
			delete(calls, operation)
		}
	}
	return calls
}
