package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

type (
	object = map[string]any
	list   = []any
)

func TestDiffExceptImage(t *testing.T) {
	base := object{
		"ImageId": "ami-1", "InstanceType": "m7g.large", "EbsOptimized": true,
		"BlockDeviceMappings": list{object{"DeviceName": "/dev/xvda", "Ebs": object{"VolumeSize": 20.0}}},
		"MetadataOptions":     object{"HttpTokens": "required", "ImageId": "no image"},
	}
	for name, c := range map[string]struct {
		change object // of top-level fields; nil takes one away
		want   string
	}{
		"nothing":             {object{}, ""},
		"the image":           {object{"ImageId": "ami-2"}, ""},
		"the image taken out": {object{"ImageId": nil}, ""},
		"a field":             {object{"InstanceType": "m7g.xlarge"}, "InstanceType"},
		"another kind":        {object{"EbsOptimized": "true"}, "EbsOptimized"},
		"a field more":        {object{"UserData": "IyE="}, "UserData"},
		"a field less":        {object{"EbsOptimized": nil}, "EbsOptimized"},
		"a group of fields":   {object{"MetadataOptions": nil}, "MetadataOptions"},
		"deep":                {object{"MetadataOptions": object{"HttpTokens": "optional", "ImageId": "no image"}}, "MetadataOptions.HttpTokens"},
		"another ImageId":     {object{"MetadataOptions": object{"HttpTokens": "required", "ImageId": "other"}}, "MetadataOptions.ImageId"},
		"in a list":           {object{"BlockDeviceMappings": list{object{"DeviceName": "/dev/xvda", "Ebs": object{"VolumeSize": 21.0}}}}, "BlockDeviceMappings"},
		"a shorter list":      {object{"BlockDeviceMappings": list{}}, "BlockDeviceMappings"},
		"two, sorted":         {object{"UserData": "IyE=", "EbsOptimized": false}, "EbsOptimized UserData"},
	} {
		after := maps.Clone(base)
		maps.Copy(after, c.change)
		maps.DeleteFunc(after, func(_ string, v any) bool { return v == nil })
		if got := strings.Join(DiffExceptImage(base, after), " "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if got := strings.Join(DiffExceptImage(after, base), " "); got != c.want {
			t.Errorf("%s, the other way round: %q, want %q", name, got, c.want)
		}
	}
}

// anyValue is decoded JSON: the deeper, the simpler.
func anyValue(depth int) *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.Map(rapid.StringN(0, 5, -1), func(s string) any { return s }),
		rapid.Map(rapid.IntRange(-9, 9), func(n int) any { return float64(n) }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
	)
	if depth == 0 {
		return leaf
	}
	return rapid.OneOf(leaf,
		rapid.Map(anyObject(depth-1), func(o object) any { return o }),
		rapid.Map(rapid.SliceOfN(anyValue(depth-1), 1, 3), func(l []any) any { return l }),
	)
}

func anyObject(depth int) *rapid.Generator[object] {
	key := rapid.SampledFrom([]string{"ImageId", "InstanceType", "Ebs", "UserData", "Tags", "KernelId"})
	return rapid.MapOfN(key, anyValue(depth), 1, 4)
}

// spoil returns a copy of v in which one leaf is another, and the path of the leaf: the list's, where it is in a list.
func spoil(t *rapid.T, v any, path string) (any, string) {
	switch v := v.(type) {
	case object:
		keys := slices.Sorted(maps.Keys(v))
		if path == "" {
			keys = slices.DeleteFunc(keys, func(k string) bool { return k == "ImageId" })
		}
		key := rapid.SampledFrom(keys).Draw(t, "key")
		spoilt, where := spoil(t, v[key], strings.TrimPrefix(path+"."+key, "."))
		out := maps.Clone(v)
		out[key] = spoilt
		return out, where
	case list:
		i := rapid.IntRange(0, len(v)-1).Draw(t, "index")
		out := slices.Clone(v)
		out[i], _ = spoil(t, v[i], path+".")
		return out, path
	}
	return fmt.Sprint("not ", v), path
}

