package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"epoxy/internal/policy"
)

// The texts with a shape of their own. Each checks itself while it is read and
// describes itself to the schema with the same pattern.
type (
	// AccountID is a 12-digit AWS account id.
	AccountID string
	// RegionID is an AWS Region such as us-east-1.
	RegionID string
	// RoleARN is the ARN of an IAM role.
	RoleARN string
	// InstanceID is an EC2 instance id.
	InstanceID string
	// LaunchTemplateID is an EC2 launch template id, which is also the lock of a bake.
	LaunchTemplateID string
	// Version is what a new launch template version starts from: a number, latest, default or pinned.
	Version string
	// Publish is how a new launch template version reaches the group.
	Publish string
	// ParameterName is the name of an SSM parameter.
	ParameterName string
	// GroupName is the name of an Auto Scaling group.
	GroupName string
	// Channel is a Slack channel.
	Channel string
	// URL is an http or https address without a trailing slash.
	URL string
	// Address is host:port.
	Address string
	// Duration is a time span in Go's notation, and days: 90s, 15m, 4h30m, 30d.
	Duration time.Duration
)

// How a launch template version is published.
const (
	PublishLatest  Publish = "latest"
	PublishDefault Publish = "default"
	PublishPinned  Publish = "pinned"
	PublishSSM     Publish = "ssm"
)

// What a new launch template version starts from, besides a version number.
const (
	SourceLatest  Version = "latest"
	SourceDefault Version = "default"
	SourcePinned  Version = "pinned"
)

var (
	accountPattern   = regexp.MustCompile(`^[0-9]{12}$`)
	digitsPattern    = regexp.MustCompile(`^[0-9_]+$`)
	regionPattern    = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]{2,})+-[0-9]{1,2}$`)
	rolePattern      = regexp.MustCompile(`^arn:(aws[a-z-]*):iam::([0-9]{12}):role/[\w+=,.@/-]+$`)
	instancePattern  = regexp.MustCompile(`^i-[0-9a-f]{8}([0-9a-f]{9})?$`)
	templatePattern  = regexp.MustCompile(`^lt-[0-9a-f]{8}([0-9a-f]{9})?$`)
	versionPattern   = regexp.MustCompile(`^(latest|default|pinned|[1-9][0-9]{0,17})$`)
	parameterPattern = regexp.MustCompile(`^(/[a-zA-Z0-9_.-]+){1,15}$|^[a-zA-Z0-9_.-]+$`)
	reservedPattern  = regexp.MustCompile(`(?i)^/?(aws|ssm)`)
	groupPattern     = regexp.MustCompile(`^[^:\s]([^:\x00-\x1f]{0,253}[^:\s])?$`)
	channelPattern   = regexp.MustCompile(`^#[^\s#,A-Z]{1,80}$|^[CG][A-Z0-9]{8,20}$`)
	urlPattern       = regexp.MustCompile(`^https?://[^\s/?#@]+(/[^\s?#@]*)?$`)
	addressPattern   = regexp.MustCompile(`^([^\s:/]*|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}$`)
	durationPattern  = regexp.MustCompile(`^([0-9]+d([0-9]+(\.[0-9]+)?(ms|h|m|s))*|([0-9]+(\.[0-9]+)?(ms|h|m|s))+)$`)
)

func (a *AccountID) parse(text string, quoted bool) error {
	if !quoted && digitsPattern.MatchString(text) {
		return fmt.Errorf("must be in quotes: %q. Without them YAML reads a number, and an account id that starts with 0 loses its zeros", pad(text))
	}
	if !accountPattern.MatchString(text) {
		return fmt.Errorf("%q is not an AWS account id: 12 digits in quotes, such as \"123456789012\" (aws sts get-caller-identity shows yours)", text)
	}
	*a = AccountID(text)
	return nil
}

func pad(digits string) string {
	digits = strings.ReplaceAll(digits, "_", "")
	return strings.Repeat("0", max(0, 12-len(digits))) + digits
}

func (r *RegionID) parse(text string, _ bool) error {
	if !regionPattern.MatchString(text) {
		return fmt.Errorf("%q is not an AWS Region id such as us-east-1 or cn-north-1", text)
	}
	*r = RegionID(text)
	return nil
}

// Partition is the part of AWS the Region belongs to; nothing is shared or
// copied between partitions.
func (r RegionID) Partition() string {
	for _, p := range [][2]string{
		{"cn-", "aws-cn"},
		{"us-gov-", "aws-us-gov"},
		{"us-isob-", "aws-iso-b"},
		{"us-isof-", "aws-iso-f"},
		{"us-iso-", "aws-iso"},
		{"eu-isoe-", "aws-iso-e"},
		{"eusc-", "aws-eusc"},
	} {
		if strings.HasPrefix(string(r), p[0]) {
			return p[1]
		}
	}
	return "aws"
}

