package workflows

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// PruneImagesInput is everything that a prune of ECR images does.
type PruneImagesInput struct {
	PruneSettings
	Repositories     []string           `json:"repositories"` // names, and patterns with * and ?
	Rules            policy.ImageRules  `json:"rules"`
	GitHub           []GitHubName       `json:"github,omitempty"` // the first that matches counts
	Consumers        []activities.Place `json:"consumers,omitempty"`
	Accounts         []activities.Place `json:"accounts,omitempty"` // all that can be entered, for those that repository policies let in; no Region
	IgnorePrincipals []string           `json:"ignore_principals,omitempty"`
}

// GitHubName says where the commits of matching repositories are; {repository} stands for the ECR name.
type GitHubName struct {
	Pattern string `json:"pattern"`
	Name    string `json:"name"` // owner/name
}

// PruneImagesTitle is the first line of a prune everywhere.
func PruneImagesTitle(in PruneImagesInput) string {
	return pruneTitle("Prune images", in.PruneSettings)
}

func pruneTitle(job string, set PruneSettings) string {
	if set.DryRun {
		return job + " " + set.Policy + " (dry run)"
	}
	return job + " " + set.Policy
}

// PruneImages deletes the ECR images that a policy no longer wants and that nobody uses: survey, plan, ask, look again,
// delete, record. One run per policy: the workflow id is the lock.
func PruneImages(ctx workflow.Context, in PruneImagesInput) (PruneResult, error) {
	p, err := newPrune(ctx, PruneImagesTitle(in), in.PruneSettings)
	if err != nil {
		return PruneResult{}, err
	}
	p.planner = &imagePlanner{prune: p, in: in}
	return p.run(ctx)
}

// imagePlanner is what is particular to images.
type imagePlanner struct {
	*prune

	in     PruneImagesInput
	access []policy.RepositoryAccess
	sorted activities.SortUsesOutput
	old    bool // begun before surveyHome
}

// maxRepositories keeps one run's history below 10,000 events, of which Temporal warns: each repository takes 18 for a plan,
// of which there may be three, and 6 for its deletion. https://docs.temporal.io/workflow-execution/limits
const maxRepositories = 150

// mostEver is what it was before.
const mostEver = 400

func (p *imagePlanner) rules(root *policy.Plan) { root.ImageRules = &p.in.Rules }
func (p *imagePlanner) kind() string            { return policy.PlanOfImages }
func (p *imagePlanner) things(n int) string     { return plural(n, "image") }

func (p *imagePlanner) survey(ctx workflow.Context) error {
	p.blocked = map[string]string{}
	if err := p.findAccess(ctx); err != nil {
		return err
	}
	if err := p.look(ctx, p.places(ctx)); err != nil {
		return err
	}
	if err := p.allFailed(); err != nil {
		return err
	}
	var planner *activities.Planner
	err := workflow.ExecuteActivity(surveys(ctx, "Sort the uses by repository"), planner.SortUses, activities.SortUsesInput{
		Store: p.set.Store, Surveys: p.uses(), Repositories: p.repositories(),
	}).Get(ctx, &p.sorted)
	if err != nil {
		return err
	}
	if p.sorted.Images == 0 {
		return refuse(activities.ErrInvalid, "no image is in use anywhere, lists and rollback revisions apart, which is hardly true: check aws.accounts, region and sources of prune.images."+p.set.Policy+p.failedNote())
	}
	p.block()
	return nil
}

// findAccess lists the repositories and who may use each.
func (p *imagePlanner) findAccess(ctx workflow.Context) error {
	var repositories *activities.Repositories
	var found activities.FindRepositoriesOutput
	look := workflow.WithScheduleToCloseTimeout(surveys(ctx, "Find the repositories and who may use them"), lookBound)
	err := workflow.ExecuteActivity(look, repositories.FindRepositories, activities.FindRepositoriesInput{
		Place: p.set.Place, Patterns: p.in.Repositories, Most: max(maxRepositories, len(p.access)), // a run goes on with those that it began with
	}).Get(ctx, &found)
	if err != nil {
		return err
	}
	if n := len(found.Repositories); n > mostEver {
		return refuse(activities.ErrInvalid, fmt.Sprintf("%d repositories match, and one policy takes %d: split prune.images.%s", n, maxRepositories, p.set.Policy))
	}
	p.access = nil
	for _, r := range found.Repositories {
		p.access = append(p.access, policy.RepositoryAccess{
			Repository: p.repository(r.Name), Accounts: r.Accounts, Principals: r.Principals, Unreadable: r.Unreadable,
		})
	}
	return nil
}

func (p *imagePlanner) repository(name string) policy.Repository {
	return policy.Repository{Account: p.set.Place.Account, Region: p.set.Place.Region, Name: name}
}

func (p *imagePlanner) repositories() []policy.Repository {
	out := make([]policy.Repository, len(p.access))
	for i, a := range p.access {
		out[i] = a.Repository
	}
	return out
}

// reach is where images of these repositories may be used.
func (p *imagePlanner) reach() policy.Reach {
	r := policy.Reach{Home: spotOf(p.set.Place), Ignored: p.in.IgnorePrincipals, Repositories: p.access}
	for _, place := range p.in.Consumers {
		r.Consumers = append(r.Consumers, spotOf(place))
	}
	for _, place := range p.in.Accounts {
		r.Accounts = append(r.Accounts, place.Account)
	}
	return r
}

func spotOf(place activities.Place) policy.Spot {
	return policy.Spot{Account: place.Account, Region: place.Region}
}

