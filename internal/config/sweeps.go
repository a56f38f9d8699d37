package config

import (
	"time"
)

// SweepSettings say what a sweep looks through.
type SweepSettings struct {
	Environment string     `yaml:"environment" rule:"required" doc:"environment in mop.environments whose Chef servers and zones are looked through"`
	Mode        *SweepMode `yaml:"mode" doc:"report (tell what is found) or mop (delete it, with the environment's breaker)"`
	Grace       *Duration  `yaml:"grace" rule:"min=10m,max=365d" doc:"how long something must have been an orphan; what is younger may still be coming up"`
}

// What holds for a sweep that does not say.
var builtinSweep = SweepSettings{Mode: new(SweepReport), Grace: new(day)}

// Sweep is everything that a sweep has to know.
type Sweep struct {
	Name        string         `json:"name"`
	Environment MopEnvironment `json:"environment"`
	Mop         bool           `json:"mop"` // else it only reports
	Grace       time.Duration  `json:"grace"`
}

func (c *Config) checkSweeps(root place) {
	c.sweeps = map[string]Sweep{}
	for _, name := range sortedKeys(c.Sweeps) {
		at, s := root.key("sweeps").key(name), overlay(c.Sweeps[name], builtinSweep)
		checkName(at, name)
		checkReference(at.key("environment"), "environment", s.Environment, sortedKeys(c.mops), root.key("mop").key("environments"))
		c.sweeps[name] = Sweep{Name: name, Environment: c.mops[s.Environment], Mop: *s.Mode == SweepMop, Grace: time.Duration(*s.Grace)}
	}
}

// SweepNames lists the sweeps.
func (c *Config) SweepNames() []string { return sortedKeys(c.sweeps) }

// Sweep is the sweep of that name in the section sweeps.
func (c *Config) Sweep(name string) (Sweep, error) {
	if sweep, ok := c.sweeps[name]; ok {
		return sweep, nil
	}
	return Sweep{}, c.notIn(c.doc.root().key("sweeps"), "sweep", name, c.SweepNames())
}
