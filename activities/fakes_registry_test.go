package activities

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// fakeRegistry is the ECR of an account and Region.
type fakeRegistry struct {
	*wire
	repositories map[string]*fakeRepository
	policy       string // of the registry
	arrives      func(ctx context.Context, operation string)
}

type fakeRepository struct {
	policy string
	images map[string]*storedImage // by digest
}

type storedImage struct {
	types.ImageDetail
	manifest string
	failure  types.ImageFailureCode // what BatchGetImage says of it
	silent   bool                   // BatchGetImage says nothing of it
}

func newRegistry(names ...string) *fakeRegistry {
	f := &fakeRegistry{wire: newWire("ECR"), repositories: map[string]*fakeRepository{}}
	for _, n := range names {
		f.repositories[n] = &fakeRepository{images: map[string]*storedImage{}}
	}
	return f
}

const mediaOCIImage = "application/vnd.oci.image.manifest.v1+json"

// push puts an image, or, with children, an index of them; its digest is its manifest's.
func (r *fakeRepository) push(mediaType, content string, at time.Time, children []string, tags ...string) *storedImage {
	manifests := make([]map[string]string, 0, len(children))
	for _, c := range children {
		manifests = append(manifests, map[string]string{"digest": c, "mediaType": mediaOCIImage})
	}
	text, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": mediaType, "manifests": manifests, "annotations": map[string]string{"content": content}})
	if err != nil {
		panic(err)
	}
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(text))
	r.images[digest] = &storedImage{manifest: string(text), ImageDetail: types.ImageDetail{
		ImageDigest: &digest, ImageManifestMediaType: &mediaType, ImagePushedAt: &at, ImageSizeInBytes: aws.Int64(10), ImageTags: tags, ImageStatus: types.ImageStatusActive,
	}}
	return r.images[digest]
}

func (f *fakeRegistry) enter(ctx context.Context, operation string, registry *string, do func() error) error {
	if f.arrives != nil {
		f.arrives(ctx, operation)
	}
	return f.call(ctx, operation, func() error {
		if registry != nil && *registry != here.Account {
			return f.refuse(operation, "RepositoryNotFoundException", "there is no registry %s here", *registry)
		}
		return do()
	})
}

func (f *fakeRegistry) repository(operation string, name *string) (*fakeRepository, error) {
	if r := f.repositories[aws.ToString(name)]; r != nil {
		return r, nil
	}
	return nil, f.refuse(operation, "RepositoryNotFoundException",
		"The repository with name '%s' does not exist in the registry with id '%s'", aws.ToString(name), here.Account)
}

// pageSize is at most 1000; 100 unless asked for. https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeRepositories.html
func (f *fakeRegistry) pageSize(operation string, asked *int32) (int, error) {
	if asked == nil {
		return 100, nil
	}
	if *asked < 1 || *asked > 1000 {
		return 0, f.refuse(operation, "InvalidParameterException", "maxResults %d is not between 1 and 1000", *asked)
	}
	return int(*asked), nil
}

func (f *fakeRegistry) DescribeRepositories(ctx context.Context, in *ecr.DescribeRepositoriesInput, _ ...func(*ecr.Options)) (*ecr.DescribeRepositoriesOutput, error) {
	const operation = "DescribeRepositories"
	out := &ecr.DescribeRepositoriesOutput{}
	return out, f.enter(ctx, operation, in.RegistryId, func() error {
		size, err := f.pageSize(operation, in.MaxResults)
		if err != nil {
			return err
		}
		var all []types.Repository
		for n := range f.repositories {
			all = append(all, types.Repository{RepositoryName: aws.String(n)})
		}
		out.Repositories, out.NextToken = page(all, in.NextToken, size, func(r types.Repository) string { return *r.RepositoryName })
		return nil
	})
}

