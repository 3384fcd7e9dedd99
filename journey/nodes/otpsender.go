package nodes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
)

// OTPMailSender mails the one-time password to the journey's user: to the
// address that the user's account has, or, while the journey has no user of the
// realm, to the one that was collected.
//
// The mail server is the realm's. AM has one for each node: those properties
// are read, so that exports load, and have no effect.
type OTPMailSender struct {
	Address string `json:"emailAttribute" option:"email_attribute" doc:"The attribute with the address."`
	Subject Text   `json:"emailSubject" option:"subject" doc:"The mail's subject, optionally after a language. {{OTP}} is the one-time password." default:"Your One Time Password"`
	Content Text   `json:"emailContent" option:"content" doc:"The mail's text, optionally after a language. {{OTP}} is the one-time password; a text without it has it at its end." default:"Here is your One Time Password: '{{OTP}}'. If you did not request this, please contact support."`

	Host     string `json:"hostName,omitempty"`
	Port     int    `json:"hostPort,omitempty"`
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	Purpose  string `json:"passwordPurpose,omitempty"`
	From     string `json:"fromEmailAddress,omitempty"`
	SSL      string `json:"sslOption,omitempty"`
	Gateway  string `json:"smsGatewayImplementationClass,omitempty"`
}

var (
	_ journey.Node     = (*OTPMailSender)(nil)
	_ journey.Declarer = (*OTPMailSender)(nil)
	_ journey.Requirer = (*OTPMailSender)(nil)
	_ journey.Checker  = (*OTPMailSender)(nil)
)

func newOTPMailSender() journey.Node { return &OTPMailSender{Address: "mail"} }

// The texts of a mail without its own.
const (
	defaultOTPSubject = "Your One Time Password"
	defaultOTPContent = "Here is your One Time Password: '{{OTP}}'. If you did not request this, please contact support."
)

// otpPlace is where a text has the one-time password.
const otpPlace = "{{OTP}}"

// errNoOTP is a mistake in a journey. It is also where a journey comes that
// loops back after the right answer.
var errNoOTP = errors.New("there is no one-time password in the journey's state; generate one before")

// Process implements journey.Node.
func (n *OTPMailSender) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	otp := in.State.String(keyOTP)
	if otp == "" {
		return journey.Action{}, errNoOTP
	}
	to, err := knownRecipient(ctx, in, identity.AttributeUserName, n.Address)
	if err != nil {
		return journey.Action{}, err
	}
	if to.userID == "" {
		to = newRecipient(in.State, n.Address)
	}
	if to.address == "" {
		return journey.Action{}, fmt.Errorf("there is nobody to mail the one-time password to, or no address in the attribute %s", n.Address)
	}
	if err := in.Services.Mailer.Send(ctx, n.mail(in, to.address, otp)); err != nil {
		return journey.Action{}, fmt.Errorf("the one-time password was not mailed: %w", err)
	}
	in.State.PutTransient(keyOTPUser, to.userID)
	return journey.Goto(outcomeOnly), nil
}

func (n *OTPMailSender) mail(in *journey.Input, address, otp string) journey.Mail {
	languages := slices.Clone(in.Client.Languages)
	content := n.Content.or(languages, defaultOTPContent)
	if !strings.Contains(content, otpPlace) {
		content += " " + otpPlace
	}
	return journey.Mail{
		To:        address,
		Subject:   strings.ReplaceAll(n.Subject.or(languages, defaultOTPSubject), otpPlace, otp),
		Text:      strings.ReplaceAll(content, otpPlace, otp),
		Languages: languages,
		Attempt:   in.Attempt(),
	}
}

// Outcomes implements journey.Node.
func (*OTPMailSender) Outcomes() []string { return []string{outcomeOnly} }

// Reads implements journey.Declarer.
func (*OTPMailSender) Reads() []string {
	return append(personKeys(identity.AttributeUserName), keyOTP)
}

// Writes implements journey.Declarer.
func (*OTPMailSender) Writes() []string { return []string{keyOTPUser} }

// Needs implements journey.Requirer.
func (*OTPMailSender) Needs() []journey.Need { return []journey.Need{{Kind: journey.NeedMail}} }

// Check implements journey.Checker.
func (n *OTPMailSender) Check() error {
	return checkAttribute("email_attribute", n.Address)
}
