package activities

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"go.temporal.io/sdk/activity"

	"epoxy/internal/artifact"
	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// ImagePutAPI is what putting an image back needs of ECR.
type ImagePutAPI interface {
	DescribeImages(context.Context, *ecr.DescribeImagesInput, ...func(*ecr.Options)) (*ecr.DescribeImagesOutput, error)
	PutImage(context.Context, *ecr.PutImageInput, ...func(*ecr.Options)) (*ecr.PutImageOutput, error)
}

// Restorer puts back what the ledger says was deleted.
type Restorer struct {
	ECR    Connect[ImagePutAPI]
	ECS    Connect[TaskDefinitionPutAPI]
	Chef   *Chef
	DNS    *DNS
	S3     Connect[artifact.API]
	Ledger OpenLedger
}

// putBacks are how each kind of thing is put back; they say how that went, in words.
func (a *Restorer) putBacks() map[string]func(context.Context, Place, ledger.Entry) (string, error) {
	return map[string]func(context.Context, Place, ledger.Entry) (string, error){
		ledger.ECRImage: a.putImage, ledger.ECSTaskDefinition: a.putDefinition,
		ledger.ChefNode: a.putNode, ledger.ChefClient: a.putClient, ledger.RecordSet: a.putRecordSet,
	}
}

// Restore undoes one entry of the ledger: an image comes back under its former tags, a task definition as a new revision,
// a Chef node, client or record set as it was. To repeat it changes nothing.
func (a *Restorer) Restore(ctx context.Context, in RestoreInput) (RestoreOutput, error) {
	defer beating(ctx, in.Entry)()
	book, err := a.Ledger(ctx, in.Ledger)
	if err != nil {
		return RestoreOutput{}, translate(in.Ledger.Place, err)
	}
	found, err := book.Entries(ctx, []string{in.Entry})
	if err != nil {
		return RestoreOutput{}, translate(in.Ledger.Place, err)
	}
	e, known := found[in.Entry]
	if known && e.Outcome == ledger.Undone && e.UndoneBy == in.By && activity.GetInfo(ctx).Attempt > 1 {
		return RestoreOutput{Resource: e.Resource, Note: e.Detail}, nil // by an attempt whose answer was lost
	}
	if err := checkEntry(in, e, known); err != nil {
		return RestoreOutput{}, err
	}
	if err := a.unshelve(ctx, in.Store, &e.PutBack); err != nil {
		return RestoreOutput{}, err
	}
	put, ok := a.putBacks()[e.Kind]
	if !ok {
		return RestoreOutput{}, Refuse(ErrInvalid, "entry %s is about an %s, which this version of Epoxy cannot put back: update the worker", e.ID, e.Kind)
	}
	out := RestoreOutput{Resource: e.Resource}
	if out.Note, err = put(ctx, in.Place, e); err != nil {
		return RestoreOutput{}, err
	}
	if err := book.MarkUndo(ctx, e.Resource, e.ID); err != nil {
		return RestoreOutput{}, translate(in.Ledger.Place, err)
	}
	return out, translate(in.Ledger.Place, book.Undone(ctx, e.ID, in.By, out.Note))
}

// checkEntry refuses what cannot be put back.
func checkEntry(in RestoreInput, e ledger.Entry, known bool) error {
	switch {
	case !known:
		return Refuse(ErrNotFound, "the ledger %s has no entry %s: find it with `epoxy why` and a digest, tag or ARN", in.Ledger.Table, in.Entry)
	case e.Outcome == ledger.Undone:
		return Refuse(ErrInvalid, "%s was put back already, by %s (%s): nothing is to be done", e.Resource, e.UndoneBy, e.Detail)
	case e.Outcome == "":
		return Refuse(ErrInvalid, "whether %s was deleted is not known yet: wait until run %s of %s has ended, or start that job again", e.Resource, e.RunID, e.WorkflowID)
	case e.Outcome != ledger.Deleted:
		return Refuse(ErrInvalid, "%s was not deleted by this entry (%s: %s): there is nothing to put back", e.Resource, e.Outcome, e.Detail)
	case e.Account != in.Place.Account || e.Region != in.Place.Region:
		return Refuse(ErrInvalid, "%s is not in %s: check aws.accounts in epoxy.yaml", e.Resource, in.Place)
	}
	return nil
}

