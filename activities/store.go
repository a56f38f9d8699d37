package activities

import (
	"context"
	"errors"

	"epoxy/internal/artifact"
)

// ErrTampered says that an artifact is not what a run wrote: nothing is done with it. The name is permanent.
const ErrTampered = "Tampered"

// Kinds of artifacts: folders of the bucket, so that a lifecycle rule and a person find them.
const (
	kindInventory       = "inventories"
	kindUses            = "uses"
	kindCommits         = "commits"
	kindPart            = "parts"
	kindPlan            = "plans"
	kindTaskDefinitions = "task-definitions"
)

// shelf is the store of artifacts; its errors say to Temporal what can be done about them.
type shelf struct {
	artifact.Store
	place Place
}

func openShelf(ctx context.Context, connect Connect[artifact.API], in Store) (shelf, error) {
	api, err := connect(ctx, in.Place)
	if err != nil {
		return shelf{}, translate(in.Place, err)
	}
	return shelf{artifact.Store{API: api, Bucket: in.Bucket, Prefix: in.Prefix}, in.Place}, nil
}

func (s shelf) put(ctx context.Context, kind string, v any) (Artifact, error) {
	ref, err := s.Put(ctx, kind, v)
	return ref, s.translate(err)
}

func (s shelf) get(ctx context.Context, ref Artifact, into any) error {
	return s.translate(s.Get(ctx, ref, into))
}

// getIf reads an artifact that a run may do without.
func (s shelf) getIf(ctx context.Context, ref *Artifact, into any) error {
	if ref == nil {
		return nil
	}
	return s.get(ctx, *ref, into)
}

// merges bounds how often a write of a named object gives way to others; the activity's next attempt begins anew.
const merges = 5

// update changes a named object: whoever wrote it meanwhile is read again and merged. change sees what is remembered, and
// tells whether there is anything to write.
func update[T any](ctx context.Context, s shelf, name string, change func(*T) bool) error {
	var err error
	for range merges {
		var now T
		var etag string
		if etag, err = s.Recall(ctx, name, &now); err != nil {
			break
		}
		if !change(&now) {
			return nil
		}
		if _, err = s.Remember(ctx, name, now, etag); !errors.Is(err, artifact.ErrChanged) {
			break
		}
	}
	return s.translate(err)
}

func (s shelf) translate(err error) error {
	if gone, ok := errors.AsType[*artifact.NotFoundError](err); ok {
		return Refuse(ErrNotFound, "%s", gone.Error())
	}
	if forged, ok := errors.AsType[*artifact.TamperedError](err); ok {
		return Refuse(ErrTampered, "%s", forged.Error())
	}
	// Without s3:ListBucket, S3 says of what does not exist that it is forbidden.
	// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
	switch codeOf(err) {
	case "AccessDenied":
		return Refuse(ErrForbidden, "%v; grant s3:GetObject, s3:PutObject and s3:ListBucket on %s to %s", err, s.Bucket, roleOf(s.place))
	case "NoSuchBucket":
		return Refuse(ErrNotFound, "the bucket %s does not exist in %s: check artifacts in epoxy.yaml, or create it with `epoxy setup`", s.Bucket, s.place)
	}
	return translate(s.place, err)
}
