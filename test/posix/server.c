/* server.c: an HTTP and WebSocket server that does what its tests ask for by the path. Prints its port and its events.
 *
 *   server [cert key]   PEM files, for TLS */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "twinwire/tw_posix.h"

static volatile sig_atomic_t stop;
static int32_t waiting; /* the request that is answered later */
static int32_t streaming;
static int32_t members[64];
static size_t member_count;

static bool is(const HttpRequest *e, const char *target) { return strcmp(e->target, target) == 0; }

static void respond_text(int32_t sock, const char *text) {
  if (tw_http_respond(sock, 200, "text/plain", text, strlen(text)) < 0)
    printf("respond %s\n", tw_error_name(tw_last_error()));
}

/* Ends a body in parts by trailers, and by "late" if those are refused: with a Content-Length there can be none. */
static void respond_with_trailers(int32_t sock, bool sized) {
  static const tw_ws_field length = {"Content-Length", "8"};
  const tw_ws_field bad[] = {{"Content-Length", "1"}};
  const tw_ws_field good[] = {{"X-Sum", "7"}, {"X-Last", "yes"}};
  const tw_http_response response = {
      .status = 200, .headers = &length, .header_count = sized, .body = "body", .size = 4, .parts = true};
  tw_http_respond_with(sock, &response);
  if (tw_http_send_trailers(sock, NULL, 1) < 0 && tw_last_error() == TW_ERR_ARGUMENT &&
      tw_http_send_trailers(sock, bad, 1) < 0)
    printf("trailers %s\n", tw_error_name(tw_last_error()));
  if (tw_http_send_trailers(sock, good, 2) < 0)
    tw_http_send_part(sock, "late", 4, true);
  if (tw_http_send_trailers(sock, good, 2) < 0)
    printf("again %s\n", tw_error_name(tw_last_error()));
}

static void on_request(const HttpRequest *e, void *ctx) {
  (void)ctx;
  char text[128];
  if (is(e, "/echo")) {
    tw_http_respond(e->sock, 200, "application/octet-stream", e->body, e->size);
    if (e->size > 0 && e->head[0] != 'P') /* still readable behind the answer */
      printf("the head has changed\n");
  } else if (is(e, "/method")) {
    respond_text(e->sock, e->method);
  } else if (is(e, "/header")) {
    if (tw_http_header(e, "x-ASKED", text, sizeof text) < 0)
      strcpy(text, tw_error_name(tw_last_error()));
    respond_text(e->sock, text);
  } else if (is(e, "/own")) {
    const tw_ws_field headers[] = {{"X-Own", "yes"}, {"Content-Type", "text/html"}};
    const tw_http_response response = {
        .status = 201, .reason = "Made", .headers = headers, .header_count = 2, .body = "<p>", .size = 3};
    tw_http_respond_with(e->sock, &response);
  } else if (is(e, "/parts")) {
    const tw_http_response response = {.status = 200, .body = "one ", .size = 4, .parts = true};
    tw_http_respond_with(e->sock, &response);
    streaming = e->sock;
  } else if (is(e, "/trailers")) {
    respond_with_trailers(e->sock, false);
  } else if (is(e, "/sized-trailers")) {
    respond_with_trailers(e->sock, true);
  } else if (is(e, "/later")) {
    waiting = e->sock;
  } else if (is(e, "/never")) {
    printf("held\n");
  } else if (is(e, "/twice")) {
    respond_text(e->sock, "once");
    respond_text(e->sock, "twice");
  } else if (is(e, "/bad-header")) {
    const tw_ws_field headers[] = {{"X-Bad", "line\r\nbreak"}};
    const tw_http_response response = {.status = 200, .headers = headers, .header_count = 1};
    if (tw_http_respond_with(e->sock, &response) < 0)
      respond_text(e->sock, tw_error_name(tw_last_error()));
  } else if (is(e, "/close")) {
    tw_net_close(e->sock);
  } else if (is(e, "/stop")) {
    tw_net_close(e->server);
    respond_text(e->sock, "stopping");
  } else if (is(e, "/chosen") && e->upgrade) {
    static const char *const protocols[] = {"b", "a"};
    static const tw_ws_field headers[] = {{"X-Own", "yes"}};
    const tw_ws_accept_options accept = {
        .protocols = protocols, .protocol_count = 2, .headers = headers, .header_count = 1, .max_message = 1000};
    if (tw_ws_accept(e->sock, &accept) < 0)
      printf("accept %s\n", tw_error_name(tw_last_error()));
  } else if ((is(e, "/deflate") || is(e, "/deflate-small")) && e->upgrade) {
    static const tw_ws_deflate_options usual = {.threshold = 1};
    static const tw_ws_deflate_options small = {.server_max_window_bits = 9,
                                                .client_max_window_bits = 9,
                                                .server_no_context_takeover = true,
                                                .client_no_context_takeover = true,
                                                .level = 1,
                                                .mem_level = 1,
                                                .threshold = 1};
    const tw_ws_accept_options accept = {.deflate = is(e, "/deflate") ? &usual : &small, .max_message = 4 << 20};
    if (tw_ws_accept(e->sock, &accept) < 0)
      printf("accept %s\n", tw_error_name(tw_last_error()));
    printf("compression %d\n", (int)tw_ws_compression(e->sock));
  } else if (is(e, "/refused") && e->upgrade) {
    tw_http_respond(e->sock, 403, NULL, NULL, 0);
  } else if (!e->upgrade) {
    tw_http_respond(e->sock, 404, NULL, NULL, 0);
  }
}

