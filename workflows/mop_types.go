package workflows

import (
	"time"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// MopSettings are what every mop of an environment is told; the starter resolves the configuration into them.
type MopSettings struct {
	Environment string             `json:"environment"`      // in the section mop
	Live        []activities.Place `json:"live"`             // every account and Region of the environment: where live instances are looked for
	Others      []activities.Place `json:"others,omitempty"` // of other environments that share a Chef server: evidence of life alone
	Servers     []string           `json:"servers"`          // Chef servers, as the section chef names them
	Zones       []activities.Zone  `json:"zones,omitempty"`
	Rules       policy.MopRules    `json:"rules"`
	Groups      []string           `json:"groups,omitempty"` // Auto Scaling groups, * and ? are wildcards; none: all
	Hooks       []string           `json:"hooks,omitempty"`  // lifecycle hooks that are ours to finish, likewise; none: none

	Patience   time.Duration   `json:"patience"`        // how long an instance that is announced dead may still look alive
	FailedWait time.Duration   `json:"failed_wait"`     // how long an instance whose bootstrap failed is waited for to be terminated
	Later      []time.Duration `json:"later,omitempty"` // when to look again, counted from the first look

	Breaker  activities.BreakerLimit `json:"breaker"`
	Approval ApprovalInput           `json:"approval"` // who decides when the breaker trips; mode ask
	DryRun   bool                    `json:"dry_run,omitempty"`
	Timeout  time.Duration           `json:"timeout"` // of a whole mop, a Chef server that is down included
	Store    activities.Store        `json:"store"`
	Ledger   activities.LedgerTable  `json:"ledger"`
	Telling  Telling                 `json:"telling"`
}

// MopInput asks to mop up after one dead instance.
type MopInput struct {
	MopSettings
	Place       activities.Place `json:"place"` // of the subject's account and Region
	Subject     policy.Subject   `json:"subject"`
	Once        bool             `json:"once,omitempty"`         // look once, unless an event joins; for people and sweeps
	RequestedBy string           `json:"requested_by,omitempty"` // a person or a sweep; "" by an event
	Swept       bool             `json:"swept,omitempty"`        // it was a sweep
}

// MopResult is what a mop did.
type MopResult struct {
	Outcome string               `json:"outcome"`
	Subject policy.Subject       `json:"subject"`
	Deleted []activities.Deleted `json:"deleted,omitempty"`
	Kept    []policy.KeptThing   `json:"kept,omitempty"`
}

// SweepInput asks to look for what dead instances left behind without an event.
type SweepInput struct {
	MopSettings
	Sweep       string             `json:"sweep"`  // its name in the section sweeps
	Mop         bool               `json:"mop"`    // delete what is found; else only report it
	Grace       time.Duration      `json:"grace"`  // how long something must have been an orphan
	Places      []activities.Place `json:"places"` // of every account in the environment, as Live
	RequestedBy string             `json:"requested_by,omitempty"`
}

// ScheduledInput is what a Temporal schedule starts: a thin run that starts the job under the job's own, fixed id, because a
// schedule appends a time to the ids it starts, and the id is the lock.
type ScheduledInput struct {
	Schedule string        `json:"schedule"` // its name in the section schedules
	Type     string        `json:"type"`     // of the job's workflow
	ID       string        `json:"id"`       // of the job's run
	Input    any           `json:"input"`
	Timeout  time.Duration `json:"timeout"`
	Summary  string        `json:"summary"`
	Target   string        `json:"target"` // search attributes of the job's run, as when a person starts it
	Account  string        `json:"account,omitempty"`
	Region   string        `json:"region,omitempty"`
}
