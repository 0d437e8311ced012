package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func releaseCommand(sh *shell) *cobra.Command {
	cmd := group(&cobra.Command{Use: "release", Short: "signed, tested releases"})
	cmd.AddCommand(&cobra.Command{
		Use: "list", Short: "list the releases, the newest first", Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := sh.client()
			if err != nil {
				return err
			}
			all, err := client.Releases(c.Context())
			if err != nil {
				return err
			}
			return sh.print(all, func(t *table) {
				t.row("RELEASE", "PROJECT", "VERSION", "BUILT", "TESTS", "BYTES TO FETCH")
				for _, r := range all {
					t.row(r.ID, r.Project, r.Version, moment(r.Built), len(r.Tests), r.StoredBytes)
				}
			})
		},
	}, &cobra.Command{
		Use: "show ID", Short: "show one release: artifacts, tests, deployment", Example: "  publisherd release show shop-1.4.2-3f2a9c81d0e4", Args: exactly("ID"),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := sh.client()
			if err != nil {
				return err
			}
			r, err := client.Release(c.Context(), args[0])
			if err != nil {
				return err
			}
			return sh.print(r, func(t *table) {
				t.row("release", r.ID)
				t.row("commit", r.Commit)
				t.row("built", moment(r.Built))
				t.row("bytes to fetch", r.StoredBytes)
				for _, a := range r.Artifacts {
					t.row("artifact", fmt.Sprintf("%s, mode %04o, %d bytes, sha256 %s", a.Path, a.Mode, a.Size, a.SHA256))
				}
				for _, test := range r.Tests {
					t.row("test passed", fmt.Sprintf("%s, %.1f s", test.Name, test.Seconds))
				}
				h := r.Plan.Health
				t.row("directory", r.Plan.Directory)
				t.row("restart", dash(line(r.Plan.Restart, false)))
				t.row("health", fmt.Sprintf("port %d, %s answers %d with %q; %d attempts", h.Port, h.Path, h.Status, h.Contains, h.Attempts))
			})
		},
	})
	return cmd
}

func assignmentCommand(sh *shell) *cobra.Command {
	cmd := group(&cobra.Command{Use: "assignment", Short: "what each node should run"})
	cmd.AddCommand(&cobra.Command{
		Use: "list", Short: "list the current assignment of each node", Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := sh.client()
			if err != nil {
				return err
			}
			all, err := client.Assignments(c.Context())
			if err != nil {
				return err
			}
			return sh.print(all, func(t *table) {
				t.row("NODE", "RELEASE", "FROM", "SERIAL")
				for _, a := range all {
					t.row(a.Node, a.Release, moment(a.From), a.Serial)
				}
			})
		},
	})
	return cmd
}

func reportCommand(sh *shell) *cobra.Command {
	cmd := group(&cobra.Command{Use: "report", Short: "what nodes told of their deployments"})
	var node string
	list := &cobra.Command{
		Use: "list", Short: "list the reports, the newest first", Example: "  publisherd report list --node plant-7 --json", Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := sh.client()
			if err != nil {
				return err
			}
			all, err := client.Reports(c.Context(), node)
			if err != nil {
				return err
			}
			return sh.print(all, func(t *table) {
				t.row("RECEIVED", "NODE", "RELEASE", "TARGET", "OUTCOME", "REASON")
				for _, rec := range all {
					r := rec.Report
					t.row(moment(rec.Received), r.Node, r.Release, "(site)", r.Outcome, dash(line(r.Reason, false)))
					for _, target := range r.Targets {
						t.row("", "", "", target.Target, target.Outcome, dash(line(target.Reason, false)))
					}
				}
			})
		},
	}
	list.Flags().StringVar(&node, "node", "", "only this node's")
	cmd.AddCommand(list)
	return cmd
}

func recordCommand(sh *shell) *cobra.Command {
	cmd := group(&cobra.Command{Use: "record", Short: "what nodes recorded of their doors"})
	cmd.AddCommand(&cobra.Command{
		Use: "list", Short: "list how far each node's record has come, and whether it continues", Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := sh.client()
			if err != nil {
				return err
			}
			all, err := client.Records(c.Context())
			if err != nil {
				return err
			}
			return sh.print(all, func(t *table) {
				t.row("NODE", "LINES", "RECEIVED", "LAST TROUBLE")
				for _, r := range all {
					trouble := "-"
					if r.Trouble != "" {
						trouble = moment(r.TroubleAt) + " " + line(r.Trouble, false)
					}
					t.row(r.Node, r.Seq, moment(r.Received), trouble)
				}
			})
		},
	}, &cobra.Command{
		Use: "show NODE", Short: "print a node's record, as the node wrote it", Args: exactly("NODE"),
		Example: "  publisherd record show plant-7 > plant-7.jsonl && airlock record verify plant-7.jsonl",
		Long:    "Prints the lines of a node's record as JSON lines. Each was held against the one before and against the node's signatures when it came.",
		RunE: func(c *cobra.Command, args []string) error {
			client, err := sh.client()
			if err != nil {
				return err
			}
			return client.Record(c.Context(), args[0], sh.out)
		},
	})
	return cmd
}
