package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"epoxy/internal/policy"
)

// Attributes of the table. What an intent says is one JSON text, which never changes; what comes later has attributes of its
// own, so that conditions can look at them; so have the two texts that may be big, which JSON would only make bigger.
const (
	attrPK         = "pk"
	attrSK         = "sk"
	attrEntry      = "entry"
	attrManifest   = "manifest"
	attrDefinition = "definition"
	attrOutcome    = "outcome"
	attrDetail     = "detail"
	attrEnded      = "ended"
	attrUndoneBy   = "undone_by"
	attrMade       = "made"
	attrPlan       = "plan"
)

type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// textOf is an attribute's text, or "".
func textOf(i item, name string) string {
	if s, ok := i[name].(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func key(pk, sk string) item { return item{attrPK: text(pk), attrSK: text(sk)} }

func entryKey(id string) item { return key("entry#"+id, "entry") }

// stamp is a time whose texts sort as the times do: always UTC, always nine decimals.
func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000000000Z07:00") }

func toItem(e Entry) (item, error) {
	i := entryKey(e.ID)
	if e.PutBack.Manifest != "" {
		i[attrManifest] = text(e.PutBack.Manifest)
	}
	if e.PutBack.Definition != "" {
		i[attrDefinition] = text(e.PutBack.Definition)
	}
	e.PutBack.Manifest, e.PutBack.Definition = "", ""
	said, err := marshal(e)
	i[attrEntry] = text(said)
	return i, err
}

func fromItem(i item) (Entry, error) {
	var e Entry
	if err := json.Unmarshal([]byte(textOf(i, attrEntry)), &e); err != nil {
		return Entry{}, fmt.Errorf("item %s of the ledger is no entry: %w", textOf(i, attrPK), err)
	}
	e.PutBack.Manifest, e.PutBack.Definition = textOf(i, attrManifest), textOf(i, attrDefinition)
	e.Outcome, e.Detail, e.UndoneBy = textOf(i, attrOutcome), textOf(i, attrDetail), textOf(i, attrUndoneBy)
	if ended := textOf(i, attrEnded); ended != "" {
		at, err := time.Parse(time.RFC3339Nano, ended)
		if err != nil {
			return Entry{}, fmt.Errorf("entry %s of the ledger: %w", e.ID, err)
		}
		e.Ended = at
	}
	return e, nil
}

// marshal is JSON as people read it: < and > stay what they are.
func marshal(v any) (string, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return strings.TrimSuffix(out.String(), "\n"), err
}

// aliases are the names under which people look for an entry.
func (e Entry) aliases() []string {
	switch e.Kind {
	case ECSTaskDefinition:
		_, revision, _ := strings.Cut(e.Resource, ":task-definition/")
		return []string{e.Resource, revision}
	case ChefNode, ChefClient, RecordSet:
		return append([]string{e.Resource}, e.Names...)
	}
	out := []string{e.Digest}
	for _, tag := range e.Tags {
		out = append(out, tag, e.Repository+":"+tag)
	}
	return out
}

// sought is what somebody looks for: the alias to follow, and what else was said about the resource.
type sought struct {
	alias                       string
	account, region, repository string
}

var placed = regexp.MustCompile(`^(\d{12})/([a-z0-9-]+)/(.+)$`)

// parseSought reads the names that people copy from plans, task definitions and consoles.
func parseSought(resource string) (sought, error) {
	resource = strings.TrimSpace(resource)
	ref, ours, err := policy.ParseReference(resource)
	if err != nil {
		return sought{}, err
	}
	if ours {
		r := ref.Repository
		s := sought{alias: ref.Digest, account: r.Account, region: r.Region, repository: r.Name}
		if s.alias == "" {
			s.alias = r.Name + ":" + ref.Tag
		}
		return s, nil
	}
	s := sought{alias: resource}
	if parts := placed.FindStringSubmatch(resource); parts != nil {
		s = sought{account: parts[1], region: parts[2], alias: parts[3]}
	}
	if repository, digest, pinned := strings.Cut(s.alias, "@"); pinned {
		s.repository, s.alias = repository, digest
	}
	if s.alias == "" {
		return sought{}, fmt.Errorf("%q names nothing: give a digest, a tag, repository:tag, an ARN or family:revision", resource)
	}
	return s, nil
}

func (s sought) matches(e Entry) bool {
	for _, pair := range [][2]string{{s.account, e.Account}, {s.region, e.Region}, {s.repository, e.Repository}} {
		if pair[0] != "" && pair[0] != pair[1] {
			return false
		}
	}
	return true
}
