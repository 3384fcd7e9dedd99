package realm

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store/outbox"
)

// webhookTimeout bounds one call of a webhook.
const webhookTimeout = 10 * time.Second

// newHookClient returns the client that calls webhooks. It follows no
// redirect: what a session holds goes where the configuration says, and
// nowhere else.
func newHookClient() *http.Client {
	return &http.Client{
		Timeout:       webhookTimeout,
		Transport:     http.DefaultTransport.(*http.Transport).Clone(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// idHeader names the header that a receiver knows a call by that was made
// twice (Standard Webhooks 1.0).
const idHeader = "Webhook-Id"

// deliverWebhook calls the webhook of a session that has ended, wherever and
// whenever it ended. What can be mended by waiting wraps outbox.ErrLater.
func (r *Realm) deliverWebhook(ctx context.Context, name string, ended session.Ended) error {
	i := slices.IndexFunc(r.Webhooks, func(w Webhook) bool { return w.Name == name })
	if i < 0 {
		r.set.cfg.Metrics.Delivered(r.Path, deliveredWebhook, howFailed)
		return fmt.Errorf("realm %s: the webhook %q is no longer configured", r.Path, name)
	}
	err := r.set.callWebhook(ctx, r.Webhooks[i], ended)
	switch {
	case err == nil:
		r.set.cfg.Metrics.Delivered(r.Path, deliveredWebhook, howSent)
		return nil
	case journey.IsFault(err):
		r.set.cfg.Metrics.Delivered(r.Path, deliveredWebhook, howRetried)
		return fmt.Errorf("realm %s: webhook %s: %w: %w", r.Path, name, outbox.ErrLater, err)
	}
	r.set.cfg.Metrics.Delivered(r.Path, deliveredWebhook, howFailed)
	return fmt.Errorf("realm %s: webhook %s: %w", r.Path, name, err)
}

// callWebhook calls a webhook once. A server that does not answer, or answers
// that it cannot now, is a fault. No error holds the URL, which may have a
// secret in it.
func (s *Set) callWebhook(ctx context.Context, w Webhook, ended session.Ended) error {
	req, err := w.request(ctx, ended)
	if err != nil {
		return err
	}
	res, err := s.hooks.Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return fmt.Errorf("%w: %w", journey.ErrService, err)
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, 64<<10) // so that the connection can be used again
	switch {
	case res.StatusCode < 300:
		return nil
	case res.StatusCode >= 500, res.StatusCode == http.StatusTooManyRequests, res.StatusCode == http.StatusRequestTimeout:
		return fmt.Errorf("%w: it answered %s", journey.ErrService, res.Status)
	}
	return fmt.Errorf("it answered %s", res.Status)
}

func (w Webhook) request(ctx context.Context, ended session.Ended) (*http.Request, error) {
	header := make(http.Header)
	header.Set(idHeader, ended.ID())
	for name, value := range w.Header {
		header.Set(name, value)
	}
	body := fillIn(w.Body, escaperOf(header.Get("Content-Type")), ended)
	req, err := http.NewRequestWithContext(ctx, w.Method, w.URL, strings.NewReader(body))
	if err != nil {
		return nil, errors.New("its URL or method is not valid")
	}
	req.Header = header
	return req, nil
}

// placeholder is a session property in the text of a webhook.
var placeholder = regexp.MustCompile(`\$\{[^{}]*\}`)

// eventType is what stands for how the session ended in the text of a webhook.
const eventType = "WebhookEventType"

// fillIn puts the properties of a session that has ended into a text; "" for
// those that it does not have.
func fillIn(text string, escape func(string) string, ended session.Ended) string {
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		name := found[2 : len(found)-1]
		if name == eventType {
			return ended.Why.String()
		}
		value, _ := Property(ended.Session, name)
		return escape(value)
	})
}

// escaperOf says how a value stands in a text of some type, so that it stays a
// value: what is in a session may be what a user has typed. A type that is not
// known is taken for a form.
func escaperOf(contentType string) func(string) string {
	media, _, _ := mime.ParseMediaType(contentType)
	switch {
	case media == "application/json", strings.HasSuffix(media, "+json"):
		return escapeJSON
	case media == "application/xml", media == "text/xml", strings.HasSuffix(media, "+xml"):
		return escapeXML
	}
	return url.QueryEscape
}

func escapeJSON(value string) string {
	quoted, err := json.Marshal(value)
	if err != nil {
		return "" // a text can always be written
	}
	return string(quoted[1 : len(quoted)-1])
}

func escapeXML(value string) string {
	var b bytes.Buffer
	if err := xml.EscapeText(&b, []byte(value)); err != nil {
		return "" // a buffer takes all
	}
	return b.String()
}
