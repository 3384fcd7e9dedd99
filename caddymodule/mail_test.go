package caddymodule

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/amgate/amgate/journey"
)

// withMail are the settings of an app whose root realm sends mail.
func withMail(smtp, further string) string {
	return fmt.Sprintf(`{%s, "smtp": {"address": "mail.example", "from": "a@example.com"%s}%s}`, recordedOne, smtp, further)
}

func runningMailer(t *testing.T) journey.Mailer {
	t.Helper()
	r, _ := running(t).set.Realm("/")
	return r.Mailer
}

// A mailer remembers what it has sent, so it outlives a reload; other settings
// make another one, also where only a secret differs.
func TestReloadKeepsTheMailer(t *testing.T) {
	const signIn = `, "username": "a", "password": "{env.AMGATE_TEST_SMTP}"`
	t.Setenv("AMGATE_TEST_SMTP", "one")
	mustRun(t, withMail(signIn, ""))
	first := runningMailer(t)
	mustRun(t, withMail(signIn, `, "base_url": "https://a.example"`))
	if runningMailer(t) != first {
		t.Error("another mailer for the same settings")
	}
	t.Setenv("AMGATE_TEST_SMTP", "two")
	mustRun(t, withMail(signIn, ""))
	if runningMailer(t) == first {
		t.Error("the same mailer with another password")
	}
	second := runningMailer(t)
	mustRun(t, withMail(signIn, `, "mail_templates": [{"name": "x", "subject": {"en": "x"}, "text": {"en": "x"}}]`))
	if m := runningMailer(t); m == second || !m.HasTemplate("x") {
		t.Error("the same mailer with another template")
	}
	mustRun(t, `{`+recordedOne+`}`)
	if m := runningMailer(t); m != nil {
		t.Errorf("a mailer without a server: %v", m)
	}
}

// What stands nearer counts: a realm's own template before the app's, the
// app's before one of a journey's file. One in a journey's file that cannot be
// used is no reason to refuse a configuration.
func TestTemplatesOfJourneyFiles(t *testing.T) {
	dir, logged := t.TempDir(), filepath.Join(t.TempDir(), "log")
	tree := exported("A", "BadgeNode", `"tries": 1`)
	writeFile(t, dir, "a.json", strings.TrimSuffix(tree, "}")+`, "emailTemplates": {
		"good": {"subject": {"en": "Hi"}, "message": {"en": "<p>Hi</p>"}},
		"bad": {"subject": {"en": "Hi"}, "message": {"en": "{{#if x}}secret-text{{/if}}"}},
		"worse": {"subject": 7}
	}}`)
	mustRunLogged(t, logged, withMail("", fmt.Sprintf(`, "realms": [{"path": "/", "journey_files": {"paths": [%q]}}]`, dir)))
	m := runningMailer(t)
	if !m.HasTemplate("good") || m.HasTemplate("bad") || m.HasTemplate("worse") {
		t.Error("the good template must be there, and no other")
	}
	for _, name := range []string{"bad", "worse"} {
		if got := logLines(t, logged, `"template":"`+name+`"`); len(got) != 1 {
			t.Errorf("the log says of %s: %q", name, got)
		}
	}
}
