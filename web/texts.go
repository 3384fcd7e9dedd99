package web

import (
	"fmt"
	"strings"
)

// defaultLanguage has every text; another language may only have the same.
const defaultLanguage = "en"

// texts are the pages' own words in one language.
type texts struct {
	lang    string
	entries map[string]string
}

// textsFor picks the first language wished for that there is; "de-CH" is
// content with "de".
func textsFor(wishes []string) texts {
	for _, wish := range wishes {
		primary, _, _ := strings.Cut(strings.ToLower(wish), "-")
		if entries, ok := catalogue[primary]; ok {
			return texts{primary, entries}
		}
	}
	return texts{defaultLanguage, catalogue[defaultLanguage]}
}

// Lang is the language's tag, for the attribute lang.
func (t texts) Lang() string { return t.lang }

// T is the text of an id.
func (t texts) T(id string) (string, error) { return t.Say(say(id)) }

// Say is a phrase in this language.
func (t texts) Say(p phrase) (string, error) {
	if p.literal != "" || p.id == "" {
		return p.literal, nil
	}
	text, ok := t.entries[p.id]
	if !ok {
		return "", fmt.Errorf("there is no text %q in language %s", p.id, t.lang)
	}
	if len(p.args) > 0 {
		text = fmt.Sprintf(text, p.args...)
	}
	return text, nil
}

// phrase is something to say: a text of the catalogue with its arguments, or
// words that a journey chose, which stay as they are.
type phrase struct {
	literal string
	id      string
	args    []any
}

func say(id string, args ...any) phrase { return phrase{id: id, args: args} }

// prompt is a callback's own words; those that AM's nodes use in English
// whatever the client speaks are in the catalogue.
func prompt(words string) phrase {
	if id, ok := stock[words]; ok {
		return say(id)
	}
	return phrase{literal: words}
}

var stock = map[string]string{
	"User Name": "userName", "Username": "userName", "Password": "password", "Yes": "yes", "No": "no", "Cancel": "cancel", "OK": "ok",
}

