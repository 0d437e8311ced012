package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"airlock/deployd/api"
	"airlock/firmware/config"
	"airlock/netd/windows"
)

func (c *command) site() *cobra.Command {
	show := &cobra.Command{
		Use: "show", Short: "Show the LAN, what may be dialled on it, and the targets",
		Example: examples("site show", "site show --json"), Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.showSite(cmd.Context()) },
	}
	imp := &cobra.Command{
		Use: "import FILE|-", Short: "Take over a site.yaml: the LAN's address and the targets",
		Example: examples("site import /media/usb/site.yaml", "site import -    # the file comes on stdin"),
		Args:    cobra.ArbitraryArgs,
		RunE:    func(cmd *cobra.Command, args []string) error { return c.importSite(cmd.Context(), args) },
	}
	return c.group("site", "The isolated network this node serves", examples("site show", "site import site.yaml"), show, imp)
}

// showSite prints what both daemons know of the site.
func (c *command) showSite(ctx context.Context) error {
	s := Look(ctx, c.Version, c.doors, c.courier)
	if err := s.err(); err != nil {
		return err
	}
	if c.json {
		return c.printJSON(struct {
			LAN     *windows.Site `json:"lan"`
			Targets []api.Target  `json:"targets"`
		}{s.Netd.Site, targetsOf(s.Deployd.Site)})
	}
	p := &sheet{}
	p.row("site", "%s", siteWords(s.Netd.Site))
	if s.Netd.Site != nil {
		p.row("interface", "%s", orElse(s.Netd.Site.Interface, "the only wired one"))
		p.row("dials", "%s", strings.Join(s.Netd.Site.Allow, " "))
	}
	for _, t := range targetsOf(s.Deployd.Site) {
		p.row("target", "%s %s@%s port %d", t.Name, t.User, t.Address, t.Port)
		p.row("", "%s", t.HostKey)
	}
	if err := c.print("%s", p.b.String()); err != nil {
		return err
	}
	if s.Netd.Site == nil {
		c.next("site import FILE")
	}
	return nil
}

func targetsOf(s *api.Site) []api.Target {
	if s == nil {
		return nil
	}
	return s.Targets
}

// importSite judges the whole file before either daemon hears of it.
func (c *command) importSite(ctx context.Context, args []string) error {
	site, err := c.readSite(ctx, args)
	if err != nil {
		return err
	}
	if err := c.doors.SetSite(ctx, site.Doors); err != nil {
		return err
	}
	if err := c.courier.SetSite(ctx, site.Courier); err != nil {
		return fmt.Errorf("netd has the site, deployd does not; import it again: %w", err)
	}
	return c.done(fmt.Sprintf("site stored: LAN %s, %d target(s), %d place(s) may be dialled",
		site.Doors.Address, len(site.Courier.Targets), len(site.Doors.Allow)), "key, and put it into authorized_keys on the targets; then fetch")
}

func (c *command) readSite(ctx context.Context, args []string) (config.Site, error) {
	switch {
	case len(args) > 1:
		return config.Site{}, &usageError{fmt.Errorf("site import takes one file, but was given %d", len(args))}
	case len(args) == 1 && args[0] != "-" && c.Stdin != nil:
		return config.LoadSite(args[0])
	case len(args) == 1 && args[0] != "-":
		return config.Site{}, &usageError{errors.New("the console reads no files; give site import alone and paste the file")}
	case len(args) == 1 && c.Stdin != nil:
		data, err := io.ReadAll(io.LimitReader(c.Stdin, config.MaxSize+1))
		if err != nil {
			return config.Site{}, fmt.Errorf("read site.yaml from stdin: %w", err)
		}
		return config.ParseSite("stdin", data)
	case c.Ask == nil:
		return config.Site{}, &usageError{errors.New("site import needs a file, or - to read it from stdin")}
	}
	data, err := c.Ask.Text(ctx, "paste site.yaml; a line with a single dot ends it, Ctrl-C gives up")
	if err != nil {
		return config.Site{}, err
	}
	return config.ParseSite("site.yaml", data)
}
