package policy

import (
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// DiffExceptImage lists the paths at which two launch template versions differ, the image apart; none means that the image alone
// changed. Values are the decoded JSON of LaunchTemplateData.
func DiffExceptImage(before, after map[string]any) []string {
	var paths []string
	diff("", without(before, "ImageId"), without(after, "ImageId"), &paths)
	sort.Strings(paths)
	return paths
}

func without(m map[string]any, key string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		if k != key {
			out[k] = v
		}
	}
	return out
}

func diff(path string, a, b any, out *[]string) {
	am, aIsMap := a.(map[string]any)
	bm, bIsMap := b.(map[string]any)
	if !aIsMap || !bIsMap {
		if !reflect.DeepEqual(a, b) {
			*out = append(*out, path)
		}
		return
	}
	keys := map[string]bool{}
	for k := range am {
		keys[k] = true
	}
	for k := range bm {
		keys[k] = true
	}
	for k := range keys {
		diff(strings.TrimPrefix(path+"."+k, "."), am[k], bm[k], out)
	}
}

// SSMAlias returns the parameter that a launch template takes its image from: "resolve:ssm:/golden/web" and
// "resolve:ssm:/golden/web:3" name /golden/web.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/using-systems-manager-parameters.html
func SSMAlias(image string) (parameter string, ok bool) {
	rest, ok := strings.CutPrefix(image, "resolve:ssm:")
	if !ok {
		return "", false
	}
	// A parameter given by ARN has colons of its own; only a part behind the last slash can be a version or label.
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
		rest = rest[:i]
	}
	return rest, true
}

// VersionQuota is the most versions that a launch template holds.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/launch-template-restrictions.html
const VersionQuota = 10_000

// Sources of the settings that a new version takes over.
const (
	SourceLatest  = "latest"
	SourceDefault = "default"
	SourcePinned  = "pinned"
)

// SourceVersion resolves a source to the number that CreateLaunchTemplateVersion needs; 0 means that it cannot be told.
// Only a number is safe: "$Latest" may move between the decision and the call.
func SourceVersion(source string, latest, deflt int64, groupVersion string) int64 {
	switch source {
	case SourceLatest:
		return latest
	case SourceDefault:
		return deflt
	case SourcePinned:
		source = groupVersion
	}
	switch source {
	case "$Latest":
		return latest
	case "$Default", "":
		return deflt
	}
	n, err := strconv.ParseInt(source, 10, 64)
	if err != nil || n < 1 || n > latest {
		return 0
	}
	return n
}
