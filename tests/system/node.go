package system

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"airlock/deployd/api"
	"airlock/netd/recorder"
	"airlock/netd/windows"
	"airlock/tests/lab"
)

// Node is the appliance as the technician at its serial console meets it: nothing here knows another way in.
type Node struct {
	console *lab.Console
	clock   Clock
}

var (
	promptPattern = regexp.MustCompile(`airlock> $`)
	linePattern   = regexp.MustCompile(`^([^\n]*)\n`)
	pastePattern  = regexp.MustCompile(`paste site\.yaml[^\n]*\n`)
)

// Refusal is a command of the console that ended with "failed: …".
type Refusal struct{ Text string }

// Error is the sentence that the console printed.
func (r *Refusal) Error() string { return r.Text }

// AwaitPrompt waits until the console asks for a command.
func (n *Node) AwaitPrompt(ctx context.Context) error {
	_, err := n.console.Expect(ctx, promptPattern)
	return err
}

// Run types a command and returns the lines it printed; each is also given to heard as it comes, unless that is nil.
// A command that failed gives a *Refusal, with the lines.
func (n *Node) Run(ctx context.Context, command string, heard func(line string)) ([]string, error) {
	if err := n.console.SendLine(command); err != nil {
		return nil, err
	}
	if _, err := n.console.Expect(ctx, linePattern); err != nil { // its echo
		return nil, err
	}
	return n.listen(ctx, heard)
}

// Type types a command and waits until the console has printed what, and not for the command's end.
func (n *Node) Type(ctx context.Context, command string, what *regexp.Regexp) error {
	if err := n.console.SendLine(command); err != nil {
		return err
	}
	_, err := n.console.Expect(ctx, what)
	return err
}

// Answer types a command, and then, when the console asks question, the answer.
func (n *Node) Answer(ctx context.Context, command string, question *regexp.Regexp, answer string) ([]string, error) {
	if err := n.console.SendLine(command); err != nil {
		return nil, err
	}
	if _, err := n.console.Expect(ctx, question); err != nil {
		return nil, err
	}
	if err := n.console.SendLine(answer); err != nil {
		return nil, err
	}
	return n.listen(ctx, nil)
}

func (n *Node) listen(ctx context.Context, heard func(line string)) ([]string, error) {
	var lines []string
	for {
		match, err := n.console.Expect(ctx, linePattern)
		if err != nil {
			return lines, err
		}
		line := strings.TrimRight(match[1], " ")
		switch failure, failed := strings.CutPrefix(line, "failed: "); {
		case failed:
			return lines, refuse(failure, n.AwaitPrompt(ctx))
		case line == "ok":
			return lines, n.AwaitPrompt(ctx)
		}
		lines = append(lines, line)
		if heard != nil {
			heard(line)
		}
	}
}

func refuse(text string, err error) error {
	if err != nil {
		return err
	}
	return &Refusal{Text: text}
}

// Status asks for the whole status, and takes the occasion to compare clocks.
func (n *Node) Status(ctx context.Context) (windows.Status, api.Status, error) {
	var s struct {
		Netd    *windows.Status `json:"netd"`
		Deployd *api.Status     `json:"deployd"`
	}
	asked := time.Now()
	lines, err := n.Run(ctx, "status --json", nil)
	if err != nil {
		return windows.Status{}, api.Status{}, fmt.Errorf("ask for the status: %w", err)
	}
	answered := time.Now()
	text := strings.Join(lines, "\n")
	start := strings.Index(text, "{")
	if start < 0 {
		return windows.Status{}, api.Status{}, fmt.Errorf("ask for the status: no JSON in the answer %q", text)
	}
	if err := json.Unmarshal([]byte(text[start:]), &s); err != nil {
		return windows.Status{}, api.Status{}, fmt.Errorf("read the status: %w", err)
	}
	if s.Netd == nil || s.Deployd == nil {
		return windows.Status{}, api.Status{}, fmt.Errorf("read the status: a daemon is missing in it: %s", text[start:])
	}
	n.clock.Compare(asked, s.Netd.Now, answered)
	return *s.Netd, *s.Deployd, nil
}

// AwaitShut waits until both daemons answer and netd has read both doors back as shut: the appliance is ready.
func (n *Node) AwaitShut(ctx context.Context) error {
	for {
		doors, _, err := n.Status(ctx)
		if err == nil && doors.Machine == "shut" {
			return nil
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return fmt.Errorf("wait for both doors to be shut: %w; last: %w", ctx.Err(), err)
		}
	}
}

// Record asks for the whole record.
func (n *Node) Record(ctx context.Context) ([]recorder.Entry, error) {
	lines, err := n.Run(ctx, "record show --json", nil)
	if err != nil {
		return nil, fmt.Errorf("ask for the record: %w", err)
	}
	var entries []recorder.Entry
	for _, line := range lines {
		if !strings.HasPrefix(line, "{") {
			continue
		}
		var e recorder.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			return nil, fmt.Errorf("read the record: %w in %q", err, line)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// Bundle asks for the record as a signed bundle, as it stands.
func (n *Node) Bundle(ctx context.Context) (string, error) {
	lines, err := n.Run(ctx, "record export --json", nil)
	if err != nil {
		return "", fmt.Errorf("export the record: %w", err)
	}
	lines = slices.DeleteFunc(lines, func(line string) bool { return !strings.HasPrefix(line, "{") })
	return strings.Join(lines, "\n") + "\n", nil
}

// PasteSite gives the console a site.yaml, which a line of a single dot ends.
func (n *Node) PasteSite(ctx context.Context, yaml string) error {
	if err := n.console.SendLine("site import -"); err != nil {
		return err
	}
	if _, err := n.console.Expect(ctx, pastePattern); err != nil {
		return err
	}
	for line := range strings.Lines(yaml) {
		if err := n.console.SendLine(strings.TrimRight(line, "\n")); err != nil {
			return err
		}
	}
	if err := n.console.SendLine("."); err != nil {
		return err
	}
	_, err := n.listen(ctx, nil)
	return err
}

// Key is the node's public SSH key, as the console shows it for installation on targets.
func (n *Node) Key(ctx context.Context) (string, error) {
	lines, err := n.Run(ctx, "key", nil)
	if err != nil {
		return "", fmt.Errorf("ask for the key: %w", err)
	}
	for _, line := range lines {
		if strings.HasPrefix(line, "ssh-") {
			return line, nil
		}
	}
	return "", fmt.Errorf("ask for the key: no key in %q", lines)
}
