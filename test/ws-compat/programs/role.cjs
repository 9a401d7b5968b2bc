// What the programs share: node X.cjs server, then node X.cjs client PORT.
const [role, port] = process.argv.slice(2);

/** Runs the program's part. A server says its port, and lives until it is ended; a client ends by itself. */
exports.play = async ({ server, client }) => {
  process.on("unhandledRejection", (error) => {
    throw error;
  });
  if (role === "server") {
    const listening = await server();
    console.log(`port ${listening.address().port}`);
  } else {
    await client(Number(port));
    console.log(`asked for ws: ${globalThis.asked > 0}`);
    process.exit(0);
  }
};

/** Fulfilled once it listens. */
exports.listen = (server) => new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));

/** The values of the next event of that name. */
exports.next = (emitter, event) => new Promise((resolve) => emitter.once(event, (...values) => resolve(values)));
