package web

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/realm"
)

// hostile are strings that have broken out of pages: of text, attributes,
// URLs, styles, scripts, comments and title elements, some in encodings.
var hostile = []string{
	`<script>alert(1)</script>`, `"><script>alert(1)</script>`, `'><img src=x onerror=alert(1)>`,
	`" onfocus="alert(1)" autofocus="`, `' onmouseover='alert(1)`, `x onerror=alert(1)`, "`onclick=alert(1)`",
	`javascript:alert(1)`, `JaVaScRiPt:alert(1)`, " javascript:alert(1)", "java\tscript:alert(1)", "java\nscript:alert(1)",
	`data:text/html,<script>alert(1)</script>`, `vbscript:msgbox(1)`, `//evil.example/`, `\\evil.example`, `/\evil.example`,
	`</title><script>alert(1)</script>`, `</textarea><script>alert(1)</script>`, `--><script>alert(1)</script>`,
	`]]><script>alert(1)</script>`, `<svg/onload=alert(1)>`, `<math><mi xlink:href="javascript:alert(1)">`,
	`<iframe srcdoc="<script>alert(1)</script>">`, `<base href="//evil.example/">`, `<meta http-equiv=refresh content="0;url=//evil.example">`,
	`<form action=//evil.example><input name=password>`, `"formaction="//evil.example`, `<style>@import '//evil.example'</style>`,
	`{{.}}`, `{{template "layout.html"}}`, `%3Cscript%3Ealert(1)%3C/script%3E`, "\x00<script>", "\u2028alert(1)", "\ufeff<script>",
	"+ADw-script+AD4-alert(1)+ADw-/script+AD4-", `&lt;script&gt;`, `&#60;script&#62;`, "\xc0\xbcscript\xc0\xbe", "\r\nSet-Cookie: x=y\r\n\r\n<script>",
	"de\r\nX-Evil: 1", strings.Repeat("<", 1000), strings.Repeat("\u202e", 10),
}

// assertHarmless parses a page and looks at what a browser would run, load or
// follow: our one script, our style sheet, our mark; links and forms of our
// own site or, where the test says so, of an allowed one.
func assertHarmless(tb testing.TB, page *shown) {
	tb.Helper()
	assets := "/am" + assetsPath + assetsHash + "/"
	for _, n := range page.all("*") {
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "srcdoc" || a.Key == "formaction" {
				tb.Errorf("<%s> has %s=%q", n.Data, a.Key, a.Val)
			}
			if isURL(n, a) && !isHarmlessURL(a.Val) {
				tb.Errorf("<%s> leads to %s=%q", n.Data, a.Key, a.Val)
			}
		}
		switch n.Data {
		case "script":
			if attr(n, "src") != assets+"login.js" || n.FirstChild != nil {
				tb.Errorf("a script that is not ours: %q", attr(n, "src"))
			}
		case "link":
			if href := attr(n, "href"); href != assets+"style.css" && href != assets+"console.css" && href != assets+"mark.svg" {
				tb.Errorf("a link to %q", href)
			}
		case "meta":
			if has(n, "http-equiv") {
				tb.Errorf("a meta element: %v", n.Attr)
			}
		case "noscript": // a browser that runs scripts, as the parser does, sees text
			if text := n.FirstChild.Data; !refreshes.MatchString(text) {
				tb.Errorf("without script there is %q", text)
			}
		case "base", "style", "iframe", "object", "embed", "img", "math", "textarea", "template":
			tb.Errorf("there is a <%s>", n.Data)
		}
	}
	for _, line := range page.header.Values("Set-Cookie") {
		if strings.HasPrefix(line, "x=") {
			tb.Error("a cookie was injected")
		}
	}
	if page.header.Get("X-Evil") != "" {
		tb.Error("a header was injected")
	}
	if to := page.leadsTo(); to != "" && !isHarmlessURL(to) {
		tb.Errorf("the page leads to %q", to)
	}
	if page.body != "" {
		assertHeaders(tb, page)
	}
}

// refreshes is what may be there for browsers without script: our own page
// again, or a word about scripts.
var refreshes = regexp.MustCompile(`^(<meta http-equiv="refresh" content="\d+; url=/am/XUI/\?[\w%&;=.+-]*">|<p class="note warning">[^<]*</p>)$`)

func isURL(n *html.Node, a html.Attribute) bool {
	return a.Key == "href" || a.Key == "src" || a.Key == "action" || a.Key == "xlink:href" || a.Key == "data-logout" && n.Data == "body"
}

