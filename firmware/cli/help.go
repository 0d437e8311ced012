package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// helpTemplate shows examples first: most who ask for help want a line to copy.
const helpTemplate = `{{.Short}}
{{if .HasExample}}
Examples:
{{.Example}}
{{end}}
Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND [flags]{{else}}{{.UseLine}}{{end}}
{{if .HasAvailableSubCommands}}
Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name 10}} {{.Short}}{{end}}{{end}}
{{end}}{{if .HasAvailableLocalFlags}}
Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}{{if .HasAvailableInheritedFlags}}
Flags of every command:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}
` + exitHelp + "\n"

func examples(lines ...string) string {
	return "  airlock " + strings.Join(lines, "\n  airlock ")
}

// group is a command that only holds others.
func (c *command) group(use, short, example string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Example: example, Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var names []string
			for _, sub := range subs {
				names = append(names, sub.Name())
			}
			return &usageError{fmt.Errorf("%s alone is no command; say which: %s", use, strings.Join(names, ", "))}
		},
	}
	cmd.AddCommand(subs...)
	return cmd
}

// none is the rule for commands that take no arguments.
func none(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &usageError{fmt.Errorf("%s takes no argument, but was given %q; see %s --help", cmd.Name(), cut(args[0], 40), cmd.CommandPath())}
	}
	return nil
}

// noSuchCommand is the rule for groups: whatever is left over was meant as a command.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "see " + cmd.CommandPath() + " --help"
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return &usageError{fmt.Errorf("unknown command %q; %s", cut(args[0], 40), hint)}
}
