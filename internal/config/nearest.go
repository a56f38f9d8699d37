package config

import (
	"fmt"

	"epoxy/internal/nearest"
)

// didYouMean ends a sentence about an unknown name: `: did you mean "shop"?`,
// or nothing.
func didYouMean(want string, have []string) string {
	if near := nearest.Name(want, have); near != "" {
		return fmt.Sprintf(": did you mean %q?", near)
	}
	return ""
}
