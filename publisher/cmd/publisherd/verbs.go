package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"airlock/publisher"
	"airlock/publisher/api"
)

func statusCommand(sh *shell) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "how the server is", Example: "  publisherd status --json", Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := sh.client()
			if err != nil {
				return err
			}
			s, err := client.Status(c.Context())
			if err != nil {
				return err
			}
			return sh.print(s, func(t *table) {
				t.row("version", s.Version)
				t.row("running since", moment(s.Started))
				t.row("sandbox", s.Sandbox)
				t.row("hub", fmt.Sprintf("%s, nodes reach it at %s", s.HubListen, s.HubEndpoint))
				t.row("hub key", s.HubKey)
				t.row("root digest", s.RootDigest)
				t.row("projects, nodes, releases", fmt.Sprintf("%d, %d, %d", s.Projects, s.Nodes, s.Releases))
				t.row("builds waiting", s.Waiting)
			})
		},
	}
}

func projectCommand(sh *shell) *cobra.Command {
	cmd := group(&cobra.Command{Use: "project", Short: "code repositories"})
	cmd.AddCommand(&cobra.Command{
		Use: "add NAME", Short: "make a project with its git repository", Example: "  publisherd project add shop", Args: exactly("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := sh.client()
			if err != nil {
				return err
			}
			p, err := client.AddProject(c.Context(), args[0])
			if err != nil {
				return err
			}
			return sh.print(p, func(t *table) { t.row("push to", client.Base+p.GitPath) })
		},
	}, &cobra.Command{
		Use: "list", Short: "list the projects", Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := sh.client()
			if err != nil {
				return err
			}
			all, err := client.Projects(c.Context())
			if err != nil {
				return err
			}
			return sh.print(all, func(t *table) {
				t.row("PROJECT", "CREATED", "REPOSITORY")
				for _, p := range all {
					t.row(p.Name, moment(p.Created), client.Base+p.GitPath)
				}
			})
		},
	})
	return cmd
}

func nodeCommand(sh *shell) *cobra.Command {
	cmd := group(&cobra.Command{Use: "node", Short: "edge nodes"})
	cmd.AddCommand(&cobra.Command{
		Use: "add NAME", Short: "invite a node; prints its one-time token", Example: "  publisherd node add plant-7", Args: exactly("NAME"),
		Long: "Invites a node and prints the token that is typed or pasted at its console. The token is shown this once and kept nowhere.",
		RunE: func(c *cobra.Command, args []string) error {
			client, err := sh.client()
			if err != nil {
				return err
			}
			inv, err := client.AddNode(c.Context(), args[0])
			if err != nil {
				return err
			}
			return sh.print(inv, func(t *table) { t.row(inv.Token) })
		},
	}, &cobra.Command{
		Use: "list", Short: "list the nodes", Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := sh.client()
			if err != nil {
				return err
			}
			all, err := client.Nodes(c.Context())
			if err != nil {
				return err
			}
			return sh.print(all, func(t *table) {
				t.row("NODE", "STATE", "ADDRESS", "ENROLLED", "LAST SEEN")
				for _, n := range all {
					t.row(n.Name, n.State, dash(n.Address), moment(n.Enrolled), moment(n.LastSeen))
				}
			})
		},
	})
	return cmd
}

func buildCommand(sh *shell) *cobra.Command {
	cmd := group(&cobra.Command{Use: "build", Short: "builds of pushed commits"})
	var project string
	list := &cobra.Command{
		Use: "list", Short: "list the builds, the newest first", Example: "  publisherd build list --project shop", Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := sh.client()
			if err != nil {
				return err
			}
			all, err := client.Builds(c.Context(), project)
			if err != nil {
				return err
			}
			return sh.print(all, func(t *table) {
				t.row("BUILD", "PROJECT", "COMMIT", "STATE", "QUEUED", "RELEASE OR REASON")
				for _, b := range all {
					t.row(b.ID, b.Project, b.Commit[:12], b.State, moment(b.Queued), dash(b.Release+line(b.Reason, b.Release != "")))
				}
			})
		},
	}
	list.Flags().StringVar(&project, "project", "", "only this project's")
	cmd.AddCommand(list, buildLogCommand(sh))
	return cmd
}

func buildLogCommand(sh *shell) *cobra.Command {
	var follow bool
	log := &cobra.Command{
		Use: "log ID", Short: "print the log of a build", Example: "  publisherd build log 7 --follow", Args: exactly("ID"),
		Long: "Prints the log of a build. With --follow it waits for the build's end, and exits with 1 when the build failed.",
		RunE: func(c *cobra.Command, args []string) error {
			id, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return usageError{fmt.Errorf("build: found %q, expected a number as in: publisherd build list", args[0])}
			}
			client, err := sh.client()
			if err != nil {
				return err
			}
			if err := client.BuildLog(c.Context(), id, follow, sh.out); err != nil || !follow {
				return err
			}
			b, err := client.Build(c.Context(), id)
			if err == nil && b.State == publisher.Failed {
				err = errSaid
			}
			return err
		},
	}
	log.Flags().BoolVar(&follow, "follow", false, "go on until the build has ended")
	return log
}

func assignCommand(sh *shell) *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use: "assign RELEASE NODE", Short: "let a node run a release", Args: exactly("RELEASE", "NODE"),
		Example: "  publisherd assign shop-1.4.2-3f2a9c81d0e4 plant-7\n  publisherd assign shop-1.4.2-3f2a9c81d0e4 plant-7 --from 2026-12-01T02:00:00+01:00",
		RunE: func(c *cobra.Command, args []string) error {
			a := api.Assign{Release: args[0], Node: args[1]}
			if from != "" {
				var err error
				if a.From, err = time.Parse(time.RFC3339, from); err != nil {
					return usageError{fmt.Errorf("--from: found %q, expected a time such as 2026-12-01T02:00:00+01:00", from)}
				}
			}
			client, err := sh.client()
			if err != nil {
				return err
			}
			signed, err := client.Assign(c.Context(), a)
			if err != nil {
				return err
			}
			return sh.print(signed, func(t *table) {
				t.row(fmt.Sprintf("node %s should run %s from %s (assignment %d)", signed.Node, signed.Release, moment(signed.From), signed.Serial))
			})
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "not before this time (RFC 3339); default now")
	return cmd
}
