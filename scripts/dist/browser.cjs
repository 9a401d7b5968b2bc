// What bundlers for browsers take instead of twinwire.
throw new Error(
  'twinwire does not run in browsers, which offer no TCP and UDP sockets: use the browser\'s own WebSocket there, and bundle twinwire for Node, Bun, Deno or Cloudflare Workers (esbuild: --platform=node; webpack: target "node")',
);
