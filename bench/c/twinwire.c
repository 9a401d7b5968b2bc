/* twinwire.c: the servers that are measured: an echo over WebSocket, an HTTP response, an echo over TCP.
 *
 *   twinwire ws|http|tcp [threads]   prints its port; each thread has a loop of its own, and all listen on that port */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
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

static const char *protocol;
static int32_t port;
static int waiting; /* threads that are still to be started */

static void *serve(void *ctx);

/* Threads listen one after the other: the first one finds the port, and the last one says that all are there. */
static void on_listening(const NetConnected *e, void *ctx) {
  (void)ctx;
  char address[TW_MAX_ADDRESS + 1];
  tw_net_local_addr(e->sock, address, sizeof address);
  port = (int32_t)strtol(strrchr(address, ':') + 1, NULL, 10);
  pthread_t thread;
  if (--waiting > 0) {
    if (pthread_create(&thread, NULL, serve, NULL) != 0)
      exit(1);
  } else {
    printf("%d\n", (int)port);
    fflush(stdout);
  }
}

static void *serve(void *ctx) {
  (void)ctx;
  const tw_posix_options options = {.reuse_port = true};
  if (tw_posix_start(&options) < 0)
    exit(1);
  int32_t server;
  if (strcmp(protocol, "ws") == 0) {
    server = tw_ws_listen("127.0.0.1", port, NULL);
    tw_ws_on(server, on_message, NULL);
  } else if (strcmp(protocol, "http") == 0) {
    server = tw_http_listen("127.0.0.1", port, NULL);
    tw_http_on(server, on_request, NULL);
  } else {
    server = tw_net_tcp_listen("127.0.0.1", port);
    tw_net_on(server, on_accepted, NULL);
  }
  tw_net_on(server, on_listening, NULL);
  tw_runtime_keep_alive();
  return NULL;
}

int main(int argc, char **argv) {
  if (argc < 2)
    return 1;
  protocol = argv[1];
  waiting = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 1;
  serve(NULL);
  return 0;
}
