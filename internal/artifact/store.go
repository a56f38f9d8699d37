package artifact

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"path"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// API is what the store needs of S3.
type API interface {
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// Store is a bucket, and a prefix in it, with artifacts.
type Store struct {
	API    API
	Bucket string
	Prefix string
}

// NotFoundError says that an artifact is not there any more.
type NotFoundError struct{ Bucket, Key string }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("s3://%s/%s does not exist: check that no lifecycle rule of the bucket deletes what runs still need, then run the job again, which makes it anew",
		e.Bucket, e.Key)
}

// TamperedError says that what lies under an artifact's key is not what was written there.
type TamperedError struct{ Bucket, Key, Problem string }

func (e *TamperedError) Error() string {
	return fmt.Sprintf("s3://%s/%s is not what was written there: %s; nothing is done with it. Find out in CloudTrail who wrote it, delete it, and run the job again",
		e.Bucket, e.Key, e.Problem)
}

// Put writes v as JSON under its hash. What is there already has the same content, so a lost answer and a second attempt
// change nothing. https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
func (s *Store) Put(ctx context.Context, kind string, v any) (Ref, error) {
	packed, ref, err := pack(v)
	if err != nil {
		return Ref{}, fmt.Errorf("write %s as JSON: %w", kind, err)
	}
	ref.Key = path.Join(s.Prefix, kind, ref.SHA256+".json.gz")
	_, err = s.API.PutObject(ctx, s.object(ref.Key, packed, func(in *s3.PutObjectInput) { in.IfNoneMatch = aws.String("*") }))
	if err != nil && !isConflict(err) {
		return Ref{}, fmt.Errorf("write s3://%s/%s: %w", s.Bucket, ref.Key, err)
	}
	return ref, nil
}

// object is what every write says; encryption is the bucket's own setting.
func (s *Store) object(key string, packed []byte, condition func(*s3.PutObjectInput)) *s3.PutObjectInput {
	in := &s3.PutObjectInput{
		Bucket: &s.Bucket, Key: &key, Body: bytes.NewReader(packed),
		ContentType: aws.String("application/json"), ContentEncoding: aws.String("gzip"),
	}
	condition(in)
	return in
}

// Get reads an artifact into what into points to, and verifies that it is the one that was written. On an error into holds
// nothing to rely on.
func (s *Store) Get(ctx context.Context, ref Ref, into any) error {
	body, _, err := s.open(ctx, ref.Key)
	if err != nil {
		return err
	}
	defer body.Close()
	problem, err := unpack(body, ref, into)
	if err != nil {
		return fmt.Errorf("read s3://%s/%s: %w", s.Bucket, ref.Key, err)
	}
	if problem != "" {
		return &TamperedError{Bucket: s.Bucket, Key: ref.Key, Problem: problem}
	}
	return nil
}

func (s *Store) open(ctx context.Context, key string) (io.ReadCloser, string, error) {
	out, err := s.API.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.Bucket, Key: &key})
	if codeOf(err) == "NoSuchKey" {
		return nil, "", &NotFoundError{Bucket: s.Bucket, Key: key}
	}
	if err != nil {
		return nil, "", fmt.Errorf("read s3://%s/%s: %w", s.Bucket, key, err)
	}
	return out.Body, aws.ToString(out.ETag), nil
}

// pack writes v piece by piece through hash and compression: its JSON is never in memory as a whole.
func pack(v any) ([]byte, Ref, error) {
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	sum := &counter{hash: sha256.New()}
	if err := write(io.MultiWriter(zip, sum), v); err != nil {
		return nil, Ref{}, err
	}
	if err := zip.Close(); err != nil {
		return nil, Ref{}, err
	}
	return packed.Bytes(), Ref{SHA256: sum.hex(), Bytes: sum.n}, nil
}

// unpack tells as problem what shows that the object is another, and as err what another attempt may mend. It reads at
// most one byte more than was written, however much a forged object would unpack to.
func unpack(body io.Reader, ref Ref, into any) (problem string, err error) {
	source := &remembering{r: io.LimitReader(body, ref.Bytes+ref.Bytes/100+4096)} // gzip adds less than this to anything
	zip, err := gzip.NewReader(source)
	if source.err != nil {
		return "", source.err
	}
	if err != nil {
		return "it is not gzip", nil //nolint:nilerr // told as the problem
	}
	sum := &counter{hash: sha256.New()}
	whole := io.TeeReader(io.LimitReader(zip, ref.Bytes+1), sum)
	unreadable := read(whole, into)
	_, broken := io.Copy(io.Discard, whole)
	switch {
	case source.err != nil:
		return "", source.err
	case broken != nil:
		return "it does not unpack (" + broken.Error() + ")", nil //nolint:nilerr // told as the problem
	case sum.n != ref.Bytes:
		return fmt.Sprintf("it has not the %d bytes that were written", ref.Bytes), nil
	case sum.hex() != ref.SHA256:
		return "its SHA-256 is " + sum.hex() + ", not " + ref.SHA256, nil
	}
	return "", unreadable
}

// counter adds up what is written to it.
type counter struct {
	hash hash.Hash
	n    int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.hash.Write(p)
}

func (c *counter) hex() string { return hex.EncodeToString(c.hash.Sum(nil)) }

// remembering keeps the error of a connection that broke, which says nothing about the object.
type remembering struct {
	r   io.Reader
	err error
}

func (r *remembering) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

// isConflict tells that a condition of a write did not hold: 412, or 409 while another write of the same key was under way.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html (If-Match, If-None-Match)
func isConflict(err error) bool {
	resp, ok := errors.AsType[*awshttp.ResponseError](err)
	return ok && (resp.HTTPStatusCode() == http.StatusPreconditionFailed || resp.HTTPStatusCode() == http.StatusConflict)
}
