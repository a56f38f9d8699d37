package activities

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"epoxy/internal/policy"
)

// findings gathers what a survey finds. Of many who hold the same image in the same way one is named, always the same.
type findings struct {
	mu          sync.Mutex
	images      map[heldImage]string           // → who holds it
	definitions map[string]map[string]string   // as the holder names it → kind → who holds it
	resolved    map[string]string              // as a holder names it → ARN
	holders     map[string]map[string]struct{} // by kind
}

type heldImage struct {
	policy.Reference
	kind string
}

func newFindings() *findings {
	return &findings{
		images: map[heldImage]string{}, definitions: map[string]map[string]string{}, resolved: map[string]string{},
		holders: map[string]map[string]struct{}{},
	}
}

// image notes that somebody holds an image; those of other registries are ignored.
func (f *findings) image(kind, by, image, digest string) error {
	refs, err := parseImage(image, digest)
	if err != nil {
		return Refuse(ErrInvalid, "%s (%s) names an image that cannot be read: %v; correct it there, for nobody can tell what it holds", by, kind, err)
	}
	f.add(kind, by, refs)
	return nil
}

func (f *findings) add(kind, by string, refs []policy.Reference) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, ref := range refs {
		held := heldImage{ref, kind}
		if who, known := f.images[held]; !known || by < who {
			f.images[held] = by
		}
		f.count(kind, by)
	}
}

// definition notes that somebody holds a task definition, by its ARN, family:revision or family; resolve finds its images.
func (f *findings) definition(kind, by, name string) {
	if name == "" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.definitions[name] == nil {
		f.definitions[name] = map[string]string{}
	}
	if who, known := f.definitions[name][kind]; !known || by < who {
		f.definitions[name][kind] = by
	}
	f.count(kind, by)
}

func (f *findings) count(kind, by string) {
	if f.holders[kind] == nil {
		f.holders[kind] = map[string]struct{}{}
	}
	f.holders[kind][by] = struct{}{}
}

// uses are sorted, so that the same findings are the same artifact.
func (f *findings) uses() policy.Uses {
	var u policy.Uses
	for held, by := range f.images {
		u.Images = append(u.Images, policy.Use{Reference: held.Reference, Kind: held.kind, By: by})
	}
	for name, kinds := range f.definitions {
		for kind, by := range kinds {
			u.TaskDefinitions = append(u.TaskDefinitions, policy.TaskDefinitionUse{ARN: cmp.Or(f.resolved[name], name), Kind: kind, By: by})
		}
	}
	slices.SortFunc(u.Images, compareUses)
	slices.SortFunc(u.TaskDefinitions, func(a, b policy.TaskDefinitionUse) int {
		return cmp.Or(cmp.Compare(a.ARN, b.ARN), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.By, b.By))
	})
	return u
}

func compareUses(a, b policy.Use) int {
	return cmp.Or(cmp.Compare(a.Repository.Account, b.Repository.Account), cmp.Compare(a.Repository.Region, b.Repository.Region),
		cmp.Compare(a.Repository.Name, b.Repository.Name), cmp.Compare(a.Tag, b.Tag), cmp.Compare(a.Digest, b.Digest),
		cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.By, b.By))
}

// counts are how many hold something, by kind.
func (f *findings) counts(place string) []policy.UseCount {
	all := make([]policy.UseCount, 0, len(f.holders))
	for kind, holders := range f.holders {
		all = append(all, policy.UseCount{Place: place, Kind: kind, Count: len(holders)})
	}
	slices.SortFunc(all, func(a, b policy.UseCount) int { return cmp.Compare(a.Kind, b.Kind) })
	return all
}

func (f *findings) keep(ctx context.Context, store shelf, place string) (SurveyUsesOutput, error) {
	out := SurveyUsesOutput{Counts: f.counts(place)}
	var err error
	out.Uses, err = store.put(ctx, kindUses, f.uses())
	return out, err
}

// parseImage reads an image with the digest that AWS resolved it to. Where both name a digest and differ, as an index and the
// image for one platform do, both are held.
func parseImage(image, digest string) ([]policy.Reference, error) {
	ref, ours, err := policy.ParseReference(image)
	if err != nil || !ours {
		return nil, err
	}
	if digest == "" || digest == ref.Digest {
		return []policy.Reference{ref}, nil
	}
	if !policy.IsDigest(digest) {
		return nil, fmt.Errorf("%q has the malformed digest %q", image, digest)
	}
	if ref.Digest == "" {
		ref.Digest = digest
		return []policy.Reference{ref}, nil
	}
	return []policy.Reference{ref, {Repository: ref.Repository, Digest: digest}}, nil
}
