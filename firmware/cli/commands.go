package cli

import (
	"github.com/spf13/cobra"
)

// Command is one command that can be typed, for the console's help.
type Command struct {
	Line  string // its words, such as "site import"
	Short string
}

// Commands lists what both the CLI and the console can do.
func Commands() []Command {
	var list []Command
	collect((&command{}).root(), "", &list)
	return list
}

func collect(cmd *cobra.Command, words string, list *[]Command) {
	for _, sub := range cmd.Commands() {
		line := words + sub.Name()
		if sub.HasSubCommands() {
			collect(sub, line+" ", list)
			continue
		}
		if sub.IsAvailableCommand() {
			*list = append(*list, Command{Line: line, Short: sub.Short})
		}
	}
}
