package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"epoxy/internal/artifact"
	"epoxy/internal/config"
	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// planned is what the newest plan of a policy says of a resource.
type planned struct {
	Policy string    `json:"policy"`
	Kind   string    `json:"kind"`
	Name   string    `json:"name"` // repository@digest, or ARN
	Made   time.Time `json:"made"`
	policy.Verdict
}

func (p planned) what() string {
	if p.Code == policy.VerdictDelete {
		return "to be deleted"
	}
	return "kept"
}

// newestVerdicts looks a resource up in the newest plan of each policy.
func newestVerdicts(ctx context.Context, cfg *config.Config, resource string) ([]planned, error) {
	var out []planned
	store, err := openArtifacts(ctx, cfg)
	if err != nil {
		return nil, err
	}
	for _, kind := range []string{policy.PlanOfImages, policy.PlanOfTaskDefinitions} {
		for _, name := range cfg.PruneNames(kind) {
			found, err := verdictsOf(ctx, store, kind, name, resource)
			if err != nil {
				return nil, err
			}
			out = append(out, found...)
		}
	}
	return out, nil
}

func verdictsOf(ctx context.Context, store *artifact.Store, kind, name, resource string) ([]planned, error) {
	var newest artifact.Ref
	var root policy.Plan
	etag, err := store.Recall(ctx, policy.NewestPlan(kind, name), &newest)
	if err != nil || etag == "" {
		return nil, err
	}
	err = store.Get(ctx, newest, &root)
	if _, gone := errors.AsType[*artifact.NotFoundError](err); gone {
		return nil, nil // the bucket's lifecycle rule took it
	}
	if err != nil {
		return nil, err
	}
	var out []planned
	for _, part := range root.Parts {
		if repository, _, ok := cutResource(resource); ok && !strings.HasSuffix(part.Name, "/"+repository) && part.Name != repository {
			continue
		}
		var content policy.PartContent
		if err := store.Get(ctx, artifact.Ref{Key: part.Key, SHA256: part.SHA256, Bytes: part.Size}, &content); err != nil {
			return nil, err
		}
		for _, v := range content.Verdicts {
			if names(resource, v) {
				p := planned{Policy: name, Kind: kind, Name: v.ID, Made: root.Made, Verdict: v}
				if kind == policy.PlanOfImages {
					p.Name = part.Name + "@" + v.ID
				}
				out = append(out, p)
			}
		}
	}
	return out, nil
}

// cutResource takes repository:tag and repository@digest apart.
func cutResource(resource string) (repository, rest string, ok bool) {
	if strings.HasPrefix(resource, "arn:") || policy.IsDigest(resource) {
		return "", "", false
	}
	if repository, rest, ok = strings.Cut(resource, "@"); ok {
		return repository, rest, true
	}
	return strings.Cut(resource, ":")
}

// undeleted leaves out what the plan wanted to go and the ledger knows as gone: one answer is enough.
func undeleted(all []planned, entries []ledger.Entry) []planned {
	return slices.DeleteFunc(all, func(p planned) bool {
		return p.Code == policy.VerdictDelete && slices.ContainsFunc(entries, func(e ledger.Entry) bool { return e.Resource == p.Name })
	})
}

// names tells whether a person who wrote this means that verdict.
func names(resource string, v policy.Verdict) bool {
	if resource == v.ID || strings.HasSuffix(v.ID, "/"+resource) { // digest, ARN, family:revision
		return true
	}
	if _, rest, ok := cutResource(resource); ok {
		resource = rest
	}
	if resource == v.ID {
		return true
	}
	return slices.Contains(v.Tags, resource)
}
