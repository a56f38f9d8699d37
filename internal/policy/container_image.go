package policy

import "time"

// ContainerImage is what a repository holds under one digest: an image, an index of images, or a referrer's artifact.
type ContainerImage struct {
	Digest       string    `json:"digest"`
	Tags         []string  `json:"tags,omitempty"`
	MediaType    string    `json:"media_type,omitempty"` // of the manifest
	ArtifactType string    `json:"artifact_type,omitempty"`
	Bytes        int64     `json:"bytes"`
	Pushed       time.Time `json:"pushed"`
	Pulled       time.Time `json:"pulled,omitzero"`    // the last that ECR recorded, unless it was our own reading
	Tagged       time.Time `json:"tagged,omitzero"`    // when Epoxy first saw a tag on it that came after the push
	Subject      string    `json:"subject,omitempty"`  // digest that this one refers to
	Children     []string  `json:"children,omitempty"` // digests that an index lists
	Read         time.Time `json:"read,omitzero"`      // when Epoxy read its manifest, which ECR may record as a pull
	Unread       string    `json:"unread,omitempty"`   // why an index's manifest could not be read: nothing below it is known
}

// Commit is what GitHub says of a commit.
type Commit struct {
	Time    time.Time `json:"time,omitzero"` // committer's
	Missing bool      `json:"missing,omitempty"`
}

// ImageRules are a policy's rules for images.
type ImageRules struct {
	MinAge         time.Duration `json:"min_age"`                    // since the latest of push, commit, pull and re-tag
	UntaggedMinAge time.Duration `json:"untagged_min_age,omitempty"` // for images without a tag; 0: MinAge
	KeepNewest     int           `json:"keep_newest"`                // tagged images of a repository, by age
	KeepByTag      []KeepByTag   `json:"keep_by_tag,omitempty"`      //
	ProtectTags    []string      `json:"protect_tags,omitempty"`     // patterns with * and ?
	CommitTag      string        `json:"commit_tag,omitempty"`       // regular expression with one group: the commit in a tag
}

// KeepByTag keeps the newest images among those with a matching tag.
type KeepByTag struct {
	Pattern string `json:"pattern"` // with * and ?
	Newest  int    `json:"newest"`
}

// ImagePlanInput is everything that is known of one repository when it is planned.
type ImagePlanInput struct {
	Repository Repository        `json:"repository"`
	Now        time.Time         `json:"now"`
	Rules      ImageRules        `json:"rules"`
	Images     []ContainerImage  `json:"images"`
	Uses       []Use             `json:"uses"`    // of this repository; others are ignored
	Commits    map[string]Commit `json:"commits"` // by commit; nil: the policy does not ask GitHub
	Heads      map[string]string `json:"heads"`   // commit → "branch main", "tag v1", "pull request 12"
	Blocked    string            `json:"blocked"` // why nothing may be deleted here
}

// Why an image, or a task definition, is kept or goes. They are permanent: reports count by them.
const (
	VerdictDelete     = "delete"
	KeptBlocked       = "blocked"        // a survey failed
	KeptInUse         = "in-use"         //
	KeptProtected     = "protected-tag"  //
	KeptNewest        = "newest"         //
	KeptYoung         = "young"          //
	KeptCommitYoung   = "young-commit"   //
	KeptCommitUnknown = "unknown-commit" // GitHub does not know the commit
	KeptHead          = "head"           // of a branch, tag or open pull request
	KeptGraph         = "needed-by-kept" // child or referrer of something kept
	KeptParent        = "has-kept-child" // index or subject that cannot go before what is kept below it
	KeptUnread        = "unread-index"   // what an unreadable index lists is unknown
	KeptCapped        = "over-cap"       // more would go than the policy allows
	KeptVetoed        = "vetoed"         // by a person
	KeptCameIntoUse   = "came-into-use"  // between plan and deletion
	KeptFailed        = "failed"         // AWS refused
	KeptGone          = "gone-already"   // somebody else was faster
)

// Verdict is what becomes of one image or task definition, and why.
type Verdict struct {
	ID     string    `json:"id"` // digest, or task definition ARN
	Tags   []string  `json:"tags,omitempty"`
	Bytes  int64     `json:"bytes,omitempty"`
	Age    time.Time `json:"age"`              // what counts as its time: the latest of push, commit, pull and re-tag
	Code   string    `json:"code"`             // VerdictDelete or a Kept… constant
	Reason string    `json:"reason"`           // in words: "used by ecs-service arn:…", "pushed 412 days ago, not used"
	Wave   int       `json:"wave,omitempty"`   // order of deletion: wave 0 goes first; an index before its children
	After  []string  `json:"after,omitempty"`  // what must be gone before: indexes that list it, the image that it describes
	Pushed time.Time `json:"pushed,omitzero"`  // or registered
	Pulled time.Time `json:"pulled,omitzero"`  // as planned: a later pull means use
	Read   time.Time `json:"read,omitzero"`    // our own reading, which is no pull
	Status string    `json:"status,omitempty"` // ACTIVE or INACTIVE, of a task definition
	Commit string    `json:"commit,omitempty"`
}

// Totals count verdicts.
type Totals struct {
	Images      int            `json:"images"` // looked at; task definitions likewise
	Bytes       int64          `json:"bytes"`
	Delete      int            `json:"delete"`
	DeleteBytes int64          `json:"delete_bytes"`
	Kept        map[string]int `json:"kept,omitempty"`   // by Kept… constant
	Tagged      int            `json:"tagged,omitempty"` // of those to delete
}