func TestDiffFindsEveryOtherLeaf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := anyObject(3).Filter(func(o object) bool { return len(without(o, "ImageId")) > 0 }).Draw(t, "before")
		image := maps.Clone(before)
		image["ImageId"] = anyValue(1).Draw(t, "image")
		if got := DiffExceptImage(before, image); len(got) != 0 {
			t.Fatalf("only the image changed, and %v is reported", got)
		}
		after, path := spoil(t, before, "")
		there, back := DiffExceptImage(before, after.(object)), DiffExceptImage(after.(object), before)
		if !slices.Equal(there, []string{path}) {
			t.Fatalf("%s changed, %v is reported", path, there)
		}
		if !slices.Equal(there, back) {
			t.Fatalf("one way %v, the other way %v", there, back)
		}
		if got := DiffExceptImage(image, after.(object)); !slices.Equal(got, there) {
			t.Fatalf("with another image as well, %v is reported instead of %v", got, there)
		}
	})
}

func TestDiffIsSymmetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyObject(2).Draw(t, "a"), anyObject(2).Draw(t, "b")
		if there, back := DiffExceptImage(a, b), DiffExceptImage(b, a); !slices.Equal(there, back) {
			t.Fatalf("one way %v, the other way %v", there, back)
		}
	})
}

func TestSSMAlias(t *testing.T) {
	const arn = "arn:aws:ssm:us-east-1:123456789012:parameter/golden/web"
	for image, want := range map[string]string{
		"":                              "",
		"ami-0123456789abcdef0":         "",
		"/golden/web":                   "",
		"ssm:/golden/web":               "",
		"resolve:ssm:/golden/web":       "/golden/web",
		"resolve:ssm:/golden/web:3":     "/golden/web",
		"resolve:ssm:/golden/web:prod":  "/golden/web",
		"resolve:ssm:golden":            "golden",
		"resolve:ssm:golden:12":         "golden",
		"resolve:ssm:" + arn:            arn,
		"resolve:ssm:" + arn + ":3":     arn,
		"resolve:ssm:" + arn + ":green": arn,
	} {
		if got, ok := SSMAlias(image); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v; want %q", image, got, ok, want)
		}
	}
}

func TestSourceVersion(t *testing.T) {
	for _, c := range []struct {
		source, group string
		want          int64
	}{
		{SourceLatest, "3", 7},
		{SourceDefault, "3", 5},
		{SourcePinned, "3", 3},
		{SourcePinned, "$Latest", 7},
		{SourcePinned, "$Default", 5},
		{SourcePinned, "", 5}, // a group without a version launches the default one
		{SourcePinned, "8", 0},
		{"1", "", 1},
		{"7", "", 7},
		{"8", "", 0},
		{"0", "", 0},
		{"-1", "", 0},
		{"3.0", "", 0},
		{"newest", "", 0},
		{"99999999999999999999", "", 0},
	} {
		if got := SourceVersion(c.source, 7, 5, c.group); got != c.want {
			t.Errorf("%q, group at %q: %d, want %d", c.source, c.group, got, c.want)
		}
	}
}

func TestSourceVersionIsThereOrNone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.OneOf(
			rapid.SampledFrom([]string{SourceLatest, SourceDefault, SourcePinned, "$Latest", "$Default", ""}),
			rapid.Map(rapid.Int64Range(-2, 10_002), func(n int64) string { return fmt.Sprint(n) }), rapid.String())
		latest := rapid.Int64Range(0, VersionQuota).Draw(t, "latest")
		deflt := rapid.Int64Range(0, latest).Draw(t, "default")
		source, group := words.Draw(t, "source"), words.Draw(t, "group")
		got := SourceVersion(source, latest, deflt, group)
		if got < 0 || got > latest {
			t.Fatalf("%q of 1 to %d, default %d, group %q: %d", source, latest, deflt, group, got)
		}
		if source == "$Latest" && got != latest || source == SourcePinned && group == "$Latest" && got != latest {
			t.Fatalf("$Latest is %d, want %d", got, latest)
		}
	})
}