// catalogue has the texts by language and id. To add a language, translate
// all of one: a test compares them.
var catalogue = withConsole(map[string]map[string]string{
	"en": {
		"realm":       "Realm",
		"userName":    "User name",
		"password":    "Password",
		"yes":         "Yes",
		"no":          "No",
		"cancel":      "Cancel",
		"ok":          "OK",
		"signIn":      "Sign in",
		"signInAgain": "Sign in again",
		"signOut":     "Sign out",
		"continue":    "Continue",
		"tryAgain":    "Try again",
		"error":       "Error",
		"working":     "One moment…",
		"signedInAs":  "You are signed in as %s in realm %s.",
		"leaving":     "One moment, we are taking you on. If nothing happens, continue here.",

		"chooseProvider":  "How do you want to sign in?",
		"signInHere":      "With an account here",
		"question":        "Question",
		"anotherQuestion": "A question of my own",
		"ownQuestion":     "Your own question",
		"answer":          "Answer",
		"terms":           "Terms",
		"acceptTerms":     "I accept these terms.",
		"agree":           "I agree.",
		"redirect.title":  "We are taking you on",
		"redirect.text":   "One moment, we are taking you to another site. If nothing happens, continue here.",

		"policy.required":   "This is needed.",
		"policy.unique":     "This is already taken.",
		"policy.form":       "This does not have the right form.",
		"policy.date":       "This is not a valid date.",
		"policy.number":     "This is not a number.",
		"policy.mail":       "This is not a valid e-mail address.",
		"policy.phone":      "This is not a valid phone number.",
		"policy.minLength":  "This needs at least %s characters.",
		"policy.maxLength":  "This may have at most %s characters.",
		"policy.minimum":    "This must be at least %s.",
		"policy.maximum":    "This may be at most %s.",
		"policy.capitals":   "This needs capital letters, at least %s.",
		"policy.digits":     "This needs digits, at least %s.",
		"policy.characters": "This must not contain: %s",
		"policy.duplicates": "This must not repeat: %s",
		"policy.others":     "This must not contain what you entered for: %s",
		"policy.other":      "This does not meet the rule %s.",

		"checkCredentials":   "Check your user name and password and try again.",
		"checkAnswers":       "That did not work. Check what you entered and try again.",
		"timedOut":           "Signing in took too long and timed out. Please start again.",
		"needsScript":        "This step needs JavaScript, which your browser does not run.",
		"restarted":          "We had to start again. Please enter your details once more.",
		"unavailable.notice": "The service does not answer at the moment. Nothing is lost: wait a little, then send this form again.",
		"incomplete.notice":  "Something is missing or does not fit. Check what you entered and try again.",

		"signedIn.title":        "You are signed in",
		"done.title":            "All done",
		"done.text":             "What you came for is done. It did not sign you in.",
		"signedOut.title":       "You are signed out",
		"signedOut.text":        "Your session has ended. You can close this window.",
		"confirm.title":         "Sign out?",
		"failed.title":          "Sign-in failed",
		"failed.text":           "We could not sign you in. Check your user name and password and try again.",
		"unavailable.title":     "Not available at the moment",
		"unavailable.text":      "The service does not answer. Nothing is lost, and you have not been signed out. Wait a little, then try again.",
		"incomplete.title":      "Something is missing",
		"incomplete.text":       "The form was not complete. Please start again.",
		"foreignForm.title":     "Please start again",
		"foreignForm.text":      "We could not make sure that this form came from our page. It may be too old, or your browser may refuse cookies, which signing in needs.",
		"staleForm.title":       "Please start again",
		"staleForm.text":        "This form is from an earlier time and can no longer be used.",
		"tooLarge.title":        "Too much",
		"tooLarge.text":         "What was sent is larger than we can take.",
		"tooLong.title":         "Address too long",
		"tooLong.text":          "The address of this page is longer than it may be.",
		"badQuery.title":        "Address not understood",
		"badQuery.text":         "The address of this page, or what was sent to it, is damaged.",
		"resume.title":          "Continue signing in",
		"resume.text":           "You followed the link that we sent you. Continue here, in this browser.",
		"usedLink.title":        "This link can no longer be used",
		"usedLink.text":         "It has been used already, or its time is over. Please start again to get another one.",
		"noJourney.title":       "Unknown way to sign in",
		"noJourney.text":        "The link that led here asks for a way to sign in that does not exist.",
		"noRealm.title":         "Unknown realm",
		"noRealm.text":          "The link that led here names a realm that does not exist.",
		"notFound.title":        "Page not found",
		"notFound.text":         "There is no page at this address.",
		"notAllowed.title":      "Not possible here",
		"notAllowed.text":       "This page does not take requests of this kind.",
		"unknownCallback.title": "This page cannot ask that",
		"unknownCallback.text":  "The sign-in asks for something that this page does not know: %s. Use an app that does, or tell whoever runs this service.",
		"broken.title":          "Something went wrong",
		"broken.text":           "An error happened on our side. If you report it, please mention the code %s.",
	},
	"de": {
		"realm":       "Bereich",
		"userName":    "Benutzername",
		"password":    "Passwort",
		"yes":         "Ja",
		"no":          "Nein",
		"cancel":      "Abbrechen",
		"ok":          "OK",
		"signIn":      "Anmelden",
		"signInAgain": "Wieder anmelden",
		"signOut":     "Abmelden",
		"continue":    "Weiter",
		"tryAgain":    "Noch einmal versuchen",
		"error":       "Fehler",
		"working":     "Einen Moment…",
		"signedInAs":  "Sie sind als %s im Bereich %s angemeldet.",
		"leaving":     "Einen Moment, es geht gleich weiter. Wenn nichts geschieht, geht es hier weiter.",

		"chooseProvider":  "Wie möchten Sie sich anmelden?",
		"signInHere":      "Mit einem Konto hier",
		"question":        "Frage",
		"anotherQuestion": "Eine eigene Frage",
		"ownQuestion":     "Ihre eigene Frage",
		"answer":          "Antwort",
		"terms":           "Bedingungen",
		"acceptTerms":     "Ich nehme diese Bedingungen an.",
		"agree":           "Ich stimme zu.",
		"redirect.title":  "Es geht weiter",
		"redirect.text":   "Einen Moment, es geht auf einer anderen Seite weiter. Wenn nichts geschieht, geht es hier weiter.",

		"policy.required":   "Diese Angabe wird gebraucht.",
		"policy.unique":     "Das ist schon vergeben.",
		"policy.form":       "Das hat nicht die richtige Form.",
		"policy.date":       "Das ist kein gültiges Datum.",
		"policy.number":     "Das ist keine Zahl.",
		"policy.mail":       "Das ist keine gültige E-Mail-Adresse.",
		"policy.phone":      "Das ist keine gültige Telefonnummer.",
		"policy.minLength":  "Hier werden mindestens %s Zeichen gebraucht.",
		"policy.maxLength":  "Hier sind höchstens %s Zeichen erlaubt.",
		"policy.minimum":    "Das muss mindestens %s sein.",
		"policy.maximum":    "Das darf höchstens %s sein.",
		"policy.capitals":   "Hier werden Großbuchstaben gebraucht, mindestens %s.",
		"policy.digits":     "Hier werden Ziffern gebraucht, mindestens %s.",
		"policy.characters": "Das darf nicht enthalten: %s",
		"policy.duplicates": "Das darf sich nicht wiederholen: %s",
		"policy.others":     "Das darf nicht enthalten, was Sie hier eingegeben haben: %s",
		"policy.other":      "Das erfüllt die Regel %s nicht.",

		"checkCredentials":   "Prüfen Sie Benutzername und Passwort und versuchen Sie es noch einmal.",
		"checkAnswers":       "Das hat nicht geklappt. Prüfen Sie Ihre Angaben und versuchen Sie es noch einmal.",
		"timedOut":           "Die Anmeldung hat zu lange gedauert und ist abgelaufen. Bitte beginnen Sie noch einmal.",
		"needsScript":        "Dieser Schritt braucht JavaScript, das Ihr Browser nicht ausführt.",
		"restarted":          "Wir mussten von vorn beginnen. Bitte geben Sie Ihre Daten noch einmal ein.",
		"unavailable.notice": "Der Dienst antwortet im Moment nicht. Es ist nichts verloren: Warten Sie kurz und senden Sie dieses Formular noch einmal.",
		"incomplete.notice":  "Etwas fehlt oder passt nicht. Prüfen Sie Ihre Angaben und versuchen Sie es noch einmal.",

		"signedIn.title":        "Sie sind angemeldet",
		"done.title":            "Erledigt",
		"done.text":             "Alles ist erledigt. Angemeldet wurden Sie dabei nicht.",
		"signedOut.title":       "Sie sind abgemeldet",
		"signedOut.text":        "Ihre Sitzung ist beendet. Sie können dieses Fenster schließen.",
		"confirm.title":         "Abmelden?",
		"failed.title":          "Anmeldung fehlgeschlagen",
		"failed.text":           "Wir konnten Sie nicht anmelden. Prüfen Sie Benutzername und Passwort und versuchen Sie es noch einmal.",
		"unavailable.title":     "Im Moment nicht erreichbar",
		"unavailable.text":      "Der Dienst antwortet nicht. Es ist nichts verloren, und Sie wurden nicht abgemeldet. Warten Sie kurz und versuchen Sie es noch einmal.",
		"incomplete.title":      "Etwas fehlt",
		"incomplete.text":       "Das Formular war nicht vollständig. Bitte beginnen Sie noch einmal.",
		"foreignForm.title":     "Bitte beginnen Sie noch einmal",
		"foreignForm.text":      "Wir konnten nicht sicherstellen, dass dieses Formular von unserer Seite kam. Vielleicht ist es zu alt, oder Ihr Browser lehnt Cookies ab, die für die Anmeldung nötig sind.",
		"staleForm.title":       "Bitte beginnen Sie noch einmal",
		"staleForm.text":        "Dieses Formular ist veraltet und kann nicht mehr verwendet werden.",
		"tooLarge.title":        "Zu viel",
		"tooLarge.text":         "Was gesendet wurde, ist größer, als wir annehmen können.",
		"tooLong.title":         "Adresse zu lang",
		"tooLong.text":          "Die Adresse dieser Seite ist länger, als sie sein darf.",
		"badQuery.title":        "Adresse nicht verstanden",
		"badQuery.text":         "Die Adresse dieser Seite, oder was ihr gesendet wurde, ist beschädigt.",
		"resume.title":          "Anmeldung fortsetzen",
		"resume.text":           "Sie sind dem Link gefolgt, den wir Ihnen gesendet haben. Fahren Sie hier fort, in diesem Browser.",
		"usedLink.title":        "Dieser Link gilt nicht mehr",
		"usedLink.text":         "Er wurde schon verwendet, oder seine Zeit ist abgelaufen. Bitte beginnen Sie noch einmal, um einen neuen zu bekommen.",
		"noJourney.title":       "Unbekannte Anmeldung",
		"noJourney.text":        "Der Link, der hierher führte, verlangt eine Anmeldung, die es nicht gibt.",
		"noRealm.title":         "Unbekannter Bereich",
		"noRealm.text":          "Der Link, der hierher führte, nennt einen Bereich, den es nicht gibt.",
		"notFound.title":        "Seite nicht gefunden",
		"notFound.text":         "Unter dieser Adresse gibt es keine Seite.",
		"notAllowed.title":      "Hier nicht möglich",
		"notAllowed.text":       "Diese Seite nimmt solche Anfragen nicht an.",
		"unknownCallback.title": "Das kann diese Seite nicht fragen",
		"unknownCallback.text":  "Die Anmeldung verlangt etwas, das diese Seite nicht kennt: %s. Verwenden Sie eine App, die es kennt, oder melden Sie es dem Betreiber.",
		"broken.title":          "Etwas ist schiefgegangen",
		"broken.text":           "Auf unserer Seite ist ein Fehler aufgetreten. Wenn Sie ihn melden, nennen Sie bitte den Code %s.",
	},
})
