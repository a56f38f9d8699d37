package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"epoxy/internal/cloud"
	"epoxy/internal/config"
)

// fakeS3 has at most one bucket, and answers with S3's codes.
type fakeS3 struct {
	region string // of the service
	owner  string // of the bucket; "": there is none
	home   string // where the bucket is

	public     *types.PublicAccessBlockConfiguration
	encryption *types.ServerSideEncryptionConfiguration
	policy     *string
	lifecycle  *types.BucketLifecycleConfiguration

	lose string // operation whose answer gets lost, once
	puts []string
}

const shopAccount = "123456789012"

var errLostAnswer = errors.New("connection reset by peer")

func s3Error(code string) error { return &smithy.GenericAPIError{Code: code, Message: "no"} }

func (f *fakeS3) put(operation string) error {
	f.puts = append(f.puts, operation)
	if f.lose == operation {
		f.lose = ""
		return errLostAnswer
	}
	return nil
}

func (f *fakeS3) HeadBucket(_ context.Context, in *s3.HeadBucketInput, _ ...func(*s3.Options)) (*s3.HeadBucketOutput, error) {
	switch {
	case f.owner == "":
		return nil, &types.NotFound{}
	case f.owner != aws.ToString(in.ExpectedBucketOwner):
		return nil, s3Error("Forbidden")
	case f.home != f.region:
		return nil, s3Error("MovedPermanently")
	}
	return &s3.HeadBucketOutput{}, nil
}

func (f *fakeS3) CreateBucket(_ context.Context, in *s3.CreateBucketInput, _ ...func(*s3.Options)) (*s3.CreateBucketOutput, error) {
	where := "us-east-1"
	if c := in.CreateBucketConfiguration; c != nil {
		where = string(c.LocationConstraint)
		if where == "us-east-1" {
			return nil, s3Error("InvalidLocationConstraint")
		}
	}
	if where != f.region {
		return nil, s3Error("IllegalLocationConstraintException")
	}
	if f.owner == shopAccount {
		return nil, s3Error("BucketAlreadyOwnedByYou")
	}
	f.owner, f.home = shopAccount, where
	return &s3.CreateBucketOutput{}, f.put("CreateBucket")
}

func (f *fakeS3) GetPublicAccessBlock(context.Context, *s3.GetPublicAccessBlockInput, ...func(*s3.Options)) (*s3.GetPublicAccessBlockOutput, error) {
	if f.public == nil {
		return nil, s3Error("NoSuchPublicAccessBlockConfiguration")
	}
	return &s3.GetPublicAccessBlockOutput{PublicAccessBlockConfiguration: f.public}, nil
}

func (f *fakeS3) PutPublicAccessBlock(_ context.Context, in *s3.PutPublicAccessBlockInput, _ ...func(*s3.Options)) (*s3.PutPublicAccessBlockOutput, error) {
	f.public = in.PublicAccessBlockConfiguration
	return nil, f.put("PutPublicAccessBlock")
}

func (f *fakeS3) GetBucketEncryption(context.Context, *s3.GetBucketEncryptionInput, ...func(*s3.Options)) (*s3.GetBucketEncryptionOutput, error) {
	if f.encryption == nil {
		return nil, s3Error("ServerSideEncryptionConfigurationNotFoundError")
	}
	return &s3.GetBucketEncryptionOutput{ServerSideEncryptionConfiguration: f.encryption}, nil
}

func (f *fakeS3) PutBucketEncryption(_ context.Context, in *s3.PutBucketEncryptionInput, _ ...func(*s3.Options)) (*s3.PutBucketEncryptionOutput, error) {
	f.encryption = in.ServerSideEncryptionConfiguration
	return nil, f.put("PutBucketEncryption")
}

func (f *fakeS3) GetBucketPolicy(context.Context, *s3.GetBucketPolicyInput, ...func(*s3.Options)) (*s3.GetBucketPolicyOutput, error) {
	if f.policy == nil {
		return nil, s3Error("NoSuchBucketPolicy")
	}
	return &s3.GetBucketPolicyOutput{Policy: f.policy}, nil
}

