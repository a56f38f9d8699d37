package policy

import (
	"strings"
	"testing"
)

func TestParseReference(t *testing.T) {
	const host = "123456789012.dkr.ecr.us-east-1.amazonaws.com/"
	digest := sha("a")
	for image, want := range map[string]Reference{
		host + "team/shop-web":                                         {web, "latest", ""},
		host + "team/shop-web:v1":                                      {web, "v1", ""},
		host + "team/shop-web@" + digest:                               {web, "", digest},
		host + "team/shop-web:v1@" + digest:                            {web, "v1", digest},
		" https://" + host + "team/shop-web:v1\n":                      {web, "v1", ""},
		"docker://" + host + "team/shop-web:v1":                        {web, "v1", ""},
		strings.ToUpper(host) + "team/shop-web:v1":                     {web, "v1", ""},
		"123456789012.dkr.ecr-fips.us-east-1.amazonaws.com/x":          {Repository{"123456789012", "us-east-1", "x"}, "latest", ""},
		"123456789012.dkr-ecr.us-east-1.on.aws/x:1":                    {Repository{"123456789012", "us-east-1", "x"}, "1", ""},
		"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/x":           {Repository{"123456789012", "cn-north-1", "x"}, "latest", ""},
		"123456789012.dkr.ecr.us-gov-west-1.amazonaws.com/a/b/c_d.e-f": {Repository{"123456789012", "us-gov-west-1", "a/b/c_d.e-f"}, "latest", ""},
	} {
		got, ours, err := ParseReference(image)
		if err != nil || !ours || got != want {
			t.Errorf("%q: %+v, %v, %v; want %+v", image, got, ours, err, want)
		}
	}
	for _, image := range []string{"", "nginx", "nginx:1.27", "public.ecr.aws/nginx/nginx", "ghcr.io/a/b@" + digest, "localhost:5000/x", "1234.dkr.ecr.us-east-1.amazonaws.com/x", "xx" + host + "a", host[:len(host)-1]} {
		if got, ours, err := ParseReference(image); ours || err != nil {
			t.Errorf("%q is taken for ours: %+v, %v", image, got, err)
		}
	}
	for _, image := range []string{host, host + ":v1", host + "a:", host + "a@sha256:123", host + "a@", host + "a:1:2", host + "a:x/b:1"} {
		if got, ours, err := ParseReference(image); err == nil {
			t.Errorf("%q is read as %+v, %v", image, got, ours)
		}
	}
}

// FuzzParseReference wants whatever is read to be usable as a use, and to be read the same when it is written again.
func FuzzParseReference(f *testing.F) {
	for _, seed := range []string{"nginx:1", "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/shop:v1@" + sha("a"), "123456789012.dkr.ecr.us-east-1.amazonaws.com/a:b:c", "https://x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, image string) {
		ref, ours, err := ParseReference(image)
		if err != nil && ours {
			t.Fatalf("%q is ours, and cannot be read: %v", image, err)
		}
		if !ours {
			return
		}
		r := ref.Repository
		if len(r.Account) != 12 || r.Region == "" || r.Name == "" || ref.Tag == "" && ref.Digest == "" || ref.Digest != "" && !IsDigest(ref.Digest) {
			t.Fatalf("%q is read as %+v", image, ref)
		}
		if _, err := usersOf(r, []Use{{Reference: ref}}); err != nil {
			t.Fatal(err)
		}
		again := r.Account + ".dkr.ecr." + r.Region + ".amazonaws.com/" + r.Name
		if ref.Tag != "" {
			again += ":" + ref.Tag
		}
		if ref.Digest != "" {
			again += "@" + ref.Digest
		}
		if same, _, err := ParseReference(again); err != nil || same != ref {
			t.Fatalf("%q is read as %+v, which is written %q and read as %+v (%v)", image, ref, again, same, err)
		}
	})
}
