// Package mail sends the mails of journeys by SMTP: a link to go on, a one-time
// password, a notice.
//
// What it takes to set it up: a Config, with the operator's mail server and
// templates. Templates are written by hand (Template), or are those of AM and
// IDM as exports carry them (ReadTemplates). New refuses what cannot work, such
// as a text with a placeholder that is none, or a password without TLS. Whoever
// replaces a Mailer closes the old one; that waits for what is being sent.
//
// A mail is taken by the server before Send returns; there is no queue of our
// own. What says nothing for good, such as a connection that is refused or an
// answer of 4xx, is journey.ErrService: the step of the journey can be answered
// again. An answer of 5xx is final. Neither error holds anything of the mail,
// nor what the server wrote, which may repeat it: only codes.
//
// Whether a mail was taken is unknown when the connection breaks after its last
// byte; it is then sent again by whoever asks again. Apart from that a mail of
// the same attempt is sent once by a process.
package mail
