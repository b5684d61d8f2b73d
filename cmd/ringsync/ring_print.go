package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// column is the distance of a table's columns.
const column = 2

func printRing(w io.Writer, s *shownRing) {
	fmt.Fprintf(w, "%s\n", quoted(s.Ring))
	fmt.Fprintf(w, "version     %d, format %d\n", s.Version, s.Format)
	fmt.Fprintf(w, "partitions  %d, partition power %d\n", s.Partitions, s.PartPower)
	if s.NextPartPower != nil {
		fmt.Fprintf(w, "            on the way to partition power %d: nothing of the policy is replicated meanwhile\n", *s.NextPartPower)
	}
	fmt.Fprintf(w, "replicas    %g\n", s.Replicas)
	fmt.Fprintf(w, "devices     %d in %d zones of %d regions\n\n", len(s.Devices), s.Zones, s.Regions)

	t := tabwriter.NewWriter(w, 0, 0, column, ' ', 0)
	fmt.Fprintln(t, "id\tregion\tzone\taddress\treplication\tdevice\tweight\tassigned\tbalance\tmeta")
	for i := range s.Devices {
		d := &s.Devices[i]
		balance := "-"
		if d.Balance != nil {
			balance = fmt.Sprintf("%+.2f", *d.Balance)
		}
		meta := ""
		if d.Meta != "" {
			meta = quoted(d.Meta)
		}
		fmt.Fprintf(t, "%d\t%d\t%d\t%s\t%s\t%s\t%.2f\t%d\t%s\t%s\n", d.ID, d.Region, d.Zone, d.device.Address(), d.device.ReplicationAddress(), d.Device, d.Weight, d.Assigned, balance, meta)
	}
	t.Flush()
}

func printPlace(w io.Writer, p *ringPlace) {
	if p.Name != "" {
		fmt.Fprintf(w, "name       %s\n", quoted(p.Name))
	}
	fmt.Fprintf(w, "partition  %d\n", p.Partition)
	if p.Hash != "" {
		fmt.Fprintf(w, "hash       %s\n", p.Hash)
	}
	fmt.Fprintln(w)

	t := tabwriter.NewWriter(w, 0, 0, column, ' ', 0)
	fmt.Fprintln(t, "\taddress\treplication\tregion\tzone\tid\tdirectory")
	printNodes(t, "primary", p.Primaries)
	printNodes(t, "handoff", p.Handoffs)
	t.Flush()

	nodes := append(p.Primaries[:len(p.Primaries):len(p.Primaries)], p.Handoffs...)
	printLines(w, nodes, len(p.Primaries), func(n *shownNode) string { return n.Curl })
	printLines(w, nodes, len(p.Primaries), func(n *shownNode) string { return n.SSH })
	fmt.Fprintln(w, "\n$DEVICE is the node's devices directory, /srv/node where it is not set.")
}

func printNodes(t io.Writer, role string, nodes []shownNode) {
	for i := range nodes {
		n := &nodes[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%d\t%s\n", role, n.device.Address(), n.device.ReplicationAddress(), n.Region, n.Zone, n.ID, n.Directory)
	}
}

// printLines prints the lines for a shell, if there are any.
func printLines(w io.Writer, nodes []shownNode, primaries int, line func(*shownNode) string) {
	first := true
	for i := range nodes {
		text := line(&nodes[i])
		if text == "" {
			continue
		}
		if i >= primaries {
			text += " # [Handoff]"
		}
		if first {
			fmt.Fprintln(w)
			first = false
		}
		fmt.Fprintln(w, text)
	}
}
