package deploy_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
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

func TestBakePolicyGrantsWhatActivitiesCallAndNothingMore(t *testing.T) {
	called := operations(t, "../activities/*.go")
	// Tags that come with CreateImage and CopyImage need a permission of their own.
	// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
	called = append(called, "ec2:CreateTags")
	slices.Sort(called)
	if diff := cmp.Diff(called, actions(statements(t, "bake.json"))); diff != "" {
		t.Errorf("called (-) and granted (+) differ:\n%s", diff)
	}
}

func TestWorkerPolicyGrantsWhatSecretsNeed(t *testing.T) {
	called := append(operations(t, "../internal/config/*.go"), "sts:AssumeRole")
	slices.Sort(called)
	if diff := cmp.Diff(called, actions(statements(t, "worker.json"))); diff != "" {
		t.Errorf("called (-) and granted (+) differ:\n%s", diff)
	}
}

// operations are the IAM actions behind the methods of the AWS interfaces in the files that match.
func operations(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatal(pattern, err)
	}
	var out []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		services := awsServices(t, file)
		ast.Inspect(file, func(n ast.Node) bool {
			if methods, ok := n.(*ast.InterfaceType); ok {
				for _, method := range methods.Methods.List {
					out = append(out, operation(method, services)...)
				}
			}
			return true
		})
	}
	slices.Sort(out)
	return slices.Compact(out)
}

const sdk = "github.com/aws/aws-sdk-go-v2/service/"

// awsServices maps the names that a file uses to AWS's services.
func awsServices(t *testing.T, file *ast.File) map[string]string {
	t.Helper()
	services := map[string]string{}
	for _, spec := range file.Imports {
		from, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if service, ok := strings.CutPrefix(from, sdk); ok && !strings.Contains(service, "/") {
			name := service
			if spec.Name != nil {
				name = spec.Name.Name
			}
			services[name] = service
		}
	}
	return services
}

// operation finds `Name(context.Context, *service.NameInput, …)`.
func operation(method *ast.Field, services map[string]string) []string {
	signature, ok := method.Type.(*ast.FuncType)
	if !ok || len(method.Names) != 1 || len(signature.Params.List) < 2 {
		return nil
	}
	pointer, ok := signature.Params.List[1].Type.(*ast.StarExpr)
	if !ok {
		return nil
	}
	input, ok := pointer.X.(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	from, ok := input.X.(*ast.Ident)
	if !ok || services[from.Name] == "" || input.Sel.Name != method.Names[0].Name+"Input" {
		return nil
	}
	// True of every service so far; s3:HeadObject, for one, is s3:GetObject to IAM.
	return []string{services[from.Name] + ":" + method.Names[0].Name}
}

// TestPoliciesAreScoped: what changes something says what of, and only Epoxy's own images can be removed.
func TestPoliciesAreScoped(t *testing.T) {
	own := "aws:ResourceTag/" + policy.TagRun
	for _, file := range []string{"bake.json", "pinned.json", "worker.json"} {
		for _, s := range statements(t, file) {
			for _, action := range s.Action {
				_, name, _ := strings.Cut(action, ":")
				switch {
				case strings.Contains(action, "*"):
					t.Errorf("%s %s: %s has a wildcard", file, s.Sid, action)
				case strings.HasPrefix(name, "Describe"):
				case slices.Contains(s.Resource, "*") && len(s.Condition) == 0:
					t.Errorf("%s %s: %s is allowed on everything", file, s.Sid, action)
				case name == "CreateTags" && s.Condition["StringEquals"]["ec2:CreateAction"] == nil:
					t.Errorf("%s %s: tags of what is there already could be changed, epoxy:run too", file, s.Sid)
				case slices.Contains([]string{"DeregisterImage", "DeleteSnapshot", "ModifyImageAttribute"}, name) &&
					!slices.Equal(s.Condition["StringLike"][own], list{"?*"}):
					t.Errorf("%s %s: %s is not limited to what carries %s", file, s.Sid, action, policy.TagRun)
				}
			}
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
	for _, action := range actions(statements(t, "bake.json")) {
		if !strings.Contains(readme, "`"+action+"`") {
			t.Errorf("iam/README.md does not say what %s is for", action)
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
