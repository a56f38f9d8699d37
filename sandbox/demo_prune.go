package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"epoxy/sandbox/estate"
	"epoxy/sandbox/github"
	"epoxy/sandbox/slack"
	"epoxy/sandbox/stack"
)

const (
	demoConsumer = "210987654321" // another account that may use some repositories
	demoGitHub   = "acme/shop"
	demoApprover = "U0ADA00000"
	demoImages   = 600
)

// shop is the estate that the demo prunes.
type shop struct {
	own, data *estate.Containers
	held      []estate.Held
	unused    map[string][]string // repository → digests that nobody needs
	kept      map[string][]string
}

// prune plays the job that people fear most: an estate of 600 images with every kind of use in it, a plan, a person's yes in
// Slack, and what is left afterwards.
func (d *demo) prune(ctx context.Context) error {
	d.title(fmt.Sprintf("An estate of %d images, held in every way there is", demoImages))
	s, err := d.newShop(ctx)
	if err != nil {
		return err
	}
	if err := d.pruneConfig(s); err != nil {
		return err
	}
	if err := d.epoxy(ctx, "setup"); err != nil {
		return err
	}
	if err := errors.Join(d.stopWorker(), d.startWorker()); err != nil { // it reads its configuration when it starts
		return err
	}
	serve, err := d.serve()
	if err != nil {
		return err
	}
	defer func() { _ = serve.Process.Signal(syscall.SIGTERM); _ = serve.Wait() }() // it keeps no state

	d.title("A dry run, and its plan")
	if err := d.epoxy(ctx, "prune", "images", "shop", "--dry-run", "--wait"); err != nil {
		return err
	}
	if err := d.epoxy(ctx, "plan", "prune-images/shop/dry-run", "--repository", "held/running-task", "--all"); err != nil {
		return err
	}

	d.title("The real run asks in Slack; somebody presses Approve")
	if err := d.epoxy(ctx, "prune", "images", "shop"); err != nil {
		return err
	}
	if err := d.press(ctx, "approve"); err != nil {
		return err
	}
	if err := d.epoxy(ctx, "watch", "prune-images/shop"); err != nil {
		return err
	}
	if err := d.verifyShop(ctx, s); err != nil {
		return err
	}
	d.title("Why, and back again")
	if err := d.whyAndUndo(ctx, s); err != nil {
		return err
	}
	return d.showSlack(ctx, "prune", 4, "a dry run, a question, a prune with its plan, and an undo")
}

func (d *demo) newShop(ctx context.Context) (*shop, error) {
	s := &shop{unused: map[string][]string{}, kept: map[string][]string{}}
	var err error
	control := estate.Control{URL: d.s.AWSURL() + "/epoxy"}
	if s.own, err = d.aws.Containers(ctx, estate.Account, control); err != nil {
		return nil, err
	}
	if s.data, err = d.aws.Containers(ctx, demoConsumer, control); err != nil {
		return nil, err
	}
	for _, c := range []*estate.Containers{s.own, s.data} {
		if err := c.NewCluster(ctx); err != nil {
			return nil, err
		}
	}
	if s.held, err = s.own.NewHeld(ctx, "held", 18); err != nil { // 15 kinds of use, 20 images each
		return nil, err
	}
	if err := d.fill(ctx, s); err != nil {
		return nil, err
	}
	d.say("%d repositories with %d kinds of use; shop/web is built from GitHub, data/etl is used by another account (%s)", len(s.held)+2, len(s.held)+4, demoConsumer)
	return s, nil
}

// fill makes shop/web, whose tags are commits, and data/etl, which another account runs.
func (d *demo) fill(ctx context.Context, s *shop) error {
	now := time.Now()
	hub := github.Control{URL: d.s.GitHubURL()}
	if err := hub.Put(ctx, github.Repository{Name: demoGitHub, DefaultBranch: "main"}); err != nil {
		return err
	}
	var web, etl []estate.Push
	for i := range 200 {
		commit := github.Commit{SHA: github.SHA(fmt.Sprintf("demo %d", i)), Time: now.Add(-time.Duration(500-2*i) * 24 * time.Hour)}
		if i != 1 { // the second was force-pushed away
			if err := hub.Commit(ctx, demoGitHub, commit); err != nil {
				return err
			}
		}
		web = append(web, estate.Push{Tags: []string{commit.SHA}, Pushed: commit.Time.Add(time.Hour), Bytes: 120 << 20})
	}
	if err := hub.Push(ctx, demoGitHub, github.Push{Branch: "release-1", Commit: github.Commit{SHA: github.SHA("demo 0")}}); err != nil {
		return err
	}
	for i := range 100 {
		etl = append(etl, estate.Push{Tags: []string{fmt.Sprintf("v%d", i+1)}, Pushed: now.Add(-time.Duration(300-2*i) * 24 * time.Hour), Bytes: 300 << 20})
	}
	for name, images := range map[string][]estate.Push{"shop/web": web, "data/etl": etl} {
		if err := s.own.NewRepository(ctx, name); err != nil {
			return err
		}
		digests, err := s.own.Push(ctx, name, images...)
		if err != nil {
			return err
		}
		s.kept[name], s.unused[name] = []string{digests[0], digests[len(digests)-1]}, digests[2:len(digests)-20]
	}
	s.kept["shop/web"] = append(s.kept["shop/web"], "") // the second, whose commit GitHub does not know: see verify
	if err := s.own.LetIn(ctx, "data/etl", demoConsumer); err != nil {
		return err
	}
	definition, err := s.data.Define(ctx, "etl", s.own.URI("data/etl", "v1"))
	if err != nil {
		return err
	}
	_, err = s.data.Run(ctx, definition)
	return err
}

