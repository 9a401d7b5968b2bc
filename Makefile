# make          builds the package
# make test     installs, builds, checks and tests everything; the last line is "N passed, M failed"
# make help     lists the other targets
#
# Recipes print to stderr: stdout belongs to the programs that demo and bench run.

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := build
.DELETE_ON_ERROR:

NODE_MODULES := node_modules/.package-lock.json
# The runtimes that tests and bench use besides the machine's Node.
RUNTIMES := scripts/runtimes/node_modules/.package-lock.json
# What users of the package have: bundlers, other versions of TypeScript.
CONSUMERS := scripts/consumers/node_modules/.package-lock.json
# What draws the plots of docs/performance.md.
PLOTS := scripts/plots/node_modules/.package-lock.json
# The generator of the documentation's site.
SITE := scripts/site/node_modules/.package-lock.json
LIBRARY := $(shell find api wasm adapters cli -name '*.ts' ! -name module.gen.ts 2>/dev/null)
TOOLS := $(shell find bench demo examples -name '*.ts' 2>/dev/null)

include wasm/build.mk

.PHONY: all build gen lint format test test-c test-js test-bun test-deno test-nodes test-esp32 esp32 vectors vectors-gen size demo demo-web demo-cluster bench plots hub-figures instructions sim sim-c fuzz mutants faults proof coverage coverage-c clauses docs clean help

all: build

build: build/dist.stamp build/tools.stamp ## build dist/, and the demo, examples and bench in build/tools/

gen: build/gen.stamp ## generate C and TypeScript from core-c/abi.def

lint: build/dist.stamp ## check types, style and warnings
	@node scripts/test.mjs lint

format: $(NODE_MODULES) ## format the sources in place
	@node scripts/format.mjs

test: $(NODE_MODULES) $(RUNTIMES) $(CONSUMERS) $(SITE) ## install, build, check and test everything
	@node scripts/test.mjs

test-c: $(NODE_MODULES) build/gen.stamp ## run the C tests natively, with and without sanitizers
	@node scripts/test.mjs c

test-js: build/dist.stamp ## run the TypeScript tests; ARGS go to jest
	@NODE_OPTIONS=--experimental-vm-modules node_modules/.bin/jest $(ARGS)

test-bun: build/dist.stamp ## run the TypeScript tests in Bun
	@node scripts/test.mjs bun

test-deno: build/dist.stamp $(RUNTIMES) ## run the TypeScript tests in Deno
	@node scripts/test.mjs deno

test-nodes: build/dist.stamp $(RUNTIMES) ## run the TypeScript tests on the other versions of Node
	@node scripts/test.mjs nodes

vectors: build/dist.stamp $(RUNTIMES) ## run the vectors on every target and compare the results; ARGS="native Node" selects targets
	@node scripts/vectors.mjs $(ARGS)

vectors-gen: $(NODE_MODULES) ## regenerate the vectors of pure functions
	@node test/vectors/make/vectors.mjs

esp32: $(NODE_MODULES) build/gen.stamp ## stage the component for ESP-IDF in build/esp32/twinwire
	@node scripts/esp32.mjs

test-esp32: $(NODE_MODULES) build/gen.stamp ## check the component for ESP-IDF, and run it on this machine
	@node scripts/test.mjs esp32

size: ## measure code, memory and stack on a device; ARGS=--largest, or ARGS=--write to update docs/size.md
	@node scripts/size.mjs $(ARGS)

demo: build ## show what twinwire does, with real servers; takes about 15 seconds
	@node build/tools/demo/main.js $(ARGS)

demo-web: build ## serve a page that plots a live stream, until Ctrl-C; ARGS="8080" sets the port
	@node build/tools/demo/web.js $(ARGS)

demo-cluster: build ## serve a chat with four processes that are killed one after the other, and count; ARGS="10" ends it after 10 seconds
	@node build/tools/examples/chat-cluster/main.js $(ARGS)

plots: $(PLOTS) ## draw the plots of docs/performance.md from stored results; ARGS=FILE chooses them
	@node scripts/plots/plots.mjs $(ARGS)

hub-figures: ## write the tables of docs/hub.md from stored results; ARGS=FILE chooses them
	@node scripts/plots/hub.mjs $(ARGS)

