package cli

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"airlock/deployd/api"
	"airlock/netd/windows"
)

// statusJSON is what `status --json` prints; what a daemon tells is passed on as it is.
type statusJSON struct {
	Node     string            `json:"node"`
	Firmware string            `json:"firmware"`
	Netd     *windows.Status   `json:"netd"`
	Deployd  *api.Status       `json:"deployd"`
	Problem  *Problem          `json:"problem,omitempty"`
	Errors   map[string]string `json:"errors,omitempty"` // by daemon, where one does not answer
}

func (c *command) status() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show doors, modem, tunnel, site, releases and the first problem",
		Example: examples("status", "status --json"), Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s := Look(cmd.Context(), c.Version, c.doors, c.courier)
			if c.json {
				c.told = true // what is wrong stands in the object
				if err := c.printJSON(s.json()); err != nil {
					return err
				}
				return s.err()
			}
			if err := WriteStatus(c.Stdout, s, true); err != nil {
				return err
			}
			c.next(nextStep(s))
			return s.err()
		},
	}
}

func (s Snapshot) json() statusJSON {
	out := statusJSON{Node: s.Node(), Firmware: s.Firmware, Netd: s.Netd, Deployd: s.Deployd, Problem: FirstProblem(s)}
	for name, err := range map[string]error{"netd": s.NetdErr, "deployd": s.CourierErr} {
		if err != nil {
			if out.Errors == nil {
				out.Errors = map[string]string{}
			}
			out.Errors[name] = err.Error()
		}
	}
	return out
}

// width is what a page may be wide: a terminal whose size nobody knows.
const width = 80

// sheet is a page of "label  text" rows, wrapped to width.
type sheet struct{ b strings.Builder }

const labelWidth = 10

// row adds a text, as many lines as it needs, with its label before the first.
func (p *sheet) row(label, format string, args ...any) {
	for _, line := range Wrap(plain(fmt.Sprintf(format, args...)), width-1-labelWidth) {
		fmt.Fprintf(&p.b, "%-*s%s\n", labelWidth, label, line)
		label = ""
	}
}

// WriteStatus prints a page about the node, in 80 columns. With all it lists interfaces and targets too.
func WriteStatus(w io.Writer, s Snapshot, all bool) error {
	p := &sheet{}
	p.row("node", "%s   firmware %s", orElse(s.Node(), "not enrolled"), orElse(s.Firmware, "unknown"))
	if s.Netd != nil {
		p.netd(*s.Netd, all)
	} else {
		p.row("doors", "unknown: netd does not answer")
	}
	if s.Deployd != nil {
		p.deployd(*s.Deployd, all)
	} else {
		p.row("release", "unknown: deployd does not answer")
	}
	if problem := FirstProblem(s); problem != nil {
		p.row("PROBLEM", "%s", problem.Text)
		p.row("remedy", "%s", problem.Remedy)
	} else {
		p.row("problem", "none")
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

func (p *sheet) netd(s windows.Status, all bool) {
	p.row("site", "%s", siteWords(s.Site))
	p.row("doors", "outer %s", doorWords(s.Outer, s.Now))
	p.row("", "inner %s", doorWords(s.Inner, s.Now))
	for _, a := range s.Approved {
		p.row("approved", "the next window to %s, by %s until %s", a.Purpose, a.By, moment(a.Until))
	}
	p.module(s.Modem, all)
	p.row("tunnel", "%s", tunnelWords(s.Tunnel))
	if !all {
		return
	}
	if s.Guard != nil {
		p.row("guard", "%s", map[bool]string{true: "watching", false: "silent: no door opens without it"}[s.Guard.Watching])
	}
	for i, itf := range s.Interfaces {
		label := ""
		if i == 0 {
			label = "networks"
		}
		p.row(label, "%-12s %-8s %-5s %s", itf.Name, itf.Role, map[bool]string{true: "up", false: "down"}[itf.Up], itf.Path)
	}
}

func (p *sheet) deployd(s api.Status, all bool) {
	p.row("release", "runs %s; fetched %s", orElse(s.Running, "none"), orElse(s.Fetched, "none"))
	if s.Assignment != nil {
		p.row("assigned", "%s from %s", s.Assignment.Release, moment(s.Assignment.From))
	}
	if s.Last != nil {
		p.row("last", "%s %s at %s", s.Last.Release, s.Last.Outcome, moment(s.Last.Ended))
	}
	if s.Queued > 0 {
		p.row("queued", "%d report(s) for the publisher", s.Queued)
	}
	if s.Phase != "" && s.Phase != "idle" {
		p.row("busy", "%s; `watch` follows it", s.Phase)
	}
	if !all {
		return
	}
	if s.Site != nil {
		for i, t := range s.Site.Targets {
			label := ""
			if i == 0 {
				label = "targets"
			}
			p.row(label, "%s %s@%s port %d", t.Name, t.User, t.Address, t.Port)
		}
	}
}

func siteWords(s *windows.Site) string {
	if s == nil {
		return "not known yet"
	}
	words := "LAN " + s.Address
	if s.Gateway != "" {
		words += ", gateway " + s.Gateway
	}
	return words + fmt.Sprintf(", %d place(s) may be dialled", len(s.Allow))
}

func doorWords(d windows.DoorStatus, now time.Time) string {
	words := strings.ToUpper(orElse(d.State, "unknown"))
	if !d.Since.IsZero() && !now.Before(d.Since) {
		words += " for " + now.Sub(d.Since).Round(time.Second).String()
	}
	if d.Purpose != "" {
		words += fmt.Sprintf(", to %s, asked for by %s", d.Purpose, orElse(d.Asker, "nobody"))
	}
	if d.Hours != "" {
		words += "; hours " + d.Hours
	}
	if !d.Next.IsZero() {
		words += ", next at " + moment(d.Next)
	}
	if len(d.Approval) > 0 {
		words += fmt.Sprintf("; needs a person's yes to %v", d.Approval)
	}
	return words
}

func tunnelWords(t windows.TunnelStatus) string {
	state := "down"
	if t.Up {
		state = "up"
	}
	return fmt.Sprintf("%s, last handshake %s, key %s", state, moment(t.LastHandshake), fingerprint(t.PublicKey))
}

// fingerprint is the first 8 bytes of the key's SHA-256, in the groups of the node's address
// inside the tunnel, which ends in the same: so one can be compared with the other by eye.
func fingerprint(key string) string {
	b, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(b) != 32 {
		return "not made yet"
	}
	sum := sha256.Sum256(b)
	return fmt.Sprintf("%x:%x:%x:%x", sum[0:2], sum[2:4], sum[4:6], sum[6:8])
}

// Wrap breaks a text at spaces into lines of at most n runes; a longer word is broken where the line ends.
func Wrap(text string, n int) []string {
	var lines []string
	for _, paragraph := range strings.Split(text, "\n") {
		line := ""
		for _, word := range strings.Split(paragraph, " ") {
			for len([]rune(word)) > n {
				if line != "" {
					lines, line = append(lines, line), ""
				}
				lines = append(lines, string([]rune(word)[:n]))
				word = string([]rune(word)[n:])
			}
			switch {
			case line == "":
				line = word
			case len([]rune(line))+1+len([]rune(word)) <= n:
				line += " " + word
			default:
				lines, line = append(lines, line), word
			}
		}
		lines = append(lines, line)
	}
	return lines
}
