package activities

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"epoxy/internal/policy"
)

// LambdaUsesAPI is what finding out functions' images needs of Lambda.
type LambdaUsesAPI interface {
	ListFunctions(context.Context, *lambda.ListFunctionsInput, ...func(*lambda.Options)) (*lambda.ListFunctionsOutput, error)
	ListAliases(context.Context, *lambda.ListAliasesInput, ...func(*lambda.Options)) (*lambda.ListAliasesOutput, error)
	GetFunction(context.Context, *lambda.GetFunctionInput, ...func(*lambda.Options)) (*lambda.GetFunctionOutput, error)
}

const (
	functionsPage = 50 // the most that Lambda answers
	unpublished   = "$LATEST"
)

// lambdaSurvey is one look at the Lambda of a place.
type lambdaSurvey struct {
	client LambdaUsesAPI
	found  *findings
	known  *knowledge

	mu     sync.Mutex
	images map[functionVersion][]policy.Reference
}

type functionVersion struct{ function, version string }

func (a *UseSurveyor) surveyLambda(ctx context.Context, in SurveyUsesInput, found *findings) error {
	client, err := a.Lambda(ctx, in.Place)
	if err != nil {
		return err
	}
	s := &lambdaSurvey{client: client, found: found, known: &a.known, images: map[functionVersion][]policy.Reference{}}
	versions, err := s.list(ctx)
	if err != nil {
		return err
	}
	if err := each(ctx, versions, s.version); err != nil {
		return err
	}
	functions := map[string]bool{}
	for _, v := range versions {
		functions[aws.ToString(v.FunctionName)] = true
	}
	return each(ctx, slices.Sorted(maps.Keys(functions)), s.aliases)
}

// list finds all versions of all functions that are images.
func (s *lambdaSurvey) list(ctx context.Context) ([]types.FunctionConfiguration, error) {
	pages := lambda.NewListFunctionsPaginator(s.client, &lambda.ListFunctionsInput{FunctionVersion: types.FunctionVersionAll, MaxItems: aws.Int32(functionsPage)})
	var versions []types.FunctionConfiguration
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, f := range page.Functions {
			if f.PackageType == types.PackageTypeImage {
				versions = append(versions, f)
			}
		}
	}
	return versions, nil
}

// version remembers a published one. Its ARN alone does not say which: a function that was deleted and made anew counts its
// versions from 1 again.
func (s *lambdaSurvey) version(ctx context.Context, f types.FunctionConfiguration) error {
	arn, is := aws.ToString(f.FunctionArn), functionVersion{aws.ToString(f.FunctionName), aws.ToString(f.Version)}
	kind, identity := policy.UseLambdaVersion, strings.Join([]string{arn, aws.ToString(f.CodeSha256), aws.ToString(f.LastModified)}, " ")
	if is.version == unpublished {
		kind = policy.UseLambda
	}
	images, known := s.known.functions.get(identity)
	if !known {
		var err error
		if images, err = s.get(ctx, is, arn); err != nil {
			return err
		}
		if is.version != unpublished && aws.ToString(f.CodeSha256) != "" {
			s.known.functions.put(identity, images)
		}
	}
	s.found.add(kind, arn, images)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.images[is] = images
	return nil
}

// get asks which digest Lambda runs: the tag may have moved since, and is held too.
// https://docs.aws.amazon.com/lambda/latest/api/API_FunctionCodeLocation.html
func (s *lambdaSurvey) get(ctx context.Context, v functionVersion, by string) ([]policy.Reference, error) {
	out, err := s.client.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &v.function, Qualifier: &v.version})
	if codeOf(err) == whatIsGone {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var image, resolved string
	if out.Code != nil {
		image, resolved = aws.ToString(out.Code.ImageUri), aws.ToString(out.Code.ResolvedImageUri)
	}
	if image == "" {
		image = resolved
	}
	_, digest, _ := strings.Cut(resolved, "@")
	images, err := parseImage(image, digest)
	if err != nil || len(images) == 0 {
		return nil, Refuse(ErrInvalid, "the image of Lambda function %s is %q (%q), which cannot be read: update the function's code, or delete that version", by, image, resolved)
	}
	return images, nil
}

// aliases hold the versions between which they divide the calls.
func (s *lambdaSurvey) aliases(ctx context.Context, function string) error {
	pages := lambda.NewListAliasesPaginator(s.client, &lambda.ListAliasesInput{FunctionName: &function, MaxItems: aws.Int32(functionsPage)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if codeOf(err) == whatIsGone {
			return nil
		}
		if err != nil {
			return err
		}
		for _, alias := range page.Aliases {
			if err := s.alias(ctx, function, alias); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *lambdaSurvey) alias(ctx context.Context, function string, alias types.AliasConfiguration) error {
	versions := []string{aws.ToString(alias.FunctionVersion)}
	if alias.RoutingConfig != nil {
		versions = append(versions, slices.Sorted(maps.Keys(alias.RoutingConfig.AdditionalVersionWeights))...)
	}
	for _, version := range versions {
		v := functionVersion{function, version}
		s.mu.Lock()
		images, seen := s.images[v]
		s.mu.Unlock()
		if !seen { // published since the versions were listed
			var err error
			if images, err = s.get(ctx, v, function+":"+version); err != nil {
				return err
			}
		}
		s.found.add(policy.UseLambdaAlias, aws.ToString(alias.AliasArn), images)
	}
	return nil
}
