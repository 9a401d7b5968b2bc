// std.net.http, "Http client", by a call that waits: JSON out, JSON in. Start it with a URL, for example
//   node build/tools/examples/sync/spec-003-http-client.js http://127.0.0.1:8080/items

import { result } from "twinwire/sync";

const [url = "http://127.0.0.1:8080/items"] = process.argv.slice(2);

const response = result.http.request({
  method: "POST",
  url,
  headers: { "X-Request-Id": "42" },
  body: { name: "lamp", tags: ["new"] },
});

if (response.ok) {
  const { status, headers, body } = response.value;
  console.log(status, headers["content-type"]);
  console.log(JSON.stringify(body));
} else {
  console.log("error:", response.error);
}
