package deploy_test

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"epoxy/internal/config"
	"epoxy/internal/policy"
)

type statement struct {
	Sid, Effect      string
	Principal        map[string]list
	Action, Resource list
	Condition        map[string]map[string]list
}

// list is one text or several.
type list []string

func (l *list) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		*l = list{""}
		return json.Unmarshal(data, &(*l)[0])
	}
	return json.Unmarshal(data, (*[]string)(l))
}

func statements(t *testing.T, file string) []statement {
	t.Helper()
	var document struct {
		Version   string
		Statement []statement
	}
	decoder := json.NewDecoder(strings.NewReader(read(t, filepath.Join("iam", file))))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&document); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if document.Version != "2012-10-17" || len(document.Statement) == 0 {
		t.Errorf("%s: version %q, %d statements", file, document.Version, len(document.Statement))
	}
	for _, s := range document.Statement {
		if s.Sid == "" || s.Effect != "Allow" || len(s.Action) == 0 {
			t.Errorf("%s: statement %q has effect %q, actions %v", file, s.Sid, s.Effect, s.Action)
		}
	}
	return document.Statement
}

func actions(all []statement) []string {
	var out []string
	for _, s := range all {
		out = append(out, s.Action...)
	}
	slices.Sort(out)
	return out
}

// TestPoliciesGrantWhatIsCalledAndNothingMore compares each policy with the AWS interfaces of the code that needs it.
func TestPoliciesGrantWhatIsCalledAndNothingMore(t *testing.T) {
	for file, needs := range map[string]struct{ files, more []string }{
		// Tags that come with CreateImage and CopyImage need a permission of their own.
		// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
		"bake.json": {activityFiles(t, "bake"), []string{"ec2:CreateTags"}},
		// Without s3:ListBucket an artifact that is gone looks like one that is forbidden. To put a task definition back, its
		// roles are passed on and its tags set.
		// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
		// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/supported-iam-actions-tagging.html
		"prune.json": {
			slices.Concat(activityFiles(t, "prune"), files(t, "../internal/artifact/*.go"), []string{"../internal/ledger/table.go"}),
			[]string{"ecs:TagResource", "iam:PassRole", "s3:ListBucket"},
		},
		"mop.json": {
			slices.Concat(activityFiles(t, "mop"), files(t, "../internal/artifact/*.go"), []string{"../internal/ledger/table.go"}),
			[]string{"s3:ListBucket"},
		},
		"consumer.json": {files(t, "../activities/uses*.go"), nil},
		"setup.json":    {append(files(t, "../starter/setup*.go"), "../internal/ledger/setup.go"), nil},
		"serve.json":    {files(t, "../internal/intake/*.go"), nil},
		"worker.json":   {files(t, "../internal/config/*.go"), []string{"sts:AssumeRole"}},
	} {
		called := append(operations(t, needs.files), needs.more...)
		slices.Sort(called)
		if diff := cmp.Diff(slices.Compact(called), slices.Compact(actions(statements(t, file)))); diff != "" {
			t.Errorf("%s: called (-) and granted (+) differ:\n%s", file, diff)
		}
	}
}

// unscoped are actions beside Describe… and List… that AWS does not limit to resources.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
var unscoped = []string{"ecs:DeregisterTaskDefinition", "ecr:GetRegistryPolicy"}

// TestPoliciesAreScoped: what changes something says what of, and only Epoxy's own AMIs can be removed.
func TestPoliciesAreScoped(t *testing.T) {
	own := "aws:ResourceTag/" + policy.TagRun
	for _, file := range []string{"bake.json", "pinned.json", "prune.json", "consumer.json", "setup.json", "serve.json", "mop.json", "bootstrap.json", "worker.json"} {
		for _, s := range statements(t, file) {
			for _, action := range s.Action {
				_, name, _ := strings.Cut(action, ":")
				switch {
				case strings.Contains(action, "*"):
					t.Errorf("%s %s: %s has a wildcard", file, s.Sid, action)
				case strings.HasPrefix(name, "Describe"), strings.HasPrefix(name, "List"), slices.Contains(unscoped, action):
				case slices.Contains(s.Resource, "*") && len(s.Condition) == 0:
					t.Errorf("%s %s: %s is allowed on everything", file, s.Sid, action)
				case action == "ec2:CreateTags" && s.Condition["StringEquals"]["ec2:CreateAction"] == nil:
					t.Errorf("%s %s: tags of what is there already could be changed, epoxy:run too", file, s.Sid)
				case action == "ecs:TagResource" && !slices.Equal(s.Condition["StringEquals"]["ecs:CreateAction"], list{"RegisterTaskDefinition"}):
					t.Errorf("%s %s: tags of what is there already could be changed", file, s.Sid)
				case slices.Contains([]string{"DeregisterImage", "DeleteSnapshot", "ModifyImageAttribute"}, name) &&
					!slices.Equal(s.Condition["StringLike"][own], list{"?*"}):
					t.Errorf("%s %s: %s is not limited to what carries %s", file, s.Sid, action, policy.TagRun)
				}
			}
		}
	}
}

// TestConsumersAreOnlyRead: nothing is ever changed in an account that merely uses images.
func TestConsumersAreOnlyRead(t *testing.T) {
	for _, action := range actions(statements(t, "consumer.json")) {
		_, name, _ := strings.Cut(action, ":")
		if !strings.HasPrefix(name, "Describe") && !strings.HasPrefix(name, "List") && !strings.HasPrefix(name, "Get") {
			t.Errorf("consumer.json grants %s", action)
		}
	}
}

