package activities

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"epoxy/internal/artifact"
	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// ImageDeletionAPI is what deleting images needs of ECR.
type ImageDeletionAPI interface {
	DescribeImages(context.Context, *ecr.DescribeImagesInput, ...func(*ecr.Options)) (*ecr.DescribeImagesOutput, error)
	BatchGetImage(context.Context, *ecr.BatchGetImageInput, ...func(*ecr.Options)) (*ecr.BatchGetImageOutput, error)
	BatchDeleteImage(context.Context, *ecr.BatchDeleteImageInput, ...func(*ecr.Options)) (*ecr.BatchDeleteImageOutput, error)
}

// ImageDeleter deletes images of an approved plan.
type ImageDeleter struct {
	ECR    Connect[ImageDeletionAPI]
	S3     Connect[artifact.API]
	Ledger Connect[ledger.API]
	Look   secondLook
}

// maxBatch is ECR's limit on ids in a call.
const maxBatch = 100

// DeleteImages takes one batch through the second look, the ledger and the deletion. It may be repeated at any point: an
// image that is gone and that an intent of this run covers was deleted by an attempt before, and is counted once.
func (a *ImageDeleter) DeleteImages(ctx context.Context, in DeleteImagesInput) (DeletionOutput, error) {
	defer beating(ctx, in.Part.Name)()
	b, err := a.begin(ctx, in)
	if err != nil {
		return DeletionOutput{}, err
	}
	uses, err := in.look(ctx, a.Look)
	if err != nil {
		return DeletionOutput{}, err
	}
	if err := b.lookAtImages(ctx); err != nil {
		return DeletionOutput{}, err
	}
	if err := b.decide(uses.Images); err != nil {
		return DeletionOutput{}, err
	}
	if err := b.readManifests(ctx); err != nil {
		return DeletionOutput{}, err
	}
	if err := b.intend(ctx); err != nil {
		return DeletionOutput{}, err
	}
	if err := b.delete(ctx); err != nil {
		return DeletionOutput{}, err
	}
	return b.out, b.book.conclude(ctx, b.ended)
}

// imageDeletion is one attempt at one batch.
type imageDeletion struct {
	in    DeleteImagesInput
	ecr   ImageDeletionAPI
	shelf shelf
	book  book

	batch   []policy.Verdict
	entries map[string]ledger.Entry // by digest: of attempts before this one
	present []policy.ContainerImage
	before  []string // what had to be gone before, and is not
	going   []policy.Verdict
	images  map[string]types.Image // manifests by digest
	ended   []ledger.Entry
	out     DeletionOutput
}

func (a *ImageDeleter) begin(ctx context.Context, in DeleteImagesInput) (*imageDeletion, error) {
	b := &imageDeletion{in: in, entries: map[string]ledger.Entry{}, images: map[string]types.Image{}}
	var err error
	if b.ecr, err = a.ECR(ctx, in.Place); err != nil {
		return nil, translate(in.Place, err)
	}
	if b.shelf, err = openShelf(ctx, a.S3, in.Store); err != nil {
		return nil, err
	}
	if b.book, err = openBook(ctx, a.Ledger, in.Ledger); err != nil {
		return nil, err
	}
	if b.batch, err = in.batchOf(ctx, b.shelf, maxBatch); err != nil {
		return nil, err
	}
	ids := make([]string, len(b.batch))
	for i, v := range b.batch {
		ids[i] = b.entryID(v.ID)
	}
	found, err := b.book.Entries(ctx, ids)
	if err != nil {
		return nil, translate(in.Ledger.Place, err)
	}
	for _, v := range b.batch {
		if e, ok := found[b.entryID(v.ID)]; ok {
			b.entries[v.ID] = e
		}
	}
	return b, nil
}

func (b *imageDeletion) resource(digest string) string { return b.in.Repository.ImageName(digest) }
func (b *imageDeletion) entryID(digest string) string {
	return ledger.EntryID(b.in.RunID, b.resource(digest))
}

