package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"epoxy/sandbox/estate"
	"epoxy/sandbox/slack"
	"epoxy/sandbox/stack"
)

// demo plays Epoxy's jobs on the sandbox: real Temporal server, real worker process, the real command.
type demo struct {
	out    io.Writer
	s      *stack.Stack
	aws    *estate.Estate
	config string
	worker *exec.Cmd

	serveURL string // host:port of epoxy serve
}

func demoCommand() *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use: "demo", Short: "Play Epoxy's main jobs on the sandbox", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDemo(cmd.Context(), cmd.OutOrStdout(), keep) },
	}
	person := term.IsTerminal(int(os.Stdout.Fd()))
	cmd.Flags().BoolVar(&keep, "keep", person, "leave sandbox and worker running, to look around; a person gets this without asking")
	return cmd
}

func runDemo(ctx context.Context, out io.Writer, keep bool) (err error) {
	d := &demo{out: out}
	d.title("A sandbox: Temporal, AWS and Slack on this machine")
	ports, err := stack.PortsFromEnvironment()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if old, err := stack.Load(""); err == nil { // every demo begins with the same, empty world
		if err := old.Down(); err != nil {
			return err
		}
	}
	if d.s, err = stack.Up(ctx, stack.Options{Ports: ports, Self: self, Out: out}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop(keep)) }()
	if err := explain(out, d.s); err != nil {
		return err
	}
	if d.aws, err = estate.Open(ctx, d.s.AWSURL()); err != nil {
		return err
	}
	if err := d.bake(ctx); err != nil {
		return err
	}
	if err := d.prune(ctx); err != nil {
		return err
	}
	if err := d.mop(ctx); err != nil {
		return err
	}
	d.title("Done")
	return nil
}

func (d *demo) title(text string) { fmt.Fprintf(d.out, "\n── %s\n\n", text) }

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

// bake plays a release: an image of the build instance, a new version, new instances, and a second bake that fails.
func (d *demo) bake(ctx context.Context) error {
	d.title("A fleet: one instance to bake, a launch template, an Auto Scaling group of four")
	fleet, err := d.aws.NewFleet(ctx, estate.FleetOptions{Name: "shop-web-prod-a", GroupSize: 4})
	if err != nil {
		return err
	}
	d.say("instance %s, launch template %s, group %s", fleet.InstanceID, fleet.LaunchTemplateID, fleet.Group)
	d.config = filepath.Join(d.s.Dir(), "epoxy.yaml")
	settings := fmt.Sprintf("auto_scaling_group: %s, refresh: { min_healthy_percentage: 75 }", fleet.Group)
	err = estate.WriteConfig(d.config, estate.ConfigOptions{UI: d.s.UIURL(), SlackAPI: d.s.SlackURL() + "/api/", Channel: "#deploys"},
		estate.Target{Group: "a", Fleet: fleet, Settings: settings})
	if err != nil {
		return err
	}
	if err := d.s.WriteEnv(); err != nil {
		return err
	}
	if err := d.startWorker(); err != nil {
		return err
	}

	d.title("Bake it, publish it, replace the instances")
	bake := []string{"bake", "--region", "vg", "--app", "shop", "--layer", "web", "--env", "prod", "--group", "a", "--commit", "4f2a9c1", "--wait"}
	if err := d.epoxy(ctx, bake...); err != nil {
		return err
	}
	if err := d.verify(ctx, fleet, 2); err != nil {
		return err
	}

	d.title("Bake again, and let EC2 fail the image: nothing is left behind")
	if err := (estate.Control{URL: d.s.AWSURL() + "/epoxy"}).Set(ctx, map[string]any{"image_fail": 1}); err != nil {
		return err
	}
	bake[12] = "8d01e77"
	var failed *exec.ExitError
	if err := d.epoxy(ctx, bake...); !errors.As(err, &failed) || failed.ExitCode() != 1 {
		return fmt.Errorf("the second bake should have failed with exit code 1, but: %v", err) //nolint:errorlint // told, not wrapped: it may be nil
	}
	d.say("(exit code 1)\n")
	if err := d.verify(ctx, fleet, 2); err != nil {
		return err
	}
	return d.showSlack(ctx, "deploys", 2, "two bakes should have told one each")
}

