package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"go.temporal.io/sdk/client"

	"epoxy/activities"
	"epoxy/internal/artifact"
	"epoxy/internal/config"
	"epoxy/internal/intake"
	"epoxy/internal/planview"
	"epoxy/internal/policy"
)

// decider turns clicks into the Update that the command sends, too.
type decider struct {
	temporal client.Client
	slack    groupsAPI
	cfg      *config.Config
}

func (d *decider) decide(ctx context.Context, click intake.Click) (intake.Answer, error) {
	by := policy.Person{Door: policy.DoorSlack, ID: click.UserID, Name: click.UserName}
	asking, err := askingOf(ctx, d.temporal, click.Value.WorkflowID, click.Value.RunID)
	if err != nil {
		return intake.Answer{}, fmt.Errorf("%s does not answer: %w", click.Value.WorkflowID, err)
	}
	if by.Groups, err = d.groupsOf(ctx, asking.Approvers, click.UserID); err != nil {
		return intake.Answer{}, err
	}
	kind := click.Action
	if kind == intake.ActionVeto {
		kind = policy.DecideVeto
	}
	said, err := sendDecision(ctx, d.temporal, click.Value.WorkflowID, click.Value.RunID, click.ID, policy.Decision{
		Kind: kind, Plan: click.Value.Plan, Items: click.Keep, Reason: click.Reason, By: by,
	})
	return intake.Answer{Text: said.Message}, err
}

// groupsOf tells which of the approvers' Slack groups the person is in now: who left a group decides nothing any more.
func (d *decider) groupsOf(ctx context.Context, who policy.Approvers, user string) ([]string, error) {
	if slices.Contains(who.Users, user) {
		return nil, nil
	}
	var in []string
	for _, group := range who.Groups {
		members, err := d.slack.GetUserGroupMembersContext(ctx, group)
		if err != nil {
			return nil, fmt.Errorf("who is in the Slack group %s could not be looked up (%w): the app needs the scope usergroups:read", group, err)
		}
		if slices.Contains(members, user) {
			in = append(in, group)
		}
	}
	return in, nil
}

// details is the plan as text, as far as Slack's dialog has room for it.
func (d *decider) details(ctx context.Context, v intake.Value) (string, error) {
	ref, err := planOf(ctx, d.temporal, v.WorkflowID, v.RunID)
	if err != nil {
		return "", err
	}
	if ref.SHA256 != v.Plan {
		return "", fmt.Errorf("this message is about plan %s, and %s has made plan %s since: look at its newest message",
			policy.ShortHash(v.Plan), v.WorkflowID, policy.ShortHash(ref.SHA256))
	}
	return d.text(ctx, ref)
}

func (d *decider) text(ctx context.Context, ref activities.Artifact) (string, error) {
	store, err := openArtifacts(ctx, d.cfg)
	if err != nil {
		return "", err
	}
	var root policy.Plan
	if err := store.Get(ctx, ref, &root); err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = planview.Table(&b, ref.SHA256, root, func(part policy.PlanPart) (content policy.PartContent, err error) {
		return content, store.Get(ctx, artifact.Ref{Key: part.Key, SHA256: part.SHA256, Bytes: part.Size}, &content)
	}, planview.Options{})
	return b.String(), err
}