// lookAtImages finds which images of the batch, and of what must be gone before them, are there, with their tags and pulls.
func (b *imageDeletion) lookAtImages(ctx context.Context) error {
	var ids, before []string
	for _, v := range b.batch {
		ids = append(ids, v.ID)
		before = append(before, v.After...)
	}
	slices.Sort(before)
	before = slices.DeleteFunc(slices.Compact(before), func(digest string) bool { return slices.Contains(ids, digest) })
	var err error
	if b.present, err = b.describe(ctx, ids); err != nil {
		return translate(b.in.Place, err)
	}
	for chunk := range slices.Chunk(before, maxBatch) {
		there, err := b.describe(ctx, chunk)
		if err != nil {
			return translate(b.in.Place, err)
		}
		for _, image := range there {
			b.before = append(b.before, image.Digest)
		}
	}
	return nil
}

// describe asks for many at once. One unknown image fails the whole call, so the list is halved until what is gone is found.
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html (ImageNotFoundException)
func (b *imageDeletion) describe(ctx context.Context, digests []string) ([]policy.ContainerImage, error) {
	out, err := b.ecr.DescribeImages(ctx, &ecr.DescribeImagesInput{
		RegistryId: &b.in.Repository.Account, RepositoryName: &b.in.Repository.Name, ImageIds: imageIDs(digests),
	})
	if _, missing := errors.AsType[*types.ImageNotFoundException](err); missing {
		if len(digests) == 1 {
			return nil, nil
		}
		half := len(digests) / 2
		first, err := b.describe(ctx, digests[:half])
		if err != nil {
			return nil, err
		}
		second, err := b.describe(ctx, digests[half:])
		return append(first, second...), err
	}
	if err != nil {
		return nil, err
	}
	found := make([]policy.ContainerImage, 0, len(out.ImageDetails))
	for _, d := range out.ImageDetails {
		found = append(found, policy.ContainerImage{
			Digest: aws.ToString(d.ImageDigest), Tags: d.ImageTags, Pushed: aws.ToTime(d.ImagePushedAt), Pulled: aws.ToTime(d.LastRecordedPullTime),
		})
	}
	return found, nil
}

func imageIDs(digests []string) []types.ImageIdentifier {
	ids := make([]types.ImageIdentifier, len(digests))
	for i, d := range digests {
		ids[i] = types.ImageIdentifier{ImageDigest: aws.String(d)}
	}
	return ids
}

// decide settles what attempts before have ended, and asks the policy about the rest.
func (b *imageDeletion) decide(uses []policy.Use) error {
	there := map[string]bool{}
	for _, image := range b.present {
		there[image.Digest] = true
	}
	var open []policy.Verdict
	var readings []time.Time
	for _, v := range b.batch {
		e, begun := b.entries[v.ID]
		if begun {
			readings = append(readings, e.Intent) // the manifest was read just before
		}
		switch {
		case begun && e.Outcome != "":
			b.out.add(v, e)
		case begun && !there[v.ID]:
			b.end(v, e, ledger.Deleted, "")
		default:
			open = append(open, v)
		}
	}
	going, kept, err := policy.RecheckImages(policy.ImageRecheck{
		Repository: b.in.Repository, Rules: b.in.Rules, Planned: open, Present: b.present, StillThere: b.before, Uses: uses,
		Vetoed: b.in.Vetoed, Readings: readings,
	})
	if err != nil {
		return Refuse(ErrInvalid, "%v", err)
	}
	b.going = going
	for _, v := range kept {
		if e, begun := b.entries[v.ID]; begun { // intended before the crash, and in use since
			b.end(v, e, ledger.Failed, "kept after all: "+v.Reason)
			b.out.Failed = b.out.Failed[:len(b.out.Failed)-1]
		}
		b.out.Kept = append(b.out.Kept, v)
	}
	return nil
}

// end writes down how one image ended.
func (b *imageDeletion) end(v policy.Verdict, e ledger.Entry, outcome, detail string) {
	e.Outcome, e.Detail, e.Ended = outcome, detail, time.Now().UTC()
	b.ended = append(b.ended, e)
	b.out.add(v, e)
}