// places are where to look, with the roles to enter them.
func (p *imagePlanner) places(ctx workflow.Context) []activities.Place {
	spots := p.reach().Spots()
	if p.old = !since(ctx, surveyHome); p.old {
		spots = slices.DeleteFunc(spots, p.wasHidden)
	}
	named := append([]activities.Place{p.set.Place}, p.in.Consumers...)
	places := make([]activities.Place, len(spots))
	for i, spot := range spots {
		same := func(place activities.Place) bool { return spotOf(place) == spot }
		if at := slices.IndexFunc(named, same); at >= 0 {
			places[i] = named[at]
			continue
		}
		at := slices.IndexFunc(p.in.Accounts, func(known activities.Place) bool { return known.Account == spot.Account })
		places[i] = p.in.Accounts[at].In(spot.Region)
	}
	return places
}

// wasHidden tells what was not surveyed before surveyHome: an account that is a consumer in some other Region alone.
func (p *imagePlanner) wasHidden(spot policy.Spot) bool {
	r := p.reach()
	return spot != r.Home && !slices.Contains(r.Consumers, spot) &&
		slices.ContainsFunc(r.Consumers, func(c policy.Spot) bool { return c.Account == spot.Account })
}

// block says, for each repository, why nothing may be deleted from it.
func (p *imagePlanner) block() {
	surveys := p.failures()
	if p.old { // then a look in any Region counted
		for _, s := range slices.Clone(surveys) {
			s.Region = p.set.Place.Region
			surveys = append(surveys, s)
		}
	}
	blocked := policy.BlockedBy(p.reach(), surveys)
	for _, a := range p.access {
		if why := blocked[a.Repository.String()]; why != "" {
			p.blocked[a.Repository.String()] = why
		}
	}
}

// plan plans each repository by itself: what one cannot be told blocks that one alone.
func (p *imagePlanner) plan(ctx workflow.Context) ([]policy.PlanPart, error) {
	parts := make([]policy.PlanPart, 0, len(p.access))
	gate, wg := workflow.NewSemaphore(ctx, partsAtOnce), workflow.NewWaitGroup(ctx)
	for _, access := range p.access {
		if err := gate.Acquire(ctx, 1); err != nil {
			if since(ctx, waitForPlanners) {
				wg.Wait(detached(ctx))
			}
			return nil, err
		}
		wg.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer wg.Done()
			defer gate.Release(1)
			part, err := p.planRepository(ctx, access.Repository)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				p.blocked[access.Repository.String()] = "it could not be planned: " + reasonOf(err)
				return
			}
			parts = append(parts, part)
		})
	}
	wg.Wait(ctx)
	return parts, ctx.Err()
}

func (p *imagePlanner) planRepository(ctx workflow.Context, r policy.Repository) (part policy.PlanPart, err error) {
	name := r.String()
	var repositories *activities.Repositories
	var inventory activities.TakeInventoryOutput
	err = workflow.ExecuteActivity(surveys(ctx, "Inventory of "+r.Name), repositories.TakeInventory, activities.TakeInventoryInput{
		Store: p.set.Store, Place: p.set.Place, Repository: r,
	}).Get(ctx, &inventory)
	if err != nil {
		return part, err
	}
	in := activities.PlanRepositoryInput{
		Store: p.set.Store, Repository: r, Rules: p.in.Rules, Now: p.now(), Inventory: inventory.Inventory, Blocked: p.blocked[name],
	}
	if used, ok := p.sorted.ByRepository[name]; ok {
		in.Uses = &used
	}
	if source := p.github(r.Name); source != "" && in.Blocked == "" {
		commits, err := p.commits(ctx, source, in)
		if err != nil {
			if ctx.Err() != nil {
				return part, err
			}
			in.Blocked = "the commits of its images could not be looked up in " + source + ": " + reasonOf(err)
			p.blocked[name] = in.Blocked
		} else {
			in.Commits = &commits
		}
	}
	var planner *activities.Planner
	err = workflow.ExecuteActivity(surveys(ctx, "Plan "+r.Name), planner.PlanRepository, in).Get(ctx, &part)
	return part, err
}

// commitsBound leaves time for GitHub's limit, which is on an hour, to come back many times.
const commitsBound = 48 * time.Hour

// commits asks GitHub. Its rate limit is a durable wait: the activity asks to be tried again when the limit is over.
func (p *imagePlanner) commits(ctx workflow.Context, source string, in activities.PlanRepositoryInput) (activities.Artifact, error) {
	ctx = workflow.WithScheduleToCloseTimeout(surveys(ctx, "Commits of "+in.Repository.Name+" in "+source), commitsBound)
	ctx = workflow.WithRetryPolicy(ctx, temporal.RetryPolicy{InitialInterval: 2 * time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute})
	var commits *activities.Commits
	var out activities.FindCommitsOutput
	err := workflow.ExecuteActivity(ctx, commits.FindCommits, activities.FindCommitsInput{
		Store: in.Store, GitHub: source, Repository: in.Repository, Rules: in.Rules, Now: in.Now, Inventory: in.Inventory, Uses: in.Uses,
	}).Get(ctx, &out)
	return out.Commits, err
}

// github is where the commits of a repository's images are; "": the policy does not ask.
func (p *imagePlanner) github(name string) string {
	for _, g := range p.in.GitHub {
		if policy.Matches(g.Pattern, name) {
			return strings.ReplaceAll(g.Name, "{repository}", path.Base(name))
		}
	}
	return ""
}
