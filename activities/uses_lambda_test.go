package activities

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"epoxy/internal/policy"
)

func withFunctions(f *fakeFunctions) *UseSurveyor {
	a := surveyor(newContainers())
	a.Lambda = to[LambdaUsesAPI](f)
	return a
}

var surveyLambda = SurveyUsesInput{Source: policy.SourceLambda}

func TestFunctionsHoldTheirImages(t *testing.T) {
	f := newFunctions()
	f.add("resize", "$LATEST", registry+"resize:latest", digestNumber(13))
	f.add("resize", "1", registry+"resize:1", digestNumber(11))
	f.add("resize", "2", registry+"resize@"+digestNumber(12), digestNumber(12))
	f.add("resize", "4", registry+"resize:4", digestNumber(14))
	f.versions = f.versions[:3] // version 4 is published while the survey runs
	f.versions = append(f.versions, types.FunctionConfiguration{FunctionName: aws.String("zip"), Version: aws.String("$LATEST"), FunctionArn: aws.String("function:zip:$LATEST"), PackageType: types.PackageTypeZip})
	f.alias("resize", "live", "1", "2")
	f.alias("resize", "next", "4")
	uses, counts, err := surveyed(t, withFunctions(f), surveyLambda)
	if err != nil || len(counts) != 3 {
		t.Errorf("%v: %v", err, counts)
	}
	wantUses(t, uses,
		"lambda-function resize:latest@13 by function:resize:$LATEST",
		"lambda-version resize:1@11 by function:resize:1", "lambda-version resize@12 by function:resize:2",
		"lambda-alias resize:1@11 by function:resize:live", "lambda-alias resize@12 by function:resize:live", "lambda-alias resize:4@14 by function:resize:next",
	)
	if c := f.calls; c["ListFunctions"] != 1 || c["GetFunction"] != 4 || c["ListAliases"] != 2 {
		t.Errorf("calls: %v", c)
	}
}

// A published version never changes. What is not published does, and so does a function that was deleted and made anew.
func TestPublishedVersionsAreRemembered(t *testing.T) {
	f := newFunctions()
	f.add("resize", "$LATEST", registry+"resize:1", digestNumber(11))
	for i := range 120 {
		f.add("resize", fmt.Sprint(i+1), registry+"resize:1", digestNumber(11))
	}
	a := withFunctions(f)
	for round, gets := range []int{121, 1, 1, 2} {
		clear(f.calls)
		want := "lambda-function resize:1@11 by function:resize:$LATEST"
		switch round {
		case 2:
			f.code["resize:$LATEST"] = types.FunctionCodeLocation{ImageUri: aws.String(registry + "resize:2"), ResolvedImageUri: aws.String(registry + "resize@" + digestNumber(12))}
			want = "lambda-function resize:2@12 by function:resize:$LATEST"
		case 3:
			f.versions[1].LastModified, f.versions[1].CodeSha256 = aws.String("2026-02-03T04:05:06.000+0000"), aws.String("other")
			f.code["resize:1"] = types.FunctionCodeLocation{ImageUri: aws.String(registry + "resize:3"), ResolvedImageUri: aws.String(registry + "resize@" + digestNumber(13))}
			want = "lambda-version resize:3@13 by function:resize:1"
		}
		uses, _, err := surveyed(t, a, surveyLambda)
		if err != nil || f.calls["GetFunction"] != gets || f.calls["ListFunctions"] != 3 {
			t.Errorf("round %d: %v with %v", round, err, f.calls)
		}
		found := false
		for _, line := range inWordsOf(uses) {
			found = found || line == want
		}
		if !found {
			t.Errorf("round %d: %q is not in %q", round, want, inWordsOf(uses))
		}
	}
}

func TestLambdaSurveyFailsWhereItCannotTell(t *testing.T) {
	for _, image := range []string{"", "nginx:1", registry + "resize@sha256:12"} {
		f := newFunctions()
		f.add("resize", "1", registry+"resize:1", digestNumber(11))
		f.code["resize:1"] = types.FunctionCodeLocation{ImageUri: &image}
		_, _, err := surveyed(t, withFunctions(f), surveyLambda)
		wantError(t, image, err, refused(ErrInvalid, fmt.Sprintf("the image of Lambda function function:resize:1 is %q", image)))
	}
	f := newFunctions()
	f.add("resize", "1", registry+"resize:1", digestNumber(11))
	for _, operation := range []string{"ListFunctions", "GetFunction", "ListAliases"} {
		a := withFunctions(f)
		f.failing(operation, 403, "AccessDeniedException", "User: x is not authorized to perform: lambda:"+operation+" on resource: *")
		_, _, err := surveyed(t, a, surveyLambda)
		wantError(t, operation, err, refused(ErrForbidden, "lambda:"+operation+" is not allowed"))
		if operation == "ListFunctions" {
			continue
		}
		f.failing(operation, 404, "ResourceNotFoundException", "Function not found")
		if _, _, err := surveyed(t, a, surveyLambda); err != nil {
			t.Errorf("%s of what was deleted meanwhile: %v", operation, err)
		}
	}
}
