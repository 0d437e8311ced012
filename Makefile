# Airlock. `make help` lists what there is.
SHELL := /bin/bash
GO    := .ci/go
BUILD := build
# Packages whose tests boot the image, or hold the kernel to its times: one after the other, since each wants the whole machine.
WHOLE := ^airlock/(netd/(interlock|guard)|tests/(calls|lab|vm))$$
export CGO_ENABLED ?= 0

.DEFAULT_GOAL := help
.PHONY: help setup setup-test build image demo verdict test test-fast test-peers setup-peers soak fuzz bench bench-modem vet clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what the demo needs (Debian 12 or 13; asks for sudo where not root)
	@.ci/setup demo

setup-test:
	@.ci/setup test

build: setup ## build every program into build/bin
	@mkdir -p $(BUILD)/bin
	$(GO) build -trimpath -o $(BUILD)/bin/ ./firmware/cmd/... ./publisher/cmd/... ./tests/lab/... ./tests/modemsim/... ./tests/model/...

image: setup ## build the appliance's disk image, build/airlock.img
	$(GO) run ./firmware/cmd/mkimage

$(BUILD)/bin/publisherd: FORCE
	@mkdir -p $(BUILD)/bin
	@echo "building the publisher and the lab (a minute or two the first time, seconds later)"
	$(GO) build -trimpath -o $@ ./publisher/cmd/publisherd

FORCE:

demo: image $(BUILD)/bin/publisherd ## watch a release travel from git push to two servers, through both doors of the image in QEMU
	$(GO) run ./tests/lab/cmd/demo

verdict: ## judge the captures of the last demo again
	$(GO) run ./tests/lab/cmd/verdict --outer $(BUILD)/demo/outer.pcap --inner $(BUILD)/demo/inner.pcap --timeline $(BUILD)/demo/timeline.json

test: setup-test ## run every test: fast ones, the kernel's in namespaces, the image in QEMU (about 15 minutes)
	@echo "checking, then building everything (some minutes the first time)"
	$(GO) vet ./...
	$(GO) run ./firmware/cmd/mkimage
	$(GO) test -timeout 20m $$($(GO) list ./... | grep -vE '$(WHOLE)')
	$(GO) test -timeout 30m -p 1 $$($(GO) list ./... | grep -E '$(WHOLE)')

test-fast: ## run the tests that need neither the image nor QEMU (a minute)
	$(GO) test -short ./...

setup-peers:
	@.ci/setup peers || echo "ModemManager, oFono or pppd cannot be had here: what needs them is left out, and says so"

test-peers: setup-peers ## have Debian's ModemManager, oFono and pppd bring up the simulated modules (four minutes)
	$(GO) test -count=1 -parallel 6 -v ./tests/peers

bench: image $(BUILD)/bin/publisherd setup-peers ## measure image build, rebuild, boot, demo and modem, and print a table
	$(GO) run ./tests/bench

bench-modem: setup-peers ## measure the modem's data windows alone, ours and ModemManager's (four minutes)
	$(GO) run ./tests/bench -modem

# The campaign's windows run in a time of their own: 100 of each need some minutes, not days.
SOAK ?= 100
soak: ## open windows with every simulated module under every fault, SOAK=100 of each, and print the table
	$(GO) test ./tests/soak -run '^TestCampaign$$' -timeout 0 -v -args -windows $(SOAK) $(SOAK_ARGS)

# Each Fuzz target of the repository for FUZZTIME, one after the other: the fuzzing engine itself uses every processor.
FUZZTIME ?= 10m
FUZZ     ?= .
fuzz: ## fuzz every parser, FUZZTIME=10m each (FUZZ=REGEXP chooses)
	@.ci/fuzz $(FUZZTIME) '$(FUZZ)'

vet: ## gofmt and go vet
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these"; exit 1; }
	$(GO) vet ./...

clean: ## remove what was built (keeps the package cache in build/cache)
	rm -rf $(BUILD)/bin $(BUILD)/demo $(BUILD)/airlock.img
