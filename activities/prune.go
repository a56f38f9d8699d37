package activities

import (
	"time"

	"epoxy/internal/artifact"
	"epoxy/internal/policy"
)

// Artifact names something too big for a history.
type Artifact = artifact.Ref

// Store is where artifacts lie.
type Store struct {
	Place  Place  `json:"place"`
	Bucket string `json:"bucket"`
	Prefix string `json:"prefix,omitempty"`
}

// LedgerTable is the DynamoDB table of the ledger.
type LedgerTable struct {
	Place Place  `json:"place"`
	Table string `json:"table"`
}

// FindRepositoriesInput names repositories; a name without * or ? must exist.
type FindRepositoriesInput struct {
	Place    Place    `json:"place"`
	Patterns []string `json:"patterns"`
	Most     int      `json:"most,omitempty"` // so many, and no more; 0: any number
}

// FindRepositoriesOutput is what was found, sorted by name.
type FindRepositoriesOutput struct {
	Repositories []FoundRepository `json:"repositories"`
}

// FoundRepository is a repository and who else may use it.
type FoundRepository struct {
	Name       string   `json:"name"`
	Accounts   []string `json:"accounts,omitempty"`   // other accounts that its policy, or the registry's, lets in
	Principals []string `json:"principals,omitempty"` // let in, and no account can be told from them: "*", an organisation
	Unreadable string   `json:"unreadable,omitempty"` // why its policy could not be read
}

// TakeInventoryInput asks what a repository holds.
type TakeInventoryInput struct {
	Store      Store             `json:"store"`
	Place      Place             `json:"place"`
	Repository policy.Repository `json:"repository"`
}

// TakeInventoryOutput names the inventory: an artifact with []policy.ContainerImage.
type TakeInventoryOutput struct {
	Inventory Artifact `json:"inventory"`
	Images    int      `json:"images"`
	Bytes     int64    `json:"bytes"`
}

// SurveyUsesInput asks who holds images and task definitions: one source (policy.Source…) in one place.
type SurveyUsesInput struct {
	Store             Store    `json:"store"`
	Place             Place    `json:"place"`
	Source            string   `json:"source"`
	RollbackRevisions int      `json:"rollback_revisions,omitempty"` // of each family, for SourceECS
	ExpectClusters    []string `json:"expect_clusters,omitempty"`    // names that must be there, for SourceECS
}

// SurveyUsesOutput names what was found: an artifact with policy.Uses.
type SurveyUsesOutput struct {
	Uses   Artifact          `json:"uses"`
	Counts []policy.UseCount `json:"counts"`
}

// ReadListedUsesInput names what is in use without AWS knowing it, for EKS and others: image references or task definition
// ARNs, in the configuration and in S3 objects (one a line; # begins a comment).
type ReadListedUsesInput struct {
	Store   Store          `json:"store"`
	Listed  []string       `json:"listed,omitempty"`
	Objects []ListedObject `json:"objects,omitempty"`
}

// ListedObject is an S3 object with a list.
type ListedObject struct {
	Place  Place  `json:"place"`
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
}

// SortUsesInput asks to sort what the surveys found by repository.
type SortUsesInput struct {
	Store        Store               `json:"store"`
	Surveys      []Artifact          `json:"surveys"`
	Repositories []policy.Repository `json:"repositories"`
}

// SortUsesOutput names an artifact with []policy.Use for each repository that is used, by Repository.String().
type SortUsesOutput struct {
	ByRepository map[string]Artifact `json:"by_repository"`
	Images       int                 `json:"images"` // uses of images that prove the surveys, of other repositories too
}

// FindCommitsInput asks GitHub for the commits of the images that would be deleted otherwise.
type FindCommitsInput struct {
	Store      Store             `json:"store"`
	GitHub     string            `json:"github"` // owner/name
	Repository policy.Repository `json:"repository"`
	Rules      policy.ImageRules `json:"rules"`
	Now        time.Time         `json:"now"`
	Inventory  Artifact          `json:"inventory"`
	Uses       *Artifact         `json:"uses,omitempty"`
}

// FindCommitsOutput names an artifact with a CommitFacts.
type FindCommitsOutput struct {
	Commits Artifact `json:"commits"`
	Asked   int      `json:"asked"`
	Missing int      `json:"missing"`
}

// CommitFacts is what GitHub said.
type CommitFacts struct {
	Commits map[string]policy.Commit `json:"commits"`
	Heads   map[string]string        `json:"heads"`
}

