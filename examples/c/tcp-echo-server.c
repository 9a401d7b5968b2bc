/* A TCP server that sends back what comes, and slows a client down that does not read. Start it with a port, for
 * example tcp-echo-server 7000 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "twinwire/tw_posix.h"

/* What did not fit waits here for "drain"; meanwhile nothing more is read. */
typedef struct waiting {
  uint32_t size;
  char bytes[65536]; /* limits.recvBuffer: no piece is larger */
} waiting;

static void on_data(const NetData *e, void *ctx) {
  waiting *rest = ctx;
  if (tw_net_send(e->sock, e->data, e->size) >= 0)
    return;
  memcpy(rest->bytes, e->data, e->size);
  rest->size = e->size;
  tw_net_pause(e->sock);
}

static void on_drain(const NetDrain *e, void *ctx) {
  waiting *rest = ctx;
  if (tw_net_send(e->sock, rest->bytes, rest->size) >= 0)
    tw_net_resume(e->sock);
}

static void on_disconnected(const NetDisconnected *e, void *ctx) {
  free(ctx);
  tw_net_close(e->sock);
}

static void on_accepted(const NetAccepted *e, void *ctx) {
  (void)ctx;
  waiting *rest = calloc(1, sizeof *rest);
  if (rest == NULL) {
    tw_net_close(e->sock);
    return;
  }
  tw_net_on(e->sock, "data", on_data, rest);
  tw_net_on(e->sock, "drain", on_drain, rest);
  tw_net_on(e->sock, "disconnected", on_disconnected, rest);
}

static void on_listening(const NetConnected *e, void *ctx) {
  (void)ctx;
  char address[TW_MAX_ADDRESS + 1];
  tw_net_local_addr(e->sock, address, sizeof address);
  printf("listening on %s\n", address);
}

static void on_error(const NetError *e, void *ctx) {
  (void)ctx;
  fprintf(stderr, "%s: %s; %s\n", tw_error_name(e->code), tw_error_text(e->code), tw_error_advice(e->code));
  tw_runtime_exit(1);
}

int main(int argc, char **argv) {
  int32_t port = argc > 1 ? (int32_t)strtol(argv[1], NULL, 10) : 7000;

  setvbuf(stdout, NULL, _IOLBF, 0);
  if (tw_posix_start(NULL) < 0) {
    fprintf(stderr, "%s\n", tw_error_text(tw_last_error()));
    return 1;
  }

  int32_t listener = tw_net_tcp_listen("127.0.0.1", port);
  tw_net_on(listener, "connected", on_listening, NULL);
  tw_net_on(listener, "accepted", on_accepted, NULL);
  tw_net_on(listener, "error", on_error, NULL);

  int32_t code = tw_runtime_keep_alive();
  tw_posix_stop();
  return (int)code;
}
