package activities

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"epoxy/internal/policy"
)

// TakeInventory lists a repository's images, and what its indexes list. ECR may record a pull when a manifest is read, so an
// index is read once and remembered (its content is its digest); that it is about to be read is remembered before, so
// that a reading whose answer was lost is known as ours, too.
func (a *Repositories) TakeInventory(ctx context.Context, in TakeInventoryInput) (TakeInventoryOutput, error) {
	defer beating(ctx, in.Repository.Name)()
	store, err := openShelf(ctx, a.S3, in.Store)
	if err != nil {
		return TakeInventoryOutput{}, err
	}
	client, err := a.ECR(ctx, in.Place)
	if err != nil {
		return TakeInventoryOutput{}, translate(in.Place, err)
	}
	images, err := listImages(ctx, client, in.Repository)
	if err != nil {
		return TakeInventoryOutput{}, translate(in.Place, err)
	}
	if images, err = readIndexes(ctx, client, store, in, images); err != nil {
		return TakeInventoryOutput{}, err
	}
	err = update(ctx, store, seenName(in.Repository), func(s *seenRepository) bool {
		s.learn(images, toSecond(time.Now()))
		return true
	})
	if err != nil {
		return TakeInventoryOutput{}, err
	}
	out := TakeInventoryOutput{Images: len(images)}
	for _, image := range images {
		out.Bytes += image.Bytes
	}
	out.Inventory, err = store.put(ctx, kindInventory, images)
	return out, err
}

// listImages is sorted by digest. Images in ECR's archive are not listed: nobody can pull them, and somebody chose to keep
// them. https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImagesFilter.html
func listImages(ctx context.Context, client RepositoriesAPI, r policy.Repository) ([]policy.ContainerImage, error) {
	pages := ecr.NewDescribeImagesPaginator(client, &ecr.DescribeImagesInput{
		RegistryId: &r.Account, RepositoryName: &r.Name, MaxResults: aws.Int32(1000),
	})
	var images []policy.ContainerImage
	kinds := map[string]string{} // of a handful of media types, each is kept in memory once
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, d := range page.ImageDetails {
			images = append(images, imageOf(d, kinds))
		}
		activity.RecordHeartbeat(ctx, len(images))
	}
	slices.SortFunc(images, func(a, b policy.ContainerImage) int { return cmp.Compare(a.Digest, b.Digest) })
	return slices.CompactFunc(images, func(a, b policy.ContainerImage) bool { return a.Digest == b.Digest }), nil
}

func imageOf(d types.ImageDetail, kinds map[string]string) policy.ContainerImage {
	once := func(s *string) string {
		text := aws.ToString(s)
		if _, known := kinds[text]; !known {
			kinds[text] = text
		}
		return kinds[text]
	}
	slices.Sort(d.ImageTags)
	image := policy.ContainerImage{
		Digest: aws.ToString(d.ImageDigest), Tags: d.ImageTags, MediaType: once(d.ImageManifestMediaType), ArtifactType: once(d.ArtifactMediaType),
		Bytes: aws.ToInt64(d.ImageSizeInBytes), Pushed: aws.ToTime(d.ImagePushedAt).UTC(), Subject: aws.ToString(d.SubjectManifestDigest),
	}
	if d.LastRecordedPullTime != nil {
		image.Pulled = d.LastRecordedPullTime.UTC()
	}
	// Who takes an image out of the archive is about to pull it.
	if d.LastActivatedAt != nil && d.LastActivatedAt.After(image.Pulled) {
		image.Pulled = d.LastActivatedAt.UTC()
	}
	return image
}

// Media types of manifests that list others.
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-manifest-formats.html
const (
	mediaDockerList = "application/vnd.docker.distribution.manifest.list.v2+json"
	mediaOCIIndex   = "application/vnd.oci.image.index.v1+json"
)

// mayList takes a manifest whose type ECR does not tell for an index until it has been read.
func mayList(mediaType string) bool {
	return mediaType == mediaDockerList || mediaType == mediaOCIIndex || mediaType == ""
}