func (f *fakeRegistry) GetRepositoryPolicy(ctx context.Context, in *ecr.GetRepositoryPolicyInput, _ ...func(*ecr.Options)) (*ecr.GetRepositoryPolicyOutput, error) {
	const operation = "GetRepositoryPolicy"
	out := &ecr.GetRepositoryPolicyOutput{}
	return out, f.enter(ctx, operation, in.RegistryId, func() error {
		r, err := f.repository(operation, in.RepositoryName)
		if err == nil && r.policy == "" {
			err = f.refuse(operation, "RepositoryPolicyNotFoundException", "Repository policy does not exist for the repository with name '%s'", *in.RepositoryName)
		}
		if err == nil {
			out.PolicyText = aws.String(r.policy)
		}
		return err
	})
}

func (f *fakeRegistry) GetRegistryPolicy(ctx context.Context, _ *ecr.GetRegistryPolicyInput, _ ...func(*ecr.Options)) (*ecr.GetRegistryPolicyOutput, error) {
	const operation = "GetRegistryPolicy"
	out := &ecr.GetRegistryPolicyOutput{}
	return out, f.enter(ctx, operation, nil, func() error {
		if f.policy == "" {
			return f.refuse(operation, "RegistryPolicyNotFoundException", "Registry policy does not exist in the registry with id '%s'", here.Account)
		}
		out.PolicyText = aws.String(f.policy)
		return nil
	})
}

func (f *fakeRegistry) DescribeImages(ctx context.Context, in *ecr.DescribeImagesInput, _ ...func(*ecr.Options)) (*ecr.DescribeImagesOutput, error) {
	const operation = "DescribeImages"
	out := &ecr.DescribeImagesOutput{}
	return out, f.enter(ctx, operation, in.RegistryId, func() error {
		r, err := f.repository(operation, in.RepositoryName)
		if err != nil {
			return err
		}
		size, err := f.pageSize(operation, in.MaxResults)
		if err != nil {
			return err
		}
		var all []types.ImageDetail
		for _, i := range r.images {
			if i.ImageStatus == types.ImageStatusActive { // the default of the filter
				detail := i.ImageDetail
				detail.ImageTags = slices.Clone(i.ImageTags)
				all = append(all, detail)
			}
		}
		out.ImageDetails, out.NextToken = page(all, in.NextToken, size, func(d types.ImageDetail) string { return *d.ImageDigest })
		return nil
	})
}

// BatchGetImage records a pull, as ECR does when a manifest is read.
func (f *fakeRegistry) BatchGetImage(ctx context.Context, in *ecr.BatchGetImageInput, _ ...func(*ecr.Options)) (*ecr.BatchGetImageOutput, error) {
	const operation = "BatchGetImage"
	out := &ecr.BatchGetImageOutput{}
	return out, f.enter(ctx, operation, in.RegistryId, func() error {
		r, err := f.repository(operation, in.RepositoryName)
		if err != nil {
			return err
		}
		if len(in.ImageIds) < 1 || len(in.ImageIds) > 100 {
			return f.refuse(operation, "InvalidParameterException", "%d image ids are not between 1 and 100", len(in.ImageIds))
		}
		for _, id := range in.ImageIds {
			i := r.images[aws.ToString(id.ImageDigest)]
			fail := func(code types.ImageFailureCode) {
				out.Failures = append(out.Failures, types.ImageFailure{ImageId: &id, FailureCode: code, FailureReason: aws.String("words of ECR")})
			}
			switch {
			case i == nil:
				fail(types.ImageFailureCodeImageNotFound)
			case i.failure != "":
				fail(i.failure)
			case i.silent:
			case i.ImageManifestMediaType != nil && !slices.Contains(in.AcceptedMediaTypes, *i.ImageManifestMediaType):
				return f.refuse(operation, "InvalidParameterException", "%s is not accepted", *i.ImageManifestMediaType)
			default:
				i.LastRecordedPullTime = aws.Time(time.Now())
				out.Images = append(out.Images, types.Image{ImageId: &id, ImageManifest: aws.String(i.manifest), ImageManifestMediaType: i.ImageManifestMediaType})
			}
		}
		return nil
	})
}
