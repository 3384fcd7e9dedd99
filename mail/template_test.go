package mail

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

func TestPlaceholders(t *testing.T) {
	values := map[string]any{
		"resumeURI": "https://am.example.com/?a=1&b=2",
		"OTP":       "123456",
		"minutes":   5,
		"object": map[string]any{
			"givenName": "Barbara <b>", "mail": []string{"a@x", "b@x"}, "resumeURI": "https://evil.example", "manager": map[string]string{"sn": "Jensen"},
			"tags": []any{"x", 1, nil}, "blank": nil,
		},
	}
	for _, tc := range []struct{ in, text, html string }{
		{"plain } text", "plain } text", "plain } text"},
		{"{{object.givenName}}", "Barbara <b>", "Barbara &lt;b&gt;"},
		{"{{ object.givenName }}{{{object.givenName}}}", "Barbara <b>Barbara <b>", "Barbara &lt;b&gt;Barbara &lt;b&gt;"},
		{"{{object.resumeURI}}", "https://am.example.com/?a=1&b=2", "https://am.example.com/?a=1&amp;b=2"},
		{`<a href="{{resumeURI}}">`, `<a href="https://am.example.com/?a=1&b=2">`, `<a href="https://am.example.com/?a=1&amp;b=2">`},
		{`<a href="{{object.givenName}}">`, `<a href="Barbara <b>">`, `<a href="#">`},
		{`<a title='{{object.givenName}}'>`, `<a title='Barbara <b>'>`, `<a title='Barbara &lt;b&gt;'>`},
		{"{{OTP}} {{minutes}}", "123456 5", "123456 5"},
		{"{{object.mail}}|{{object.tags}}|{{object.manager.sn}}", "a@x, b@x|x, 1, |Jensen", "a@x, b@x|x, 1, |Jensen"},
		{"[{{object.blank}}{{nothing}}{{object}}{{OTP.x}}{{object.nothing.at.all}}]", "[]", "[]"},
		{"<!--[if mso]>{{OTP}}<![endif]--><style>p{}</style>{{OTP}}", "<!--[if mso]>123456<![endif]--><style>p{}</style>123456", "<!--[if mso]>123456<![endif]--><style>p{}</style>123456"},
	} {
		parsed, err := parseText(tc.in)
		if err != nil {
			t.Errorf("%s: %v", tc.in, err)
		} else if got := parsed.fill(values, asText); got != tc.text {
			t.Errorf("%s as text is %q, want %q", tc.in, got, tc.text)
		}
		if parsed, err = parseHTML(tc.in); err != nil {
			t.Errorf("%s: %v", tc.in, err)
		} else if got := parsed.fill(values, asHTML); got != tc.html {
			t.Errorf("%s as HTML is %q, want %q", tc.in, got, tc.html)
		}
	}
}

func TestPlaceholdersThatAreNone(t *testing.T) {
	for in, want := range map[string]string{
		"{{object.givenName":              "not closed",
		"{{{object.givenName}}":           "not closed",
		"{{}}":                            "is not a placeholder",
		"{{object..x}}":                   "is not a placeholder",
		"{{#if object.x}}a{{/if}}":        "{{#if object.x}} is not a placeholder; write for example {{object.givenName}}",
		"{{> partial}}":                   "is not a placeholder",
		"{{object.x | upper}}":            "is not a placeholder",
		"{{! a comment }}":                "is not a placeholder",
		"&{esv.helpdesk.link}":            "configuration expression",
		"{{a}} &{x} {{b}}":                "configuration expression",
		"<a href={{x}}>":                  "without quotes",
		"<script>f('{{x}}')</script>":     "stands in a <script>",
		"<style>{{x}}</style>":            "stands in a <style>",
		`<p onclick="f('{{x}}')">`:        "a onclick attribute",
		`<p style="color:{{x}}">`:         "a style attribute",
		"<{{x}}>":                         "without quotes",
		"<p {{x}}>":                       "the name of an attribute",
		`<p x{{x}}="1">`:                  "without quotes",
		`<p/x{{x}}>`:                      "without quotes",
		`<a{{x}} href="https://e.test">x`: "without quotes",
	} {
		if _, err := parseHTML(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", in, err, want)
		}
	}
}

