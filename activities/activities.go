// Package activities talks to the outside world, one file per outside system. An activity is thin: it makes one call or a
// small idempotent group of calls, and turns what comes back into values or into errors that Temporal understands
// (errors.go). Decisions are made in internal/policy, order in workflows.
package activities

import (
	"context"

	"epoxy/internal/cloud"
)

// Place is where an activity acts.
type Place = cloud.Place

// Connect gives the client of a place.
type Connect[T any] func(ctx context.Context, p Place) (T, error)

// Set is every activity that a worker offers. Its methods' names are the activities' registered names: permanent.
type Set struct {
	Surveyor        *Surveyor
	Images          *Images
	ImageWaiter     *ImageWaiter
	ImageRemover    *ImageRemover
	LaunchTemplates *LaunchTemplates
	AutoScaling     *AutoScaling
	Parameters      *Parameters
	Slack           *Slack
	Runs            *Runs
}

// NewSet wires the activities to AWS, Slack and Temporal.
func NewSet(clients *cloud.Clients, slack *Slack, runs *Runs) *Set {
	ec2Client := func(ctx context.Context, p Place) (ec2API, error) {
		s, err := clients.At(ctx, p)
		if err != nil {
			return nil, err
		}
		return s.EC2, nil
	}
	asg := func(ctx context.Context, p Place) (AutoScalingAPI, error) {
		s, err := clients.At(ctx, p)
		if err != nil {
			return nil, err
		}
		return s.AutoScaling, nil
	}
	params := func(ctx context.Context, p Place) (ParametersAPI, error) {
		s, err := clients.At(ctx, p)
		if err != nil {
			return nil, err
		}
		return s.SSM, nil
	}
	return &Set{
		Surveyor:        &Surveyor{EC2: as[SurveyAPI](ec2Client), AutoScaling: asg, Parameters: params},
		Images:          &Images{Connect: as[ImagesAPI](ec2Client)},
		ImageWaiter:     &ImageWaiter{Connect: as[ImageStatesAPI](ec2Client)},
		ImageRemover:    &ImageRemover{Connect: as[ImageRemovalAPI](ec2Client)},
		LaunchTemplates: &LaunchTemplates{Connect: as[LaunchTemplatesAPI](ec2Client)},
		AutoScaling:     &AutoScaling{Connect: asg},
		Parameters:      &Parameters{Connect: params},
		Slack:           slack,
		Runs:            runs,
	}
}

// ec2API is all that the EC2 client is asked for; each file asks for its own part of it.
type ec2API interface {
	SurveyAPI
	ImagesAPI
	ImageStatesAPI
	ImageRemovalAPI
	LaunchTemplatesAPI
}

// as narrows a connection to the interface that one file needs.
func as[T any](connect Connect[ec2API]) Connect[T] {
	return func(ctx context.Context, p Place) (T, error) {
		var none T
		client, err := connect(ctx, p)
		if err != nil {
			return none, err
		}
		return any(client).(T), nil
	}
}
