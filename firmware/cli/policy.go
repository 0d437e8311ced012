package cli

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"strings"

	"github.com/spf13/cobra"

	"airlock/netd/windows"
)

// lockdown shuts the doors at once: it asks no question that could be in the way.
func (c *command) lockdown() *cobra.Command {
	var by, why string
	on := &cobra.Command{
		Use: "on", Short: "Shut both doors at once, and keep them shut until a person lifts it",
		Example: examples("lockdown on", `lockdown on --by ann --why "audit of the plant"`), Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.doors.LockDown(cmd.Context(), windows.Lockdown{By: orElse(by, account()), Why: why}); err != nil {
				return err
			}
			return c.done("both doors are locked and are being read back; a restart does not change that", "status")
		},
	}
	on.Flags().StringVar(&why, "why", "", "`reason`, for the record")
	lift := &cobra.Command{
		Use: "lift", Short: "End a lockdown; asks for the word lift",
		Example: examples("lockdown lift", "lockdown lift --by ann --yes"), Args: none,
	}
	yes := lift.Flags().Bool("yes", false, "do not ask for the word lift")
	lift.RunE = func(cmd *cobra.Command, _ []string) error { return c.lift(cmd.Context(), by, *yes) }
	group := c.group("lockdown", "Keep both doors shut, whoever asks", examples("lockdown on", "lockdown lift"), on, lift)
	group.PersistentFlags().StringVar(&by, "by", "", "`name` for the record; else you are asked for it")
	return group
}

func (c *command) lift(ctx context.Context, by string, yes bool) error {
	if !yes {
		if c.Ask == nil {
			return &usageError{errors.New("lockdown lift asks for confirmation, and there is nobody to ask; give --yes")}
		}
		if s, err := c.doors.Status(ctx); err == nil && s.Lockdown != nil {
			c.say("locked down by %s at %s: %s\n", plain(s.Lockdown.By), moment(s.Lockdown.At), plain(orElse(s.Lockdown.Why, "no reason given")))
		}
		if err := c.confirm(ctx, "lift"); err != nil {
			return err
		}
	}
	name, err := c.person(ctx, by)
	if err != nil {
		return err
	}
	if err := c.doors.LiftLockdown(ctx, name); err != nil {
		return err
	}
	return c.done("the lockdown is lifted by "+plain(name), "status")
}

// approve gives a person's yes.
func (c *command) approve() *cobra.Command {
	var by string
	cmd := &cobra.Command{
		Use: "approve PURPOSE", Short: "Say yes to the next window of a purpose, where the site wants that",
		Example: examples("approve deploy", "approve deploy --by ann"),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{fmt.Errorf("approve takes the purpose of the window, such as deploy; see %s --help", cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := c.person(cmd.Context(), by)
			if err != nil {
				return err
			}
			p := windows.Purpose(args[0])
			if err := c.doors.Approve(cmd.Context(), windows.Approval{Purpose: p, By: name}); err != nil {
				return err
			}
			next := map[windows.Purpose]string{windows.Deploy: "deploy", windows.Fetch: "fetch", windows.Report: "report", windows.Enrol: "enrol TOKEN"}[p]
			return c.done(fmt.Sprintf("the next window to %s may open within an hour, approved by %s", p, plain(name)), next)
		},
	}
	cmd.Flags().StringVar(&by, "by", "", "`name` for the record; else you are asked for it")
	return cmd
}

// person is who acts, for the record: as given, as asked for, or the account's name.
func (c *command) person(ctx context.Context, given string) (string, error) {
	name := strings.TrimSpace(given)
	if name == "" && c.Ask != nil {
		line, err := c.Ask.Line(ctx, "your name, for the record: ")
		if err != nil {
			return "", err
		}
		name = strings.TrimSpace(line)
	}
	if len(name) > 80 {
		return "", &usageError{errors.New("a name for the record has at most 80 characters")}
	}
	return orElse(name, account()), nil
}

// account is the name of the user that runs this.
func account() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "somebody"
}
