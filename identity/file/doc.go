// Package file keeps the people of a realm in one JSON or YAML file.
//
//	users:
//	  - id: "4711"                # optional: the username
//	    username: bjensen
//	    password: $argon2id$v=19$… # amgate hash-password; absent: no sign-in by password
//	    roles: [admin]
//	    active: true              # the default
//	    attributes:
//	      mail: [bjensen@example.com]
//
// A file whose first character is { is JSON, any other is YAML. It is read
// strictly, because a mistyped member is a user without a password or a role:
// whatever is not known, of another type or there twice is refused, naming
// file and line.
//
// The file is read again when it changes. Replace it by renaming a complete
// one over it; a file that is seen half written is refused or, if the half
// happens to be valid, used until the rest is there.
package file
