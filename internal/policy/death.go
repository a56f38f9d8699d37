package policy

import "strings"

// Phases of an instance's end.
const (
	Alive  = "alive"
	Dying  = "dying"  // it cannot come back, but is not gone yet
	Doomed = "doomed" // its Auto Scaling group holds it in a lifecycle hook, and ends it afterwards
	Dead   = "dead"
)

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
	case strings.HasPrefix(i.Lifecycle, "Terminating:"), strings.HasPrefix(i.Lifecycle, "Warmed:Terminating:"):
		return Doomed
	}
	return Alive
}
