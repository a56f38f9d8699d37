package github

import "strings"

// What a query finds, as the schema names it.

// objectNode is a GitObject: one of the two is set.
type objectNode struct {
	repository *Repository
	commit     *Commit
	tag        *Tag
}

func node(r *Repository, object any) *objectNode {
	switch o := object.(type) {
	case *Commit:
		if o != nil {
			return &objectNode{repository: r, commit: o}
		}
	case *Tag:
		return &objectNode{repository: r, tag: o}
	}
	return nil
}

func (o *objectNode) OID() gitObjectID {
	if o.tag != nil {
		return gitObjectID(o.tag.Object)
	}
	return gitObjectID(o.commit.SHA)
}

func (o *objectNode) AbbreviatedOid() string        { return string(o.OID()[:7]) }
func (o *objectNode) ToCommit() (*commitNode, bool) { return &commitNode{o}, o.commit != nil }
func (o *objectNode) ToTag() (*tagNode, bool)       { return &tagNode{o}, o.tag != nil }

type commitNode struct{ *objectNode }

func (c *commitNode) Message() string         { return c.commit.Message }
func (c *commitNode) CommittedDate() dateTime { return dateTime{c.commit.Time} }
func (c *commitNode) AuthoredDate() dateTime  { return dateTime{c.commit.authored()} }

type tagNode struct{ *objectNode }

func (t *tagNode) Name() string        { return t.tag.Name }
func (t *tagNode) Target() *objectNode { return node(t.repository, t.repository.commit(t.tag.Commit)) }

type refNode struct {
	repository *Repository
	ref
}

// Name is the short one: main, v1.
func (f *refNode) Name() string {
	return strings.TrimPrefix(strings.TrimPrefix(f.name, "refs/heads/"), "refs/tags/")
}

func (f *refNode) Target() *objectNode { return node(f.repository, f.object) }

type pullNode struct{ pull PullRequest }

func (p *pullNode) Number() int32           { return whole(p.pull.Number) }
func (p *pullNode) State() string           { return p.pull.State }
func (p *pullNode) HeadRefName() string     { return p.pull.Branch }
func (p *pullNode) HeadRefOid() gitObjectID { return gitObjectID(p.pull.Head) }

type pageInfo struct {
	StartCursor, EndCursor       *string
	HasNextPage, HasPreviousPage bool
}

type refConnection struct {
	Nodes      *[]*refNode
	PageInfo   pageInfo
	TotalCount int32
}

type pullConnection struct {
	Nodes      *[]*pullNode
	PageInfo   pageInfo
	TotalCount int32
}
