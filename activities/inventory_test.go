package activities

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/google/go-cmp/cmp"

	"epoxy/internal/artifact"
	"epoxy/internal/artifact/artifacttest"
	"epoxy/internal/policy"
)

var shopRepository = policy.Repository{Account: here.Account, Region: here.Region, Name: "team/shop"}

const seenKey = "epoxy/seen/123456789012/us-east-1/team/shop.json.gz"

// shelves is a registry with one repository, and a store.
type shelves struct {
	ecr  *fakeRegistry
	s3   *artifacttest.S3
	shop *fakeRepository
}

func newShelves() shelves {
	ecr := newRegistry(shopRepository.Name)
	return shelves{ecr, artifacttest.New(bucket), ecr.repositories[shopRepository.Name]}
}

func (s shelves) take(t *testing.T) (TakeInventoryOutput, error) {
	t.Helper()
	return attempt(t, repositories(s.ecr, s.s3).TakeInventory, TakeInventoryInput{Store: theStore(), Place: here, Repository: shopRepository})
}

func (s shelves) inventory(t *testing.T) map[string]policy.ContainerImage {
	t.Helper()
	out, err := s.take(t)
	if err != nil {
		t.Fatal(err)
	}
	images := map[string]policy.ContainerImage{}
	for _, i := range fetch[[]policy.ContainerImage](t, s.s3, out.Inventory) {
		images[i.Digest] = i
	}
	return images
}

