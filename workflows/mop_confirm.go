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
		m.asked = m.heard
		look, stop := workflow.WithCancel(ctx)
		found := m.findInstance(look, activities.FindInstanceInput{
			Place: m.in.Place, Live: m.everywhere(), ID: m.subject.Instance, Address: m.subject.Address, Name: m.subject.Node, Hook: known > 0, Until: until, Poll: deathPoll,
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
		var instance policy.Instance
		err := found.Get(ctx, &instance)
		stop()
		if err != nil {
			return err
		}
		m.remember(instance)
		break
	}
	if m.instance.State == policy.InstanceGone && m.subject.Instance != "" { // or it never was here, but lives elsewhere
		if err := m.livesNowhere(ctx); err != nil {
			return err
		}
	}
	if err := m.judgeGroup(); err != nil {
		return err
	}
	m.confirmed = true
	m.fact("Instance", m.subject.String())
	m.fact("State", m.stateInWords())
	m.end(ctx, m.stateInWords())
	return nil
}

// remember keeps what EC2 told while the instance was still there: of a dead one it tells no address.
func (m *mop) remember(i policy.Instance) {
	before := m.instance
	m.instance = i
	if len(i.Addresses) == 0 {
		m.instance.Addresses = before.Addresses
	}
	m.instance.Name, m.instance.Hostname, m.instance.Group = orElse(i.Name, before.Name), orElse(i.Hostname, before.Hostname), orElse(i.Group, before.Group)
}

// everywhere is where somebody alive could be that has what the dead left: other environments share the Chef server, too.
func (m *mop) everywhere() []activities.Place { return slices.Concat(m.in.Live, m.in.Others) }

func (m *mop) livesNowhere(ctx workflow.Context) error {
	found, err := m.living(ctx, m.subject.Instance, "")
	if err == nil && found.Holder != "" {
		err = refuse(activities.ErrAlive, found.Holder+": nothing of it is touched")
	}
	return err
}

// judgeGroup leaves other teams' instances alone, where the environment has only some groups. Not every event names the group,
// and EC2 forgets it with the instance. Who asked by hand, or a sweep, has looked already.
func (m *mop) judgeGroup() error {
	if len(m.in.Groups) == 0 || m.subject.Instance == "" || m.in.RequestedBy != "" {
		return nil
	}
	group := orElse(m.instance.Group, m.group)
	switch {
	case group == "" && m.instance.State == policy.InstanceGone:
		return refuse(errNoGroup, "which Auto Scaling group it was in is not known any more, and "+m.in.Environment+" has only some: if it was one of them, epoxy mop --instance "+m.subject.Instance)
	case group == "":
		return refuse(errNoGroup, "EC2 tells no Auto Scaling group of it, and "+m.in.Environment+" has only some: nothing of it is touched, unless an event tells the group")
	case !m.inGroups(group):
		return refuse(errNotOurs, fmt.Sprintf("it is of the Auto Scaling group %s, which is not one of %s's: nothing of it is touched", group, m.in.Environment))
	}
	return nil
}

func (m *mop) inGroups(group string) bool {
	return slices.ContainsFunc(m.in.Groups, func(p string) bool { return policy.Matches(p, group) })
}

// errNoGroup says that nobody knows whose instance it was: of the dead EC2 loses the tags first. The run does not complete, so
// that an event which knows the group begins anew.
const errNoGroup = "NoGroup"

// errNotOurs says that an instance is another team's. Not every event names the group.
const errNotOurs = "NotOurs"

// patience is how long an instance may still look alive. EC2 shows an old state for some seconds after an event; whose
// bootstrap failed runs on until its group or stack ends it. A person is told at once.
func (m *mop) patience() time.Duration {
	switch {
	case m.kinds[policy.AnnouncedFailed] > 0:
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

// living says who alive is an instance, or has a name.
func (m *mop) living(ctx workflow.Context, id, name string) (activities.FindLivingOutput, error) {
	var instances *activities.Instances
	var out activities.FindLivingOutput
	err := workflow.ExecuteActivity(m.patient(ctx, "Is "+orElse(name, id)+" anybody's?"), instances.FindLiving, activities.FindLivingInput{
		Live: m.everywhere(), ID: id, Name: name, Except: m.subject.Instance,
	}).Get(ctx, &out)
	return out, err
}

// hold keeps an instance in its lifecycle hook until the first look is over, and lets it go then.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html
func (m *mop) hold(ctx workflow.Context, hook policy.LifecycleHook) {
	var hooks *activities.LifecycleHooks
	in := activities.LifecycleInput{Place: m.in.Place, Instance: m.subject.Instance, Hook: hook}
	for !m.looked {
		beat := activities.LifecycleOutput{Heartbeat: time.Hour}
		// Without a heartbeat it waits all the same, if not as long; and to let it go is another permission.
		err := workflow.ExecuteActivity(calls(ctx, "Hold it in "+hook.Name), hooks.HeartbeatHook, in).Get(ctx, &beat)
		if err != nil {
			workflow.GetLogger(ctx).Warn("The lifecycle hook was not told to wait", "hook", hook.Name, "error", err)
		}
		if beat.Ended {
			return
		}
		_, _ = workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
			Timeout: max(beat.Heartbeat/2, 10*time.Second), TimerOptions: workflow.TimerOptions{Summary: "Heartbeat of " + hook.Name},
		}, func() bool { return m.looked })
	}
	if err := workflow.ExecuteActivity(calls(ctx, "Let it go from "+hook.Name), hooks.CompleteHook, in).Get(ctx, nil); err != nil {
		m.hookFails = append(m.hookFails, "lifecycle hook "+hook.Name+": "+reasonOf(err))
	}
}
