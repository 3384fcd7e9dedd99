package mail

import (
	"errors"
	"fmt"
	"maps"
	netmail "net/mail"
	"slices"
	"strings"
)

// Template is a mail in one or more languages. Its texts may have values in
// them, as {{object.givenName}} or {{resumeURI}}; in HTML they are escaped.
type Template struct {
	// From is the sender; "" for that of the Config.
	From string
	// DefaultLanguage is for those who read none of the others; "" is "en".
	DefaultLanguage string
	// Subject, Text and HTML are by language, "en" or "de-CH". A mail has the
	// parts that there are.
	Subject, Text, HTML map[string]string
}

// Check tells what is wrong with a template, as New does.
func (t Template) Check() error {
	_, err := compile(t)
	return err
}

// template is a Template that was checked.
type template struct {
	from     *netmail.Address
	language string
	// The keys are languages in lower case.
	subject, text, html map[string]text
}

// compile checks a template. The error names the language and what is wrong.
func compile(t Template) (*template, error) {
	c := &template{language: strings.ToLower(t.DefaultLanguage)}
	if c.language == "" {
		c.language = "en"
	}
	var err error
	if t.From != "" {
		if c.from, err = parseSender(t.From); err != nil {
			return nil, fmt.Errorf("from: %w", err)
		}
	}
	if len(t.Subject) == 0 {
		return nil, errors.New("it has no subject")
	}
	if len(t.Text)+len(t.HTML) == 0 {
		return nil, errors.New("it has no text and no HTML")
	}
	if c.subject, err = compileAll("subject", t.Subject, parseText); err != nil {
		return nil, err
	}
	if c.text, err = compileAll("text", t.Text, parseText); err != nil {
		return nil, err
	}
	c.html, err = compileAll("html", t.HTML, parseHTML)
	return c, err
}

func compileAll(what string, texts map[string]string, parse func(string) (text, error)) (map[string]text, error) {
	all := make(map[string]text, len(texts))
	for language, s := range texts {
		t, err := parse(s)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", what, language, err)
		}
		all[strings.ToLower(language)] = t
	}
	return all, nil
}

// fill makes the content in the language that suits the wishes, best first,
// best.
func (t *template) fill(values map[string]any, wishes []string) content {
	bodies := make(map[string]text)
	maps.Copy(bodies, t.text)
	maps.Copy(bodies, t.html)
	language := t.choose(bodies, wishes)
	subject := t.choose(t.subject, []string{language})
	return content{
		subject: t.subject[subject].fill(values, asText),
		text:    t.text[language].fill(values, asText),
		html:    t.html[language].fill(values, asHTML),
	}
}

// choose returns the language of texts that suits the wishes best: each wish
// as it is, then shortened ("de" for "de-CH"; RFC 4647, 3.4), then the
// template's own, then the first.
func (t *template) choose(texts map[string]text, wishes []string) string {
	for _, wish := range append(slices.Clip(wishes), t.language) {
		for wish = strings.ToLower(wish); wish != ""; wish = shorter(wish) {
			if _, ok := texts[wish]; ok {
				return wish
			}
		}
	}
	return slices.Min(slices.Collect(maps.Keys(texts)))
}

// shorter cuts the last part of a language tag off.
func shorter(tag string) string { return tag[:max(0, strings.LastIndexByte(tag, '-'))] }
