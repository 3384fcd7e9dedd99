// Package token holds the keys of an installation and what is made with
// them: references (the SSO tokens and journey ids that clients carry), the
// signed authId, sessions and other texts that clients keep sealed, and the
// keys under which other packages seal and route.
//
// Words. A secret is what an operator gives or amgate generates; it is never
// used as it is. An installation is one store and whatever serves from it; its
// random id lies in that store. A key is derived from a secret, the
// installation's id, a purpose and a realm, so what was made for one of them
// fails for every other, even under the same secret. A ring is all keys of an
// installation. A key id is public and tells which key made something; it
// opens nothing.
//
// Secrets are listed newest first: the newest makes, every listed one
// verifies. So keys rotate unnoticed: put the new secret in front on every
// node, and drop the old one when what it made has expired.
package token
