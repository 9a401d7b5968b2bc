/* ws, "Pattern: Command Channel". Start it with the URL of a server that answers JSON with JSON, for example
 *   spec-001-command-channel ws://127.0.0.1:9000/control */
#include <stdio.h>

#include "json_field.h"
#include "twinwire/tw_posix.h"

static void on_connected(const WsConnected *e, void *ctx) {
  (void)ctx;
  /* send command once connected: the response arrives as event */
  tw_ws_send(e->conn, "{\"cmd\":\"start\",\"id\":42}");
}

static void on_message(const WsMessage *e, void *ctx) {
  (void)ctx;
  print_field(e->message, "status");
}

int main(int argc, char **argv) {
  const char *url = argc > 1 ? argv[1] : "ws://server:9000/control";

  setvbuf(stdout, NULL, _IOLBF, 0);
  if (tw_posix_start(NULL) < 0) {
    fprintf(stderr, "%s\n", tw_error_text(tw_last_error()));
    return 1;
  }

  int32_t conn = tw_ws_open(url);
  tw_ws_on(conn, "connected", on_connected, NULL);
  tw_ws_on(conn, "message", on_message, NULL);

  int32_t code = tw_runtime_keep_alive();
  tw_posix_stop();
  return (int)code;
}
