package estate

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/apprunner"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Containers is one account's container services, as its owner sees them.
type Containers struct {
	Account string

	ECR         *ecr.Client
	ECS         *ecs.Client
	EventBridge *eventbridge.Client
	Scheduler   *scheduler.Client
	Lambda      *lambda.Client
	AppRunner   *apprunner.Client
	Batch       *batch.Client
	SFN         *sfn.Client
	S3          *s3.Client
	DynamoDB    *dynamodb.Client

	control Control
}

// RoleARN is the role that Epoxy takes in an account of the sandbox.
func RoleARN(account string) string { return "arn:aws:iam::" + account + ":role/epoxy" }

// Containers enters an account; every account exists in the sandbox.
func (e *Estate) Containers(ctx context.Context, account string, control Control) (*Containers, error) {
	cfg := e.cfg.Copy()
	if account != Account {
		out, err := sts.NewFromConfig(e.cfg).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String(RoleARN(account)), RoleSessionName: aws.String("owner")})
		if err != nil {
			return nil, fmt.Errorf("enter account %s: %w", account, err)
		}
		c := out.Credentials
		cfg.Credentials = credentials.NewStaticCredentialsProvider(aws.ToString(c.AccessKeyId), aws.ToString(c.SecretAccessKey), aws.ToString(c.SessionToken))
	}
	return &Containers{
		Account: account, ECR: ecr.NewFromConfig(cfg), ECS: ecs.NewFromConfig(cfg), EventBridge: eventbridge.NewFromConfig(cfg),
		Scheduler: scheduler.NewFromConfig(cfg), Lambda: lambda.NewFromConfig(cfg), AppRunner: apprunner.NewFromConfig(cfg),
		Batch: batch.NewFromConfig(cfg), SFN: sfn.NewFromConfig(cfg), DynamoDB: dynamodb.NewFromConfig(cfg),
		S3: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }), control: control,
	}, nil
}

// Push is an image to make, as if it had been pushed at some time.
type Push struct {
	Tags         []string  `json:"tags,omitempty"`
	Pushed       time.Time `json:"pushed"`
	Pulled       time.Time `json:"pulled,omitzero"`
	Bytes        int64     `json:"bytes,omitempty"`
	Children     []int     `json:"children,omitempty"` // places in the same list: makes this an index
	Subject      *int      `json:"subject,omitempty"`  // place in the same list: makes this a referrer
	ArtifactType string    `json:"artifact_type,omitempty"`
}

// NewRepository makes a repository.
func (c *Containers) NewRepository(ctx context.Context, name string) error {
	if _, err := c.ECR.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: &name}); err != nil {
		return fmt.Errorf("create repository %s: %w", name, err)
	}
	return nil
}

// Push fills a repository, and returns the digests in the order of the list.
func (c *Containers) Push(ctx context.Context, repository string, images ...Push) ([]string, error) {
	var out struct {
		Digests []string `json:"digests"`
	}
	body := map[string]any{"account": c.Account, "region": Region, "repository": repository, "images": images}
	return out.Digests, c.control.call(ctx, http.MethodPost, "/ecr/images", body, &out)
}

// LetIn writes a repository policy that lets other accounts pull.
func (c *Containers) LetIn(ctx context.Context, repository string, accounts ...string) error {
	principals := ""
	for i, a := range accounts {
		if i > 0 {
			principals += ","
		}
		principals += fmt.Sprintf(`"arn:aws:iam::%s:root"`, a)
	}
	text := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"pull","Effect":"Allow","Principal":{"AWS":[%s]},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}`, principals)
	_, err := c.ECR.SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: &repository, PolicyText: &text})
	return err
}

// URI is what a task definition writes for an image.
func (c *Containers) URI(repository, tag string) string {
	return fmt.Sprintf("%s.dkr.ecr.%s.amazonaws.com/%s:%s", c.Account, Region, repository, tag)
}

// Digests are what a repository holds, with the tags of each.
func (c *Containers) Digests(ctx context.Context, repository string) (map[string][]string, error) {
	out := map[string][]string{}
	pages := ecr.NewDescribeImagesPaginator(c.ECR, &ecr.DescribeImagesInput{RepositoryName: &repository, MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, d := range page.ImageDetails {
			out[aws.ToString(d.ImageDigest)] = d.ImageTags
		}
	}
	return out, nil
}

// Retag moves a tag to another image, as a push of the same tag does.
func (c *Containers) Retag(ctx context.Context, repository, digest, tag string) error {
	got, err := c.ECR.BatchGetImage(ctx, &ecr.BatchGetImageInput{RepositoryName: &repository, ImageIds: []ecrtypes.ImageIdentifier{{ImageDigest: &digest}}})
	if err != nil || len(got.Images) != 1 {
		return fmt.Errorf("read %s of %s: %w", digest, repository, err)
	}
	_, err = c.ECR.PutImage(ctx, &ecr.PutImageInput{
		RepositoryName: &repository, ImageManifest: got.Images[0].ImageManifest, ImageManifestMediaType: got.Images[0].ImageManifestMediaType, ImageTag: &tag,
	})
	return err
}

// Backdate makes a task definition look registered earlier.
func (c *Containers) Backdate(ctx context.Context, arn string, registered time.Time) error {
	body := map[string]any{"account": c.Account, "region": Region, "task_definition": arn, "registered": registered.Unix()}
	return c.control.call(ctx, http.MethodPost, "/ecs/backdate", body, nil)
}

// Definitions are a family's task definitions that are not deleted, with their status.
func (c *Containers) Definitions(ctx context.Context, family string) (map[string]string, error) {
	out := map[string]string{}
	for _, status := range []ecstypes.TaskDefinitionStatus{ecstypes.TaskDefinitionStatusActive, ecstypes.TaskDefinitionStatusInactive} {
		pages := ecs.NewListTaskDefinitionsPaginator(c.ECS, &ecs.ListTaskDefinitionsInput{FamilyPrefix: &family, Status: status})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, arn := range page.TaskDefinitionArns {
				out[arn] = string(status)
			}
		}
	}
	return out, nil
}
