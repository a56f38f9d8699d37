package config

import (
	"epoxy/internal/cloud"
)

// Artifacts is the bucket for what is too big for a history.
type Artifacts struct {
	Account string `yaml:"account" doc:"account in aws.accounts; the Region's own when left out"`
	Region  string `yaml:"region" rule:"required" doc:"short name in aws.regions"`
	Bucket  Bucket `yaml:"bucket" rule:"required" doc:"name of the bucket, which nothing else uses"`
	Prefix  string `yaml:"prefix" doc:"what every key begins with; leave it out for a bucket of Epoxy's own"`
}

// Enabled says whether there is a bucket.
func (a Artifacts) Enabled() bool { return a.Bucket != "" }

func (a Artifacts) validate(at place, aws AWS) { aws.checkPlace(at, a.Account, a.Region) }

// Ledger is the table of what was destroyed.
type Ledger struct {
	Account string    `yaml:"account" doc:"account in aws.accounts; the Region's own when left out"`
	Region  string    `yaml:"region" rule:"required" doc:"short name in aws.regions"`
	Table   TableName `yaml:"table" rule:"required" doc:"name of the table"`
}

// Enabled says whether there is a table.
func (l Ledger) Enabled() bool { return l.Table != "" }

func (l Ledger) validate(at place, aws AWS) { aws.checkPlace(at, l.Account, l.Region) }

// ArtifactStore is the bucket with its place.
type ArtifactStore struct {
	Place  cloud.Place `json:"place"`
	Bucket string      `json:"bucket"`
	Prefix string      `json:"prefix,omitempty"`
}

// LedgerTable is the table with its place.
type LedgerTable struct {
	Place cloud.Place `json:"place"`
	Table string      `json:"table"`
}

// ArtifactStore resolves the section artifacts; its bucket is "" without one.
func (c *Config) ArtifactStore() ArtifactStore {
	if !c.Artifacts.Enabled() {
		return ArtifactStore{}
	}
	return ArtifactStore{Place: c.AWS.place(c.Artifacts.Account, c.Artifacts.Region), Bucket: string(c.Artifacts.Bucket), Prefix: c.Artifacts.Prefix}
}

// LedgerTable resolves the section ledger; its table is "" without one.
func (c *Config) LedgerTable() LedgerTable {
	if !c.Ledger.Enabled() {
		return LedgerTable{}
	}
	return LedgerTable{Place: c.AWS.place(c.Ledger.Account, c.Ledger.Region), Table: string(c.Ledger.Table)}
}

// checkPlace checks the fields region and, if there is one, account below at.
func (a AWS) checkPlace(at place, account, region string) {
	a.checkRegion(at.key("region"), region)
	a.checkAccount(at.key("account"), account, a.Regions[region].Region)
}

// checkRegion checks a reference to a Region.
func (a AWS) checkRegion(at place, name string) {
	if _, ok := a.Regions[name]; ok || name == "" || at.bad() || at.doc.root().key("aws").key("regions").key(name).known() {
		return
	}
	names := sortedKeys(a.Regions)
	at.errorf("no region %s in aws.regions%s%s", at.show(name), didYouMean(name, names), has(names))
}

// place is where an account and a Region lead; without an account, the Region's.
func (a AWS) place(account, region string) cloud.Place {
	r := a.Regions[region]
	return a.Accounts[orElse(account, r.Account)].in(r.Region)
}

func (a Account) in(region RegionID) cloud.Place {
	return cloud.Place{Account: string(a.ID), Region: string(region), RoleARN: string(a.RoleARN), ExternalID: a.ExternalID}
}
