package activities

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"go.temporal.io/sdk/testsuite"

	"epoxy/internal/artifact"
	"epoxy/internal/artifact/artifacttest"
	"epoxy/internal/policy"
)

func digestOfText(text string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text))) }

// deletionWorld is a repository of which an old index with two children and a signature, and some plain images go.
type deletionWorld struct {
	t      testing.TB
	ecr    *fakeDeletions
	s3     *artifacttest.S3
	ledger *fakeLedger
	look   *fakeLook
	in     DeleteImagesInput
	plan   []policy.Verdict
	named  map[string]string // digests by the test's names
}

func newDeletionWorld(t testing.TB) *deletionWorld {
	t.Helper()
	w := &deletionWorld{t: t, s3: artifacttest.New(bucket), ledger: newLedger(), look: &fakeLook{}, named: map[string]string{}}
	w.ecr = &fakeDeletions{
		fakeRegistry: newRegistry(shopRepository.Name), t: t, ledger: w.ledger,
		refuses: map[string]types.ImageFailureCode{}, silent: map[string]bool{}, deleted: map[string]int{},
	}
	// ECR's endpoint is the repository's Region; the place has the account.
	w.push("used", nil, "live")
	w.push("a", nil, "v1", "v2")
	w.push("b", nil)
	w.push("amd", nil)
	w.push("arm", nil)
	w.push("index", []string{"amd", "arm"}, "v3")
	w.push("sig", nil, "sha256-"+w.named["index"][len("sha256:"):]+".sig")
	w.look.uses.Images = []policy.Use{w.use("used")}
	w.makePlan()
	return w
}

func (w *deletionWorld) push(name string, children []string, tags ...string) {
	media := mediaOCIImage
	digests := make([]string, 0, len(children))
	for _, child := range children {
		digests = append(digests, w.named[child])
	}
	if children != nil {
		media = mediaOCIIndex
	}
	image := w.ecr.repositories[shopRepository.Name].push(media, name, begun.AddDate(-1, 0, 0), digests, tags...)
	w.named[name] = *image.ImageDigest
}

func (w *deletionWorld) use(name string) policy.Use {
	return policy.Use{Reference: policy.Reference{Repository: shopRepository, Digest: w.named[name]}, Kind: policy.UseTask, By: "arn:task"}
}

func (w *deletionWorld) image(name string) *storedImage { return w.ecr.images()[w.named[name]] }

// makePlan plans, and writes the plan as the planner does.
func (w *deletionWorld) makePlan() {
	w.t.Helper()
	in := policy.ImagePlanInput{Repository: shopRepository, Now: begun, Rules: policy.ImageRules{MinAge: 24 * time.Hour, ProtectTags: []string{"prod"}}, Uses: w.look.uses.Images}
	for _, image := range w.ecr.images() {
		known := imageOf(image.ImageDetail, map[string]string{})
		known.Children = childrenOf(image.manifest)
		in.Images = append(in.Images, known)
	}
	w.plan = must[[]policy.Verdict](w.t)(policy.PlanImages(in))
	part, ref := writeTestPlan(w.t, w.s3, shopRepository.String(), w.plan)
	w.in = DeleteImagesInput{
		Deletion: Deletion{
			Store: theStore(), Place: here, Policy: "shop", Plan: ref, Part: part, Approver: "ann", WorkflowID: "prune-images/shop", RunID: run,
			Ledger: LedgerTable{Place: here, Table: "epoxy-ledger"}, Again: []SurveyUsesInput{{Place: here, Source: policy.SourceECS}},
		},
		Repository: shopRepository, Rules: in.Rules,
	}
}

// writeTestPlan writes a plan of one part.
func writeTestPlan(t testing.TB, s3 *artifacttest.S3, name string, verdicts []policy.Verdict) (policy.PlanPart, Artifact) {
	t.Helper()
	s := shelf{artifact.Store{API: s3, Bucket: bucket}, here}
	part := must[policy.PlanPart](t)(putPart(t.Context(), s, name, verdicts))
	return part, must[Artifact](t)(s.put(t.Context(), kindPlan, policy.Plan{Policy: "shop", Parts: []policy.PlanPart{part}}))
}

// wave makes the input one wave.
func (w *deletionWorld) wave(n int) DeleteImagesInput {
	in := w.in
	for _, before := range w.in.Part.Waves[:n] {
		in.From += before
	}
	in.Count = w.in.Part.Waves[n]
	return in
}

func (w *deletionWorld) delete(in DeleteImagesInput, options ...func(*testsuite.TestActivityEnvironment)) (DeletionOutput, error) {
	w.t.Helper()
	a := &ImageDeleter{ECR: to[ImageDeletionAPI](w.ecr), S3: to[artifact.API](w.s3), Ledger: w.ledger.open, Look: w.look}
	return attempt(w.t, a.DeleteImages, in, options...)
}

// there are the names of the images that are left.
func (w *deletionWorld) there() []string {
	var names []string
	for name, digest := range w.named {
		if w.ecr.images()[digest] != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// outcomes are what the ledger says, by name.
func (w *deletionWorld) outcomes() map[string]string {
	out := map[string]string{}
	for name, digest := range w.named {
		if e := w.ledger.of(shopRepository.ImageName(digest)); e.ID != "" {
			out[name] = e.Outcome
		}
	}
	return out
}

// codesOf are the codes of verdicts by name.
func (w *deletionWorld) codesOf(verdicts []policy.Verdict) map[string]string {
	out := map[string]string{}
	for _, v := range verdicts {
		for name, digest := range w.named {
			if digest == v.ID {
				out[name] = v.Code
			}
		}
	}
	return out
}
