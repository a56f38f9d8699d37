// Package nearest finds what somebody meant who mistyped a name.
package nearest

import "strings"

// Name returns the name in have that want most likely meant, or "" when
// none is close enough to suggest. Close is one slip in a short name and one
// more for every four letters: "shp" means "shop", but not "billing".
func Name(want string, have []string) string {
	best, bestAt := "", 2+len([]rune(want))/4
	for _, name := range have {
		// The difference in length is the least that the distance can be.
		if longer := len([]rune(name)) - len([]rune(want)); max(longer, -longer) >= bestAt {
			continue
		}
		at := Distance(strings.ToLower(want), strings.ToLower(name))
		// A name shares nothing with a suggestion that replaces all of it.
		if at < bestAt && at < max(len([]rune(want)), len([]rune(name))) {
			best, bestAt = name, at
		}
	}
	return best
}

// Distance is the Damerau-Levenshtein distance in its optimal string alignment
// form: insertions, deletions, substitutions and swaps of neighbours.
func Distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	before, last, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(s); i++ {
		row[0] = i
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(t)]
}
