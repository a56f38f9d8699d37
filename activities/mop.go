package activities

import (
	"time"

	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// Zone is a Route 53 hosted zone.
type Zone struct {
	Place Place  `json:"place"` // whose account has it
	ID    string `json:"id"`    // Z…
	Name  string `json:"name"`  // example.com.
}

// FindInstanceInput asks what EC2 and Auto Scaling say of an instance: by its id, else whether a live one has the address or
// the name.
type FindInstanceInput struct {
	Place   Place         `json:"place"`
	ID      string        `json:"id,omitempty"`
	Address string        `json:"address,omitempty"`
	Name    string        `json:"name,omitempty"` // tag Name, or hostname of the private DNS name
	Live    []Place       `json:"live,omitempty"` // where somebody alive could have the address or the name
	Hook    bool          `json:"hook,omitempty"` // a lifecycle hook is said to hold it
	Until   time.Time     `json:"until"`          // how long one that is still alive is looked at again
	Poll    time.Duration `json:"poll"`           // between two looks
}

// FindLivingInput asks whether anybody alive is, or has, what the dead left.
type FindLivingInput struct {
	Live   []Place `json:"live"`
	ID     string  `json:"id,omitempty"`     // an instance id
	Name   string  `json:"name,omitempty"`   // of a node
	Except string  `json:"except,omitempty"` // the dying instance itself
}

// FindLivingOutput says who, in words; "" is nobody.
type FindLivingOutput struct {
	Holder string `json:"holder,omitempty"`
	Group  string `json:"group,omitempty"` // Auto Scaling group of the instance that was asked for, where EC2 still tells it
}

// FindNodesInput asks Chef for the nodes of a dead instance.
type FindNodesInput struct {
	Servers []string       `json:"servers"` // names in the configuration's section chef
	Subject policy.Subject `json:"subject"`
	Names   []string       `json:"names,omitempty"` // further names that its node, or a client without a node, may have
	Died    time.Time      `json:"died,omitzero"`   // a node that checked in later is alive elsewhere
	Ledger  LedgerTable    `json:"ledger,omitzero"` // which knows what Chef refused to delete before
}

// FindNodesOutput is what was read and compared exactly.
type FindNodesOutput struct {
	Nodes []policy.ChefNode  `json:"nodes,omitempty"` // its own; at most maxNodes
	Kept  []policy.KeptThing `json:"kept,omitempty"`  // candidates that are not
}

// MopAct is why something is deleted and for whom; the ledger has it all.
type MopAct struct {
	Store       Store          `json:"store"`
	Ledger      LedgerTable    `json:"ledger"`
	Subject     policy.Subject `json:"subject"`
	Environment string         `json:"environment"` // Epoxy's: the section mop
	Reason      string         `json:"reason"`      // "i-0abc is terminated"
	Approver    string         `json:"approver"`    // who let it happen, in words
	WorkflowID  string         `json:"workflow_id"`
	RunID       string         `json:"run_id"`
	Again       bool           `json:"again,omitempty"` // a person asks for it, so also what somebody had put back
}

// DeleteNodeInput asks to delete a node and its client.
type DeleteNodeInput struct {
	MopAct
	Node policy.ChefNode `json:"node"` // as found: read and compared once more
	Died time.Time       `json:"died,omitzero"`
}

// What became of a thing, as the ledger says it.
const (
	DeletedDone   = ledger.Deleted
	DeletedGone   = ledger.Gone
	DeletedFailed = ledger.Failed // it could not be deleted: something is wrong
	DeletedKept   = "kept"        // it stays by right: it is not the dead one's, or not any more
)

// Deleted is what became of one thing.
type Deleted struct {
	What    string `json:"what"`             // as the ledger names it
	Outcome string `json:"outcome"`          // Deleted…
	Detail  string `json:"detail,omitempty"` // why it stays
	Entry   string `json:"entry,omitempty"`  // of the ledger
}

// DeleteNodeOutput tells of node and client; with node and client gone already there is no entry.
type DeleteNodeOutput struct {
	Node   Deleted `json:"node"`
	Client Deleted `json:"client"`
}

// FindRecordsInput asks for the record sets that are a dead instance's.
type FindRecordsInput struct {
	Zones []Zone          `json:"zones"`
	Facts policy.Facts    `json:"facts"`
	Rules policy.MopRules `json:"rules"`
	Live  []Place         `json:"live"` // where live instances could hold its addresses and names
}

// FindRecordsOutput is what was read.
type FindRecordsOutput struct {
	Records []policy.OwnRecord `json:"records,omitempty"`
	Kept    []policy.KeptThing `json:"kept,omitempty"`
}

// DeleteRecordsInput asks to delete record sets of one zone, or values of them, exactly as they were read.
type DeleteRecordsInput struct {
	MopAct
	Zone    Zone               `json:"zone"`
	Records []policy.OwnRecord `json:"records"`
	Facts   policy.Facts       `json:"facts"`
	Live    []Place            `json:"live"`
}

// DeleteRecordsOutput tells of each record, in the order asked.
type DeleteRecordsOutput struct {
	Records []Deleted `json:"records"`
}

// LifecycleInput names a lifecycle action that waits for us.
type LifecycleInput struct {
	Place    Place                `json:"place"`
	Instance string               `json:"instance"`
	Hook     policy.LifecycleHook `json:"hook"`
}

// LifecycleOutput tells how long the hook waits without a heartbeat. Ended: it waits no more.
type LifecycleOutput struct {
	Heartbeat time.Duration `json:"heartbeat,omitempty"`
	Ended     bool          `json:"ended,omitempty"`
}

// TakePermitInput asks an environment's breaker whether a mop may delete.
type TakePermitInput struct {
	Ledger      LedgerTable   `json:"ledger"` // the breaker's state lies in its table
	Environment string        `json:"environment"`
	Limit       BreakerLimit  `json:"limit"`
	Servers     []string      `json:"servers"`        // whose nodes the percentage is of
	Key         string        `json:"key"`            // of the run: asking again for the same takes no second permit
	Nodes       int           `json:"nodes"`          // how many nodes would go
	Went        int           `json:"went,omitempty"` // how many the run has deleted
	Who         string        `json:"who,omitempty"`  // who dies, for people
	Poll        time.Duration `json:"poll,omitempty"`
	Asker       Asker         `json:"asker"` // the run that asks people when the breaker trips
}

// BreakerLimit is how much may go in a window.
type BreakerLimit struct {
	Nodes   int           `json:"nodes"`             // at most
	Percent float64       `json:"percent,omitempty"` // of all nodes on the environment's Chef servers; 0: no such limit
	Window  time.Duration `json:"window"`
}

// Asker is how a run that others share is started: the one that asks people, the one that reports.
type Asker struct {
	WorkflowType string `json:"workflow_type"`
	WorkflowID   string `json:"workflow_id"`
	TaskQueue    string `json:"task_queue"`
	Summary      string `json:"summary,omitempty"`
	Input        any    `json:"input"`
}

// ReadBreakerInput names an environment's breaker.
type ReadBreakerInput struct {
	Ledger      LedgerTable `json:"ledger"`
	Environment string      `json:"environment"`
}

// SettleBreakerInput is what a person decided about a trip.
type SettleBreakerInput struct {
	ReadBreakerInput
	Trip   int           `json:"trip"`
	GoOn   bool          `json:"go_on"`
	By     string        `json:"by"`
	Window time.Duration `json:"window"` // how long that holds
}

// TellInput is a line for the report of an environment's mops.
type TellInput struct {
	Line   MopLine `json:"line"`
	Report Asker   `json:"report"` // the run that gathers lines
	Signal string  `json:"signal"`
}

// Permit is what a mop was granted.
type Permit struct {
	By string `json:"by"` // "the breaker: 3 of at most 20 nodes within 1h", or who decided
}

// MopLine is what a mop has to tell people; many become one message.
type MopLine struct {
	Key     string    `json:"key"` // of the subject's run: told once
	Subject string    `json:"subject"`
	Outcome string    `json:"outcome"`
	Text    string    `json:"text"` // "node web-1, its client, 2 records"
	URL     string    `json:"url,omitempty"`
	At      time.Time `json:"at"`
}
