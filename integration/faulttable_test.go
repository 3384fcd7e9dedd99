package integration

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The table in docs/failures.md lies between these lines.
const (
	failuresPage  = "docs/failures.md"
	failuresBegin = "<!-- Written by make chaos. -->\n"
	failuresEnd   = "<!-- End of what make chaos writes. -->\n"
)

// writeFailures puts the table into the page.
func writeFailures(t *testing.T, rows []row) {
	t.Helper()
	path := filepath.Join(root, filepath.FromSlash(failuresPage))
	page, err := os.ReadFile(path)
	must(t, err)
	before, rest, begins := strings.Cut(string(page), failuresBegin)
	_, after, ends := strings.Cut(rest, failuresEnd)
	if !begins || !ends {
		t.Fatalf("%s has not both of the lines between which the table lies", failuresPage)
	}
	must(t, os.WriteFile(path, []byte(before+failuresBegin+failuresTable(rows)+failuresEnd+after), 0o600))
}

func failuresTable(rows []row) string {
	asks := []ask{askCached, askOther, askLogin, askLogout}
	var b strings.Builder
	b.WriteString("\n| fault | cached look-ups | other look-ups | logins | logouts | slowest answer | last failure |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| **%s**: %s", r.fault.name, r.fault.what)
		for _, a := range asks {
			b.WriteString(" | " + statuses(r.answers[a]))
		}
		fmt.Fprintf(&b, " | %s | %s |\n", roundly(r.slowest), r.lastFailure())
	}
	b.WriteString("\n")
	return b.String()
}

// statuses is a cell such as "200: 815, 503: 12".
func statuses(counts map[int]int) string {
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(counts)) {
		if status != noAnswer {
			parts = append(parts, fmt.Sprintf("%d: %d", status, counts[status]))
		}
	}
	if n := counts[noAnswer]; n > 0 {
		parts = append(parts, fmt.Sprintf("none: %d", n))
	}
	return strings.Join(parts, ", ")
}

func (r row) lastFailure() string {
	switch {
	case r.fault.survived && r.working == 0:
		return "none"
	case r.working < 10*time.Millisecond:
		return "during it"
	case r.fault.survived:
		return roundly(r.working) + " after it began"
	}
	return roundly(r.working) + " after its end"
}

// roundly is a time as exact as it is of interest.
func roundly(d time.Duration) string {
	if d < time.Second {
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}
