package web

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/session"
)

// Fields of a login form, besides the seal and the answers.
const (
	authIDField   = "authId"
	questionField = "question"
)

// errorCodeTimedOut is AM's code for a journey that took too long.
const errorCodeTimedOut = "110"

// login shows the first step of a journey, or takes the answer to one.
func (p *Pages) login(w http.ResponseWriter, v *visit) (reply, error) {
	if v.Method == http.MethodPost {
		return p.submit(w, v)
	}
	query := v.URL.Query()
	if id := query.Get(suspendedField); id != "" {
		return p.showLink(v, http.StatusOK, id), nil
	}
	if query.Has(waitParam) {
		return p.poll(v)
	}
	answer, err := v.realm.Authenticate(v.Context(), p.request(v))
	if err != nil {
		return reply{}, err
	}
	if answer.Success != nil && answer.Success.Existing && !v.params.Has("goto") {
		return p.signedIn(v, answer)
	}
	return p.present(v, answer, "")
}

// submit takes a posted step.
func (p *Pages) submit(w http.ResponseWriter, v *visit) (reply, error) {
	if err := readForm(w, v.Request); err != nil {
		return reply{}, err
	}
	if id := v.PostForm.Get(suspendedField); id != "" {
		return p.resume(v, id)
	}
	authID, packed := v.PostForm.Get(authIDField), v.PostForm.Get(questionField)
	if err := p.checkForm(v, purposeLogin, authID, packed); err != nil {
		return reply{}, err
	}
	asked, err := unpack(packed)
	if err != nil {
		return reply{}, err
	}
	return p.answerStep(v, asked, authID)
}

// answerStep answers a step with what is in v.PostForm.
func (p *Pages) answerStep(v *visit, asked question, authID string) (reply, error) {
	req := p.request(v)
	req.AuthID, req.Callbacks = authID, asked.answer(v.PostForm)
	answer, err := v.realm.Authenticate(v.Context(), req)
	switch {
	case err != nil:
		return p.askAgain(v, asked, authID, err)
	case answer.Step != nil:
		return p.nextStep(v, answer, asked)
	case answer.Failure != nil && answer.Failure.ErrorCode == errorCodeTimedOut:
		return p.startOver(v)
	}
	return p.present(v, answer, "")
}

// request is what a visit asks of the realm, without an answer.
func (p *Pages) request(v *visit) realm.Request {
	req := realm.Request{
		IndexType:  v.params.Get("authIndexType"),
		IndexValue: v.params.Get("authIndexValue"),
		NoSession:  isTrue(v.params.Get("noSession")),
		ForceAuth:  isTrue(v.params.Get("ForceAuth")),
		NewSession: strings.EqualFold(v.params.Get("arg"), "newsession"),
		Goto:       v.params.Get("goto"),
		GotoOnFail: v.params.Get("gotoOnFail"),
		Locale:     v.params.Get("locale"),
		Tokens:     v.realm.Cookie.Tokens(v.Header),
		Affinity:   realm.SentAffinity(v.Header),
		Origin:     v.origin,
		Browser:    v.browser(),
		Client:     v.realm.Client(v.Request, p.front.ClientIP(v.Request)),
	}
	if service := v.params.Get("service"); service != "" {
		req.IndexType, req.IndexValue = "service", service
	}
	return req
}

// startOver begins a journey again that has timed out, and says so.
func (p *Pages) startOver(v *visit) (reply, error) {
	answer, err := v.realm.Authenticate(v.Context(), p.request(v))
	if err != nil {
		return reply{}, err
	}
	return p.present(v, answer, "timedOut")
}

// nextStep shows the step after an answer.
func (p *Pages) nextStep(v *visit, answer realm.Reply, asked question) (reply, error) {
	next, notice := questionOf(answer.Step), "restarted"
	if !answer.Step.Restarted {
		next.Seen = asked.trail()
		notice = asked.noticeOn(next)
	}
	shown := next
	if next.fingerprint() == asked.fingerprint() {
		shown = next.filled(asked.answer(v.PostForm))
	}
	rep, err := p.showForm(v, http.StatusOK, next, shown, answer.Step.AuthID, notice)
	if err != nil {
		return reply{}, err
	}
	v.hand(rep.header, answer)
	return rep, nil
}

// askAgain shows a step again that could not be answered, with what was typed
// except passwords, if the same form may be sent again; else it passes the
// error on. No cookie is touched: neither session nor journey is lost.
func (p *Pages) askAgain(v *visit, asked question, authID string, cause error) (reply, error) {
	line, ok := lineOf(cause)
	if !ok || !line.again {
		return reply{}, cause
	}
	p.logFault(v, line, cause)
	rep, err := p.showForm(v, line.status, asked, asked.filled(asked.answer(v.PostForm)), authID, line.what+".notice")
	if err != nil {
		return reply{}, err
	}
	addRetryAfter(rep.header, line.status)
	return rep, nil
}

