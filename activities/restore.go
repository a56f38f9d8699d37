package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"epoxy/internal/artifact"
	"epoxy/internal/ledger"
)

// ImagePutAPI is what putting an image back needs of ECR.
type ImagePutAPI interface {
	PutImage(context.Context, *ecr.PutImageInput, ...func(*ecr.Options)) (*ecr.PutImageOutput, error)
}

// TaskDefinitionPutAPI is what putting a task definition back needs of ECS.
type TaskDefinitionPutAPI interface {
	RegisterTaskDefinition(context.Context, *ecs.RegisterTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.RegisterTaskDefinitionOutput, error)
}

// Restorer puts back what the ledger says was deleted.
type Restorer struct {
	ECR    Connect[ImagePutAPI]
	ECS    Connect[TaskDefinitionPutAPI]
	S3     Connect[artifact.API]
	Ledger Connect[ledger.API]
}

// Restore undoes one entry. Putting an image back twice changes nothing; a task definition whose registration was never
// answered may come back twice, as two revisions.
func (a *Restorer) Restore(ctx context.Context, in RestoreInput) (RestoreOutput, error) {
	b, err := openBook(ctx, a.Ledger, in.Ledger)
	if err != nil {
		return RestoreOutput{}, err
	}
	found, err := b.Entries(ctx, []string{in.Entry})
	if err != nil {
		return RestoreOutput{}, translate(in.Ledger.Place, err)
	}
	e, ok := found[in.Entry]
	switch {
	case !ok:
		return RestoreOutput{}, Refuse(ErrNotFound, "the ledger has no entry %s", in.Entry)
	case e.Outcome == ledger.Undone:
		return RestoreOutput{}, Refuse(ErrInvalid, "%s was put back already, by %s: %s", e.Resource, e.UndoneBy, e.Detail)
	case e.Outcome != ledger.Deleted:
		return RestoreOutput{}, Refuse(ErrInvalid, "%s was not deleted by this entry (%s), so there is nothing to put back", e.Resource, orNone(e.Outcome))
	case e.Account != in.Place.Account || e.Region != in.Place.Region:
		return RestoreOutput{}, Refuse(ErrInvalid, "%s is not in %s", e.Resource, in.Place)
	}
	if e.PutBack.Key != "" {
		s, err := openShelf(ctx, a.S3, in.Store)
		if err != nil {
			return RestoreOutput{}, err
		}
		if err := s.get(ctx, artifact.Ref{Key: e.PutBack.Key, SHA256: e.PutBack.SHA256, Bytes: e.PutBack.Size}, &e.PutBack); err != nil {
			return RestoreOutput{}, err
		}
	}
	out := RestoreOutput{Resource: e.Resource}
	if e.Kind == ledger.ECSTaskDefinition {
		out.Note, err = a.putDefinition(ctx, in.Place, e)
	} else {
		out.Note, err = a.putImage(ctx, in.Place, e)
	}
	if err != nil {
		return RestoreOutput{}, err
	}
	return out, translate(in.Ledger.Place, b.Undone(ctx, e.ID, in.By, out.Note))
}

func orNone(outcome string) string {
	if outcome == "" {
		return "its end is not recorded"
	}
	return outcome
}

// putImage pushes the manifest once for each former tag.
func (a *Restorer) putImage(ctx context.Context, p Place, e ledger.Entry) (string, error) {
	client, err := a.ECR(ctx, p)
	if err != nil {
		return "", translate(p, err)
	}
	tags := e.Tags
	if len(tags) == 0 {
		tags = []string{""}
	}
	for _, tag := range tags {
		put := &ecr.PutImageInput{RegistryId: &e.Account, RepositoryName: &e.Repository, ImageManifest: &e.PutBack.Manifest, ImageDigest: &e.Digest}
		if e.PutBack.MediaType != "" {
			put.ImageManifestMediaType = &e.PutBack.MediaType
		}
		if tag != "" {
			put.ImageTag = aws.String(tag)
		}
		_, err := client.PutImage(ctx, put)
		switch code := codeOf(err); {
		case err == nil, code == "ImageAlreadyExistsException": // there already, under this tag
		case code == "LayersNotFoundException":
			return "", Refuse(ErrInvalid, "%s cannot be put back: ECR has deleted its layers; build it again from its source", e.Resource)
		case code == "ReferencedImagesNotFoundException":
			return "", Refuse(ErrInvalid, "%s lists images that are gone: undo those first (%s)", e.Resource, messageOf(err))
		case code == "ImageTagAlreadyExistsException":
			return "", Refuse(ErrInvalid, "the tag %s of %s belongs to another image now, and tags are immutable there", tag, e.Resource)
		default:
			return "", translate(p, err)
		}
	}
	if len(e.Tags) == 0 {
		return "without a tag, as it was", nil
	}
	return "under " + strings.Join(e.Tags, ", "), nil
}

// putDefinition registers a new revision: AWS never uses a number twice.
func (a *Restorer) putDefinition(ctx context.Context, p Place, e ledger.Entry) (string, error) {
	client, err := a.ECS(ctx, p)
	if err != nil {
		return "", translate(p, err)
	}
	var put ecs.RegisterTaskDefinitionInput
	if err := json.Unmarshal([]byte(e.PutBack.Definition), &put); err != nil {
		return "", Refuse(ErrInvalid, "the ledger's copy of %s cannot be read: %v", e.Resource, err)
	}
	out, err := client.RegisterTaskDefinition(ctx, &put)
	if err != nil {
		return "", translate(p, err)
	}
	return fmt.Sprintf("as %s:%d: AWS never uses a revision number twice", aws.ToString(out.TaskDefinition.Family), out.TaskDefinition.Revision), nil
}