// unshelve fetches what was too big for the entry.
func (a *Restorer) unshelve(ctx context.Context, in Store, p *ledger.PutBack) error {
	if p.Key == "" {
		return nil
	}
	shelf, err := openShelf(ctx, a.S3, in)
	if err != nil {
		return err
	}
	return shelf.get(ctx, artifact.Ref{Key: p.Key, SHA256: p.SHA256, Bytes: p.Size}, p)
}

// putImage pushes the manifest once for each former tag that no other image has by now: to push it takes the tag away from
// whoever has it.
func (a *Restorer) putImage(ctx context.Context, place Place, e ledger.Entry) (string, error) {
	client, err := a.ECR(ctx, place)
	if err != nil {
		return "", translate(place, err)
	}
	holders, err := tagHolders(ctx, client, e, e.Tags)
	if err != nil {
		return "", translate(place, err)
	}
	var free, taken []string
	for _, tag := range slices.Sorted(slices.Values(e.Tags)) {
		if holder := holders[tag]; holder != "" && holder != e.Digest {
			taken = append(taken, fmt.Sprintf("%s stays with %s", tag, policy.ShortID(policy.Verdict{ID: holder})))
		} else {
			free = append(free, tag)
		}
	}
	note := "under the tags " + strings.Join(free, ", ")
	switch len(free) {
	case 0:
		note, free = "without a tag", []string{""}
	case 1:
		note = "under the tag " + free[0]
	}
	for _, tag := range free {
		if err := putManifest(ctx, client, e, tag); err != nil {
			return "", a.refuseImage(place, e, tag, err)
		}
	}
	if len(taken) > 0 {
		note += "; " + strings.Join(taken, ", ")
	}
	return note, nil
}

// tagHolders says which image has which tag now. One tag that nobody has fails the whole call, so the list is halved.
func tagHolders(ctx context.Context, client ImagePutAPI, e ledger.Entry, tags []string) (map[string]string, error) {
	holders := map[string]string{}
	for part := range slices.Chunk(tags, imagesPerCall) {
		ids := make([]types.ImageIdentifier, len(part))
		for i, tag := range part {
			ids[i] = types.ImageIdentifier{ImageTag: aws.String(tag)}
		}
		out, err := client.DescribeImages(ctx, &ecr.DescribeImagesInput{RegistryId: &e.Account, RepositoryName: &e.Repository, ImageIds: ids})
		switch {
		case codeOf(err) == "ImageNotFoundException" && len(part) == 1:
			continue
		case codeOf(err) == "ImageNotFoundException":
			for half := range slices.Chunk(part, (len(part)+1)/2) {
				found, err := tagHolders(ctx, client, e, half)
				if err != nil {
					return nil, err
				}
				maps.Copy(holders, found)
			}
			continue
		case err != nil:
			return nil, err
		}
		for _, image := range out.ImageDetails {
			for _, tag := range image.ImageTags {
				holders[tag] = aws.ToString(image.ImageDigest)
			}
		}
	}
	return holders, nil
}

// putManifest is content with an image that is there already, with this tag.
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html
func putManifest(ctx context.Context, client ImagePutAPI, e ledger.Entry, tag string) error {
	in := &ecr.PutImageInput{RegistryId: &e.Account, RepositoryName: &e.Repository, ImageManifest: &e.PutBack.Manifest, ImageDigest: &e.Digest}
	if e.PutBack.MediaType != "" {
		in.ImageManifestMediaType = &e.PutBack.MediaType
	}
	if tag != "" {
		in.ImageTag = &tag
	}
	_, err := client.PutImage(ctx, in)
	if codeOf(err) == "ImageAlreadyExistsException" {
		return nil
	}
	return err
}

func (a *Restorer) refuseImage(place Place, e ledger.Entry, tag string, err error) error {
	switch codeOf(err) {
	case "LayersNotFoundException":
		return Refuse(ErrInvalid, "%s cannot be put back: ECR has deleted its layers by now; build it again from its source (tags %s)", e.Resource, strings.Join(e.Tags, ", "))
	case "ReferencedImagesNotFoundException":
		return Refuse(ErrInvalid, "%s lists images that are gone, too: put those back first, with `epoxy why` and `epoxy undo` for each (%s)", e.Resource, messageOf(err))
	case "ImageTagAlreadyExistsException":
		return Refuse(ErrInvalid, "the tag %s of %s was given to another image in this moment, and tags are immutable there: undo again", tag, e.Resource)
	}
	return translate(place, err)
}
