/* net, "Events": a TCP client. Start it with the host and the port of a server, for example
 *   spec-000-usage 127.0.0.1 8080 */
#include <stdio.h>
#include <stdlib.h>

#include "twinwire/tw_posix.h"

static void on_connected(const NetConnected *e, void *ctx) {
  (void)ctx;
  tw_net_send(e->sock, "ping", 4);
}

static void on_data(const NetData *e, void *ctx) {
  (void)ctx;
  printf("recv: %s\n", e->data);
}

int main(int argc, char **argv) {
  const char *host = argc > 1 ? argv[1] : "192.168.1.10";
  int32_t port = argc > 2 ? (int32_t)strtol(argv[2], NULL, 10) : 8080;

  setvbuf(stdout, NULL, _IOLBF, 0);
  if (tw_posix_start(NULL) < 0) {
    fprintf(stderr, "%s\n", tw_error_text(tw_last_error()));
    return 1;
  }

  int32_t sock = tw_net_tcp_connect(host, port);
  tw_net_on(sock, "connected", on_connected, NULL);
  tw_net_on(sock, "data", on_data, NULL);

  int32_t code = tw_runtime_keep_alive();
  tw_posix_stop();
  return (int)code;
}
