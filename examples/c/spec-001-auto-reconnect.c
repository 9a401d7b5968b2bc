/* ws, "Auto-Reconnect". Start it with the URL of a WebSocket server, for example
 *   spec-001-auto-reconnect ws://127.0.0.1:8080/stream */
#include <stdio.h>

#include "twinwire/tw_posix.h"

int main(int argc, char **argv) {
  const char *url = argc > 1 ? argv[1] : "ws://192.168.1.10:8080/stream";

  setvbuf(stdout, NULL, _IOLBF, 0);
  if (tw_posix_start(NULL) < 0) {
    fprintf(stderr, "%s\n", tw_error_text(tw_last_error()));
    return 1;
  }

  int32_t conn = tw_ws_open(url);
  tw_ws_set_auto_reconnect(conn, true);
  tw_ws_set_reconnect_delays(conn, (uint32_t[]){1, 2, 5, 10, 30}, 5);

  int32_t code = tw_runtime_keep_alive();
  tw_posix_stop();
  return (int)code;
}
