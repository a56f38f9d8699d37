package cloud

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

const (
	home    = "123456789012"
	partner = "222222222222"
	role    = "arn:aws:iam::222222222222:role/epoxy"
)

// fakeAWS answers for STS and EC2. Whose credentials sign decides which account answers, as at AWS.
type fakeAWS struct {
	mu      sync.Mutex
	calls   []call
	account map[string]string // access key → account
	deny    int               // so many calls are denied first
}

type call struct {
	action, key, region, agent string
	form                       url.Values
}

func (f *fakeAWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = r.ParseForm()
	// Authorization: AWS4-HMAC-SHA256 Credential=KEY/20260102/REGION/sts/aws4_request, …
	scope := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="), "/")
	c := call{action: r.Form.Get("Action"), key: scope[0], region: scope[2], agent: r.UserAgent(), form: r.Form}
	f.calls = append(f.calls, c)
	if f.deny > 0 {
		f.deny--
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>not today</Message></Error></ErrorResponse>`)
		return
	}
	switch c.action {
	case "GetCallerIdentity":
		fmt.Fprintf(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>%s</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`, f.account[c.key])
	case "AssumeRole":
		fmt.Fprintf(w, `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASSUMED</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
			<SessionToken>t</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	case "DescribeImages":
		fmt.Fprint(w, `<DescribeImagesResponse><imagesSet/></DescribeImagesResponse>`)
	default:
		w.WriteHeader(http.StatusBadRequest)
	}
}

func (f *fakeAWS) of(action string) (out []call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		if c.action == action {
			out = append(out, c)
		}
	}
	return out
}

// start makes clients in an environment that knows nothing but the fake.
func start(t *testing.T) (*fakeAWS, *Clients) {
	t.Helper()
	fake := &fakeAWS{account: map[string]string{"OWN": home, "ASSUMED": partner}}
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "OWN", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "", "AWS_REGION": "us-east-1",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_SDK_UA_APP_ID": "", "AWS_MAX_ATTEMPTS": "", "AWS_RETRY_MODE": "",
	} {
		t.Setenv(name, value)
	}
	base, err := LoadConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return fake, New(base)
}

func TestPlace(t *testing.T) {
	p := Place{Account: home, Region: "us-east-1", RoleARN: role, ExternalID: "x"}
	abroad := p.In("eu-west-1")
	if abroad != (Place{Account: home, Region: "eu-west-1", RoleARN: role, ExternalID: "x"}) || p.Region != "us-east-1" {
		t.Errorf("%+v in eu-west-1 is %+v", p, abroad)
	}
	if abroad.String() != home+"/eu-west-1" {
		t.Errorf("it reads %s", abroad)
	}
}

func TestCredentialsOfAnotherAccount(t *testing.T) {
	for name, c := range map[string]struct {
		place Place
		want  WrongAccountError
		words string
	}{
		"own credentials": {
			Place{Account: partner, Region: "us-east-1"},
			WrongAccountError{Want: partner, Got: home},
			"the worker's own credentials lead to account 123456789012, not to 222222222222",
		},
		"a role": {
			Place{Account: home, Region: "us-east-1", RoleARN: role},
			WrongAccountError{Want: home, Got: partner, Role: role},
			role + " lead to account 222222222222, not to 123456789012",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, clients := start(t)
			services, err := clients.At(t.Context(), c.place)
			var wrong *WrongAccountError
			if !errors.As(err, &wrong) || *wrong != c.want {
				t.Fatalf("error is %#v, want %#v", err, c.want)
			}
			if services != nil {
				t.Error("there are clients for an account that was not meant")
			}
			if !strings.Contains(err.Error(), c.words) || !strings.Contains(err.Error(), "aws.accounts in epoxy.yaml") {
				t.Errorf("it says %q", err)
			}
		})
	}
}

func TestErrorsAreNotKept(t *testing.T) {
	fake, clients := start(t)
	p := Place{Account: home, Region: "us-east-1"}
	fake.deny = 1
	if _, err := clients.At(t.Context(), p); err == nil || !strings.Contains(err.Error(), "reach 123456789012/us-east-1") {
		t.Fatalf("denied: %v", err)
	}
	fake.account["OWN"] = partner
	var wrong *WrongAccountError
	if _, err := clients.At(t.Context(), p); !errors.As(err, &wrong) {
		t.Fatalf("the wrong account: %v", err)
	}
	fake.account["OWN"] = home
	if _, err := clients.At(t.Context(), p); err != nil {
		t.Fatalf("all is well again, but: %v", err)
	}
}

func TestEachPlaceIsAskedForOnce(t *testing.T) {
	fake, clients := start(t)
	places := []Place{
		{Account: home, Region: "us-east-1"},
		{Account: home, Region: "eu-west-1"},
		{Account: partner, Region: "us-east-1", RoleARN: role},
		{Account: partner, Region: "us-east-1", RoleARN: role, ExternalID: "x"},
	}
	var mu sync.Mutex
	seen := map[Place]map[*Services]bool{}
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			p := places[i%len(places)]
			s, err := clients.At(t.Context(), p)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if seen[p] == nil {
				seen[p] = map[*Services]bool{}
			}
			seen[p][s] = true
		})
	}
	all.Wait()
	for p, services := range seen {
		if len(services) != 1 {
			t.Errorf("%s has %d sets of clients, with a rate limiter each", p, len(services))
		}
	}
	if n := len(fake.of("GetCallerIdentity")); n != len(places) {
		t.Errorf("GetCallerIdentity was called %d times for %d places", n, len(places))
	}
	if n := len(fake.of("AssumeRole")); n != 2 {
		t.Errorf("AssumeRole was called %d times for 2 roles", n)
	}
}

func TestRoleIsAssumedWithItsExternalID(t *testing.T) {
	for name, external := range map[string]string{"with": "epoxy-1", "without": ""} {
		t.Run(name, func(t *testing.T) {
			fake, clients := start(t)
			s, err := clients.At(t.Context(), Place{Account: partner, Region: "eu-west-1", RoleARN: role, ExternalID: external})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.EC2.DescribeImages(t.Context(), &ec2.DescribeImagesInput{}); err != nil {
				t.Fatal(err)
			}
			assumed, looked := fake.of("AssumeRole"), fake.of("DescribeImages")
			if len(assumed) != 1 || len(looked) != 1 {
				t.Fatalf("AssumeRole %d times, DescribeImages %d times", len(assumed), len(looked))
			}
			form := assumed[0].form
			if assumed[0].key != "OWN" || form.Get("RoleArn") != role || form.Get("ExternalId") != external || form.Get("RoleSessionName") != "epoxy" {
				t.Errorf("%s assumed %v", assumed[0].key, form)
			}
			if form.Has("ExternalId") != (external != "") {
				t.Error("an empty external id was sent")
			}
			if looked[0].key != "ASSUMED" || looked[0].region != "eu-west-1" {
				t.Errorf("EC2 was called as %s in %s", looked[0].key, looked[0].region)
			}
		})
	}
}

func TestEveryCallSaysItIsEpoxy(t *testing.T) {
	fake, clients := start(t)
	s, err := clients.At(t.Context(), Place{Account: partner, Region: "eu-west-1", RoleARN: role})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = s.EC2.DescribeImages(t.Context(), &ec2.DescribeImagesInput{})
	for _, action := range []string{"AssumeRole", "GetCallerIdentity", "DescribeImages"} {
		for _, c := range fake.of(action) {
			if !slices.Contains(strings.Fields(c.agent), "app/epoxy") {
				t.Errorf("%s came from %q", action, c.agent)
			}
		}
		if len(fake.of(action)) == 0 {
			t.Errorf("%s was not called", action)
		}
	}
}

// An activity has half a minute: all attempts of a call, and the pauses between them, fit in.
func TestCallsFitIntoAnActivity(t *testing.T) {
	_, clients := start(t)
	client, ok := clients.base.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		t.Fatalf("the HTTP client is a %T", clients.base.HTTPClient)
	}
	attempts := clients.base.Retryer().MaxAttempts()
	longest := time.Duration(attempts)*client.GetTimeout() + time.Duration(attempts-1)*maxBackoff
	if attempts < 2 || client.GetTimeout() <= 0 || longest > 30*time.Second {
		t.Errorf("%d attempts of %s last up to %s", attempts, client.GetTimeout(), longest)
	}
}
