package policy

import (
	"slices"
	"strings"
	"time"
)

// ImageRecheck is a batch, as planned, and everything that the second look found.
type ImageRecheck struct {
	Repository Repository
	Rules      ImageRules
	Planned    []Verdict
	Present    []ContainerImage // those of them that are there, as they are now
	StillThere []string         // digests that had to be gone before (Verdict.After) and are not
	Uses       []Use
	Vetoed     []string    // items, as people wrote them
	Readings   []time.Time // when earlier attempts read the manifests of these images: ECR may record that as a pull
}

// RecheckImages says which of a batch still go, and of the others why they are kept now. On an error nothing may go.
func RecheckImages(in ImageRecheck) (going, kept []Verdict, err error) {
	users, err := usersOf(in.Repository, in.Uses)
	if err != nil {
		return nil, nil, err
	}
	present := make(map[string]ContainerImage, len(in.Present))
	for _, image := range in.Present {
		present[image.Digest] = image
	}
	for _, v := range in.Planned {
		image, there := present[v.ID]
		r := because(KeptGone, "it was gone already")
		if there {
			r = in.keeps(v, image, users)
		}
		if r.code == "" {
			going = append(going, v)
			continue
		}
		v.Code, v.Reason = r.code, r.words
		kept = append(kept, v)
	}
	return going, kept, nil
}

func (in ImageRecheck) keeps(v Verdict, image ContainerImage, users users) reason {
	tags := slices.Concat(v.Tags, image.Tags)
	if item := vetoOfImage(in.Vetoed, in.Repository, v.ID, tags); item != "" {
		return because(KeptVetoed, "vetoed: %s", item)
	}
	// Its tags as they are now: one that has moved to another image holds that one.
	if words := users.of(v.ID, image.Tags); words != "" {
		return because(KeptCameIntoUse, "%s since the plan was made", words)
	}
	if tag, pattern := protectedTag(in.Rules.ProtectTags, image.Tags); tag != "" {
		return because(KeptProtected, "tag %s is protected (%s)", tag, pattern)
	}
	for _, before := range v.After {
		if slices.Contains(in.StillThere, before) {
			return because(KeptGraph, "%s, which it belongs to, stays", ShortID(Verdict{ID: before}))
		}
	}
	for _, tag := range image.Tags {
		if !slices.Contains(v.Tags, tag) {
			return because(KeptYoung, "tagged %s since the plan was made", tag)
		}
	}
	if image.Pushed.After(v.Pushed) {
		return because(KeptYoung, "pushed again %s, since the plan was made", image.Pushed.UTC().Format(time.RFC3339))
	}
	if image.Pulled.After(v.Pulled) && !in.isOwn(image.Pulled, v) {
		return because(KeptYoung, "pulled %s, since the plan was made", image.Pulled.UTC().Format(time.RFC3339))
	}
	return reason{}
}

// ownPull is how far ECR's record of a pull that was our own reading may be from it.
const ownPull = 2 * time.Minute

func (in ImageRecheck) isOwn(pulled time.Time, v Verdict) bool {
	near := func(read time.Time) bool { return !read.IsZero() && pulled.Sub(read).Abs() <= ownPull }
	return near(v.Read) || slices.ContainsFunc(in.Readings, near)
}

// minPrefix is how much of a digest or of a plan's hash is enough to name it.
const minPrefix = 12

// vetoOfImage is the first item that means an image; "" when none does.
func vetoOfImage(items []string, r Repository, digest string, tags []string) string {
	for _, item := range items {
		if vetoesImage(item, r, digest, tags) {
			return item
		}
	}
	return ""
}

// vetoesImage tells whether an item means an image: a digest or its beginning, a tag, or its repository, also as
// repository:tag, repository@digest, with account and Region or registry before it, or as an ARN.
func vetoesImage(item string, r Repository, digest string, tags []string) bool {
	bare := strings.TrimSpace(item)
	rest, of := cutRepository(bare, r)
	return of && rest == "" || meansImage(bare, digest, tags) || of && meansImage(rest, digest, tags)
}

// ItemsOfImages are those items that mean any of these images. An item that means none anywhere was perhaps mistyped.
func ItemsOfImages(items []string, r Repository, images []Verdict) []string {
	var named []string
	for _, item := range items {
		if slices.ContainsFunc(images, func(v Verdict) bool { return vetoesImage(item, r, v.ID, v.Tags) }) {
			named = append(named, item)
		}
	}
	return named
}

// cutRepository takes a repository's name, in any of its spellings, off an item; what is left is a tag or a digest.
func cutRepository(item string, r Repository) (rest string, of bool) {
	item = strings.TrimPrefix(item, "https://")
	host := r.Account + ".dkr.ecr." + r.Region + ".amazonaws.com"
	arn := ":ecr:" + r.Region + ":" + r.Account + ":repository/" + r.Name
	for _, name := range []string{r.Name, r.String(), host + "/" + r.Name, host + ".cn/" + r.Name, "arn:aws" + arn, "arn:aws-cn" + arn, "arn:aws-us-gov" + arn} {
		rest, found := strings.CutPrefix(item, name)
		if found && (rest == "" || rest[0] == ':' || rest[0] == '@') {
			return strings.TrimLeft(rest, ":@"), true
		}
	}
	return "", false
}

func meansImage(item, digest string, tags []string) bool {
	hex := strings.TrimPrefix(item, "sha256:")
	return slices.Contains(tags, item) || len(hex) >= minPrefix && strings.HasPrefix(digest, "sha256:"+strings.ToLower(hex))
}
