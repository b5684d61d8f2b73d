package peer

import "context"

// ReconAnswer is what Swift's recon middleware says to a request.
type ReconAnswer struct {
	Status int
	Type   string
	Body   string
}

// Recon asks Swift's recon middleware, as it would stand in a node's pipeline,
// for each of the targets, "/recon/…".
func (s *Swift) Recon(ctx context.Context, swiftDir, devices, cachePath string, targets []string) ([]ReconAnswer, error) {
	var answer struct{ Targets []ReconAnswer }
	err := s.call(ctx, "recon.py", map[string]any{
		"swift_dir": swiftDir, "devices": devices, "cache_path": cachePath, "targets": targets,
	}, &answer)
	return answer.Targets, err
}

// DumpReconCache lets Swift update a recon cache file, once for each of the
// values. The errors are what Swift logged.
func (s *Swift) DumpReconCache(ctx context.Context, swiftDir, file string, values ...map[string]any) (errors []string, err error) {
	var answer struct{ Errors []string }
	err = s.call(ctx, "recon.py", map[string]any{
		"swift_dir": swiftDir, "dump": map[string]any{file: values},
	}, &answer)
	return answer.Errors, err
}

// ReconReport runs swift-recon against one node and returns what it prints. It
// writes swiftDir/object.ring.gz, where swift-recon looks for the node.
func (s *Swift) ReconReport(ctx context.Context, swiftDir, addr string, args ...string) (string, error) {
	host, port, err := splitAddr(addr)
	if err != nil {
		return "", err
	}
	var answer struct{ Report string }
	err = s.call(ctx, "recon.py", map[string]any{
		"swift_dir": swiftDir, "host": host, "port": port, "report": args,
	}, &answer)
	return answer.Report, err
}
