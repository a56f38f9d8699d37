//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"epoxy/activities"
	"epoxy/internal/policy"
	"epoxy/sandbox/estate"
	"epoxy/workflows"
)

// TestMopBadInput: what is malformed or hostile goes to the dead letters, untouched; what is nobody's business is dropped; and
// an event about a live instance, another account or an unknown Region deletes nothing.
func TestMopBadInput(t *testing.T) {
	t.Parallel()
	w := newMopWorld(t, 3, "groups: [\"web*\"]")
	target := w.nodes[0]
	event := func(instance string) string {
		return fmt.Sprintf(`{"Event":"autoscaling:EC2_INSTANCE_TERMINATE","AccountId":%q,"AutoScalingGroupName":%q,"EC2InstanceId":%q,"ActivityId":"a","Time":"2026-11-21T10:00:00Z"}`, estate.Account, w.group, instance)
	}
	hostile := []string{
		event("*"), event("../clients/x"), event("i-" + strings.Repeat("0", 10000)), `not JSON`, `[]`, `"text"`, `{}`,
		`{"Event":"epoxy:DELETE","node":"../clients/` + target.Name + `"}`, `{"Event":"epoxy:DELETE","node":"a/b"}`, `{"Event":"epoxy:DELETE","node":"a?b"}`,
		`{"Event":"epoxy:DELETE","node":"a&b"}`, `{"Event":"epoxy:DELETE","node":"a\"b"}`, `{"Event":"epoxy:DELETE","node":"` + strings.Repeat("a", 10<<10) + `"}`,
		`{"Event":"epoxy:DELETE","node":"*"}`, `{"Event":"epoxy:DELETE"}`, strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000),
		`{"Event":"autoscaling:EC2_INSTANCE_TERMINATE","EC2InstanceId":["` + target.ID + `"]}`,
		`{"Event":"autoscaling:EC2_INSTANCE_TERMINATE","pad":"` + strings.Repeat("x", 250<<10) + `"}`,
		strings.Replace(event(target.ID), estate.Account, "999999999999", 1),
		`{"version":"0","id":"1","detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","account":"` + estate.Account + `","time":"2026-11-21T10:00:00Z","region":"mars-north-1","resources":[],"detail":{"instance-id":"` + target.ID + `","state":"terminated"}}`,
	}
	for _, body := range hostile {
		w.send(body)
	}
	w.send(`{"Event":"autoscaling:TEST_NOTIFICATION","AccountId":"` + estate.Account + `","AutoScalingGroupName":"x","Time":"2026-11-21T10:00:00Z","Service":"AWS Auto Scaling","RequestId":"r"}`)
	w.send(`{"LifecycleHookName":"another-teams","AccountId":"` + estate.Account + `","RequestId":"r","LifecycleTransition":"autoscaling:EC2_INSTANCE_TERMINATING","AutoScalingGroupName":"` + w.group + `","Service":"AWS Auto Scaling","Time":"2026-11-21T10:00:00Z","EC2InstanceId":"` + target.ID + `","LifecycleActionToken":"87654321-4321-4321-4321-210987654321"}`)
	w.send(event(w.nodes[1].ID)) // alive
	w.startWorker()
	w.serve()

	alive := w.ended(w.nodes[1])
	if alive.Outcome != activities.OutcomeFailed || !strings.Contains(alive.Reason, "nothing of it is touched") {
		t.Errorf("an event about a live instance: %+v", alive)
	}
	w.until("the dead letters", func() bool {
		depth, err := w.aws.Depth(w.ctx, w.queue.DeadURL)
		return err == nil && depth == len(hostile)
	})
	w.until("an empty queue", func() bool { depth, err := w.aws.Depth(w.ctx, w.queue.URL); return err == nil && depth == 0 })
	w.whole(w.nodes...)
	if _, err := box.temporal.DescribeWorkflow(w.ctx, w.mopID(target), ""); err == nil {
		t.Error("another team's hook, or an event with a foreign account or Region, started a mop")
	}

	forged := func(certificate string) string {
		return fmt.Sprintf(`{"Type":"Notification","MessageId":"1","TopicArn":%q,"Message":%q,"Timestamp":%q,"SignatureVersion":"2","Signature":"AAAA","SigningCertURL":%q}`,
			w.topic, event(target.ID), time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), certificate)
	}
	for name, body := range map[string]string{
		"a certificate elsewhere":     forged("https://sns.us-east-1.amazonaws.com.evil.example/x.pem"),
		"of another Region":           forged("https://sns.eu-west-1.amazonaws.com/x.pem"),
		"without TLS":                 forged("http://sns.us-east-1.amazonaws.com/x.pem"),
		"of a topic that is not ours": strings.Replace(forged("https://sns.us-east-1.amazonaws.com/x.pem"), w.topic, w.topic+"x", 1),
	} {
		if got := w.post("/sns", body); got != http.StatusForbidden {
			t.Errorf("%s: status %d", name, got)
		}
	}
	if got := w.post("/sns", "{"); got != http.StatusBadRequest {
		t.Errorf("half an envelope: status %d", got)
	}
	w.noSecrets(w.mopID(w.nodes[1]))
}

