/** One instance of the module, in whose memory core after core is made: far faster than an instance for each. */
import { readFileSync } from "node:fs";
import { ScriptPort } from "../../adapters/script/index.ts";
import { type CoreExports, type CoreImports, LIMITS_SIZE, type Limits, limitFields } from "../../wasm/abi.gen.ts";
import { type Core, instantiate } from "../../wasm/core.ts";
import { EndpointTable } from "../../wasm/endpoints.ts";
import { routeImports } from "../../wasm/imports.ts";
import { growMemory, Memory } from "../../wasm/memory.ts";
import { ReadControl } from "../../wasm/receiving.ts";
import { tapImports } from "./imports.ts";
import { Tap } from "./tap.ts";

const SCRATCH = 1 << 20;
const POISON = 0xa5;

/** The module that the package holds; or the one in the file that TWINWIRE_CORE names, built by another toolchain. */
function moduleUnderTest(): WebAssembly.Module | undefined {
  const { TWINWIRE_CORE: file } = process.env;
  return file === undefined ? undefined : new WebAssembly.Module(readFileSync(file));
}

/** The module, and a place in its memory for arguments. */
export class CoreMachine {
  readonly exports: CoreExports;
  /** Receives everything that passes the core interface. */
  readonly tap = new Tap();
  /** `SCRATCH` bytes for the arguments of calls. */
  readonly scratch: number;
  memory: Memory;
  readonly #record: number;
  readonly #arena: number;
  #running: { imports: CoreImports; core: () => Core };
  #room = 0;

  constructor() {
    const none = (): never => {
      throw new Error("no core is running");
    };
    this.#running = { imports: importsOf(new ScriptPort(), none), core: none };
    const imports = tapImports(this.tap, () => this.#running);
    this.exports = instantiate(imports, moduleUnderTest());
    this.#record = align(Number(this.exports.__heap_base.value));
    this.scratch = align(this.#record + LIMITS_SIZE);
    this.#arena = align(this.scratch + SCRATCH);
    growMemory(this.exports.memory, this.#arena);
    this.memory = new Memory(this.exports.memory);
  }

  /** Bytes of arena that the limits need, 0 if the core refuses them. */
  need(limits: Limits): number {
    const names = Object.keys(limitFields) as (keyof Limits)[];
    for (const name of names) this.memory.writeU32(this.#record + limitFields[name].offset, [limits[name]]);
    return this.exports.twc_need(this.#record) >>> 0;
  }

  /**
   * Makes a core over what the last one left behind. The former core is gone.
   *
   * @throws Error if it cannot be made.
   */
  start(limits: Limits, port: ScriptPort): Core {
    let size = this.need(limits);
    if (size === 0) throw new Error("twc_need: a limit is out of its range");
    if (size > this.#room) {
      growMemory(this.exports.memory, this.#arena + size);
      this.memory = new Memory(this.exports.memory);
      this.#room = size;
      size = this.need(limits);
    }
    this.memory.view(this.#arena, Math.min(size, 1 << 16)).fill(POISON);
    const self = this.exports.twc_init(this.#arena, size, this.#record, 0) >>> 0;
    if (self === 0) throw new Error("twc_init returned NULL");
    const core: Core = {
      exports: this.exports,
      memory: this.memory,
      stackTop: Number(this.exports.__stack_pointer.value),
      self,
      arena: this.#arena,
      received: this.exports.twc_rx_buffer(self) >>> 0,
      sender: this.exports.twc_rx_address(self) >>> 0,
      stage: this.exports.twc_stage_buffer(self) >>> 0,
      events: this.exports.twc_events(self) >>> 0,
    };
    this.#running = { imports: importsOf(port, () => core), core: () => core };
    return core;
  }

  /** Puts bytes into the scratch memory, `offset` from its start, and returns where they are. */
  put(bytes: Uint8Array, offset = 0): number {
    if (offset + bytes.length > SCRATCH) throw new Error("an argument is larger than the scratch memory");
    this.memory.writeBytes(this.scratch + offset, bytes.length, bytes);
    return this.scratch + offset;
  }
}

function importsOf(port: ScriptPort, core: () => Core): CoreImports {
  const ignore = (): void => {};
  const [endpoints, reading] = [new EndpointTable(port), new ReadControl(port)];
  return routeImports(port, { endpoints, reading, core, refused: ignore, failed: ignore });
}

function align(place: number): number {
  return Math.ceil(place / 64) * 64;
}
