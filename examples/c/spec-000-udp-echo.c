/* net, "Pattern: UDP echo round-trip". Start it with the address and the port of an echo server, for example
 *   spec-000-udp-echo 127.0.0.1 5000 */
#include <stdio.h>
#include <stdlib.h>

#include "twinwire/tw_posix.h"

static void on_datagram(const NetDatagram *e, void *ctx) {
  (void)ctx;
  printf("echo: %s\n", e->data);
  tw_net_close(e->sock);
  tw_runtime_exit(0);
}

int main(int argc, char **argv) {
  const char *host = argc > 1 ? argv[1] : "127.0.0.1";
  int32_t port = argc > 2 ? (int32_t)strtol(argv[2], NULL, 10) : 5000;

  setvbuf(stdout, NULL, _IOLBF, 0);
  if (tw_posix_start(NULL) < 0) {
    fprintf(stderr, "%s\n", tw_error_text(tw_last_error()));
    return 1;
  }

  int32_t sock = tw_net_udp_open(0);
  tw_net_on(sock, "datagram", on_datagram, NULL);
  tw_net_udp_send_to(sock, host, port, "hello", 5);

  int32_t code = tw_runtime_keep_alive();
  tw_posix_stop();
  return (int)code;
}
