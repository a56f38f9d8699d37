package policy

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

// tagGlob and familyGlob are what patterns can match at all. A pattern of any other kind, such as release-[0-9], would
// protect nothing and say nothing.
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html (imageTag)
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html (family)
var (
	tagGlob    = regexp.MustCompile(`^[A-Za-z0-9_.*?-]{1,128}$`)
	familyGlob = regexp.MustCompile(`^[A-Za-z0-9_*?-]{1,255}$`)
)

func checkGlobs(setting string, allowed *regexp.Regexp, patterns []string) error {
	for _, pattern := range patterns {
		if !allowed.MatchString(pattern) {
			return fmt.Errorf("%s: %q is not a pattern: only * and ? stand for other characters", setting, pattern)
		}
	}
	return nil
}

func checkImageRules(in ImagePlanInput) (commitFinder, error) {
	r := in.Rules
	patterns := make([]string, 0, len(r.KeepByTag))
	for _, keep := range r.KeepByTag {
		if keep.Newest < 0 {
			return commitFinder{}, fmt.Errorf("keep_by_tag: %s keeps %d images", keep.Pattern, keep.Newest)
		}
		patterns = append(patterns, keep.Pattern)
	}
	find, err := newCommitFinder(r.CommitTag)
	return find, errors.Join(err, checkNow(in.Now), checkAge("min_age", r.MinAge), checkNotNegative("untagged_min_age", r.UntaggedMinAge),
		checkNotNegative("keep_newest", r.KeepNewest), checkGlobs("keep_by_tag", tagGlob, patterns), checkGlobs("protect_tags", tagGlob, r.ProtectTags))
}

func checkNow(now time.Time) error {
	if now.IsZero() {
		return errors.New("it is not known what time it is")
	}
	return nil
}

// checkAge refuses zero, too: it is what a rule that got lost looks like, and everything would be old enough.
func checkAge(setting string, age time.Duration) error {
	if age <= 0 {
		return fmt.Errorf("%s is %s: it must be positive", setting, age)
	}
	return nil
}

func checkNotNegative[T int | time.Duration](setting string, n T) error {
	if n < 0 {
		return fmt.Errorf("%s is %v: it must not be negative", setting, n)
	}
	return nil
}

// sortImages sorts by digest, each image once, its tags and children sorted; what cannot be is an error.
func sortImages(in []ContainerImage) ([]ContainerImage, error) {
	images := make([]ContainerImage, len(in))
	for i, image := range in {
		if err := checkImage(image); err != nil {
			return nil, err
		}
		image.Tags, image.Children = sortedUnique(image.Tags), sortedUnique(image.Children)
		images[i] = image
	}
	slices.SortFunc(images, func(a, b ContainerImage) int { return strings.Compare(a.Digest, b.Digest) })
	for i := 1; i < len(images); i++ {
		if images[i-1].Digest == images[i].Digest && !reflect.DeepEqual(images[i-1], images[i]) {
			return nil, fmt.Errorf("%s is listed twice, and each time it is something else", images[i].Digest)
		}
	}
	return slices.CompactFunc(images, func(a, b ContainerImage) bool { return a.Digest == b.Digest }), nil
}

func checkImage(image ContainerImage) error {
	switch {
	case !IsDigest(image.Digest):
		return fmt.Errorf("%q is no digest", image.Digest)
	case image.Subject != "" && !IsDigest(image.Subject):
		return fmt.Errorf("%s refers to %q, which is no digest", image.Digest, image.Subject)
	case image.Bytes < 0:
		return fmt.Errorf("%s has %d bytes", image.Digest, image.Bytes)
	case image.Pushed.IsZero():
		return fmt.Errorf("when %s was pushed is not known", image.Digest)
	}
	for _, child := range image.Children {
		if !IsDigest(child) {
			return fmt.Errorf("%s lists %q, which is no digest", image.Digest, child)
		}
	}
	return nil
}

// sortedUnique is a sorted copy without duplicates; nil for none.
func sortedUnique(all []string) []string {
	if len(all) == 0 {
		return nil
	}
	return slices.Compact(slices.Sorted(slices.Values(all)))
}
