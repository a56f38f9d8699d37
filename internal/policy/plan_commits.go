package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// commitName is a commit, whole or abbreviated as git does.
var commitName = regexp.MustCompile(`^[0-9a-f]{7,40}$`)

// commitFinder finds commits in tags; nil finds none.
type commitFinder struct{ *regexp.Regexp }

func newCommitFinder(pattern string) (commitFinder, error) {
	if pattern == "" {
		return commitFinder{}, nil
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return commitFinder{}, fmt.Errorf("commit_tag %q is not a regular expression: %w", pattern, err)
	}
	if re.NumSubexp() != 1 {
		return commitFinder{}, fmt.Errorf("commit_tag %q has %d groups: put ( ) around the commit, and nothing else", pattern, re.NumSubexp())
	}
	return commitFinder{re}, nil
}

func (f commitFinder) in(tags []string) []string {
	if f.Regexp == nil {
		return nil
	}
	var commits []string
	for _, tag := range tags {
		if m := f.FindStringSubmatch(tag); m != nil {
			if commit := strings.ToLower(m[1]); commitName.MatchString(commit) {
				commits = append(commits, commit)
			}
		}
	}
	return sortedUnique(commits)
}

// CommitsOf are the commits that an image's tags name, sorted. Several tags may name several commits: all count.
func CommitsOf(rules ImageRules, tags []string) ([]string, error) {
	find, err := newCommitFinder(rules.CommitTag)
	return find.in(tags), err
}

// CommitCandidates are the commits of exactly those images that would go if GitHub said nothing, sorted.
func CommitCandidates(in ImagePlanInput) ([]string, error) {
	in.Commits, in.Heads = nil, nil
	find, err := newCommitFinder(in.Rules.CommitTag)
	if err != nil {
		return nil, err
	}
	verdicts, err := PlanImages(in)
	if err != nil {
		return nil, err
	}
	var commits []string
	for _, v := range verdicts {
		if v.Code == VerdictDelete {
			commits = append(commits, find.in(v.Tags)...)
		}
	}
	return sortedUnique(commits), nil
}

// head keeps what a branch, a tag or an open pull request points to. A tag may abbreviate the commit.
func (p *imagePlan) head(i int) reason {
	for _, commit := range p.commits[i] {
		at, _ := slices.BinarySearch(p.heads, commit)
		if at < len(p.heads) && strings.HasPrefix(p.heads[at], commit) {
			return because(KeptHead, "commit %s is the head of %s", short(commit), p.in.Heads[p.heads[at]])
		}
	}
	return reason{}
}

// commitReason is what GitHub says for keeping an image.
func (p *imagePlan) commitReason(i int) reason {
	for _, commit := range p.commits[i] {
		if c, asked := p.in.Commits[commit]; asked && !c.Missing && !c.Time.IsZero() && p.isYoung(i, c.Time) {
			return because(KeptCommitYoung, "commit %s was made %s, younger than %s", short(commit), ago(p.in.Now, c.Time), inDays(p.minAge(i)))
		}
	}
	for _, commit := range p.commits[i] {
		if c, asked := p.in.Commits[commit]; asked && (c.Missing || c.Time.IsZero()) {
			return because(KeptCommitUnknown, "GitHub does not know commit %s, so its age is not known: delete the image by hand if nobody needs it", short(commit))
		}
	}
	return reason{}
}

// notAsked keeps an image whose commit should have been looked up and was not.
func (p *imagePlan) notAsked(i int) reason {
	if p.in.Commits == nil {
		return reason{}
	}
	for _, commit := range p.commits[i] {
		if _, asked := p.in.Commits[commit]; !asked {
			return because(KeptCommitUnknown, "commit %s was not looked up: prune again", short(commit))
		}
	}
	return reason{}
}

// committed is the latest time of an image's commits.
func (p *imagePlan) committed(i int) time.Time {
	var latest time.Time
	for _, commit := range p.commits[i] {
		if c := p.in.Commits[commit]; !c.Missing && c.Time.After(latest) {
			latest = c.Time
		}
	}
	return latest
}

func short(commit string) string { return commit[:min(12, len(commit))] }