func fetch[T any](t *testing.T, s3 *artifacttest.S3, ref Artifact) (v T) {
	t.Helper()
	store := artifact.Store{API: s3, Bucket: bucket, Prefix: "epoxy"}
	if err := store.Get(t.Context(), ref, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func recall[T any](t *testing.T, s3 *artifacttest.S3, name string) (v T) {
	t.Helper()
	store := artifact.Store{API: s3, Bucket: bucket, Prefix: "epoxy"}
	if _, err := store.Recall(t.Context(), name, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// today is when these tests began: a day counted back from it is the same moment all along.
var today = toSecond(time.Now())

func daysAgo(n int) time.Time { return today.AddDate(0, 0, -n) }

func TestTakeInventory(t *testing.T) {
	s := newShelves()
	child := s.shop.push(mediaOCIImage, "child", daysAgo(9), nil)
	index := s.shop.push(mediaOCIIndex, "index", daysAgo(8), []string{*child.ImageDigest}, "v2", "v1")
	index.LastRecordedPullTime = aws.Time(daysAgo(3))
	signature := s.shop.push(mediaOCIImage, "signature", daysAgo(7), nil)
	signature.SubjectManifestDigest, signature.ArtifactMediaType = index.ImageDigest, aws.String("application/vnd.dev.sigstore.bundle+json")
	archived := s.shop.push(mediaOCIImage, "archived", daysAgo(99), nil, "old")
	archived.ImageStatus = types.ImageStatusArchived
	restored := s.shop.push(mediaOCIImage, "restored", daysAgo(98), nil, "older")
	restored.LastRecordedPullTime, restored.LastActivatedAt = aws.Time(daysAgo(90)), aws.Time(daysAgo(1))

	out, err := s.take(t)
	if err != nil || out.Images != 4 || out.Bytes != 40 {
		t.Fatalf("%+v: %v", out, err)
	}
	got := fetch[[]policy.ContainerImage](t, s.s3, out.Inventory)
	want := map[string]policy.ContainerImage{
		*child.ImageDigest: {MediaType: mediaOCIImage, Pushed: daysAgo(9)},
		*index.ImageDigest: {MediaType: mediaOCIIndex, Pushed: daysAgo(8), Pulled: daysAgo(3), Tags: []string{"v1", "v2"}, Children: []string{*child.ImageDigest}},
		*signature.ImageDigest: {
			MediaType: mediaOCIImage, Pushed: daysAgo(7), Subject: *index.ImageDigest, ArtifactType: "application/vnd.dev.sigstore.bundle+json",
		},
		*restored.ImageDigest: {MediaType: mediaOCIImage, Pushed: daysAgo(98), Pulled: daysAgo(1), Tags: []string{"older"}},
	}
	for i, image := range got {
		if read := image.Read; (image.Digest == *index.ImageDigest) != (time.Since(read) < time.Minute) {
			t.Errorf("%s was read at %v", image.Digest, read)
		}
		w := want[image.Digest]
		w.Digest, w.Bytes, w.Read = image.Digest, 10, image.Read
		if !cmp.Equal(image, w) || i > 0 && got[i-1].Digest >= image.Digest {
			t.Errorf("number %d: %s", i, cmp.Diff(w, image))
		}
	}
	if len(got) != len(want) || !strings.HasPrefix(out.Inventory.Key, "epoxy/inventories/") {
		t.Errorf("%d images under %s", len(got), out.Inventory.Key)
	}
}

// ⌈images/1000⌉ and ⌈indexes/100⌉ calls; what was read once is never read again.
func TestTakeInventoryCalls(t *testing.T) {
	s := newShelves()
	for i := range 2230 {
		s.shop.push(mediaOCIImage, fmt.Sprint(i), daysAgo(i), nil)
	}
	for i := range 201 {
		s.shop.push(mediaDockerList, fmt.Sprint("index ", i), daysAgo(i), nil)
	}
	var beaten beats[any]
	in := TakeInventoryInput{Store: theStore(), Place: here, Repository: shopRepository}
	out, err := attempt(t, repositories(s.ecr, s.s3).TakeInventory, in, beaten.keep)
	if err != nil || out.Images != 2431 || len(beaten.all) == 0 {
		t.Fatalf("%+v, %d heartbeats: %v", out, len(beaten.all), err)
	}
	if want := map[string]int{"DescribeImages": 3, "BatchGetImage": 3}; !cmp.Equal(s.ecr.calls, want) {
		t.Errorf("the first inventory: %v, want %v", s.ecr.calls, want)
	}
	clear(s.ecr.calls)
	clear(s.s3.Calls)
	again, err := s.take(t)
	if want := map[string]int{"DescribeImages": 3}; err != nil || !cmp.Equal(s.ecr.calls, want) || again != out {
		t.Errorf("the second inventory: %v, want %v; %+v after %+v: %v", s.ecr.calls, want, again, out, err)
	}
	if want := map[string]int{"GetObject": 2, "PutObject": 2}; !cmp.Equal(s.s3.Calls, want) {
		t.Errorf("the second inventory: %v, want %v", s.s3.Calls, want)
	}
}

// ECR takes our reading for a pull. It hides an earlier one, and must not hide a later one.
func TestTakeInventoryKnowsItsOwnPulls(t *testing.T) {
	s := newShelves()
	never := s.shop.push(mediaOCIIndex, "never pulled", daysAgo(400), nil)
	once := s.shop.push(mediaOCIIndex, "pulled once", daysAgo(400), nil)
	once.LastRecordedPullTime = aws.Time(daysAgo(5))
	first := s.inventory(t)
	if time.Since(*never.LastRecordedPullTime) > time.Minute {
		t.Fatal("reading is no pull here")
	}
	if second := s.inventory(t); !cmp.Equal(first, second) {
		t.Errorf("our reading changed: %s", cmp.Diff(first, second))
	}
	later := toSecond(time.Now().Add(3 * time.Minute))
	never.LastRecordedPullTime = &later
	third := s.inventory(t)
	if got := third[*never.ImageDigest]; !got.Pulled.Equal(later) || got.Read.IsZero() {
		t.Errorf("somebody pulled it at %v: %+v", later, got)
	}
	if got := third[*once.ImageDigest].Pulled; !got.Equal(daysAgo(5)) {
		t.Errorf("somebody pulled it 5 days ago: %v", got)
	}
}

// Whatever is lost in the middle, the next attempt finds the same.
func TestTakeInventoryAfterAnythingIsLost(t *testing.T) {
	for about, loseIt := range map[string]func(shelves){
		"the listing":                     func(s shelves) { s.ecr.lose["DescribeImages"] = 1 },
		"the manifests":                   func(s shelves) { s.ecr.lose["BatchGetImage"] = 1 },
		"the first answer of the store":   func(s shelves) { s.s3.Lose["PutObject"] = 1 },
		"every answer of the store":       func(s shelves) { s.s3.Lose["PutObject"] = 3 },
		"what was remembered, half-way":   func(s shelves) { s.s3.Fail["PutObject"] = []error{nil, errLost("S3", "PutObject")} },
		"the inventory":                   func(s shelves) { s.s3.Fail["PutObject"] = []error{nil, nil, errLost("S3", "PutObject")} },
		"throttled before anything":       func(s shelves) { s.ecr.failing("DescribeImages", 400, "ThrottlingException", "") },
		"throttled when reading":          func(s shelves) { s.ecr.failing("BatchGetImage", 400, "ThrottlingException", "") },
		"throttled when reading, by code": func(s shelves) { s.s3.Fail["GetObject"] = []error{awsError("S3", "GetObject", 503, "SlowDown", "")} },
	} {
		s := newShelves()
		index := s.shop.push(mediaOCIIndex, "index", daysAgo(400), []string{"sha256:" + strings.Repeat("a", 64)}, "v1")
		index.LastRecordedPullTime = aws.Time(daysAgo(300))
		loseIt(s)
		failed := 0
		for _, err := s.take(t); err != nil; _, err = s.take(t) {
			if failed++; failed > 5 {
				t.Fatalf("%s: %v", about, err)
			}
		}
		got := s.inventory(t)[*index.ImageDigest]
		if failed == 0 || !got.Pulled.Equal(daysAgo(300)) || len(got.Children) != 1 || !got.Tagged.IsZero() || got.Unread != "" {
			t.Errorf("%s, after %d failures: %+v", about, failed, got)
		}
	}
}

func TestTakeInventorySeesTagsThatMove(t *testing.T) {
	s := newShelves()
	old := s.shop.push(mediaOCIImage, "old", daysAgo(400), nil, "v1")
	other := s.shop.push(mediaOCIIndex, "other", daysAgo(300), nil, "v2", "prod")
	for digest, image := range s.inventory(t) {
		if !image.Tagged.IsZero() {
			t.Errorf("the first inventory knows when %s was tagged: %v", digest, image.Tagged)
		}
	}
	old.ImageTags, other.ImageTags = []string{"prod", "v1"}, []string{"v2"}
	fresh := s.shop.push(mediaOCIImage, "fresh", daysAgo(0), nil, "v3")
	second := s.inventory(t)
	tagged := second[*old.ImageDigest].Tagged
	if time.Since(tagged) > time.Minute {
		t.Errorf("prod moved to it just now: %v", tagged)
	}
	if !second[*other.ImageDigest].Tagged.IsZero() || !second[*fresh.ImageDigest].Tagged.IsZero() {
		t.Errorf("a tag that went away, or came with the push, is no re-tag: %+v", second)
	}
	if third := s.inventory(t); !cmp.Equal(second, third) {
		t.Errorf("it was not remembered: %s", cmp.Diff(second, third))
	}
}

// What is away in one inventory may be back in the next; what is away for good is forgotten.
func TestTakeInventoryForgetsWhatIsGone(t *testing.T) {
	s := newShelves()
	index := s.shop.push(mediaOCIIndex, "index", daysAgo(400), nil, "v1")
	s.inventory(t)
	index.ImageStatus = types.ImageStatusArchived
	s.inventory(t)
	index.ImageStatus = types.ImageStatusActive
	clear(s.ecr.calls)
	if s.inventory(t); s.ecr.calls["BatchGetImage"] != 0 {
		t.Error("an index that is back was read again")
	}
	delete(s.shop.images, *index.ImageDigest)
	for left := 1; left >= 0; left-- {
		s.inventory(t)
		if seen := recall[seenRepository](t, s.s3, seenName(shopRepository)); len(seen.Images) != left {
			t.Errorf("remembered %+v, want %d", seen.Images, left)
		}
	}
}