// readIndexes completes the images with what indexes list, reading those that were never read.
func readIndexes(ctx context.Context, client RepositoriesAPI, store shelf, in TakeInventoryInput, images []policy.ContainerImage) ([]policy.ContainerImage, error) {
	var unread []string
	err := update(ctx, store, seenName(in.Repository), func(s *seenRepository) bool {
		unread = s.announce(images, toSecond(time.Now()))
		return len(unread) > 0
	})
	if err != nil || len(unread) == 0 {
		return images, err
	}
	read, err := readManifests(ctx, client, in.Repository, unread)
	if err != nil {
		return nil, translate(in.Place, err)
	}
	kept := images[:0]
	for _, image := range images {
		m, asked := read[image.Digest]
		if m.gone {
			continue
		}
		if asked {
			image.Children, image.Unread, image.Read = m.children, m.unread, m.at
			image.MediaType = cmp.Or(image.MediaType, m.mediaType)
		}
		kept = append(kept, image)
	}
	return kept, nil
}

// manifest is what was found out about an index.
type manifest struct {
	mediaType string
	children  []string
	unread    string
	gone      bool      // deleted since it was listed
	at        time.Time // when it was asked for
}

// toSecond is how exact ECR's times are.
func toSecond(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

func readManifests(ctx context.Context, client RepositoriesAPI, r policy.Repository, digests []string) (map[string]manifest, error) {
	read := map[string]manifest{}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sideBySide)
	for part := range slices.Chunk(digests, 100) {
		group.Go(func() error {
			found, err := readBatch(ctx, client, r, part)
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(read, found)
			activity.RecordHeartbeat(ctx, len(read))
			return err
		})
	}
	return read, group.Wait()
}

// readBatch answers for every digest that was asked for. Without the accepted media types ECR may convert a manifest.
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchGetImage.html
func readBatch(ctx context.Context, client RepositoriesAPI, r policy.Repository, digests []string) (map[string]manifest, error) {
	in := &ecr.BatchGetImageInput{RegistryId: &r.Account, RepositoryName: &r.Name, AcceptedMediaTypes: acceptedMedia}
	found := map[string]manifest{}
	for _, digest := range digests {
		in.ImageIds = append(in.ImageIds, types.ImageIdentifier{ImageDigest: &digest})
		found[digest] = manifest{unread: "ECR did not answer for it"}
	}
	at := toSecond(time.Now())
	out, err := client.BatchGetImage(ctx, in)
	if err != nil {
		return nil, err
	}
	for _, image := range out.Images {
		if image.ImageId != nil {
			found[aws.ToString(image.ImageId.ImageDigest)] = parseManifest(aws.ToString(image.ImageManifest), aws.ToString(image.ImageManifestMediaType))
		}
	}
	for _, f := range out.Failures {
		if f.ImageId != nil {
			found[aws.ToString(f.ImageId.ImageDigest)] = manifest{
				gone:   f.FailureCode == types.ImageFailureCodeImageNotFound,
				unread: fmt.Sprintf("%s (%s)", aws.ToString(f.FailureReason), f.FailureCode),
			}
		}
	}
	for digest, m := range found {
		m.at = at
		found[digest] = m
	}
	return found, nil
}

var acceptedMedia = []string{
	mediaDockerList, mediaOCIIndex, "application/vnd.docker.distribution.manifest.v2+json",
	"application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v1+json",
}

// parseManifest reads what an index lists. https://github.com/opencontainers/image-spec/blob/main/image-index.md
func parseManifest(text, mediaType string) manifest {
	var index struct {
		MediaType string
		Manifests []struct{ Digest string }
	}
	if err := json.Unmarshal([]byte(text), &index); err != nil {
		return manifest{unread: "its manifest is no JSON: " + err.Error()}
	}
	m := manifest{mediaType: cmp.Or(mediaType, index.MediaType)}
	for _, child := range index.Manifests {
		if !policy.IsDigest(child.Digest) {
			return manifest{unread: fmt.Sprintf("its manifest lists %q, which is no digest", strings.ToValidUTF8(child.Digest, ""))}
		}
		m.children = append(m.children, child.Digest)
	}
	return m
}
