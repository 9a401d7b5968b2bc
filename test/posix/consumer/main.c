/* A program of somebody who has installed the library: one message there and back. */
#include <stdio.h>
#include <string.h>
#include <twinwire/tw_posix.h>

static void on_connected(const NetConnected *e, void *ctx) {
  (void)ctx;
  tw_net_send(e->sock, "installed", 9);
}

static void on_data(const NetData *e, void *ctx) {
  (void)ctx;
  printf("%s\n", e->data);
  tw_net_close(e->sock);
}

static void on_accepted(const NetAccepted *e, void *ctx) { tw_net_on(e->sock, "data", on_data, ctx); }

static void on_listening(const NetConnected *e, void *ctx) {
  char address[TW_MAX_ADDRESS + 1];
  int32_t *port = ctx;
  tw_net_local_addr(e->sock, address, sizeof address);
  if (sscanf(strrchr(address, ':'), ":%d", port) != 1)
    *port = -1;
}

int main(void) {
  int32_t port = 0;
  if (tw_posix_start(NULL) < 0)
    return 1;
  int32_t listener = tw_net_tcp_listen("127.0.0.1", 0);
  tw_net_on(listener, "connected", on_listening, &port);
  tw_net_on(listener, "accepted", on_accepted, NULL);
  while (port == 0)
    tw_poll(100);
  int32_t sock = tw_net_tcp_connect("127.0.0.1", port);
  tw_net_on(sock, "connected", on_connected, NULL);
  while (tw_net_state(sock) != TW_STATE_CLOSED)
    tw_poll(100);
  tw_posix_stop();
  return 0;
}
