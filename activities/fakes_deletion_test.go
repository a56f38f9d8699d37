package activities

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// fakeLedger keeps entries as the table does: an intent is written once, and an outcome goes over none or the same one.
type fakeLedger struct {
	*wire
	entries map[string]ledger.Entry
	undos   map[string][]ledger.Undo // by resource
}

func newLedger() *fakeLedger {
	return &fakeLedger{wire: newWire("DynamoDB"), entries: map[string]ledger.Entry{}}
}

func (f *fakeLedger) open(context.Context, LedgerTable) (Ledger, error) { return f, nil }

func (f *fakeLedger) Intend(ctx context.Context, entries []ledger.Entry) (stored []ledger.Entry, err error) {
	return stored, f.call(ctx, "Intend", func() error {
		for _, e := range entries {
			if e.ID == "" || e.Resource == "" || e.Kind == "" || e.Intent.IsZero() || e.Outcome != "" || len(e.PutBack.Manifest)+len(e.PutBack.Definition) > ledger.MaxPutBack {
				return f.refuse("PutItem", "ValidationException", "entry %+v", e)
			}
			if _, there := f.entries[e.ID]; !there {
				f.entries[e.ID] = e
			}
			stored = append(stored, f.entries[e.ID])
		}
		return nil
	})
}

func (f *fakeLedger) Entries(ctx context.Context, ids []string) (map[string]ledger.Entry, error) {
	found := map[string]ledger.Entry{}
	return found, f.call(ctx, "Entries", func() error {
		for _, id := range ids {
			if e, there := f.entries[id]; there {
				found[id] = e
			}
		}
		return nil
	})
}

// Find follows the names that a mop's entries have.
func (f *fakeLedger) Find(ctx context.Context, name string) (found []ledger.Entry, err error) {
	return found, f.call(ctx, "Find", func() error {
		for _, e := range f.entries {
			if e.Resource == name || slices.Contains(e.Names, name) {
				found = append(found, e)
			}
		}
		slices.SortFunc(found, func(a, b ledger.Entry) int { return b.Intent.Compare(a.Intent) })
		return nil
	})
}

func (f *fakeLedger) Conclude(ctx context.Context, entries []ledger.Entry) error {
	return f.call(ctx, "Conclude", func() error {
		for _, e := range entries {
			is, there := f.entries[e.ID]
			switch {
			case !there:
				return &ledger.ConflictError{ID: e.ID, Message: "is not there"}
			case is.Outcome != "" && is.Outcome != e.Outcome:
				return &ledger.ConflictError{ID: e.ID, Message: "has ended otherwise"}
			case is.Outcome == "":
				is.Outcome, is.Detail, is.Ended = e.Outcome, e.Detail, e.Ended
				f.entries[e.ID] = is
			}
		}
		return nil
	})
}

func (f *fakeLedger) MarkUndo(ctx context.Context, resource, entry string) error {
	return f.call(ctx, "MarkUndo", func() error {
		if f.undos == nil {
			f.undos = map[string][]ledger.Undo{}
		}
		f.undos[resource] = append([]ledger.Undo{{Entry: entry, At: time.Now()}}, f.undos[resource]...)
		return nil
	})
}

func (f *fakeLedger) Undos(ctx context.Context, resources []string) (out [][]ledger.Undo, err error) {
	return out, f.call(ctx, "Undos", func() error {
		out = nil
		for _, what := range resources {
			out = append(out, f.undos[what])
		}
		return nil
	})
}

// putBack is what an undo does.
func (f *fakeLedger) putBack(ctx context.Context, id string) error {
	return errors.Join(f.MarkUndo(ctx, f.entries[id].Resource, id), f.Undone(ctx, id, "ann", ""))
}

func (f *fakeLedger) Undone(ctx context.Context, id, by, detail string) error {
	return f.call(ctx, "Undone", func() error {
		e := f.entries[id]
		if e.Outcome != ledger.Undone {
			e.Outcome, e.UndoneBy, e.Detail = ledger.Undone, by, detail
			f.entries[id] = e
		}
		return nil
	})
}

// of is the entry about a resource, and whether there is one.
func (f *fakeLedger) of(resource string) ledger.Entry {
	return f.entries[ledger.EntryID(run, resource)]
}

// fakeLook is the second look.
type fakeLook struct {
	uses  policy.Uses
	err   error
	calls int
	then  func() // what happens meanwhile
}

func (f *fakeLook) LookAgain(context.Context, []SurveyUsesInput, ReadListedUsesInput) (policy.Uses, error) {
	f.calls++
	if f.then != nil {
		f.then()
	}
	return f.uses, f.err
}

// fakeDeletions is a registry from which images go. Nothing may be deleted without an intent.
type fakeDeletions struct {
	*fakeRegistry
	t       testing.TB
	ledger  *fakeLedger
	refuses map[string]types.ImageFailureCode // by digest, what BatchDeleteImage says
	silent  map[string]bool                   // of what it says nothing, and does nothing
	deleted map[string]int                    // how often
	lost    bool                              // layers
}

func (f *fakeDeletions) images() map[string]*storedImage {
	return f.repositories[shopRepository.Name].images
}