static void on_error(const HttpError *e, void *ctx) {
  (void)ctx;
  printf("error %s %u\n", tw_error_name(e->code), (unsigned)e->status);
}

static void on_ws_error(const WsError *e, void *ctx) {
  (void)ctx;
  printf("ws error %s\n", tw_error_name(e->code));
}

static void on_connected(const WsConnected *e, void *ctx) {
  (void)ctx;
  printf("connected\n");
  if (member_count < sizeof members / sizeof *members)
    members[member_count++] = e->conn;
  tw_set_user(e->conn, ctx); /* the same for each, to be compared at the end */
}

static void on_message(const WsMessage *e, void *ctx) {
  (void)ctx;
  if (!e->binary && strncmp(e->message, "all:", 4) == 0)
    printf("took %d\n", (int)tw_ws_broadcast(members, member_count, false, e->message, e->size, NULL));
  else if (e->binary)
    tw_ws_send_binary(e->conn, e->message, e->size);
  else
    tw_ws_send_text(e->conn, e->message, e->size);
}

static void on_disconnected(const WsDisconnected *e, void *ctx) {
  printf("disconnected %d %d\n", (int)e->code, tw_user(e->conn) == ctx);
  for (size_t i = 0; i < member_count; i++)
    if (members[i] == e->conn)
      members[i] = members[--member_count];
}

static void on_listening(const NetConnected *e, void *ctx) {
  (void)ctx;
  char address[TW_MAX_ADDRESS + 1];
  tw_net_local_addr(e->sock, address, sizeof address);
  printf("listening on %s\n", address);
}

static void on_signal(int number) {
  (void)number;
  stop = 1;
  tw_posix_wake();
}

static char *read_file(const char *path) {
  static char files[2][8192];
  static int count;
  FILE *file = fopen(path, "r");
  if (file == NULL || count == 2)
    exit(2);
  char *text = files[count++];
  text[fread(text, 1, sizeof files[0] - 1, file)] = 0;
  fclose(file);
  return text;
}

static void answer_later(void) {
  if (waiting > 0)
    respond_text(waiting, "at last");
  waiting = 0;
  if (streaming > 0) {
    tw_http_send_part(streaming, "two ", 4, false);
    tw_http_send_part(streaming, "three", 5, true);
  }
  streaming = 0;
}

int main(int argc, char **argv) {
  static tw_tls_options tls;
  static const tw_ws_accept_options accept = {.heartbeat_interval_ms = 60000, .heartbeat_timeout_ms = 1000};
  const tw_http_server_options options = {.max_body = 1 << 20, .timeout_ms = 60000, .web_sockets = &accept};
  setvbuf(stdout, NULL, _IOLBF, 0);
  signal(SIGTERM, on_signal);
  if (tw_posix_start(NULL) < 0)
    return 1;
  int32_t server = tw_http_listen("127.0.0.1", 0, &options);
  if (argc > 2) {
    tls = (tw_tls_options){.cert = read_file(argv[1]), .key = read_file(argv[2])};
    tw_net_set_tls(server, &tls);
  }
  tw_net_on(server, on_listening, NULL);
  tw_http_on(server, on_request, NULL);
  tw_http_on(server, on_error, NULL);
  tw_ws_on(server, on_connected, members);
  tw_ws_on(server, on_message, NULL);
  tw_ws_on(server, on_ws_error, NULL);
  tw_ws_on(server, on_disconnected, members);
  while (!stop) {
    tw_poll(TW_FOREVER);
    answer_later();
  }
  tw_runtime_exit(0);
  int32_t code = tw_runtime_keep_alive();
  tw_posix_stop();
  return (int)code;
}
