# Airlock. `make help` lists what there is.
SHELL := /bin/bash
GO    := .ci/go
BUILD := build
# Packages whose tests boot the image: one after the other, since each wants the whole machine.
WHOLE := ^airlock/tests/(lab|vm)$$
export CGO_ENABLED ?= 0

.DEFAULT_GOAL := help
.PHONY: help setup setup-test build image demo verdict test test-fast bench vet clean

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

bench: image $(BUILD)/bin/publisherd ## measure image build, rebuild, boot and demo, and print a table
	$(GO) run ./tests/bench

vet: ## gofmt and go vet
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these"; exit 1; }
	$(GO) vet ./...

clean: ## remove what was built (keeps the package cache in build/cache)
	rm -rf $(BUILD)/bin $(BUILD)/demo $(BUILD)/airlock.img
