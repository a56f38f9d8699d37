package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Selector names a bake target, or with empty fields some of them.
type Selector struct {
	Region string `json:"region"`
	App    string `json:"app"`
	Layer  string `json:"layer"`
	Env    string `json:"env"`
	Group  string `json:"group"`
}

// Level is one part of a Selector. Its String is the flag's name.
type Level int

// The levels of bake.targets, from the outside in.
const (
	LevelRegion Level = iota
	LevelApp
	LevelLayer
	LevelEnv
	LevelGroup
)

// Levels are all levels in order.
var Levels = []Level{LevelRegion, LevelApp, LevelLayer, LevelEnv, LevelGroup}

func (l Level) String() string { return [...]string{"region", "app", "layer", "env", "group"}[l] }

// Get is the part of s at a level.
func (s Selector) Get(l Level) string {
	return [...]string{s.Region, s.App, s.Layer, s.Env, s.Group}[l]
}

// With is s with another part at a level.
func (s Selector) With(l Level, name string) Selector {
	*[...]*string{&s.Region, &s.App, &s.Layer, &s.Env, &s.Group}[l] = name
	return s
}

// String is "vg/shop/web/prod/a", with * for what is open.
func (s Selector) String() string {
	parts := make([]string, 0, len(Levels))
	for _, l := range Levels {
		parts = append(parts, orElse(s.Get(l), "*"))
	}
	return strings.Join(parts, "/")
}

// ImagePrefix is the image's name up to the time: vg-shop-web-prod-a.
func (s Selector) ImagePrefix() string {
	return strings.Join([]string{s.Region, s.App, s.Layer, s.Env, s.Group}, "-")
}

// matches says whether t has every part that s has.
func (s Selector) matches(t Selector) bool {
	for _, l := range Levels {
		if s.Get(l) != "" && s.Get(l) != t.Get(l) {
			return false
		}
	}
	return true
}

// BakeNames lists the names at a level among the targets that agree with all
// other parts of sel, whichever those are: the completions of that level's
// flag, whatever order the flags come in.
func (c *Config) BakeNames(l Level, sel Selector) []string {
	targets := c.BakeTargets(sel.With(l, ""))
	names := make([]string, 0, len(targets))
	for _, t := range targets {
		names = append(names, t.Selector.Get(l))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// BakeTargets lists the targets that agree with every part sel has.
func (c *Config) BakeTargets(sel Selector) []BakeTarget {
	var out []BakeTarget
	for _, t := range c.targets {
		if sel.matches(t.Selector) {
			out = append(out, c.withChannel(t.BakeTarget))
		}
	}
	return out
}

// Bake is the one target that sel names.
func (c *Config) Bake(sel Selector) (BakeTarget, error) {
	if len(c.targets) == 0 {
		return BakeTarget{}, fmt.Errorf("no bake targets: add some to bake.targets in %s (epoxy.example.yaml shows how)", c.doc.file)
	}
	if err := c.checkSelector(sel); err != nil {
		return BakeTarget{}, err
	}
	return c.BakeTargets(sel)[0], nil
}

// checkSelector goes down the levels and stops at the first that leads nowhere.
func (c *Config) checkSelector(sel Selector) error {
	var so Selector // as far as it is known to lead somewhere
	var missing []string
	choices := ""
	for _, l := range Levels {
		want, names := sel.Get(l), c.BakeNames(l, so)
		switch {
		case want == "":
			missing = append(missing, "--"+l.String())
			if choices == "" {
				choices = fmt.Sprintf("%s is one of %s", l, strings.Join(c.BakeNames(l, sel), ", "))
			}
		case !slices.Contains(names, want):
			return c.unknown(l, want, so, names)
		}
		so = so.With(l, want)
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("which target? add %s (%s)", listed(missing), choices)
}

// unknown says at which level nothing is called want, and what there is.
func (c *Config) unknown(l Level, want string, so Selector, names []string) error {
	at := c.doc.root().key("bake").key("targets")
	var within []string
	for _, above := range Levels[:l] {
		name := so.Get(above)
		if name == "" {
			break
		}
		at = at.key(name)
		within = append(within, above.String()+" "+name)
	}
	in := ""
	if len(within) > 0 {
		in = " in " + strings.Join(within, ", ")
	}
	return errors.New(fmt.Sprintf("no %s %q%s%s%s", l, want, in, didYouMean(want, names), has(names)) +
		" — bake.targets in " + at.line())
}

// withChannel fills in slack.channel, which the environment may have changed.
func (c *Config) withChannel(t BakeTarget) BakeTarget {
	if t.Channel == "" {
		t.Channel = string(c.Slack.Channel)
	}
	return t
}

// listed is "--a, --b and --c".
func listed(items []string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	return strings.Join(items[:len(items)-1], ", ") + " and " + items[len(items)-1]
}
