// Has every package that asks for "ws" get twinwire/ws-compat: node --require this.
const Module = require("node:module");
const { join } = require("node:path");

const standIn = join(__dirname, "../../../dist/ws-compat.cjs");
const resolve = Module._resolveFilename;

Module._resolveFilename = function (name, ...rest) {
  if (name !== "ws") return resolve.call(this, name, ...rest);
  globalThis.asked = (globalThis.asked ?? 0) + 1;
  return standIn;
};
