package artifact

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

// ErrChanged says that somebody else wrote a named object first: recall it, merge, and remember again.
var ErrChanged = errors.New("it was changed by somebody else in the meantime")

// maxNamed bounds what a named object unpacks to: unlike an artifact's, its size stands nowhere.
const maxNamed = 256 << 20

// Remember writes a named object that changes over time, if it is still the one with this ETag, or, for "", if there is none
// yet. ErrChanged otherwise; so says the second attempt after a lost answer, too, hence callers merge what they find.
func (s *Store) Remember(ctx context.Context, name string, v any, etag string) (string, error) {
	packed, _, err := pack(v)
	if err != nil {
		return "", fmt.Errorf("write %s as JSON: %w", name, err)
	}
	key := s.nameKey(name)
	out, err := s.API.PutObject(ctx, s.object(key, packed, func(in *s3.PutObjectInput) {
		if none := "*"; etag == "" {
			in.IfNoneMatch = &none
		} else {
			in.IfMatch = &etag
		}
	}))
	// If-Match where the object was deleted in between is answered with 404.
	if isConflict(err) || codeOf(err) == "NoSuchKey" {
		return "", fmt.Errorf("write s3://%s/%s: %w", s.Bucket, key, ErrChanged)
	}
	if err != nil {
		return "", fmt.Errorf("write s3://%s/%s: %w", s.Bucket, key, err)
	}
	return aws.ToString(out.ETag), nil
}

// Recall reads a named object, and the ETag to write it again with. Where there is none yet, into stays as it is and the
// ETag is "", as Remember wants it.
func (s *Store) Recall(ctx context.Context, name string, into any) (etag string, err error) {
	key := s.nameKey(name)
	body, etag, err := s.open(ctx, key)
	if _, missing := errors.AsType[*NotFoundError](err); missing {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer body.Close()
	source := &remembering{r: body}
	err = unpackNamed(source, into)
	switch {
	case source.err != nil:
		return "", fmt.Errorf("read s3://%s/%s: %w", s.Bucket, key, source.err)
	case err != nil:
		return "", &TamperedError{Bucket: s.Bucket, Key: key, Problem: err.Error()}
	}
	return etag, nil
}

func unpackNamed(body io.Reader, into any) error {
	zip, err := gzip.NewReader(body)
	if err != nil {
		return err
	}
	whole := io.LimitReader(zip, maxNamed)
	if err := read(whole, into); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, whole) // the checksum stands at the end
	return err
}

func (s *Store) nameKey(name string) string { return path.Join(s.Prefix, name+".json.gz") }

// codeOf is the error code of S3, or "" where no answer came.
func codeOf(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}
