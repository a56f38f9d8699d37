package config

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"epoxy/internal/policy"
)

// checkPrune checks the section and resolves its policies.
func (c *Config) checkPrune(root place) {
	c.images, c.taskDefinitions = map[string]PruneImages{}, map[string]PruneTaskDefinitions{}
	at := root.key("prune").key("images")
	c.Prune.Images.Defaults.validate(at.key("defaults"), c)
	for _, name := range sortedKeys(c.Prune.Images.Policies) {
		p, here := c.Prune.Images.Policies[name], at.key("policies").key(name)
		checkName(here, name)
		p.validate(here, c)
		s := overlay(overlay(p.ImageSettings, c.Prune.Images.Defaults), builtinImages)
		scope := scope{target: here, defaults: at.key("defaults")}
		scope.prune(s.PruneSettings, c)
		scope.github(s, c)
		c.images[name] = c.resolveImages(name, p, s)
	}
	at = root.key("prune").key("task_definitions")
	c.Prune.TaskDefinitions.Defaults.validate(at.key("defaults"), c)
	for _, name := range sortedKeys(c.Prune.TaskDefinitions.Policies) {
		p, here := c.Prune.TaskDefinitions.Policies[name], at.key("policies").key(name)
		checkName(here, name)
		p.validate(here, c)
		s := overlay(overlay(p.TaskDefinitionSettings, c.Prune.TaskDefinitions.Defaults), builtinTaskDefinitions)
		scope := scope{target: here, defaults: at.key("defaults")}
		scope.prune(s.PruneSettings, c)
		scope.ecs(s.PruneSettings)
		c.taskDefinitions[name] = c.resolveTaskDefinitions(name, p, s)
	}
	if len(c.images)+len(c.taskDefinitions) > 0 {
		needed(root.key("artifacts"), "a prune keeps its plans in a bucket: add artifacts: { region: …, bucket: … } and run epoxy setup")
		needed(root.key("ledger"), "a prune writes down what it deletes: add ledger: { region: …, table: … } and run epoxy setup")
	}
}

func needed(section place, why string) {
	if !section.known() {
		section.errorf("is missing: %s", why)
	}
}

// validate checks what a policy says by itself.
func (p ImagePolicy) validate(at place, c *Config) {
	c.AWS.checkPlace(at, p.Account, p.Region)
	checkList(at.key("repositories"), p.Repositories)
	p.ImageSettings.validate(at, c)
}

// validate checks each setting by itself, the same for defaults and policies.
func (s ImageSettings) validate(at place, c *Config) {
	checkUnique(at.key("protect_tags"), orZero(s.ProtectTags))
	checkUnique(at.key("in_use"), orZero(s.InUse))
	checkUnique(at.key("ignore_principals"), orZero(s.IgnorePrincipals))
	for i, consumer := range orZero(s.Consumers) {
		here := at.key("consumers").index(i)
		checkList(here.key("regions"), consumer.Regions)
		for j, region := range consumer.Regions {
			c.AWS.checkRegion(here.key("regions").index(j), region)
			c.AWS.checkAccount(here.key("account"), consumer.Account, c.AWS.Regions[region].Region)
		}
	}
	for _, pattern := range sortedKeys(s.GitHub) {
		if here := at.key("github").key(pattern); !repositoryPattern.MatchString(pattern) {
			here.errorf("%s is neither the name of an ECR repository nor a pattern such as shop/*", here.show(pattern))
		}
	}
	s.PruneSettings.validate(at, c)
}

func (p TaskDefinitionPolicy) validate(at place, c *Config) {
	c.AWS.checkPlace(at, p.Account, p.Region)
	checkList(at.key("families"), p.Families)
	p.TaskDefinitionSettings.validate(at, c)
}

func (s TaskDefinitionSettings) validate(at place, c *Config) {
	checkUnique(at.key("protect_families"), orZero(s.ProtectFamilies))
	checkUnique(at.key("in_use"), orZero(s.InUse))
	s.PruneSettings.validate(at, c)
}

