/**
 * twinwire/duplex: a connection as a `Duplex` of node:stream, for Node, Bun and Deno.
 *
 * @module
 */
import { Duplex } from "node:stream";
import { type Conn, failureOf } from "./conn/conn.ts";

/**
 * Returns a `Duplex` of node:stream over a connection. The peer's end is its `end` event; `end()` ends our half, and the
 * connection is closed when both have ended. `destroy()` closes the connection; an error of the connection destroys the stream.
 *
 * ```ts
 * pipeline(createReadStream("file"), toDuplex(conn), callback);
 * ```
 */
export function toDuplex(conn: Conn): Duplex {
  const duplex = new Duplex({
    read() {
      conn.read().then(
        (chunk) => duplex.push(chunk.length === 0 ? null : chunk),
        (error: Error) => duplex.destroy(error),
      );
    },
    write(chunk: Uint8Array, _encoding, done) {
      conn.writeAll(chunk).then(() => done(), done);
    },
    writev(chunks, done) {
      const parts = chunks.map(({ chunk }) => chunk as Uint8Array);
      Promise.all(parts.map((part) => conn.writeAll(part))).then(() => done(), done);
    },
    final(done) {
      conn.closeWrite().then(() => done(), done);
    },
    destroy(error, done) {
      /* What was written still goes out, as with a socket of node:net; it is not waited for. */
      conn.close();
      done(error);
    },
  });
  /* Also while there is no read or write. */
  failureOf(conn).then((error) => {
    if (error !== undefined) duplex.destroy(error);
  });
  return duplex;
}
