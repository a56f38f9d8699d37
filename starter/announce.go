package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

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
	filters   filters

	unready atomic.Pointer[error] // why Temporal takes nothing until a person acts
}

// Health is nil unless a person must act before Temporal takes announcements.
func (n *announcer) Health() error {
	if err := n.unready.Load(); err != nil {
		return *err
	}
	return nil
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
	_, done := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err)
	_, never := errors.AsType[*serviceerror.InvalidArgument](err)
	switch {
	case err == nil || done:
		n.unready.Store(nil)
		return intake.Accepted{WorkflowID: id, Duplicate: done}, nil
	case lacksSearchAttributes(err):
		err = fmt.Errorf("this namespace has not Epoxy's search attributes: run `epoxy setup` once (%w)", err)
		n.unready.Store(&err)
	case never: // one message that the server will never take must not hold up the others
		return intake.Accepted{}, intake.Refusal{Code: "not_startable", Text: fmt.Sprintf("Temporal refuses to start %s: %v", id, err)}
	}
	return intake.Accepted{}, err
}

// lacksSearchAttributes tells a namespace that was never set up from an event that is wrong. The server has no type of its own
// for it ("no mapping defined for search attribute Target"), and any search attribute is our doing, never the event's.
// https://github.com/temporalio/temporal/blob/main/common/searchattribute/validator.go
func lacksSearchAttributes(err error) bool {
	invalid, ok := errors.AsType[*serviceerror.InvalidArgument](err)
	return ok && strings.Contains(strings.ToLower(invalid.Error()), "search attribute")
}

// input is what the subject's environment says a mop is to do.
func (n *announcer) input(said policy.Announcement) (workflows.MopInput, error) {
	s := said.Subject
	env, ok := n.cfg.MopFor(s.Account, s.Region)
	place, known := mopPlace(env, s.Account, s.Region)
	if !ok || !known {
		return workflows.MopInput{}, intake.Refusal{
			Code: "unknown_place", Text: fmt.Sprintf("%s/%s is in no environment of mop.environments: add it if its instances are ours", s.Account, s.Region),
		}
	}
	if said.Group != "" && len(env.Groups) > 0 && !n.fits(filter{env.Name, "groups"}, env.Groups, said.Group) {
		return workflows.MopInput{}, intake.Ignored{Code: "other_group", Text: fmt.Sprintf("%s is of the group %q, another team's", s, said.Group)}
	}
	if said.Hook != nil && !n.fits(filter{env.Name, "hooks"}, env.Hooks, said.Hook.Name) {
		return workflows.MopInput{}, intake.Ignored{Code: "other_hook", Text: fmt.Sprintf("%s waits for the hook %q, another team's", s, said.Hook.Name)}
	}
	return workflows.MopInput{MopSettings: mopSettings(n.cfg, env), Place: place, Subject: s}, nil
}

func (n *announcer) fits(which filter, patterns []string, name string) bool {
	matched := slices.ContainsFunc(patterns, func(pattern string) bool { return policy.Matches(pattern, name) })
	n.filters.note(which, patterns, name, matched)
	return matched
}