// Whatever HTML a template has and whatever value it is given, the value never
// becomes markup.
func FuzzHTML(f *testing.F) {
	for _, s := range []string{
		`<a href="{{x}}">{{x}}</a>`, "<a href={{x}}>", "<!-- {{x}} -->", "<textarea>{{x}}", "<{{x}}", "<p a='{{x}}' b={{x}}>", "<a{{x}}>", "<title>{{x}}",
		"<script>{{x}}", "<p x='{{x}}", "<!doctype {{x}}>", "<?{{x}}>", "</{{x}}>",
	} {
		f.Add(s, `"'><script>alert(1)</script><p a=b `)
	}
	f.Fuzz(func(t *testing.T, s, value string) {
		parsed, err := parseHTML(s)
		if err != nil || strings.Contains(s, marker) {
			return
		}
		shape := func(v string) (tokens []string) {
			filled := parsed.fill(map[string]any{"x": v}, asHTML)
			for z := html.NewTokenizer(strings.NewReader(filled)); z.Next() != html.ErrorToken; {
				tok := z.Token()
				if tok.Type == html.StartTagToken || tok.Type == html.SelfClosingTagToken {
					tokens = append(tokens, tok.Data)
					for _, a := range tok.Attr {
						tokens = append(tokens, a.Key)
					}
				}
			}
			return tokens
		}
		if diff := cmp.Diff(shape("harmless"), shape(value)); diff != "" {
			t.Errorf("%q with %q has other elements:\n%s", s, value, diff)
		}
	})
}

