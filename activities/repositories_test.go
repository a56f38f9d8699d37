package activities

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"epoxy/internal/artifact"
	"epoxy/internal/artifact/artifacttest"
)

const bucket = "epoxy-artifacts"

func theStore() Store { return Store{Place: here, Bucket: bucket, Prefix: "epoxy"} }

func repositories(ecr *fakeRegistry, s3 *artifacttest.S3) *Repositories {
	return &Repositories{ECR: to[RepositoriesAPI](ecr), S3: to[artifact.API](s3)}
}

func find(t *testing.T, ecr *fakeRegistry, patterns ...string) ([]FoundRepository, error) {
	t.Helper()
	out, err := attempt(t, repositories(ecr, nil).FindRepositories, FindRepositoriesInput{Place: here, Patterns: patterns})
	return out.Repositories, err
}

func letsPull(principal string) string {
	return `{"Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":["ecr:BatchGetImage"]}]}`
}

func TestFindRepositories(t *testing.T) {
	ecr := newRegistry("shop", "shop-web", "team/shop", "team/a/b", "other")
	ecr.repositories["shop"].policy = letsPull(`{"AWS":["222222222222","arn:aws:iam::` + here.Account + `:root"]}`)
	ecr.repositories["team/shop"].policy = letsPull(`"*"`)
	ecr.policy = `{"Statement":{"Effect":"Allow","Principal":{"AWS":"333333333333"},"Action":"ecr:*","Resource":"arn:aws:ecr:us-east-1:123456789012:repository/team/*"}}`
	got, err := find(t, ecr, "team/*", "shop", "*shop")
	want := []FoundRepository{
		{Name: "shop", Accounts: []string{"222222222222"}},
		{Name: "team/a/b", Accounts: []string{"333333333333"}},
		{Name: "team/shop", Accounts: []string{"333333333333"}, Principals: []string{"*"}},
	}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v: %s", err, cmp.Diff(want, got))
	}
	if !cmp.Equal(ecr.calls, map[string]int{"DescribeRepositories": 1, "GetRegistryPolicy": 1, "GetRepositoryPolicy": 3}) {
		t.Errorf("calls: %v", ecr.calls)
	}
}

func TestFindRepositoriesPages(t *testing.T) {
	ecr := newRegistry()
	for i := range 2300 {
		ecr.repositories[fmt.Sprintf("r/%04d", i)] = &fakeRepository{}
	}
	got, err := find(t, ecr, "r/*99", "r/2299")
	if err != nil || len(got) != 23 || got[22].Name != "r/2299" || ecr.calls["DescribeRepositories"] != 3 || ecr.calls["GetRepositoryPolicy"] != 23 {
		t.Errorf("%d repositories with %v: %v", len(got), ecr.calls, err)
	}
}

// A mistyped name must not look like a repository in which there is nothing to do.
func TestFindRepositoriesRefusesWhatIsNotThere(t *testing.T) {
	_, err := find(t, newRegistry("shop", "team/web"), "shpo", "shop", "team/wbe", "billing-*", "entirely-different")
	wantError(t, "unknown names", err, refused(ErrInvalid,
		`in 123456789012/us-east-1 there is no repository "shpo" (did you mean "shop"?), there is no repository "team/wbe" (did you mean "team/web"?), no repository matches "billing-*", there is no repository "entirely-different", among 2: check repositories`))
	ecr := newRegistry()
	_, err = find(t, ecr, "*")
	wantError(t, "an empty registry", err, refused(ErrInvalid, `no repository matches "*", among 0`))
	if ecr.calls["GetRegistryPolicy"] != 0 {
		t.Error("policies were read for nothing")
	}
}

func TestFindRepositoriesSaysWhosePolicyItCannotRead(t *testing.T) {
	ecr := newRegistry("a", "b")
	ecr.failing("GetRegistryPolicy", 400, "AccessDeniedException", "User: x is not authorized to perform: ecr:GetRegistryPolicy on resource: *")
	got, err := find(t, ecr, "*")
	for _, r := range got {
		if !strings.HasPrefix(r.Unreadable, "the registry's policy: ecr:GetRegistryPolicy is not allowed in 123456789012/us-east-1") {
			t.Errorf("%+v", r)
		}
	}
	if err != nil || len(got) != 2 {
		t.Errorf("%v: %v", got, err)
	}

	ecr = newRegistry("a", "b")
	ecr.failing("GetRepositoryPolicy", 400, "AccessDeniedException", "User: x is not authorized to perform: ecr:GetRepositoryPolicy on resource: y")
	got, err = find(t, ecr, "*")
	unreadable := 0
	for _, r := range got {
		if strings.HasPrefix(r.Unreadable, "ecr:GetRepositoryPolicy is not allowed") && !strings.Contains(r.Unreadable, "retryable") {
			unreadable++
		}
	}
	if err != nil || unreadable != 1 || len(got) != 2 {
		t.Errorf("%+v: %v", got, err)
	}

	ecr = newRegistry("a")
	ecr.repositories["a"].policy = "{"
	got, err = find(t, ecr, "a")
	if err != nil || len(got) != 1 || len(got[0].Principals) != 1 || !strings.Contains(got[0].Principals[0], "cannot be read") {
		t.Errorf("a broken policy: %+v: %v", got, err)
	}
}

