package activities

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

func put(f *fakeParameters) func(t *testing.T) (PutImageParameterOutput, error) {
	return func(t *testing.T) (PutImageParameterOutput, error) {
		t.Helper()
		do := (&Parameters{Connect: to[ParametersAPI](f)}).PutImageParameter
		return attempt(t, do, PutImageParameterInput{Place: here, Name: golden, ImageID: "ami-new"})
	}
}

func parameter(value, dataType string) types.Parameter {
	return types.Parameter{Value: &value, Type: types.ParameterTypeString, DataType: &dataType, LastModifiedDate: aws.Time(begun.Add(-time.Hour))}
}

func TestPutImageParameter(t *testing.T) {
	for about, c := range map[string]struct {
		before   []types.Parameter // none, or one
		want     PutImageParameterOutput
		dataType string
		puts     int
	}{
		"a new one":     {nil, PutImageParameterOutput{Modified: begun}, "aws:ec2:image", 1},
		"another image": {[]types.Parameter{parameter("ami-old", "aws:ec2:image")}, PutImageParameterOutput{Modified: begun, Was: "ami-old"}, "aws:ec2:image", 1},
		"a plain text":  {[]types.Parameter{parameter("ami-old", "text")}, PutImageParameterOutput{Modified: begun, Was: "ami-old"}, "text", 1},
		"set already":   {[]types.Parameter{parameter("ami-new", "text")}, PutImageParameterOutput{Modified: begun.Add(-time.Hour)}, "text", 0},
	} {
		f := newParameters()
		for _, p := range c.before {
			f.values[golden] = p
		}
		out, err := put(f)(t)
		p := f.values[golden]
		if err != nil || !out.Modified.Equal(c.want.Modified) || out.Was != c.want.Was || *p.Value != "ami-new" || *p.DataType != c.dataType || f.calls["PutParameter"] != c.puts {
			t.Errorf("%s: %+v, %s after %d calls: %v", about, out, toJSON(p), f.calls["PutParameter"], err)
		}
		again, err := put(f)(t)
		if err != nil || !again.Modified.Equal(c.want.Modified) || f.calls["PutParameter"] != c.puts {
			t.Errorf("%s, again: %+v after %d calls: %v", about, again, f.calls["PutParameter"], err)
		}
	}
}

func TestPutImageParameterThroughFaults(t *testing.T) {
	f := newParameters()
	f.values[golden] = parameter("ami-old", "aws:ec2:image")
	f.lose["PutParameter"] = 1
	_, err := put(f)(t)
	wantError(t, "lost", err, what{says: "ssm:PutParameter in 123456789012/us-east-1"})
	if out, err := put(f)(t); err != nil || !out.Modified.Equal(begun) || f.calls["PutParameter"] != 1 {
		t.Errorf("after a lost answer: %+v, %d calls: %v", out, f.calls["PutParameter"], err)
	}

	f = newParameters() // SSM checks an image before the value takes effect
	f.late = map[string]types.Parameter{}
	_, err = put(f)(t)
	wantError(t, "new, not there yet", err, notReady(5*time.Second, "parameter "+golden+" does not show ami-new yet"))
	f.values[golden] = parameter("ami-old", "aws:ec2:image")
	_, err = put(f)(t)
	wantError(t, "the old one still", err, notReady(5*time.Second, "does not show ami-new yet"))
	f.values = f.late
	if _, err := put(f)(t); err != nil {
		t.Errorf("there at last: %v", err)
	}

	for operation, want := range map[string]what{
		"GetParameter": refused(ErrForbidden, "ssm:GetParameter is not allowed"), "PutParameter": refused(ErrForbidden, "ssm:PutParameter is not allowed"),
	} {
		f := newParameters()
		f.failing(operation, 400, "AccessDeniedException", "no")
		_, err := put(f)(t)
		wantError(t, operation, err, want)
	}

	f = newParameters()
	secret := parameter("ami-old", "text")
	secret.Type = types.ParameterTypeSecureString
	f.values[golden] = secret
	_, err = put(f)(t)
	wantError(t, "a secret", err, refused(ErrInvalid, "ssm:PutParameter was refused…the type of a parameter cannot be changed"))
}
