package policy

import "slices"

// Phases of an instance's end.
const (
	Alive  = "alive"
	Dying  = "dying"  // it cannot come back, but is not gone yet
	Doomed = "doomed" // its Auto Scaling group holds it in a lifecycle hook, and ends it afterwards
	Dead   = "dead"
)

// doomed are the lifecycle states from which a group only ever ends an instance. It may retain one instead, for people to look
// at: that is another state, and no death.
var doomed = []string{"Terminating:Wait", "Terminating:Proceed", "Warmed:Terminating:Wait", "Warmed:Terminating:Proceed"}

// PhaseOfInstance says whether an instance is dead. Stopped is not dead, and so is what nobody has heard of: a state that AWS
// may add one day.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html
func PhaseOfInstance(i Instance) string {
	switch {
	case i.State == InstanceGone || i.State == "terminated":
		return Dead
	case i.State == "shutting-down":
		return Dying
	case i.Reused:
		return Alive // its group puts it into the warm pool instead of ending it
	case slices.Contains(doomed, i.Lifecycle):
		return Doomed
	}
	return Alive
}
