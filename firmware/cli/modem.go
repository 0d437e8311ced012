package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"airlock/drivers/modem"
	"airlock/drivers/modem/reply"
)

// maxReply is more than any module answers to one command: the longest list of networks has some kilobytes.
const maxReply = 64 << 10

// modem holds what is about the module. parse and profiles ask no daemon, so that they work on any machine.
func (c *command) modem() *cobra.Command {
	var profile, sent string
	parse := &cobra.Command{
		Use: "parse --command COMMAND [--profile PROFILE]", Short: "Print what is read from a module's reply on stdin, as JSON",
		Example: examples(`modem parse --command 'AT+CEREG?' < reply`, `modem parse --profile quectel-ec2x --command 'AT+QNETDEVCTL?' < reply`,
			`modem parse --command +CGEV < line    # a line that came by itself`),
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.parseReply(cmd.Context(), profile, sent) },
	}
	parse.Flags().StringVar(&profile, "profile", "3gpp-generic", "`name` by modem profiles")
	parse.Flags().StringVar(&sent, "command", "", "`command` sent, or prefix of a line that came alone")
	profiles := &cobra.Command{
		Use: "profiles", Short: "List the known families of modules, and what is unverified",
		Example: examples("modem profiles", "modem profiles --json"), Args: none,
		RunE: func(*cobra.Command, []string) error { return c.listProfiles() },
	}
	for _, alone := range []*cobra.Command{parse, profiles} {
		alone.PersistentPreRunE = func(*cobra.Command, []string) error { return nil }
	}
	return c.group("modem", "The cellular module: its state, signal, SIM and operators", examples("modem status", "modem signal", "modem scan", "modem pin"),
		c.modemStatus(), c.modemSignal(), c.modemScan(), c.modemSelect(), c.modemPIN(), c.modemPUK(), c.modemSlot(), c.modemAT(), parse, profiles)
}

// parseReply prints what the session would read.
func (c *command) parseReply(ctx context.Context, name, sent string) error {
	p, ok := modem.ProfileNamed(name)
	if !ok {
		return &usageError{fmt.Errorf("no profile is called %q; there are: %s", cut(name, 40), strings.Join(profileNames(), " "))}
	}
	if sent == "" {
		return &usageError{errors.New("modem parse needs --command, such as --command 'AT+CEREG?'")}
	}
	answer, err := c.readReply(ctx)
	if err != nil {
		return err
	}
	got, err := reply.Parse(sent, p.Dialect, answer)
	if unreadable, ok := errors.AsType[*reply.CommandError](err); ok {
		return &usageError{unreadable}
	}
	if err != nil {
		return err
	}
	return c.printJSON(got)
}

func (c *command) readReply(ctx context.Context) ([]byte, error) {
	if c.Stdin == nil {
		if c.Ask == nil {
			return nil, &usageError{errors.New("modem parse reads the reply from stdin, and there is none")}
		}
		return c.Ask.Text(ctx, "paste the reply; a line with a single dot ends it, Ctrl-C gives up")
	}
	answer, err := io.ReadAll(io.LimitReader(c.Stdin, maxReply+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the reply from stdin: %w", err)
	case len(answer) > maxReply:
		return nil, &usageError{fmt.Errorf("the reply on stdin is longer than %d bytes: give one command's reply", maxReply)}
	}
	return answer, nil
}

func profileNames() []string {
	var names []string
	for _, p := range modem.Profiles() {
		names = append(names, p.Name)
	}
	return names
}

// listProfiles prints a block for each profile, or with --json an object a line.
func (c *command) listProfiles() error {
	for _, p := range modem.Profiles() {
		if c.json {
			if err := c.printJSON(p); err != nil {
				return err
			}
			continue
		}
		s := &sheet{}
		s.row("profile", "%s", p.Name)
		s.row("modules", "%s", orElse(strings.Join(append(p.Makers, p.Models...), " "), "any"))
		s.row("data on", "%s", stepWords(p.DataOn))
		s.row("data off", "%s", stepWords(p.DataOff))
		if p.Bound != nil {
			s.row("bound", "%s", p.Bound.Command)
		}
		s.row("signal", "%s", strings.Join(p.Signal, "  "))
		s.row("retries", "%s", p.Retries)
		if p.PowerOff != nil {
			s.row("off", "%s", stepWords([]modem.Step{*p.PowerOff}))
		}
		if p.Reset != nil {
			s.row("reset", "%s", stepWords([]modem.Step{*p.Reset}))
		}
		for _, doubt := range p.Unverified {
			s.row("UNSEEN", "%s", doubt)
		}
		if err := c.print("%s\n", s.b.String()); err != nil {
			return err
		}
	}
	return nil
}

func stepWords(steps []modem.Step) string {
	var words []string
	for _, s := range steps {
		words = append(words, fmt.Sprintf("AT%s (%gs)", s.Command, s.Within.Seconds()))
	}
	return strings.Join(words, ", ")
}
