# Targets, each with the sentence that `make` lists it by.
GO         ?= go
FUZZTIME   ?= 100000x
TESTFLAGS  ?=
BENCHFLAGS ?=
PACKAGES   := ./...
ENGINES    ?= uring sendfile portable
# Those that hand memory to the kernel.
OWNERS     := ./dataplane ./dataplane/buffer ./dataplane/uring ./dataplane/engine ./dataplane/ssync ./dataplane/replicator

export CGO_ENABLED ?= 0

.DEFAULT_GOAL := help
.PHONY: help build conformance demo test test-race test-engines test-full fuzz lint floors deps bench bench-ci bench-compare bench-passes bench-micro controls torture vuln clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/ringsyncd and bin/ringsync
	$(GO) build -trimpath -o bin/ ./cmd/...

demo: build ## the main job, on this machine, with nothing else installed
	bin/ringsync demo

deps: ## install what the tests need (a real Swift), where that is allowed
	@.ci/deps

# The interop tests take the longest, and wait for many processes, as some others do
# for disks that hang: three packages, and three tests of each, at a time keep two cores
# busy.
test: deps ## unit, golden, crash and fault tests, fuzz seeds, interop with a real Swift
	$(GO) test -count=1 -p 3 -parallel 3 -timeout 20m $(TESTFLAGS) ./dataplane/interop $(PACKAGES)

# Left out: what drives processes that are built without the detector, what counts
# allocations, of which the detector has its own, and what runs the same code once more:
# the sendfile engine alone, auto where rings are forbidden, and by -short the same calls
# with other errors, the same bodies in other mixtures, a fifth of the mutants and seeds.
# Vet is lint's.
test-race: ## the tests that run our own code in their process, under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -short -vet=off -count=1 -p 3 -timeout 20m -skip '^TestRestricted$$|^TestConformance$$/^sendfile$$|^TestTransferAllocations$$' \
		$$($(GO) list $(PACKAGES) | grep -vE '/(interop|peer|kill|bench)(/peertest)?$$')

# Which of their calls fail is every twelfth here, by -short; test-full lets each fail. Vet
# is lint's.
test-engines: deps ## the plane's tests on each of ENGINES, and with guard pages around what the kernel owns
	@for engine in $(ENGINES); do echo "engine $$engine"; \
		RINGSYNC_ENGINE=$$engine $(GO) test -vet=off -count=1 -short ./dataplane ./dataplane/ssync ./dataplane/faults && \
		RINGSYNC_ENGINE=$$engine $(GO) test -vet=off -count=1 -run '^TestReplicate$$' ./dataplane/interop || exit 1; done
	$(GO) test -count=1 -short -skip '^TestRestricted$$' -tags invariants $(OWNERS)

test-full: deps ## everything at full size; takes long
	RINGSYNC_FULL=1 REQUIRE_SWIFT=1 $(GO) test -count=1 -timeout 60m $(TESTFLAGS) $(PACKAGES)
	RINGSYNC_FULL=1 REQUIRE_SWIFT=1 $(MAKE) test-engines

fuzz: ## each fuzz target for FUZZTIME: executions (100000x) or a time (30s)
	@.ci/fuzz $(FUZZTIME)

controls: ## deliberate bugs, each of which a test has to notice
	@.ci/controls

torture: ## hours: kills, bad networks, mutants, models, loads, and 10^7 executions of each fuzz target
	RINGSYNC_TORTURE=1 RINGSYNC_FULL=1 $(GO) test -count=1 -timeout 24h $(TESTFLAGS) ./dataplane/faults/... ./dataplane/store/...
	@.ci/fuzz $(if $(filter command line,$(origin FUZZTIME)),$(FUZZTIME),10000000x)

vuln: ## known vulnerabilities in what is linked, by https://vuln.go.dev or VULNDB=file:///CLONE/data/osv of github.com/golang/vulndb
	$(GO) run golang.org/x/vuln/cmd/govulncheck@latest $(if $(VULNDB),-db=$(VULNDB)) -test ./...

lint: floors ## format, vet, staticcheck, and the floors that imports may not climb
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'not gofmt-ed'; exit 1; }
	$(GO) vet $(PACKAGES)
	$(GO) tool staticcheck $(PACKAGES)

floors: ## imports point down only
	@.ci/floors

bench: build deps ## the full suite, about 40 minutes: writes what BENCHMARKS.md tells (BENCHFLAGS)
	bin/ringsync bench --suite full --calls --tcp-congestion cubic --require-swift --require-rsync --save bin/bench.json --write BENCHMARKS.md $(BENCHFLAGS)

bench-ci: build deps ## every contestant once, small, results verified; no figure counts
	bin/ringsync bench --suite ci --require-swift --require-rsync $(BENCHFLAGS) >/dev/null

bench-passes: build deps ## whole passes of replicators alone, about ten minutes: into BENCHMARKS.md
	bin/ringsync bench --suite full --part passes --calls --tcp-congestion cubic --require-swift --require-rsync --save bin/passes.json $(BENCHFLAGS)
	bin/ringsync bench tables bin/passes.json --write BENCHMARKS.md --block passes

COMPARE := bin/ringsync bench --tcp-congestion cubic --workload L --scale 0.125 --contestant ringsync --runs 7
bench-compare: build ## one build measured twice, and slowed: what the comparison says, into BENCHMARKS.md
	$(COMPARE) --save bin/old.json >/dev/null
	$(COMPARE) --save bin/again.json >/dev/null
	$(COMPARE) --push-flag=--chunk-bytes=65536 --push-flag=--sender-md5 --save bin/slow.json >/dev/null
	bin/ringsync bench compare bin/old.json bin/again.json --write BENCHMARKS.md --block again
	bin/ringsync bench compare bin/old.json bin/slow.json --write BENCHMARKS.md --block slowed

bench-micro: ## micro-benchmarks, ten runs each, for benchstat
	$(GO) test -run '^$$' -bench . -count 10 ./proto ./hashes ./dataplane/buffer ./dataplane/engine

conformance: build ## judge a real Swift and ourselves by their dialogues; write dataplane/conformance/REPORT.md
	bin/ringsync conformance --swift --json > bin/swift.json
	bin/ringsync conformance --self --json > bin/self.json
	bin/ringsync conformance --compare bin/swift.json bin/self.json > dataplane/conformance/REPORT.md

clean: ## remove what was built
	rm -rf bin
