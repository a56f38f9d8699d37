package bench

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"epoxy/sandbox/estate"
	"epoxy/sandbox/github"
)

const (
	benchGitHub     = "acme/shop"
	benchCommits    = 1000
	benchFamilies   = 60
	revisionsOfEach = 5
	rollbackTargets = 3
)

// shopEstate is what the estate of BenchmarkPruneCalls holds, and so what the least calls for it are.
type shopEstate struct {
	clusters     []shopCluster
	definitions  int // active
	held         int // task definitions that somebody holds, or may roll back to
	rules        int
	schedules    int
	repositories []shopRepository
}

type shopCluster struct{ services, tasks, stopped int }

type shopRepository struct{ images, indexes int }

func pages(n, size int) int { return (n + size - 1) / size }

// least are the calls without which nobody can know what may go: every page is asked for once, as full as AWS gives it.
func (e shopEstate) least() (n int) {
	revisions, repositories := 0, len(e.repositories)
	n = pages(len(e.clusters), 100) + e.rules + e.schedules + pages(e.definitions, 100) + e.held + pages(repositories, 1000)
	for _, c := range e.clusters {
		n += max(1, pages(c.services, 100)) + pages(c.services, 10) + max(1, pages(c.tasks, 100)) + pages(c.tasks, 100)
		revisions += c.services
	}
	n += pages(revisions, 20)
	for _, r := range e.repositories {
		n += pages(r.images, 1000) + pages(r.indexes, 100)
	}
	return n
}

// besides are operations that the formula leaves out: who else may pull, and lists that it takes as given.
var besides = []string{
	"ecr.GetRepositoryPolicy", "ecr.GetRegistryPolicy", "events.ListEventBuses", "events.ListRules", "scheduler.ListSchedules", "lambda.ListFunctions",
}

// stores are Epoxy's own artifacts and ledger, and the question whose credentials it has.
var stores = []string{"s3.", "dynamodb.", "sts."}

// BenchmarkPruneCalls: the calls of a survey and a plan against the least there could be, at AWS and at GitHub.
func BenchmarkPruneCalls(b *testing.B) {
	for range b.N {
		r := newPruneRig(b, `repositories: ["*"], `+pruneRules+`, commit_tag: "^([0-9a-f]{40})$", github: { app-1: `+benchGitHub+` }`)
		e := r.stageShop(b)
		r.startWorker(b)
		before, err := r.control.Calls(b.Context())
		must(b, err)
		b.Log(r.epoxy(b, "prune", "images", prunePolicy, "--dry-run", "--wait"))
		after, err := r.control.Calls(b.Context())
		must(b, err)
		asked, err := r.hub.Calls(b.Context())
		must(b, err)
		calls, left := 0, 0
		for _, operation := range slices.Sorted(maps.Keys(after)) {
			n := after[operation] - before[operation]
			if n == 0 || slices.ContainsFunc(stores, func(p string) bool { return strings.HasPrefix(operation, p) }) {
				continue
			}
			b.Logf("%5d %s", n, operation)
			if slices.Contains(besides, operation) {
				left += n
			} else {
				calls += n
			}
		}
		for _, c := range e.clusters { // the lists of stopped tasks; their descriptions share the calls of the running ones
			calls -= max(1, pages(c.stopped, 100))
			left += max(1, pages(c.stopped, 100))
		}
		requests := 0
		for _, c := range asked {
			requests += c.Total
		}
		b.ReportMetric(float64(calls), "calls")
		b.ReportMetric(float64(e.least()), "calls-least")
		b.ReportMetric(float64(calls)/float64(e.least()), "calls/least")
		b.ReportMetric(float64(left), "calls-not-in-formula")
		b.ReportMetric(float64(requests), "GitHub-requests")
		b.ReportMetric(float64(requests)/float64(pages(benchCommits, 100)), "GitHub-requests/least")
	}
}

