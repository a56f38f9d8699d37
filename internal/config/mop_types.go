package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
)

// The texts of the sections mop and sweeps; see types.go.
type (
	// QueueName is the name of an SQS queue.
	QueueName string
	// TopicARN is the ARN of an SNS topic.
	TopicARN string
	// GroupPattern is the name of an Auto Scaling group, or a pattern.
	GroupPattern string
	// HookPattern is the name of a lifecycle hook, or a pattern.
	HookPattern string
	// ZoneID is the id of a Route 53 hosted zone.
	ZoneID string
	// DomainName is a DNS name in lower case, without the dot at its end.
	DomainName string
	// DomainPattern is a DNS name, or a pattern.
	DomainPattern string
	// NodeNameTemplate is how Chef nodes are named.
	NodeNameTemplate string
	// RecordNameTemplate is a DNS name that a node has for itself.
	RecordNameTemplate string
	// SweepMode is what a sweep does with what it finds.
	SweepMode string
)

// Names as AWS has them:
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
// https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_LifecycleHook.html
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_HostedZone.html
// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html
var (
	queuePattern        = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$|^[A-Za-z0-9_-]{1,75}\.fifo$`)
	topicPattern        = regexp.MustCompile(`^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$`)
	groupsPattern       = groupPattern
	hookPattern         = regexp.MustCompile(`^[A-Za-z0-9_/*?-]{1,255}$`)
	zonePattern         = regexp.MustCompile(`^[A-Z0-9]{1,32}$`)
	domainPattern       = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_/-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_]([A-Za-z0-9_/-]{0,61}[A-Za-z0-9_])?\.?$`)
	domainsPattern      = regexp.MustCompile(`^[A-Za-z0-9_*?.-]{1,255}$`)
	nodeNamesPattern    = regexp.MustCompile(`^[A-Za-z0-9_.-]*\{(instance|name|hostname)\}([A-Za-z0-9_.-]|\{(instance|name|hostname)\})*$`)
	recordNamesPattern  = regexp.MustCompile(`^[A-Za-z0-9_.-]*\{(node|fqdn|hostname|instance)\}([A-Za-z0-9_.-]|\{(node|fqdn|hostname|instance)\})*$`)
	placeholdersPattern = regexp.MustCompile(`\{[^{}]*\}?`)
)

func (q *QueueName) parse(text string, _ bool) error {
	return shaped(q, text, queuePattern, "the name of an SQS queue: 1 to 80 letters, digits, _ and - (give the name, not the URL or the ARN)")
}

func (t *TopicARN) parse(text string, _ bool) error {
	return shaped(t, text, topicPattern, "the ARN of an SNS topic: arn:aws:sns:us-east-1:123456789012:terminations")
}

func (g *GroupPattern) parse(text string, _ bool) error {
	return shaped(g, text, groupsPattern, "the name of an Auto Scaling group, or a pattern with * and ?: 1 to 255 characters, no colon (give the name, not the ARN)")
}

func (h *HookPattern) parse(text string, _ bool) error {
	return shaped(h, text, hookPattern, "the name of a lifecycle hook, or a pattern: 1 to 255 letters, digits, _/- and the wildcards * and ?")
}

func (z *ZoneID) parse(text string, _ bool) error {
	return shaped(z, text, zonePattern, "the id of a hosted zone: up to 32 characters of A-Z and 0-9, without /hostedzone/ before it")
}

func (d *DomainName) parse(text string, _ bool) error {
	if err := shaped(d, text, domainPattern, "a DNS name such as example.com or 2.0.192.in-addr.arpa"); err != nil {
		return err
	}
	*d = DomainName(strings.ToLower(strings.TrimSuffix(text, ".")))
	return nil
}

func (d *DomainPattern) parse(text string, _ bool) error {
	if err := shaped(d, text, domainsPattern, "a DNS name, or a pattern: letters, digits, ._- and the wildcards * and ?, such as web.example.com"); err != nil {
		return err
	}
	*d = DomainPattern(strings.ToLower(strings.TrimSuffix(text, ".")))
	return nil
}

func (n *NodeNameTemplate) parse(text string, _ bool) error {
	return template(n, text, nodeNamesPattern, "instance", "name", "hostname")
}

func (r *RecordNameTemplate) parse(text string, _ bool) error {
	return template(r, text, recordNamesPattern, "node", "fqdn", "hostname", "instance")
}

// template takes a text with at least one of the names in braces: without one it would be the same for every node, and
// the first that dies would take it from all.
func template[T ~string](into *T, text string, pattern *regexp.Regexp, names ...string) error {
	known := "{" + strings.Join(names, "}, {") + "}"
	found := placeholdersPattern.FindAllString(text, -1)
	for _, f := range found {
		if name := strings.Trim(f, "{}"); !slices.Contains(names, name) || f != "{"+name+"}" {
			return fmt.Errorf("%q has %s, which nothing fills in%s (one of %s)", text, f, didYouMean(name, names), known)
		}
	}
	if len(found) == 0 {
		return fmt.Errorf("%q would be the same for every node: put one of %s into it", text, known)
	}
	return shaped(into, text, pattern, "a template of a name: letters, digits, ._- and "+known)
}

// What a sweep does with what it finds.
const (
	SweepReport SweepMode = "report"
	SweepMop    SweepMode = "mop"
)

var sweepModes = []string{string(SweepReport), string(SweepMop)}

func (m *SweepMode) parse(text string, _ bool) error {
	return oneWord(m, text, "a mode of a sweep", sweepModes)
}

func oneWord[T ~string](into *T, text, what string, words []string) error {
	if !slices.Contains(words, text) {
		return fmt.Errorf("%q is not %s%s (one of %s)", text, what, didYouMean(text, words), strings.Join(words, ", "))
	}
	*into = T(text)
	return nil
}

func (QueueName) schema() *jsonschema.Schema        { return pattern(queuePattern) }
func (TopicARN) schema() *jsonschema.Schema         { return pattern(topicPattern) }
func (GroupPattern) schema() *jsonschema.Schema     { return pattern(groupsPattern, "shop-*") }
func (HookPattern) schema() *jsonschema.Schema      { return pattern(hookPattern, "epoxy-*") }
func (ZoneID) schema() *jsonschema.Schema           { return pattern(zonePattern, "Z0123456789ABCDEFGHIJ") }
func (DomainName) schema() *jsonschema.Schema       { return pattern(domainPattern, "example.com") }
func (DomainPattern) schema() *jsonschema.Schema    { return pattern(domainsPattern, "web.example.com") }
func (NodeNameTemplate) schema() *jsonschema.Schema { return pattern(nodeNamesPattern, "{name}") }
func (RecordNameTemplate) schema() *jsonschema.Schema {
	return pattern(recordNamesPattern, "{node}", "{hostname}.internal")
}
func (SweepMode) schema() *jsonschema.Schema { return oneOf(sweepModes) }
