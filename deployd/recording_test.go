package deployd

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// A part ends with a signed line, since the publisher keeps nothing behind the last: in reach of its size, or with the
// first signed one beyond. Of a record without a signed line it is the line that the publisher may have.
func TestPartEndsWithASignedLine(t *testing.T) {
	plain := func(n int) string {
		return fmt.Sprintf(`{"seq":%d,"text":%q,"hash":"0"}`, n, strings.Repeat("x", 100_000)) + "\n"
	}
	signed := func(n int) string { return fmt.Sprintf(`{"seq":%d,"sig":"AA==","hash":"0"}`, n) + "\n" }
	lines := func(from, to int) string {
		var b strings.Builder
		for n := from; n <= to; n++ {
			b.WriteString(plain(n))
		}
		return b.String()
	}
	for name, c := range map[string]struct {
		record string
		length int
		more   bool
	}{
		"nothing":                        {"", 0, false},
		"a line":                         {plain(1), len(plain(1)), false},
		"none is signed":                 {lines(1, 3), len(plain(1)), false},
		"an unsigned end":                {plain(1) + signed(2) + plain(3), len(plain(1) + signed(2)), false},
		"a torn end":                     {plain(1) + signed(2) + `{"seq":3,"sig":"AA==`, len(plain(1) + signed(2)), false},
		"all signed":                     {plain(1) + signed(2), len(plain(1) + signed(2)), false},
		"more than a part":               {lines(1, 30) + signed(31) + lines(32, 60) + signed(61), len(lines(1, 30) + signed(31)), true},
		"the first signed line far away": {lines(1, 90) + signed(91) + plain(92), len(lines(1, 90) + signed(91)), true},
	} {
		got, more, err := part(strings.NewReader(c.record))
		if err != nil || string(got) != c.record[:c.length] || more != c.more {
			t.Errorf("%s: part = %d bytes, more %v, %v; want %d, %v", name, len(got), more, err, c.length, c.more)
		}
	}
	if _, _, err := part(io.MultiReader(strings.NewReader(plain(1)), failing{})); err == nil {
		t.Error("an error of the reader is passed over")
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }
