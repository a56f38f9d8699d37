package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"epoxy/internal/config"
)

// BucketAPI is what making the bucket needs of S3.
type BucketAPI interface {
	HeadBucket(context.Context, *s3.HeadBucketInput, ...func(*s3.Options)) (*s3.HeadBucketOutput, error)
	CreateBucket(context.Context, *s3.CreateBucketInput, ...func(*s3.Options)) (*s3.CreateBucketOutput, error)
	GetPublicAccessBlock(context.Context, *s3.GetPublicAccessBlockInput, ...func(*s3.Options)) (*s3.GetPublicAccessBlockOutput, error)
	PutPublicAccessBlock(context.Context, *s3.PutPublicAccessBlockInput, ...func(*s3.Options)) (*s3.PutPublicAccessBlockOutput, error)
	GetBucketEncryption(context.Context, *s3.GetBucketEncryptionInput, ...func(*s3.Options)) (*s3.GetBucketEncryptionOutput, error)
	PutBucketEncryption(context.Context, *s3.PutBucketEncryptionInput, ...func(*s3.Options)) (*s3.PutBucketEncryptionOutput, error)
	GetBucketPolicy(context.Context, *s3.GetBucketPolicyInput, ...func(*s3.Options)) (*s3.GetBucketPolicyOutput, error)
	PutBucketPolicy(context.Context, *s3.PutBucketPolicyInput, ...func(*s3.Options)) (*s3.PutBucketPolicyOutput, error)
	GetBucketLifecycleConfiguration(context.Context, *s3.GetBucketLifecycleConfigurationInput, ...func(*s3.Options)) (*s3.GetBucketLifecycleConfigurationOutput, error)
	PutBucketLifecycleConfiguration(context.Context, *s3.PutBucketLifecycleConfigurationInput, ...func(*s3.Options)) (*s3.PutBucketLifecycleConfigurationOutput, error)
}

const (
	bucketTimeout = 2 * time.Minute
	// keepArtifacts outlives every timeout a prune can have (a year), so that no run loses its plan.
	keepArtifacts = 400
)

// artifactFolders are what a run writes once and nobody needs for ever. What inventories and sweeps remember from
// run to run lies elsewhere in the bucket, and stays.
var artifactFolders = []string{"commits", "inventories", "parts", "plans", "readings", "sweeps", "task-definitions", "uses"}

// bucket makes the bucket for artifacts. Settings that are not there are made; settings of somebody else's stay, because a
// put replaces them as a whole, and what they lack is said.
type bucket struct {
	config.ArtifactStore

	api        BucketAPI
	did, lacks []string
}

func (b *bucket) setUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bucketTimeout)
	defer cancel()
	if err := b.make(ctx); err != nil {
		return err
	}
	for _, s := range b.settings() {
		lacks, err := s.check(ctx)
		switch {
		case codeOf(err) == s.absent:
			if err := s.put(ctx); err != nil {
				return b.failed("set "+s.name, err)
			}
			b.did = append(b.did, "set "+s.name)
		case err != nil:
			return b.failed("read "+s.name, err)
		case lacks != "":
			b.lacks = append(b.lacks, lacks)
		}
	}
	return nil
}

// make makes the bucket unless it is there and ours.
func (b *bucket) make(ctx context.Context) error {
	head := &s3.HeadBucketInput{Bucket: &b.Bucket, ExpectedBucketOwner: &b.Place.Account}
	_, err := b.api.HeadBucket(ctx, head)
	// HeadBucket's errors have no body, hence no code but these.
	// https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
	switch codeOf(err) {
	case "NotFound", "NoSuchBucket":
	case "Forbidden", "AccessDenied":
		return fmt.Errorf("bucket %s belongs to another account than %s, or s3:ListBucket on it is not allowed here: give artifacts.bucket another name, or grant it: %w", b.Bucket, b.Place.Account, err)
	case "MovedPermanently", "PermanentRedirect":
		return fmt.Errorf("bucket %s is not in %s: correct artifacts.region, or give artifacts.bucket another name: %w", b.Bucket, b.Place.Region, err)
	default:
		if err != nil {
			return b.failed("look for it", err)
		}
		return nil
	}
	in := &s3.CreateBucketInput{Bucket: &b.Bucket}
	// us-east-1 is what no constraint means; S3 refuses its name.
	// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
	if b.Place.Region != "us-east-1" {
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(b.Place.Region)}
	}
	_, err = b.api.CreateBucket(ctx, in)
	switch codeOf(err) {
	case "BucketAlreadyOwnedByYou": // after a lost answer, or beside another setup
	case "BucketAlreadyExists":
		return fmt.Errorf("the name %s belongs to somebody else's bucket: give artifacts.bucket another, names are shared by all of AWS: %w", b.Bucket, err)
	default:
		if err != nil {
			return b.failed("make it", err)
		}
	}
	b.did = append(b.did, "made it")
	waiter := s3.NewBucketExistsWaiter(b.api, func(o *s3.BucketExistsWaiterOptions) { o.MinDelay = time.Second })
	if err := waiter.Wait(ctx, head, bucketTimeout); err != nil {
		return b.failed("wait for it", err)
	}
	return nil
}

