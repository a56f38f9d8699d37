package activities

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"epoxy/internal/policy"
)

// ImageRemovalAPI is what removing an image needs of EC2.
type ImageRemovalAPI interface {
	DescribeImages(context.Context, *ec2.DescribeImagesInput, ...func(*ec2.Options)) (*ec2.DescribeImagesOutput, error)
	DeregisterImage(context.Context, *ec2.DeregisterImageInput, ...func(*ec2.Options)) (*ec2.DeregisterImageOutput, error)
	DescribeSnapshots(context.Context, *ec2.DescribeSnapshotsInput, ...func(*ec2.Options)) (*ec2.DescribeSnapshotsOutput, error)
	DeleteSnapshot(context.Context, *ec2.DeleteSnapshotInput, ...func(*ec2.Options)) (*ec2.DeleteSnapshotOutput, error)
	DescribeLaunchTemplateVersions(context.Context, *ec2.DescribeLaunchTemplateVersionsInput, ...func(*ec2.Options)) (*ec2.DescribeLaunchTemplateVersionsOutput, error)
	DeleteLaunchTemplateVersions(context.Context, *ec2.DeleteLaunchTemplateVersionsInput, ...func(*ec2.Options)) (*ec2.DeleteLaunchTemplateVersionsOutput, error)
}

// ImageRemover takes back what a bake made and did not publish.
type ImageRemover struct{ Connect Connect[ImageRemovalAPI] }

// RemoveImageInput names what one run made in one place.
type RemoveImageInput struct {
	Place   Place  `json:"place"`
	Run     string `json:"run"`
	Name    string `json:"name"`
	ImageID string `json:"image_id,omitempty"` // "" when the creation was never answered
	// SettleBy is until when an image that EC2 does not show may still turn up.
	SettleBy time.Time `json:"settle_by"`
	// LaunchTemplateID guards the image: it stays while a version above SinceVersion refers to it.
	LaunchTemplateID string `json:"launch_template_id,omitempty"`
	SinceVersion     int64  `json:"since_version,omitempty"`
	// UnpublishedVersion, when not 0, is a version of this run that nobody uses: it goes first.
	UnpublishedVersion int64 `json:"unpublished_version,omitempty"`
}

// RemoveImageOutput says what is left.
type RemoveImageOutput struct {
	ImageID string `json:"image_id,omitempty"`
	Kept    string `json:"kept,omitempty"` // why the image stays; "" when nothing is left
}

// RemoveImage deregisters this run's image and deletes its snapshots, all of them: it ends well only when EC2 shows
// neither. What a launch template version refers to stays, and the answer says so.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeregisterImage.html
func (a *ImageRemover) RemoveImage(ctx context.Context, in RemoveImageInput) (RemoveImageOutput, error) {
	client, err := a.Connect(ctx, in.Place)
	if err != nil {
		return RemoveImageOutput{}, translate(in.Place, err)
	}
	id, visible, err := findOwnImage(ctx, client, in)
	if err != nil {
		return RemoveImageOutput{}, err
	}
	out := RemoveImageOutput{ImageID: id}
	if in.UnpublishedVersion > 0 {
		if err := deleteVersion(ctx, client, in.LaunchTemplateID, in.UnpublishedVersion); err != nil {
			return out, translate(in.Place, err)
		}
	}
	if id != "" && in.LaunchTemplateID != "" {
		users, err := versionsWithImage(ctx, client, in.LaunchTemplateID, in.SinceVersion, id)
		if err != nil {
			return out, translate(in.Place, err)
		}
		if len(users) > 0 {
			out.Kept = fmt.Sprintf("%s stays: version %s of %s uses it", id, strings.Join(users, ", "), in.LaunchTemplateID)
			return out, nil
		}
	}
	if err := deregister(ctx, client, in, id); err != nil {
		return out, err
	}
	if !visible && time.Now().Before(in.SettleBy) {
		return out, NotReady(notVisibleRetry, "image %s %s may still turn up in %s: looking again", in.Name, id, in.Place)
	}
	return out, deleteRunSnapshots(ctx, client, in)
}

// findOwnImage looks by name and by this run's tag; the id that the run knows wins where EC2 shows nothing yet.
func findOwnImage(ctx context.Context, client ImageRemovalAPI, in RemoveImageInput) (id string, visible bool, err error) {
	found, err := imagesNamed(ctx, client, in.Name)
	if err != nil {
		return "", false, translate(in.Place, err)
	}
	own, _ := policy.Adopt(in.Run, found)
	if own == "" {
		return in.ImageID, false, nil
	}
	return own, true, nil
}

