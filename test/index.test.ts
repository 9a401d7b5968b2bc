import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { errors, limits, TwinwireError, useHost, version } from "twinwire";
import * as handles from "twinwire/handles";

test("the version is that of the package", () => {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  expect(manifest).toMatchObject({ version });
});

test("the APIs share one error class, one table and one set of limits", () => {
  expect(TwinwireError).toBe(handles.TwinwireError);
  expect(limits).toBe(handles.limits);
  expect(useHost).toBe(handles.useHost);
  expect(errors[new TwinwireError("ERR_RESET").code].value).toBeLessThan(0);
});

test("a type that is declared for one event cannot be bound to another, where types can express it", () => {
  const { defineEvent, net, ws } = handles;
  const WsMessage = defineEvent("WsMessage", { message: "string" });
  const NetData = defineEvent("NetData", { data: "string" });
  // @ts-expect-error a message is no data
  expect(net.on(1, "data", WsMessage)).toBe(-1);
  // @ts-expect-error data is no message
  expect(ws.on(1, "message", NetData)).toBe(-1);
  // @ts-expect-error there is no such event
  expect(net.on(1, "message", () => {})).toBe(-1);
  // @ts-expect-error a field is i32 or string
  expect(() => defineEvent("A", { a: "f64" })).toThrow();
  NetData.on((e) => {
    const text: string = e.data;
    return text;
  });
});
