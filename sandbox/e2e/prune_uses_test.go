//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	"epoxy/internal/policy"
	"epoxy/sandbox/estate"
	"epoxy/sandbox/github"
)

const allSources = "sources: [ecs, eventbridge, scheduler, lambda, apprunner, batch, step-functions]"

// Every kind of use holds the oldest image of a repository; nothing else protects it. After the prune all of them are there,
// and what nobody holds is gone.
func TestEveryKindOfUseIsKept(t *testing.T) {
	t.Parallel()
	w := newPruneWorld(t, autoApproval, `repositories: ["held/*"], `+someRules+", rollback_revisions: 1, "+allSources, "")
	held, err := w.own.NewHeld(w.ctx, "held", 3)
	w.must(err)
	w.startWorker()
	w.run(0)
	for _, h := range held {
		w.left(h.Repository, append([]string{h.Digest}, h.Also...)...)
	}
	w.told(1, "images deleted")
}

// What is held by something outside the account's own services: lists, tags, the graph of manifests, GitHub, other accounts.
func TestEveryOtherHoldIsKept(t *testing.T) {
	t.Parallel()
	const repo = "acme/e2e-holds"
	w := newPruneWorld(t, autoApproval, "", "", "data", "lab")
	w.rewrite(func(c *estate.PruneConfig) {
		c.GitHubAPI = box.GitHubAPIURL()
		c.Images = `repositories: [plain, listed, object, protected, graph, cosign, branch, tagged, pull, unknown, data, lab], ` + someRules +
			`, protect_tags: ["keep-*"], commit_tag: "^([0-9a-f]{40})$", github: { branch: ` + repo + `, tagged: ` + repo + `, pull: ` + repo + `, unknown: ` + repo + ` }` +
			`, in_use: ["` + w.own.URI("listed", "v1") + `"], in_use_objects: [ { region: vg, bucket: ` + c.Bucket + `, key: lists/eks.txt } ]`
	})
	plain := w.repository("plain", 3)
	w.use(w.own, "plain", "newest")
	listed, object := w.repository("listed", 3), w.repository("object", 3)
	w.object("lists/eks.txt", "# what EKS runs\n"+w.own.URI("object", "v1")+"\n")
	protected := w.tagged("protected", "keep-me")
	graph, cosign := w.graph(), w.cosign()
	w.must(box.github.Put(w.ctx, github.Repository{Name: repo, DefaultBranch: "main"}))
	commits := map[string]string{}
	for _, name := range []string{"branch", "tagged", "pull", "unknown", "other"} {
		commits[name] = github.SHA(t.Name() + name)
		if name != "unknown" { // force-pushed away
			w.must(box.github.Commit(w.ctx, repo, github.Commit{SHA: commits[name], Time: time.Now().Add(-2 * ago)}))
		}
	}
	w.must(box.github.Push(w.ctx, repo, github.Push{Branch: "release", Commit: github.Commit{SHA: commits["branch"]}}))
	w.must(box.github.Tag(w.ctx, repo, github.Tag{Name: "v1", Commit: commits["tagged"], Annotated: true}))
	w.must(box.github.PullRequest(w.ctx, repo, github.PullRequest{Number: 7, Head: commits["pull"]}))
	byCommit := map[string][]string{}
	for _, name := range []string{"branch", "tagged", "pull", "unknown"} {
		byCommit[name] = w.tagged(name, commits[name], commits["other"])
	}
	data, lab := w.repository("data", 3), w.repository("lab", 3)
	for name, account := range w.others {
		w.must(w.own.LetIn(w.ctx, name, account.Account))
		w.use(account, name, "v1")
	}
	w.startWorker()
	w.run(0)

	w.left("plain", plain[3])
	for _, held := range []struct {
		repository string
		digests    []string
	}{{"listed", listed}, {"object", object}, {"data", data}, {"lab", lab}} {
		w.left(held.repository, held.digests[0], held.digests[3])
	}
	w.left("protected", protected[0], protected[2])
	for _, name := range []string{"branch", "tagged", "pull", "unknown"} {
		w.left(name, byCommit[name][0], byCommit[name][2])
	}
	w.left("graph", graph...)
	w.left("cosign", cosign...)
	if out, _, _ := w.epoxy("plan", w.id(), "--all", "--repository", "unknown"); !strings.Contains(out, "GitHub does not know commit") {
		t.Errorf("the plan does not tell of the commit that was force-pushed away:\n%s", out)
	}
	w.told(1, "images deleted", policy.KeptInWords(policy.KeptCommitUnknown))
}

// tagged makes a repository with old images under these tags, one old image to go, and a new one.
func (w *pruneWorld) tagged(name string, tags ...string) []string {
	w.Helper()
	w.must(w.own.NewRepository(w.ctx, name))
	now := time.Now()
	for len(tags) < 2 {
		tags = append(tags, "unwanted")
	}
	var images []estate.Push
	for i, tag := range append(tags, "newest") {
		images = append(images, estate.Push{Tags: []string{tag}, Pushed: now.Add(-ago + time.Duration(i)*time.Minute), Bytes: 1 << 20})
	}
	images[2].Pushed = now.Add(-time.Hour)
	digests, err := w.own.Push(w.ctx, name, images...)
	w.must(err)
	return digests
}

// graph is an index that stays, with two children that have no tag and a signature of one of them, and one that goes whole.
func (w *pruneWorld) graph() (stays []string) {
	w.Helper()
	w.must(w.own.NewRepository(w.ctx, "graph"))
	old := time.Now().Add(-ago)
	first := 0
	digests, err := w.own.Push(w.ctx, "graph",
		estate.Push{Pushed: old, Bytes: 1 << 20}, estate.Push{Pushed: old, Bytes: 1 << 20},
		estate.Push{Pushed: old, Tags: []string{"multi"}, Children: []int{0, 1}},
		estate.Push{Pushed: old, Subject: &first, ArtifactType: "application/vnd.example.signature"},
		estate.Push{Pushed: old, Bytes: 1 << 20}, estate.Push{Pushed: old, Tags: []string{"unwanted"}, Children: []int{4}},
		estate.Push{Pushed: time.Now().Add(-time.Hour), Tags: []string{"newest"}},
	)
	w.must(err)
	w.use(w.own, "graph", "multi")
	return append(digests[:4:4], digests[6])
}

// cosign is a kept image with a signature by cosign's tag.
func (w *pruneWorld) cosign() (stays []string) {
	w.Helper()
	w.must(w.own.NewRepository(w.ctx, "cosign"))
	old := time.Now().Add(-ago)
	digests, err := w.own.Push(w.ctx, "cosign", estate.Push{Pushed: old, Tags: []string{"signed"}}, estate.Push{Pushed: old, Tags: []string{"unwanted"}},
		estate.Push{Pushed: time.Now().Add(-time.Hour), Tags: []string{"newest"}})
	w.must(err)
	signatures, err := w.own.Push(w.ctx, "cosign", estate.Push{Pushed: old, Tags: []string{strings.Replace(digests[0], ":", "-", 1) + ".sig"}},
		estate.Push{Pushed: old, Tags: []string{strings.Replace(digests[1], ":", "-", 1) + ".sig"}})
	w.must(err)
	w.use(w.own, "cosign", "signed")
	return []string{digests[0], digests[2], signatures[0]}
}