func (w *mopWorld) post(path, body string) int {
	w.Helper()
	req, err := http.NewRequestWithContext(w.ctx, http.MethodPost, "http://"+w.cfg.Serve+path, strings.NewReader(body))
	w.must(err)
	req.Header.Set("Content-Type", "text/plain; charset=UTF-8")
	resp, err := http.DefaultClient.Do(req)
	w.must(err)
	resp.Body.Close()
	return resp.StatusCode
}

// TestBootstrapThatFails really runs the script of deploy/bootstrap, with curl and a stand-in for the metadata service: the
// node that a failed bootstrap left is gone once its instance has ended. Then the old system's event.
func TestBootstrapThatFails(t *testing.T) {
	t.Parallel()
	w := newMopWorld(t, 3)
	w.startWorker()
	w.serve()
	failed := w.nodes[0]
	old, err := w.aws.RunAt(w.ctx, "10.200.0.7", w.group+"-old") // of no group: nobody else announces its end
	w.must(err)
	w.register(old)
	for _, n := range []estate.Node{failed, old} {
		w.must(w.chef.Register(w.ctx, n.Name, map[string]any{})) // chef-client never got as far as Ohai
	}
	metadata := w.metadata(failed)
	run := func(node string, command ...string) (string, int) {
		w.Helper()
		cmd := exec.CommandContext(w.ctx, "sh", append([]string{filepath.Join(box.root, "deploy", "bootstrap", "epoxy-bootstrap.sh"), "--topic", w.topic, "--node", node, "--"}, command...)...)
		cmd.Env = append(w.on.Environ(), "PATH="+w.withoutAWS(), "AWS_EC2_METADATA_SERVICE_ENDPOINT="+metadata)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			w.Fatal(err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	if out, code := run(failed.Name, "true"); code != 0 {
		t.Errorf("a bootstrap that works: exit code %d: %s", code, out)
	}
	w.whole(w.nodes...)
	out, code := run(failed.Name, "sh", "-c", "echo no package; exit 23")
	if code != 23 || !strings.Contains(out, "announced") {
		t.Fatalf("exit code %d: %s", code, out)
	}
	id := w.mopID(failed)
	w.until("the mop to wait for the instance's end", func() bool {
		d, err := box.temporal.DescribeWorkflowExecution(w.ctx, id, "")
		return err == nil && len(d.GetPendingActivities()) == 1 && d.GetPendingActivities()[0].GetAttempt() > 1
	})
	w.whole(w.nodes...) // it runs yet
	w.must(w.aws.Terminate(w.ctx, failed.ID))
	w.gone(failed)
	if r := w.ended(failed); r.Outcome != activities.OutcomeDone {
		t.Errorf("%s: %s %s", r.Outcome, r.Headline, r.Reason)
	}

	// As users of the old system send it: a name, an address, no instance.
	w.must(w.aws.Kill(w.ctx, old.ID))
	w.until("the instance to be dead", func() bool { state, err := w.aws.State(w.ctx, old.ID); return err == nil && state == "terminated" })
	_, err = w.aws.SNS().Publish(w.ctx, &sns.PublishInput{
		TopicArn: &w.topic, Message: aws.String(fmt.Sprintf(`{"type":"lambda_mop:DELETE","node_name":%q,"ip":%q}`, old.Name, old.Address)),
	})
	w.must(err)
	w.gone(old)
	s := policy.Subject{Account: estate.Account, Region: estate.Region, Node: old.Name, Address: old.Address}
	w.outcomeOf(workflows.MopWorkflowID(s))
	w.whole(w.nodes[1:]...)
}

// metadata is as much of the instance metadata service as the script asks: version 2, with a token.
func (w *mopWorld) metadata(n estate.Node) string {
	w.Helper()
	answers := map[string]string{
		"/latest/meta-data/local-ipv4": n.Address, "/latest/meta-data/instance-id": n.ID, "/latest/meta-data/placement/region": estate.Region,
		"/latest/dynamic/instance-identity/document": fmt.Sprintf("{\n  \"accountId\" : %q\n}", estate.Account),
	}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		answer, known := answers[r.URL.Path]
		switch {
		case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token":
			fmt.Fprint(rw, "token")
		case r.Header.Get("X-aws-ec2-metadata-token") != "token":
			rw.WriteHeader(http.StatusUnauthorized)
		case !known:
			rw.WriteHeader(http.StatusNotFound)
		default:
			fmt.Fprint(rw, answer)
		}
	}))
	w.Cleanup(server.Close)
	return server.URL
}

// withoutAWS is a PATH with what the script needs, and no AWS CLI: an instance may have none.
func (w *mopWorld) withoutAWS() string {
	w.Helper()
	dir := w.TempDir()
	for _, name := range []string{"sh", "curl", "grep", "sed", "cut", "date", "head", "sleep", "printf", "true", "echo"} {
		path, err := exec.LookPath(name)
		w.must(err)
		w.must(os.Symlink(path, filepath.Join(dir, name)))
	}
	return dir
}
