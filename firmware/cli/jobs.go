package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"airlock/deployd/api"
	"airlock/deployd/release"
)

// job is one call of the courier.
type job func(ctx context.Context, say func(api.Progress)) (*release.Report, error)

// plainJob makes a job of a call that gives no report.
func plainJob(f func(context.Context, func(api.Progress)) error) job {
	return func(ctx context.Context, say func(api.Progress)) (*release.Report, error) { return nil, f(ctx, say) }
}

// run does a job and prints its progress, its result, and its report where there is one. That
// there was nothing to do is no failure.
func (c *command) run(ctx context.Context, do job) error {
	p := &progress{c: c}
	report, err := do(ctx, p.say)
	if ctx.Err() != nil {
		c.say("the job goes on without you: %swatch follows it, %scancel ends it\n", c.Name, c.Name)
		return ctx.Err()
	}
	if c.json {
		c.told = p.last.Done
		if isNothing(err) && !p.last.Done {
			return c.printJSON(api.Progress{At: c.now(), Text: err.Error(), Code: api.CodeNothing, Done: true})
		}
	}
	if isNothing(err) {
		c.say("nothing to do: %s\n", plain(err.Error()))
		err = nil
	}
	if report != nil && !c.json {
		if werr := writeReport(c.Stdout, report); werr != nil {
			return werr
		}
	}
	return err
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func (c *command) fetch() *cobra.Command {
	return &cobra.Command{
		Use: "fetch", Short: "Open the outer door and fetch the assigned release",
		Example: examples("fetch", "fetch --json"), Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := c.run(cmd.Context(), plainJob(c.courier.Fetch))
			if err == nil {
				c.next("deploy")
			}
			return err
		},
	}
}

func (c *command) report() *cobra.Command {
	return &cobra.Command{
		Use: "report", Short: "Open the outer door and send the queued reports",
		Example: examples("report"), Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.run(cmd.Context(), plainJob(c.courier.Report))
		},
	}
}

func (c *command) deploy() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "deploy", Short: "Open the inner door and deploy to every target of the site",
		Example: examples("deploy", "deploy --yes    # without being asked"), Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.confirmDeploy(cmd.Context(), yes); err != nil {
				return err
			}
			err := c.run(cmd.Context(), c.courier.Deploy)
			if _, word := classify(err); err == nil || word == api.CodeReverted || word == api.CodeIncomplete {
				c.next("report")
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask for the word deploy")
	return cmd
}

// confirmDeploy says what would be done and asks for the word deploy, since servers of the site are
// about to be changed. Where nobody can be asked, --yes is needed.
func (c *command) confirmDeploy(ctx context.Context, yes bool) error {
	if yes {
		return nil
	}
	if c.Ask == nil {
		return &usageError{errors.New("deploy asks for confirmation, and there is nobody to ask; give --yes")}
	}
	if s, err := c.courier.Status(ctx); err == nil {
		c.say("deploys %s to %s\n", orElse(s.Fetched, "what is fetched"), targetNames(s.Site))
	}
	return c.confirm(ctx, "deploy")
}

// confirm wants a word typed before something that cannot be taken back.
func (c *command) confirm(ctx context.Context, word string) error {
	answer, err := c.Ask.Line(ctx, "type the word "+word+" to go on: ")
	if err != nil {
		return err
	}
	if strings.TrimSpace(answer) != word {
		return &api.Error{Code: api.CodeCancelled, Text: "not confirmed; nothing was done"}
	}
	return nil
}

func targetNames(s *api.Site) string {
	if s == nil || len(s.Targets) == 0 {
		return "no target: import a site first"
	}
	var names []string
	for _, t := range s.Targets {
		names = append(names, t.Name)
	}
	return cut(strings.Join(names, ", "), 200)
}

func (c *command) update() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "update", Short: "Fetch, deploy and report, in turn",
		Example: examples("update", "update --yes    # without being asked"), Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			if err := c.confirmDeploy(ctx, yes); err != nil {
				return err
			}
			c.say("-- fetch --\n")
			if err := c.run(ctx, plainJob(c.courier.Fetch)); err != nil {
				return err
			}
			c.say("-- deploy --\n")
			deployed := c.run(ctx, c.courier.Deploy)
			if ctx.Err() != nil {
				return deployed
			}
			// A deployment that failed is what the publisher must hear of most.
			c.say("-- report --\n")
			reported := c.run(ctx, plainJob(c.courier.Report))
			c.told = c.json && (deployed != nil || reported != nil) && c.told
			if deployed != nil {
				return deployed
			}
			return reported
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask for the word deploy")
	return cmd
}

func (c *command) watch() *cobra.Command {
	return &cobra.Command{
		Use: "watch", Short: "Follow the job that runs, from its first line on",
		Example: examples("watch"), Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context(), c.courier.Watch) },
	}
}

func (c *command) cancel() *cobra.Command {
	return &cobra.Command{
		Use: "cancel", Short: "End the job that runs; a deployment reverts first",
		Example: examples("cancel"), Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.courier.Cancel(cmd.Context()); err != nil {
				if isNothing(err) {
					return c.done("nothing to do: no job is running", "")
				}
				return err
			}
			return c.done("asked the job to end", "watch")
		},
	}
}

func (c *command) enrol() *cobra.Command {
	return &cobra.Command{
		Use: "enrol TOKEN", Short: "Join the publisher that gave the one-time token",
		Example: examples("enrol AIRLOCK1-AUpuB...", "enrol -    # the token comes on stdin"),
		Args:    cobra.ArbitraryArgs, // a pasted token may have been torn apart by white space
		RunE: func(cmd *cobra.Command, args []string) error {
			token, err := c.token(cmd.Context(), args)
			if err != nil {
				return err
			}
			err = c.run(cmd.Context(), func(ctx context.Context, say func(api.Progress)) (*release.Report, error) {
				return nil, c.courier.Enrol(ctx, token, say)
			})
			if err == nil {
				c.next("site import FILE, if the site is not known yet; then fetch")
			}
			return err
		},
	}
}
