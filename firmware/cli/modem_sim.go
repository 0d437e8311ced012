package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"airlock/netd/windows"
)

func (c *command) modemPIN() *cobra.Command {
	var stdin bool
	cmd := &cobra.Command{
		Use: "pin", Short: "Unlock the SIM; the PIN is asked for and does not show",
		Example: examples("modem pin", "modem pin --stdin < pin    # where nobody can be asked"),
		Args:    noSecret("PIN"),
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.enterPIN(cmd.Context(), stdin) },
	}
	cmd.Flags().BoolVar(&stdin, "stdin", false, "read the PIN from stdin")
	return cmd
}

func (c *command) modemPUK() *cobra.Command {
	return &cobra.Command{
		Use: "puk", Short: "Unblock the SIM by its PUK and set a new PIN; on the console only",
		Example: examples("modem puk"), Args: noSecret("PUK"),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.unblock(cmd.Context()) },
	}
}

// noSecret is the rule for commands whose secret has no place on a command line, where other users and the shell's
// history can read it; it does not repeat what was given.
func noSecret(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return &usageError{fmt.Errorf("%s takes no %s on the command line, where others can read it: it asks for it", cmd.Name(), what)}
		}
		return nil
	}
}

// enterPIN looks at the tries left before it asks for the PIN, and sends it once.
func (c *command) enterPIN(ctx context.Context, stdin bool) error {
	pin := ""
	switch {
	case stdin && c.Stdin == nil:
		return &usageError{errors.New("the console reads no stdin: give modem pin alone and type the PIN when asked")}
	case stdin:
		b, err := io.ReadAll(io.LimitReader(c.Stdin, 64))
		if err != nil {
			return fmt.Errorf("read the PIN from stdin: %w", err)
		}
		if pin = strings.TrimSpace(string(b)); !digits(pin, 4, 8) {
			return errNoPIN
		}
	case c.Ask == nil:
		return &usageError{errors.New("modem pin asks for the PIN, and there is nobody to ask; give --stdin and the PIN there")}
	}
	return c.inService(ctx, func(ask ask) error {
		a, err := ask(windows.ModuleRequest{Do: windows.Inspect})
		switch {
		case err != nil:
			return err
		case a.Status.SIM == "ready":
			return c.result(a, "the SIM asks for no PIN; nothing was sent", "modem signal")
		}
		if err := mayEnterPIN(a.Status); err != nil {
			return err
		}
		if pin == "" {
			if pin, err = c.secret(ctx, "PIN ("+orElse(triesWords(a.Status), "tries left: not told")+"): ", 4, 8, errNoPIN); err != nil {
				return err
			}
		}
		if a, err = ask(windows.ModuleRequest{Do: windows.EnterPIN, PIN: pin}); err != nil {
			return err
		}
		return c.result(a, "the SIM is unlocked until the module loses its power", "modem signal")
	})
}

var (
	errNoPIN = &usageError{errors.New("a PIN has four to eight digits; nothing was sent")}
	errNoPUK = &usageError{errors.New("a PUK has eight digits; nothing was sent")}
)

// mayEnterPIN says why a PIN is not sent to a card in this state; nil: it may be.
func mayEnterPIN(m windows.ModemStatus) error {
	switch {
	case m.SIM == "puk":
		return &windows.Problem{Code: windows.CodeNoSIM, Detail: "the SIM is locked and takes no PIN any more; it asks for its PUK: `modem puk` on the console"}
	case m.SIM != "pin":
		return &windows.Problem{Code: windows.CodeNoSIM, Detail: fmt.Sprintf("the SIM is %s: look at the card and its holder, then `modem status --ask`", orElse(m.SIM, "unknown"))}
	case m.PINTries != nil && *m.PINTries <= 1:
		return &windows.Problem{Code: windows.CodeNotAllowed, Detail: fmt.Sprintf("%s: one more that is wrong locks the SIM, so none is sent from here. "+
			"Put the SIM into a phone and enter the PIN there, which fills the count up again; or ask the carrier for PIN and PUK.", triesWords(m))}
	}
	return nil
}

// unblock asks for the PUK and a new PIN. A card whose PUK is used up is dead, so that nobody but a person with the
// carrier's letter before him may come here.
func (c *command) unblock(ctx context.Context) error {
	if !c.onConsole() || c.Ask == nil {
		return &usageError{errors.New("a PUK is entered on the field console only: log in there, or run airlock console, and type modem puk")}
	}
	return c.inService(ctx, func(ask ask) error {
		a, err := ask(windows.ModuleRequest{Do: windows.Inspect})
		if err == nil {
			err = mayUnblock(a.Status)
		}
		if err != nil {
			return err
		}
		c.say("%s; when none is left the SIM is dead, and the carrier has to send another\n", orElse(triesWords(a.Status), "the module does not tell how many tries of the PUK are left"))
		q, err := c.newPIN(ctx)
		if err == nil {
			err = c.confirm(ctx, "puk")
		}
		if err != nil {
			return err
		}
		if a, err = ask(q); err != nil {
			return err
		}
		return c.result(a, "the SIM is unblocked and has its new PIN", "modem signal")
	})
}

// mayUnblock says why a PUK is not sent to a card in this state; nil: it may be.
func mayUnblock(m windows.ModemStatus) error {
	switch {
	case m.SIM != "puk":
		return &windows.Problem{Code: windows.CodeNotAllowed, Detail: fmt.Sprintf("the SIM does not ask for its PUK: it is %s. Nothing was sent.", orElse(m.SIM, "unknown"))}
	case m.PUKTries != nil && *m.PUKTries <= 1:
		return &windows.Problem{Code: windows.CodeNotAllowed, Detail: fmt.Sprintf(
			"%s: one that is wrong kills the SIM, so none is sent from here. Have the carrier unblock or replace it.", triesWords(m))}
	}
	return nil
}

// newPIN asks for the PUK, and twice for the PIN that it sets.
func (c *command) newPIN(ctx context.Context) (q windows.ModuleRequest, err error) {
	q.Do = windows.Unblock
	if q.PUK, err = c.secret(ctx, "PUK (of the carrier's letter): ", 8, 8, errNoPUK); err != nil {
		return q, err
	}
	if q.PIN, err = c.secret(ctx, "new PIN: ", 4, 8, errNoPIN); err != nil {
		return q, err
	}
	again, err := c.secret(ctx, "new PIN again: ", 4, 8, errNoPIN)
	if err == nil && again != q.PIN {
		err = &usageError{errors.New("the two PINs differ; nothing was sent")}
	}
	return q, err
}

// secret asks for a number that does not show.
func (c *command) secret(ctx context.Context, question string, least, most int, bad error) (string, error) {
	line, err := c.Ask.Secret(ctx, question)
	if line = strings.TrimSpace(line); err == nil && !digits(line, least, most) {
		return "", bad
	}
	return line, err
}
