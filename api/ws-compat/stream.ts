import { Duplex, type DuplexOptions } from "node:stream";
import { facadeOf, type WebSocket } from "./websocket.ts";

/**
 * Returns a WebSocket as a `Duplex`: each written chunk is sent as a message, each received message is read as a chunk. In both
 * directions the slower end sets the pace.
 *
 * ```ts
 * pipeline(createReadStream("file"), createWebSocketStream(ws), callback);
 * ```
 */
export function createWebSocketStream(ws: WebSocket, options?: DuplexOptions): Duplex {
  let terminates = true;
  const duplex = new Duplex({
    ...options,
    autoDestroy: false,
    emitClose: false,
    objectMode: false,
    writableObjectMode: false,
    read() {
      if (ws.isPaused) ws.resume();
    },
    write(chunk: unknown, _encoding, done) {
      if (ws.readyState === ws.CONNECTING) ws.once("open", () => ws.send(chunk, done));
      else ws.send(chunk, done);
    },
    final(done) {
      if (ws.readyState === ws.CONNECTING) ws.once("open", () => end(done));
      else end(done);
    },
    destroy(error, done) {
      const finish = (reason: Error | null): void => {
        done(reason);
        queueMicrotask(() => duplex.emit("close"));
      };
      if (ws.readyState === ws.CLOSED) {
        finish(error);
        return;
      }
      let reason = error;
      ws.once("error", (failure: Error) => {
        reason = failure;
      });
      ws.once("close", () => finish(reason));
      if (terminates) ws.terminate();
    },
  });
  const readsObjects = options?.readableObjectMode === true;

  /** All that was written has left, and the close frame behind it. */
  function end(done: () => void): void {
    if (facadeOf(ws).socket === null) return; /* it never opened: an error comes */
    const finish = (): void => {
      done();
      if (duplex.readableEnded) duplex.destroy();
    };
    if (ws.readyState === ws.OPEN) {
      facadeOf(ws).session.sender.drained().then(finish, finish);
      ws.close();
    } else {
      finish();
    }
  }

  ws.on("message", (data: unknown, isBinary: boolean) => {
    if (!duplex.push(!isBinary && readsObjects ? String(data) : data)) ws.pause();
  });
  ws.once("error", (error: Error) => {
    if (duplex.destroyed) return;
    terminates = false; /* the close frame is to leave */
    duplex.destroy(error);
  });
  ws.once("close", () => {
    if (!duplex.destroyed) duplex.push(null);
  });
  duplex.on("end", () => {
    if (!duplex.destroyed && duplex.writableFinished) duplex.destroy();
  });
  const failed = (error: Error): void => {
    duplex.removeListener("error", failed);
    duplex.destroy();
    if (duplex.listenerCount("error") === 0) duplex.emit("error", error); /* as without a listener */
  };
  duplex.on("error", failed);
  return duplex;
}
