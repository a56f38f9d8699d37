package workflows

import (
	"errors"
	"strings"
	"testing"

	"go.temporal.io/sdk/temporal"

	"epoxy/activities"
)

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		mode   string // latest when empty
		change func(in *BakeInput)
		id     string // of the workflow, when it is not the template's
		image  string // when it is not the right one
		want   string // a part of the refusal; "" for none
	}{
		"right":                {change: func(*BakeInput) {}},
		"right, short ids":     {change: func(in *BakeInput) { in.InstanceID, in.LaunchTemplateID = "i-01234567", "lt-89abcdef" }, id: "bake/lt-89abcdef"},
		"right, without group": {change: func(in *BakeInput) { in.Group = "" }},
		"right, pinned":        {mode: "pinned", change: func(*BakeInput) {}},
		"right, ssm":           {mode: "ssm", change: func(in *BakeInput) { in.Refresh = &RefreshInput{Timeout: 1} }},

		"no instance":          {change: func(in *BakeInput) { in.InstanceID = "" }, want: `instance_id ""`},
		"instance in capitals": {change: func(in *BakeInput) { in.InstanceID = "i-0123456789ABCDEF0" }, want: "instance_id"},
		"instance too long":    {change: func(in *BakeInput) { in.InstanceID += "0" }, want: "instance_id"},
		"instance and more":    {change: func(in *BakeInput) { in.InstanceID += "\n" }, want: "instance_id"},
		"no template":          {change: func(in *BakeInput) { in.LaunchTemplateID = "" }, want: `launch_template_id ""`},
		"template's name":      {change: func(in *BakeInput) { in.LaunchTemplateID = "shop-web" }, want: "launch_template_id"},
		"another's lock":       {change: func(*BakeInput) {}, id: "bake/lt-89abcdef", want: "must have the workflow id bake/" + template},
		"no lock":              {change: func(*BakeInput) {}, id: "7d9b6c1a", want: "which is its lock; this one is 7d9b6c1a"},
		"no account":           {change: func(in *BakeInput) { in.Place.Account = "" }, want: "account (12 digits)"},
		"account's name":       {change: func(in *BakeInput) { in.Place.Account = "production" }, want: "account (12 digits)"},
		"no Region":            {change: func(in *BakeInput) { in.Place.Region = "" }, want: "and a Region"},
		"name too long":        {change: func(*BakeInput) {}, image: strings.Repeat("n", 129), want: "is no image name"},
		"name with a sign":     {change: func(*BakeInput) {}, image: "shop&web", want: "is no image name"},
		"no image timeout":     {change: func(in *BakeInput) { in.ImageTimeout = 0 }, want: "image_timeout and poll"},
		"negative poll":        {change: func(in *BakeInput) { in.Poll = -1 }, want: "image_timeout and poll"},
		"no publication":       {change: func(in *BakeInput) { in.Publish = "" }, want: `publish is ""`},
		"publication unknown":  {change: func(in *BakeInput) { in.Publish = "newest" }, want: "none of latest, default, pinned, ssm"},
		"refresh of no group": {
			change: func(in *BakeInput) { in.Group, in.Refresh = "", &RefreshInput{Timeout: 1} }, want: "need an Auto Scaling group",
		},
		"no group to pin":            {mode: "pinned", change: func(in *BakeInput) { in.Group = "" }, want: "need an Auto Scaling group"},
		"refresh without a deadline": {change: func(in *BakeInput) { in.Refresh = &RefreshInput{} }, want: "refresh.timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.mode == "" {
				c.mode = "latest"
			}
			if c.image == "" {
				c.image = bakedName
			}
			in := newWorld(t, c.mode).in
			if c.id == "" {
				c.id = BakeWorkflowID(in.LaunchTemplateID)
			}
			c.change(&in)
			err := in.validate(c.id, c.image)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var app *temporal.ApplicationError
			if !errors.As(err, &app) || !app.NonRetryable() || app.Type() != activities.ErrInvalid || !strings.Contains(app.Message(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}