func deregister(ctx context.Context, client ImageRemovalAPI, in RemoveImageInput, id string) error {
	if id == "" {
		return nil
	}
	_, err := client.DeregisterImage(ctx, &ec2.DeregisterImageInput{ImageId: &id, DeleteAssociatedSnapshots: aws.Bool(true)})
	if isNotFound(codeOf(err)) {
		return nil
	}
	return in.settle(err)
}

// settle gives a removal that is forbidden some time: the role may remove only what carries Epoxy's tag, and a tag takes a
// moment to be seen.
func (in RemoveImageInput) settle(err error) error {
	if forbiddenCodes[codeOf(err)] && time.Now().Before(in.SettleBy) {
		return NotReady(notVisibleRetry, "removing %s is not allowed in %s yet: its tags may not be visible", in.Name, in.Place)
	}
	return translate(in.Place, err)
}

// deleteRunSnapshots deletes what deregistration left: it skips snapshots whose image failed, and reports per snapshot.
// The tag finds them even when the image was never described.
func deleteRunSnapshots(ctx context.Context, client ImageRemovalAPI, in RemoveImageInput) error {
	pages := ec2.NewDescribeSnapshotsPaginator(client, &ec2.DescribeSnapshotsInput{
		OwnerIds: []string{"self"},
		Filters:  []types.Filter{{Name: aws.String("tag:" + policy.TagRun), Values: []string{in.Run}}},
	})
	left := 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return translate(in.Place, err)
		}
		for _, s := range page.Snapshots {
			left++
			_, err := client.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: s.SnapshotId})
			if code := codeOf(err); err != nil && !isNotFound(code) && code != "InvalidSnapshot.InUse" {
				return in.settle(err)
			}
		}
	}
	if left > 0 {
		return NotReady(notVisibleRetry, "%d snapshots of %s are being deleted in %s", left, in.Name, in.Place)
	}
	return nil
}

type describeVersionsAPI interface {
	DescribeLaunchTemplateVersions(context.Context, *ec2.DescribeLaunchTemplateVersionsInput, ...func(*ec2.Options)) (*ec2.DescribeLaunchTemplateVersionsOutput, error)
}

// versionsWithImage lists the versions above since that refer to the image.
func versionsWithImage(ctx context.Context, client describeVersionsAPI, template string, since int64, image string) ([]string, error) {
	pages := ec2.NewDescribeLaunchTemplateVersionsPaginator(client, &ec2.DescribeLaunchTemplateVersionsInput{
		LaunchTemplateId: &template, MinVersion: aws.String(strconv.FormatInt(since+1, 10)),
	})
	var users []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			if strings.HasPrefix(codeOf(err), "InvalidLaunchTemplate") {
				return users, nil // the template is gone, or has no version that high: nothing refers to the image
			}
			return nil, err
		}
		for _, v := range page.LaunchTemplateVersions {
			if v.LaunchTemplateData != nil && aws.ToString(v.LaunchTemplateData.ImageId) == image {
				users = append(users, strconv.FormatInt(aws.ToInt64(v.VersionNumber), 10))
			}
		}
	}
	return users, nil
}

type deleteVersionsAPI interface {
	DeleteLaunchTemplateVersions(context.Context, *ec2.DeleteLaunchTemplateVersionsInput, ...func(*ec2.Options)) (*ec2.DeleteLaunchTemplateVersionsOutput, error)
}

// deleteVersion deletes one version; one that does not exist, or whose template is gone, is success. The call answers 200
// for refusals too, so the list of failures is read.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteLaunchTemplateVersions.html
func deleteVersion(ctx context.Context, client deleteVersionsAPI, template string, version int64) error {
	out, err := client.DeleteLaunchTemplateVersions(ctx, &ec2.DeleteLaunchTemplateVersionsInput{
		LaunchTemplateId: &template, Versions: []string{strconv.FormatInt(version, 10)},
	})
	if isNotFound(codeOf(err)) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, f := range out.UnsuccessfullyDeletedLaunchTemplateVersions {
		if e := f.ResponseError; e != nil && e.Code != types.LaunchTemplateErrorCodeLaunchTemplateVersionDoesNotExist &&
			e.Code != types.LaunchTemplateErrorCodeLaunchTemplateIdDoesNotExist {
			return fmt.Errorf("delete version %d of %s: %s (%s)", version, template, aws.ToString(e.Message), e.Code)
		}
	}
	return nil
}