func isHarmlessURL(raw string) bool {
	return raw == "#main" || strings.HasPrefix(raw, "/") && !strings.HasPrefix(raw, "//") && !strings.HasPrefix(raw, `/\`) ||
		strings.HasPrefix(raw, allowed+"/")
}

// assertHeaders: every page, whatever it says, is kept by nobody, framed by
// nobody, and may run nothing but our own files.
func assertHeaders(tb testing.TB, page *shown) {
	tb.Helper()
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "X-Frame-Options": "DENY",
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
	} {
		if got := page.header.Get(name); got != want {
			tb.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	csp := page.header.Get("Content-Security-Policy")
	for _, rule := range []string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'",
	} {
		if !strings.Contains(csp, rule) {
			tb.Errorf("the policy %q lacks %s", csp, rule)
		}
	}
	if strings.Contains(csp, "unsafe") {
		tb.Errorf("the policy is %q", csp)
	}
}

// TestReflectedScript answers authentik's CVE-2026-42849 and OpenAM's
// CVE-2026-44203, -44793 and -62280 (SECURITY 56): whatever reaches a page
// from outside, by the URL, by a form, or by what a journey asks, stays text.
func TestReflectedScript(t *testing.T) {
	w := open(t)
	for _, s := range hostile {
		b := w.browser(t)
		for _, name := range append(passedOn, "unknown", confirmParam) {
			query := url.Values{"realm": {"/alpha"}}
			query.Set(name, s)
			for _, path := range []string{"/am/XUI/", "/am/UI/Login", "/am/UI/Logout"} {
				assertHarmless(t, b.get(site+path+"?"+query.Encode()))
			}
		}
		assertHarmless(t, b.get(site+"/am/XUI/"+url.PathEscape(s)))
		assertHarmless(t, b.get(loginAt, "Accept-Language", s))
		retry := b.get(loginAt).submit("IDToken1", s, "IDToken2", s)
		assertHarmless(t, retry)
		if got := attr(retry.input("IDToken1"), "value"); got != valid(s) {
			t.Errorf("%q came back as %q", s, got)
		}
	}
}

// valid is a string as a parser of HTML has it: without what HTML cannot say.
func valid(s string) string {
	return strings.NewReplacer("\x00", "\ufffd", "\r\n", "\n", "\r", "\n").Replace(string([]rune(s)))
}

// TestReflectedQuestions is the same for what journeys say: prompts, texts,
// choices, buttons, presets, headers and failures may hold what somebody else
// wrote.
func TestReflectedQuestions(t *testing.T) {
	for _, s := range hostile {
		list := callback.List{}
		for _, c := range []callback.Callback{
			callback.Name{Prompt: s}, callback.Password{Prompt: s}, callback.TextInput{Prompt: s, DefaultText: s},
			callback.TextOutput{Message: s, MessageType: callback.Error}, callback.TextOutput{Message: s},
			callback.TextOutput{Message: "document.title='script'", MessageType: callback.Script},
			callback.NewChoice(s, []string{s, s}, 1), callback.NewChoice(s, []string{s, s, s, s, s, s, s}, 1),
			callback.Confirmation{Prompt: s, Options: []string{s, s}, OptionType: callback.Unspecified},
			callback.HiddenValue{ID: s, Value: s}, callback.Metadata{Data: map[string]any{s: s}},
			callback.StringAttributeInput{Attribute: attribute(s), Value: s}, callback.BooleanAttributeInput{Attribute: attribute(s)},
			callback.NumberAttributeInput{Attribute: attribute(s)},
			callback.ValidatedCreateUsername{Prompt: s, Value: s}, callback.ValidatedCreatePassword{Prompt: s, Value: callback.Secret(s)},
			callback.KbaCreate{Prompt: s, PredefinedQuestions: []string{s}, AllowUserDefinedQuestions: true, Question: s + s},
			callback.TermsAndConditions{Terms: s, Version: s}, callback.ConsentMapping{DisplayName: s, Message: s, Fields: []string{s}},
			callback.SelectIDP{Providers: []callback.Provider{{Name: s, UI: map[string]string{"buttonCustomStyle": s, "buttonImage": s}}}},
			callback.SuspendedTextOutput{Message: s}, callback.PollingWait{Message: s}, callback.NameValueOutput{Name: s, Value: s},
		} {
			list = append(list, callback.Item{Callback: c})
		}
		w := open(t)
		b := w.browser(t)
		v := w.visit(b.request(loginAt))
		if err := w.locate(v); err != nil {
			t.Fatal(err)
		}
		q := question{Callbacks: list, Header: s, Description: s}
		rep, err := w.showForm(v, http.StatusOK, q, q, s, "checkAnswers")
		if err != nil {
			t.Fatal(err)
		}
		assertHarmlessReply(b, v, rep)
		assertHarmlessReply(b, v, w.failed(v, &realm.Failure{Message: s}))
	}
}

func attribute(s string) callback.Attribute {
	return callback.Attribute{Name: s, Prompt: s, Validation: callback.Validation{FailedPolicies: []callback.FailedPolicy{
		{Requirement: s}, {Requirement: "CANNOT_CONTAIN_CHARACTERS", Params: map[string]any{"forbiddenChars": []any{s}}},
	}}}
}

func assertHarmlessReply(b *browser, v *visit, rep reply) {
	b.Helper()
	body, err := b.world.render(v, rep)
	if err != nil {
		b.Fatal(err)
	}
	h := rep.header.Clone()
	setHeaders(h, rep)
	page := parse(b, loginAt, rep.status, h, string(body))
	assertHarmless(b, page)
	if page.says("document.title") {
		b.Error("a script is shown")
	}
}

// TestPanic answers Envoy's CVE-2023-27496 (SECURITY 61): a panic while a
// request is served is a page with a code, and the code is in the log; the
// panic's words are not on the page.
func TestPanic(t *testing.T) {
	w := open(t)
	w.Pages.front.ClientIP = func(*http.Request) netip.Addr { panic("the very inside") }
	b := w.browser(t)
	page := b.get(loginAt)
	page.want(t, http.StatusInternalServerError, "Something went wrong")
	if strings.Contains(page.body, "inside") || len(page.header.Values("Set-Cookie")) > 0 {
		t.Errorf("%v %s", page.header, page.body)
	}
	words := strings.Fields(text(page.all("p")[1]))
	code := strings.Trim(words[len(words)-1], ".")
	if len(code) != 8 || !strings.Contains(w.Log.String(), "id="+code) {
		t.Errorf("the code %q is not in the log", code)
	}
}

// FuzzPages sends any request (SECURITY 61): parameters that are missing,
// doubled or damaged end in no panic and no 500, and no page runs anything.
func FuzzPages(f *testing.F) {
	for _, seed := range []struct{ method, target, body, cookie, language string }{
		{"GET", "/am/XUI/", "", "", ""},
		{"GET", "/am/XUI/?realm=/alpha&service=Login&goto=/app&ForceAuth=true&locale=de", "", "", "de-CH,de;q=0.9"},
		{"POST", "/am/XUI/?realm=/alpha", "authId=&question=&seal=", "amgate=AAAAAAAAAAAAAAAAAAAAAAAAAA", ""},
		{"POST", "/am/XUI/", "authId=x&authId=y&question=e30&seal=AAAA&IDToken1=a&IDToken99=b", "amgate=; amgate=x", ""},
		{"POST", "/am/XUI/?x;y", "%zz", "", ""},
		{"GET", "/am/UI/Login?realm=/alpha&goto=//evil.example", "", "iPlanetDirectoryPro=AAAA", "*"},
		{"GET", "/am/UI/Logout?realm=alpha&goto=/", "", "iPlanetDirectoryPro=*; iPlanetDirectoryPro=", "en;q=2"},
		{"POST", "/am/UI/Logout", "seal=", "", ""},
		{"GET", "/am/XUI/assets/0/style.css", "", "", ""},
		{"HEAD", "/am/XUI?realm=%2F%2Falpha%2F", "", "amlbcookie=x", ""},
		{"OPTIONS", "/am/..%2fXUI/", "", "", ""},
	} {
		f.Add(seed.method, seed.target, seed.body, seed.cookie, seed.language)
	}
	w := open(f)
	f.Fuzz(func(t *testing.T, method, target, body, cookie, language string) {
		at, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(target, "/") {
			t.Skip("no server passes on what is no request target")
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, site+"/", strings.NewReader(body))
		r.Method, r.URL, r.RequestURI = method, at, target
		r.Header = http.Header{
			"Content-Type": {"application/x-www-form-urlencoded"}, "Cookie": {cookie}, "Accept-Language": {language},
		}
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		if rec.Code >= 500 {
			t.Fatalf("%s %s: %d %s", method, target, rec.Code, rec.Body)
		}
		if strings.HasPrefix(rec.Header().Get("Content-Type"), "text/html") {
			assertHarmless(t, parse(w.browser(t), site+"/", rec.Code, rec.Header(), rec.Body.String()))
		}
	})
}

// FuzzSealedForm is FuzzPages behind the seal, which whoever has the cookie
// can make for any form.
func FuzzSealedForm(f *testing.F) {
	const known = "AAAAAAAAAAAAAAAAAAAAAAAAAA"
	w := open(f)
	fields := w.browser(f).get(loginAt).fields()
	f.Add(fields.Get(authIDField), fields.Get(questionField), "IDToken1=a&IDToken2=b")
	f.Add(fields.Get(authIDField), fields.Get(questionField), "IDToken2=b&IDToken1=a&IDToken1=c&IDToken3=")
	f.Add(fields.Get(authIDField), "e30", "")
	f.Add("", fields.Get(questionField), "")
	f.Add("a.b.c", "bnVsbA", "IDToken1=%00")
	f.Fuzz(func(t *testing.T, authID, packed, extra string) {
		form, err := url.ParseQuery(extra)
		if err != nil {
			t.Skip("FuzzPages sends forms that cannot be read")
		}
		b := w.browser(t)
		v := w.visit(b.request(loginAt))
		if err := w.locate(v); err != nil {
			t.Fatal(err)
		}
		form.Set(authIDField, authID)
		form.Set(questionField, packed)
		form.Set(sealField, base64.RawURLEncoding.EncodeToString(v.mac(known, purposeLogin, []string{authID, packed})))
		page := b.post(loginAt, form, "Cookie", realm.FormCookie+"="+known)
		if page.status == http.StatusForbidden || page.status >= 500 {
			t.Fatalf("%d %s", page.status, page.body)
		}
		assertHarmless(t, page)
	})
}
