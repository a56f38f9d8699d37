package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// readManifests reads what an undo puts back.
func (b *imageDeletion) readManifests(ctx context.Context) error {
	if len(b.going) == 0 {
		return nil
	}
	digests := make([]string, len(b.going))
	for i, v := range b.going {
		digests[i] = v.ID
	}
	out, err := b.ecr.BatchGetImage(ctx, &ecr.BatchGetImageInput{
		RegistryId: &b.in.Repository.Account, RepositoryName: &b.in.Repository.Name, ImageIds: imageIDs(digests), AcceptedMediaTypes: acceptedMedia,
	})
	if err != nil {
		return translate(b.in.Place, err)
	}
	for _, image := range out.Images {
		if image.ImageId != nil {
			b.images[aws.ToString(image.ImageId.ImageDigest)] = image
		}
	}
	failures := failuresOf(out.Failures)
	b.going = slices.DeleteFunc(b.going, func(v policy.Verdict) bool {
		if _, read := b.images[v.ID]; read {
			return false
		}
		reason := failures[v.ID]
		if strings.HasPrefix(reason, string(types.ImageFailureCodeImageNotFound)) {
			v.Code, v.Reason = policy.KeptGone, "somebody else deleted it"
			b.out.Kept = append(b.out.Kept, v)
		} else {
			b.out.Failed = append(b.out.Failed, failedVerdict(v, "its manifest cannot be read, so it could not be put back: "+reason))
		}
		return true
	})
	return nil
}

func failuresOf(failures []types.ImageFailure) map[string]string {
	out := map[string]string{}
	for _, f := range failures {
		if f.ImageId != nil {
			out[aws.ToString(f.ImageId.ImageDigest)] = fmt.Sprintf("%s: %s", f.FailureCode, aws.ToString(f.FailureReason))
		}
	}
	return out
}

// intend writes the ledger before anything is deleted.
func (b *imageDeletion) intend(ctx context.Context) error {
	entries := make([]ledger.Entry, 0, len(b.going))
	for _, v := range b.going {
		image := b.images[v.ID]
		e := b.in.entry(ledger.ECRImage, b.resource(v.ID), v)
		e.Repository, e.Digest = b.in.Repository.Name, v.ID
		var err error
		e.PutBack, err = putBack(ctx, b.shelf, ledger.PutBack{Manifest: aws.ToString(image.ImageManifest), MediaType: aws.ToString(image.ImageManifestMediaType)})
		if err != nil {
			return err
		}
		entries = append(entries, e)
	}
	stored, err := b.book.Intend(ctx, entries)
	for _, e := range stored {
		b.entries[e.Digest] = e
	}
	return translate(b.in.Ledger.Place, err)
}

// delete deletes by digest, which takes all tags along, and reads what ECR refused. An image that is not there any more was
// deleted by a call whose answer was lost: it was there a moment ago, and the intent is ours.
func (b *imageDeletion) delete(ctx context.Context) error {
	if len(b.going) == 0 {
		return nil
	}
	digests := make([]string, len(b.going))
	for i, v := range b.going {
		digests[i] = v.ID
	}
	out, err := b.ecr.BatchDeleteImage(ctx, &ecr.BatchDeleteImageInput{
		RegistryId: &b.in.Repository.Account, RepositoryName: &b.in.Repository.Name, ImageIds: imageIDs(digests),
	})
	if err != nil {
		return translate(b.in.Place, err)
	}
	failures := failuresOf(out.Failures)
	for _, v := range b.going {
		reason, refused := failures[v.ID]
		if refused && !strings.HasPrefix(reason, string(types.ImageFailureCodeImageNotFound)) {
			b.end(v, b.entries[v.ID], ledger.Failed, reason)
			continue
		}
		b.end(v, b.entries[v.ID], ledger.Deleted, "")
	}
	return nil
}
