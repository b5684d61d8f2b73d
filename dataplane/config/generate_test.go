package config_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// generate writes a configuration in which anything may stand that the two
// readers have a rule for. Most of them are good ones.
func generate(r *rand.Rand) string {
	g := generator{Rand: r}

	headers := []string{"[DEFAULT]", "[pipeline:main]", "[app:object-server]", "[filter:recon]", "[filter:healthcheck]", "[object-replicator]"}
	r.Shuffle(len(headers), func(i, j int) { headers[i], headers[j] = headers[j], headers[i] })
	for _, header := range headers {
		if g.often(20) || header[1] == 'p' || header[1] == 'a' {
			g.section(header)
		}
	}
	if g.once(12) {
		g.section(g.one("[DEFAULT]", "[app:other]", "[app: object-server ]", "[application:main]", "[x] y", "[object-replicator]"))
	}

	return g.text.String()
}

type generator struct {
	*rand.Rand
	text strings.Builder
}

// often is true n times out of n+1, once one time out of n.
func (g *generator) often(n int) bool { return g.IntN(n+1) > 0 }
func (g *generator) once(n int) bool  { return g.IntN(n) == 0 }

func (g *generator) one(words ...string) string { return words[g.IntN(len(words))] }

// rather is usually the second.
func (g *generator) rather(seldom, usual string) string {
	if g.once(15) {
		return seldom
	}

	return usual
}

func (g *generator) line(format string, args ...any) {
	g.text.WriteString(fmt.Sprintf(format, args...))
	g.text.WriteString(g.one("\n", "\n", "\n", "\n", "\r\n", "\r", " \n", "\t\n", "\u00a0\n"))
}

func (g *generator) section(header string) {
	g.line("%s", header)
	switch {
	case header == "[pipeline:main]":
		g.line("pipeline = %s", g.one("healthcheck recon object-server", "recon object-server", "object-server", "healthcheck recon\n  object-server"))
	case strings.HasPrefix(header, "[app"):
		g.line("use = %s", g.rather("other", "egg:swift#object"))
	case strings.HasPrefix(header, "[filter:"):
		g.line("use = egg:swift#%s", strings.Trim(header[8:], "]"))
	}

	if header == "[DEFAULT]" {
		g.line("x = %s", g.rather("1%", "1%%"))
	}
	written := map[string]bool{"x": header == "[DEFAULT]"}
	for range g.IntN(8) {
		key := g.key(header)
		if written[strings.ToLower(key)] && g.often(100) {
			continue
		}
		written[strings.ToLower(key)] = true
		value := g.value()
		if strings.HasPrefix(key, "get ") {
			value = g.rather(value, "x")
		}
		g.line("%s%s%s", key, g.one(" = ", "=", ":", " : ", "\u2003=\t"), value)
		g.between()
	}
}

func (g *generator) key(header string) string {
	key := g.one("devices", "bind_port", "log_name", "x", "y", "z", "recon_cache_path", "Case", "case", "ключ")
	if header == "[pipeline:main]" || g.once(4) {
		return g.one("set ", "set ", "set ", "set  ") + key
	}
	if g.once(12) {
		return "get " + key
	}

	return key
}

func (g *generator) value() string {
	if g.once(5) {
		return g.rather(g.one("%(y)s%%", "a%(z)sb", "%(log_name)s %(Case)s", "%(nope)s", "50% of %(x)s"),
			g.one("%(x)s", "%(here)s/y", "%(x)s%%", "a%(x)sb%(x)s", "%(__file__)s"))
	}

	return g.one("1", "", "x", "1%", "100%%", "/srv/node", "a = b", "a:b", "é", "voilà", "# c", "; c", "\"q\"", "bind_port", "x\n  y", "%", "[b]", "\u3000wide\u3000")
}

// between is what may stand between two keys.
func (g *generator) between() {
	switch g.IntN(12) {
	case 0:
		g.line("# a comment = %s", g.value()[:0])
	case 1:
		g.line("  ; an indented one")
	case 2:
		g.line("")
	case 3:
		g.line("  more")
	case 4:
		g.line("\u2003%s", g.one("more = of it", "[not a header]"))
	case 5:
		if g.once(20) {
			g.line("%s", g.one("no delimiter", "= no key", "[half"))
		}
	}
}
