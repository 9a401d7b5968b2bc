/* ws, "Usage": connect, send a text, print the answer, close. Start it with the URL of an echo server, for example
 *   spec-001-usage ws://127.0.0.1:8080/ */
#include <stdio.h>

#include "twinwire/tw_posix.h"

static void on_connected(const WsConnected *e, void *ctx) {
  (void)ctx;
  printf("%s\n", tw_state_name(tw_ws_state(e->conn)));
  tw_ws_send(e->conn, "hello");
}

static void on_message(const WsMessage *e, void *ctx) {
  (void)ctx;
  printf("%s\n", e->message);
  tw_ws_close(e->conn);
}

static void on_disconnected(const WsDisconnected *e, void *ctx) {
  (void)ctx;
  printf("%s\n", tw_state_name(tw_ws_state(e->conn)));
  tw_runtime_exit(0);
}

int main(int argc, char **argv) {
  const char *url = argc > 1 ? argv[1] : "ws://192.168.1.10:8080/";

  setvbuf(stdout, NULL, _IOLBF, 0);
  if (tw_posix_start(NULL) < 0) {
    fprintf(stderr, "%s\n", tw_error_text(tw_last_error()));
    return 1;
  }

  int32_t conn = tw_ws_open(url);
  tw_ws_on(conn, "connected", on_connected, NULL);
  tw_ws_on(conn, "disconnected", on_disconnected, NULL);
  tw_ws_on(conn, "message", on_message, NULL);

  int32_t code = tw_runtime_keep_alive();
  tw_posix_stop();
  return (int)code;
}
