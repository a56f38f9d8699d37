package policy

import (
	"fmt"
	"regexp"
	"strings"
)

// Repository is an ECR repository. Its name may be nested and hyphenated: team/shop-web.
type Repository struct {
	Account string `json:"account"` // twelve digits
	Region  string `json:"region"`
	Name    string `json:"name"`
}

// String is account/region/name, as messages and keys name a repository.
func (r Repository) String() string { return r.Account + "/" + r.Region + "/" + r.Name }

// ImageName is an image's identity for people and the ledger: account/region/name@digest.
func (r Repository) ImageName(digest string) string { return r.String() + "@" + digest }

// Reference is what a task definition, function or service writes as its image.
type Reference struct {
	Repository Repository `json:"repository"`
	Tag        string     `json:"tag,omitempty"`
	Digest     string     `json:"digest,omitempty"`
}

// Registry hosts: https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html and, for FIPS and dual-stack,
// https://docs.aws.amazon.com/general/latest/gr/ecr.html
var (
	registryHost = regexp.MustCompile(`^(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws|on\.amazonwebservices\.com\.cn)$`)
	digestForm   = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// IsDigest tells whether s is a digest as ECR writes it.
func IsDigest(s string) bool { return digestForm.MatchString(s) }

// ParseReference reads an image reference. ok is false for an image of another registry, which is none of ours; err says
// that it is ECR's and cannot be read, so that nobody takes it for unused.
func ParseReference(image string) (ref Reference, ok bool, err error) {
	image = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(image), "https://"), "docker://")
	host, rest, found := strings.Cut(image, "/")
	parts := registryHost.FindStringSubmatch(strings.ToLower(host))
	if !found || parts == nil {
		return Reference{}, false, nil
	}
	ref.Repository = Repository{Account: parts[1], Region: parts[2]}
	name, digest, pinned := strings.Cut(rest, "@")
	if pinned {
		if !IsDigest(digest) {
			return Reference{}, false, fmt.Errorf("%q has a malformed digest", image)
		}
		ref.Digest = digest
	}
	// A colon after the last slash begins the tag: repository names have none.
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name, ref.Tag = name[:i], name[i+1:]
		if ref.Tag == "" {
			return Reference{}, false, fmt.Errorf("%q has an empty tag", image)
		}
	}
	if name == "" || strings.Contains(name, ":") {
		return Reference{}, false, fmt.Errorf("%q names no repository", image)
	}
	if ref.Tag == "" && ref.Digest == "" {
		ref.Tag = "latest" // what every container runtime takes then
	}
	ref.Repository.Name = name
	return ref, true, nil
}