func (s PruneSettings) validate(at place, c *Config) {
	if s.Sources != nil {
		checkList(at.key("sources"), *s.Sources)
	}
	checkUnique(at.key("expect_clusters"), orZero(s.ExpectClusters))
	for i, object := range orZero(s.InUseObjects) {
		c.AWS.checkPlace(at.key("in_use_objects").index(i), object.Account, object.Region)
	}
	approval := at.key("approval")
	if name := orZero(s.Approval); name != "" && !approval.bad() && !approval.doc.root().key("approvals").key(name).known() {
		names := sortedKeys(c.Approvals)
		approval.errorf("no approval %s in approvals%s%s", approval.show(name), didYouMean(name, names), has(names))
	}
}

// checkList is checkUnique for a list that must not be empty.
func checkList[T ~string](at place, list []T) {
	if at.known() && !at.bad() && len(list) == 0 {
		at.errorf("is empty: name at least one")
	}
	checkUnique(at, list)
}

// prune checks settings against each other once the defaults are in.
func (s scope) prune(p PruneSettings, c *Config) {
	approval, ok := c.Approvals[orZero(p.Approval)]
	if p.Approval == nil {
		s.missing("approval", "say who decides, with the name of an approval in approvals")
	}
	open := s.target.doc.root().key("approvals").key(orZero(p.Approval))
	known := !open.key("expires").bad() && !open.key("window").bad()
	if timeout := s.at("timeout"); ok && known && !timeout.bad() && time.Duration(*p.Timeout) <= approval.open() {
		timeout.errorf("the run may take %s, but its question alone is open for %s (approvals.%s): raise timeout above that",
			*p.Timeout, Duration(approval.open()), *p.Approval)
	}
}

// github checks that the commits that a policy asks for can be asked for.
func (s scope) github(p ImageSettings, c *Config) {
	if len(p.GitHub) > 0 && p.CommitTag == nil && !s.at("commit_tag").known() {
		s.at("github").errorf("needs commit_tag, which finds the commit in a tag: add commit_tag: '^([0-9a-f]{7,40})$', or what fits your tags")
	}
	if own := s.target.key("commit_tag"); own.known() && len(p.GitHub) == 0 && !s.at("github").known() {
		own.errorf("is used only with github: say which GitHub repository has the commits, or remove it")
	}
	if section := s.target.doc.root().key("github"); len(p.GitHub) > 0 && !c.GitHub.Enabled() && !section.key("token").known() && !section.key("app").known() {
		s.at("github").errorf("GitHub cannot be asked without a token: add the section github: { token: { env: EPOXY_GITHUB_TOKEN } }")
	}
}

// ecs is what task definitions are for, so that a survey without it proves nothing.
func (s scope) ecs(p PruneSettings) {
	if p.Sources != nil && len(*p.Sources) > 0 && !slices.Contains(*p.Sources, policy.SourceECS) && !s.at("sources").bad() {
		s.at("sources").errorf("has no %s, which uses task definitions more than all others: add it", policy.SourceECS)
	}
}

// PruneNames lists the policies of a kind (policy.PlanOf…): the completions of
// the command's argument.
func (c *Config) PruneNames(kind string) []string {
	if kind == policy.PlanOfTaskDefinitions {
		return sortedKeys(c.taskDefinitions)
	}
	return sortedKeys(c.images)
}

// PruneImages is the policy of that name in prune.images.policies.
func (c *Config) PruneImages(name string) (PruneImages, error) {
	p, ok := c.images[name]
	if !ok {
		return PruneImages{}, c.noPolicy("images", name, c.PruneNames(policy.PlanOfImages))
	}
	return p, nil
}

// PruneTaskDefinitions is the policy of that name in prune.task_definitions.policies.
func (c *Config) PruneTaskDefinitions(name string) (PruneTaskDefinitions, error) {
	p, ok := c.taskDefinitions[name]
	if !ok {
		return PruneTaskDefinitions{}, c.noPolicy("task_definitions", name, c.PruneNames(policy.PlanOfTaskDefinitions))
	}
	return p, nil
}

func (c *Config) noPolicy(section, name string, names []string) error {
	if len(names) == 0 {
		return fmt.Errorf("no policies: add some to prune.%s.policies in %s (epoxy.example.yaml shows how)", section, c.doc.file)
	}
	at := c.doc.root().key("prune").key(section).key("policies")
	return errors.New(fmt.Sprintf("no policy %q%s%s", name, didYouMean(name, names), has(names)) + " — prune." + section + ".policies in " + at.line())
}
