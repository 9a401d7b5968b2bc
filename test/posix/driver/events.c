/* events.c: the listeners of every event; each prints a line. */
#include <stdio.h>

#include "driver.h"

uint32_t shown = 64;

static arrivals seen[HANDLES];

arrivals *arrivals_of(int32_t handle) {
  arrivals *it = &seen[(unsigned)handle & (HANDLES - 1)];
  if (it->handle != handle)
    *it = (arrivals){.handle = handle, .hash = 0x811c9dc5};
  return it;
}

static void note(arrivals *it, const char *data, uint32_t size) {
  it->bytes += size;
  for (uint32_t i = 0; i < size; i++)
    it->hash = (it->hash ^ (uint8_t)data[i]) * 0x01000193;
}

/* Prints an event with bytes: few in hex, more by their number alone. */
static void show(const char *what, int32_t handle, const char *data, uint32_t size, const char *rest) {
  arrivals *it = arrivals_of(handle);
  note(it, data, size);
  if (data[size] != 0)
    printf("unterminated %d\n", handle);
  if (it->quiet)
    return;
  printf("%s %d %u ", what, handle, size);
  for (uint32_t i = 0; i < size && size <= shown; i++)
    printf("%02x", (uint8_t)data[i]);
  printf("%s%s\n", size > shown || size == 0 ? "-" : "", rest);
}

static void on_connected(const NetConnected *e, void *ctx) {
  (void)ctx;
  printf("connected %d\n", e->sock);
}
static void on_disconnected(const NetDisconnected *e, void *ctx) {
  (void)ctx;
  printf("disconnected %d %s %s %u %d\n", e->sock, e->code == 0 ? "0" : tw_error_name(e->code),
         e->clean ? "clean" : "unclean", e->unsent, e->retry_ms);
}
static void on_data(const NetData *e, void *ctx) {
  (void)ctx;
  if (arrivals_of(e->sock)->echo && tw_net_send(e->sock, e->data, e->size) != (int32_t)e->size)
    printf("echo refused %d %s\n", e->sock, tw_error_name(tw_last_error()));
  show("data", e->sock, e->data, e->size, "");
}
static void on_datagram(const NetDatagram *e, void *ctx) {
  (void)ctx;
  char from[128];
  snprintf(from, sizeof from, " %s %d", e->addr, e->port);
  show("datagram", e->sock, e->data, e->size, from);
}
static void on_drain(const NetDrain *e, void *ctx) {
  (void)ctx;
  printf("drain %d\n", e->sock);
}
static void on_error(const NetError *e, void *ctx) {
  (void)ctx;
  printf("error %d %s %u %d\n", e->sock, tw_error_name(e->code), e->step, e->retry_ms);
}
static void on_accepted(const NetAccepted *e, void *ctx) {
  (void)ctx;
  listen_to(e->sock, TW_KIND_TCP);
  arrivals_of(e->sock)->echo = arrivals_of(e->listener)->echo;
  arrivals_of(e->sock)->quiet = arrivals_of(e->listener)->quiet;
  printf("accepted %d %d\n", e->sock, e->listener);
}
static void on_ended(const NetEnded *e, void *ctx) {
  (void)ctx;
  printf("ended %d\n", e->sock);
}
static void on_secured(const NetSecured *e, void *ctx) {
  (void)ctx;
  printf("secured %d\n", e->sock);
}
static void on_deadline(const NetDeadline *e, void *ctx) {
  (void)ctx;
  printf("deadline %d %u\n", e->sock, e->which);
}
static void on_ws_connected(const WsConnected *e, void *ctx) {
  (void)ctx;
  printf("connected %d\n", e->conn);
  run_during();
}
static void on_ws_disconnected(const WsDisconnected *e, void *ctx) {
  (void)ctx;
  printf("disconnected %d %d %s %u %d\n", e->conn, e->code, e->clean ? "clean" : "unclean", e->unsent, e->retry_ms);
  run_during();
}
static void on_message(const WsMessage *e, void *ctx) {
  (void)ctx;
  char how[32];
  snprintf(how, sizeof how, " %s%s%s", e->binary ? "binary" : "text", e->first ? " first" : "",
           e->final ? " final" : "");
  show("message", e->conn, e->message, e->size, how);
  run_during();
}
static void on_ws_drain(const WsDrain *e, void *ctx) {
  (void)ctx;
  printf("drain %d\n", e->conn);
  run_during();
}
static void on_ws_error(const WsError *e, void *ctx) {
  (void)ctx;
  printf("error %d %s %u %d %u\n", e->conn, tw_error_name(e->code), e->step, e->retry_ms, e->detail);
  run_during();
}
static void on_closing(const WsClosing *e, void *ctx) {
  (void)ctx;
  printf("closing %d %d %s\n", e->conn, e->code, e->reason);
  run_during();
}
static void on_ping(const WsPing *e, void *ctx) {
  (void)ctx;
  show("ping", e->conn, e->data, e->size, "");
  run_during();
}
static void on_pong(const WsPong *e, void *ctx) {
  (void)ctx;
  show("pong", e->conn, e->data, e->size, "");
  run_during();
}

static void must(int32_t result, const char *what) {
  if (result != 0)
    printf("refused %s %s\n", what, tw_error_name(tw_last_error()));
}

void listen_to(int32_t handle, uint32_t kind) {
  if (handle < 0)
    return;
  arrivals_of(handle);
  if (kind == TW_KIND_WS) {
    must(tw_ws_on(handle, "connected", on_ws_connected, NULL), "connected");
    must(tw_ws_on(handle, "disconnected", on_ws_disconnected, NULL), "disconnected");
    must(tw_ws_on(handle, "message", on_message, NULL), "message");
    must(tw_ws_on(handle, "drain", on_ws_drain, NULL), "drain");
    must(tw_ws_on(handle, "error", on_ws_error, NULL), "error");
    must(tw_ws_on(handle, "closing", on_closing, NULL), "closing");
    must(tw_ws_on(handle, "ping", on_ping, NULL), "ping");
    must(tw_ws_on(handle, "pong", on_pong, NULL), "pong");
    return;
  }
  must(tw_net_on(handle, "error", on_error, NULL), "error");
  if (kind == TW_KIND_UDP) {
    must(tw_net_on(handle, "datagram", on_datagram, NULL), "datagram");
    must(tw_net_on(handle, "drain", on_drain, NULL), "drain");
    return;
  }
  must(tw_net_on(handle, "connected", on_connected, NULL), "connected");
  must(tw_net_on(handle, "disconnected", on_disconnected, NULL), "disconnected");
  if (kind == TW_KIND_LISTENER) {
    must(tw_net_on(handle, "accepted", on_accepted, NULL), "accepted");
    return;
  }
  must(tw_net_on(handle, "data", on_data, NULL), "data");
  must(tw_net_on(handle, "drain", on_drain, NULL), "drain");
  must(tw_net_on(handle, "ended", on_ended, NULL), "ended");
  must(tw_net_on(handle, "secured", on_secured, NULL), "secured");
  must(tw_net_on(handle, "deadline", on_deadline, NULL), "deadline");
}

/* A server's listeners are those of its WebSockets. */
void listen_to_server(int32_t server) {
  listen_to(server, TW_KIND_WS);
  if (server > 0)
    must(tw_net_on(server, "connected", on_connected, NULL), "connected");
}