// TestPoliciesFitTheExample: whoever follows epoxy.example.yaml has permissions that fit.
func TestPoliciesFitTheExample(t *testing.T) {
	cfg, err := config.Load("../epoxy.example.yaml", func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	bake, trust := statements(t, "bake.json"), statements(t, "trust.json")[0]
	for _, target := range cfg.BakeTargets(config.Selector{}) {
		where := target.Region + ":" + target.AccountID
		if target.AutoScalingGroup != "" {
			wantAllowed(t, bake, "autoscaling:StartInstanceRefresh",
				"arn:aws:autoscaling:"+where+":autoScalingGroup:0:autoScalingGroupName/"+target.AutoScalingGroup)
		}
		if target.SSMParameter != "" {
			wantAllowed(t, bake, "ssm:PutParameter", "arn:aws:ssm:"+where+":parameter"+target.SSMParameter)
		}
		if !strings.HasPrefix(target.RoleARN, "arn:aws:") {
			continue
		}
		wantAllowed(t, statements(t, "worker.json"), "sts:AssumeRole", target.RoleARN)
		if got := trust.Condition["StringEquals"]["sts:ExternalId"]; !slices.Equal(got, list{target.ExternalID}) {
			t.Errorf("trust.json asks for external id %v, epoxy.example.yaml has %q", got, target.ExternalID)
		}
	}
	if !slices.Equal(trust.Action, list{"sts:AssumeRole"}) || len(trust.Principal["AWS"]) != 1 || strings.Contains(trust.Principal["AWS"][0], "*") {
		t.Errorf("trust.json lets %v do %v", trust.Principal, trust.Action)
	}
}

// TestPrunePoliciesFitTheExample does the same for its prunes.
func TestPrunePoliciesFitTheExample(t *testing.T) {
	cfg, err := config.Load("../epoxy.example.yaml", func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	prune, setup := statements(t, "prune.json"), statements(t, "setup.json")
	bucket, table := "arn:aws:s3:::"+cfg.ArtifactStore().Bucket, cfg.LedgerTable()
	ledger := "arn:aws:dynamodb:" + table.Place.Region + ":" + table.Place.Account + ":table/" + table.Table
	wantAllowed(t, prune, "s3:PutObject", bucket+"/plans/x")
	wantAllowed(t, prune, "s3:ListBucket", bucket)
	wantAllowed(t, prune, "dynamodb:UpdateItem", ledger)
	wantAllowed(t, setup, "s3:CreateBucket", bucket)
	wantAllowed(t, setup, "dynamodb:CreateTable", ledger)
	for _, name := range cfg.PruneNames(policy.PlanOfImages) {
		p, err := cfg.PruneImages(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, repository := range p.Repositories {
			wantAllowed(t, prune, "ecr:BatchDeleteImage", "arn:aws:ecr:"+p.Place.Region+":"+p.Place.Account+":repository/"+repository)
		}
		for _, o := range p.InUseObjects {
			wantAllowed(t, prune, "s3:GetObject", "arn:aws:s3:::"+o.Bucket+"/"+o.Key)
		}
	}
	for _, name := range cfg.PruneNames(policy.PlanOfTaskDefinitions) {
		p, err := cfg.PruneTaskDefinitions(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range p.Rules.Families {
			for _, action := range []string{"ecs:DeleteTaskDefinitions", "ecs:RegisterTaskDefinition"} {
				wantAllowed(t, prune, action, "arn:aws:ecs:"+p.Place.Region+":"+p.Place.Account+":task-definition/"+family+":7")
			}
		}
	}
}

// TestServePolicyFitsTheExample does the same for its queues.
func TestServePolicyFitsTheExample(t *testing.T) {
	cfg, err := config.Load("../epoxy.example.yaml", func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	queues := cfg.MopQueues()
	if len(queues) == 0 {
		t.Fatal("the example has no queue")
	}
	for _, q := range queues {
		wantAllowed(t, statements(t, "serve.json"), "sqs:ReceiveMessage", "arn:aws:sqs:"+q.Place.Region+":"+q.Place.Account+":"+path.Base(q.URL))
	}
}

func wantAllowed(t *testing.T, all []statement, action, resource string) {
	t.Helper()
	for _, s := range all {
		for _, pattern := range s.Resource {
			// IAM's * goes over slashes, path.Match's does not.
			matched, err := path.Match(strings.ReplaceAll(pattern, "/", "|"), strings.ReplaceAll(resource, "/", "|"))
			if err != nil {
				t.Fatal(err)
			}
			if matched && slices.Contains(s.Action, action) {
				return
			}
		}
	}
	t.Errorf("%s is not allowed on %s", action, resource)
}

// TestReadmeNamesEveryAction keeps the table beside the policies whole.
func TestReadmeNamesEveryAction(t *testing.T) {
	readme := read(t, filepath.Join("iam", "README.md"))
	for _, file := range []string{"bake.json", "prune.json", "consumer.json", "setup.json", "serve.json", "mop.json", "bootstrap.json"} {
		for _, action := range actions(statements(t, file)) {
			if !strings.Contains(readme, "`"+action+"`") {
				t.Errorf("iam/README.md does not say what %s is for (%s)", action, file)
			}
		}
	}
	files, err := os.ReadDir("iam")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name := file.Name(); strings.HasSuffix(name, ".json") && !strings.Contains(readme, "| `"+name+"` |") {
			t.Errorf("iam/README.md does not say what %s is for", name)
		}
	}
}
