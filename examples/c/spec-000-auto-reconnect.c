/* net, "Auto-Reconnect (TCP)" and "Address": a connection that comes back. Start it with a host and a port, for example
 *   spec-000-auto-reconnect 127.0.0.1 8080 */
#include <stdio.h>
#include <stdlib.h>

#include "twinwire/tw_posix.h"

static void on_connected(const NetConnected *e, void *ctx) {
  (void)ctx;
  char local[TW_MAX_ADDRESS + 1];
  char remote[TW_MAX_ADDRESS + 1];
  tw_net_local_addr(e->sock, local, sizeof local);
  tw_net_remote_addr(e->sock, remote, sizeof remote);
  printf("connected: %s to %s\n", local, remote);
}

static void on_disconnected(const NetDisconnected *e, void *ctx) {
  (void)e;
  (void)ctx;
  printf("disconnected — will reconnect\n");
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
  tw_net_set_auto_reconnect(sock, true);
  tw_net_set_reconnect_delays(sock, (uint32_t[]){1, 2, 5, 10, 30}, 5);
  tw_net_on(sock, "connected", on_connected, NULL);
  tw_net_on(sock, "disconnected", on_disconnected, NULL);

  int32_t code = tw_runtime_keep_alive();
  tw_posix_stop();
  return (int)code;
}