// showForm is a step's page. asked is the question that the form carries along,
// shown the same with what was typed before; notice is the id of a text, or
// empty.
func (p *Pages) showForm(v *visit, status int, asked, shown question, authID, notice string) (reply, error) {
	if to, ok := redirectOf(asked.Callbacks); ok {
		return sendOn(asked, to)
	}
	drawn, err := draw(shown.Callbacks)
	if err != nil {
		return reply{}, err
	}
	packed, err := asked.pack()
	if err != nil {
		return reply{}, err
	}
	rep := reply{status: status, header: http.Header{}}
	rep.form = &form{
		Heading: say("signIn"), Description: asked.Description, URL: p.loginURL(v),
		Fields: drawn.fields, Buttons: drawn.buttons, Wait: waitAttribute(drawn.wait),
		Hidden: append(drawn.hidden,
			hidden{authIDField, authID}, hidden{questionField, packed},
			hidden{sealField, v.seal(purposeLogin, authID, packed)}),
	}
	p.pollLater(v, &rep, drawn.wait, authID, packed)
	rep.locates = slices.ContainsFunc(drawn.fields, func(f field) bool { return f.Location })
	if asked.Header != "" {
		rep.form.Heading = phrase{literal: asked.Header}
	}
	if notice != "" {
		rep.form.Notice = noticeOf(notice)
	}
	return rep, nil
}

// present shows where a journey has led to. The notice, if there is one, goes
// above a step.
func (p *Pages) present(v *visit, answer realm.Reply, notice string) (rep reply, err error) {
	switch {
	case answer.Step != nil:
		q := questionOf(answer.Step)
		if rep, err = p.showForm(v, http.StatusOK, q, q, answer.Step.AuthID, notice); err != nil {
			return reply{}, err
		}
	case answer.Success != nil:
		rep = p.succeeded(v, answer.Success)
	default:
		rep = p.failed(v, answer.Failure)
	}
	v.hand(rep.header, answer)
	return rep, nil
}

// succeeded is the end of a journey. One that gave no session does not end on
// the login page, which would ask again.
func (p *Pages) succeeded(v *visit, s *realm.Success) reply {
	if s.NoSession {
		if p.isOwn(s.SuccessURL) {
			m := messageFor("done")
			m.Tone = toneGood
			return show(http.StatusOK, m)
		}
		return p.leave(v, http.StatusOK, s.SuccessURL, "done")
	}
	rep := p.leave(v, http.StatusOK, s.SuccessURL, "signedIn")
	if s.Token != "" {
		v.realm.Cookie.Set(rep.header, s.Token, v.secure)
	}
	return rep
}

// hand adds the cookies that go with every answer of a journey.
func (v *visit) hand(h http.Header, answer realm.Reply) {
	for _, cookie := range answer.Cookies {
		h.Add("Set-Cookie", cookie.String())
	}
	v.realm.Cookie.SetAffinity(h, answer.Affinity, v.secure)
}

// loginFailure is what AM says of every failed journey whose nodes say
// nothing. Our own words for it are friendlier.
const loginFailure = "Login failure"

func (p *Pages) failed(v *visit, f *realm.Failure) reply {
	if f.FailureURL != "" {
		return p.leave(v, http.StatusUnauthorized, f.FailureURL, "failed")
	}
	m := messageFor("failed")
	m.Tone = toneError
	m.Link = &link{URL: p.loginURL(v), Text: say("tryAgain")}
	if f.Message != loginFailure {
		m.Text = phrase{literal: f.Message}
	}
	return show(http.StatusUnauthorized, m)
}

// leave sends the browser on after a journey: a visit that opened the page by
// a redirect, one that posted a form by a page that leads on by itself. A
// redirect in answer to a form, and every redirect after it, is judged by the
// form's form-action in Chromium: 'self' would stop a login whose goto is an
// allowed app elsewhere, or an app here that redirects elsewhere.
func (p *Pages) leave(v *visit, status int, target, what string) reply {
	if v.Method != http.MethodPost {
		return redirect(http.StatusSeeOther, target)
	}
	m := messageFor(what)
	m.Tone = toneOf(status)
	m.Text = say("leaving")
	m.Link = &link{URL: target, Text: say("continue")}
	rep := show(status, m)
	rep.header.Set("Refresh", "0; url="+target)
	return rep
}

// signedIn tells a person who has a session already whose it is.
func (p *Pages) signedIn(v *visit, answer realm.Reply) (reply, error) {
	s, err := v.realm.Session(v.Context(), v.realm.Cookie.Tokens(v.Header), session.Peek)
	switch {
	case errors.Is(err, session.ErrInvalid), errors.Is(err, session.ErrEnded):
		// It ended just now. The next visit begins a journey.
		return redirect(http.StatusSeeOther, p.loginURL(v)), nil
	case err != nil:
		return reply{}, err
	}
	m := messageFor("signedIn")
	m.Tone = toneGood
	m.Text = say("signedInAs", s.Username(), realmName(v.realm.Path))
	rep := show(http.StatusOK, m)
	rep.message.Form = p.logoutForm(v)
	if target := answer.Success.SuccessURL; !p.isOwn(target) {
		rep.message.Link = &link{URL: target, Text: say("continue")}
	}
	v.hand(rep.header, answer)
	return rep, nil
}
