package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// PlanImages says of every image in a repository whether it goes, and why. It is a function of the set of its inputs: their
// order does not matter. On an error nothing is planned.
func PlanImages(in ImagePlanInput) ([]Verdict, error) {
	p, err := newImagePlan(in)
	if err != nil {
		return nil, err
	}
	// What is kept keeps what hangs on it, so each rule spreads before the next looks at what is left.
	for _, rule := range []func(i int) reason{p.ownReason, p.unread, p.notAsked} {
		p.keepBy(rule)
	}
	p.order()
	return p.verdicts(), nil
}

// reason is why an image is kept; the zero value: it is not.
type reason struct{ code, words string }

// because makes a reason.
func because(code, format string, args ...any) reason {
	return reason{code, fmt.Sprintf(format, args...)}
}

// imagePlan is a repository while it is planned. Images are known by their place in the list, which is sorted by digest.
type imagePlan struct {
	in        ImagePlanInput
	images    []ContainerImage
	at        map[string]int // digest → place
	graph     imageGraph
	users     users
	commits   [][]string // named in the tags
	heads     []string   // sorted commits
	newest    map[int]reason
	protected []string

	kept []reason
	wave []int
}

func newImagePlan(in ImagePlanInput) (*imagePlan, error) {
	find, err := checkImageRules(in)
	if err != nil {
		return nil, err
	}
	p := &imagePlan{in: in, protected: slices.Sorted(slices.Values(in.Rules.ProtectTags))}
	if p.images, err = sortImages(in.Images); err != nil {
		return nil, err
	}
	if p.users, err = usersOf(in.Repository, in.Uses); err != nil {
		return nil, err
	}
	p.at = make(map[string]int, len(p.images))
	p.commits = make([][]string, len(p.images))
	for i, image := range p.images {
		p.at[image.Digest] = i
		p.commits[i] = find.in(image.Tags)
	}
	p.heads = slices.Sorted(maps.Keys(in.Heads))
	p.graph = graphOf(p.images, p.at)
	p.kept, p.wave = make([]reason, len(p.images)), make([]int, len(p.images))
	p.newest = p.newestImages()
	return p, nil
}

// ownReason is why an image is kept on its own account: the most telling reason.
func (p *imagePlan) ownReason(i int) reason {
	if p.in.Blocked != "" {
		return because(KeptBlocked, "%s", p.in.Blocked)
	}
	image := p.images[i]
	if words := p.users.of(image.Digest, image.Tags); words != "" {
		return because(KeptInUse, "%s", words)
	}
	if tag, pattern := protectedTag(p.protected, image.Tags); tag != "" {
		return because(KeptProtected, "tag %s is protected (%s)", tag, pattern)
	}
	if r, ok := p.newest[i]; ok {
		return r
	}
	if r := p.head(i); r.code != "" {
		return r
	}
	if at, what := registryTime(image); p.isYoung(i, at) {
		return because(KeptYoung, "%s %s, younger than %s", what, ago(p.in.Now, at), inDays(p.minAge(i)))
	}
	return p.commitReason(i)
}

func (p *imagePlan) minAge(i int) time.Duration {
	if len(p.images[i].Tags) == 0 && p.in.Rules.UntaggedMinAge > 0 {
		return p.in.Rules.UntaggedMinAge
	}
	return p.in.Rules.MinAge
}

func (p *imagePlan) isYoung(i int, t time.Time) bool { return p.in.Now.Sub(t) < p.minAge(i) }

// registryTime is the last that happened to an image as its registry and Epoxy's inventories tell, and what it was.
func registryTime(image ContainerImage) (at time.Time, what string) {
	at, what = image.Pushed, "pushed"
	if image.Pulled.After(at) {
		at, what = image.Pulled, "pulled"
	}
	if image.Tagged.After(at) {
		at, what = image.Tagged, "tagged again"
	}
	return at, what
}

