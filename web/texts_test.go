package web

import (
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var verbs = regexp.MustCompile(`%[a-z]`)

// TestLanguagesAreComplete: each language has all texts, with the same
// arguments.
func TestLanguagesAreComplete(t *testing.T) {
	full := catalogue[defaultLanguage]
	for lang, entries := range catalogue {
		for id := range entries {
			if _, ok := full[id]; !ok {
				t.Errorf("%s has %q, which %s has not", lang, id, defaultLanguage)
			}
		}
		for _, id := range slices.Sorted(maps.Keys(full)) {
			got := entries[id]
			if strings.TrimSpace(got) == "" || len(verbs.FindAllString(got, -1)) != len(verbs.FindAllString(full[id], -1)) {
				t.Errorf("%s: %q is %q", lang, id, got)
			}
		}
	}
}

// TestTextsOfErrors: every error has its texts; one that may be sent again
// has a notice, too.
func TestTextsOfErrors(t *testing.T) {
	for _, line := range append([]outcome{fault}, table...) {
		ids := []string{line.what + ".title", line.what + ".text"}
		if line.again {
			ids = append(ids, line.what+".notice")
		}
		for _, id := range ids {
			if _, err := textsFor(nil).T(id); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := textsFor(nil).T("no such text"); err == nil {
		t.Error("a text that is not there is no error")
	}
}

// TestTemplatesSayWhatIsThere: each text that a template names is there.
func TestTemplatesSayWhatIsThere(t *testing.T) {
	files, err := templateFiles.ReadDir("templates")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`\.T "([^"]+)"`)
	found := 0
	for _, f := range files {
		content, err := templateFiles.Open("templates/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		source, err := io.ReadAll(content)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(source), -1) {
			found++
			if _, err := textsFor(nil).T(m[1]); err != nil {
				t.Errorf("%s: %v", f.Name(), err)
			}
		}
	}
	if found == 0 {
		t.Error("no template names a text")
	}
}

// TestLanguage: the page speaks the language that was wished for, and says
// which it is; AM's stock prompts too.
func TestLanguage(t *testing.T) {
	b := open(t).browser(t)
	for _, tt := range []struct{ query, accept, lang, label string }{
		{"", "", "en", "User name"},
		{"", "de-CH, en;q=0.5", "de", "Benutzername"},
		{"", "fr, de;q=0.5, en;q=0.7", "en", "User name"},
		{"", "en-GB, de;q=0.9", "en", "User name"},
		{"&locale=de", "en", "de", "Benutzername"},
		{"&locale=xx", "de", "de", "Benutzername"},
	} {
		page := b.get(loginAt+tt.query, "Accept-Language", tt.accept)
		if got := attr(page.all("html")[0], "lang"); got != tt.lang || !page.says(tt.label) {
			t.Errorf("%+v: lang %q", tt, got)
		}
	}
	page := b.get(loginAt+"&locale=de").submit("IDToken1", username, "IDToken2", "wrong")
	page.want(t, http.StatusOK, "Willkommen")
	if !page.says("Prüfen Sie") {
		t.Errorf("the wish is lost after a step: %s", page.body)
	}
}
