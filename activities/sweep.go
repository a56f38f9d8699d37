package activities

import (
	"context"
	"time"

	"epoxy/internal/artifact"
	"epoxy/internal/policy"
)

// NodeLister lists what a Chef server knows; *Chef does.
type NodeLister interface {
	listNodes(ctx context.Context, server string, each func(policy.ChefNode) error) error
	listClients(ctx context.Context, server string) (map[string]ClientInfo, error)
}

// Sweeper looks at Chef, EC2 and Route 53 as a whole, and compares them.
type Sweeper struct {
	Nodes   NodeLister
	EC2     Connect[SweepEC2API]
	Route53 Connect[SweepRecordsAPI]
	S3      Connect[artifact.API]
}

// SweepServerInput asks for the nodes of a Chef server, and for the clients without a node.
type SweepServerInput struct {
	Store  Store  `json:"store"`
	Server string `json:"server"`
}

// SweepPlaceInput asks for the instances of an account and Region.
type SweepPlaceInput struct {
	Store Store `json:"store"`
	Place Place `json:"place"`
}

// SweepZoneInput asks for the record sets of a hosted zone.
type SweepZoneInput struct {
	Store Store `json:"store"`
	Zone  Zone  `json:"zone"`
}

// SweptOutput names what was found: an artifact with a policy.SweptServer, SweptPlace or SweptZone.
type SweptOutput struct {
	Found Artifact `json:"found"`
	Count int      `json:"count"` // of nodes, instances or record sets
}

// SweepLook is one look, as it ended.
type SweepLook struct {
	Name   string   `json:"name"` // of the Chef server, or the id of the zone
	Place  Place    `json:"place,omitzero"`
	Found  Artifact `json:"found,omitzero"`
	Failed string   `json:"failed,omitempty"` // why there is nothing
}

// PlanSweepInput asks what of all that was seen belongs to nobody.
type PlanSweepInput struct {
	Store   Store           `json:"store"`
	Sweep   string          `json:"sweep"`
	Now     time.Time       `json:"now"`
	Grace   time.Duration   `json:"grace"`
	Rules   policy.MopRules `json:"rules"`
	Groups  []string        `json:"groups,omitempty"`
	Most    int             `json:"most"`
	Places  []SweepLook     `json:"places"`
	Others  []SweepLook     `json:"others,omitempty"` // of other environments: evidence of life alone
	Servers []SweepLook     `json:"servers"`
	Zones   []SweepLook     `json:"zones"`
}

// PlanSweepOutput is the plan as the workflow and people need it; the artifact, a policy.SweepPlan, has all of it.
type PlanSweepOutput struct {
	Plan      Artifact           `json:"plan"`
	ToMop     []policy.Orphan    `json:"to_mop,omitempty"` // at most PlanSweepInput.Most
	Nodes     int                `json:"nodes"`            // orphans among them
	Clients   int                `json:"clients"`
	Records   int                `json:"records"`
	Young     int                `json:"young"`
	Kept      int                `json:"kept"`
	Later     int                `json:"later"`           // left to the next sweep
	Empty     []string           `json:"empty,omitempty"` // places that show nothing, and should
	Strangers map[string]int     `json:"strangers,omitempty"`
	Some      []policy.KeptThing `json:"some,omitempty"` // some of what is not mopped, and why
}

// sweepNoted bounds what a report names.
const sweepNoted = 30

// PlanSweep compares what was seen. Since when something is an orphan is remembered from sweep to sweep; to repeat it changes
// nothing.
func (a *Sweeper) PlanSweep(ctx context.Context, in PlanSweepInput) (PlanSweepOutput, error) {
	defer beating(ctx, in.Sweep)()
	store, err := openShelf(ctx, a.S3, in.Store)
	if err != nil {
		return PlanSweepOutput{}, err
	}
	view, err := readSweep(ctx, store, in)
	if err != nil {
		return PlanSweepOutput{}, err
	}
	var plan policy.SweepPlan
	var refused error
	err = update(ctx, store, sweepMemory(in.Sweep), func(memory *policy.SweepMemory) bool {
		view.Memory = *memory
		plan, *memory, refused = policy.Orphans(view)
		return refused == nil && sawAll(in.Places)
	})
	if err != nil {
		return PlanSweepOutput{}, err
	}
	if refused != nil {
		return PlanSweepOutput{}, Refuse(ErrInvalid, "%v", refused)
	}
	plan.Sweep = in.Sweep
	return store.writeSweep(ctx, plan)
}

// sweepMemory is the named object with what a sweep remembers.
func sweepMemory(sweep string) string { return "sweep/" + sweep + "/seen" }

func sawAll(looks []SweepLook) bool {
	for _, l := range looks {
		if l.Failed != "" {
			return false
		}
	}
	return true
}

// readSweep reads all that was seen.
func readSweep(ctx context.Context, store shelf, in PlanSweepInput) (policy.SweepView, error) {
	view := policy.SweepView{Now: in.Now, Grace: in.Grace, Rules: in.Rules, Groups: in.Groups, Most: in.Most}
	var err error
	if view.Places, err = store.getPlaces(ctx, in.Places); err != nil {
		return view, err
	}
	if view.Others, err = store.getPlaces(ctx, in.Others); err != nil {
		return view, err
	}
	for _, look := range in.Servers {
		server := policy.SweptServer{Server: look.Name, Failed: look.Failed}
		if err := store.getLook(ctx, look, &server); err != nil {
			return view, err
		}
		view.Servers = append(view.Servers, server)
	}
	for _, look := range in.Zones {
		zone := policy.SweptZone{Zone: look.Name, Failed: look.Failed}
		if err := store.getLook(ctx, look, &zone); err != nil {
			return view, err
		}
		view.Zones = append(view.Zones, zone)
	}
	return view, nil
}

func (s shelf) getPlaces(ctx context.Context, looks []SweepLook) ([]policy.SweptPlace, error) {
	var places []policy.SweptPlace
	for _, look := range looks {
		place := policy.SweptPlace{Account: look.Place.Account, Region: look.Place.Region, Failed: look.Failed}
		if err := s.getLook(ctx, look, &place); err != nil {
			return nil, err
		}
		places = append(places, place)
	}
	return places, nil
}

func (s shelf) getLook(ctx context.Context, look SweepLook, into any) error {
	if look.Failed != "" {
		return nil
	}
	return s.get(ctx, look.Found, into)
}

func (s shelf) writeSweep(ctx context.Context, plan policy.SweepPlan) (PlanSweepOutput, error) {
	out := PlanSweepOutput{
		ToMop: plan.ToMop(), Empty: plan.Empty, Strangers: plan.Strangers, Nodes: plan.Count(policy.OrphanNode), Clients: plan.Count(policy.OrphanClient),
		Records: plan.Count(policy.OrphanRecord), Young: plan.Count(policy.SweepYoung), Kept: plan.Count(policy.SweepKeeps), Later: plan.Count(policy.SweepLater),
	}
	for _, kind := range []string{policy.OrphanNode, policy.OrphanClient, policy.OrphanRecord} {
		for _, o := range plan.Orphans {
			if o.Kind == kind && o.Do != policy.SweepMops && len(out.Some) < sweepNoted {
				out.Some = append(out.Some, policy.KeptThing{What: o.String(), Why: o.Kept})
			}
		}
	}
	var err error
	out.Plan, err = s.put(ctx, kindSweep, plan)
	return out, err
}
