package deploy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// jobFiles are the files of activities that bakes and mops need; all others are for prunes.
var jobFiles = map[string][]string{
	"bake": {"autoscaling.go", "batch.go", "image_removal.go", "image_wait.go", "images.go", "launch_templates.go", "parameters.go", "survey.go"},
	"mop":  {"breaker.go", "chef*.go", "dns*.go", "holders.go", "instances.go", "lifecycle_hook.go", "restore_chef.go", "restore_records.go", "sweep*.go"},
}

// activityFiles are the files of activities for a job.
func activityFiles(t *testing.T, job string) []string {
	t.Helper()
	var out []string
	for _, file := range files(t, "../activities/*.go") {
		of := "prune"
		for name, patterns := range jobFiles {
			if slices.ContainsFunc(patterns, func(p string) bool { ok, _ := filepath.Match(p, filepath.Base(file)); return ok }) {
				of = name
			}
		}
		if of == job {
			out = append(out, file)
		}
	}
	return out
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatal(pattern, err)
	}
	return found
}

// operations are the IAM actions behind the methods of the AWS interfaces in files.
func operations(t *testing.T, files []string) []string {
	t.Helper()
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
	return []string{action(services[from.Name], method.Names[0].Name)}
}

// Names that IAM has for services and operations, where they differ.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
var (
	servicePrefixes = map[string]string{"eventbridge": "events", "sfn": "states"}
	actionNames     = map[string]string{
		"s3:GetBucketEncryption":             "s3:GetEncryptionConfiguration",
		"s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
		"s3:GetPublicAccessBlock":            "s3:GetBucketPublicAccessBlock",
		"s3:HeadBucket":                      "s3:ListBucket",
		"s3:HeadObject":                      "s3:GetObject",
		"s3:PutBucketEncryption":             "s3:PutEncryptionConfiguration",
		"s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
		"s3:PutPublicAccessBlock":            "s3:PutBucketPublicAccessBlock",
		"sqs:ChangeMessageVisibilityBatch":   "sqs:ChangeMessageVisibility",
		"sqs:DeleteMessageBatch":             "sqs:DeleteMessage",
	}
)

func action(service, operation string) string {
	return renamed(renamed(service, servicePrefixes)+":"+operation, actionNames)
}

func renamed(name string, names map[string]string) string {
	if other, ok := names[name]; ok {
		return other
	}
	return name
}
