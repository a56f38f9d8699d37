package policy

import (
	"fmt"
	"strconv"
)

// Ways to publish a baked image.
const (
	PublishLatest  = "latest"  // groups that launch $Latest take it with their next instance
	PublishDefault = "default" // the template's default version is moved
	PublishPinned  = "pinned"  // the Auto Scaling group names the version
	PublishSSM     = "ssm"     // a parameter holds the image id
)

// BakeFacts is what a survey found before a bake touches anything.
type BakeFacts struct {
	InstanceState  string `json:"instance_state"` // "" when there is no such instance
	InstanceOwner  string `json:"instance_owner,omitempty"`
	RootDeviceType string `json:"root_device_type,omitempty"`

	TemplateName string `json:"template_name"`
	Latest       int64  `json:"latest"` // 0 when there is no such template
	Default      int64  `json:"default"`
	Versions     int64  `json:"versions"` // at most this many exist
	Source       int64  `json:"source"`   // 0 when the source cannot be told
	SourceImage  string `json:"source_image"`

	GroupDesired  int    `json:"group_desired,omitempty"`
	GroupTemplate string `json:"group_template,omitempty"`
	GroupVersion  string `json:"group_version,omitempty"` // $Latest, $Default or a number

	ParameterValue string `json:"parameter_value,omitempty"` // "" when there is none yet
}

// BakeWish is what the bake was asked to do.
type BakeWish struct {
	Account, Region            string
	InstanceID, LaunchTemplate string
	Source, Publish            string
	Group, Parameter           string
	Refresh                    bool
}

// CheckBake says why the bake cannot end well, or "" when nothing speaks against it.
func CheckBake(w BakeWish, f BakeFacts) string {
	for _, check := range []func(BakeWish, BakeFacts) string{checkInstance, checkTemplate, checkGroup, checkParameter} {
		if why := check(w, f); why != "" {
			return why
		}
	}
	return ""
}

func checkInstance(w BakeWish, f BakeFacts) string {
	switch {
	case f.InstanceState == "":
		return fmt.Sprintf("instance %s does not exist in account %s, %s: it was terminated long ago or belongs to another account or Region; put the current instance into bake.targets in epoxy.yaml", w.InstanceID, w.Account, w.Region)
	case f.InstanceOwner != "" && f.InstanceOwner != w.Account:
		return fmt.Sprintf("instance %s belongs to account %s, not to %s: check the target's account in epoxy.yaml", w.InstanceID, f.InstanceOwner, w.Account)
	case f.InstanceState != "running" && f.InstanceState != "stopped":
		return fmt.Sprintf("instance %s is %s; an image can be made of a running or stopped one: put the current instance into bake.targets in epoxy.yaml", w.InstanceID, f.InstanceState)
	case f.RootDeviceType == "instance-store":
		return fmt.Sprintf("instance %s has an instance store root; CreateImage takes EBS-backed instances only", w.InstanceID)
	}
	return ""
}

func checkTemplate(w BakeWish, f BakeFacts) string {
	alias, isAlias := SSMAlias(f.SourceImage)
	switch {
	case f.Latest == 0:
		return fmt.Sprintf("launch template %s does not exist in account %s, %s: check bake.targets in epoxy.yaml", w.LaunchTemplate, w.Account, w.Region)
	case f.Versions >= VersionQuota:
		return fmt.Sprintf("launch template %s (%s) is at its quota of %d versions: delete versions that nobody uses, then bake again", w.LaunchTemplate, f.TemplateName, VersionQuota)
	case f.Source == 0:
		return fmt.Sprintf("launch template %s has no version %q to start from (it has 1 to %d): check the target's source in epoxy.yaml", w.LaunchTemplate, w.Source, f.Latest)
	case isAlias && w.Publish != PublishSSM:
		return fmt.Sprintf("version %d of %s takes its image from the parameter %s; a new version would cut that tie: set publish: ssm and ssm_parameter: %s", f.Source, w.LaunchTemplate, alias, alias)
	case isAlias && alias != w.Parameter:
		return fmt.Sprintf("version %d of %s takes its image from the parameter %s, but ssm_parameter is %s: nothing would change; set ssm_parameter: %s", f.Source, w.LaunchTemplate, alias, w.Parameter, alias)
	}
	return ""
}

func checkGroup(w BakeWish, f BakeFacts) string {
	if w.Group == "" {
		return ""
	}
	version := f.GroupVersion
	if version == "" {
		version = "$Default" // what Auto Scaling launches where a group names none
	}
	_, numeric := strconv.ParseInt(version, 10, 64)
	pinned := numeric == nil
	switch {
	case f.GroupTemplate != w.LaunchTemplate:
		return fmt.Sprintf("Auto Scaling group %s launches from %s, not from %s: check auto_scaling_group and launch_template in epoxy.yaml", w.Group, orNone(f.GroupTemplate), w.LaunchTemplate)
	case w.Publish == PublishPinned && !pinned:
		return fmt.Sprintf("Auto Scaling group %s launches %s; publish: pinned would pin it from now on: set publish: %s, or pin the group by hand first", w.Group, version, publishFor(version))
	case w.Publish == PublishLatest && version != "$Latest", w.Publish == PublishDefault && version != "$Default":
		return fmt.Sprintf("Auto Scaling group %s launches version %s, so publish: %s would change nothing for it: set publish: %s", w.Group, version, w.Publish, publishFor(version))
	}
	return ""
}

func publishFor(groupVersion string) string {
	switch groupVersion {
	case "$Latest":
		return PublishLatest
	case "$Default":
		return PublishDefault
	}
	return PublishPinned
}

func checkParameter(w BakeWish, f BakeFacts) string {
	if w.Publish == PublishSSM && w.Parameter == "" {
		return "publish: ssm needs ssm_parameter: name the parameter in epoxy.yaml"
	}
	if _, isAlias := SSMAlias(f.SourceImage); w.Publish == PublishSSM && w.Refresh && !isAlias {
		return fmt.Sprintf("version %d of %s names %s, not the parameter %s: a refresh would not follow the parameter; set the template's image to resolve:ssm:%s, or set publish: latest",
			f.Source, w.LaunchTemplate, orNone(f.SourceImage), w.Parameter, w.Parameter)
	}
	return ""
}

func orNone(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
