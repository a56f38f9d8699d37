package activities

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"epoxy/internal/cloud"
)

// closedAWS tells whose credentials they are, and denies everything else, in the words of each service.
func closedAWS(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	action := r.Form.Get("Action")
	if action == "GetCallerIdentity" {
		fmt.Fprintf(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>%s</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`, here.Account)
		return
	}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":"AccessDeniedException","message":"User: x is not authorized to perform: ssm:%s on resource: y"}`, target[strings.LastIndexByte(target, '.')+1:])
		return
	}
	w.WriteHeader(http.StatusForbidden)
	if strings.Contains(r.Header.Get("Authorization"), "/autoscaling/") {
		fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: x is not authorized to perform: autoscaling:%s on resource: y</Message></Error></ErrorResponse>`, action)
		return
	}
	fmt.Fprint(w, `<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized to perform this operation. Encoded authorization failure message: abc</Message></Error></Errors></Response>`)
}

// What the SDK makes of AWS's answers is what translate reads.
func TestEveryActivityTellsOverTheWireWhatIsDenied(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(closedAWS))
	defer server.Close()
	set := NewSet(cloud.New(aws.Config{
		BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("k", "s", ""), RetryMaxAttempts: 1,
	}), Others{Slack: &Slack{}, Runs: &Runs{}})
	all := reflect.ValueOf(*set)
	for i := range all.NumField() {
		if all.Field(i).IsNil() {
			t.Errorf("NewSet leaves %s out", all.Type().Field(i).Name)
		}
	}
	p := Place{Account: here.Account, Region: here.Region}
	for action, do := range map[string]func() error{
		"ec2:DescribeInstances":       func() error { _, err := attempt(t, set.Surveyor.SurveyBake, SurveyInput{Place: p}); return err },
		"ec2:DescribeLaunchTemplates": func() error { _, err := attempt(t, set.Surveyor.FindSource, FindSourceInput{Place: p}); return err },
		"ec2:CreateImage":             func() error { _, err := attempt(t, set.Images.CreateImage, CreateImageInput{Place: p}); return err },
		"ec2:CopyImage":               func() error { _, err := attempt(t, set.Images.CopyImage, CopyImageInput{From: p, To: p}); return err },
		"ec2:ModifyImageAttribute": func() error {
			_, err := attempt(t, silent(set.Images.ShareImage), ShareImageInput{Place: p})
			return err
		},
		"ec2:ModifyLaunchTemplate": func() error {
			_, err := attempt(t, silent(set.LaunchTemplates.SetDefaultVersion), SetDefaultVersionInput{Place: p})
			return err
		},
		"autoscaling:DescribeAutoScalingGroups": func() error {
			_, err := attempt(t, silent(set.AutoScaling.PinGroup), PinGroupInput{Place: p, Group: group})
			return err
		},
		"autoscaling:DescribeInstanceRefreshes": func() error {
			_, err := attempt(t, set.AutoScaling.RefreshInstances, RefreshInput{Place: p, Group: group})
			return err
		},
		"ssm:GetParameter": func() error {
			_, err := attempt(t, set.Parameters.PutImageParameter, PutImageParameterInput{Place: p, Name: golden})
			return err
		},
		"ec2:DescribeLaunchTemplateVersions": func() error {
			_, err := attempt(t, set.LaunchTemplates.CreateLaunchTemplateVersion, CreateVersionInput{Place: p})
			return err
		},
		"ec2:DescribeImages": func() error {
			_, err := attempt(t, set.ImageRemover.RemoveImage, RemoveImageInput{Place: p})
			return err
		},
	} {
		err := do()
		wantError(t, action, err, refused(ErrForbidden, action+" is not allowed in 123456789012/us-east-1…grant it to the worker's role"))
		if strings.Contains(fmt.Sprint(err), "Encoded") {
			t.Errorf("%s: %v", action, err)
		}
	}
	_, err := attempt(t, set.ImageWaiter.AwaitImage, AwaitImageInput{Place: p, ImageID: "ami-1"})
	wantError(t, "AwaitImage", err, refused(ErrForbidden, "ec2:DescribeImages is not allowed"))

	p.Account = "999999999999"
	for _, do := range []func() error{
		func() error { _, err := attempt(t, set.Images.CreateImage, CreateImageInput{Place: p}); return err },
		func() error {
			_, err := attempt(t, silent(set.AutoScaling.PinGroup), PinGroupInput{Place: p})
			return err
		},
		func() error {
			_, err := attempt(t, set.Parameters.PutImageParameter, PutImageParameterInput{Place: p})
			return err
		},
	} {
		wantError(t, "another account", do(), refused(ErrWrongAccount, "lead to account 123456789012, not to 999999999999"))
	}
}
