package policy

import (
	"fmt"
	"strings"
)

// HumanBytes writes a size as people read it: 31.4 GiB.
func HumanBytes(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	size, i := float64(n)/unit, 0
	for size >= unit && i < len("KMGTPE")-1 {
		size /= unit
		i++
	}
	return fmt.Sprintf("%.1f %ciB", size, "KMGTPE"[i])
}

// DescribePerson names who decided, and through which door.
func DescribePerson(p Person) string {
	name := p.Name
	if name == "" {
		name = p.ID
	}
	switch p.Door {
	case DoorSlack:
		if name != p.ID {
			return fmt.Sprintf("%s (%s) in Slack", name, p.ID)
		}
		return name + " in Slack"
	case DoorCLI:
		return name + " with the epoxy command"
	}
	return name
}

// DescribeDecision answers the person who decided.
func DescribeDecision(a Asking, d Decision) string {
	plan := ShortHash(a.Plan)
	switch {
	case d.Kind == DecideApprove:
		return "Approved: plan " + plan + " is carried out, with a second look before each batch."
	case d.Kind == DecideDeny:
		return "Denied: nothing of plan " + plan + " is deleted."
	case len(d.Items) == 0:
		return "Vetoed: nothing of plan " + plan + " is deleted."
	}
	return "Will be kept if the plan names them: " + strings.Join(d.Items, ", ") + ". The rest of plan " + plan + " is still to be decided; the report tells which of them named nothing."
}

// DescribeAnswer says how a question ended.
func DescribeAnswer(a Asking) string {
	kept := ""
	if n := len(a.Vetoed); n > 0 {
		kept = fmt.Sprintf(" Kept by veto: %s.", strings.Join(a.Vetoed, ", "))
	}
	d := a.Decided
	switch {
	case d == nil && a.Untold:
		return "Nobody could be asked, because Slack was not reached: nothing is deleted."
	case d == nil && a.Mode == ApproveVeto && !a.NeedsOne:
		return "Nobody objected: the plan is carried out." + kept
	case d == nil:
		return "Nobody answered: nothing is deleted."
	case d.Kind == DecideApprove:
		return "Approved by " + DescribePerson(d.By) + "." + kept
	case d.Kind == DecideDeny:
		return "Denied by " + DescribePerson(d.By) + ": nothing is deleted."
	}
	return "Vetoed by " + DescribePerson(d.By) + ": nothing is deleted."
}

// ShortHash is enough of a hash to tell plans apart.
func ShortHash(hash string) string { return hash[:min(12, len(hash))] }

// ShortID names what a verdict is about: a tag and the beginning of a digest, or family:revision.
func ShortID(v Verdict) string {
	if !IsDigest(v.ID) {
		return v.ID[strings.LastIndexByte(v.ID, '/')+1:]
	}
	short := v.ID[:len("sha256:")+12]
	if len(v.Tags) > 0 {
		return v.Tags[0] + " (" + short + ")"
	}
	return short
}

var keptInWords = map[string]string{
	KeptBlocked: "what uses them is not known", KeptInUse: "in use", KeptProtected: "protected tag", KeptNewest: "among the newest",
	KeptYoung: "too young", KeptCommitYoung: "their commit is too young", KeptCommitUnknown: "GitHub does not know their commit",
	KeptHead: "head of a branch, tag or pull request", KeptGraph: "needed by what is kept", KeptParent: "something they list is kept",
	KeptUnread: "an index could not be read", KeptCapped: "over the cap", KeptVetoed: "vetoed by a person", KeptCameIntoUse: "came into use",
	KeptFailed: "refused by AWS", KeptGone: "gone already",
}

// KeptInWords says why something with this code is kept.
func KeptInWords(code string) string {
	if words, ok := keptInWords[code]; ok {
		return words
	}
	return code
}

// NewestPlan is the name under which the newest plan of a policy is remembered.
func NewestPlan(kind, policyName string) string { return "plans/latest/" + kind + "/" + policyName }
