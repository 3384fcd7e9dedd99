package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// shown is a page as a browser has it.
type shown struct {
	browser *browser
	url     *url.URL
	status  int
	header  http.Header
	body    string
	doc     *html.Node
}

func parse(b *browser, target string, status int, header http.Header, body string) *shown {
	b.Helper()
	at, err := url.Parse(target)
	if err != nil {
		b.Fatal(err)
	}
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	return &shown{b, at, status, header, body, doc}
}

// all are the elements of a name, in order; "*" is any.
func (s *shown) all(name string) []*html.Node {
	var found []*html.Node
	for n := range s.doc.Descendants() {
		if n.Type == html.ElementNode && (name == "*" || n.Data == name) {
			found = append(found, n)
		}
	}
	return found
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// text is what an element says, its white space folded.
func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// heading is the page's only h1.
func (s *shown) heading() string {
	s.browser.Helper()
	all := s.all("h1")
	if len(all) != 1 {
		s.browser.Fatalf("the page has %d headings: %d %s", len(all), s.status, s.body)
	}
	return text(all[0])
}

// says reports whether the page's visible words contain some.
func (s *shown) says(words string) bool {
	main := s.all("main")
	return len(main) == 1 && strings.Contains(text(main[0]), words)
}

// alerts are the texts with role=alert.
func (s *shown) alerts() []string {
	var found []string
	for _, n := range s.all("*") {
		if attr(n, "role") == "alert" {
			found = append(found, text(n))
		}
	}
	return found
}

// input is the control of a name, or nil.
func (s *shown) input(name string) *html.Node {
	for _, kind := range []string{"input", "select"} {
		for _, n := range s.all(kind) {
			if attr(n, "name") == name {
				return n
			}
		}
	}
	return nil
}

// fields are what the page's form would send if a browser sent it as it is,
// without a button.
func (s *shown) fields() url.Values {
	values := url.Values{}
	for _, n := range s.all("input") {
		if kind := attr(n, "type"); kind != "radio" && kind != "checkbox" || has(n, "checked") {
			values.Add(attr(n, "name"), attr(n, "value"))
		}
	}
	for _, n := range s.all("option") {
		if has(n, "selected") {
			values.Set(attr(n.Parent, "name"), attr(n, "value"))
		}
	}
	return values
}

// target is where the page's only form goes.
func (s *shown) target() string {
	s.browser.Helper()
	forms := s.all("form")
	if len(forms) != 1 || attr(forms[0], "method") != "post" {
		s.browser.Fatalf("the page has no form that posts: %d %s", s.status, s.body)
	}
	to, err := s.url.Parse(attr(forms[0], "action"))
	if err != nil {
		s.browser.Fatal(err)
	}
	return to.String()
}

// submit sends the page's form with these fields, names and values in turn,
// filled in.
func (s *shown) submit(fields ...string) *shown {
	s.browser.Helper()
	values := s.fields()
	for i := 0; i < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	return s.browser.post(s.target(), values)
}

// leadsTo is where the browser goes on to by itself, or "".
func (s *shown) leadsTo() string {
	if to := s.header.Get("Location"); to != "" {
		return to
	}
	return strings.TrimPrefix(s.header.Get("Refresh"), "0; url=")
}

// sets reports whether the reply has a Set-Cookie line for a name.
func (s *shown) sets(name string) bool {
	for _, line := range s.header.Values("Set-Cookie") {
		if strings.HasPrefix(line, name+"=") {
			return true
		}
	}
	return false
}

// link is the address behind the page's link of that text, or "".
func (s *shown) link(words string) string {
	for _, n := range s.all("a") {
		if text(n) == words {
			to, err := s.url.Parse(attr(n, "href"))
			if err == nil {
				return to.String()
			}
		}
	}
	return ""
}

// want checks status and heading.
func (s *shown) want(tb testing.TB, status int, heading string) {
	tb.Helper()
	if s.status != status || s.heading() != heading {
		tb.Errorf("%d %q, want %d %q", s.status, s.heading(), status, heading)
	}
}
