package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"epoxy/internal/config"
	"epoxy/internal/intake"
	"epoxy/internal/policy"
	"epoxy/workflows"
)

// signaller is what an announcer needs of Temporal.
type signaller interface {
	SignalWithStartWorkflow(ctx context.Context, workflowID, signalName string, signalArg any, options client.StartWorkflowOptions,
		workflow any, workflowArgs ...any) (client.WorkflowRun, error)
}

// announcer brings announcements to the mops of their subjects.
type announcer struct {
	temporal  signaller
	cfg       *config.Config
	taskQueue string
}

// accept gives an announcement to the run of its subject, which begins with it if there is none. When accept returns without an
// error, Temporal has it.
func (n *announcer) accept(ctx context.Context, said policy.Announcement) (intake.Accepted, error) {
	in, err := n.input(said)
	if err != nil {
		return intake.Accepted{}, err
	}
	id := workflows.MopRunID(in)
	options := mopOptions(n.taskQueue, in)
	// An instance dies once: what comes after a mop that ended well is the same death again, and costs nothing. Names and
	// addresses are given to others, whose own deaths must not be taken for the first one's.
	if said.Subject.Instance != "" {
		options.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY
	}
	_, err = n.temporal.SignalWithStartWorkflow(ctx, id, workflows.AnnouncedSignal, said, options, workflows.MopType, in)
	if _, done := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); done {
		return intake.Accepted{WorkflowID: id, Duplicate: true}, nil
	}
	// One message that the server will never take must not hold up the others.
	if _, never := errors.AsType[*serviceerror.InvalidArgument](err); never {
		return intake.Accepted{}, intake.Refusal{Code: "not_startable", Text: fmt.Sprintf("Temporal refuses to start %s: %v", id, err)}
	}
	return intake.Accepted{WorkflowID: id}, err
}

// input is what the subject's environment says a mop is to do.
func (n *announcer) input(said policy.Announcement) (workflows.MopInput, error) {
	s := said.Subject
	env, ok := n.cfg.MopFor(s.Account, s.Region)
	place, known := mopPlace(env, s.Account, s.Region)
	switch {
	case !ok || !known:
		return workflows.MopInput{}, intake.Refusal{
			Code: "unknown_place", Text: fmt.Sprintf("%s/%s is in no environment of mop.environments: add it if its instances are ours", s.Account, s.Region),
		}
	case said.Group != "" && len(env.Groups) > 0 && !matchesAny(env.Groups, said.Group):
		return workflows.MopInput{}, intake.Ignored{Code: "other_group", Text: fmt.Sprintf("%s is of the group %q, another team's", s, said.Group)}
	case said.Hook != nil && !matchesAny(env.Hooks, said.Hook.Name):
		return workflows.MopInput{}, intake.Ignored{Code: "other_hook", Text: fmt.Sprintf("%s waits for the hook %q, another team's", s, said.Hook.Name)}
	}
	return workflows.MopInput{MopSettings: mopSettings(n.cfg, env), Place: place, Subject: s}, nil
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return policy.Matches(pattern, name) })
}
