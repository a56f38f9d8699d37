package activities

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"epoxy/internal/artifact"
	"epoxy/internal/nearest"
	"epoxy/internal/policy"
)

// RepositoriesAPI is what looking at repositories needs of ECR.
type RepositoriesAPI interface {
	DescribeRepositories(context.Context, *ecr.DescribeRepositoriesInput, ...func(*ecr.Options)) (*ecr.DescribeRepositoriesOutput, error)
	GetRepositoryPolicy(context.Context, *ecr.GetRepositoryPolicyInput, ...func(*ecr.Options)) (*ecr.GetRepositoryPolicyOutput, error)
	GetRegistryPolicy(context.Context, *ecr.GetRegistryPolicyInput, ...func(*ecr.Options)) (*ecr.GetRegistryPolicyOutput, error)
	DescribeImages(context.Context, *ecr.DescribeImagesInput, ...func(*ecr.Options)) (*ecr.DescribeImagesOutput, error)
	BatchGetImage(context.Context, *ecr.BatchGetImageInput, ...func(*ecr.Options)) (*ecr.BatchGetImageOutput, error)
}

// Repositories looks at ECR, and changes nothing there.
type Repositories struct {
	ECR Connect[RepositoriesAPI]
	S3  Connect[artifact.API]
}

// sideBySide is how many calls of one activity are under way at a time: enough to be fast, and below ECR's and ECS's rates,
// to which the clients adapt. https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html
const sideBySide = 10

// FindRepositories lists the registry, picks what the patterns mean, and finds out who else may pull from each.
func (a *Repositories) FindRepositories(ctx context.Context, in FindRepositoriesInput) (FindRepositoriesOutput, error) {
	defer beating(ctx, in.Place.String())()
	client, err := a.ECR(ctx, in.Place)
	if err != nil {
		return FindRepositoriesOutput{}, translate(in.Place, err)
	}
	all, err := listRepositories(ctx, client)
	if err != nil {
		return FindRepositoriesOutput{}, translate(in.Place, err)
	}
	names, err := pickRepositories(in, all)
	if err != nil {
		return FindRepositoriesOutput{}, err
	}
	if n := len(names); in.Most > 0 && n > in.Most {
		return FindRepositoriesOutput{}, Refuse(ErrInvalid,
			"%d repositories in %s match, and one policy takes %d: split the policy in epoxy.yaml into several, each with a part of the repositories", n, in.Place, in.Most)
	}
	found, err := lookAtPolicies(ctx, client, in.Place, names)
	return FindRepositoriesOutput{Repositories: found}, translate(in.Place, err)
}

func listRepositories(ctx context.Context, client RepositoriesAPI) ([]string, error) {
	pages := ecr.NewDescribeRepositoriesPaginator(client, &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(1000)})
	var names []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Repositories {
			names = append(names, aws.ToString(r.RepositoryName))
		}
		activity.RecordHeartbeat(ctx, len(names))
	}
	slices.Sort(names)
	return names, nil
}

// pickRepositories refuses a pattern that means nothing: a mistyped name must not look like a clean repository.
func pickRepositories(in FindRepositoriesInput, all []string) ([]string, error) {
	var picked, problems []string
	for _, pattern := range in.Patterns {
		before := len(picked)
		for _, name := range all {
			if policy.Matches(pattern, name) {
				picked = append(picked, name)
			}
		}
		if len(picked) > before {
			continue
		}
		problem := fmt.Sprintf("no repository matches %q", pattern)
		if !strings.ContainsAny(pattern, "*?") {
			problem = fmt.Sprintf("there is no repository %q", pattern)
			if near := nearest.Name(pattern, all); near != "" {
				problem += fmt.Sprintf(" (did you mean %q?)", near)
			}
		}
		problems = append(problems, problem)
	}
	if len(problems) > 0 {
		return nil, Refuse(ErrInvalid, "in %s %s, among %d: check repositories of the policy in epoxy.yaml",
			in.Place, strings.Join(problems, ", "), len(all))
	}
	slices.Sort(picked)
	return slices.Compact(picked), nil
}

func lookAtPolicies(ctx context.Context, client RepositoriesAPI, place Place, names []string) ([]FoundRepository, error) {
	registry, closed, err := registryPolicy(ctx, client, place)
	if err != nil {
		return nil, err
	}
	found := make([]FoundRepository, len(names))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sideBySide)
	for i, name := range names {
		group.Go(func() (err error) {
			found[i], err = lookAtRepository(ctx, client, place, name, registry)
			if found[i].Unreadable == "" {
				found[i].Unreadable = closed
			}
			activity.RecordHeartbeat(ctx, name)
			return err
		})
	}
	err = group.Wait()
	return slices.DeleteFunc(found, func(r FoundRepository) bool { return r.Name == "" }), err
}

// registryPolicy is the policy of all repositories of a registry. https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry-permissions.html
func registryPolicy(ctx context.Context, client RepositoriesAPI, place Place) (text, closed string, err error) {
	out, err := client.GetRegistryPolicy(ctx, &ecr.GetRegistryPolicyInput{})
	switch code := codeOf(err); {
	case code == "RegistryPolicyNotFoundException":
		return "", "", nil
	case forbiddenCodes[code]:
		return "", "the registry's policy: " + inWords(translate(place, err)), nil
	case err != nil:
		return "", "", err
	}
	return aws.ToString(out.PolicyText), "", nil
}

// lookAtRepository answers without a name where the repository was deleted just now.
func lookAtRepository(ctx context.Context, client RepositoriesAPI, place Place, name, registry string) (FoundRepository, error) {
	r := FoundRepository{Name: name}
	own := ""
	out, err := client.GetRepositoryPolicy(ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: &name})
	switch code := codeOf(err); {
	case code == "RepositoryNotFoundException":
		return FoundRepository{}, nil
	case code == "RepositoryPolicyNotFoundException":
	case forbiddenCodes[code]:
		r.Unreadable = inWords(translate(place, err))
	case err != nil:
		return r, err
	default:
		own = aws.ToString(out.PolicyText)
	}
	access := policy.WhoMayPull(policy.Repository{Account: place.Account, Region: place.Region, Name: name}, own, registry)
	r.Accounts = access.Accounts
	for _, principal := range access.Principals {
		r.Principals = append(r.Principals, clipPrincipal(principal))
	}
	return r, nil
}

// principalBytes bounds what is said of a principal: its conditions can be as long as a policy, for each of hundreds of them,
// and Temporal takes two megabytes in all.
const principalBytes = 200

// clipPrincipal keeps the beginning, which says who it is, and tells two long ones apart.
func clipPrincipal(s string) string {
	if len(s) <= principalBytes {
		return s
	}
	mark := fmt.Sprintf("… (%.6x)", sha256.Sum256([]byte(s)))
	return strings.ToValidUTF8(s[:principalBytes-len(mark)], "") + mark
}

// inWords is an error's message without what only Temporal reads.
func inWords(err error) string {
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return app.Message()
	}
	return err.Error()
}
