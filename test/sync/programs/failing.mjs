// The thread of the engine fails while a call waits: useWorker names a module that does so.
import { TcpServer, TwinwireError, useWorker } from "twinwire/sync";

useWorker(new URL("./failing-worker.mjs", import.meta.url));
const server = new TcpServer("127.0.0.1", 0);
for (let i = 0; i < 2; i++) {
  try {
    server.accept();
  } catch (error) {
    console.log(error instanceof TwinwireError && error.code, error.message.includes("by intention"));
  }
}
