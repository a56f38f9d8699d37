package activities

import (
	"context"
	"sync"

	"epoxy/internal/artifact"
	"epoxy/internal/policy"
)

// partCache keeps the plan parts that batches are being taken from: a part of a large repository is megabytes, and every
// batch of a hundred needs it. What a hash names never changes.
type partCache struct {
	mu    sync.Mutex
	bytes int64
	held  []cachedPart // the last used last
}

type cachedPart struct {
	ref     artifact.Ref
	content policy.PartContent
}

// partCacheBytes bounds the cache by the parts' JSON, which is about what they take in memory.
const partCacheBytes = 48 << 20

var parts partCache

func (c *partCache) get(ctx context.Context, s shelf, ref artifact.Ref) (policy.PartContent, error) {
	c.mu.Lock()
	defer c.mu.Unlock() // one reads at a time: side by side they would not fit
	for i, p := range c.held {
		if p.ref == ref {
			c.held = append(append(c.held[:i:i], c.held[i+1:]...), p)
			return p.content, nil
		}
	}
	var content policy.PartContent
	if err := s.get(ctx, ref, &content); err != nil {
		return content, err
	}
	// Only what goes is asked for.
	n := 0
	for n < len(content.Verdicts) && content.Verdicts[n].Code == policy.VerdictDelete {
		n++
	}
	content.Verdicts = append([]policy.Verdict(nil), content.Verdicts[:n]...)
	c.held = append(c.held, cachedPart{ref, content})
	c.bytes += ref.Bytes
	for c.bytes > partCacheBytes && len(c.held) > 1 {
		c.bytes -= c.held[0].ref.Bytes
		c.held = c.held[1:]
	}
	return content, nil
}
