# Targets, each with the sentence that `make` lists it by.
GO         ?= go
FUZZTIME   ?= 100000x
TESTFLAGS  ?=
PACKAGES   := ./...
# Packages whose tests start processes or take their time; race runs leave them out.
INTEROP    := ./dataplane/interop/... ./bench/peer/...

export CGO_ENABLED ?= 0

.DEFAULT_GOAL := help
.PHONY: help build demo test test-race test-engines test-full fuzz lint floors deps bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/ringsyncd and bin/ringsync
	$(GO) build -trimpath -o bin/ ./cmd/...

demo: build ## the main job, on this machine, with nothing else installed
	bin/ringsync demo

deps: ## install what the tests need (a real Swift), where that is allowed
	@.ci/deps

test: deps ## unit, golden, crash and fault tests, fuzz seeds, interop with a real Swift
	$(GO) test -count=1 $(TESTFLAGS) $(PACKAGES)

test-race: ## the tests without the interop ones, under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -count=1 $$($(GO) list $(PACKAGES) | grep -vE '/(interop|peer)(/|$$)')

test-engines: deps ## the plane's tests on each engine, and with guard pages around what the kernel owns
	@for engine in uring sendfile portable; do echo "engine $$engine"; \
		RINGSYNC_ENGINE=$$engine $(GO) test -count=1 ./dataplane ./dataplane/ssync ./dataplane/faults && \
		RINGSYNC_ENGINE=$$engine $(GO) test -count=1 -run '^TestReplicate$$' ./dataplane/interop || exit 1; done
	$(GO) test -count=1 -tags invariants $$($(GO) list ./dataplane/... | grep -v /interop)

test-full: deps ## everything at full size; takes long
	RINGSYNC_FULL=1 REQUIRE_SWIFT=1 $(GO) test -count=1 -timeout 60m $(TESTFLAGS) $(PACKAGES)

fuzz: ## each fuzz target for FUZZTIME: executions (100000x) or a time (30s)
	@.ci/fuzz $(FUZZTIME)

lint: floors ## format, vet, staticcheck, and the floors that imports may not climb
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'not gofmt-ed'; exit 1; }
	$(GO) vet $(PACKAGES)
	$(GO) tool staticcheck $(PACKAGES)

floors: ## imports point down only
	@.ci/floors

bench: build ## measure against a real Swift and write the tables of BENCHMARKS.md
	bin/ringsync bench --write BENCHMARKS.md

clean: ## remove what was built
	rm -rf bin
