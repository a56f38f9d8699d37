// Package artifacttest is an S3 for tests: strict about what Epoxy relies on, and forgetful on demand.
package artifacttest

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // what S3's ETags are
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"sync"
	"syscall"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// S3 is one bucket's worth of S3. It is safe for concurrent use.
type S3 struct {
	Bucket string // the only one there is

	mu      sync.Mutex
	Objects map[string][]byte // by key
	Calls   map[string]int    // by operation
	Fail    map[string][]error
	Lose    map[string]int                    // by operation, how many of the next answers do not arrive
	Before  func(operation, key string)       // runs before each call, unlocked
	Body    func(io.ReadCloser) io.ReadCloser // wraps what is read
}

// New makes an empty bucket.
func New(bucket string) *S3 {
	return &S3{Bucket: bucket, Objects: map[string][]byte{}, Calls: map[string]int{}, Fail: map[string][]error{}, Lose: map[string]int{}}
}

// Error is what the SDK returns for an answer with an error code.
func Error(operation string, status int, code, message string) error {
	answer := &smithyhttp.Response{Response: &http.Response{StatusCode: status}}
	return &smithy.OperationError{ServiceID: "S3", OperationName: operation, Err: &awshttp.ResponseError{
		RequestID:     "r-1",
		ResponseError: &smithyhttp.ResponseError{Response: answer, Err: &smithy.GenericAPIError{Code: code, Message: message}},
	}}
}

func (f *S3) call(ctx context.Context, operation, bucket, key string, do func() error) error {
	if f.Before != nil {
		f.Before(operation, key)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Calls[operation]++
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if next := f.Fail[operation]; len(next) > 0 {
		f.Fail[operation] = next[1:]
		if next[0] != nil {
			return next[0]
		}
	}
	if bucket != f.Bucket {
		return Error(operation, 404, "NoSuchBucket", "The specified bucket does not exist")
	}
	err := do()
	if err == nil && f.Lose[operation] > 0 {
		f.Lose[operation]--
		return &smithy.OperationError{ServiceID: "S3", OperationName: operation, Err: &smithyhttp.RequestSendError{Err: syscall.ECONNRESET}}
	}
	return err
}

// PutObject knows conditions. https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
func (f *S3) PutObject(ctx context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	const operation = "PutObject"
	out := &s3.PutObjectOutput{}
	return out, f.call(ctx, operation, *in.Bucket, *in.Key, func() error {
		now, exists := f.Objects[*in.Key]
		switch {
		case in.IfMatch != nil && in.IfNoneMatch != nil || in.IfNoneMatch != nil && *in.IfNoneMatch != "*":
			return Error(operation, 501, "NotImplemented", "A header you provided implies functionality that is not implemented")
		case in.IfMatch != nil && !exists:
			return Error(operation, 404, "NoSuchKey", "The specified key does not exist.")
		case in.IfNoneMatch != nil && exists, in.IfMatch != nil && *in.IfMatch != etag(now):
			return Error(operation, 412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
		}
		body, err := io.ReadAll(in.Body)
		if err != nil {
			return err
		}
		f.Objects[*in.Key] = body
		tag := etag(body)
		out.ETag = &tag
		return nil
	})
}

// GetObject answers with the bytes as they were put.
func (f *S3) GetObject(ctx context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	const operation = "GetObject"
	out := &s3.GetObjectOutput{}
	return out, f.call(ctx, operation, *in.Bucket, *in.Key, func() error {
		body, exists := f.Objects[*in.Key]
		if !exists {
			return Error(operation, 404, "NoSuchKey", "The specified key does not exist.")
		}
		tag := etag(body)
		out.ETag, out.Body = &tag, io.NopCloser(bytes.NewReader(body))
		if f.Body != nil {
			out.Body = f.Body(out.Body)
		}
		return nil
	})
}

func etag(body []byte) string {
	sum := md5.Sum(body) //nolint:gosec // what S3's ETags are
	return fmt.Sprintf("%q", hex.EncodeToString(sum[:]))
}