func (f *fakeS3) PutBucketPolicy(_ context.Context, in *s3.PutBucketPolicyInput, _ ...func(*s3.Options)) (*s3.PutBucketPolicyOutput, error) {
	f.policy = in.Policy
	return nil, f.put("PutBucketPolicy")
}

func (f *fakeS3) GetBucketLifecycleConfiguration(context.Context, *s3.GetBucketLifecycleConfigurationInput, ...func(*s3.Options)) (*s3.GetBucketLifecycleConfigurationOutput, error) {
	if f.lifecycle == nil {
		return nil, s3Error("NoSuchLifecycleConfiguration")
	}
	return &s3.GetBucketLifecycleConfigurationOutput{Rules: f.lifecycle.Rules}, nil
}

func (f *fakeS3) PutBucketLifecycleConfiguration(_ context.Context, in *s3.PutBucketLifecycleConfigurationInput, _ ...func(*s3.Options)) (*s3.PutBucketLifecycleConfigurationOutput, error) {
	f.lifecycle = in.LifecycleConfiguration
	return nil, f.put("PutBucketLifecycleConfiguration")
}

var everyPut = []string{"CreateBucket", "PutPublicAccessBlock", "PutBucketEncryption", "PutBucketPolicy", "PutBucketLifecycleConfiguration"}

func artifactsIn(f *fakeS3, prefix string) bucket {
	return bucket{api: f, ArtifactStore: config.ArtifactStore{
		Place: cloud.Place{Account: shopAccount, Region: f.region}, Bucket: "epoxy-artifacts", Prefix: prefix,
	}}
}

func TestSetupMakesTheBucket(t *testing.T) {
	for _, region := range []string{"us-east-1", "cn-north-1"} {
		f := &fakeS3{region: region}
		b := artifactsIn(f, "epoxy")
		if err := b.setUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(everyPut, f.puts); diff != "" || len(b.did) != len(everyPut) || len(b.lacks) > 0 {
			t.Errorf("did %v, lacks %v: %s", b.did, b.lacks, diff)
		}
		again := artifactsIn(f, "epoxy")
		if err := again.setUp(t.Context()); err != nil || len(f.puts) != len(everyPut) || len(again.did)+len(again.lacks) > 0 {
			t.Errorf("the second time: did %v, lacks %v, %v", again.did, again.lacks, err)
		}
		for i, folder := range artifactFolders {
			if rule := f.lifecycle.Rules[i]; aws.ToString(rule.Filter.Prefix) != "epoxy/"+folder+"/" || aws.ToInt32(rule.Expiration.Days) != 400 {
				t.Errorf("%+v", rule)
			}
		}
		partition := map[string]string{"us-east-1": "aws", "cn-north-1": "aws-cn"}[region]
		want := `{"Statement":[{"Action":"s3:*","Condition":{"Bool":{"aws:SecureTransport":"false"}},"Effect":"Deny","Principal":"*",` +
			`"Resource":["arn:` + partition + `:s3:::epoxy-artifacts","arn:` + partition + `:s3:::epoxy-artifacts/*"],"Sid":"TLSOnly"}],"Version":"2012-10-17"}`
		if diff := cmp.Diff(want, *f.policy); diff != "" {
			t.Error(diff)
		}
	}
}

// Wherever an answer is lost, the next setup completes the bucket, and does nothing twice.
func TestSetupOfTheBucketGoesOn(t *testing.T) {
	for _, lost := range everyPut {
		f := &fakeS3{region: "eu-west-1", lose: lost}
		b := artifactsIn(f, "")
		if err := b.setUp(t.Context()); !errors.Is(err, errLostAnswer) || !strings.Contains(err.Error(), "bucket epoxy-artifacts: ") {
			t.Fatalf("%s: %v", lost, err)
		}
		b = artifactsIn(f, "")
		if err := b.setUp(t.Context()); err != nil {
			t.Fatalf("%s: %v", lost, err)
		}
		if diff := cmp.Diff(everyPut, f.puts); diff != "" {
			t.Errorf("%s: %s", lost, diff)
		}
		if rule := f.lifecycle.Rules[0]; aws.ToString(rule.Filter.Prefix) != "commits/" {
			t.Errorf("%+v", rule)
		}
	}
}

