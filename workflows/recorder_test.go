package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// recorder writes down what the workflow under test commands, and when it ended.
type recorder struct {
	interceptor.WorkerInterceptorBase

	commands []string
	outcome  string // last value of the search attribute
	took     time.Duration
	children []workflow.ChildWorkflowOptions
	waits    []string // activities whose cancellation is waited for

	// starting, when set, answers the start of a child.
	starting func(ctx workflow.Context, start func(workflow.Context) workflow.ChildWorkflowFuture) workflow.ChildWorkflowFuture
}

func (r *recorder) command(format string, args ...any) {
	r.commands = append(r.commands, fmt.Sprintf(format, args...))
}

// count is how many commands begin with the prefix.
func (r *recorder) count(prefix string) int {
	n := 0
	for _, c := range r.commands {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}

func (r *recorder) waitedFor(activity string) bool { return slices.Contains(r.waits, activity) }

func (r *recorder) InterceptWorkflow(ctx workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	if workflow.GetInfo(ctx).ParentWorkflowExecution != nil {
		return next
	}
	return &inbound{WorkflowInboundInterceptorBase: interceptor.WorkflowInboundInterceptorBase{Next: next}, rec: r}
}

type inbound struct {
	interceptor.WorkflowInboundInterceptorBase

	rec *recorder
}

func (i *inbound) Init(out interceptor.WorkflowOutboundInterceptor) error {
	return i.Next.Init(&outbound{WorkflowOutboundInterceptorBase: interceptor.WorkflowOutboundInterceptorBase{Next: out}, rec: i.rec})
}

func (i *inbound) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	out, err := i.Next.ExecuteWorkflow(ctx, in)
	i.rec.took = workflow.Now(ctx).Sub(workflow.GetInfo(ctx).WorkflowStartTime)
	return out, err
}

type outbound struct {
	interceptor.WorkflowOutboundInterceptorBase

	rec *recorder
}

func (o *outbound) ExecuteActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	if workflow.GetActivityOptions(ctx).WaitForCancellation {
		o.rec.waits = append(o.rec.waits, name)
	}
	o.rec.command("activity %s %+v", name, args)
	return o.Next.ExecuteActivity(ctx, name, args...)
}

func (o *outbound) ExecuteLocalActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	o.rec.command("local activity %s %+v", name, args)
	return o.Next.ExecuteLocalActivity(ctx, name, args...)
}

func (o *outbound) ExecuteChildWorkflow(ctx workflow.Context, name string, args ...any) workflow.ChildWorkflowFuture {
	options := workflow.GetChildWorkflowOptions(ctx)
	o.rec.command("child %s %s", name, options.WorkflowID)
	o.rec.children = append(o.rec.children, options)
	start := func(ctx workflow.Context) workflow.ChildWorkflowFuture {
		return o.Next.ExecuteChildWorkflow(ctx, name, args...)
	}
	if o.rec.starting != nil {
		return o.rec.starting(ctx, start)
	}
	return start(ctx)
}

func (o *outbound) UpsertTypedSearchAttributes(ctx workflow.Context, attributes ...temporal.SearchAttributeUpdate) error {
	if v, ok := temporal.NewSearchAttributes(attributes...).GetKeyword(OutcomeKey); ok {
		o.rec.command("outcome %s", v)
		o.rec.outcome = v
	}
	return o.Next.UpsertTypedSearchAttributes(ctx, attributes...)
}