func (r *RoleARN) parse(text string, _ bool) error {
	if !rolePattern.MatchString(text) {
		return fmt.Errorf("%q is not the ARN of an IAM role: arn:aws:iam::123456789012:role/epoxy", text)
	}
	*r = RoleARN(text)
	return nil
}

// parts are the partition and account in the ARN.
func (r RoleARN) parts() (partition string, account AccountID) {
	m := rolePattern.FindStringSubmatch(string(r))
	if m == nil {
		return "", ""
	}
	return m[1], AccountID(m[2])
}

func (i *InstanceID) parse(text string, _ bool) error {
	if !instancePattern.MatchString(text) {
		return fmt.Errorf("%q is not an instance id: i- and 8 or 17 characters of 0-9a-f, such as i-0123456789abcdef0", text)
	}
	*i = InstanceID(text)
	return nil
}

// A name is refused here with a command that needs the Region, which only the
// target knows; see Target.
func (l *LaunchTemplateID) parse(text string, _ bool) error {
	if strings.HasPrefix(text, "lt-") && !templatePattern.MatchString(text) {
		return fmt.Errorf("%q is not a launch template id: lt- and 8 or 17 characters of 0-9a-f, such as lt-0123456789abcdef0", text)
	}
	*l = LaunchTemplateID(text)
	return nil
}

func (v *Version) parse(text string, _ bool) error {
	if !versionPattern.MatchString(text) {
		return fmt.Errorf("%q is not a launch template version: write latest, default, pinned or a version number such as 12", text)
	}
	*v = Version(text)
	return nil
}

var publishes = []string{string(PublishLatest), string(PublishDefault), string(PublishPinned), string(PublishSSM)}

func (p *Publish) parse(text string, _ bool) error {
	if !slices.Contains(publishes, text) {
		return fmt.Errorf("%q is not a way to publish%s (one of %s)", text, didYouMean(text, publishes), strings.Join(publishes, ", "))
	}
	*p = Publish(text)
	return nil
}

func (p *ParameterName) parse(text string, _ bool) error {
	switch {
	case !parameterPattern.MatchString(text) || len(text) > 1000:
		return fmt.Errorf("%q is not an SSM parameter name: letters, digits and _.-, in up to 15 levels that start with /, such as /images/shop/web", text)
	case reservedPattern.MatchString(text):
		return fmt.Errorf("%q starts with aws or ssm, which AWS keeps for itself: choose another first level", text)
	}
	*p = ParameterName(text)
	return nil
}

func (g *GroupName) parse(text string, _ bool) error {
	if !groupPattern.MatchString(text) {
		return fmt.Errorf("%q is not an Auto Scaling group name: 1 to 255 characters, no colon (give the name, not the ARN)", text)
	}
	*g = GroupName(text)
	return nil
}

func (c *Channel) parse(text string, _ bool) error {
	if !channelPattern.MatchString(text) {
		hint := ""
		if name := "#" + strings.ToLower(strings.TrimLeft(text, "#")); channelPattern.MatchString(name) {
			hint = fmt.Sprintf(": write %q, with the quotes", name)
		}
		return fmt.Errorf("%q is neither a Slack channel such as \"#deploys\" nor a channel id such as C0123456789%s", text, hint)
	}
	*c = Channel(text)
	return nil
}

func (u *URL) parse(text string, _ bool) error {
	if !urlPattern.MatchString(text) {
		return fmt.Errorf("%q is not a base URL: https://host or https://host/path, without user, query or fragment", text)
	}
	*u = URL(strings.TrimRight(text, "/"))
	return nil
}

func (a *Address) parse(text string, _ bool) error {
	_, port, _ := strings.Cut(text[strings.LastIndex(text, "]")+1:], ":")
	if n, err := strconv.Atoi(port); !addressPattern.MatchString(text) || err != nil || n > 65535 {
		return fmt.Errorf("%q is not an address: host:port, such as 127.0.0.1:9090", text)
	}
	*a = Address(text)
	return nil
}

func (d *Duration) parse(text string, _ bool) error {
	if digitsPattern.MatchString(text) {
		return fmt.Errorf("%q has no unit: write %ss for seconds, %sm for minutes, %sh for hours or %sd for days", text, text, text, text, text)
	}
	span, err := parseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is not a time span: write 90s, 15m, 4h, 1h30m or 30d", text)
	}
	*d = span
	return nil
}

// parseDuration takes what time.ParseDuration takes without a sign, and days of 24 hours before it.
func parseDuration(text string) (Duration, error) {
	if !durationPattern.MatchString(text) {
		return 0, errors.New("not a time span")
	}
	days, rest, ok := strings.Cut(text, "d")
	if !ok {
		days, rest = "0", text
	}
	// Counted in hours, so that time.ParseDuration sees what is too long.
	n, err := strconv.ParseInt(days, 10, 32)
	if err != nil {
		return 0, err
	}
	span, err := time.ParseDuration(fmt.Sprintf("%dh%s", 24*n, rest))
	return Duration(span), err
}

// String is as people write it: 4h, 30d.
func (d Duration) String() string { return policy.Span(time.Duration(d)) }
