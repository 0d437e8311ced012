package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"airlock/publisher/githost"
	"airlock/publisher/spec"
)

// queueVariable tells a hook where the server that runs it takes builds.
const queueVariable = "AIRLOCK_QUEUE_SOCKET"

// hookCommand is what git runs on a push; no person calls it.
func hookCommand(stderr io.Writer) *cobra.Command {
	return &cobra.Command{
		Use: "hook NAME", Hidden: true, Args: exactly("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			h := githost.Hook{Out: stderr, Judge: judge, Queue: githost.QueueThrough(os.Getenv(queueVariable))}
			if err := h.Run(c.Context(), args[0], os.Stdin); err != nil {
				return fmt.Errorf("%w: %w", errSaid, err)
			}
			return nil
		},
	}
}

func judge(project, commit string, data []byte) error {
	if data == nil {
		return spec.Missing(commit)
	}
	_, err := spec.Parse(data, project)
	return err
}
