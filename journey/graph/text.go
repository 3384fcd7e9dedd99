package graph

import "strings"

// textWidth estimates how wide a text is in a sans-serif font, in pixels: no
// font is at hand, and viewers differ.
func textWidth(s string, size float64) float64 {
	width := 0.0
	for _, r := range s {
		width += runeWidth(r)
	}
	return width * size
}

// runeWidth is in parts of the font's size.
func runeWidth(r rune) float64 {
	switch {
	case strings.ContainsRune("iljI.,:;'|!() ", r):
		return 0.35
	case strings.ContainsRune("ftr-/\"", r):
		return 0.42
	case strings.ContainsRune("mwMW@%", r):
		return 0.95
	case r >= 'A' && r <= 'Z':
		return 0.72
	case r >= 0x1100:
		return 1.05
	}
	return 0.61
}

// shorten cuts a text that is wider than a number of pixels.
func shorten(s string, size, most float64) string {
	if textWidth(s, size) <= most {
		return s
	}
	width := runeWidth('…') * size
	for i, r := range s {
		if width += runeWidth(r) * size; width > most {
			return s[:i] + "…"
		}
	}
	return s
}
