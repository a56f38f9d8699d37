// Package policy holds Epoxy's decisions as pure functions over values: no client, no clock, no context.
package policy

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"time"
)

// Target names what is baked, in the words people type: the map region → app → layer → env → group.
type Target struct {
	Region string `json:"region"`
	App    string `json:"app"`
	Layer  string `json:"layer"`
	Env    string `json:"env"`
	Group  string `json:"group"`
}

// String is the target as a path, for titles and the Target search attribute.
func (t Target) String() string {
	return strings.Join([]string{t.Region, t.App, t.Layer, t.Env, t.Group}, "/")
}

// ImageName is {region}-{app}-{layer}-{env}-{group}-{yyyymmddHHMMSS}, in UTC. The name is the image's identity while its
// id is unknown, so it depends on nothing but the target and the moment the run began.
func ImageName(t Target, begun time.Time) string {
	return strings.Join([]string{t.Region, t.App, t.Layer, t.Env, t.Group, begun.UTC().Format("20060102150405")}, "-")
}

// ImageDescription is what the image says of itself in the EC2 console.
func ImageDescription(begun time.Time) string {
	return fmt.Sprintf("Auto created for auto scaling at %s.", begun.UTC().Format("2006-01-02 15:04:05 MST"))
}

// amiName is the set of names that CreateImage accepts.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html (Name)
var amiName = regexp.MustCompile(`^[A-Za-z0-9()\[\] ./\-'@_]{3,128}$`)

// ValidImageName tells whether EC2 accepts the name.
func ValidImageName(name string) bool { return amiName.MatchString(name) }

// ImagePhase is what a bake does about an image's state.
type ImagePhase int

// The phases of an image that is being made.
const (
	ImageWaiting ImagePhase = iota
	ImageReady
	ImageFailed
)

// PhaseOf maps an EC2 image state to a phase. A state unknown to us means waiting: the deadline decides.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Image.html (imageState)
func PhaseOf(state string) ImagePhase {
	switch state {
	case "available":
		return ImageReady
	case "failed", "error", "invalid", "deregistered", "disabled":
		return ImageFailed
	default:
		return ImageWaiting
	}
}

// TagRun marks everything that a run made; an image without this run's mark is never adopted nor removed.
const TagRun = "epoxy:run"

// ImageTags are the tags of the image and of its snapshots. A person's own tags never replace Epoxy's.
func ImageTags(run, name string, t Target, instance, commit string, own map[string]string) map[string]string {
	tags := maps.Clone(own)
	if tags == nil {
		tags = map[string]string{}
	}
	if _, named := tags["Name"]; !named {
		tags["Name"] = name
	}
	tags[TagRun] = run
	tags["epoxy:target"] = t.String()
	tags["epoxy:instance"] = instance
	if commit != "" {
		tags["epoxy:commit"] = commit
	}
	return tags
}

// Candidate is an image found under the name that the run wanted.
type Candidate struct {
	ID  string
	Run string // its epoxy:run tag
}

// Adopt picks the image that this run made when its creation was answered with "name taken". It returns the id to go on
// with; or the foreign image that holds the name; or neither, when the image is not visible yet.
func Adopt(run string, found []Candidate) (own, foreign string) {
	for _, c := range found {
		if run != "" && c.Run == run {
			return c.ID, ""
		}
		foreign = c.ID
	}
	return "", foreign
}
