package deploy

import (
	"os/exec"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// shells are those that are here of the ones that targets have.
func shells(t *testing.T) [][]string {
	var found [][]string
	for _, s := range [][]string{{"sh"}, {"bash", "--posix"}, {"busybox", "sh"}} {
		if _, err := exec.LookPath(s[0]); err == nil {
			found = append(found, s)
		} else {
			t.Logf("not tried: no %s here", s[0])
		}
	}
	return found
}

// Whatever the text, a shell reads one word of it, and that word is the text.
func TestQuoteIsOneWord(t *testing.T) {
	for _, shell := range shells(t) {
		t.Run(strings.Join(shell, " "), func(t *testing.T) {
			word := rapid.OneOf(
				rapid.String(),
				rapid.StringMatching("[-'\"`$\\\\ \n\t;&|<>(){}*?!~#a]{0,20}"),
			).Filter(func(s string) bool { return !strings.Contains(s, "\x00") })
			rapid.Check(t, func(r *rapid.T) {
				// Many words at a time, as one process for each would take minutes.
				words := rapid.SliceOfN(word, 20, 60).Draw(r, "words")
				var text strings.Builder
				text.WriteString(`for w in`)
				for _, w := range words {
					text.WriteString(" " + quote(w))
				}
				text.WriteString(`; do printf '%s\0' "$w"; done`)
				out, err := exec.Command(shell[0], append(shell[1:], "-c", text.String())...).Output()
				if err != nil {
					r.Fatalf("shell: %v", err)
				}
				if got, want := string(out), strings.Join(words, "\x00")+"\x00"; got != want {
					r.Fatalf("shell read %q, want %q", got, want)
				}
				// Twice quoted is what sh -c on a target gets.
				nested, err := exec.Command(shell[0], append(shell[1:], "-c", "sh -c "+quote(text.String()))...).Output()
				if err != nil || string(nested) != string(out) {
					r.Fatalf("nested shell read %q (%v), want %q", nested, err, out)
				}
			})
		})
	}
}