func TestFindRepositoriesFailsWhereItCannotLook(t *testing.T) {
	for _, operation := range []string{"DescribeRepositories", "GetRegistryPolicy", "GetRepositoryPolicy"} {
		ecr := newRegistry("a")
		ecr.policy, ecr.repositories["a"].policy = letsPull(`"*"`), letsPull(`"*"`)
		ecr.failing(operation, 500, "ServerException", "")
		_, err := find(t, ecr, "*")
		wantError(t, operation, err, what{says: "ecr:" + operation})
		ecr.failing(operation, 400, "ThrottlingException", "Rate exceeded")
		_, err = find(t, ecr, "*")
		wantError(t, operation, err, what{kind: ErrThrottled, after: 5 * time.Second, upTo: 8 * time.Second, says: "ecr:" + operation})
		ecr.lose[operation] = 1
		_, err = find(t, ecr, "*")
		wantError(t, operation, err, what{says: "connection reset"})
	}
	a := &Repositories{ECR: nowhere[RepositoriesAPI](awsError("STS", "AssumeRole", 403, "AccessDenied", "no"))}
	_, err := attempt(t, a.FindRepositories, FindRepositoriesInput{Place: here})
	wantError(t, "no way there", err, refused(ErrForbidden, "sts:AssumeRole"))
}

// More than a run can take is said before each of them is looked at.
func TestFindRepositoriesIsBounded(t *testing.T) {
	ecr := newRegistry("a", "b", "c")
	a := repositories(ecr, nil)
	_, err := attempt(t, a.FindRepositories, FindRepositoriesInput{Place: here, Patterns: []string{"*"}, Most: 2})
	wantError(t, "three, and two are taken", err, refused(ErrInvalid, "3 repositories…one policy takes 2: split the policy"))
	if ecr.calls["GetRepositoryPolicy"] > 0 {
		t.Errorf("calls: %v", ecr.calls)
	}
	if out, err := attempt(t, a.FindRepositories, FindRepositoriesInput{Place: here, Patterns: []string{"a", "b"}, Most: 2}); err != nil || len(out.Repositories) != 2 {
		t.Errorf("two: %+v, %v", out, err)
	}
}

// A principal's conditions can be as long as a policy. Cut, two of them are told apart all the same.
func TestPrincipalsAreCut(t *testing.T) {
	ecr := newRegistry("a", "b")
	for name, value := range map[string]string{"a": "1", "b": "2"} {
		ecr.repositories[name].policy = `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:*","Condition":{"StringLike":{"aws:userid":"` + strings.Repeat("ü", 3000) + value + `"}}}]}`
	}
	got, err := find(t, ecr, "*")
	if err != nil || len(got) != 2 || len(got[0].Principals) != 1 || len(got[1].Principals) != 1 {
		t.Fatalf("%+v: %v", got, err)
	}
	one, other := got[0].Principals[0], got[1].Principals[0]
	if len(one) > principalBytes || !strings.HasPrefix(one, "* if aws:userid StringLike [ü") || one == other || !utf8.ValidString(one) {
		t.Errorf("%q and %q", one, other)
	}
}

// A repository that goes away while it is looked at is none to prune.
func TestFindRepositoriesDropsWhatIsDeletedMeanwhile(t *testing.T) {
	ecr := newRegistry("a", "b")
	ecr.failing("GetRepositoryPolicy", 400, "RepositoryNotFoundException", "gone")
	got, err := find(t, ecr, "*")
	if err != nil || len(got) != 1 {
		t.Errorf("%+v: %v", got, err)
	}
}

func TestFindRepositoriesLooksSideBySide(t *testing.T) {
	ecr := newRegistry()
	for i := range sideBySide {
		ecr.repositories[fmt.Sprintf("r%d", i)] = &fakeRepository{}
	}
	all := gathering(sideBySide)
	ecr.arrives = func(ctx context.Context, operation string) {
		if operation == "GetRepositoryPolicy" {
			all(ctx)
		}
	}
	if _, err := find(t, ecr, "*"); err != nil {
		t.Fatal(err)
	}
}

// gathering lets nobody pass before n have come; what comes one after the other waits until its time is up.
func gathering(n int) func(context.Context) {
	var mu sync.Mutex
	full := make(chan struct{})
	return func(ctx context.Context) {
		mu.Lock()
		if n--; n == 0 {
			close(full)
		}
		mu.Unlock()
		ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errors.New("they do not come side by side"))
		defer cancel()
		select {
		case <-full:
		case <-ctx.Done():
			panic(context.Cause(ctx))
		}
	}
}
