package policy

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var shop = Repository{Account: "111111111111", Region: "eu-west-1", Name: "team/shop"}

const pull = `"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]`

func TestWhoMayPull(t *testing.T) {
	for about, c := range map[string]struct {
		statement  string // of an Allow
		accounts   []string
		principals []string
	}{
		"an account's id":            {`"Principal":{"AWS":"222222222222"},` + pull, []string{"222222222222"}, nil},
		"roots, users and roles":     {`"Principal":{"AWS":["arn:aws:iam::333333333333:root","arn:aws:iam::222222222222:user/a/b","arn:aws-cn:iam::222222222222:role/x","arn:aws:sts::444444444444:assumed-role/x/y"]},` + pull, []string{"222222222222", "333333333333", "444444444444"}, nil},
		"the owner's own":            {`"Principal":{"AWS":"arn:aws:iam::111111111111:root"},` + pull, nil, nil},
		"one action":                 {`"Principal":{"AWS":"222222222222"},"Action":"ecr:BatchGetImage"`, []string{"222222222222"}, nil},
		"the other action":           {`"Principal":{"AWS":"222222222222"},"Action":"ECR:getdownloadurlforlayer"`, []string{"222222222222"}, nil},
		"all of ECR":                 {`"Principal":{"AWS":"222222222222"},"Action":"ecr:*"`, []string{"222222222222"}, nil},
		"all":                        {`"Principal":{"AWS":"222222222222"},"Action":"*"`, []string{"222222222222"}, nil},
		"a wildcard":                 {`"Principal":{"AWS":"222222222222"},"Action":["ecr:Batch*"]`, []string{"222222222222"}, nil},
		"push alone":                 {`"Principal":{"AWS":"222222222222"},"Action":["ecr:PutImage","ecr:Describe*"]`, nil, nil},
		"all but push":               {`"Principal":{"AWS":"222222222222"},"NotAction":"ecr:PutImage"`, []string{"222222222222"}, nil},
		"all but one that pulls":     {`"Principal":{"AWS":"222222222222"},"NotAction":"ecr:BatchGetImage"`, []string{"222222222222"}, nil},
		"all but pull":               {`"Principal":{"AWS":"222222222222"},"NotAction":["ecr:Batch*","ecr:GetDownload*"]`, nil, nil},
		"everybody":                  {`"Principal":"*",` + pull, nil, []string{"*"}},
		"every AWS account":          {`"Principal":{"AWS":"*"},` + pull, nil, []string{"*"}},
		"an organisation":            {`"Principal":"*",` + pull + `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}`, nil, []string{"* if aws:PrincipalOrgID StringEquals [o-1]"}},
		"an account and an org":      {`"Principal":{"AWS":["222222222222","*"]},` + pull + `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":["o-1","o-2"]}}`, []string{"222222222222"}, []string{"* if aws:PrincipalOrgID StringEquals [o-1 o-2]"}},
		"accounts by a condition":    {`"Principal":"*",` + pull + `,"Condition":{"StringEquals":{"aws:PrincipalAccount":["222222222222","333333333333"],"aws:SecureTransport":true}}`, []string{"222222222222", "333333333333"}, nil},
		"roles by a condition":       {`"Principal":"*",` + pull + `,"Condition":{"ForAnyValue:ArnLike":{"AWS:principalarn":"arn:aws:iam::222222222222:role/*"}}`, []string{"222222222222"}, nil},
		"roles of any account":       {`"Principal":"*",` + pull + `,"Condition":{"ArnLike":{"aws:PrincipalArn":["arn:aws:iam::222222222222:role/x","arn:aws:iam::*:role/x"]}}`, nil, []string{"* if aws:PrincipalArn ArnLike [arn:aws:iam::222222222222:role/x arn:aws:iam::*:role/x]"}},
		"a condition that may lack":  {`"Principal":"*",` + pull + `,"Condition":{"StringEqualsIfExists":{"aws:PrincipalAccount":"222222222222"}}`, nil, []string{"* if aws:PrincipalAccount StringEqualsIfExists [222222222222]"}},
		"for all values, also none":  {`"Principal":"*",` + pull + `,"Condition":{"ForAllValues:StringEquals":{"aws:PrincipalAccount":"222222222222"}}`, nil, []string{"* if aws:PrincipalAccount ForAllValues:StringEquals [222222222222]"}},
		"everybody but an account":   {`"Principal":"*",` + pull + `,"Condition":{"StringNotEquals":{"aws:PrincipalAccount":"222222222222"}}`, nil, []string{"* if aws:PrincipalAccount StringNotEquals [222222222222]"}},
		"Lambda here":                {`"Principal":{"Service":"lambda.amazonaws.com"},` + pull + `,"Condition":{"StringLike":{"aws:sourceArn":"arn:aws:lambda:eu-west-1:111111111111:function:*"}}`, nil, nil},
		"Lambda there":               {`"Principal":{"Service":"lambda.amazonaws.com"},` + pull + `,"Condition":{"StringLike":{"aws:sourceArn":"arn:aws:lambda:*:222222222222:function:*"}}`, []string{"222222222222"}, nil},
		"Lambda by account":          {`"Principal":{"Service":["lambda.amazonaws.com"]},` + pull + `,"Condition":{"StringEquals":{"aws:SourceAccount":"222222222222"}}`, []string{"222222222222"}, nil},
		"Lambda anywhere":            {`"Principal":{"Service":"lambda.amazonaws.com"},` + pull, nil, []string{"lambda.amazonaws.com"}},
		"a number as account":        {`"Principal":"*",` + pull + `,"Condition":{"StringEquals":{"aws:SourceAccount":222222222222}}`, nil, []string{"* if aws:SourceAccount StringEquals [2.22222222222e+11]"}},
		"all but one":                {`"NotPrincipal":{"AWS":"222222222222"},` + pull, nil, []string{`everybody but {"AWS":"222222222222"}`}},
		"a deleted role":             {`"Principal":{"AWS":["AROAJ5Q2ABCDEFGHIJKLM","222222222222"]},` + pull, []string{"222222222222"}, nil},
		"SAML":                       {`"Principal":{"Federated":"arn:aws:iam::222222222222:saml-provider/x"},` + pull, []string{"222222222222"}, nil},
		"a web identity":             {`"Principal":{"Federated":"accounts.google.com"},` + pull, nil, []string{"accounts.google.com"}},
		"a canonical user":           {`"Principal":{"CanonicalUser":"79a59d"},` + pull, nil, []string{"79a59d"}},
		"no principal":               {pull, nil, []string{"a principal that cannot be read: "}},
		"null":                       {`"Principal":null,` + pull, nil, []string{"a principal that cannot be read: null"}},
		"an empty principal":         {`"Principal":{},` + pull, nil, []string{"a principal that cannot be read: {}"}},
		"a number":                   {`"Principal":7,` + pull, nil, []string{"a principal that cannot be read: 7"}},
		"this repository":            {`"Principal":{"AWS":"222222222222"},` + pull + `,"Resource":"arn:aws:ecr:eu-west-1:111111111111:repository/team/*"`, []string{"222222222222"}, nil},
		"other repositories":         {`"Principal":{"AWS":"222222222222"},` + pull + `,"Resource":["arn:aws:ecr:eu-west-1:111111111111:repository/other/*","arn:aws:ecr:us-east-1:111111111111:repository/*"]`, nil, nil},
		"other repositories, by not": {`"Principal":{"AWS":"222222222222"},` + pull + `,"NotResource":"arn:aws:ecr:eu-west-1:111111111111:repository/team/shop"`, []string{"222222222222"}, nil},
	} {
		for form, document := range map[string]string{
			"a list": `{"Version":"2012-10-17","Statement":[{"Sid":"x","Effect":"Allow",` + c.statement + `}]}`,
			"alone":  `{"Statement":{"Effect":"Allow",` + c.statement + `}}`,
		} {
			got := WhoMayPull(shop, "", document)
			if want := (Access{Accounts: c.accounts, Principals: c.principals}); !cmp.Equal(got, want) {
				t.Errorf("%s, %s: %s", about, form, cmp.Diff(want, got))
			}
		}
		if got := WhoMayPull(shop, `{"Statement":{"Effect":"Deny",`+c.statement+`}}`); !cmp.Equal(got, Access{}) {
			t.Errorf("%s: a denial lets in %+v", about, got)
		}
	}
}