func (b *bucket) failed(what string, err error) error {
	return fmt.Errorf("bucket %s: %s: %w", b.Bucket, what, err)
}

// setting is one thing to know about a bucket.
type setting struct {
	name   string
	absent string                                // S3's error code for not there
	check  func(context.Context) (string, error) // what the setting that is there lacks
	put    func(context.Context) error
}

func (b *bucket) settings() []setting {
	return []setting{
		{"public access block", "NoSuchPublicAccessBlockConfiguration", b.checkPublic, b.putPublic},
		{"encryption", "ServerSideEncryptionConfigurationNotFoundError", b.checkEncryption, b.putEncryption},
		{"policy for TLS only", "NoSuchBucketPolicy", b.checkPolicy, b.putPolicy},
		{fmt.Sprintf("lifecycle rule: artifacts go after %d days", keepArtifacts), "NoSuchLifecycleConfiguration", b.checkLifecycle, b.putLifecycle},
	}
}

func (b *bucket) checkPublic(ctx context.Context) (string, error) {
	got, err := b.api.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: &b.Bucket})
	if err != nil {
		return "", err
	}
	c := got.PublicAccessBlockConfiguration
	for _, on := range []*bool{c.BlockPublicAcls, c.BlockPublicPolicy, c.IgnorePublicAcls, c.RestrictPublicBuckets} {
		if !aws.ToBool(on) {
			return "does not block all public access", nil
		}
	}
	return "", nil
}

func (b *bucket) putPublic(ctx context.Context) error {
	_, err := b.api.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{Bucket: &b.Bucket, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
		BlockPublicAcls: aws.Bool(true), BlockPublicPolicy: aws.Bool(true), IgnorePublicAcls: aws.Bool(true), RestrictPublicBuckets: aws.Bool(true),
	}})
	return err
}

func (b *bucket) checkEncryption(ctx context.Context) (string, error) {
	_, err := b.api.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &b.Bucket})
	return "", err // every kind is good
}

func (b *bucket) putEncryption(ctx context.Context) error {
	_, err := b.api.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{Bucket: &b.Bucket, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
		Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256}}},
	}})
	return err
}

const secureTransport = "aws:SecureTransport"

func (b *bucket) checkPolicy(ctx context.Context) (string, error) {
	got, err := b.api.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &b.Bucket})
	if err != nil || strings.Contains(aws.ToString(got.Policy), secureTransport) {
		return "", err
	}
	return "has a policy of its own, which does not deny access without TLS (" + secureTransport + ")", nil
}

// putPolicy follows https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html
func (b *bucket) putPolicy(ctx context.Context) error {
	arn := fmt.Sprintf("arn:%s:s3:::%s", config.RegionID(b.Place.Region).Partition(), b.Bucket)
	policy, err := json.Marshal(map[string]any{
		"Version": "2012-10-17",
		"Statement": []any{map[string]any{
			"Sid": "TLSOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": []string{arn, arn + "/*"},
			"Condition": map[string]any{"Bool": map[string]string{secureTransport: "false"}},
		}},
	})
	if err != nil {
		return err
	}
	_, err = b.api.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &b.Bucket, Policy: aws.String(string(policy))})
	return err
}

func (b *bucket) checkLifecycle(ctx context.Context) (string, error) {
	got, err := b.api.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &b.Bucket})
	if err != nil {
		return "", err
	}
	expires := func(r types.LifecycleRule) bool {
		return r.Status == types.ExpirationStatusEnabled && r.Expiration != nil
	}
	if !slices.ContainsFunc(got.Rules, expires) {
		return fmt.Sprintf("has lifecycle rules of its own, none of which removes old artifacts: add one that does after %d days", keepArtifacts), nil
	}
	return "", nil
}

func (b *bucket) putLifecycle(ctx context.Context) error {
	rules := make([]types.LifecycleRule, 0, len(artifactFolders))
	for _, folder := range artifactFolders {
		rules = append(rules, types.LifecycleRule{
			ID: aws.String("epoxy-" + folder), Status: types.ExpirationStatusEnabled,
			Filter:                         &types.LifecycleRuleFilter{Prefix: aws.String(path.Join(b.Prefix, folder) + "/")},
			Expiration:                     &types.LifecycleExpiration{Days: aws.Int32(keepArtifacts)},
			AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(7)},
		})
	}
	_, err := b.api.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{
		Bucket: &b.Bucket, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: rules},
	})
	return err
}

// codeOf is AWS's error code, or "".
func codeOf(err error) string {
	if answer, ok := errors.AsType[smithy.APIError](err); ok {
		return answer.ErrorCode()
	}
	return ""
}
