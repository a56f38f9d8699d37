package activities

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// ParametersAPI is what publishing through a parameter needs of SSM.
type ParametersAPI interface {
	GetParameter(context.Context, *ssm.GetParameterInput, ...func(*ssm.Options)) (*ssm.GetParameterOutput, error)
	PutParameter(context.Context, *ssm.PutParameterInput, ...func(*ssm.Options)) (*ssm.PutParameterOutput, error)
}

// Parameters publishes images in the Parameter Store.
type Parameters struct{ Connect Connect[ParametersAPI] }

// PutImageParameterInput sets a parameter to an image id.
type PutImageParameterInput struct {
	Place   Place  `json:"place"`
	Name    string `json:"name"`
	ImageID string `json:"image_id"`
}

// PutImageParameterOutput is when the parameter took its value, by AWS's clock, and the value it had before; "" when it
// had none, or had the new one already.
type PutImageParameterOutput struct {
	Modified time.Time `json:"modified"`
	Was      string    `json:"was,omitempty"`
}

// imageType makes SSM check that the value is an image that exists.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html
const imageType = "aws:ec2:image"

// PutImageParameter sets the value, and does nothing when it is set already.
func (a *Parameters) PutImageParameter(ctx context.Context, in PutImageParameterInput) (PutImageParameterOutput, error) {
	client, err := a.Connect(ctx, in.Place)
	if err != nil {
		return PutImageParameterOutput{}, translate(in.Place, err)
	}
	was, err := getParameter(ctx, client, in.Name)
	if err != nil {
		return PutImageParameterOutput{}, translate(in.Place, err)
	}
	if was != nil && aws.ToString(was.Value) == in.ImageID {
		return PutImageParameterOutput{Modified: aws.ToTime(was.LastModifiedDate)}, nil
	}
	put := &ssm.PutParameterInput{
		Name: &in.Name, Value: &in.ImageID, Type: types.ParameterTypeString, DataType: aws.String(imageType), Overwrite: aws.Bool(true),
	}
	var before string
	if was != nil {
		put.DataType, before = was.DataType, aws.ToString(was.Value)
	}
	if _, err := client.PutParameter(ctx, put); err != nil {
		return PutImageParameterOutput{}, translate(in.Place, err)
	}
	// aws:ec2:image values are checked before they take effect, so the value is read back, not assumed.
	now, err := getParameter(ctx, client, in.Name)
	if err != nil {
		return PutImageParameterOutput{}, translate(in.Place, err)
	}
	if now == nil || aws.ToString(now.Value) != in.ImageID {
		return PutImageParameterOutput{}, NotReady(notVisibleRetry, "parameter %s does not show %s yet", in.Name, in.ImageID)
	}
	return PutImageParameterOutput{Modified: aws.ToTime(now.LastModifiedDate), Was: before}, nil
}

// getParameter returns nil for a parameter that does not exist.
func getParameter(ctx context.Context, client ParametersAPI, name string) (*types.Parameter, error) {
	out, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
	if codeOf(err) == "ParameterNotFound" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.Parameter, nil
}
