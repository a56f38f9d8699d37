// Package artifact keeps what is too big for a history: inventories, surveys and plans, in S3. What is written by content is
// immutable: its key is its hash, so that a hash in a history or in an approval means exactly those bytes.
package artifact

// Ref names an artifact.
type Ref struct {
	Key    string `json:"key"`
	SHA256 string `json:"sha256"` // of the JSON before compression, hexadecimal
	Bytes  int64  `json:"bytes"`  // of that JSON
}
