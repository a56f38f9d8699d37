package activities

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"epoxy/internal/policy"
)

// listLimit bounds a list in S3: what is bigger is not a list that somebody looked at.
const listLimit = 10 << 20

// ReadListedUses reads what people say is in use, where AWS cannot know it.
func (a *UseSurveyor) ReadListedUses(ctx context.Context, in ReadListedUsesInput) (SurveyUsesOutput, error) {
	defer beating(ctx, "lists")()
	store, err := openShelf(ctx, a.S3, in.Store)
	if err != nil {
		return SurveyUsesOutput{}, err
	}
	found, err := a.readListed(ctx, in)
	if err != nil {
		return SurveyUsesOutput{}, err
	}
	return found.keep(ctx, store, "lists")
}

func (a *UseSurveyor) readListed(ctx context.Context, in ReadListedUsesInput) (*findings, error) {
	found := newFindings()
	for i, entry := range in.Listed {
		if err := found.listed(policy.UseListed, entry, entry); err != nil {
			return nil, Refuse(ErrInvalid, "entry %d of in_use in epoxy.yaml: %v", i+1, err)
		}
	}
	err := each(ctx, in.Objects, func(ctx context.Context, o ListedObject) error { return a.readObject(ctx, o, found) })
	if err != nil {
		return nil, err
	}
	return found, a.resolveListed(ctx, in.Objects, found)
}

// resolveListed finds the images of listed task definitions in the accounts that the objects are read from. Of another account
// no role is known: there the definition is held, and its images are for the list.
func (a *UseSurveyor) resolveListed(ctx context.Context, objects []ListedObject, found *findings) error {
	return each(ctx, slices.Sorted(maps.Keys(found.definitions)), func(ctx context.Context, arn string) error {
		parts := definitionARN.FindStringSubmatch(arn)
		at := slices.IndexFunc(objects, func(o ListedObject) bool { return o.Place.Account == parts[2] })
		if at < 0 {
			return nil
		}
		place := objects[at].Place.In(parts[1])
		client, err := a.ECS(ctx, place)
		if err == nil {
			err = a.resolveDefinition(ctx, client, found, arn)
		}
		return translate(place, err)
	})
}

// listed takes an entry at its word.
func (f *findings) listed(kind, by, entry string) error {
	if strings.HasPrefix(entry, "arn:") {
		if !definitionARN.MatchString(entry) {
			return fmt.Errorf("%q is not the ARN of a task definition: arn:aws:ecs:us-east-1:123456789012:task-definition/shop-web:7", entry)
		}
		f.definition(kind, by, entry)
		return nil
	}
	ref, ours, err := policy.ParseReference(entry)
	if err != nil {
		return err
	}
	if !ours || ref.Repository.Name == "" || strings.ContainsAny(entry, " \t") {
		return fmt.Errorf("%q is not an image in ECR: 123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/web:stable, or @sha256:… for the tag", entry)
	}
	f.add(kind, by, []policy.Reference{ref})
	return nil
}

func (a *UseSurveyor) readObject(ctx context.Context, o ListedObject, found *findings) error {
	text, err := a.fetch(ctx, o)
	if err != nil {
		return err
	}
	by := "s3://" + o.Bucket + "/" + o.Key
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		entry, _, _ := strings.Cut(lines.Text(), "#")
		if entry = strings.TrimSpace(strings.TrimPrefix(entry, "\ufeff")); entry == "" {
			continue
		}
		if err := found.listed(policy.UseListedObject, fmt.Sprintf("%s line %d", by, n), entry); err != nil {
			return Refuse(ErrInvalid, "%s line %d: %v", by, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return Refuse(ErrInvalid, "%s is no list of lines: %v", by, err)
	}
	return nil
}

func (a *UseSurveyor) fetch(ctx context.Context, o ListedObject) ([]byte, error) {
	client, err := a.S3(ctx, o.Place)
	if err != nil {
		return nil, translate(o.Place, err)
	}
	out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &o.Bucket, Key: &o.Key})
	switch code := codeOf(err); {
	case code == "NoSuchKey", code == "NoSuchBucket":
		return nil, Refuse(ErrNotFound, "s3://%s/%s, in in_use_objects of epoxy.yaml, does not exist (%s): write it, be it empty, or correct the name", o.Bucket, o.Key, code)
	case forbiddenCodes[code]:
		return nil, Refuse(ErrForbidden, "s3://%s/%s, in in_use_objects of epoxy.yaml, may not be read (%s): check that it exists, and grant s3:GetObject on it to %s",
			o.Bucket, o.Key, code, roleOf(o.Place))
	case err != nil:
		return nil, translate(o.Place, err)
	}
	defer out.Body.Close()
	text, err := io.ReadAll(io.LimitReader(out.Body, listLimit+1))
	if err != nil {
		return nil, translate(o.Place, fmt.Errorf("read s3://%s/%s: %w", o.Bucket, o.Key, err))
	}
	if len(text) > listLimit {
		return nil, Refuse(ErrInvalid, "s3://%s/%s is bigger than %d MB: list what is in use now, not all there ever was", o.Bucket, o.Key, listLimit>>20)
	}
	return text, nil
}
