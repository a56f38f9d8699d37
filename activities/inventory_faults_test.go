package activities

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"epoxy/internal/artifact"
	"epoxy/internal/artifact/artifacttest"
	"epoxy/internal/policy"
)

func init() { kinds = append(kinds, ErrTampered) }

// While one inventory is about to remember, another does so: nothing that either found is lost.
func TestTakeInventoryMergesWithAnother(t *testing.T) {
	s := newShelves()
	index := s.shop.push(mediaOCIIndex, "index", daysAgo(400), []string{"sha256:" + strings.Repeat("a", 64)}, "v1")
	old := s.shop.push(mediaOCIImage, "old", daysAgo(400), nil, "v2")
	s.inventory(t)
	old.ImageTags = []string{"prod", "v2"}
	late := s.shop.push(mediaOCIIndex, "late", daysAgo(1), []string{"sha256:" + strings.Repeat("b", 64)}, "v3")
	others := 0
	var theirs map[string]policy.ContainerImage
	s.s3.Before = func(operation, key string) {
		if operation == "PutObject" && key == seenKey && others < 1 {
			others++
			theirs = s.inventory(t)
		}
	}
	ours := s.inventory(t)
	for _, got := range []map[string]policy.ContainerImage{theirs, ours, s.inventory(t)} {
		switch {
		case len(got[*index.ImageDigest].Children) != 1, len(got[*late.ImageDigest].Children) != 1, !got[*late.ImageDigest].Pulled.IsZero():
			t.Errorf("an index: %+v", got)
		case time.Since(got[*old.ImageDigest].Tagged) > time.Minute, !got[*late.ImageDigest].Tagged.IsZero():
			t.Errorf("a tag: %+v", got)
		}
	}
	if others != 1 || s.s3.Calls["PutObject"] < 7 {
		t.Errorf("%d others, %v", others, s.s3.Calls)
	}
}

// Who is always too late tries again later, and says why.
func TestTakeInventoryGivesWay(t *testing.T) {
	s := newShelves()
	s.shop.push(mediaOCIImage, "image", daysAgo(9), nil)
	changes := 0
	s.s3.Before = func(operation, key string) {
		if operation == "PutObject" && key == seenKey {
			changes++
			s.s3.Fail["PutObject"] = []error{artifacttest.Error("PutObject", 412, "PreconditionFailed", "")}
		}
	}
	_, err := s.take(t)
	wantError(t, "always too late", err, what{says: seenKey + "…changed by somebody else in the meantime"})
	if changes != merges {
		t.Errorf("%d tries", changes)
	}
}

func TestTakeInventorySaysWhatItCouldNotRead(t *testing.T) {
	s := newShelves()
	push := func(about string, children ...string) *storedImage {
		return s.shop.push(mediaOCIIndex, about, daysAgo(9), children)
	}
	locked, silent, broken, odd, gone := push("locked"), push("silent"), push("broken"), push("odd", "sha256:xyz"), push("gone")
	locked.failure, silent.silent, broken.manifest = types.ImageFailureCodeKmsError, true, "<html>"
	gone.failure = types.ImageFailureCodeImageNotFound
	got := s.inventory(t)
	for image, says := range map[*storedImage]string{
		locked: "words of ECR (KmsError)", silent: "ECR did not answer for it", broken: "no JSON", odd: `lists "sha256:xyz", which is no digest`,
	} {
		if why := got[*image.ImageDigest].Unread; !strings.Contains(why, says) {
			t.Errorf("%q, want %q", why, says)
		}
	}
	if _, there := got[*gone.ImageDigest]; there || len(got) != 4 {
		t.Errorf("what is gone is still there: %+v", got)
	}
	locked.failure, silent.silent = "", false
	clear(s.ecr.calls)
	got = s.inventory(t)
	if got[*locked.ImageDigest].Unread != "" || got[*silent.ImageDigest].Unread != "" || got[*broken.ImageDigest].Unread == "" || s.ecr.calls["BatchGetImage"] != 1 {
		t.Errorf("with another try: %+v", got)
	}
	for range 2 * ownReadings {
		s.inventory(t)
	}
	for _, x := range recall[seenRepository](t, s.s3, seenName(shopRepository)).Images {
		if len(x.Readings) > ownReadings {
			t.Errorf("%d readings are remembered", len(x.Readings))
		}
	}
}

