package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Bounds of a decision: it stands in the run's history and in messages.
const (
	maxItems  = 500
	maxItem   = 512 // bytes; the longest is an ARN
	maxReason = 2000
	maxName   = 256
	maxVetoes = 64 << 10 // bytes of all items together: every batch of a deletion is told them
)

// CheckDecision says why a decision cannot be taken, in words for who made it; nil when it can.
func CheckDecision(a Asking, d Decision, now time.Time) error {
	for _, check := range []func(Asking, Decision, time.Time) error{checkBounds, checkOpen, checkPlanHash, checkPerson, checkKind} {
		if err := check(a, d, now); err != nil {
			return err
		}
	}
	return nil
}

func checkBounds(_ Asking, d Decision, _ time.Time) error {
	switch {
	case len(d.Items) > maxItems:
		return fmt.Errorf("%d items are too many: a decision names at most %d; to keep more, deny the plan", len(d.Items), maxItems)
	case len(d.Reason) > maxReason:
		return fmt.Errorf("the reason is too long: %d bytes, at most %d", len(d.Reason), maxReason)
	case len(d.By.ID) > maxName || len(d.By.Name) > maxName || len(d.Kind) > maxName || len(d.Plan) > maxName:
		return fmt.Errorf("a name in the decision is longer than %d bytes", maxName)
	}
	for _, item := range d.Items {
		hex, isDigest := strings.CutPrefix(item, "sha256:")
		switch {
		case item == "" || len(item) > maxItem || strings.ContainsFunc(item, isNoName):
			return fmt.Errorf("%.80q is no digest, tag, ARN or repository", item)
		case isDigest && len(hex) < minPrefix:
			return fmt.Errorf("%s is too short for a digest: give at least %d digits after sha256:", item, minPrefix)
		}
	}
	return nil
}

func isNoName(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

func checkOpen(a Asking, _ Decision, now time.Time) error {
	switch {
	case a.Decided != nil:
		return fmt.Errorf("plan %s was decided before. %s", ShortHash(a.Plan), DescribeAnswer(a))
	case a.Plan == "":
		return errors.New("no plan waits for a decision: see the run's state with `epoxy watch`")
	case a.Closed || !now.Before(a.Until):
		return fmt.Errorf("too late: the window for plan %s is over since %s; see the run's state with `epoxy watch`",
			ShortHash(a.Plan), a.Until.UTC().Format("2006-01-02 15:04 MST"))
	}
	return nil
}

func checkPlanHash(a Asking, d Decision, _ time.Time) error {
	hash := strings.ToLower(d.Plan)
	switch {
	case len(hash) < minPrefix:
		return fmt.Errorf("%q is too short for a plan's hash: give at least %d digits; the open plan is %s", d.Plan, minPrefix, ShortHash(a.Plan))
	case !strings.HasPrefix(a.Plan, hash):
		return fmt.Errorf("plan %s is not the open one, which is %s: a plan is made anew when nobody answers; look at that one with `epoxy plan`, then decide",
			ShortHash(d.Plan), ShortHash(a.Plan))
	}
	return nil
}

// checkPerson lets each door vouch for its own kind of identity only.
func checkPerson(a Asking, d Decision, _ time.Time) error {
	switch d.By.Door {
	case DoorSlack:
		inGroup := slices.ContainsFunc(d.By.Groups, func(group string) bool { return group != "" && slices.Contains(a.Approvers.Groups, group) })
		if d.By.ID != "" && (inGroup || slices.Contains(a.Approvers.Users, d.By.ID)) {
			return nil
		}
	case DoorCLI:
		if d.By.ID != "" && matchesAny(a.Approvers.CLI, d.By.ID) {
			return nil
		}
	default:
		return fmt.Errorf("decisions come through slack or cli, not through %q", d.By.Door)
	}
	if a.Approvers.Empty() {
		return errors.New("nobody may decide: name approvers in the policy's approval in epoxy.yaml, and prune again")
	}
	return fmt.Errorf("%s may not decide on plan %s: ask one of its approvers (%s), or add the id %q to the policy's approvers in epoxy.yaml for the next run",
		DescribePerson(d.By), ShortHash(a.Plan), strings.Join(slices.Concat(a.Approvers.Users, a.Approvers.Groups, a.Approvers.CLI), ", "), d.By.ID)
}

func checkKind(a Asking, d Decision, _ time.Time) error {
	silenceIsYes := a.Mode == ApproveVeto && !a.NeedsOne
	switch {
	case d.Kind != DecideApprove && d.Kind != DecideDeny && d.Kind != DecideVeto:
		return fmt.Errorf("%q is no decision: it is %s, %s or %s", d.Kind, DecideApprove, DecideDeny, DecideVeto)
	case d.Kind != DecideVeto && len(d.Items) > 0:
		return fmt.Errorf("to %s is to %s the whole plan: veto the items first, to keep them, then %s the rest", d.Kind, d.Kind, d.Kind)
	case d.Kind == DecideVeto && len(d.Items) == 0 && !silenceIsYes:
		return errors.New("name the items to keep, or deny the whole plan")
	}
	all := sortedUnique(slices.Concat(a.Vetoed, d.Items))
	if len(all) > maxItems || len(strings.Join(all, "")) > maxVetoes {
		return fmt.Errorf("with these, more than %d items are vetoed, or more than %d bytes of them: deny the plan", maxItems, maxVetoes)
	}
	return nil
}

// Decide applies a decision that CheckDecision takes. A veto of items leaves the rest of the plan open; anything else closes
// the question, which in mode veto ends the window early.
func Decide(a Asking, d Decision) Asking {
	if d.Kind == DecideVeto && len(d.Items) > 0 {
		a.Vetoed = sortedUnique(slices.Concat(a.Vetoed, d.Items))
		return a
	}
	a.Decided = &d
	return a
}
