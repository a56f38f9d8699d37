package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// intendImages reads what puts the images back, and writes the intents. Of what was intended before, the ledger has it.
func (b *imageDeletion) intendImages(ctx context.Context, going []policy.Verdict) ([]policy.Verdict, error) {
	var fresh, ready []policy.Verdict
	for _, v := range going {
		if b.begun(v) {
			ready = append(ready, v)
		} else {
			fresh = append(fresh, v)
		}
	}
	manifests, err := b.readManifests(ctx, fresh)
	if err != nil {
		return nil, err
	}
	for _, v := range fresh {
		if _, read := manifests[v.ID]; read {
			ready = append(ready, v)
		}
	}
	return b.intend(ctx, ready, func(v policy.Verdict, e *ledger.Entry) {
		e.Kind, e.Repository, e.Digest = ledger.ECRImage, b.in.Repository.Name, v.ID
		e.PutBack = ledger.PutBack{Manifest: aws.ToString(manifests[v.ID].ImageManifest), MediaType: aws.ToString(manifests[v.ID].ImageManifestMediaType)}
	})
}

// readings are when attempts at a batch read its manifests.
type readings struct {
	Times []time.Time `json:"times"`
}

func (b *imageDeletion) readingsName() string {
	return path.Join("readings", b.RunID, b.Part.SHA256, strconv.Itoa(b.From))
}

// earlierReadings are those of attempts before this one: ECR may have recorded them as pulls.
func (b *imageDeletion) earlierReadings(ctx context.Context) ([]time.Time, error) {
	var known readings
	_, err := b.shelf.Recall(ctx, b.readingsName(), &known)
	return known.Times, b.shelf.translate(err)
}

// announceReading is remembered before manifests are read: a crash between the reading and the ledger's intents must not
// make our own reading look like somebody's pull.
func (b *imageDeletion) announceReading(ctx context.Context) error {
	now := toSecond(time.Now())
	return update(ctx, b.shelf, b.readingsName(), func(known *readings) bool {
		known.Times = append(known.Times, now)
		return true
	})
}

// readManifests keeps what it cannot read: it could not be put back.
func (b *imageDeletion) readManifests(ctx context.Context, fresh []policy.Verdict) (map[string]types.Image, error) {
	if len(fresh) == 0 {
		return nil, nil
	}
	if err := b.announceReading(ctx); err != nil {
		return nil, err
	}
	out, err := b.ecr.BatchGetImage(ctx, &ecr.BatchGetImageInput{
		RegistryId: &b.in.Repository.Account, RepositoryName: &b.in.Repository.Name, ImageIds: imageIDs(idsOf(fresh)), AcceptedMediaTypes: acceptedMedia,
	})
	if err != nil {
		return nil, translate(b.Place, err)
	}
	read := map[string]types.Image{}
	for _, image := range out.Images {
		if image.ImageId != nil {
			read[aws.ToString(image.ImageId.ImageDigest)] = image
		}
	}
	failures := failuresOf(out.Failures)
	for _, v := range fresh {
		f, failed := failures[v.ID]
		image, there := read[v.ID]
		switch {
		case there && isManifestOf(v.ID, image):
		case there:
			delete(read, v.ID)
			b.fail(v, "ECR gives it a manifest that is not its own, so it could not be put back")
		case f.FailureCode == types.ImageFailureCodeImageNotFound:
			b.gone(v)
		case failed:
			b.fail(v, "its manifest cannot be read, so it could not be put back: "+failureInWords(f))
		default:
			b.fail(v, "its manifest cannot be read, so it could not be put back: ECR did not answer for it")
		}
	}
	return read, nil
}

// mediaSigned is Docker's first format, whose digest leaves the manifest's signatures out.
// https://distribution.github.io/distribution/spec/deprecated-schema-v1/
const mediaSigned = "application/vnd.docker.distribution.manifest.v1+prettyjws"

func isManifestOf(digest string, image types.Image) bool {
	sum := sha256.Sum256([]byte(aws.ToString(image.ImageManifest)))
	return "sha256:"+hex.EncodeToString(sum[:]) == digest || aws.ToString(image.ImageManifestMediaType) == mediaSigned
}

func failuresOf(failures []types.ImageFailure) map[string]types.ImageFailure {
	byDigest := map[string]types.ImageFailure{}
	for _, f := range failures {
		if f.ImageId != nil {
			byDigest[aws.ToString(f.ImageId.ImageDigest)] = f
		}
	}
	return byDigest
}

func failureInWords(f types.ImageFailure) string {
	return fmt.Sprintf("%s (%s)", aws.ToString(f.FailureReason), f.FailureCode)
}

// delete deletes by digest, which takes all tags along, and reads what ECR refused: the call succeeds all the same. An image
// that is not there any more was there a moment ago, and its intent is ours: the answer to a call before was lost.
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html
func (b *imageDeletion) delete(ctx context.Context, going []policy.Verdict) error {
	if len(going) == 0 {
		return nil
	}
	out, err := b.ecr.BatchDeleteImage(ctx, &ecr.BatchDeleteImageInput{
		RegistryId: &b.in.Repository.Account, RepositoryName: &b.in.Repository.Name, ImageIds: imageIDs(idsOf(going)),
	})
	if err != nil {
		return translate(b.Place, err)
	}
	done := map[string]bool{}
	for _, id := range out.ImageIds {
		done[aws.ToString(id.ImageDigest)] = true
	}
	failures := failuresOf(out.Failures)
	unanswered := 0
	for _, v := range going {
		f, failed := failures[v.ID]
		switch {
		case f.FailureCode == types.ImageFailureCodeImageNotFound, done[v.ID] && !failed:
			b.deleted(v, "")
		case f.FailureCode == types.ImageFailureCodeImageReferencedByManifestList:
			v.Code, v.Reason = policy.KeptGraph, "an index lists it: "+failureInWords(f)
			b.keep(v)
		case failed:
			b.fail(v, failureInWords(f))
		default:
			unanswered++
		}
	}
	if unanswered > 0 {
		return fmt.Errorf("ECR did not say what became of %d images of %s: looking again", unanswered, b.in.Repository)
	}
	return nil
}
