//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"epoxy/sandbox/estate"
)

// TestCloudFormationTemplate lints the template and really makes the stack: every resource comes to be, with a group's
// lifecycle hook, and so do the outputs that epoxy.yaml wants to know.
func TestCloudFormationTemplate(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	template := filepath.Join(box.root, "deploy", "epoxy.yaml")
	lint := exec.CommandContext(ctx, filepath.Join(box.root, ".tools", "venv", "bin", "python"), "-c", "import cfnlint.runner; cfnlint.runner.main()", template)
	if out, err := lint.CombinedOutput(); err != nil {
		t.Errorf("cfn-lint: %v\n%s", err, out)
	}
	text, err := os.ReadFile(template)
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := box.aws.NewFleet(ctx, estate.FleetOptions{Name: "cloudformation", GroupSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(estate.Region), config.WithBaseEndpoint(box.AWSURL()),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("sandbox", "sandbox", "")))
	if err != nil {
		t.Fatal(err)
	}
	stacks := cloudformation.NewFromConfig(cfg)
	_, err = stacks.CreateStack(ctx, &cloudformation.CreateStackInput{
		StackName: aws.String("epoxy"), TemplateBody: aws.String(string(text)), Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam},
		Parameters: []types.Parameter{
			{ParameterKey: aws.String("AutoScalingGroup"), ParameterValue: &fleet.Group},
			{ParameterKey: aws.String("HostedZones"), ParameterValue: aws.String("arn:aws:route53:::hostedzone/Z0123456789ABCDEFGHIJ")},
			{ParameterKey: aws.String("TrustedPrincipal"), ParameterValue: aws.String("arn:aws:iam::" + estate.Account + ":root")},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String("epoxy")})
	if err != nil || got.Stacks[0].StackStatus != types.StackStatusCreateComplete {
		t.Fatalf("%+v, %v", got, err)
	}
	var outputs []string
	for _, o := range got.Stacks[0].Outputs {
		if aws.ToString(o.OutputValue) != "" {
			outputs = append(outputs, aws.ToString(o.OutputKey))
		}
	}
	for _, want := range []string{"Topic", "Queue", "DeadLetterQueue", "LedgerTable", "ArtifactBucket", "KeyAlias", "WorkerRole", "ServeRole"} {
		if !slices.Contains(outputs, want) {
			t.Errorf("output %s is missing; there are %v", want, outputs)
		}
	}
	made, err := stacks.DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: aws.String("epoxy")})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range made.StackResources {
		t.Logf("%s %s: %s", aws.ToString(r.ResourceType), aws.ToString(r.LogicalResourceId), aws.ToString(r.PhysicalResourceId))
	}
	if n := len(made.StackResources); n != 18 {
		t.Errorf("%d resources", n)
	}
}
