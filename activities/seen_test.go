package activities

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"epoxy/internal/policy"
)

// Whatever comes, stays away and comes back, what is remembered can be found: it is sorted, and each digest is there once.
func TestSeenRepositoryStaysSorted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var seen seenRepository
		sorted := func(after string) {
			for i := 1; i < len(seen.Images); i++ {
				if seen.Images[i-1].Digest >= seen.Images[i].Digest {
					t.Fatalf("after %s: %+v", after, seen.Images)
				}
			}
		}
		for round := range rapid.IntRange(1, 6).Draw(t, "rounds") {
			now := begun.Add(time.Duration(round) * time.Hour)
			var images []policy.ContainerImage
			for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, 9), 0, 8, rapid.ID[int]).Draw(t, "digests") {
				images = append(images, policy.ContainerImage{
					Digest: fmt.Sprintf("sha256:%064x", n), MediaType: rapid.SampledFrom([]string{mediaOCIIndex, mediaOCIImage}).Draw(t, "type"),
				})
			}
			slices.SortFunc(images, func(a, b policy.ContainerImage) int { return cmp.Compare(a.Digest, b.Digest) })
			unread := seen.announce(images, now)
			sorted("announce")
			for i := range images {
				if slices.Contains(unread, images[i].Digest) {
					images[i].Read = now
				}
			}
			seen.learn(images, now)
			sorted("learn")
			for _, image := range images {
				if _, found := seen.find(image.Digest); !found {
					t.Fatalf("%s is not remembered", image.Digest)
				}
			}
		}
	})
}

// An index that never can be read is tried with each inventory; the newest readings are what may still show as pulls.
func TestSeenImageRemembersTheNewestReadings(t *testing.T) {
	var x seenImage
	for i := range 3 * ownReadings {
		x.addReading(begun.Add(time.Duration(i) * time.Hour))
		x.addReading(begun.Add(time.Duration(i) * time.Hour))
	}
	x.addReading(time.Time{})
	newest := begun.Add((3*ownReadings - 1) * time.Hour)
	if len(x.Readings) != ownReadings || !x.isOwn(newest.Add(ownPull)) || x.isOwn(newest.Add(ownPull+time.Second)) || !x.isOwn(newest.Add(-ownPull)) {
		t.Errorf("readings: %v", x.Readings)
	}
}
