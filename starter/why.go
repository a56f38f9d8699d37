package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

const secondFormat = "2006-01-02 15:04:05 MST"

func outcomeInWords(e ledger.Entry) string {
	at, done, ahead := e.Ended.UTC().Format(secondFormat), "deleted", "about to be deleted at "
	if values, set := takenOut(e); values != "" {
		done, ahead = values+" taken out of "+set, values+" to be taken out of "+set+" since "
	}
	switch e.Outcome {
	case ledger.Deleted:
		return done + " at " + at
	case ledger.Undone:
		return done + ", and put back by " + e.UndoneBy + " at " + at
	case ledger.Gone:
		return "found gone at " + at + ": somebody else deleted it"
	case ledger.Failed:
		return "not deleted: " + e.Detail
	}
	return ahead + e.Intent.UTC().Format(secondFormat) + "; how that ended is not recorded yet"
}

// takenOut tells of a record set that stays, because only some of its values were the dead one's; "" for everything else.
func takenOut(e ledger.Entry) (values, set string) {
	var was policy.OwnRecord
	if e.Kind != ledger.RecordSet || json.Unmarshal([]byte(e.PutBack.Definition), &was) != nil || len(was.Drop) == 0 || len(was.Drop) >= len(was.Values) {
		return "", ""
	}
	return strings.Join(was.Drop, ", "), was.String()
}

// whoLet says by what right it went. A mop has no plan: its environment's breaker, or who decided in its place, let it go on.
func whoLet(e ledger.Entry) string {
	switch e.Kind {
	case ledger.ChefNode, ledger.ChefClient, ledger.RecordSet:
		return "environment " + e.Policy + ", let go by " + e.Approver
	}
	return fmt.Sprintf("policy %s, plan %s, approved by %s", e.Policy, policy.ShortHash(e.Plan), e.Approver)
}
