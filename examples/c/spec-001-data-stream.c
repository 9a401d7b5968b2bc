/* ws, "Pattern: Event-driven Data Stream". Start it with the URL of a server that sends JSON, for example
 *   spec-001-data-stream ws://127.0.0.1:8080/sensors */
#include <stdio.h>

#include "json_field.h"
#include "twinwire/tw_posix.h"

static void on_connected(const WsConnected *e, void *ctx) {
  (void)e;
  (void)ctx;
  printf("streaming\n");
}

static void on_message(const WsMessage *e, void *ctx) {
  (void)ctx;
  print_field(e->message, "value");
}

int main(int argc, char **argv) {
  const char *url = argc > 1 ? argv[1] : "ws://192.168.1.10:8080/sensors";

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
