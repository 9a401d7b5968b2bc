/* twinwire.c: the servers that are measured: an echo over WebSocket, an HTTP response, an echo over TCP.
 *
 *   twinwire ws|http|tcp   prints its port */
#include <stdio.h>
#include <string.h>

#include "twinwire/tw_posix.h"

static void on_message(const WsMessage *e, void *ctx) {
  (void)ctx;
  if (e->binary)
    tw_ws_send_binary(e->conn, e->message, e->size);
  else
    tw_ws_send_text(e->conn, e->message, e->size);
}

static void on_request(const HttpRequest *e, void *ctx) {
  (void)ctx;
  tw_http_respond(e->sock, 200, "text/plain", "hello, world", 12);
}

static void on_data(const NetData *e, void *ctx) {
  (void)ctx;
  tw_net_send(e->sock, e->data, e->size);
}

static void on_disconnected(const NetDisconnected *e, void *ctx) {
  (void)ctx;
  tw_net_close(e->sock);
}

static void on_accepted(const NetAccepted *e, void *ctx) {
  (void)ctx;
  tw_net_on(e->sock, on_data, NULL);
  tw_net_on(e->sock, on_disconnected, NULL);
}

static void on_listening(const NetConnected *e, void *ctx) {
  (void)ctx;
  char address[TW_MAX_ADDRESS + 1];
  tw_net_local_addr(e->sock, address, sizeof address);
  printf("%s\n", strrchr(address, ':') + 1);
  fflush(stdout);
}

int main(int argc, char **argv) {
  if (argc < 2 || tw_posix_start(NULL) < 0)
    return 1;
  int32_t server;
  if (strcmp(argv[1], "ws") == 0) {
    server = tw_ws_listen("127.0.0.1", 0, NULL);
    tw_ws_on(server, on_message, NULL);
  } else if (strcmp(argv[1], "http") == 0) {
    server = tw_http_listen("127.0.0.1", 0, NULL);
    tw_http_on(server, on_request, NULL);
  } else {
    server = tw_net_tcp_listen("127.0.0.1", 0);
    tw_net_on(server, on_accepted, NULL);
  }
  tw_net_on(server, on_listening, NULL);
  return tw_runtime_keep_alive();
}
