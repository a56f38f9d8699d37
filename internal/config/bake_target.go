package config

import (
	"time"
)

// BakeTarget is everything a bake has to know, with no default left open. It
// goes into the workflow's input, so that a run's history says it all.
type BakeTarget struct {
	Selector Selector `json:"selector"`

	Account    string `json:"account"` // name in aws.accounts
	AccountID  string `json:"accountId"`
	RoleARN    string `json:"roleArn,omitempty"` // empty: the worker's own credentials
	ExternalID string `json:"externalId,omitempty"`
	Region     string `json:"region"` // AWS Region id

	InstanceID       string        `json:"instanceId"`
	LaunchTemplateID string        `json:"launchTemplateId"`
	Reboot           bool          `json:"reboot,omitempty"`
	ImageTimeout     time.Duration `json:"imageTimeout"`
	PollInterval     time.Duration `json:"pollInterval"`
	CopyTo           []string      `json:"copyTo,omitempty"`
	ShareWith        []string      `json:"shareWith,omitempty"`
	// Source is latest, default, pinned or a version number.
	Source           string            `json:"source"`
	Publish          Publish           `json:"publish"`
	SSMParameter     string            `json:"ssmParameter,omitempty"`
	AutoScalingGroup string            `json:"autoScalingGroup,omitempty"`
	Refresh          *RefreshSettings  `json:"refresh,omitempty"` // nil: no refresh
	KeepFailedImage  bool              `json:"keepFailedImage,omitempty"`
	Tags             map[string]string `json:"tags,omitempty"`
	Channel          string            `json:"channel,omitempty"` // empty: no Slack
}

// RefreshSettings is an instance refresh with its defaults. What is nil is for
// the group itself to decide (its maintenance policy, its default warm-up).
type RefreshSettings struct {
	MinHealthyPercentage  *int           `json:"minHealthyPercentage,omitempty"`
	MaxHealthyPercentage  *int           `json:"maxHealthyPercentage,omitempty"`
	InstanceWarmup        *time.Duration `json:"instanceWarmup,omitempty"`
	CheckpointPercentages []int          `json:"checkpointPercentages,omitempty"`
	CheckpointDelay       time.Duration  `json:"checkpointDelay,omitempty"`
	SkipMatching          bool           `json:"skipMatching,omitempty"`
	BakeTime              time.Duration  `json:"bakeTime,omitempty"`
	Alarms                []string       `json:"alarms,omitempty"`
	Timeout               time.Duration  `json:"timeout"`
}

// effective lays a target over bake.defaults over what is built in.
func effective(target, defaults BakeSettings) BakeSettings {
	s := overlay(overlay(target, defaults), builtin)
	if s.Source == nil {
		s.Source = new(builtinSource(*s.Publish))
	}
	if target.Refresh != nil && target.Refresh.Off || s.Refresh != nil && s.Refresh.Off {
		s.Refresh = nil
	}
	if s.Refresh != nil {
		s.Refresh = new(overlay(*s.Refresh, builtinRefresh))
	}
	return s
}

// resolve needs a configuration without problems.
func resolve(sel Selector, t Target, s BakeSettings, aws AWS) BakeTarget {
	region := aws.Regions[sel.Region]
	name := orZero(s.Account)
	if name == "" {
		name = region.Account
	}
	account := aws.Accounts[name]
	return BakeTarget{
		Selector: sel,
		Account:  name, AccountID: string(account.ID), RoleARN: string(account.RoleARN), ExternalID: account.ExternalID,
		Region:     string(region.Region),
		InstanceID: string(t.Instance), LaunchTemplateID: string(t.LaunchTemplate),
		Reboot:           *s.Reboot,
		ImageTimeout:     time.Duration(*s.ImageTimeout),
		PollInterval:     time.Duration(*s.PollInterval),
		CopyTo:           texts(orZero(s.CopyTo), region.Region),
		ShareWith:        texts(orZero(s.ShareWith), account.ID),
		Source:           string(*s.Source),
		Publish:          *s.Publish,
		SSMParameter:     ssmParameter(s),
		AutoScalingGroup: string(orZero(s.AutoScalingGroup)),
		Refresh:          s.Refresh.resolve(),
		KeepFailedImage:  *s.KeepFailedImage,
		Tags:             s.Tags,
		Channel:          string(orZero(s.Channel)),
	}
}

// ssmParameter leaves out a parameter that bake.defaults give to targets that
// do not publish to one.
func ssmParameter(s BakeSettings) string {
	if *s.Publish != PublishSSM {
		return ""
	}
	return string(orZero(s.SSMParameter))
}

func (r *Refresh) resolve() *RefreshSettings {
	if r == nil {
		return nil
	}
	out := &RefreshSettings{
		MinHealthyPercentage:  r.MinHealthyPercentage,
		MaxHealthyPercentage:  r.MaxHealthyPercentage,
		InstanceWarmup:        (*time.Duration)(r.InstanceWarmup),
		CheckpointPercentages: append([]int(nil), orZero(r.CheckpointPercentages)...),
		SkipMatching:          *r.SkipMatching,
		BakeTime:              time.Duration(*r.BakeTime),
		Alarms:                append([]string(nil), orZero(r.Alarms)...),
		Timeout:               time.Duration(*r.Timeout),
	}
	if len(out.CheckpointPercentages) > 0 {
		out.CheckpointDelay = time.Duration(*r.CheckpointDelay)
	}
	return out
}

func orZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// texts leaves out the target's own Region or account: bake.defaults may list
// all of them, for whichever target.
func texts[S ~string](list []S, own S) []string {
	var out []string
	for _, s := range list {
		if s != own {
			out = append(out, string(s))
		}
	}
	return out
}
