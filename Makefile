SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO    ?= go
LINT  := $(GO) tool -modfile=tools/go.mod golangci-lint
# Seconds for each fuzz target of "make fuzz".
FUZZTIME ?= 30s

##@ Run

.PHONY: run
run: build ## Run the example of Caddyfile.example, with users made at the first start
	@bin/amgate demo data
	@echo "  Logs are in data/amgate.log; stop with Ctrl-C."
	@bin/amgate run --config Caddyfile.example

.PHONY: cluster
cluster: build bin/etcd ## Run the same with an etcd process, two AM nodes and an edge
	@integration/cluster/run.sh

##@ Build

.PHONY: build
build: ## Build bin/amgate
	@echo "building bin/amgate (two minutes the first time)"
	@$(GO) build -trimpath -ldflags "-s -w" -o bin/amgate ./cmd/amgate

bin/etcd: go.mod
	@echo "building bin/etcd"
	@$(GO) build -trimpath -ldflags "-s -w" -o bin/etcd go.etcd.io/etcd/server/v3

##@ Check

.PHONY: test
test: ## Run every test, installing the browser and the npm packages they need
	@integration/setup.sh
	$(GO) vet ./...
	$(GO) test -race -timeout 25m ./...

.PHONY: chaos
chaos: ## Run the tests of faults in their long form, and write the table of docs/failures.md
	$(GO) test -run '^(TestFaults|TestHistory)' -timeout 40m -v ./integration -chaos

.PHONY: journeys
journeys: ## Run the tests of journeys whose nodes come, go, hang and are killed in their long form
	$(GO) test -run '^Test(NoJourneyLost|JourneysLost|KilledNode|FrozenNode|StepsOf)' -timeout 60m -v ./integration -chaos

.PHONY: lint
lint: ## Run the linters of .golangci.yml
	$(LINT) run ./...

.PHONY: bench
bench: ## Run the benchmarks: of the packages, and of whole systems
	$(GO) test -run '^$$' -bench . -benchmem ./session ./store/... ./token ./journey/... ./gateway ./cluster/... ./caddymodule
	$(GO) test -run '^$$' -bench . -skip Sweep -benchtime 15x -timeout 60m ./integration/bench
	$(GO) test -run '^$$' -bench Sweep -benchtime 2x -timeout 30m ./integration/bench

.PHONY: fuzz
fuzz: ## Fuzz every parser of hostile bytes, FUZZTIME each (default 30s)
	@for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' "$$pkg" | grep '^Fuzz' || true); do \
			echo "$$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$pkg"; \
		done; \
	done

.PHONY: docs
docs: ## Write the pages and tables that are generated from the code
	$(GO) test ./journey/nodes ./caddymodule -run TestReference -update
	$(GO) test ./journey/treefile -run TestCompatibility -update
	$(GO) test ./cmd/amgate -run TestReference -update

##@ Help

.PHONY: help
help: ## Show this help
	@awk 'BEGIN {FS = ":.*##"} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*##/ {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