// PlanRepositoryInput asks for the plan of one repository.
type PlanRepositoryInput struct {
	Store      Store             `json:"store"`
	Repository policy.Repository `json:"repository"`
	Rules      policy.ImageRules `json:"rules"`
	Now        time.Time         `json:"now"`
	Inventory  Artifact          `json:"inventory"`
	Uses       *Artifact         `json:"uses,omitempty"`
	Commits    *Artifact         `json:"commits,omitempty"`
	Blocked    string            `json:"blocked,omitempty"`
}

// WritePlanInput asks to write the root of a plan; the activity adds up the totals and checks the caps.
type WritePlanInput struct {
	Store Store       `json:"store"`
	Plan  policy.Plan `json:"plan"`
	Caps  policy.Caps `json:"caps"`
}

// WritePlanOutput is the plan as workflows and people need it.
type WritePlanOutput struct {
	Plan    Artifact      `json:"plan"` // its SHA256 is the plan's hash
	Totals  policy.Totals `json:"totals"`
	OverCap string        `json:"over_cap,omitempty"`
}

// Deletion is what every deletion must be able to say, and what it looks at once more before each batch.
type Deletion struct {
	Store      Store               `json:"store"`
	Ledger     LedgerTable         `json:"ledger"`
	Place      Place               `json:"place"`
	Policy     string              `json:"policy"`
	Plan       Artifact            `json:"plan"` // the root, whose hash was approved
	Part       policy.PlanPart     `json:"part"`
	Approver   string              `json:"approver"` // who approved, in words
	WorkflowID string              `json:"workflow_id"`
	RunID      string              `json:"run_id"` // of the job, which outlives its children's
	Vetoed     []string            `json:"vetoed,omitempty"`
	Again      []SurveyUsesInput   `json:"again"`           // what to look at again; nothing is stored, so that Store is empty
	Listed     ReadListedUsesInput `json:"listed,omitzero"` // likewise
	From       int                 `json:"from"`            // which of the part's verdicts: [From, From+Count)
	Count      int                 `json:"count"`
}

// DeleteImagesInput asks to delete a batch of at most 100 images of one wave.
type DeleteImagesInput struct {
	Deletion
	Repository policy.Repository `json:"repository"`
	Rules      policy.ImageRules `json:"rules"`
}

// RemoveTaskDefinitionsInput asks to deregister, and to delete, at most ten task definitions.
type RemoveTaskDefinitionsInput struct {
	Deletion
	Rules policy.TaskDefinitionRules `json:"rules"`
}

// DeletionOutput is what became of a batch.
type DeletionOutput struct {
	Deleted int              `json:"deleted"`
	Bytes   int64            `json:"bytes"`
	Kept    []policy.Verdict `json:"kept,omitempty"`   // dropped at the second look: vetoed, came into use, gone already
	Failed  []policy.Verdict `json:"failed,omitempty"` // AWS refused; the reason says why
	Named   []string         `json:"named,omitempty"`  // vetoes that mean something of the batch
}

// TakeTaskDefinitionsInput asks for the task definitions of a place. Those that the rules or the uses keep anyway are
// listed and not described.
type TakeTaskDefinitionsInput struct {
	Store Store                      `json:"store"`
	Place Place                      `json:"place"`
	Rules policy.TaskDefinitionRules `json:"rules"`
	Uses  []Artifact                 `json:"uses"`
	Now   time.Time                  `json:"now"`
}

// PlanTaskDefinitionsInput asks for the plan of a place's task definitions: a policy.PlanPart.
type PlanTaskDefinitionsInput struct {
	Store     Store                      `json:"store"`
	Place     Place                      `json:"place"`
	Rules     policy.TaskDefinitionRules `json:"rules"`
	Now       time.Time                  `json:"now"`
	Inventory Artifact                   `json:"inventory"` // []policy.TaskDefinition
	Uses      []Artifact                 `json:"uses"`
}

// RestoreInput asks to put back what a ledger entry tells.
type RestoreInput struct {
	Store  Store       `json:"store"`
	Ledger LedgerTable `json:"ledger"`
	Place  Place       `json:"place"` // of the resource
	Entry  string      `json:"entry"`
	By     string      `json:"by"`
}

// RestoreOutput says what is back.
type RestoreOutput struct {
	Resource string `json:"resource"`
	Note     string `json:"note"` // "under the tags v1, v2", "as shop:43: a revision number is never used twice"
}
