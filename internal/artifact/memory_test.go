package artifact

import (
	"crypto/sha256"
	"fmt"
	"io"
	"runtime"
	"testing"

	"epoxy/internal/policy"
)

// lived is how much more memory is in use than at first, rubbish not counted.
func lived(first uint64) int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) - int64(first)
}

// A repository of 100,000 images: 36 MB of JSON. The worker that plans it has 256 MB for everything.
func TestHundredThousandImages(t *testing.T) {
	const allowed = 60 << 20
	images := make([]policy.ContainerImage, 100_000)
	for i := range images {
		images[i] = policy.ContainerImage{
			Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(fmt.Append(nil, i))), Tags: []string{fmt.Sprintf("git-%040x", i)},
			MediaType: "application/vnd.oci.image.manifest.v1+json", ArtifactType: "application/vnd.docker.container.image.v1+json",
			Bytes: int64(i), Pushed: made, Pulled: made,
		}
	}
	s, s3 := newStore()
	first := uint64(lived(0))
	var writing, reading int64
	s3.Before = func(operation, _ string) {
		if operation == "PutObject" {
			writing = lived(first)
		}
	}
	ref, err := s.Put(t.Context(), "inventories", images)
	if err != nil || ref.Bytes < 25<<20 || writing > allowed {
		t.Errorf("writing %d bytes took %d: %v", ref.Bytes, writing, err)
	}
	runtime.KeepAlive(images)

	images = nil
	runtime.KeepAlive(images)
	first = uint64(lived(0))
	var back []policy.ContainerImage
	s3.Body = func(b io.ReadCloser) io.ReadCloser { return measured{b, first, &reading} }
	if err := s.Get(t.Context(), ref, &back); err != nil || len(back) != 100_000 || reading > allowed {
		t.Errorf("reading %d bytes took %d: %v", ref.Bytes, reading, err)
	}
	t.Logf("of %d bytes of JSON, %d zipped: %d to write, %d to read", ref.Bytes, len(s3.Objects[ref.Key]), writing, reading)
	runtime.KeepAlive(back)
}

type measured struct {
	io.ReadCloser
	first uint64
	most  *int64
}

// Read measures at the end, when all has been read.
func (m measured) Read(p []byte) (int, error) {
	n, err := m.ReadCloser.Read(p)
	if err != nil {
		*m.most = max(*m.most, lived(m.first))
	}
	return n, err
}
