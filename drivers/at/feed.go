package at

import (
	"io"
	"strings"
)

// mark precedes every reply line on its way through the library, which else takes a row that starts
// with ERROR for a final result, one that starts like the command for an echo, and '>' for a prompt.
const mark = "\t"

// feed is the stream that the library reads and writes. It carries one command at a time: wire puts lines in
// only between the library's Write and the final result.
type feed struct {
	at  *AT
	out *io.PipeReader
	in  *io.PipeWriter
}

func newFeed(a *AT) *feed {
	r, w := io.Pipe()
	return &feed{at: a, out: r, in: w}
}

// Read is called by the library's reader.
func (f *feed) Read(p []byte) (int, error) { return f.out.Read(p) }

// Write is called by the library inside Command, hence by the holder of the turn: it puts the current
// exchange on the wire.
func (f *feed) Write(p []byte) (int, error) {
	if err := f.at.wire.start(f.at.current, ""); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *feed) line(line string) { f.put(mark + line) }

// final ends the library's command; which error it was stands in the exchange.
func (f *feed) final(r result) {
	if r.connect {
		f.put(mark + r.text)
	}
	if r.err != nil {
		f.put("ERROR")
		return
	}
	f.put("OK")
}

// put never blocks for long: the library reads all the time while a command runs. It fails only when stopped.
func (f *feed) put(line string) { _, _ = io.WriteString(f.in, line+"\r\n") }

func (f *feed) stop() { f.in.Close() }

func unmark(lines []string) []string {
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], mark)
	}
	return lines
}
