package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"airlock/netd/windows"
)

func (c *command) modemStatus() *cobra.Command {
	var anew bool
	cmd := &cobra.Command{
		Use: "status", Short: "Show what was last read of the module, or with --ask read it anew",
		Example: examples("modem status", "modem status --ask    # asks the module; the radio stays off"), Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if anew {
				return c.askOnce(cmd.Context(), windows.ModuleRequest{Do: windows.Inspect}, c.showModule)
			}
			s, err := c.doors.Status(cmd.Context())
			if err != nil {
				return err
			}
			return c.showModule(windows.ModuleAnswer{Status: s.Modem})
		},
	}
	cmd.Flags().BoolVar(&anew, "ask", false, "ask the module, in place of what netd remembers")
	return cmd
}

func (c *command) showModule(a windows.ModuleAnswer) error {
	if c.json {
		return c.printJSON(answerJSON{ModuleAnswer: a})
	}
	return c.print("%s", modulePage(a.Status))
}

func (c *command) modemSignal() *cobra.Command {
	return &cobra.Command{
		Use: "signal", Short: "Switch the radio on, measure the signal, switch it off",
		Example: examples("modem signal", "modem signal --json"), Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.askOnce(cmd.Context(), windows.ModuleRequest{Do: windows.Measure}, func(a windows.ModuleAnswer) error {
				next := ""
				if !a.Status.Registered {
					next = "modem scan"
				}
				return c.result(a, signalWords(a.Status), next)
			})
		},
	}
}

func (c *command) modemScan() *cobra.Command {
	return &cobra.Command{
		Use: "scan", Short: "List the operators that the module hears; takes up to six minutes",
		Example: examples("modem scan", "modem scan --json"), Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.say("the radio comes on, and the scan may take some minutes; Ctrl-C breaks it off\n")
			return c.askOnce(cmd.Context(), windows.ModuleRequest{Do: windows.ScanAir}, c.showOperators)
		},
	}
}

// showOperators prints the networks as a table.
func (c *command) showOperators(a windows.ModuleAnswer) error {
	switch {
	case c.json:
		return c.printJSON(answerJSON{ModuleAnswer: a})
	case len(a.Operators) == 0:
		return c.result(a, "no operator was heard: look at the antenna", "modem signal")
	}
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PLMN\tOPERATOR\tSTATE\tACCESS")
	for _, o := range a.Operators {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", cut(o.PLMN, 6), cut(orElse(o.Name, "-"), 30), cut(o.State, 12), cut(orElse(o.Access, "-"), 12))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if err := c.print("%s", b.String()); err != nil {
		return err
	}
	c.next("modem select PLMN")
	return nil
}

func (c *command) modemSelect() *cobra.Command {
	return &cobra.Command{
		Use: "select PLMN|auto", Short: "Register with one operator, or let the module choose",
		Example: examples("modem select 26201", "modem select auto"), Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			plmn, err := c.oneWord(cmd.Context(), args, "modem select needs a PLMN as modem scan lists them, or auto", "PLMN, or auto: ")
			if err != nil {
				return err
			}
			if !digits(plmn, 5, 6) && plmn != "auto" {
				return &usageError{fmt.Errorf("%q is no PLMN, which has five or six digits; modem scan lists them", cut(plmn, 20))}
			}
			q := windows.ModuleRequest{Do: windows.Select, Operator: strings.TrimPrefix(plmn, "auto")}
			return c.askOnce(cmd.Context(), q, func(a windows.ModuleAnswer) error {
				return c.result(a, "registered: "+signalWords(a.Status), "status")
			})
		},
	}
}

func (c *command) modemSlot() *cobra.Command {
	return &cobra.Command{
		Use: "slot N", Short: "Use the SIM in another slot, on modules that have several",
		Example: examples("modem slot 2"), Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			word, err := c.oneWord(cmd.Context(), args, "modem slot needs the slot's number, from 1", "slot, from 1: ")
			if err != nil {
				return err
			}
			if !digits(word, 1, 1) || word == "0" || word == "9" {
				return &usageError{fmt.Errorf("%q is no slot: they are counted from 1, to 8 at most", cut(word, 20))}
			}
			return c.askOnce(cmd.Context(), windows.ModuleRequest{Do: windows.UseSlot, Slot: int(word[0] - '0')}, func(a windows.ModuleAnswer) error {
				text := strings.Join(append([]string{"SIM " + orElse(a.Status.SIM, "unknown")}, cardWords(a.Status, true)...), ", ")
				return c.result(a, text, "modem signal")
			})
		},
	}
}

// oneWord is the one argument of a command, asked for where somebody can be asked.
func (c *command) oneWord(ctx context.Context, args []string, missing, question string) (string, error) {
	switch {
	case len(args) == 1:
		return args[0], nil
	case len(args) > 1:
		return "", &usageError{fmt.Errorf("one word is enough: %s", missing)}
	case c.Ask == nil:
		return "", &usageError{errors.New(missing)}
	}
	line, err := c.Ask.Line(ctx, question)
	if line = strings.TrimSpace(line); err == nil && line == "" {
		err = &usageError{errors.New("nothing was typed; nothing was done")}
	}
	return line, err
}

func digits(s string, least, most int) bool {
	return len(s) >= least && len(s) <= most && strings.Trim(s, "0123456789") == ""
}

func (c *command) modemAT() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "at COMMAND", Short: "Send one AT command as typed; recorded, and wants the word at",
		Example: examples("modem at AT+CSQ", "modem at 'AT+QENG=\"servingcell\"' --yes    # without being asked"), Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return c.sendRaw(cmd.Context(), args, yes) },
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask for the word at")
	return cmd
}

// sendRaw sends a command that nobody checked but the person who typed it.
func (c *command) sendRaw(ctx context.Context, args []string, yes bool) error {
	command := unquoted(strings.Join(args, " "))
	if command == "" {
		line, err := c.oneWord(ctx, nil, "modem at needs an AT command, such as AT+CSQ", "AT command: ")
		if err != nil {
			return err
		}
		command = unquoted(line)
	}
	if !strings.HasPrefix(strings.ToUpper(command), "AT") {
		return &usageError{errors.New("an AT command begins with AT, such as AT+CSQ")}
	}
	if !yes {
		if c.Ask == nil {
			return &usageError{errors.New("modem at asks for confirmation, and there is nobody to ask; give --yes")}
		}
		c.say("sends the command to the module as it stands; it can upset the module, and the record keeps it\n")
		if err := c.confirm(ctx, "at"); err != nil {
			return err
		}
	}
	return c.askOnce(ctx, windows.ModuleRequest{Do: windows.RawCommand, Command: command}, c.showLines)
}

// unquoted takes away the quotes that a shell would: the console is none.
func unquoted(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && s[0] == '\'' && s[len(s)-1] == '\'' {
		return s[1 : len(s)-1]
	}
	return s
}

// showLines prints a reply as it came. One that ends in an error makes the command fail.
func (c *command) showLines(a windows.ModuleAnswer) error {
	last := ""
	if len(a.Lines) > 0 {
		last = a.Lines[len(a.Lines)-1]
	}
	if c.json {
		if err := c.printJSON(answerJSON{ModuleAnswer: a}); err != nil {
			return err
		}
	} else if err := c.print("%s\n", plain(strings.Join(a.Lines, "\n"))); err != nil {
		return err
	}
	if strings.Contains(last, "ERROR") || strings.HasPrefix(last, "NO ") || last == "BUSY" {
		c.told = c.json // the object has it
		return fmt.Errorf("the module refused: %s", cut(last, 80))
	}
	return nil
}
