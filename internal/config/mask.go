package config

import (
	"regexp"
	"strings"
	"unicode"

	"epoxy/internal/nearest"
)

// A secret in the file is a mistake that must not travel on into terminals, CI
// logs and chat. Excerpts are therefore masked by the text alone, before any
// parsing: it has to work for a file that is not even YAML.

const mask = "••••"

var (
	secretName = regexp.MustCompile(`(?i)token|secret|passw|passphrase|private_?key|credential`)
	keyInLine  = regexp.MustCompile(`["']?([\pL\pN_.-]+)["']?\s*:(?:\s|$)`)
	keyAtStart = regexp.MustCompile(`^\s*(?:- +)*["']?[\pL\pN_.-]+["']?\s*:(?:\s|$)`)
	// knownSecret finds the usual shapes wherever somebody pasted them:
	// Slack, GitHub, AWS access keys, user:password in a URL, PEM.
	knownSecret = regexp.MustCompile(`\b(?:xox[a-z]|xapp)-[\w-]+|\bgh[a-z]_\w{16,}|\bgithub_pat_\w+|\b(?:AKIA|ASIA)[A-Z0-9]{12,}|//[^\s/@:]*:[^\s/@]+@|-----BEGIN.*`)
)

func redact(s string) string { return knownSecret.ReplaceAllString(s, mask) }

// redactName is for a key, which an unclosed quote can make as long as the file.
func redactName(name string) string {
	if end := secretValueAt(name); end >= 0 {
		name = name[:end] + " " + mask
	}
	return redact(name)
}

// isSecretKey also catches "tokn": a misspelt key holds the same value.
func isSecretKey(name string) bool {
	return secretName.MatchString(name) || len(name) < 8 && nearest.Distance(strings.ToLower(name), "token") == 1
}

// maskLines returns the lines with the values of secret keys masked, on the
// key's line and on all lines that can belong to the value.
func maskLines(lines []string) []string {
	masked := make([]string, len(lines))
	inside, depth := false, 0
	for i, line := range lines {
		if inside && keyAtStart.MatchString(line) && indent(line) <= depth {
			inside = false
		}
		if inside {
			masked[i] = line[:len(line)-len(strings.TrimLeft(line, " \t"))] + mask
			continue
		}
		masked[i] = redact(line)
		if end := secretValueAt(line); end >= 0 {
			masked[i] = line[:end] + " " + mask
			inside, depth = true, indent(line)
		}
	}
	return masked
}

// secretValueAt is the offset after the colon of the first secret key in the
// line, or -1. A comment counts too: commented-out secrets are secrets.
func secretValueAt(line string) int {
	for _, m := range keyInLine.FindAllStringSubmatchIndex(line, -1) {
		if isSecretKey(line[m[2]:m[3]]) {
			return m[3] + strings.Index(line[m[3]:], ":") + 1
		}
	}
	return -1
}

func indent(line string) int {
	return len(line) - len(strings.TrimLeftFunc(line, unicode.IsSpace))
}
