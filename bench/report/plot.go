package report

import (
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// Plot is a picture that was written.
type Plot struct {
	File  string
	About string
}

// The plots' sizes: as wide as a page of text.
const (
	plotWidth  = 24 * vg.Centimeter
	plotHeight = 12 * vg.Centimeter
	barWidth   = 5 * vg.Millimeter
)

// Plot draws into dir what the rows are enough for.
func (r *Report) Plot(dir string) ([]Plot, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var done []Plot
	for _, p := range []struct {
		Plot
		draw func() (*plot.Plot, error)
	}{
		{Plot{"ratios.svg", "how many times as fast as Swift, by workload"}, r.plotRatios},
		{Plot{"cost.svg", "CPU seconds by number of objects"}, r.plotCost},
	} {
		drawn, err := p.draw()
		if err == nil && drawn != nil {
			err = drawn.Save(plotWidth, plotHeight, filepath.Join(dir, p.File))
		}
		if err != nil {
			return done, fmt.Errorf("plot %s: %w", p.File, err)
		}
		if drawn != nil {
			done = append(done, p.Plot)
		}
	}
	return done, nil
}

// shown are the contestants of the plots, and their colours, which can be told
// apart by everybody (Okabe and Ito).
var shown = []struct {
	name   string
	colour color.RGBA
}{
	{"ringsync", color.RGBA{0, 114, 178, 255}},
	{"swift-to-ringsync", color.RGBA{86, 180, 233, 255}},
	{"ringsync-to-swift", color.RGBA{0, 158, 115, 255}},
	{"swift", color.RGBA{213, 94, 0, 255}},
	{"swift-rsync", color.RGBA{204, 121, 167, 255}},
	{"rsync-fsync", color.RGBA{230, 159, 0, 255}},
}

// plain are the cells of one session and one partition in which Swift ran: of each
// workload, medium and cache the first, which is the one that most took part in.
func (r *Report) plain() []*group {
	seen := map[string]bool{}
	return slices.DeleteFunc(r.groups(), func(g *group) bool {
		key := g.Workload + g.Medium + g.Cache
		if g.of(baseline) == nil || len(g.rows) < 2 || g.Sessions > 1 || g.Partitions > 1 || seen[key] {
			return true
		}
		seen[key] = true
		return false
	})
}

// plotRatios draws, for each plain cell, a bar for each contestant: how many times
// as fast as Swift it was.
func (r *Report) plotRatios() (*plot.Plot, error) {
	groups := r.plain()
	if len(groups) == 0 {
		return nil, nil
	}
	p := plot.New()
	p.Title.Text = "Times as fast as Swift to Swift"
	p.Y.Label.Text = "×"
	p.Y.Min = 0
	labels := make([]string, len(groups))
	for i, g := range groups {
		labels[i] = fmt.Sprintf("%s\n%s\n%s", g.Workload, g.medium(), g.Cache)
	}
	width := min(barWidth, plotWidth*8/10/vg.Length(len(groups)*(len(shown)+1)))
	for i, s := range shown {
		bars, any := ratiosOf(groups, s.name)
		if !any {
			continue
		}
		chart, err := plotter.NewBarChart(bars, width)
		if err != nil {
			return nil, err
		}
		chart.Color, chart.LineStyle.Width = s.colour, 0
		chart.Offset = width * (vg.Length(i) - vg.Length(len(shown)-1)/2)
		p.Add(chart)
		p.Legend.Add(s.name, chart)
	}
	p.Add(plotter.NewFunction(func(float64) float64 { return 1 }))
	p.Legend.Top = true
	p.NominalX(labels...)
	return p, nil
}

func ratiosOf(groups []*group, contestant string) (bars plotter.Values, any bool) {
	bars = make(plotter.Values, len(groups))
	for i, g := range groups {
		row, base := g.of(contestant), g.of(baseline)
		if row == nil || row.Summary[Seconds].Median == 0 {
			continue
		}
		bars[i] = base.Summary[Seconds].Median / row.Summary[Seconds].Median
		any = true
	}
	return bars, any
}

// plotCost draws CPU seconds of both sides over the number of objects, where a
// workload was done with several numbers of them: full lines for small objects
// that are sent, dashed ones for those with nothing to do.
func (r *Report) plotCost() (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = "CPU seconds of both sides, by number of 4 KiB objects (dashed: nothing to do)"
	p.X.Label.Text, p.Y.Label.Text = "objects", "CPU s"
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogTicks{Prec: -1}, plot.LogTicks{Prec: -1}
	lines := 0
	for _, s := range shown {
		for _, workload := range []string{"S", "N"} {
			points := r.costs(s.name, workload)
			if len(points) < 2 {
				continue
			}
			line, dots, err := plotter.NewLinePoints(points)
			if err != nil {
				return nil, err
			}
			line.Color, dots.Color = s.colour, s.colour
			line.Width = vg.Points(1.5)
			if workload == "N" {
				line.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
			}
			p.Add(line, dots)
			p.Legend.Add(s.name+" "+workload, line, dots)
			lines++
		}
	}
	if lines == 0 {
		return nil, nil
	}
	p.Legend.Top, p.Legend.Left = true, true
	return p, nil
}

// costs are a contestant's points, on the medium and in the state that the
// report begins with, one session.
func (r *Report) costs(contestant, workload string) plotter.XYs {
	var points plotter.XYs
	first := r.Rows[0].Cell
	for _, row := range r.Rows {
		same := row.Medium == first.Medium && row.Cache == first.Cache && row.Sessions == 1 && row.Partitions == 1
		cpu := row.median(SenderUser, SenderSystem, ReceiverUser, ReceiverSystem)
		if same && row.Contestant == contestant && row.Workload == workload && cpu > 0 {
			points = append(points, plotter.XY{X: float64(row.Objects), Y: cpu})
		}
	}
	slices.SortFunc(points, func(a, b plotter.XY) int { return int(a.X - b.X) })
	return points
}
