package deploy

import (
	"fmt"
	"strings"
)

// quote makes one word of a POSIX shell of any text (POSIX.1-2017, 2.2.2: within single quotes
// every character stands for itself; a single quote cannot). Every path and argument that goes to a
// target goes through here. Text with NUL is no word in any shell; Validate of a manifest refuses it.
func quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// script fills a shell script: each %s is replaced by one quoted word.
func script(format string, words ...string) string {
	quoted := make([]any, len(words))
	for i, w := range words {
		quoted[i] = quote(w)
	}
	return fmt.Sprintf(format, quoted...)
}
