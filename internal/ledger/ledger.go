// Package ledger remembers every destructive act: the intent before it, the outcome after it, who approved it and what to
// put back. One DynamoDB table, `pk` and `sk`, both strings:
//
//	entry#<id>            entry        an Entry
//	alias#<name>          <time>#<id>  points from a digest, a tag, an ARN, a family:revision, an instance, a node's or a DNS name to an entry
//	state#<name>          state        a small value that changes, such as a breaker's, with its version
package ledger

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"time"
)

// Kinds of resource.
const (
	ECRImage          = "ecr-image"
	ECSTaskDefinition = "ecs-task-definition"
	ChefNode          = "chef-node"
	ChefClient        = "chef-client"
	RecordSet         = "route53-record-set"
)

// Outcomes of an entry. Without one the act was intended, and nobody knows yet whether it happened.
const (
	Deleted = "deleted"
	Failed  = "failed"
	Gone    = "gone" // somebody else was faster
	Undone  = "undone"
)

// MaxPutBack is how many bytes of a manifest or definition an entry holds. With it, the 1,000 tags an image can have still
// fit into a DynamoDB item of 400 KB; what is bigger goes to the artifact bucket, and the entry names its key.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html
const MaxPutBack = 224 << 10

// Entry is one destructive act.
type Entry struct {
	ID         string    `json:"id"`       // of run and resource: the same act has the same id, however often it is tried
	Kind       string    `json:"kind"`     // one of the kinds above
	Resource   string    `json:"resource"` // account/region/repository@digest, an ARN, chef/server/nodes/name, chef/server/clients/name, route53/zone/name/type[/set id]
	Account    string    `json:"account"`
	Region     string    `json:"region"`
	Repository string    `json:"repository,omitempty"`
	Digest     string    `json:"digest,omitempty"`
	Tags       []string  `json:"tags,omitempty"`
	Names      []string  `json:"names,omitempty"` // further names that people look for it by: an instance id, an IP address, a node's name
	Bytes      int64     `json:"bytes,omitempty"`
	Reason     string    `json:"reason"` // the verdict's, in words
	Policy     string    `json:"policy"`
	Plan       string    `json:"plan"` // hash
	WorkflowID string    `json:"workflow_id"`
	RunID      string    `json:"run_id"`
	Look       string    `json:"look,omitempty"` // of a run that looks more than once
	Approver   string    `json:"approver"`
	Intent     time.Time `json:"intent"`
	Outcome    string    `json:"outcome,omitempty"`
	Detail     string    `json:"detail,omitempty"`
	Ended      time.Time `json:"ended,omitzero"`
	UndoneBy   string    `json:"undone_by,omitempty"`

	PutBack PutBack `json:"put_back"`
}

// PutBack is what an undo needs. What is too big for a DynamoDB item (400 KB) lies in the artifact bucket.
type PutBack struct {
	Manifest   string `json:"manifest,omitempty"` // of an image, byte for byte
	MediaType  string `json:"media_type,omitempty"`
	Definition string `json:"definition,omitempty"` // JSON of a task definition as DescribeTaskDefinition gave it, tags too; of a Chef node or client; of a record set
	Key        string `json:"key,omitempty"`        // of the artifact that holds the manifest or definition instead
	SHA256     string `json:"sha256,omitempty"`
	Size       int64  `json:"size,omitempty"` // of that artifact's JSON, as artifact.Ref has it
}

// EntryID is the id of the entry for a resource that a run destroys: short, the same each time, safe in a URL and a shell.
func EntryID(runID, resource string) string {
	sum := sha256.Sum256([]byte(runID + "\x00" + resource))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:20]
}
