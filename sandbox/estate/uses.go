package estate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// Held is a repository in which one image, the oldest, is held by one kind of use, and nothing else protects it.
type Held struct {
	Kind       string
	Repository string
	Digest     string   // of the held image
	Also       []string // that are kept with it: children, referrers
	Unused     int      // images that nobody holds, older than any rule asks for
}

// holder is one kind of use: it makes something that holds the image.
type holder struct {
	kind string
	hold func(ctx context.Context, c *Containers, h Held, name, uri string) error
}

// defined is a holder that holds a task definition of the image.
func defined(f func(ctx context.Context, c *Containers, name, definition string) error) func(context.Context, *Containers, Held, string, string) error {
	return func(ctx context.Context, c *Containers, _ Held, name, uri string) error {
		definition, err := c.Define(ctx, name, uri)
		if err != nil {
			return err
		}
		return f(ctx, c, name, definition)
	}
}

var holders = []holder{
	{"running-task", defined(func(ctx context.Context, c *Containers, _, d string) error { _, err := c.Run(ctx, d); return err })},
	{"stopped-task", defined(func(ctx context.Context, c *Containers, _, d string) error {
		task, err := c.Run(ctx, d)
		if err == nil {
			_, err = c.ECS.StopTask(ctx, &ecs.StopTaskInput{Cluster: aws.String(Cluster), Task: &task})
		}
		return err
	})},
	{"service-at-zero", defined(func(ctx context.Context, c *Containers, name, d string) error { return c.Serve(ctx, name, d, 0, false) })},
	{"task-set", defined(func(ctx context.Context, c *Containers, name, d string) error { return c.Serve(ctx, name, d, 1, true) })},
	{"inactive-definition", defined(func(ctx context.Context, c *Containers, name, d string) error {
		if err := c.Serve(ctx, name, d, 0, false); err != nil {
			return err
		}
		return c.Retire(ctx, d)
	})},
	{"service-revision", func(ctx context.Context, c *Containers, h Held, name, _ string) error {
		// The service was deployed when "live" was this image; ECS pinned its digest. Since then the tag has moved away.
		definition, err := c.Define(ctx, name, c.URI(h.Repository, "live"))
		if err != nil {
			return err
		}
		if err := c.Retag(ctx, h.Repository, h.Digest, "live"); err != nil {
			return err
		}
		if err := c.Serve(ctx, name, definition, 0, false); err != nil {
			return err
		}
		return c.Retag(ctx, h.Repository, h.Also[0], "live")
	}},
	{"rollback-revision", func(ctx context.Context, c *Containers, _ Held, name, uri string) error {
		_, err := c.Define(ctx, name, uri) // the family's last revision, run by nobody
		return err
	}},
	{"eventbridge-rule", defined(func(ctx context.Context, c *Containers, name, d string) error {
		if err := c.OnRule(ctx, name, d); err != nil {
			return err
		}
		return c.Retire(ctx, d) // so that it is no rollback target
	})},
	{"scheduler-schedule", defined(func(ctx context.Context, c *Containers, name, d string) error {
		if err := c.OnSchedule(ctx, name, d); err != nil {
			return err
		}
		return c.Retire(ctx, d)
	})},
	{"state-machine", defined(func(ctx context.Context, c *Containers, name, d string) error {
		if err := c.StateMachine(ctx, name, d); err != nil {
			return err
		}
		return c.Retire(ctx, d)
	})},
	{"lambda-latest", func(ctx context.Context, c *Containers, _ Held, name, uri string) error {
		return c.Function(ctx, name, uri)
	}},
	{"lambda-version", func(ctx context.Context, c *Containers, h Held, name, uri string) error {
		if err := c.Function(ctx, name, uri); err != nil {
			return err
		}
		_, err := c.Publish(ctx, name, c.URI(h.Repository, newest))
		return err
	}},
	{"lambda-weighted-alias", func(ctx context.Context, c *Containers, h Held, name, uri string) error {
		if err := c.Function(ctx, name, uri); err != nil {
			return err
		}
		version, err := c.Publish(ctx, name, c.URI(h.Repository, newest))
		if err != nil {
			return err
		}
		second, err := c.Publish(ctx, name, c.URI(h.Repository, newest))
		if err != nil {
			return err
		}
		_, err = c.Lambda.CreateAlias(ctx, &lambda.CreateAliasInput{
			FunctionName: &name, Name: aws.String("live"), FunctionVersion: &second,
			RoutingConfig: &lambdatypes.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{version: 0.1}},
		})
		return err
	}},
	{"app-runner", func(ctx context.Context, c *Containers, _ Held, name, uri string) error {
		return c.AppRunnerService(ctx, name, uri)
	}},
	{"batch-job", func(ctx context.Context, c *Containers, _ Held, name, uri string) error { return c.Job(ctx, name, uri) }},
}

// newest is the tag of the newest image of a repository, which every policy keeps.
const newest = "newest"

// old is how long ago the images of a Held were pushed, the held one first.
const old = 400 * 24 * time.Hour

// NewHeld makes a repository for each kind of use: its oldest image is held, the others are not.
func (c *Containers) NewHeld(ctx context.Context, prefix string, unused int) ([]Held, error) {
	out := make([]Held, 0, len(holders))
	for _, h := range holders {
		held, uri, err := c.heldRepository(ctx, prefix, h.kind, unused)
		if err != nil {
			return nil, err
		}
		if err := h.hold(ctx, c, held, strings.ReplaceAll(held.Repository, "/", "-"), uri); err != nil {
			return nil, fmt.Errorf("hold an image by %s: %w", h.kind, err)
		}
		out = append(out, held)
	}
	return out, nil
}

// heldRepository is the held image, as many that are not, and one that is new.
func (c *Containers) heldRepository(ctx context.Context, prefix, kind string, unused int) (Held, string, error) {
	h := Held{Kind: kind, Repository: prefix + "/" + kind, Unused: unused}
	if err := c.NewRepository(ctx, h.Repository); err != nil {
		return h, "", err
	}
	now := time.Now()
	images := []Push{{Tags: []string{"held"}, Pushed: now.Add(-old), Bytes: 200 << 20}}
	for i := range unused {
		images = append(images, Push{Tags: []string{fmt.Sprintf("build-%d", i+1)}, Pushed: now.Add(-old + time.Duration(i+1)*time.Hour), Bytes: 100 << 20})
	}
	images = append(images, Push{Tags: []string{newest}, Pushed: now.Add(-old / 2), Bytes: 100 << 20})
	digests, err := c.Push(ctx, h.Repository, images...)
	if err != nil {
		return h, "", err
	}
	h.Digest, h.Also = digests[0], digests[len(digests)-1:]
	return h, c.URI(h.Repository, "held"), nil
}
