package activities

import (
	"context"
	"slices"
	"sync"

	"epoxy/internal/artifact"
	"epoxy/internal/policy"
)

// partCache keeps what goes of the plan parts that batches are being taken from: a part of a large repository is megabytes,
// and every batch of a hundred needs it. What a hash names never changes.
type partCache struct {
	mu    sync.Mutex
	bytes int64
	held  []cachedPart // the last used last
}

type cachedPart struct {
	ref   artifact.Ref
	going []policy.Verdict
	in    Store
}

// partCacheBytes bounds the cache by the parts' JSON, which is about what they take in memory.
const partCacheBytes = 48 << 20

var parts partCache

// get returns the verdicts that go; they are not to be changed. One caller reads at a time: side by side they would not fit.
func (c *partCache) get(ctx context.Context, s shelf, ref artifact.Ref) ([]policy.Verdict, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	in := Store{Place: s.place, Bucket: s.Bucket, Prefix: s.Prefix}
	if i := slices.IndexFunc(c.held, func(p cachedPart) bool { return p.ref == ref && p.in == in }); i >= 0 {
		hit := c.held[i]
		c.held = append(slices.Delete(c.held, i, i+1), hit)
		return hit.going, nil
	}
	var content policy.PartContent
	if err := s.get(ctx, ref, &content); err != nil {
		return nil, err
	}
	stays := slices.IndexFunc(content.Verdicts, func(v policy.Verdict) bool { return v.Code != policy.VerdictDelete })
	if stays < 0 {
		stays = len(content.Verdicts)
	}
	going := slices.Clone(content.Verdicts[:stays]) // so that the others are freed
	c.held = append(c.held, cachedPart{ref, going, in})
	c.bytes += ref.Bytes
	for c.bytes > partCacheBytes && len(c.held) > 1 {
		c.bytes -= c.held[0].ref.Bytes
		c.held = slices.Delete(c.held, 0, 1)
	}
	return going, nil
}
