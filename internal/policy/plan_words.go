package policy

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// ago says how long ago something was: 412 days ago.
func ago(now, then time.Time) string {
	if d := now.Sub(then); d > 0 {
		return inDays(d) + " ago"
	}
	return "just now"
}

// inDays writes a duration as people say it, in one unit: 30 days, 5 hours, 20 minutes.
func inDays(d time.Duration) string {
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"day", day}, {"hour", time.Hour}, {"minute", time.Minute}} {
		switch n := int64(d / unit.size); {
		case n == 1:
			return "1 " + unit.name
		case n > 1:
			return fmt.Sprintf("%d %ss", n, unit.name)
		}
	}
	return fmt.Sprintf("%d seconds", int64(d/time.Second))
}

// Span writes a duration without the zeros that time.Duration shows, and counts whole days: 4h, not 4h0m0s; 30d, not 720h.
func Span(d time.Duration) string {
	if d >= day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// IsKept tells whether something is a Kept… constant.
func IsKept(code string) bool {
	_, known := keptInWords[code]
	return known
}
