package config

import (
	"fmt"
	"time"
)

// scope finds where a setting of a target was made: in the target or in
// bake.defaults. A setting made nowhere is missing in the target.
type scope struct{ target, defaults place }

func (s scope) at(fields ...string) place {
	target, defaults := s.target, s.defaults
	for _, f := range fields {
		target, defaults = target.key(f), defaults.key(f)
	}
	if !target.known() && defaults.known() {
		return defaults
	}
	return target
}

// cross checks settings against each other once the defaults are in.
func (s scope) cross(b BakeSettings) {
	if *b.Publish == PublishSSM && b.SSMParameter == nil {
		s.missing("ssm_parameter", "publish: ssm needs the name of the parameter to write")
	}
	if own := s.target.key("ssm_parameter"); own.known() && *b.Publish != PublishSSM && !s.at("publish").bad() {
		own.errorf("is used only with publish: ssm, but here publish is %s: add publish: ssm, or remove the parameter", *b.Publish)
	}
	if *b.Publish == PublishPinned && b.AutoScalingGroup == nil {
		s.missing("auto_scaling_group", "publish: pinned sets a group to the new version: name the group")
	}
	if *b.Source == SourcePinned && *b.Publish != PublishPinned && !s.at("publish").bad() {
		s.at("source").errorf("pinned is the version that the group is set to, which only publish: pinned moves, but here publish is %s: "+
			"use latest, default or a version number", *b.Publish)
	}
	if b.Refresh != nil {
		if b.AutoScalingGroup == nil {
			s.missing("auto_scaling_group", "refresh replaces the instances of a group: name the group, or say refresh: false")
		}
		s.refresh(*b.Refresh)
	}
}

func (s scope) missing(field, why string) {
	if at := s.at(field); !at.known() {
		at.errorf("is missing: %s", why)
	}
}

// refresh follows https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_RefreshPreferences.html
func (s scope) refresh(r Refresh) {
	if r.MaxHealthyPercentage != nil {
		switch at := s.at("refresh", "max_healthy_percentage"); {
		case r.MinHealthyPercentage == nil:
			if !s.at("refresh", "min_healthy_percentage").known() {
				at.errorf("AWS takes it only together with min_healthy_percentage: add that")
			}
		case *r.MaxHealthyPercentage-*r.MinHealthyPercentage > 100:
			at.errorf("%d is more than 100 above min_healthy_percentage %d: bring them closer", *r.MaxHealthyPercentage, *r.MinHealthyPercentage)
		}
	}
	checkpoints := orZero(r.CheckpointPercentages)
	if own := s.target.key("refresh").key("checkpoint_delay"); own.known() && len(checkpoints) == 0 && !s.at("refresh", "checkpoint_percentages").known() {
		own.errorf("is used only with checkpoint_percentages: add them, or remove the delay")
	}
	stops := 0
	for _, percentage := range checkpoints {
		if percentage < 100 {
			stops++
		}
	}
	waits := time.Duration(stops)*time.Duration(*r.CheckpointDelay) + time.Duration(*r.BakeTime)
	if timeout := s.at("refresh", "timeout"); time.Duration(*r.Timeout) <= waits && !timeout.bad() {
		timeout.errorf("the refresh may take %s, but waits for %s alone (%d checkpoints × %s, bake_time %s): raise refresh.timeout above that",
			*r.Timeout, Duration(waits), stops, *r.CheckpointDelay, *r.BakeTime)
	}
}

// away checks that an image is not sent to where it is, or cannot go.
func (s scope) away(t BakeTarget, b BakeSettings) {
	home := RegionID(t.Region)
	copies, shares := s.at("copy_to"), s.at("share_with")
	for i, to := range orZero(b.CopyTo) {
		switch {
		case to == "" || home == "":
		case to == home && s.target.key("copy_to").known():
			copies.index(i).errorf("%s is where %s makes the image: remove it", to, t.Selector)
		case to.Partition() != home.Partition():
			copies.index(i).errorf("an image cannot be copied from %s (%s) to %s (%s): make it there, as a target of its own",
				home, home.Partition(), to, to.Partition())
		}
	}
	for i, account := range orZero(b.ShareWith) {
		if string(account) == t.AccountID && account != "" && s.target.key("share_with").known() {
			shares.index(i).errorf("%s is the account that owns the image of %s: remove it", account, t.Selector)
		}
	}
}

// checkShared finds targets that would get into each other's way.
func checkShared(all []locatedTarget) {
	type use struct{ field, what, why string }
	seen := map[string]locatedTarget{}
	for _, t := range all {
		uses := []use{
			{"launch_template", t.LaunchTemplateID, "a launch template belongs to one target, because its id is the lock of the bake"},
			{"", fmt.Sprint(t.Account, t.Region, t.Selector.ImagePrefix()), "their images would have the same names: rename a part of one"},
		}
		if t.SSMParameter != "" {
			uses = append(uses, use{"ssm_parameter", t.AccountID + t.Region + t.SSMParameter, "each would overwrite the other's image"})
		}
		for _, u := range uses {
			first, taken := seen[u.field+" "+u.what]
			if u.what == "" || !taken {
				seen[u.field+" "+u.what] = t
				continue
			}
			at, other := t.at, first.at
			subject := "collides with"
			if u.field != "" {
				at, other = t.at.key(u.field), first.at.key(u.field)
				subject = "is the same as that of"
			}
			at.errorf("%s %s (%s): %s", subject, first.Selector, other.line(), u.why)
		}
	}
}
