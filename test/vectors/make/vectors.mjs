// Writes the vectors of the pure functions, of HTTP messages and of a server's frames: node test/vectors/make/vectors.mjs
// What they expect comes from RFC texts and from Node's own crypto, Buffer, TextDecoder, URL and net; never from the core.

import { writeFileSync } from "node:fs";
import { base64 } from "./base64.mjs";
import { head } from "./head.mjs";
import { httpChunked } from "./http-chunked.mjs";
import { httpLimits } from "./http-limits.mjs";
import { httpRequest } from "./http-request.mjs";
import { httpResponse } from "./http-response.mjs";
import { httpWrite } from "./http-write.mjs";
import { ip } from "./ip.mjs";
import { mask } from "./mask.mjs";
import { policy } from "./policy.mjs";
import { proxy } from "./proxy.mjs";
import { sha1 } from "./sha1.mjs";
import { signature } from "./signature.mjs";
import { url } from "./url.mjs";
import { utf8 } from "./utf8.mjs";
import { wsAnswers } from "./ws-answers.mjs";
import { wsServed } from "./ws-served.mjs";

/** JSON with one step a line. */
function render({ suite, source, cases }) {
  const lines = cases.map(({ name, steps }) => {
    const rows = steps.map((step) => `    ${JSON.stringify(step)}`).join(",\n");
    return `  {"name": ${JSON.stringify(name)}, "steps": [\n${rows}\n  ]}`;
  });
  return `{\n"suite": ${JSON.stringify(suite)},\n"source": ${JSON.stringify(source)},\n"cases": [\n${lines.join(",\n")}\n]\n}\n`;
}

for (const make of [
  sha1,
  base64,
  utf8,
  mask,
  url,
  ip,
  signature,
  head,
  httpRequest,
  httpResponse,
  httpChunked,
  httpLimits,
  httpWrite,
  policy,
  proxy,
  wsServed,
  wsAnswers,
]) {
  const vectors = make();
  writeFileSync(new URL(`../${vectors.suite}.json`, import.meta.url), render(vectors));
}
