package caddymodule

import (
	"fmt"
	"maps"
	"net/url"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
)

// Terms are the terms and conditions that users accept.
type Terms struct {
	Version string `json:"version"`
	// Created is the day when the version came into force, "2026-01-31", or
	// the moment as RFC 3339 writes it.
	Created string `json:"created,omitempty"`
	// Text is the terms by language. Placeholders are replaced:
	// {file.terms/en.txt} is the content of a file.
	Text nodes.Text `json:"text"`
}

// SecurityQuestion is a question that users may choose to answer.
type SecurityQuestion struct {
	ID string `json:"id"`
	// Text is the question by language.
	Text nodes.Text `json:"text"`
}

// Webhook is an HTTP request that is made when a session ends.
type Webhook struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	// Method is POST by default.
	Method string `json:"method,omitempty"`
	// Headers may have placeholders in their values, for secrets.
	Headers map[string]string `json:"headers,omitempty"`
	// Body may have session properties in it, as ${name}.
	Body string `json:"body,omitempty"`
}

// agents loads the identities of the realm's agents, nil if it has none.
func (r *Realm) agents(ctx caddy.Context) (identity.Store, error) {
	if r.AgentsRaw == nil {
		return nil, nil
	}
	mod, err := ctx.LoadModule(r, "AgentsRaw")
	if err != nil {
		return nil, fmt.Errorf("agents: %w", err)
	}
	agents, ok := mod.(identity.Store)
	if !ok {
		return nil, fmt.Errorf("agents: module %T is no identity store", mod)
	}
	return agents, nil
}

// lend adds to the settings what the realm lends to its nodes.
func (r *Realm) lend(ctx caddy.Context, s *realm.Settings) (err error) {
	if s.Agents, err = r.agents(ctx); err != nil {
		return err
	}
	if r.Terms != nil {
		if s.Terms, err = r.Terms.provision(); err != nil {
			return fmt.Errorf("terms %s: %w", r.Terms.Version, err)
		}
	}
	for _, q := range r.SecurityQuestions {
		if len(q.Text) == 0 {
			return fmt.Errorf("security_question %s: it has no text; write for example: text en \"What was your first pet?\"", q.ID)
		}
		s.Questions = append(s.Questions, journey.Question{ID: q.ID, Text: q.Text})
	}
	for _, w := range r.Webhooks {
		webhook, err := w.provision()
		if err != nil {
			return fmt.Errorf("webhook %s: %w", w.Name, err)
		}
		s.Webhooks = append(s.Webhooks, webhook)
	}
	return nil
}

func (t *Terms) provision() (*journey.Terms, error) {
	if len(t.Text) == 0 {
		return nil, fmt.Errorf("they have no text; write for example: text en {file.terms/en.txt}")
	}
	terms := &journey.Terms{Version: t.Version, Text: make(map[string]string, len(t.Text))}
	var err error
	if terms.Created, err = parseDay(t.Created); err != nil {
		return nil, err
	}
	for language, text := range t.Text {
		if terms.Text[language], err = replaced(text); err != nil {
			return nil, fmt.Errorf("text %s: %w", language, err)
		}
	}
	return terms, nil
}

// parseDay reads a day or a moment; "" is the zero time.
func parseDay(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("created %q is not a date; write for example 2026-01-31 or 2026-01-31T12:00:00Z", text)
}

func (w *Webhook) provision() (realm.Webhook, error) {
	hook := realm.Webhook{Name: w.Name, Method: w.Method, Body: w.Body, Header: maps.Clone(w.Headers)}
	var err error
	if hook.URL, err = replaced(w.URL); err != nil {
		return hook, fmt.Errorf("url: %w", err)
	}
	if u, err := url.Parse(hook.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return hook, fmt.Errorf("url: %q is not the URL of a server; write for example https://hooks.example.com/logout", w.URL)
	}
	for name, value := range w.Headers {
		if hook.Header[name], err = replaced(value); err != nil {
			return hook, fmt.Errorf("header %s: %w", name, err)
		}
	}
	if hook.Method == "" {
		hook.Method = "POST"
	}
	return hook, nil
}