// A manifest of a type that ECR does not tell may be an index.
func TestTakeInventoryReadsWhatHasNoType(t *testing.T) {
	s := newShelves()
	image, index := s.shop.push(mediaOCIImage, "image", daysAgo(9), nil), s.shop.push(mediaOCIIndex, "index", daysAgo(9), []string{"sha256:" + strings.Repeat("a", 64)})
	image.ImageManifestMediaType, index.ImageManifestMediaType = nil, nil
	for range 2 {
		got := s.inventory(t)
		if got[*image.ImageDigest].MediaType != mediaOCIImage || got[*index.ImageDigest].MediaType != mediaOCIIndex || len(got[*index.ImageDigest].Children) != 1 {
			t.Errorf("%+v", got)
		}
	}
	if s.ecr.calls["BatchGetImage"] != 1 {
		t.Errorf("calls: %v", s.ecr.calls)
	}
}

func TestTakeInventoryReadsSideBySide(t *testing.T) {
	s := newShelves()
	for i := range 100 * 3 {
		s.shop.push(mediaOCIIndex, fmt.Sprint(i), daysAgo(9), nil)
	}
	all := gathering(3)
	s.ecr.arrives = func(ctx context.Context, operation string) {
		if operation == "BatchGetImage" {
			all(ctx)
		}
	}
	s.inventory(t)
}

func TestTakeInventoryFailsWhereItCannotLook(t *testing.T) {
	s := newShelves()
	delete(s.ecr.repositories, shopRepository.Name)
	_, err := s.take(t)
	wantError(t, "no repository", err, refused(ErrNotFound, "ecr:DescribeImages in 123456789012/us-east-1"))
	s = newShelves()
	s.shop.push(mediaOCIIndex, "index", daysAgo(9), nil)
	s.ecr.failing("BatchGetImage", 400, "AccessDeniedException", "User: x is not authorized to perform: ecr:BatchGetImage on resource: y")
	_, err = s.take(t)
	wantError(t, "denied", err, refused(ErrForbidden, "ecr:BatchGetImage is not allowed"))
	s.s3.Fail["GetObject"] = []error{awsError("S3", "GetObject", 403, "AccessDenied", "Access Denied")}
	_, err = s.take(t)
	wantError(t, "no way to the store", err, refused(ErrForbidden, "s3://epoxy-artifacts/epoxy/seen/…grant s3:GetObject, s3:PutObject and s3:ListBucket on epoxy-artifacts to "+role))
	s.s3.Bucket = "another"
	_, err = s.take(t)
	wantError(t, "no bucket", err, refused(ErrNotFound, "the bucket epoxy-artifacts does not exist in 123456789012/us-east-1: check artifacts in epoxy.yaml…epoxy setup"))
	s = newShelves()
	s.s3.Objects[seenKey] = []byte("x")
	_, err = s.take(t)
	wantError(t, "a broken memory", err, refused(ErrTampered, seenKey+" is not what was written there"))
	closed := awsError("STS", "AssumeRole", 403, "AccessDenied", "no")
	in := TakeInventoryInput{Store: theStore(), Place: here, Repository: shopRepository}
	_, err = attempt(t, (&Repositories{ECR: to[RepositoriesAPI](s.ecr), S3: nowhere[artifact.API](closed)}).TakeInventory, in)
	wantError(t, "no way to S3", err, refused(ErrForbidden, "sts:AssumeRole"))
	_, err = attempt(t, (&Repositories{ECR: nowhere[RepositoriesAPI](closed), S3: to[artifact.API](s.s3)}).TakeInventory, in)
	wantError(t, "no way to ECR", err, refused(ErrForbidden, "sts:AssumeRole"))
}
