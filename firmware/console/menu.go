package console

import (
	"fmt"
	"slices"
	"strings"

	"airlock/firmware/cli"
)

// item is one line of the menu.
type item struct {
	number string
	words  string // the command it stands for
	text   string
}

// menu lists the items in the order in which a technician needs them.
func menu() []item {
	return []item{
		{"1", "status", "status"},
		{"2", "enrol", "enrol"},
		{"3", "site import", "site (paste site.yaml)"},
		{"4", "fetch", "fetch now"},
		{"5", "deploy", "deploy now"},
		{"6", "report", "report now"},
		{"7", "record show", "record"},
		{"8", "key", "node key"},
		{"9", "help", "help"},
		{"10", "modem status", "modem"},
		{"11", "modem signal", "modem: signal now"},
		{"12", "modem scan", "modem: operators"},
		{"13", "modem pin", "modem: SIM PIN"},
		{"14", "modem at", "modem: AT command"},
		{"0", "logout", "log out"},
	}
}

// columns of the menu: with three the banner above it still fits on a screen of 24 lines.
const columns = 3

// menuText sets the menu in columns, read downwards.
func menuText() string {
	items := menu()
	rows := (len(items) + columns - 1) / columns
	var b strings.Builder
	for i := range rows {
		line := ""
		for at := i; at < len(items); at += rows {
			line += fmt.Sprintf(" %2s  %-22s", items[at].number, items[at].text)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// expand turns a number, a question mark or a second name into the command it stands for.
func expand(words []string) []string {
	for _, it := range menu() {
		if words[0] == it.number {
			return append(strings.Fields(it.words), words[1:]...)
		}
	}
	last := len(words) - 1
	switch {
	case words[0] == "?" || words[0] == "menu":
		return append([]string{"help"}, words[1:]...)
	case last > 0 && words[last] == "?":
		return append([]string{"help"}, words[:last]...)
	case words[0] == "exit" || words[0] == "quit" || words[0] == "bye":
		return []string{"logout"}
	case slices.Equal(words, []string{"site"}):
		return []string{"site", "import"}
	}
	return words
}

// help prints the menu and every command. What stands here and not in cli is the console's own.
func (c *Console) help() {
	var b strings.Builder
	b.WriteString(menuText() + "\nCommands, typed in full; each takes --help, most take --json:\n")
	for _, cmd := range cli.Commands() {
		fmt.Fprintf(&b, "  %-14s", cmd.Line)
		for i, line := range cli.Wrap(cmd.Short, 62) {
			if i > 0 {
				fmt.Fprintf(&b, "%16s", "")
			}
			b.WriteString(line + "\n")
		}
	}
	b.WriteString("\nKeys: Enter alone prints the first screen again, Tab lists commands, Ctrl-U\n" +
		"clears the line, Ctrl-C goes back to the menu, Ctrl-D or 0 logs out.\n")
	c.out.printf("%s", b.String())
}

// tab lists the commands that begin with what was typed.
func (c *Console) tab(typed string) string {
	var fit []string
	for _, cmd := range cli.Commands() {
		if strings.HasPrefix(cmd.Line, typed) {
			fit = append(fit, cmd.Line)
		}
	}
	if len(fit) == 0 {
		return "no command begins like this; Enter on an empty line shows the menu"
	}
	return strings.Join(cli.Wrap(strings.Join(fit, "   "), 78), "\n")
}