instructions: $(NODE_MODULES) build/gen.stamp ## count the instructions of a frame and of an HTTP head, and compare with the budget; ARGS=--write makes them the budget
	@node scripts/instructions.mjs $(ARGS)

bench: build $(RUNTIMES) ## measure and compare with other libraries; ARGS="--json" prints JSON
	@node build/tools/bench/main.js $(ARGS)

sim: build ## live programs of all APIs on simulated networks with faults, for a minute; ARGS="--seconds 600", ARGS="--seed N"
	@node test/sim/main.mjs $(ARGS)

sim-c: $(NODE_MODULES) build/gen.stamp ## live two cores against each other on a simulated network, natively, for a minute; ARGS="--seconds 3600", ARGS="--seed N", ARGS=--api for the C API
	@node scripts/sim-c.mjs $(ARGS)

fuzz: $(NODE_MODULES) build/gen.stamp ## fuzz the core with libFuzzer, for T seconds each target (60); ARGS=c-api: this one
	@node scripts/fuzz.mjs $(or $(T),60) $(ARGS)

mutants: $(NODE_MODULES) build/gen.stamp ## make small mistakes in the sources of C and of Node's host, and count which the tests notice; ARGS="--sample 200 --seed N" or ARGS=--all
	@node scripts/mutants.mjs $(ARGS)

faults: build/dist.stamp ## bring faults back into copies of the sources, one by one, and see that the simulations find them; ARGS="--seconds 20 pool"
	@node scripts/faults.mjs $(ARGS)

proof: $(NODE_MODULES) build/gen.stamp ## prove by Frama-C that parsers of the core do nothing undefined on arbitrary bytes
	@node scripts/proof.mjs $(ARGS)

coverage: $(NODE_MODULES) build/gen.stamp ## measure which lines and branches of the core the vectors and the fuzzer reach
	@node scripts/coverage.mjs

coverage-c: build/dist.stamp ## measure which lines and branches of c/ and adapters/posix the tests reach; takes minutes
	@node scripts/coverage-c.mjs

clauses: ## list the clauses of the RFCs that code and tests cite; ARGS=--open: sections with a MUST that one of them does not cite
	@node scripts/clauses.mjs $(ARGS)

docs: build/dist.stamp $(SITE) ## build the site of the documentation in build/site/, with search and references
	@node scripts/site/build.mjs

clean: ## remove build results, not installed packages
	@rm -rf build dist wasm/module.gen.ts

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

$(NODE_MODULES): package.json package-lock.json
	@npm ci --no-audit --no-fund >&2
	@touch $@

$(RUNTIMES): scripts/runtimes/package.json scripts/runtimes/package-lock.json
	@npm ci --prefix scripts/runtimes --no-audit --no-fund >&2
	@touch $@

$(CONSUMERS): scripts/consumers/package.json scripts/consumers/package-lock.json
	@npm ci --prefix scripts/consumers --no-audit --no-fund >&2
	@touch $@

$(PLOTS): scripts/plots/package.json scripts/plots/package-lock.json
	@npm ci --prefix scripts/plots --no-audit --no-fund >&2
	@touch $@

$(SITE): scripts/site/package.json scripts/site/package-lock.json
	@npm ci --prefix scripts/site --no-audit --no-fund >&2
	@touch $@

build/gen.stamp: core-c/abi.def $(wildcard core-c/gen*.mjs)
	@mkdir -p build
	@node core-c/gen.mjs >&2
	@touch $@

build/dist.stamp: $(LIBRARY) tsconfig.json tsconfig.build.json package.json $(wildcard scripts/bundle*.mjs) build/wasm-$(TOOLCHAIN).stamp
	@rm -rf build/lib
	@node_modules/.bin/tsc -p tsconfig.build.json >&2
	@node scripts/bundle.mjs >&2
	@touch $@

build/tools.stamp: $(TOOLS) tsconfig.json tsconfig.tools.json build/dist.stamp
	@rm -rf build/tools
	@if [ -n "$(TOOLS)" ]; then node_modules/.bin/tsc -p tsconfig.tools.json >&2; fi
	@touch $@
