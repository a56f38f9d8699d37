package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"epoxy/internal/config"
	"epoxy/workflows"
)

// difference is a field of a schedule that is not as the configuration wants it.
type difference struct {
	Field  string `json:"field"`
	Wanted string `json:"wanted"`
	Found  string `json:"found"`
	Kept   bool   `json:"kept,omitempty"` // apply leaves it: a person paused it
}

// compare says what differs in a schedule of ours.
func compare(w wanted, d *client.ScheduleDescription) []difference {
	want, found := facets(w.schedule()), facets(d.Schedule)
	out := comparePause(w, d)
	for _, field := range fields(want, found) {
		if a, b := cmp.Or(want[field], "nothing"), cmp.Or(found[field], "nothing"); a != b {
			out = append(out, difference{Field: field, Wanted: a, Found: b})
		}
	}
	return out
}

// comparePause tells a pause that the configuration asked for from one that a person, or Temporal after a failure, asked for:
// that one stays, with its note, until a person ends it.
func comparePause(w wanted, d *client.ScheduleDescription) []difference {
	state := stateOf(d)
	if !w.Paused && pausedByHand(d) {
		return []difference{{Field: "paused", Wanted: "false", Found: "true, not by epoxy.yaml: " + cmp.Or(state.Note, "no note"), Kept: true}}
	}
	var out []difference
	if w.Paused != state.Paused {
		out = append(out, difference{Field: "paused", Wanted: strconv.FormatBool(w.Paused), Found: strconv.FormatBool(state.Paused)})
	}
	if w.Note != state.Note {
		out = append(out, difference{Field: "note", Wanted: cmp.Or(w.Note, "nothing"), Found: cmp.Or(state.Note, "nothing")})
	}
	return out
}

func pausedByHand(d *client.ScheduleDescription) bool {
	var applied workflows.ScheduleApplied
	if action, ok := d.Schedule.Action.(*client.ScheduleWorkflowAction); ok {
		if p, ok := action.Memo[workflows.AppliedMemo].(*commonpb.Payload); ok {
			_ = converter.GetDefaultDataConverter().FromPayload(p, &applied) // unreadable: not ours, so by hand
		}
	}
	state := stateOf(d)
	return state.Paused && (!applied.Paused || applied.Note != state.Note)
}

func stateOf(d *client.ScheduleDescription) client.ScheduleState {
	if d.Schedule.State == nil {
		return client.ScheduleState{}
	}
	return *d.Schedule.State
}

// facets are the fields of a schedule as people read them. Two schedules with the same facets do the same.
func facets(s client.Schedule) map[string]string {
	out := map[string]string{}
	if s.Spec != nil {
		out["when"] = whenOf(s.Spec)
		out["time zone"] = cmp.Or(s.Spec.TimeZoneName, "UTC")
		out["jitter"] = config.Duration(s.Spec.Jitter).String()
	}
	if s.Policy != nil {
		out["overlap"] = overlapText(s.Policy.Overlap)
		out["catch up"] = config.Duration(s.Policy.CatchupWindow).String()
		out["pause on failure"] = strconv.FormatBool(s.Policy.PauseOnFailure)
	}
	if s.State != nil && s.State.LimitedActions {
		out["runs left"] = strconv.Itoa(s.State.RemainingActions)
	}
	if action, ok := s.Action.(*client.ScheduleWorkflowAction); ok {
		actionFacets(out, action)
	}
	return out
}

func actionFacets(out map[string]string, a *client.ScheduleWorkflowAction) {
	out["workflow type"] = fmt.Sprint(a.Workflow)
	out["workflow id"] = a.ID
	out["task queue"] = a.TaskQueue
	out["summary"] = a.StaticSummary
	out["details"] = a.StaticDetails
	for name, timeout := range map[string]time.Duration{
		"run timeout": a.WorkflowRunTimeout, "execution timeout": a.WorkflowExecutionTimeout, "task timeout": a.WorkflowTaskTimeout,
	} {
		if timeout > 0 {
			out[name] = config.Duration(timeout).String()
		}
	}
	if a.RetryPolicy != nil {
		out["retries"] = fmt.Sprintf("at most %d", a.RetryPolicy.MaximumAttempts)
	}
	for _, key := range []temporal.SearchAttributeKeyKeyword{workflows.TargetKey, workflows.AccountKey, workflows.RegionKey, workflows.OutcomeKey} {
		if v, ok := a.TypedSearchAttributes.GetKeyword(key); ok {
			out["search attribute "+key.GetName()] = v
		}
	}
	for i, arg := range a.Args { // there is one
		flatten(out, inputField+strings.Repeat("+", i), plain(arg))
	}
}

// inputField begins the names of what is in the input.
const inputField = "input"

func overlapText(o enumspb.ScheduleOverlapPolicy) string {
	switch o {
	case enumspb.SCHEDULE_OVERLAP_POLICY_UNSPECIFIED, enumspb.SCHEDULE_OVERLAP_POLICY_SKIP:
		return string(config.OverlapSkip)
	case enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE:
		return string(config.OverlapBufferOne)
	}
	return o.String()
}

// plain is an argument as JSON reads it, whether it is ours or came back from Temporal.
func plain(arg any) any {
	var text []byte
	if p, ok := arg.(*commonpb.Payload); ok {
		text = p.GetData()
	} else if ours, err := json.Marshal(arg); err == nil {
		text = ours
	}
	numbers := json.NewDecoder(bytes.NewReader(text))
	numbers.UseNumber() // a timeout in nanoseconds is more than a float shows
	var out any
	if numbers.Decode(&out) != nil {
		return fmt.Sprintf("%d bytes that are no JSON", len(text))
	}
	return out
}

// flatten writes each value of a JSON document under its path: input.input.timeout.
func flatten(out map[string]string, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			flatten(out, path+"."+name, inner)
		}
	case []any:
		for i, inner := range v {
			flatten(out, path+"["+strconv.Itoa(i)+"]", inner)
		}
	case nil:
	case json.Number:
		out[path] = v.String()
		// Nothing else in an input is that large: a time span, which is in nanoseconds.
		if n, err := v.Int64(); err == nil && n >= int64(time.Second) && n%int64(time.Millisecond) == 0 {
			out[path] = config.Duration(n).String()
		}
	default:
		out[path] = fmt.Sprint(v)
	}
}

// fields are the names of both, the input's last.
func fields(a, b map[string]string) []string {
	names := append(namesOf(a), namesOf(b)...)
	rank := func(name string) int {
		switch {
		case name == "when":
			return 0
		case strings.HasPrefix(name, inputField):
			return 2
		}
		return 1
	}
	slices.SortFunc(names, func(x, y string) int { return cmp.Or(cmp.Compare(rank(x), rank(y)), cmp.Compare(x, y)) })
	return slices.Compact(names)
}
