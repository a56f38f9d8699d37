package workflows

import (
	"fmt"
	"regexp"
	"slices"

	"epoxy/activities"
	"epoxy/internal/policy"
)

var (
	instanceID = regexp.MustCompile(`^i-[0-9a-f]{8}([0-9a-f]{9})?$`)
	templateID = regexp.MustCompile(`^lt-[0-9a-f]{8}([0-9a-f]{9})?$`)
	accountID  = regexp.MustCompile(`^[0-9]{12}$`)
)

// validate refuses an input that the command would never send: a run may be started by anybody who reaches Temporal.
func (in BakeInput) validate(workflowID, image string) error {
	switch {
	case !instanceID.MatchString(in.InstanceID):
		return refuse(activities.ErrInvalid, fmt.Sprintf("instance_id %q is not an instance id (i- and 8 or 17 hexadecimal digits)", in.InstanceID))
	case !templateID.MatchString(in.LaunchTemplateID):
		return refuse(activities.ErrInvalid, fmt.Sprintf("launch_template_id %q is not a launch template id (lt- and 8 or 17 hexadecimal digits)", in.LaunchTemplateID))
	case workflowID != BakeWorkflowID(in.LaunchTemplateID):
		return refuse(activities.ErrInvalid, fmt.Sprintf("a bake of %s must have the workflow id %s, which is its lock; this one is %s", in.LaunchTemplateID, BakeWorkflowID(in.LaunchTemplateID), workflowID))
	case !accountID.MatchString(in.Place.Account) || in.Place.Region == "":
		return refuse(activities.ErrInvalid, "place needs an account (12 digits) and a Region")
	case !policy.ValidImageName(image):
		return refuse(activities.ErrInvalid, fmt.Sprintf("%q is no image name (3 to 128 of letters, digits and ()[] ./-'@_): shorten or rename the target", image))
	case in.ImageTimeout <= 0 || in.Poll <= 0:
		return refuse(activities.ErrInvalid, "image_timeout and poll must be above zero")
	case !slices.Contains([]string{policy.PublishLatest, policy.PublishDefault, policy.PublishPinned, policy.PublishSSM}, in.Publish):
		return refuse(activities.ErrInvalid, fmt.Sprintf("publish is %q, which is none of latest, default, pinned, ssm", in.Publish))
	case in.Group == "" && (in.Refresh != nil || in.Publish == policy.PublishPinned):
		return refuse(activities.ErrInvalid, "a refresh, and publish: pinned, need an Auto Scaling group (auto_scaling_group)")
	case in.Refresh != nil && in.Refresh.Timeout <= 0:
		return refuse(activities.ErrInvalid, "refresh.timeout must be above zero")
	}
	return nil
}