func TestLanguage(t *testing.T) {
	tmpl, err := compile(Template{
		DefaultLanguage: "fr",
		Subject:         map[string]string{"en": "en", "fr": "fr", "de": "de"},
		Text:            map[string]string{"en": "en", "fr": "fr", "de-CH": "de-CH", "de": "de"},
		HTML:            map[string]string{"pt-BR": "pt-BR"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		wishes                string
		subject, text, markup string
	}{
		{"", "fr", "fr", ""},
		{"en", "en", "en", ""},
		{"EN-gb", "en", "en", ""},
		{"de-CH", "de", "de-CH", ""},
		{"de-AT", "de", "de", ""},
		{"it de-DE", "de", "de", ""},
		{"it", "fr", "fr", ""},
		{"pt-BR-x-y", "fr", "", "pt-BR"},
		{"pt", "fr", "fr", ""},
	} {
		got := tmpl.fill(nil, strings.Fields(tc.wishes))
		if want := (content{tc.subject, tc.text, tc.markup}); got != want {
			t.Errorf("%q: %+v, want %+v", tc.wishes, got, want)
		}
	}
	lonely, err := compile(Template{Subject: map[string]string{"sv": "s"}, Text: map[string]string{"sv": "t", "th": "u"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := lonely.fill(nil, []string{"en"}); got.subject != "s" || got.text != "t" {
		t.Errorf("without the default language: %+v", got)
	}
}

func TestCompileRefuses(t *testing.T) {
	one := map[string]string{"en": "x"}
	for _, tc := range []struct {
		in   Template
		want string
	}{
		{Template{Text: one}, "it has no subject"},
		{Template{Subject: one}, "it has no text and no HTML"},
		{Template{Subject: one, Text: one, From: "x"}, `from: "x" is not an address`},
		{Template{Subject: map[string]string{"de": "{{"}, Text: one}, "subject de: a placeholder is not closed"},
		{Template{Subject: one, Text: map[string]string{"en": "{{#x}}"}}, "text en: {{#x}} is not a placeholder"},
		{Template{Subject: one, HTML: map[string]string{"en": "<a href={{x}}>"}}, "html en: a placeholder stands in an attribute"},
	} {
		if _, err := compile(tc.in); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: error %v, want %q", tc.in, err, tc.want)
		}
	}
}

const registrationJSON = `{
	"_id": "emailTemplate/registration", "defaultLocale": "en", "displayName": "Registration", "enabled": true, "from": "",
	"message": {"en": "<h3><a href=\"{{object.resumeURI}}\">Go on</a></h3>", "fr": "<h3><a href=\"{{object.resumeURI}}\">Continuez</a></h3>"},
	"html": {"en": "<div>source of the editor</div>"}, "styles": "body{}", "mimeType": "text/html",
	"subject": {"en": "Register", "fr": "Inscrivez-vous"}
}`

func TestReadTemplates(t *testing.T) {
	registration := Template{
		DefaultLanguage: "en",
		Subject:         map[string]string{"en": "Register", "fr": "Inscrivez-vous"},
		HTML: map[string]string{
			"en": `<h3><a href="{{object.resumeURI}}">Go on</a></h3>`, "fr": `<h3><a href="{{object.resumeURI}}">Continuez</a></h3>`,
		},
	}
	for name, tc := range map[string]struct {
		in   string
		want map[string]Template
	}{
		"one template":             {registrationJSON, map[string]Template{"registration": registration}},
		"export of a journey":      {`{"meta":{},"emailTemplates":{"registration":` + registrationJSON + `}}`, map[string]Template{"registration": registration}},
		"export of all journeys":   {`{"trees":{"A":{"emailTemplates":{"registration":` + registrationJSON + `}},"B":{}}}`, map[string]Template{"registration": registration}},
		"export of templates":      {`{"emailTemplate":{"registration":` + registrationJSON + `}}`, map[string]Template{"registration": registration}},
		"configuration of IDM":     {`{"idm":{"audit":[],"emailTemplate/registration":` + registrationJSON + `}}`, map[string]Template{"registration": registration}},
		"journey without a mail":   {`{"tree":{},"nodes":{},"emailTemplates":{}}`, map[string]Template{}},
		"switched off":             {`{"emailTemplates":{"x":{"enabled":false,"subject":{"en":"x"}}}}`, map[string]Template{}},
		"plain text and HTML":      {`{"emailTemplates":{"x":{"mimeType":"text/plain; charset=utf-8","subject":{"en":"s"},"message":{"en":"t"},"html":{"en":"h"}}}}`, map[string]Template{"x": {Subject: map[string]string{"en": "s"}, Text: map[string]string{"en": "t"}, HTML: map[string]string{"en": "h"}}}},
		"only the editor's source": {`{"emailTemplates":{"x":{"from":"a@example.com","subject":{"en":"s"},"html":{"en":"h"}}}}`, map[string]Template{"x": {From: "a@example.com", Subject: map[string]string{"en": "s"}, HTML: map[string]string{"en": "h"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReadTemplates([]byte(tc.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for name, tmpl := range got {
				if _, err := compile(tmpl); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	for _, bad := range []string{"", "[]", `{"emailTemplates":[]}`, `{"idm":{"emailTemplate/x":[]}}`, `{"emailTemplates":{"x":{"subject":"not by language"}}}`} {
		if got, err := ReadTemplates([]byte(bad)); err == nil {
			t.Errorf("%s: %v", bad, got)
		}
	}
}

func FuzzReadTemplates(f *testing.F) {
	f.Add([]byte(registrationJSON))
	f.Add([]byte(`{"emailTemplates":{"x":{"subject":{"en":"{{a}}"},"message":{"":"{{{b}}}<a href='{{c}}'>"}}}}`))
	f.Add([]byte(`{"idm":{"emailTemplate/":{}},"_id":"emailTemplate/x"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		templates, err := ReadTemplates(data)
		if err != nil {
			return
		}
		for _, in := range templates {
			if tmpl, err := compile(in); err == nil {
				tmpl.fill(map[string]any{"a": "x"}, []string{"de-CH", "", "-"})
			}
		}
	})
}
