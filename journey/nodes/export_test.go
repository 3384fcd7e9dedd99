package nodes

// HOTP is hotp, for tests.
var HOTP = hotp
