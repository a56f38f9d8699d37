package policy

import "regexp"

// Signatures, attestations and SBOMs refer to their image by the manifest's subject or, before that, by a tag: cosign's
// sha256-<hex>.sig, .att and .sbom, and sha256-<hex> for an index of referrers.
// https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema
var referrerTag = regexp.MustCompile(`^sha256-([0-9a-f]{64})(?:\.[A-Za-z0-9_.-]+)?$`)

// isOrdinaryTag tells a tag that people or builds gave from one that only refers to another image.
func isOrdinaryTag(tag string) bool { return !referrerTag.MatchString(tag) }

// imageGraph says what hangs on what, by place. Only what is in the repository counts.
type imageGraph struct {
	children  [][]int // index → what it lists
	referrers [][]int // subject → what refers to it
	parents   [][]int // the other way round
	subjects  [][]int
	unread    int // the first index whose manifest could not be read; -1: none
}

func graphOf(images []ContainerImage, at map[string]int) imageGraph {
	n := len(images)
	g := imageGraph{children: make([][]int, n), referrers: make([][]int, n), parents: make([][]int, n), subjects: make([][]int, n), unread: -1}
	for i, image := range images {
		if image.Unread != "" && g.unread < 0 {
			g.unread = i
		}
		for _, child := range image.Children {
			if j, here := at[child]; here {
				g.children[i], g.parents[j] = append(g.children[i], j), append(g.parents[j], i)
			}
		}
		for _, subject := range subjectsOf(image) {
			if j, here := at[subject]; here {
				g.referrers[j], g.subjects[i] = append(g.referrers[j], i), append(g.subjects[i], j)
			}
		}
	}
	return g
}

// subjectsOf are the digests that an image refers to.
func subjectsOf(image ContainerImage) []string {
	var subjects []string
	if image.Subject != "" {
		subjects = append(subjects, image.Subject)
	}
	for _, tag := range image.Tags {
		if m := referrerTag.FindStringSubmatch(tag); m != nil {
			subjects = append(subjects, "sha256:"+m[1])
		}
	}
	return subjects
}

// keepBy applies a rule to what is not kept yet, and keeps what hangs on what is kept: the images that an index lists, what
// refers to an image, and so on. Nothing is kept for what it lists or refers to: an index may go before its children.
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-manifest-formats.html
func (p *imagePlan) keepBy(rule func(i int) reason) {
	var kept []int
	for i := range p.images {
		if p.kept[i].code == "" {
			if p.kept[i] = rule(i); p.kept[i].code != "" {
				kept = append(kept, i)
			}
		}
	}
	p.spread(kept)
}

func (p *imagePlan) spread(kept []int) {
	for len(kept) > 0 {
		i := kept[0]
		kept = kept[1:]
		for _, hanging := range []struct {
			all   []int
			words string
		}{{p.graph.children[i], "part of index %s, which stays"}, {p.graph.referrers[i], "refers to %s, which stays"}} {
			for _, j := range hanging.all {
				if p.kept[j].code == "" {
					p.kept[j] = because(KeptGraph, hanging.words, p.name(i))
					kept = append(kept, j)
				}
			}
		}
	}
}

// order gives what goes its wave. ECR refuses to delete what a manifest list refers to, hence an index goes first. What
// refers to an image goes after it, though ECR takes either order: if the image is kept at the second look, it keeps its signature.
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageFailure.html (ImageReferencedByManifestList)
func (p *imagePlan) order() {
	waiting := make([]int, len(p.images)) // for how many others
	var ready []int
	left := 0
	for i := range p.images {
		if p.kept[i].code != "" {
			continue
		}
		left++
		// All of them go, too: what they are to would be kept with them otherwise.
		if waiting[i] = len(p.graph.parents[i]) + len(p.graph.subjects[i]); waiting[i] == 0 {
			ready = append(ready, i)
		}
	}
	for ; len(ready) > 0; left-- {
		i := ready[0]
		ready = ready[1:]
		for _, hanging := range [][]int{p.graph.children[i], p.graph.referrers[i]} {
			for _, j := range hanging {
				p.wave[j] = max(p.wave[j], p.wave[i]+1)
				if waiting[j]--; waiting[j] == 0 && p.kept[j].code == "" {
					ready = append(ready, j)
				}
			}
		}
	}
	if left > 0 {
		p.keepCircles(waiting)
	}
}

// keepCircles keeps what refers to each other in a circle, which only tags can bring about, and what hangs on it.
func (p *imagePlan) keepCircles(waiting []int) {
	for i := range p.images {
		if p.kept[i].code == "" && waiting[i] > 0 {
			p.kept[i] = because(KeptGraph, "it and others refer to each other in a circle, so none can go first: delete them by hand")
		}
	}
}

// mustGoBefore are the digests without which alone an image may go.
func (p *imagePlan) mustGoBefore(i int) []string {
	var digests []string
	for _, before := range [][]int{p.graph.parents[i], p.graph.subjects[i]} {
		for _, j := range before {
			digests = append(digests, p.images[j].Digest)
		}
	}
	return sortedUnique(digests)
}
