package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// deathPoll is between two looks at an instance that is dying.
const deathPoll = 10 * time.Second

// confirm returns once EC2 says that the instance is dead, or its group that it is about to end it.
func (m *mop) confirm(ctx workflow.Context) error {
	m.begin(ctx, stepConfirm, "Looking whether "+m.subject.String()+" is dead")
	until := workflow.Now(ctx).Add(m.patience())
	for {
		known := len(m.hooks)
		look, stop := workflow.WithCancel(ctx)
		found := m.findInstance(look, activities.FindInstanceInput{
			Place: m.in.Place, ID: m.subject.Instance, Address: m.subject.Address, Name: m.subject.Node, Hook: known > 0, Until: until, Poll: deathPoll,
		})
		// A hook that is told of meanwhile changes what counts as the end.
		if err := workflow.Await(ctx, func() bool { return found.IsReady() || len(m.hooks) > known }); err != nil {
			stop()
			return err
		}
		if !found.IsReady() {
			stop()
			continue
		}
		err := found.Get(ctx, &m.instance)
		stop()
		if err != nil {
			return err
		}
		break
	}
	if group := m.instance.Group; group != "" && len(m.in.Groups) > 0 && !slices.ContainsFunc(m.in.Groups, func(p string) bool { return policy.Matches(p, group) }) {
		return refuse(errNotOurs, fmt.Sprintf("it is of the Auto Scaling group %s, which is not one of %s's: nothing of it is touched", group, m.in.Environment))
	}
	m.confirmed = true
	m.fact("Instance", m.subject.String())
	m.fact("State", m.stateInWords())
	m.end(ctx, m.stateInWords())
	return nil
}

// errNotOurs says that an instance is another team's. Not every event names the group.
const errNotOurs = "NotOurs"

// patience is how long an instance may still look alive. EC2 shows an old state for some seconds after an event; whose
// bootstrap failed runs on until its group or stack ends it. A person is told at once.
func (m *mop) patience() time.Duration {
	switch {
	case m.failed:
		return m.in.FailedWait
	case m.kinds[policy.AnnouncedTerminated]+m.kinds[policy.AnnouncedTerminating] > 0:
		return m.in.Patience
	}
	return 0
}

func (m *mop) stateInWords() string {
	switch {
	case m.instance.State == policy.InstanceGone && m.subject.Instance == "":
		return "no live instance has this name or address"
	case m.instance.State == policy.InstanceGone:
		return "EC2 shows no such instance any more"
	case m.instance.Lifecycle != "":
		return m.instance.Lifecycle
	}
	return m.instance.State
}

func (m *mop) findInstance(ctx workflow.Context, in activities.FindInstanceInput) workflow.Future {
	who := in.ID
	if who == "" {
		who = orElse(in.Name, in.Address)
	} else {
		in.Address, in.Name = "", "" // the id says it all
	}
	var instances *activities.Instances
	return workflow.ExecuteActivity(m.patient(ctx, "Is "+who+" dead?"), instances.FindInstance, in)
}

// nobody tells that nowhere in the environment a live instance has a name, or an id: else what is left under that name is the
// new one's.
func (m *mop) nobody(ctx workflow.Context, id, name string) (free bool, why string, err error) {
	for _, place := range m.in.Live {
		in := activities.FindInstanceInput{Place: place, ID: id, Name: name, Until: workflow.Now(ctx), Poll: deathPoll}
		err := m.findInstance(ctx, in).Get(ctx, nil)
		if isType(err, activities.ErrAlive) {
			return false, reasonOf(err), nil
		}
		if err != nil {
			return false, "", err
		}
	}
	return true, "", nil
}

// hold keeps an instance in its lifecycle hook until the first look is over, and lets it go then.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html
func (m *mop) hold(ctx workflow.Context, hook policy.LifecycleHook) {
	var hooks *activities.LifecycleHooks
	in := activities.LifecycleInput{Place: m.in.Place, Instance: m.subject.Instance, Hook: hook}
	for !m.looked {
		var beat activities.LifecycleOutput
		err := workflow.ExecuteActivity(calls(ctx, "Hold it in "+hook.Name), hooks.HeartbeatHook, in).Get(ctx, &beat)
		if err != nil {
			m.trouble = append(m.trouble, "lifecycle hook "+hook.Name+": "+reasonOf(err))
			return
		}
		if beat.Ended {
			return
		}
		_, _ = workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
			Timeout: max(beat.Heartbeat/2, 10*time.Second), TimerOptions: workflow.TimerOptions{Summary: "Heartbeat of " + hook.Name},
		}, func() bool { return m.looked })
	}
	if err := workflow.ExecuteActivity(calls(ctx, "Let it go from "+hook.Name), hooks.CompleteHook, in).Get(ctx, nil); err != nil {
		m.trouble = append(m.trouble, "lifecycle hook "+hook.Name+": "+reasonOf(err))
	}
}
