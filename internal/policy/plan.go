package policy

import "time"

// Kinds of plan.
const (
	PlanOfImages          = "images"
	PlanOfTaskDefinitions = "task-definitions"
)

// Plan is the root of a plan: immutable once written; its artifact's hash is what people approve. The verdicts are in its
// parts, one for each repository (or family group), each named with its hash, so that the root's hash covers everything.
type Plan struct {
	Kind                string               `json:"kind"`
	Policy              string               `json:"policy"`
	WorkflowID          string               `json:"workflow_id"`
	RunID               string               `json:"run_id"`
	Made                time.Time            `json:"made"`
	ImageRules          *ImageRules          `json:"image_rules,omitempty"`
	TaskDefinitionRules *TaskDefinitionRules `json:"task_definition_rules,omitempty"`
	Parts               []PlanPart           `json:"parts"` // sorted by name
	Blocked             []Blocked            `json:"blocked,omitempty"`
	Uses                []UseCount           `json:"uses"` // what the surveys found
	Totals              Totals               `json:"totals"`
	OverCap             string               `json:"over_cap,omitempty"` // why no automatic approval is given
}

// PlanPart is one repository's part of a plan.
type PlanPart struct {
	Name   string `json:"name"` // of the repository, account/region/name
	Key    string `json:"key"`  // of the artifact with the verdicts
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"` // of the artifact's JSON in bytes, as artifact.Ref has it
	Totals Totals `json:"totals"`
	Waves  []int  `json:"waves,omitempty"` // how many go in each wave
}

// PartContent is the artifact of a part.
type PartContent struct {
	Name     string    `json:"name"`
	Verdicts []Verdict `json:"verdicts"` // those that go first, by wave and then by what frees most; then the kept
}

// Blocked is a repository from which nothing is deleted, and why.
type Blocked struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// UseCount is how many uses of a kind were found in a place.
type UseCount struct {
	Place string `json:"place"`
	Kind  string `json:"kind"`
	Count int    `json:"count"`
}

// Caps bound what one run may delete without being asked. Zero means none.
type Caps struct {
	MaxDelete  int `json:"max_delete,omitempty"`  // images
	MaxPercent int `json:"max_percent,omitempty"` // of all that were looked at, in each repository and in all
}

// TaskDefinition is one revision.
type TaskDefinition struct {
	ARN          string    `json:"arn"`
	Family       string    `json:"family"`
	Revision     int       `json:"revision"`
	Status       string    `json:"status"`              // ACTIVE or INACTIVE
	Registered   time.Time `json:"registered,omitzero"` // zero: not described, because it is kept anyway
	Deregistered time.Time `json:"deregistered,omitzero"`
}

// TaskDefinitionRules are a policy's rules for task definitions.
type TaskDefinitionRules struct {
	MinAge          time.Duration `json:"min_age"`          // since registration
	KeepNewest      int           `json:"keep_newest"`      // active revisions of each family
	Families        []string      `json:"families"`         // patterns with * and ?
	ProtectFamilies []string      `json:"protect_families"` // patterns with * and ?
	Delete          bool          `json:"delete"`           // delete after deregistering; else deregister only
	InactiveMinAge  time.Duration `json:"inactive_min_age"` // since deregistration, for those that are INACTIVE already
}

// TaskDefinitionPlanInput is everything that is known of an account's task definitions in a Region.
type TaskDefinitionPlanInput struct {
	Now         time.Time           `json:"now"`
	Rules       TaskDefinitionRules `json:"rules"`
	Definitions []TaskDefinition    `json:"definitions"`
	Uses        []TaskDefinitionUse `json:"uses"`
}