// stageShop makes an estate in which pages are full, half full and empty.
func (r *pruneRig) stageShop(b *testing.B) (e shopEstate) {
	b.Helper()
	r.stageImages(b, &e)
	for range revisionsOfEach {
		r.define(b, "svc-{n}", r.own.URI("app-2", newestTag), benchFamilies)
	}
	e.definitions, e.held = benchFamilies*revisionsOfEach, benchFamilies*rollbackTargets
	for i, services := range []int{25, 12, 3, 0} {
		name := fmt.Sprintf("c%d", i)
		_, err := r.own.ECS.CreateCluster(b.Context(), &ecs.CreateClusterInput{ClusterName: &name})
		must(b, err)
		for n := range services {
			_, err := r.own.ECS.CreateService(b.Context(), &ecs.CreateServiceInput{
				Cluster: &name, ServiceName: aws.String(fmt.Sprintf("s%d", n)), TaskDefinition: aws.String(fmt.Sprintf("svc-%d:%d", n+1, revisionsOfEach)),
				DesiredCount: aws.Int32(5), LaunchType: types.LaunchTypeFargate, NetworkConfiguration: benchNetwork,
			})
			must(b, err)
		}
		c := shopCluster{services: services}
		c.tasks, c.stopped = r.countTasks(b, name, types.DesiredStatusRunning), r.countTasks(b, name, types.DesiredStatusStopped)
		e.clusters = append(e.clusters, c)
	}
	// What rules and schedules start is in part held by nobody else.
	for n := range 30 {
		must(b, r.own.OnRule(b.Context(), fmt.Sprintf("rule%d", n), r.definition(n+1, 1+4*(n%2))))
	}
	for n := range 20 {
		must(b, r.own.OnSchedule(b.Context(), fmt.Sprintf("schedule%d", n), r.definition(n+31, 1+4*(n%2))))
	}
	e.rules, e.schedules, e.held = 30, 20, e.held+15+10
	return e
}

func (r *pruneRig) definition(family, revision int) string {
	return fmt.Sprintf("arn:aws:ecs:%s:%s:task-definition/svc-%d:%d", estate.Region, estate.Account, family, revision)
}

var benchNetwork = &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{"subnet-0123456789abcdef0"}}}

func (r *pruneRig) countTasks(b *testing.B, cluster string, status types.DesiredStatus) (n int) {
	b.Helper()
	list := ecs.NewListTasksPaginator(r.own.ECS, &ecs.ListTasksInput{Cluster: &cluster, DesiredStatus: status})
	for list.HasMorePages() {
		page, err := list.NextPage(b.Context())
		must(b, err)
		n += len(page.TaskArns)
	}
	return n
}

// stageImages makes app-1, whose tags are commits, and repositories with indexes.
func (r *pruneRig) stageImages(b *testing.B, e *shopEstate) {
	b.Helper()
	sha := func(i int) string { return github.SHA(fmt.Sprintf("bench %d", i)) }
	commits := make([]github.Commit, benchCommits)
	for i := range commits {
		commits[i] = github.Commit{SHA: sha(i), Time: time.Now().Add(-longAgo)}
	}
	must(b, r.hub.Put(b.Context(), github.Repository{Name: benchGitHub, Commits: commits}))
	must(b, r.fill(b.Context(), "app-1", benchCommits, sha))
	must(b, r.fill(b.Context(), "app-2", 150, version))
	e.repositories = append(e.repositories, shopRepository{images: benchCommits + 1}, shopRepository{images: 151})
	for i := range 10 {
		name, indexes := fmt.Sprintf("multi-%d", i), 15*i
		must(b, r.own.NewRepository(b.Context(), name))
		var images []estate.Push
		pushed := time.Now().Add(-longAgo)
		for n := range max(1, indexes) {
			images = append(images, estate.Push{Pushed: pushed, Bytes: 1 << 20}, estate.Push{Pushed: pushed, Bytes: 1 << 20})
			if indexes > 0 {
				images = append(images, estate.Push{Tags: []string{version(n)}, Pushed: pushed, Children: []int{3 * n, 3*n + 1}})
			}
		}
		_, err := r.own.Push(b.Context(), name, images...)
		must(b, err)
		e.repositories = append(e.repositories, shopRepository{images: len(images), indexes: indexes})
	}
}
