package activities

import (
	"cmp"
	"path"
	"slices"
	"time"

	"epoxy/internal/policy"
)

// seenRepository is what ECR does not tell and inventories remember of a repository: what indexes list, when we read them, and
// which tags there were. It is merged, never replaced: two inventories of a repository may be under way at once.
type seenRepository struct {
	Images []seenImage `json:"images"` // sorted by digest
}

type seenImage struct {
	Digest    string      `json:"digest"`
	Tags      []string    `json:"tags,omitempty"`
	Tagged    time.Time   `json:"tagged,omitzero"`      // when a tag was first seen that came after the push
	Known     bool        `json:"known,omitempty"`      // its manifest was read, and lists the children
	Children  []string    `json:"children,omitempty"`   //
	MediaType string      `json:"media_type,omitempty"` // of the manifest
	Readings  []time.Time `json:"readings,omitempty"`   // when its manifest was read by us, or was about to be
	Pulled    time.Time   `json:"pulled,omitzero"`      // the last pull that was not ours, of what was read
	Absent    bool        `json:"absent,omitempty"`     // not in the last inventory; forgotten when absent twice
}

func seenName(r policy.Repository) string { return path.Join("seen", r.Account, r.Region, r.Name) }

const (
	// ownPull is how far ECR's record of a pull that was our reading may be from it.
	ownPull = 2 * time.Minute
	// ownReadings bounds how many are remembered of what never can be read.
	ownReadings = 5
)

func (s seenImage) isOwn(pulled time.Time) bool {
	return slices.ContainsFunc(s.Readings, func(at time.Time) bool { return pulled.Sub(at).Abs() <= ownPull })
}

func (s *seenImage) addReading(at time.Time) {
	if !at.IsZero() && !slices.Contains(s.Readings, at) {
		s.Readings = append(s.Readings, at)
		s.Readings = s.Readings[max(0, len(s.Readings)-ownReadings):]
	}
}

// complete adds to an image what is remembered of it. ECR's record of our own reading hides an earlier pull.
func (s seenImage) complete(image *policy.ContainerImage) {
	if s.Known && (image.Read.IsZero() || image.Unread != "") {
		image.Children, image.MediaType, image.Unread = s.Children, cmp.Or(image.MediaType, s.MediaType), ""
	}
	for _, at := range s.Readings {
		if at.After(image.Read) {
			image.Read = at
		}
	}
	if s.isOwn(image.Pulled) {
		image.Pulled = s.Pulled
	}
	image.Tagged = s.Tagged
}

func (s *seenRepository) find(digest string) (at int, found bool) {
	return slices.BinarySearchFunc(s.Images, digest, func(x seenImage, d string) int { return cmp.Compare(x.Digest, d) })
}

func (s *seenRepository) sort() {
	slices.SortFunc(s.Images, func(a, b seenImage) int { return cmp.Compare(a.Digest, b.Digest) })
}

// announce completes the images, notes down which manifests are about to be read, and returns them.
func (s *seenRepository) announce(images []policy.ContainerImage, now time.Time) (unread []string) {
	var added []seenImage
	for i := range images {
		image := &images[i]
		at, listed := s.find(image.Digest)
		known := seenImage{Digest: image.Digest, Tags: image.Tags}
		if listed {
			known = s.Images[at]
			known.complete(image)
		}
		if known.Known || !mayList(image.MediaType) {
			continue
		}
		unread = append(unread, image.Digest)
		known.addReading(now)
		known.Pulled = image.Pulled
		if listed {
			s.Images[at] = known
		} else {
			added = append(added, known)
		}
	}
	s.Images = append(s.Images, added...)
	s.sort()
	return unread
}

// learn completes the images once more, by what another inventory wrote meanwhile, and remembers them. A tag that an image
// did not have the last time that it was seen was put there since: ECR tells no such time.
func (s *seenRepository) learn(images []policy.ContainerImage, now time.Time) {
	next := make([]seenImage, 0, len(images))
	present := make([]bool, len(s.Images))
	for i := range images {
		image := &images[i]
		x := seenImage{Digest: image.Digest}
		if at, listed := s.find(image.Digest); listed {
			present[at] = true
			x = s.Images[at]
			if slices.ContainsFunc(image.Tags, func(tag string) bool { return !slices.Contains(x.Tags, tag) }) {
				x.Tagged = now
			}
			x.complete(image)
		}
		x.Tags, x.Absent = image.Tags, false
		x.addReading(image.Read)
		if len(x.Readings) > 0 {
			x.Known, x.Children, x.MediaType, x.Pulled = image.Unread == "", image.Children, image.MediaType, image.Pulled
		}
		next = append(next, x)
	}
	for at, x := range s.Images {
		if !present[at] && !x.Absent {
			x.Absent = true
			next = append(next, x)
		}
	}
	s.Images = next
	s.sort()
}