func (d *demo) pruneConfig(s *shop) error {
	d.config = filepath.Join(d.s.Dir(), "epoxy.yaml")
	var err error
	if d.serveURL, err = stack.FreeAddress(); err != nil {
		return err
	}
	settings := `repositories: ["held/*", shop/web, data/etl], min_age: 30d, keep_newest: 1, max_percent: 100, rollback_revisions: 1, ` +
		`sources: [ecs, eventbridge, scheduler, lambda, apprunner, batch, step-functions], commit_tag: "^([0-9a-f]{40})$", github: { shop/web: ` + demoGitHub + ` }`
	config := estate.PruneConfig{
		ConfigOptions: estate.ConfigOptions{UI: d.s.UIURL(), SlackAPI: d.s.SlackURL() + "/api/", Channel: "#prune"},
		GitHubAPI:     d.s.GitHubAPIURL(), Policy: "shop", Owner: estate.Account, Others: map[string]string{"data": s.data.Account},
		Bucket: "epoxy-artifacts", Table: "epoxy-ledger", Approval: "mode: ask, users: [" + demoApprover + `], cli: ["*@*"]`, Images: settings, Serve: d.serveURL,
	}
	if err := config.Write(d.config); err != nil {
		return err
	}
	return d.s.WriteEnv()
}

// serve runs the door for Slack's buttons beside the worker.
func (d *demo) serve() (*exec.Cmd, error) {
	log, err := os.Create(filepath.Join(d.s.Dir(), "log", "serve.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(d.bin("epoxy"), "serve")
	cmd.Env, cmd.Stdout, cmd.Stderr = d.s.Environ(), log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start epoxy serve: %w", err)
	}
	d.say("epoxy serve: pid %d, listens for Slack at http://%s/slack/interactions, log in %s", cmd.Process.Pid, d.serveURL, d.s.Short(log.Name()))
	return cmd, nil
}

// press clicks a button of the newest question, as a person in Slack does.
func (d *demo) press(ctx context.Context, action string) error {
	control := slack.Control{URL: d.s.SlackURL()}
	if err := control.SetRequestURL(ctx, "http://"+d.serveURL+"/slack/interactions"); err != nil {
		return err
	}
	var last error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		got, err := control.Interact(ctx, slack.Interaction{Channel: "#prune", ActionID: action, UserID: demoApprover})
		if err == nil && got.Problem == "" {
			d.say("(ada presses %q: %d after %d ms)", action, got.Status, got.Elapsed.Milliseconds())
			return nil
		}
		last = errors.Join(err, errors.New(got.Problem)) // not asked yet
	}
	return fmt.Errorf("nobody could press %q within a minute: %w; see %s", action, last, d.s.Short(filepath.Join(d.s.Dir(), "log", "serve.log")))
}

// verifyShop looks with the owner's eyes: everything that is held is there, and what nobody needs is gone.
func (d *demo) verifyShop(ctx context.Context, s *shop) error {
	left, lost := 0, []string{}
	for _, h := range s.held {
		s.kept[h.Repository] = append([]string{h.Digest}, h.Also...)
	}
	for repository, kept := range s.kept {
		there, err := s.own.Digests(ctx, repository)
		if err != nil {
			return err
		}
		left += len(there)
		for _, digest := range kept {
			if _, ok := there[digest]; !ok && digest != "" {
				lost = append(lost, repository+"@"+digest)
			}
		}
		for _, digest := range s.unused[repository] {
			if _, ok := there[digest]; ok {
				return fmt.Errorf("%s still holds %s, which nobody needs", repository, digest)
			}
		}
	}
	d.say("\nIn ECR: %d of %d images are left; all %d that somebody holds are among them", left, demoImages, len(s.held)+3)
	if len(lost) > 0 {
		return fmt.Errorf("images that were in use are gone: %s", strings.Join(lost, ", "))
	}
	return nil
}

func (d *demo) whyAndUndo(ctx context.Context, s *shop) error {
	if err := d.epoxy(ctx, "why", "data/etl:v1"); err != nil {
		return err
	}
	if err := d.epoxy(ctx, "why", "data/etl:v3"); err != nil {
		return err
	}
	entry, err := d.output(ctx, "why", "data/etl:v3", "-o", "json")
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(entry, `"id": "`)
	id, _, _ := strings.Cut(rest, `"`)
	if err := d.epoxy(ctx, "undo", id, "--wait"); err != nil {
		return err
	}
	there, err := s.own.Digests(ctx, "data/etl")
	if err != nil {
		return err
	}
	if tags := there[s.unused["data/etl"][0]]; len(tags) != 1 || tags[0] != "v3" {
		return fmt.Errorf("data/etl:v3 is not back, but has the tags %v", tags)
	}
	d.say("data/etl:v3 is back")
	return nil
}

// output runs the command quietly.
func (d *demo) output(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, d.bin("epoxy"), args...)
	cmd.Env, cmd.Stderr = d.s.Environ(), d.out
	out, err := cmd.Output()
	return string(out), err
}
