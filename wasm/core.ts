import { coreModule } from "#core";
import { ABI_HASH, type CoreExports, type CoreImports, LIMITS_SIZE, type Limits, limitFields } from "./abi.gen.ts";
import { TwinwireError } from "./errors.ts";
import { growMemory, Memory, type Stats, writeNumbers } from "./memory.ts";

/**
 * A new instance of the core with its own linear memory.
 *
 * @throws TwinwireError ERR_UNSUPPORTED if module and TypeScript were made from different definitions.
 */
export function instantiate(imports: CoreImports, module = coreModule()): CoreExports {
  const { exports } = new WebAssembly.Instance(module, { env: { ...imports } });
  const core = exports as unknown as CoreExports;
  checkAbi(core.twc_abi_hash() >>> 0);
  return core;
}

/** Compares the hash of the definition file that the module was built from with that of this code. @internal */
export function checkAbi(hash: number): void {
  if (hash === ABI_HASH) return;
  const hex = (value: number): string => value.toString(16).padStart(8, "0");
  const reason = `the core was built from definition ${hex(hash)}, this code from ${hex(ABI_HASH)}: rebuild both`;
  throw new TwinwireError("ERR_UNSUPPORTED", { step: "open", reason });
}

const ALIGN = 64;

/** A core that runs: its functions, its memory, and the places in it that never move. */
export interface Core {
  /** Replaced while a trace is written. */
  exports: CoreExports;
  readonly memory: Memory;
  /** Where its stack begins. */
  readonly stackTop: number;
  /** What every function takes first. */
  readonly self: number;
  /** What the offsets in records count from. */
  readonly arena: number;
  /** `twc_rx_buffer` */
  readonly received: number;
  /** `twc_rx_address` */
  readonly sender: number;
  /** `twc_stage_buffer`: where arguments are put. */
  readonly stage: number;
  /** `twc_events` */
  readonly events: number;
}

/**
 * Makes a core. Its memory gets the size that `limits` need, once and for all, before anything looks at it. The imports
 * are called only from inside the core's functions.
 *
 * @throws TwinwireError ERR_ARGUMENT if the core refuses the limits, ERR_MEMORY if the runtime lends no such memory.
 */
export function createCore(limits: Limits, imports: CoreImports): Core {
  const exports = instantiate(imports);
  const { memory } = exports;
  const record = align(Number(exports.__heap_base.value));
  const arena = align(record + LIMITS_SIZE);
  growTo(memory, arena);
  writeNumbers(memory, limitEntries(record, limits));
  const size = exports.twc_need(record) >>> 0;
  if (size === 0) throw new TwinwireError("ERR_ARGUMENT", { step: "open", reason: "the core refuses these limits" });
  growTo(memory, arena + size);
  const self = exports.twc_init(arena, size, record, 0) >>> 0;
  if (self === 0) throw new TwinwireError("ERR_ARGUMENT", { step: "open", reason: "the core refuses this memory" });
  return {
    exports,
    memory: new Memory(memory),
    stackTop: Number(exports.__stack_pointer.value),
    self,
    arena,
    received: exports.twc_rx_buffer(self) >>> 0,
    sender: exports.twc_rx_address(self) >>> 0,
    stage: exports.twc_stage_buffer(self) >>> 0,
    events: exports.twc_events(self) >>> 0,
  };
}

/**
 * Restores the core's stack, if a call that could not go on has left it as it was: one that an application made at the end
 * of its own stack. To be called while no function of the core runs.
 */
export function restoreStack({ exports, stackTop }: Core): void {
  if (exports.__stack_pointer.value !== stackTop) exports.__stack_pointer.value = stackTop;
}

/** What a handle has done since it was opened; `undefined` for a stale number. */
export function readStats({ exports, memory, self, stage }: Core, handle: number): Stats | undefined {
  const place = (stage + 7) & ~7;
  return exports.twc_stats(self, handle, place) < 0 ? undefined : memory.stats(place);
}

function align(place: number): number {
  return Math.ceil(place / ALIGN) * ALIGN;
}

function growTo(memory: WebAssembly.Memory, size: number): void {
  try {
    growMemory(memory, size);
  } catch (cause) {
    const reason = `${size} bytes of memory are not to be had: lower sendPool or another limit`;
    throw new TwinwireError("ERR_MEMORY", { step: "open", reason, cause });
  }
}

function limitEntries(record: number, limits: Limits): [number, number][] {
  const names = Object.keys(limitFields) as (keyof Limits)[];
  return names.map((name) => [record + limitFields[name].offset, limits[name]]);
}
