// Package reply reads what cellular modules answer: each command has one pure reader, from lines to a value whose JSON form
// is what `airlock modem parse` prints. Sections are those of 3GPP TS 27.007 unless another document is named.
//
// Readers are tolerant where modules are sloppy (blanks, missing prefixes and quotes, extra fields, CR CR LF) and
// refuse with an error what they cannot read; they never guess and never talk to a module. drivers/modem calls them
// while it drives a module, and firmware/cli for a person who holds a transcript.
package reply
