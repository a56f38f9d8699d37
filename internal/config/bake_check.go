package config

import (
	"slices"
	"strings"
)

// locatedTarget is one target of the file, checked and resolved.
type locatedTarget struct {
	BakeTarget
	at place
}

// validate checks the section and returns its targets in order of their names.
func (b Bake) validate(at place, aws AWS) []locatedTarget {
	b.Defaults.validate(at.key("defaults"), aws, "")
	for _, name := range sortedKeys(b.Targets) {
		if here := at.key("targets").key(name); !here.doc.root().key("aws").key("regions").key(name).known() {
			names := sortedKeys(aws.Regions)
			here.errorf("no region %s in aws.regions%s%s", here.show(name), didYouMean(name, names), has(names))
		}
	}
	var all []locatedTarget
	b.Targets.each(at.key("targets"), func(sel Selector, t Target, here place) {
		scope := scope{target: here, defaults: at.key("defaults")}
		t.validate(scope, sel, aws)
		s := effective(t.BakeSettings, b.Defaults)
		scope.cross(s)
		found := locatedTarget{BakeTarget: resolve(sel, t, s, aws), at: here}
		scope.away(found.BakeTarget, s)
		all = append(all, found)
	})
	checkShared(all)
	return all
}

// each walks the five levels in order of their names and checks those names.
func (t Targets) each(at place, do func(Selector, Target, place)) {
	walk(t, at, LevelRegion, func(region string, apps map[string]map[string]map[string]map[string]Target, at place) {
		walk(apps, at, LevelApp, func(app string, layers map[string]map[string]map[string]Target, at place) {
			walk(layers, at, LevelLayer, func(layer string, envs map[string]map[string]Target, at place) {
				walk(envs, at, LevelEnv, func(env string, groups map[string]Target, at place) {
					walk(groups, at, LevelGroup, func(group string, target Target, at place) {
						do(Selector{region, app, layer, env, group}, target, at)
					})
				})
			})
		})
	})
}

func walk[V any](level map[string]V, at place, name Level, do func(string, V, place)) {
	// Without any target the section is merely unused; an app without layers is
	// more likely cut off.
	if len(level) == 0 && name != LevelRegion && !at.bad() {
		at.errorf("has no %s below it: add one, or remove this", name)
	}
	for _, key := range sortedKeys(level) {
		checkName(at.key(key), key)
		do(key, level[key], at.key(key))
	}
}

// validate checks what a target says by itself.
func (t Target) validate(s scope, sel Selector, aws AWS) {
	region := aws.Regions[sel.Region]
	if at := s.target.key("launch_template"); t.LaunchTemplate != "" && !templatePattern.MatchString(string(t.LaunchTemplate)) {
		at.errorf("%s is the name of a launch template, but its id is wanted, because the id is the lock that keeps two bakes apart. "+
			"This shows it: aws ec2 describe-launch-templates --region %s --launch-template-names %s --query 'LaunchTemplates[0].LaunchTemplateId' --output text",
			at.show(string(t.LaunchTemplate)), orElse(string(region.Region), "REGION"), shellWord(string(t.LaunchTemplate)))
	}
	if name := sel.ImagePrefix(); len(name) > maxImagePrefix {
		s.target.errorf("its images would be called %s-{yyyymmddHHMMSS}, %d characters, but AWS allows %d: shorten one of the names by %d",
			name, len(name)+15, maxImagePrefix+15, len(name)-maxImagePrefix)
	}
	t.BakeSettings.validate(s.target, aws, region.Region)
}

// maxImagePrefix leaves room for "-20060102150405" in the 128 characters of an
// image name: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html
const maxImagePrefix = 128 - 15

// validate checks each setting by itself, the same for bake.defaults and targets.
func (s BakeSettings) validate(at place, aws AWS, region RegionID) {
	aws.checkAccount(at.key("account"), orZero(s.Account), region)
	checkUnique(at.key("copy_to"), orZero(s.CopyTo))
	checkUnique(at.key("share_with"), orZero(s.ShareWith))
	checkTags(at.key("tags"), s.Tags)
	if s.Refresh != nil {
		checkUnique(at.key("refresh").key("alarms"), orZero(s.Refresh.Alarms))
		checkpoints := orZero(s.Refresh.CheckpointPercentages)
		for i := 1; i < len(checkpoints); i++ {
			list := at.key("refresh").key("checkpoint_percentages")
			if checkpoints[i] <= checkpoints[i-1] && !list.index(i).bad() && !list.index(i-1).bad() {
				list.index(i).errorf(
					"%d comes after %d: each checkpoint must be above the one before", checkpoints[i], checkpoints[i-1])
			}
		}
	}
}

func checkUnique[T ~string](at place, list []T) {
	for i, item := range list {
		if first := slices.Index(list, item); first < i && item != "" {
			at.index(i).errorf("%s is in the list already: remove one", at.show(string(item)))
		}
	}
}

// maxTags leaves 10 of the 50 that AWS allows to Epoxy's own.
const maxTags = 40

// checkTags follows https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html
func checkTags(at place, tags Tags) {
	if len(tags) > maxTags {
		at.errorf("has %d tags: at most %d, because AWS allows 50 and Epoxy adds its own", len(tags), maxTags)
	}
	for _, name := range sortedKeys(tags) {
		tag, lower := at.key(name), strings.ToLower(name)
		switch {
		case strings.HasPrefix(lower, "aws:"):
			tag.errorf("AWS keeps tags that start with aws: for itself: rename it")
		case strings.HasPrefix(lower, "epoxy:"):
			tag.errorf("Epoxy keeps tags that start with epoxy: for itself: rename it")
		case name == "" || len([]rune(name)) > 128:
			tag.errorf("a tag's name has 1 to 128 characters")
		case len([]rune(tags[name])) > 256:
			tag.errorf("a tag's value has at most 256 characters")
		}
	}
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// shellWord quotes a word for a command that a person copies.
func shellWord(s string) string {
	if nameRegexp.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