func TestWhoMayPullOfBothPolicies(t *testing.T) {
	allow := func(account string) string {
		return `{"Statement":{"Effect":"Allow","Principal":{"AWS":"` + account + `"},` + pull + `}}`
	}
	got := WhoMayPull(shop, allow("333333333333"), allow("222222222222"))
	if want := (Access{Accounts: []string{"222222222222", "333333333333"}}); !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	if got := WhoMayPull(shop); !cmp.Equal(got, Access{}) {
		t.Errorf("without a policy: %+v", got)
	}
}

func TestWhoMayPullFailsClosed(t *testing.T) {
	for _, text := range []string{
		"x", "{", "[]", `"*"`, `{"Statement":7}`, `{"Statement":["x"]}`, `{"Statement":{"Action":{}}}`, `{"Statement":{"Condition":[]}}`,
		`{"Statement":{"Condition":{"StringEquals":"x"}}}`,
	} {
		got := WhoMayPull(shop, text)
		if len(got.Accounts) > 0 || len(got.Principals) != 1 || !strings.HasPrefix(got.Principals[0], "a policy that cannot be read: ") {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

// Whatever else a policy says, nobody whom a statement lets in is forgotten, and the answer does not depend on chance.
func TestWhoMayPullForgetsNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var statements []any
		for range rapid.IntRange(0, 4).Draw(t, "others") {
			statements = append(statements, map[string]any{
				"Effect":    rapid.SampledFrom([]string{"Allow", "Deny"}).Draw(t, "effect"),
				"Principal": rapid.SampledFrom([]any{"*", map[string]any{"AWS": "*", "Service": "x.amazonaws.com"}, nil}).Draw(t, "principal"),
				"Action":    rapid.SampledFrom([]any{"*", "ecr:PutImage", []string{"ecr:Batch*"}}).Draw(t, "action"),
				"Condition": map[string]any{"StringEquals": map[string]any{
					"aws:SourceAccount": "333333333333", "aws:PrincipalAccount": "444444444444", "aws:PrincipalOrgID": "o-1",
				}},
			})
		}
		at := rapid.IntRange(0, len(statements)).Draw(t, "at")
		one := map[string]any{"Effect": "Allow", "Principal": map[string]any{"AWS": []string{"222222222222"}}, "Action": []string{"ecr:BatchGetImage"}}
		statements = append(statements[:at:at], append([]any{one}, statements[at:]...)...)
		text, err := json.Marshal(map[string]any{"Statement": statements})
		if err != nil {
			t.Fatal(err)
		}
		first := WhoMayPull(shop, string(text))
		if len(first.Accounts) == 0 || first.Accounts[0] != "222222222222" {
			t.Fatalf("%s lets in %+v", text, first)
		}
		for range 5 {
			if again := WhoMayPull(shop, string(text)); !cmp.Equal(first, again) {
				t.Fatal(cmp.Diff(first, again))
			}
		}
	})
}
