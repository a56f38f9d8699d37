package workflows

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

func (p *prune) validate(ctx workflow.Context) error {
	if err := errors.Join(p.planner.validate(p.WorkflowID), p.set.validate()); err != nil {
		return err
	}
	if p.set.unheard() && since(ctx, vetoNeedsChannel) {
		return errors.New("approval.mode veto needs a Slack channel, so that people can object: add the section slack to epoxy.yaml, or use mode ask")
	}
	return nil
}

// validate refuses what the command would never send: a run may be started by anybody who reaches Temporal.
func (s PruneSettings) validate() error {
	var errs []error
	no := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if s.Policy == "" {
		no("policy is missing")
	}
	if !isPlace(s.Place) || !isPlace(s.Store.Place) || !isPlace(s.Ledger.Place) {
		no("place, store.place and ledger.place each need an account (12 digits) and a Region")
	}
	if s.Store.Bucket == "" || s.Ledger.Table == "" {
		no("store.bucket and ledger.table are missing")
	}
	if len(s.Sources) == 0 {
		no("sources are missing: without a survey everything would look unused")
	}
	for _, source := range s.Sources {
		if !slices.Contains(policy.AllSources(), source) {
			no("source %q is none of %v", source, policy.AllSources())
		}
	}
	if s.Timeout <= 0 {
		no("timeout must be above zero")
	}
	errs = append(errs, s.Approval.validate())
	return errors.Join(errs...)
}

func (a ApprovalInput) validate() error {
	switch {
	case !slices.Contains([]string{policy.ApproveAuto, policy.ApproveAsk, policy.ApproveVeto}, a.Mode):
		return fmt.Errorf("approval.mode is %q, which is none of auto, ask, veto", a.Mode)
	case a.Mode == policy.ApproveVeto && a.Window <= 0:
		return errors.New("approval.window must be above zero in mode veto")
	case a.Expires < time.Minute:
		return errors.New("approval.expires must be at least a minute")
	case a.Remind < 0:
		return errors.New("approval.remind must not be negative")
	case a.Mode == policy.ApproveAsk && a.Approvers.Empty():
		return errors.New("approval needs users, groups or cli identities in mode ask: nobody could ever approve")
	}
	return nil
}

// unheard tells that people could object, and nobody would tell them: silence would be consent of those who know nothing.
func (s PruneSettings) unheard() bool {
	return s.Approval.Mode == policy.ApproveVeto && orElse(s.Approval.Channel, s.Telling.Channel) == ""
}

func (p *imagePlanner) validate(workflowID string) error {
	switch want := PruneImagesWorkflowID(p.set.Policy, p.set.DryRun); {
	case workflowID != want:
		return wrongID(p.set.Policy, want, workflowID)
	case len(p.in.Repositories) == 0:
		return errors.New("repositories are missing")
	case p.in.Rules.MinAge <= 0 || p.in.Rules.KeepNewest < 1:
		return errors.New("rules need a min_age above zero and a keep_newest of at least 1")
	}
	return nil
}

func (p *definitionPlanner) validate(workflowID string) error {
	switch want := PruneTaskDefinitionsWorkflowID(p.set.Policy, p.set.DryRun); {
	case workflowID != want:
		return wrongID(p.set.Policy, want, workflowID)
	case !slices.Contains(p.set.Sources, policy.SourceECS):
		return errors.New("sources must hold ecs: nobody uses task definitions more")
	case len(p.in.Rules.Families) == 0:
		return errors.New("families are missing")
	case p.in.Rules.MinAge <= 0 || p.in.Rules.KeepNewest < 1:
		return errors.New("rules need a min_age above zero and a keep_newest of at least 1")
	}
	return nil
}

func wrongID(name, want, got string) error {
	return fmt.Errorf("a prune by policy %s must have the workflow id %s, which is its lock; this one is %s", name, want, got)
}

func isPlace(p activities.Place) bool { return accountID.MatchString(p.Account) && p.Region != "" }
