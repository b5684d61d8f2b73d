package main

import (
	"fmt"

	"github.com/ringsync/ringsync/dataplane/config"
	"github.com/spf13/cobra"
)

func newKeysCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "keys",
		Short: "Tell what each key of object-server.conf and each flag does",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text := config.AppendMarkdown(nil)
			text = fmt.Appendf(text, "\n## Flags\n\nA key's flag wins over the file; the others have no key.\n\n```\n%s```\n", cmd.Root().Flags().FlagUsages())
			_, err := cmd.OutOrStdout().Write(text)
			return err
		},
	}
}