// What somebody else set stays, and what it lacks is said.
func TestSetupLeavesSettings(t *testing.T) {
	f := &fakeS3{
		region: "eu-west-1", owner: shopAccount, home: "eu-west-1", policy: aws.String(`{"Statement": []}`),
		public:     &types.PublicAccessBlockConfiguration{BlockPublicAcls: aws.Bool(true)},
		encryption: &types.ServerSideEncryptionConfiguration{},
		lifecycle: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{
			{Status: types.ExpirationStatusDisabled, Expiration: &types.LifecycleExpiration{}}, {Status: types.ExpirationStatusEnabled},
		}},
	}
	b := artifactsIn(f, "")
	if err := b.setUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"does not block all public access",
		"has a policy of its own, which does not deny access without TLS (aws:SecureTransport)",
		"has lifecycle rules of its own, none of which removes old artifacts: add one that does after 400 days",
	}
	if diff := cmp.Diff(want, b.lacks); diff != "" || len(f.puts)+len(b.did) > 0 {
		t.Errorf("put %v, did %v: %s", f.puts, b.did, diff)
	}
}

func TestSetupRefusesAnothersBucket(t *testing.T) {
	for want, f := range map[string]*fakeS3{
		"belongs to another account than 123456789012":                {region: "us-east-1", owner: "210987654321", home: "us-east-1"},
		"is not in eu-west-1: correct artifacts.region":               {region: "eu-west-1", owner: shopAccount, home: "us-east-1"},
		"belongs to somebody else's bucket: give artifacts.bucket an": {region: "us-east-1"},
	} {
		b := artifactsIn(f, "")
		if f.owner == "" { // taken between the look and the making
			b.api = takenMeanwhile{f}
		}
		if err := b.setUp(t.Context()); err == nil || !strings.Contains(err.Error(), want) || len(f.puts) > 0 {
			t.Errorf("got %v after %v, want %s", err, f.puts, want)
		}
	}
}

type takenMeanwhile struct{ *fakeS3 }

func (takenMeanwhile) CreateBucket(context.Context, *s3.CreateBucketInput, ...func(*s3.Options)) (*s3.CreateBucketOutput, error) {
	return nil, &types.BucketAlreadyExists{}
}

// A setting that cannot be read is not taken for one that is not there.
func TestSetupReportsWhatItCannotRead(t *testing.T) {
	f := &fakeS3{region: "us-east-1"}
	b := artifactsIn(f, "")
	b.api = unreadable{f}
	err := b.setUp(t.Context())
	if err == nil || !strings.Contains(err.Error(), "read policy for TLS only: ") || slices.Contains(f.puts, "PutBucketPolicy") {
		t.Errorf("%v after %v", err, f.puts)
	}
}

type unreadable struct{ *fakeS3 }

func (unreadable) GetBucketPolicy(context.Context, *s3.GetBucketPolicyInput, ...func(*s3.Options)) (*s3.GetBucketPolicyOutput, error) {
	return nil, s3Error("AccessDenied")
}

func TestSetupOutput(t *testing.T) {
	out := setupOutput{Namespace: "default", Added: 4, Made: []stored{
		{Name: "bucket a", Place: "1/x", Did: []string{"made it", "set encryption"}, Lacks: []string{"does not block all public access"}},
		{Name: "table b", Place: "1/x"},
	}}
	want := `namespace default has Epoxy's search attributes (4 added)
bucket a in 1/x: made it, set encryption
  but it does not block all public access
table b in 1/x: is there`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
