package activities

import (
	"strings"
	"testing"

	"epoxy/internal/artifact"
	"epoxy/internal/artifact/artifacttest"
	"epoxy/internal/policy"
)

// listing has one list in S3.
func listing(ecs *fakeContainers, text string) (*UseSurveyor, *artifacttest.S3) {
	s3 := artifacttest.New(bucket)
	s3.Objects["lists/eks.txt"] = []byte(text)
	return &UseSurveyor{ECS: to[ECSUsesAPI](ecs), S3: to[artifact.API](s3)}, s3
}

func readLists(t *testing.T, a *UseSurveyor, listed ...string) (policy.Uses, SurveyUsesOutput, error) {
	t.Helper()
	out, err := attempt(t, a.ReadListedUses, ReadListedUsesInput{
		Store: theStore(), Listed: listed, Objects: []ListedObject{{Place: here, Bucket: bucket, Key: "lists/eks.txt"}},
	})
	return kept(t, a, out, err), out, err
}

func TestListsHoldWhatTheySay(t *testing.T) {
	ecs := newContainers()
	job := ecs.register("job", registry+"job:1", "nginx:1")
	elsewhere := "arn:aws:ecs:eu-west-1:222222222222:task-definition/other:3"
	a, _ := listing(ecs, "\ufeff# EKS, written by a cron job\r\n"+registry+"api:stable   # since May\r\n\n   \n"+registry+"api@"+digestNumber(11)+"\n"+job+"\n"+elsewhere)
	uses, out, err := readLists(t, a, registry+"web:stable", registry+"web:stable", registry+"bare")
	if err != nil {
		t.Fatal(err)
	}
	at := " by s3://" + bucket + "/lists/eks.txt line "
	wantUses(t, uses,
		"listed-in-config web:stable by "+registry+"web:stable", "listed-in-config bare:latest by "+registry+"bare",
		"listed-in-s3 api:stable"+at+"2", "listed-in-s3 api@11"+at+"5", "listed-in-s3 task-definition/job:1"+at+"6", "listed-in-s3 job:1"+at+"6",
		"listed-in-s3 "+elsewhere+at+"7",
	)
	if c := out.Counts; len(c) != 2 || c[0] != (policy.UseCount{Place: "lists", Kind: "listed-in-config", Count: 2}) || c[1].Count != 4 {
		t.Errorf("counts: %v", c)
	}
}

func TestListsWithMistakesAreRefused(t *testing.T) {
	for line, says := range map[string]string{
		registry + "web@sha256:12": "has a malformed digest",
		registry + "web:":          "has an empty tag",
		"shop/web:1":               "is not an image in ECR",
		"nginx":                    "is not an image in ECR",
		registry + "web:1 web":     "is not an image in ECR",
		"arn:aws:ecs:us-east-1:123456789012:task/1":              "is not the ARN of a task definition",
		ecsARN("task-definition/family-alone"):                   "is not the ARN of a task definition",
		"arn:aws:ecs:us-east-1:1:task-definition/a:1":            "is not the ARN of a task definition",
		strings.Repeat("x", 70_000):                              "is no list of lines",
		"\x00\x01\x02\x1f\x8b binary":                            "is not an image in ECR",
		"arn:aws:ecs:us-east-1:123456789012:task-definition/a:0": "is not the ARN of a task definition",
	} {
		a, _ := listing(newContainers(), "# one\n"+line+"\n")
		_, _, err := readLists(t, a)
		want := "s3://" + bucket + "/lists/eks.txt line 2: …" + says
		if says == "is no list of lines" {
			want = says
		}
		wantError(t, line, err, refused(ErrInvalid, want))
		if says == "is no list of lines" {
			continue
		}
		a, _ = listing(newContainers(), "")
		_, _, err = readLists(t, a, registry+"ok:1", line)
		wantError(t, line, err, refused(ErrInvalid, "entry 2 of in_use in epoxy.yaml: …"+says))
	}
}

func TestListsThatCannotBeReadAreErrors(t *testing.T) {
	a, s3 := listing(newContainers(), "")
	if _, _, err := readLists(t, a); err != nil {
		t.Errorf("an empty list: %v", err)
	}
	for code, kind := range map[string]string{"NoSuchBucket": ErrNotFound, "AccessDenied": ErrForbidden} {
		s3.Fail["GetObject"] = []error{artifacttest.Error("GetObject", 403, code, "no")}
		_, _, err := readLists(t, a)
		wantError(t, code, err, refused(kind, "s3://"+bucket+"/lists/eks.txt, in in_use_objects of epoxy.yaml…("+code+")"))
	}
	s3.Lose["GetObject"] = 1
	_, _, err := readLists(t, a)
	wantError(t, "lost", err, what{says: "connection reset"})
	delete(s3.Objects, "lists/eks.txt")
	_, _, err = readLists(t, a)
	wantError(t, "missing", err, refused(ErrNotFound, "lists/eks.txt, in in_use_objects of epoxy.yaml, does not exist (NoSuchKey)"))
	line := registry + "web:1\n"
	s3.Objects["lists/eks.txt"] = []byte(strings.Repeat(line, listLimit/len(line)+1))
	_, _, err = readLists(t, a)
	wantError(t, "too big", err, refused(ErrInvalid, "is bigger than 10 MB"))
	s3.Objects["lists/eks.txt"] = []byte(ecsARN("task-definition/gone:1"))
	_, _, err = readLists(t, a)
	wantError(t, "a definition that is gone", err, refused(ErrNotFound, "lists/eks.txt line 1 (listed-in-s3) holds it"))
}
