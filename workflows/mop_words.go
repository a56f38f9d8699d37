package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// things are what was found, each in a few words.
func (l left) things() []string {
	var out []string
	for _, n := range l.nodes {
		out = append(out, nodeName(n))
	}
	for _, zone := range workflow.DeterministicKeys(l.records) {
		for _, r := range l.records[zone] {
			out = append(out, recordName(r))
		}
	}
	return out
}

func recordName(r policy.OwnRecord) string {
	name := r.Type + " " + r.Name
	if len(r.Drop) < len(r.Values) {
		name = strings.Join(r.Drop, ", ") + " from " + name
	}
	return name
}

// inWords is a headline: "node web-1, client web-1, 2 record sets deleted".
func (m *mop) inWords(all []activities.Deleted) string {
	var parts []string
	records, gone := 0, 0
	for _, d := range all {
		kind, name := thing(d.What)
		switch {
		case d.Outcome == activities.DeletedGone:
			gone++
		case kind == "record set":
			records++
		default:
			parts = append(parts, kind+" "+name)
		}
	}
	if records > 0 {
		parts = append(parts, plural(records, "record set"))
	}
	switch {
	case len(parts) > 0:
		return strings.Join(parts, ", ") + " deleted"
	case gone > 0:
		return "Everything was gone already"
	case len(m.out.Deleted) > 0 && m.clean:
		return "Nothing more was left"
	case m.clean:
		return "Nothing was left"
	}
	return "Nothing was deleted"
}

// wouldGo is the headline of a dry run.
func (m *mop) wouldGo() string {
	if len(m.would) == 0 {
		return "Dry run: nothing would go"
	}
	return "Dry run: would go: " + strings.Join(m.would, ", ")
}

// thing reads how the ledger names what was deleted: chef/server/nodes/name, chef/server/clients/name, route53/zone/name/type.
func thing(resource string) (kind, name string) {
	part := strings.SplitN(resource, "/", 4)
	switch {
	case len(part) == 4 && part[0] == "chef":
		return strings.TrimSuffix(part[2], "s"), part[3]
	case len(part) == 4 && part[0] == "route53":
		return "record set", strings.ReplaceAll(part[2]+" "+part[3], "/", " ")
	}
	return "", resource
}

func (m *mop) deletedList() []activities.List {
	lines := make([]string, 0, len(m.out.Deleted))
	for _, d := range m.out.Deleted {
		kind, name := thing(d.What)
		line := strings.TrimSpace(kind + " " + name)
		if d.Outcome == activities.DeletedGone {
			line += ": gone already"
		} else if d.Entry != "" {
			line += "; undo: epoxy undo " + d.Entry
		}
		lines = append(lines, line)
	}
	return list("Deleted", lines, len(lines))
}

func (m *mop) keptList() []activities.List {
	lines := make([]string, 0, len(m.out.Kept))
	for _, k := range m.out.Kept {
		lines = append(lines, k.What+": "+k.Why)
	}
	fails := m.fails()
	return append(list("Not deleted, because", fails, len(fails)), list("Kept", lines, len(lines))...)
}

// tellLine hands one line to the environment's report. Nobody waits for it, but it is not lost either.
func (m *mop) tellLine(ctx workflow.Context, outcome, text string) {
	m.told++
	m.toldFails = len(m.hookFails)
	if m.in.Telling.Channel == "" {
		return
	}
	for _, k := range m.out.Kept {
		text += "; kept: " + k.What + " (" + k.Why + ")"
	}
	for _, t := range m.fails() {
		if t != text {
			text += "; " + t
		}
	}
	var teller *activities.Teller
	ctx = workflow.WithRetryPolicy(calls(detached(ctx), "Tell the report of "+m.in.Environment), temporal.RetryPolicy{MaximumAttempts: 20})
	err := workflow.ExecuteActivity(ctx, teller.Tell, activities.TellInput{
		Line: activities.MopLine{
			Key: fmt.Sprintf("%s#%d", m.RunID, m.told), Subject: m.subject.String(), Outcome: outcome, Text: clipText(text), URL: m.URL, At: workflow.Now(ctx),
		},
		Report: mopReporter(m.in.MopSettings), Signal: LinesSignal,
	}).Get(ctx, nil)
	if err != nil {
		workflow.GetLogger(ctx).Error("The report was not told", "error", err)
	}
}

// maxLine bounds a line of a report.
const maxLine = 500

func clipText(s string) string {
	if len(s) <= maxLine {
		return s
	}
	return strings.ToValidUTF8(s[:maxLine], "") + " …"
}