// DescribeImages with ids fails as a whole where one is unknown.
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html
func (f *fakeDeletions) DescribeImages(ctx context.Context, in *ecr.DescribeImagesInput, _ ...func(*ecr.Options)) (*ecr.DescribeImagesOutput, error) {
	const operation = "DescribeImages"
	out := &ecr.DescribeImagesOutput{}
	return out, f.enter(ctx, operation, in.RegistryId, func() error {
		if n := len(in.ImageIds); n < 1 || n > 100 || in.MaxResults != nil || in.NextToken != nil {
			return f.refuse(operation, "InvalidParameterException", "%d ids", n)
		}
		for _, id := range in.ImageIds {
			found := 0
			for digest, image := range f.images() {
				if digest == aws.ToString(id.ImageDigest) || id.ImageTag != nil && slices.Contains(image.ImageTags, *id.ImageTag) {
					found++
					out.ImageDetails = append(out.ImageDetails, image.ImageDetail)
				}
			}
			if found == 0 {
				out.ImageDetails = nil
				return f.refuse(operation, "ImageNotFoundException", "The image with imageId %v does not exist", id)
			}
		}
		return nil
	})
}

// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html
func (f *fakeDeletions) BatchDeleteImage(ctx context.Context, in *ecr.BatchDeleteImageInput, _ ...func(*ecr.Options)) (*ecr.BatchDeleteImageOutput, error) {
	const operation = "BatchDeleteImage"
	out := &ecr.BatchDeleteImageOutput{}
	return out, f.enter(ctx, operation, in.RegistryId, func() error {
		if n := len(in.ImageIds); n < 1 || n > 100 {
			return f.refuse(operation, "InvalidParameterException", "%d ids", n)
		}
		for _, id := range in.ImageIds {
			digest := aws.ToString(id.ImageDigest)
			fail := func(code types.ImageFailureCode) {
				out.Failures = append(out.Failures, types.ImageFailure{ImageId: &id, FailureCode: code, FailureReason: aws.String("words of ECR")})
			}
			image := f.images()[digest]
			switch {
			case image == nil:
				fail(types.ImageFailureCodeImageNotFound)
			case f.refuses[digest] != "":
				fail(f.refuses[digest])
			case f.silent[digest]:
			case f.isListed(digest):
				fail(types.ImageFailureCodeImageReferencedByManifestList)
			default:
				f.wantIntent(digest)
				f.deleted[digest]++
				delete(f.images(), digest)
				out.ImageIds = append(out.ImageIds, types.ImageIdentifier{ImageDigest: &digest})
				for _, tag := range image.ImageTags {
					out.ImageIds = append(out.ImageIds, types.ImageIdentifier{ImageDigest: &digest, ImageTag: &tag})
				}
			}
		}
		return nil
	})
}

func (f *fakeDeletions) wantIntent(digest string) {
	f.ledger.mu.Lock()
	defer f.ledger.mu.Unlock()
	e, there := f.ledger.entries[ledger.EntryID(run, shopRepository.ImageName(digest))]
	if !there || e.Outcome != "" || e.PutBack.Manifest != f.images()[digest].manifest && e.PutBack.Key == "" {
		f.t.Errorf("%s is deleted, and the ledger has %+v", digest, e)
	}
}

func (f *fakeDeletions) isListed(digest string) bool {
	for _, image := range f.images() {
		if slices.Contains(childrenOf(image.manifest), digest) {
			return true
		}
	}
	return false
}

func childrenOf(manifest string) []string { return parseManifest(manifest, "").children }

// PutImage moves a tag that another image has. https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html
func (f *fakeDeletions) PutImage(ctx context.Context, in *ecr.PutImageInput, _ ...func(*ecr.Options)) (*ecr.PutImageOutput, error) {
	const operation = "PutImage"
	out := &ecr.PutImageOutput{}
	return out, f.enter(ctx, operation, in.RegistryId, func() error {
		digest, tag := digestOfText(*in.ImageManifest), aws.ToString(in.ImageTag)
		if digest != aws.ToString(in.ImageDigest) {
			return f.refuse(operation, "ImageDigestDoesNotMatchException", "%s", digest)
		}
		if f.lost {
			return f.refuse(operation, "LayersNotFoundException", "Layers with digests '[sha256:1]' required for pushing image do not exist")
		}
		for _, child := range childrenOf(*in.ImageManifest) {
			if f.images()[child] == nil {
				return f.refuse(operation, "ReferencedImagesNotFoundException", "Images with digests '[%s]' required for pushing image do not exist", child)
			}
		}
		image := f.images()[digest]
		if image != nil && (tag == "" || slices.Contains(image.ImageTags, tag)) {
			return f.refuse(operation, "ImageAlreadyExistsException", "Image with digest '%s' and tag '%s' already exists", digest, tag)
		}
		for _, other := range f.images() {
			other.ImageTags = slices.DeleteFunc(slices.Clone(other.ImageTags), func(t string) bool { return t == tag })
		}
		if image == nil {
			image = &storedImage{manifest: *in.ImageManifest, ImageDetail: types.ImageDetail{
				ImageDigest: &digest, ImageManifestMediaType: in.ImageManifestMediaType, ImagePushedAt: aws.Time(begun), ImageStatus: types.ImageStatusActive,
			}}
			f.images()[digest] = image
		}
		if tag != "" {
			image.ImageTags = append(image.ImageTags, tag)
		}
		return nil
	})
}

func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
