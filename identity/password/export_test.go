package password

// Encode shows what the tests compare: that an accepted hash has one spelling.
func Encode(d Digest) string { return d.encode() }
