package activities

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"epoxy/internal/policy"
)

// Most that one change takes.
// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html#limits-api-requests-changeresourcerecordsets
const (
	maxElements   = 1000   // ResourceRecord
	maxCharacters = 32_000 // in all their values
)

// codeBadChange says that one change of a batch, or more, cannot be made, and that none was made.
const codeBadChange = "InvalidChangeBatch"

// errStale says that a record set is not any more as it was read: read it again, and decide again.
var errStale = errors.New("the record set was changed in the meantime")

// refusal is what Route 53 says of one record set.
type refusal struct{ message string }

func (r *refusal) Error() string { return r.message }

// recordChange takes values out of a record set, which must still be exactly as it was read; with the last of them it goes.
type recordChange struct {
	set  policy.RecordSet
	drop []string
}

// changeGroup is one change of a record set for all who want one. Two who each take a value out of the same set must not
// delete it twice.
type changeGroup struct {
	recordChange

	changes    []types.Change
	elements   int
	characters int
	verified   bool // it is as it was read, and yet was in a batch that was refused
	settled    bool // made, or not to be made: err says why
	err        error
}

// change makes the changes of all who asked, in as few batches as they fit into. An answer has an error for each change: nil,
// errStale, a *refusal, or what kept it from being tried.
func (z *zoneDoor) change(ctx context.Context, asked [][]recordChange) ([][]error, error) {
	client, err := z.connect(ctx, z.zone.Place)
	if err != nil {
		return nil, err
	}
	groups := map[string]*changeGroup{}
	var order []*changeGroup
	for _, changes := range asked {
		for _, c := range changes {
			g := groups[c.key()]
			if g == nil {
				g = &changeGroup{recordChange: recordChange{set: c.set}}
				groups[c.key()] = g
				order = append(order, g)
			}
			g.drop = unique(append(g.drop, c.drop...))
		}
	}
	order = slices.DeleteFunc(order, func(g *changeGroup) bool { return !g.build() })
	for _, batch := range cutChanges(order) {
		if err == nil {
			err = z.send(ctx, client, batch)
		}
		for _, g := range batch {
			if !g.settled {
				g.settle(err) // for those who are not tried any more it would be the same
			}
		}
	}
	answers := make([][]error, len(asked))
	for i, changes := range asked {
		for _, c := range changes {
			answers[i] = append(answers[i], groups[c.key()].err)
		}
	}
	return answers, nil
}

func (g *changeGroup) settle(err error) { g.settled, g.err = true, err }

func (c recordChange) key() string { return c.set.Key() + "\n" + c.set.Exact }

// build makes the changes: a set that keeps values is deleted and created anew in the same batch, which is one transaction; unlike
// UPSERT this fails if anybody else has changed it.
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html
func (g *changeGroup) build() bool {
	before, err := parseExact(g.set)
	if err != nil {
		g.settle(err)
		return false
	}
	after := before
	after.ResourceRecords = slices.DeleteFunc(slices.Clone(before.ResourceRecords), func(r types.ResourceRecord) bool {
		return slices.Contains(g.drop, aws.ToString(r.Value))
	})
	g.changes = []types.Change{{Action: types.ChangeActionDelete, ResourceRecordSet: &before}}
	if len(after.ResourceRecords) > 0 {
		g.changes = append(g.changes, types.Change{Action: types.ChangeActionCreate, ResourceRecordSet: &after})
	}
	for _, r := range slices.Concat(before.ResourceRecords, after.ResourceRecords) {
		g.elements++
		g.characters += len(aws.ToString(r.Value))
	}
	return true
}

// cutChanges makes batches within Route 53's limits. Two versions of one record set cannot both be right: the second waits.
func cutChanges(groups []*changeGroup) [][]*changeGroup {
	var batches [][]*changeGroup
	from, elements, characters := 0, 0, 0
	has := map[string]bool{}
	for i, g := range groups {
		if i > from && (elements+g.elements > maxElements || characters+g.characters > maxCharacters || has[g.set.Key()]) {
			batches = append(batches, groups[from:i])
			from, elements, characters = i, 0, 0
			clear(has)
		}
		has[g.set.Key()] = true
		elements, characters = elements+g.elements, characters+g.characters
	}
	return append(batches, groups[from:])
}

// send makes one batch. Of one that is refused, what has changed meanwhile is left out; the SDK may also have tried again a
// change whose answer was lost. If the rest is refused, too, it is halved until the bad ones are alone.
func (z *zoneDoor) send(ctx context.Context, client Route53API, batch []*changeGroup) error {
	if len(batch) == 0 {
		return nil
	}
	var changes []types.Change
	for _, g := range batch {
		changes = append(changes, g.changes...)
	}
	err := changeRecords(ctx, client, z.zone.ID, changes)
	switch {
	case err == nil:
		for _, g := range batch {
			g.settle(nil)
		}
		return nil
	case codeOf(err) != codeBadChange:
		return err
	case !batch[0].verified:
		same, wrong := z.verify(ctx, batch)
		if wrong != nil {
			return wrong
		}
		return z.send(ctx, client, same)
	case len(batch) == 1:
		batch[0].settle(&refusal{badChangeMessage(err)})
		return nil
	}
	half := len(batch) / 2
	if err := z.send(ctx, client, batch[:half]); err != nil {
		return err
	}
	return z.send(ctx, client, batch[half:])
}

// verify reads the record sets again, and returns those that are as they were. It does not wait for the readings of others,
// which may take longer than a change.
func (z *zoneDoor) verify(ctx context.Context, batch []*changeGroup) (same []*changeGroup, err error) {
	var wanted policy.WantedRecords
	for _, g := range batch {
		wanted.Names = append(wanted.Names, g.set.Name)
	}
	sets, err := z.read(ctx, []policy.WantedRecords{wanted})
	if err != nil {
		return nil, err
	}
	now := map[string]string{}
	for _, set := range sets[0] {
		now[set.Key()] = set.Exact
	}
	for _, g := range batch {
		if g.verified = now[g.set.Key()] == g.set.Exact; g.verified {
			same = append(same, g)
		} else {
			g.settle(errStale)
		}
	}
	return same, nil
}

// changeRecords makes one change. Route 53 handles one at a time for each zone, and so many for each account; until it is this
// one's turn it waits, as long as ctx lasts.
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html (PriorRequestNotComplete)
func changeRecords(ctx context.Context, client Route53API, zone string, changes []types.Change) error {
	wait := time.Second
	for {
		_, err := client.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{
			HostedZoneId: &zone, ChangeBatch: &types.ChangeBatch{Changes: changes, Comment: aws.String("Epoxy")},
		})
		if err == nil || !isThrottled(codeOf(err)) {
			return err
		}
		timer := time.NewTimer(spread(wait))
		select {
		case <-timer.C:
			wait = min(2*wait, 8*time.Second)
		case <-ctx.Done():
			timer.Stop()
			return err // which says more than that time is up
		}
	}
}

func badChangeMessage(err error) string {
	if bad, ok := errors.AsType[*types.InvalidChangeBatch](err); ok && len(bad.Messages) > 0 {
		return strings.Join(bad.Messages, "; ")
	}
	return messageOf(err)
}
