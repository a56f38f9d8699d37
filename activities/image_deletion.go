package activities

import (
	"context"
	"slices"

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
	Ledger OpenLedger
	Look   secondLook
}

// imagesPerCall is ECR's limit on ids in a call.
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html
const imagesPerCall = 100

// DeleteImages takes one batch through the second look, the ledger and the deletion. It may be repeated at any point: an
// image that is gone and that an intent of this run covers was deleted by an attempt before, and is counted once.
func (a *ImageDeleter) DeleteImages(ctx context.Context, in DeleteImagesInput) (DeletionOutput, error) {
	defer beating(ctx, in.Part.Name)()
	client, err := a.ECR(ctx, in.Place)
	if err != nil {
		return DeletionOutput{}, translate(in.Place, err)
	}
	if in.Part.Name != in.Repository.String() {
		return DeletionOutput{}, Refuse(ErrInvalid, "the part of %s is not %s's: nothing is deleted", in.Part.Name, in.Repository)
	}
	d, err := openDeletion(ctx, a.S3, a.Ledger, in.Deletion, imagesPerCall, in.Repository.ImageName)
	if err != nil {
		return DeletionOutput{}, err
	}
	b := &imageDeletion{deletion: d, in: in, ecr: client}
	b.names(policy.ItemsOfImages(b.Vetoed, in.Repository, b.batch))
	err = b.run(ctx, a.Look)
	return d.conclude(ctx, err)
}

// imageDeletion is one attempt at one batch of images.
type imageDeletion struct {
	*deletion

	in  DeleteImagesInput
	ecr ImageDeletionAPI
}

func (b *imageDeletion) run(ctx context.Context, l secondLook) error {
	open := b.settle(b.batch)
	if len(open) == 0 {
		return nil
	}
	uses, err := l.LookAgain(ctx, b.Again, b.Listed)
	if err != nil {
		return err
	}
	if policy.ImagesSeen(uses.Images) == 0 {
		return Refuse(ErrInvalid, "at the second look no image is in use anywhere, lists and rollback revisions apart, which is hardly true: nothing is deleted; check aws.accounts and the policy's region and sources")
	}
	going, err := b.recheck(ctx, open, uses.Images)
	if err != nil {
		return err
	}
	if going, err = b.intendImages(ctx, going); err != nil {
		return err
	}
	return b.delete(ctx, going)
}

// recheck looks at the images as they are now. Their tags as of now are those that an undo gives back.
func (b *imageDeletion) recheck(ctx context.Context, open []policy.Verdict, uses []policy.Use) ([]policy.Verdict, error) {
	earlier, err := b.earlierReadings(ctx)
	if err != nil {
		return nil, err
	}
	present, err := b.describe(ctx, idsOf(open))
	if err != nil {
		return nil, translate(b.Place, err)
	}
	images := map[string]policy.ContainerImage{}
	for _, image := range present {
		images[image.Digest] = image
	}
	if open, err = b.reread(ctx, open, func(digest string) bool { return images[digest].Digest != "" }); err != nil {
		return nil, err
	}
	stillThere, err := b.stillThere(ctx, open)
	if err != nil {
		return nil, err
	}
	asked := make([]policy.Verdict, 0, len(open))
	for _, v := range open {
		if _, there := images[v.ID]; !there && b.begun(v) {
			b.deleted(v, "") // by an attempt whose answer was lost
			continue
		}
		asked = append(asked, v)
	}
	going, kept, err := policy.RecheckImages(policy.ImageRecheck{
		Repository: b.in.Repository, Rules: b.in.Rules, Planned: asked, Present: present, StillThere: stillThere, Uses: uses, Vetoed: b.Vetoed, Readings: earlier,
	})
	if err != nil {
		return nil, Refuse(ErrInvalid, "%v: nothing is deleted", err)
	}
	for _, v := range kept {
		b.keep(v)
		v.Tags = images[v.ID].Tags // a veto may mean a tag that it was given since
		b.names(policy.ItemsOfImages(b.Vetoed, b.in.Repository, []policy.Verdict{v}))
	}
	for i := range going {
		going[i].Tags = images[going[i].ID].Tags
	}
	return going, nil
}

// stillThere are the digests that had to be gone before these images, and are not. What this run has deleted is gone; only
// the others are asked for.
func (b *imageDeletion) stillThere(ctx context.Context, open []policy.Verdict) ([]string, error) {
	var before []string
	for _, v := range open {
		before = append(before, v.After...)
	}
	slices.Sort(before)
	before = slices.Compact(before)
	entries, err := b.entriesOf(ctx, before)
	if err != nil {
		return nil, err
	}
	before = slices.DeleteFunc(before, func(digest string) bool { return entries[digest].Outcome == ledger.Deleted })
	var there []string
	for part := range slices.Chunk(before, imagesPerCall) {
		found, err := b.describe(ctx, part)
		if err != nil {
			return nil, translate(b.Place, err)
		}
		for _, image := range found {
			there = append(there, image.Digest)
		}
	}
	return there, nil
}

// describe asks for all at once. One image that is gone fails the whole call, so the list is halved until it is found.
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html (ImageNotFoundException)
func (b *imageDeletion) describe(ctx context.Context, digests []string) ([]policy.ContainerImage, error) {
	if len(digests) == 0 {
		return nil, nil
	}
	out, err := b.ecr.DescribeImages(ctx, &ecr.DescribeImagesInput{
		RegistryId: &b.in.Repository.Account, RepositoryName: &b.in.Repository.Name, ImageIds: imageIDs(digests),
	})
	if codeOf(err) == "ImageNotFoundException" {
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
	kinds := map[string]string{}
	found := make([]policy.ContainerImage, 0, len(out.ImageDetails))
	for _, detail := range out.ImageDetails {
		found = append(found, imageOf(detail, kinds))
	}
	return found, nil
}

func imageIDs(digests []string) []types.ImageIdentifier {
	ids := make([]types.ImageIdentifier, len(digests))
	for i, digest := range digests {
		ids[i] = types.ImageIdentifier{ImageDigest: aws.String(digest)}
	}
	return ids
}
