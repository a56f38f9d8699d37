package deploy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// inTemplate is what epoxy.yaml has below Resources. Functions such as !Ref leave their arguments.
func inTemplate(t *testing.T, path string) any {
	t.Helper()
	var at any
	if err := yaml.Unmarshal([]byte(read(t, "epoxy.yaml")), &at); err != nil {
		t.Fatal(err)
	}
	for key := range strings.SplitSeq("Resources."+path, ".") {
		object, _ := at.(map[string]any)
		if at = object[key]; at == nil {
			t.Fatalf("epoxy.yaml has no %s: there is no %s", path, key)
		}
	}
	return at
}

// TestTemplateKeepsMessagesThroughOutages: SQS ends each hold after twelve hours, and each receive counts.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
func TestTemplateKeepsMessagesThroughOutages(t *testing.T) {
	number := func(key string) int {
		var out int
		if _, err := fmt.Sscan(fmt.Sprint(inTemplate(t, "NodesQueue.Properties."+key)), &out); err != nil {
			t.Fatal(key, err)
		}
		return out
	}
	kept := number("MessageRetentionPeriod") // seconds
	if held := number("RedrivePolicy.maxReceiveCount") * 12 * 3600; held <= kept {
		t.Errorf("a message that is kept for %d s can be held for %d s only, and then is a dead letter", kept, held)
	}
}

// TestTemplateRolesReadTheQueue: epoxy serve reads it as itself, or with the role_arn of aws.accounts, which is the worker's role
// and can be assumed with TrustedPrincipal only.
func TestTemplateRolesReadTheQueue(t *testing.T) {
	const added = "WorkerRoleReadsTheQueue"
	serve, _ := inTemplate(t, "ServeRole.Properties.Policies").([]any)
	worker, _ := inTemplate(t, added+".Properties").(map[string]any)
	if diff := cmp.Diff([]any{"WorkerRole"}, worker["Roles"]); diff != "" || inTemplate(t, added+".Condition") != "HasPrincipal" {
		t.Errorf("%s is not WorkerRole's with TrustedPrincipal: %s", added, diff)
	}
	delete(worker, "Roles")
	if diff := cmp.Diff(serve, []any{worker}); diff != "" {
		t.Errorf("the queue's policies of ServeRole (-) and WorkerRole (+) differ:\n%s", diff)
	}
	for _, action := range actions(statements(t, "serve.json")) {
		if text := fmt.Sprint(serve); !strings.Contains(text, action) {
			t.Errorf("%s of serve.json is missing in %s", action, text)
		}
	}
}