// verify looks with the owner's eyes: one image, one new version that differs in the image alone, all instances on it.
func (d *demo) verify(ctx context.Context, fleet estate.Fleet, want int) error {
	images, err := d.aws.OwnImages(ctx, estate.Region, "vg-shop-web-prod-a")
	if err != nil {
		return err
	}
	snapshots, err := d.aws.RunSnapshots(ctx, estate.Region, "vg/shop/web/prod/a")
	if err != nil {
		return err
	}
	versions, err := d.aws.Versions(ctx, fleet.LaunchTemplateID)
	if err != nil {
		return err
	}
	running, err := d.aws.GroupVersions(ctx, fleet.Group)
	if err != nil {
		return err
	}
	d.say("\nIn AWS: %d image, %d snapshot, %d launch template versions; %d instances run version %d", len(images), len(snapshots), len(versions), running[want], want)
	if len(images) != 1 || len(snapshots) != 1 || len(versions) != want || running[want] != 4 {
		return errors.New("that is not what a bake should leave behind")
	}
	newest := versions[0]
	if got := aws.ToString(newest.LaunchTemplateData.ImageId); got != aws.ToString(images[0].ImageId) {
		return fmt.Errorf("version %d names %s, not %s", aws.ToInt64(newest.VersionNumber), got, aws.ToString(images[0].ImageId))
	}
	d.say("        version %d names %s (%s)", aws.ToInt64(newest.VersionNumber), aws.ToString(images[0].ImageId), aws.ToString(images[0].Name))
	return nil
}

// showSlack prints what a channel got, threads left out.
func (d *demo) showSlack(ctx context.Context, channel string, want int, why string) error {
	d.title("What Slack got in #" + channel)
	messages, err := slack.Control{URL: d.s.SlackURL()}.Messages(ctx, "")
	if err != nil {
		return err
	}
	n := 0
	for _, m := range messages {
		if m.ChannelName == channel && (m.ThreadTS == "" || m.ThreadTS == m.TS) {
			d.say("#%s  %s  (edited %d times)", m.ChannelName, m.Text, m.Edits)
			n++
		}
	}
	if n != want {
		return fmt.Errorf("%d messages, where %d were to be: %s", n, want, why)
	}
	d.say("\nas Slack shows them: %s", d.s.SlackURL())
	d.say("the runs in Temporal: %s/namespaces/default/workflows", d.s.UIURL())
	return nil
}

func (d *demo) bin(name string) string { return filepath.Join(d.s.Root(), "bin", name) }

// startWorker runs the worker as a person would, with its log beside the others.
func (d *demo) startWorker() error {
	log, err := os.Create(filepath.Join(d.s.Dir(), "log", "worker.log"))
	if err != nil {
		return fmt.Errorf("open the worker's log: %w", err)
	}
	defer log.Close()
	d.worker = exec.Command(d.bin("epoxy-worker"))
	d.worker.Env, d.worker.Stdout, d.worker.Stderr = d.s.Environ(), log, log
	d.worker.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := d.worker.Start(); err != nil {
		return fmt.Errorf("start the worker: %w; run `make build`", err)
	}
	d.say("worker: pid %d, log in %s", d.worker.Process.Pid, d.s.Short(log.Name()))
	return nil
}

func (d *demo) epoxy(ctx context.Context, args ...string) error {
	fmt.Fprint(d.out, "$ epoxy")
	for _, a := range args {
		fmt.Fprint(d.out, " ", a)
	}
	d.say("")
	cmd := exec.CommandContext(ctx, d.bin("epoxy"), args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = d.s.Environ(), d.out, d.out
	return cmd.Run()
}

func (d *demo) stop(keep bool) error {
	if keep {
		d.say("sandbox and worker go on; stop them: kill %d; make sandbox-down", d.worker.Process.Pid)
		return nil
	}
	if err := d.stopWorker(); err != nil {
		return err
	}
	if d.s == nil {
		return nil
	}
	d.say("sandbox and worker are stopped; `make sandbox` starts it again, `bin/epoxy-sandbox demo --keep` leaves all running")
	return d.s.Down()
}

// stopWorker lets it finish what is under way.
func (d *demo) stopWorker() error {
	if d.worker == nil {
		return nil
	}
	if err := d.worker.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the worker: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = d.worker.Wait() // it was asked to end: how it did is in its log
		close(ended)
	}()
	select {
	case <-ended:
		d.worker = nil
		return nil
	case <-time.After(40 * time.Second):
		return d.worker.Process.Kill()
	}
}
