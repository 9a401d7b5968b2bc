# The WebAssembly module. TOOLCHAIN: npm (default), clang, wasi-sdk, emscripten; see wasm/build/toolchains.mjs.

TOOLCHAIN ?= npm
WASM_INPUTS := core-c/abi.def $(wildcard core-c/gen*.mjs wasm/build/*.mjs wasm/shim/*) scripts/programs.mjs \
	$(shell find core-c -name '*.[ch]')

.PHONY: wasm
wasm: build/wasm-$(TOOLCHAIN).stamp ## compile core-c to build/core.wasm (TOOLCHAIN=npm|clang|wasi-sdk|emscripten)

# One stamp at a time: changing the toolchain rebuilds.
build/wasm-$(TOOLCHAIN).stamp: $(WASM_INPUTS) build/gen.stamp $(NODE_MODULES)
	@mkdir -p build && rm -f build/wasm-*.stamp
	@TOOLCHAIN=$(TOOLCHAIN) node wasm/build/build.mjs >&2
	@touch $@
