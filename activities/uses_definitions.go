package activities

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"epoxy/internal/policy"
)

// DescribeTaskDefinitionAPI is what finding out the images of a task definition needs of ECS.
type DescribeTaskDefinitionAPI interface {
	DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error)
}

// definitionARN is one revision. https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskDefinition.html
var definitionARN = regexp.MustCompile(`^arn:aws[a-z-]*:ecs:([a-z0-9-]+):(\d{12}):task-definition/([A-Za-z0-9_-]{1,255}):([1-9]\d*)$`)

// resolveDefinitions finds out the images of all task definitions that are held, each described once. Whatever holds the
// definition holds its images: of init containers and sidecars, too.
func (a *UseSurveyor) resolveDefinitions(ctx context.Context, client DescribeTaskDefinitionAPI, found *findings) error {
	return each(ctx, slices.Sorted(maps.Keys(found.definitions)), func(ctx context.Context, name string) error {
		return a.resolveDefinition(ctx, client, found, name)
	})
}

func (a *UseSurveyor) resolveDefinition(ctx context.Context, client DescribeTaskDefinitionAPI, found *findings, name string) error {
	holders := found.definitions[name] // nothing is added any more
	arn, images, err := a.describeDefinition(ctx, client, name, holders)
	if err != nil {
		return err
	}
	found.mu.Lock()
	found.resolved[name] = arn
	found.mu.Unlock()
	for kind, by := range holders {
		found.add(kind, by, images)
	}
	return nil
}

// describeDefinition takes a name without a revision as ECS does, for the latest active one.
func (a *UseSurveyor) describeDefinition(ctx context.Context, client DescribeTaskDefinitionAPI, name string, holders map[string]string) (string, []policy.Reference, error) {
	if images, known := a.known.definitions.get(name); known {
		return name, images, nil
	}
	out, err := client.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &name})
	if code := codeOf(err); code == "ClientException" || code == "InvalidParameterException" {
		_, _, message := describe(err)
		return "", nil, Refuse(ErrNotFound, "task definition %s cannot be described (%s), and %s: which images that needs is not known; correct or remove what refers to it",
			name, message, heldBy(holders))
	}
	if err != nil {
		return "", nil, err
	}
	arn := aws.ToString(out.TaskDefinition.TaskDefinitionArn)
	var images []policy.Reference
	for _, c := range out.TaskDefinition.ContainerDefinitions {
		refs, err := parseImage(aws.ToString(c.Image), "")
		if err != nil {
			return "", nil, Refuse(ErrInvalid, "container %s of task definition %s has an image that cannot be read: %v; %s: correct or remove that, or deregister the definition",
				aws.ToString(c.Name), arn, err, heldBy(holders))
		}
		images = append(images, refs...)
	}
	a.known.definitions.put(arn, images)
	return arn, images, nil
}

func heldBy(holders map[string]string) string {
	held := make([]string, 0, len(holders))
	for _, kind := range slices.Sorted(maps.Keys(holders)) {
		held = append(held, fmt.Sprintf("%s (%s)", holders[kind], kind))
	}
	return strings.Join(held, ", ") + " holds it"
}

// newestRevisions are the newest of each family, as rollback targets.
type newestRevisions struct {
	most     int
	families map[string][]int // newest first
	arns     map[string]string
}

func (r *newestRevisions) add(arn string) error {
	parts := definitionARN.FindStringSubmatch(arn)
	if parts == nil {
		return fmt.Errorf("ECS lists %q, which is no task definition", arn)
	}
	revision, err := strconv.Atoi(parts[4])
	if err != nil {
		return fmt.Errorf("ECS lists %q: %w", arn, err)
	}
	family := parts[3]
	newest := append(r.families[family], revision)
	slices.SortFunc(newest, func(a, b int) int { return b - a })
	r.families[family] = newest[:min(len(newest), r.most)]
	r.arns[family] = strings.TrimSuffix(arn, ":"+parts[4])
	return nil
}

func (r *newestRevisions) all() []string {
	var arns []string
	for family, revisions := range r.families {
		for _, revision := range revisions {
			arns = append(arns, fmt.Sprintf("%s:%d", r.arns[family], revision))
		}
	}
	return arns
}