// replaced is a text with its placeholders replaced. One that is empty is an
// error, so that a secret which is not there is not an empty secret; what is
// no placeholder of Caddy's stays as it is.
func replaced(text string) (string, error) {
	return caddy.NewReplacer().ReplaceOrErr(text, true, false)
}

// Options of blocks that realms have.

var termsOptions = []option[*Terms]{
	{
		name: "text", args: "[<language>] <text>", def: "en", many: true,
		doc: "The terms in a language. `{file.terms/en.txt}` is the content of a file.",
		set: texts(func(t *Terms) *nodes.Text { return &t.Text }),
	},
	{
		name: "created", args: "<date>", doc: "When the version came into force: `2026-01-31`.",
		set: func(d *caddyfile.Dispenser, t *Terms) error {
			if !d.AllArgs(&t.Created) {
				return d.ArgErr()
			}
			if _, err := parseDay(t.Created); err != nil {
				return d.WrapErr(err)
			}
			return nil
		},
	},
}

var questionOptions = []option[*SecurityQuestion]{
	{
		name: "text", args: "[<language>] <text>", def: "en", many: true, doc: "The question in a language.",
		set: texts(func(q *SecurityQuestion) *nodes.Text { return &q.Text }),
	},
}

var webhookOptions = []option[*Webhook]{
	{
		name: "url", args: "<url>", doc: "Where the request goes. Required.",
		set: text(func(w *Webhook) *string { return &w.URL }),
	},
	{
		name: "method", args: "<method>", def: "POST", doc: "The request's method.",
		set: text(func(w *Webhook) *string { return &w.Method }),
	},
	{
		name: "header", args: "<name> <value>", many: true,
		doc: "A header of the request. A secret is best kept out of the Caddyfile: `{env.HOOK_KEY}` or `{file./run/secrets/hook}`.",
		set: func(d *caddyfile.Dispenser, w *Webhook) error {
			var name, value string
			if !d.AllArgs(&name, &value) {
				return d.ArgErr()
			}
			if _, twice := w.Headers[name]; twice {
				return d.Errf("header %s is already specified", name)
			}
			if w.Headers == nil {
				w.Headers = make(map[string]string)
			}
			w.Headers[name] = value
			return nil
		},
	},
	{
		name: "body", args: "<text>", doc: "The request's body. `${name}` in it is a property of the session that ended.",
		set: text(func(w *Webhook) *string { return &w.Body }),
	},
}

// parseTerms reads the terms from Caddyfile tokens. Syntax:
//
//	terms <version> {
//		text    [<language>] <text>
//		created <date>
//	}
func parseTerms(d *caddyfile.Dispenser, r *Realm) error {
	r.Terms = new(Terms)
	if !d.Args(&r.Terms.Version) || d.NextArg() {
		return d.ArgErr()
	}
	return parseBlock(d, "terms", termsOptions, r.Terms)
}

// parseQuestion reads a security question from Caddyfile tokens. Syntax:
//
//	security_question <id> {
//		text [<language>] <text>
//	}
func parseQuestion(d *caddyfile.Dispenser, r *Realm) error {
	q := new(SecurityQuestion)
	if !d.Args(&q.ID) || d.NextArg() {
		return d.ArgErr()
	}
	for _, other := range r.SecurityQuestions {
		if other.ID == q.ID {
			return d.Errf("security_question %s is already specified", q.ID)
		}
	}
	r.SecurityQuestions = append(r.SecurityQuestions, q)
	return parseBlock(d, "security_question "+q.ID, questionOptions, q)
}

// parseWebhook reads a webhook from Caddyfile tokens. Syntax:
//
//	webhook <name> {
//		url    <url>
//		method <method>
//		header <name> <value>
//		body   <text>
//	}
func parseWebhook(d *caddyfile.Dispenser, r *Realm) error {
	w := new(Webhook)
	if !d.Args(&w.Name) || d.NextArg() {
		return d.ArgErr()
	}
	for _, other := range r.Webhooks {
		if other.Name == w.Name {
			return d.Errf("webhook %s is already specified", w.Name)
		}
	}
	r.Webhooks = append(r.Webhooks, w)
	return parseBlock(d, "webhook "+w.Name, webhookOptions, w)
}