// newestImages are the newest of the repository and of each tag pattern. They are ranked by the times that the registry tells:
// what GitHub says can keep an image, and never push another out. Signatures and their like take no image's place.
func (p *imagePlan) newestImages() map[int]reason {
	ranked := make([]int, 0, len(p.images))
	for i, image := range p.images {
		if slices.ContainsFunc(image.Tags, isOrdinaryTag) {
			ranked = append(ranked, i)
		}
	}
	slices.SortFunc(ranked, func(a, b int) int {
		first, _ := registryTime(p.images[a])
		second, _ := registryTime(p.images[b])
		return cmp.Or(second.Compare(first), cmp.Compare(a, b)) // places are sorted by digest
	})
	rules := p.in.Rules
	newest := map[int]reason{}
	for _, i := range ranked[:min(rules.KeepNewest, len(ranked))] {
		newest[i] = because(KeptNewest, "among the newest %d", rules.KeepNewest)
	}
	byTag := slices.SortedFunc(slices.Values(rules.KeepByTag), func(a, b KeepByTag) int {
		return cmp.Or(cmp.Compare(a.Pattern, b.Pattern), cmp.Compare(a.Newest, b.Newest))
	})
	for _, keep := range byTag {
		left := keep.Newest
		for _, i := range ranked {
			if left == 0 {
				break
			}
			if !slices.ContainsFunc(p.images[i].Tags, func(tag string) bool { return isOrdinaryTag(tag) && Matches(keep.Pattern, tag) }) {
				continue
			}
			left--
			if _, there := newest[i]; !there {
				newest[i] = because(KeptNewest, "among the newest %d tagged %s", keep.Newest, keep.Pattern)
			}
		}
	}
	return newest
}

// protectedTag is the first tag that a pattern protects, and the pattern.
func protectedTag(patterns, tags []string) (tag, pattern string) {
	for _, tag := range slices.Sorted(slices.Values(tags)) {
		for _, pattern := range patterns {
			if Matches(pattern, tag) {
				return tag, pattern
			}
		}
	}
	return "", ""
}

// unread keeps an index whose manifest could not be read, and whatever it might list.
func (p *imagePlan) unread(i int) reason {
	if why := p.images[i].Unread; why != "" {
		return because(KeptUnread, "its manifest could not be read, so what it lists is not known: %s", why)
	}
	if u := p.graph.unread; u >= 0 && len(p.images[i].Tags) == 0 && len(p.graph.subjects[i]) == 0 {
		return because(KeptUnread, "may be part of index %s, whose manifest could not be read", p.name(u))
	}
	return reason{}
}

// name is what people call an image: a tag, or the beginning of its digest.
func (p *imagePlan) name(i int) string {
	return ShortID(Verdict{ID: p.images[i].Digest, Tags: p.images[i].Tags})
}

func (p *imagePlan) verdicts() []Verdict {
	out := make([]Verdict, len(p.images))
	for i, image := range p.images {
		at, what := registryTime(image)
		v := Verdict{
			ID: image.Digest, Tags: image.Tags, Bytes: image.Bytes, Age: at, Code: p.kept[i].code, Reason: p.kept[i].words,
			Pushed: image.Pushed, Pulled: image.Pulled, Read: image.Read, Commit: strings.Join(p.commits[i], ", "),
		}
		if committed := p.committed(i); committed.After(at) {
			v.Age, what = committed, "committed"
		}
		if v.Code == "" {
			v.Code, v.Wave, v.After = VerdictDelete, p.wave[i], p.mustGoBefore(i)
			v.Reason = fmt.Sprintf("%s %s, not used", what, ago(p.in.Now, v.Age))
			if len(image.Tags) == 0 {
				v.Reason = "untagged, " + v.Reason
			}
		}
		out[i] = v
	}
	sortVerdicts(out)
	return out
}

// sortVerdicts puts first what goes: by wave, and in it what frees most.
func sortVerdicts(all []Verdict) {
	stays := func(v Verdict) int {
		if v.Code == VerdictDelete {
			return 0
		}
		return 1
	}
	slices.SortFunc(all, func(a, b Verdict) int {
		if c := cmp.Compare(stays(a), stays(b)); c != 0 || a.Code != VerdictDelete {
			return cmp.Or(c, cmp.Compare(a.ID, b.ID))
		}
		return cmp.Or(cmp.Compare(a.Wave, b.Wave), cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.ID, b.ID))
	})
}
