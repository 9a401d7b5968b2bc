/* The handle API in C, on a port that is none: listeners, what may be done inside them, and messages that come in
 * pieces, split everywhere. Ends with "N passed, M failed". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base64.h"
#include "stub_port.h"
#include "twinwire/host.h"

enum { ROOM = 1 << 20, NOTES = 4096 };

static unsigned wrong; /* checks of the test that is running */
static const char *current;

static void check_at(bool right, const char *what, int line) {
  if (!right)
    printf("%s, line %d: %s\n", current, line, what);
  wrong += !right;
}
#define CHECK(condition) check_at((condition), #condition, __LINE__)

/* ---- Handles on a core ---------------------------------------------------------------------------------------- */

static tw_limits limits;
static tw_handles_options options;
static _Alignas(16) uint8_t core_memory[ROOM];
static _Alignas(16) uint8_t handles_memory[ROOM];
static tw_core *core;
static tw_handles *handles;
static uint32_t now;
static unsigned resizes;
static unsigned live; /* what resize has given and not got back */
static unsigned resizes_allowed;
static char notes[NOTES];

static uint32_t now_ms(void *host) {
  (void)host;
  return now;
}

static void *resize(void *host, void *memory, size_t size) {
  (void)host;
  if (size == 0) {
    live -= memory != NULL;
    free(memory);
    return NULL;
  }
  if (resizes_allowed == 0)
    return NULL;
  resizes_allowed--;
  resizes++;
  live += memory == NULL;
  return realloc(memory, size);
}

static uint32_t openings;
static tw_keep_alive last_keep_alive;

static void count_opened(void *host, int32_t handle, uint32_t kind) {
  (void)host;
  openings += handle > 0 && kind > 0;
}

static void note_keep_alive(void *host, int32_t handle, const tw_keep_alive *keep_alive) {
  (void)host, (void)handle;
  last_keep_alive = *keep_alive;
}

static void start(const char *name, bool with_resize) {
  current = name;
  notes[0] = 0;
  stub = (stub_port){.arena = core_memory};
  resizes = 0;
  resizes_allowed = UINT32_MAX;
  core = twc_init(core_memory, sizeof core_memory, &limits, NULL);
  tw_handles_host host = {.now_ms = now_ms,
                          .resize = with_resize ? resize : NULL,
                          .opened = count_opened,
                          .set_keep_alive = note_keep_alive};
  handles = tw_handles_init(handles_memory, sizeof handles_memory, &limits, &options, core, &host);
  CHECK(core != NULL && handles != NULL);
  tw_handles_use(handles);
  tw_handles_tick(handles);
}

static void turn(void) {
  tw_handles_tick(handles);
  for (int i = 0; i < 100 && tw_handles_flush(handles); i++)
    tw_handles_tick(handles);
}

static void note(const char *text) {
  size_t at = strlen(notes);
  snprintf(notes + at, sizeof notes - at, "%s ", text);
}

static bool noted(const char *expected) {
  bool same = strcmp(notes, expected) == 0;
  if (!same)
    printf("noted \"%s\", not \"%s\"\n", notes, expected);
  notes[0] = 0;
  return same;
}

static void receive(int32_t handle, const void *data, uint32_t size) {
  memcpy(twc_rx_buffer(core), data, size);
  tw_handles_deliver(handles, twc_received(core, handle, size));
  tw_handles_flush(handles);
}

static int32_t open_tcp(void) {
  int32_t sock = tw_net_tcp_connect("192.0.2.1", 80);
  CHECK(sock > 0);
  return sock;
}

static int32_t connected_tcp(void) {
  int32_t sock = open_tcp();
  tw_handles_deliver(handles, twc_connected(core, sock));
  return sock;
}

/* ---- Listeners -------------------------------------------------------------------------------------------------- */

static void on_connected(const NetConnected *e, void *ctx) {
  (void)e;
  note(ctx == NULL ? "connected" : ctx);
}

static void on_data(const NetData *e, void *ctx) {
  (void)ctx;
  note(e->data);
  CHECK(strlen(e->data) == e->size);
}

static void on_disconnected(const NetDisconnected *e, void *ctx) {
  (void)ctx;
  note(e->clean ? "disconnected" : "lost");
}

static void test_ranges(void) {
  current = "ranges";
  tw_handles_options bad = {.listeners = 0};
  CHECK(tw_handles_need(&limits, &bad) == 0);
  bad = (tw_handles_options){.listeners = 1000001};
  CHECK(tw_handles_need(&limits, &bad) == 0);
  bad = (tw_handles_options){.listeners = 1, .message_size = 16 * 1024 * 1024 + 1};
  CHECK(tw_handles_need(&limits, &bad) == 0);
  tw_handles_host host = {.now_ms = now_ms};
  size_t need = tw_handles_need(&limits, &options);
  CHECK(need > 0 && need <= sizeof handles_memory);
  core = twc_init(core_memory, sizeof core_memory, &limits, NULL);
  CHECK(tw_handles_init(handles_memory, need - 1, &limits, &options, core, &host) == NULL);
  CHECK(tw_handles_init(handles_memory + 8, need, &limits, &options, core, &host) == NULL);
  CHECK(tw_handles_init(handles_memory, need, &limits, &options, NULL, &host) == NULL);
  CHECK(tw_handles_init(handles_memory, need, &limits, &options, core, &host) != NULL);
  tw_handles_use(NULL);
  CHECK(tw_net_tcp_connect("192.0.2.1", 80) == -1 && tw_last_error() == TW_ERR_STATE);
  CHECK(tw_ws_open("ws://192.0.2.1/") == -1 && tw_last_error() == TW_ERR_STATE);
  CHECK(tw_net_close(1) == -1 && tw_last_error() == TW_ERR_STATE);
  CHECK(tw_runtime_exit(0) == -1 && !tw_net_is_up());
}

static void test_order(void) {
  start("order", false);
  int32_t sock = open_tcp();
  char one[] = "one", two[] = "two";
  CHECK(tw_net_on(sock, "connected", on_connected, one) == 0);
  CHECK(tw_net_on(sock, on_connected, two) == 0);
  CHECK(noted(""));
  tw_handles_deliver(handles, twc_connected(core, sock));
  CHECK(noted("one two "));
  CHECK(tw_net_off(sock, on_connected, NULL) == -1 && tw_last_error() == TW_ERR_ARGUMENT); /* another ctx */
  CHECK(tw_net_off(sock, "connected", on_connected, one) == 0);
  CHECK(tw_net_off(sock, on_connected, one) == -1);
  tw_handles_deliver(handles, twc_ended(core, sock));
  CHECK(tw_net_off(sock, on_connected, two) == 0);
  CHECK(tw_net_off(sock, "connected", on_connected, NULL) == -1 && tw_last_error() == TW_ERR_ARGUMENT);
  CHECK(tw_handles_open_handles(handles) == 1);
  CHECK(tw_net_close(sock) == 0);
  CHECK(tw_handles_open_handles(handles) == 0);
}

static void on_message_note(const WsMessage *e, void *ctx) {
  (void)ctx;
  note(e->message);
}

static void test_names(void) {
  start("names", false);
  int32_t sock = open_tcp();
  CHECK(tw_net_on(sock, "data", on_connected, NULL) == -1 && tw_last_error() == TW_ERR_EVENT);
  CHECK(tw_net_on(sock, "datum", on_data, NULL) == -1 && tw_last_error() == TW_ERR_EVENT);
  CHECK(tw_net_on(sock, "dat", on_data, NULL) == -1 && tw_last_error() == TW_ERR_EVENT);
  CHECK(tw_net_on(sock, "", on_data, NULL) == -1 && tw_last_error() == TW_ERR_EVENT);
  CHECK(tw_net_on(sock, "data", (void (*)(const NetData *, void *))NULL, NULL) == -1);
  CHECK(tw_last_error() == TW_ERR_ARGUMENT);
  CHECK(tw_ws_on(sock, "message", on_message_note, NULL) == -1 && tw_last_error() == TW_ERR_HANDLE);
  int32_t udp = tw_net_udp_open(0);
  CHECK(tw_net_on(udp, "data", on_data, NULL) == -1 && tw_last_error() == TW_ERR_EVENT);
  CHECK(tw_net_on(udp, on_data, NULL) == -1 && tw_last_error() == TW_ERR_EVENT);
  CHECK(tw_net_send(udp, "x", 1) == -1 && tw_last_error() == TW_ERR_HANDLE);
  CHECK(TW_EVENT_SIG_NetData == twc_signature("NetData{data:string}", 20));
  CHECK(strcmp(tw_error_name(TW_ERR_REFUSED), "ERR_REFUSED") == 0 && tw_error_name(1)[0] == 0);
  CHECK(tw_error_name(-1000)[0] == 0 && tw_error_text(TW_ERR_LIMIT)[0] != 0 && tw_error_advice(TW_ERR_LIMIT)[0] != 0);
}

static void test_table(void) {
  start("table", false);
  int32_t first = open_tcp();
  int32_t second = open_tcp();
  for (uint32_t i = 0; i < options.listeners; i++)
    CHECK(tw_net_on(i % 2 == 0 ? first : second, "connected", on_connected, NULL) == 0);
  CHECK(tw_net_on(first, "connected", on_connected, NULL) == -1 && tw_last_error() == TW_ERR_MEMORY);
  CHECK(tw_net_off(second, "connected", on_connected, NULL) == 0);
  CHECK(tw_net_on(first, "connected", on_connected, NULL) == 0);
  tw_net_close(second); /* it had not been open: no event will come */
  turn();
  uint32_t free_again = options.listeners / 2 - 1;
  for (uint32_t i = 0; i < free_again; i++)
    CHECK(tw_net_on(first, "data", on_data, NULL) == 0);
  CHECK(tw_net_on(first, "connected", on_connected, NULL) == -1);
}

/* ---- What listeners do ------------------------------------------------------------------------------------------ */

static int32_t other;

static void adds_one(const NetData *e, void *ctx) {
  (void)ctx;
  note("adds");
  CHECK(tw_net_on(e->sock, "data", on_data, NULL) == 0);
  CHECK(tw_net_off(e->sock, "data", adds_one, NULL) == 0);
}

static void takes_next_off(const NetData *e, void *ctx) {
  (void)ctx;
  note("takes");
  tw_net_off(e->sock, "data", on_data, NULL);
}

static void test_changes_inside(void) {
  start("changes inside", false);
  int32_t sock = connected_tcp();
  tw_net_on(sock, "data", adds_one, NULL);
  receive(sock, "a", 1);
  CHECK(noted("adds ")); /* what was added hears of the next one */
  receive(sock, "b", 1);
  CHECK(noted("b "));
  tw_net_off(sock, "data", on_data, NULL);
  tw_net_on(sock, "data", takes_next_off, NULL);
  tw_net_on(sock, "data", on_data, NULL);
  receive(sock, "c", 1);
  CHECK(noted("takes "));
  receive(sock, "d", 1);
  CHECK(noted("takes "));
}

static void adds_and_removes(const NetData *e, void *ctx) {
  (void)ctx;
  for (uint32_t i = 0; i < 4 * options.listeners; i++) {
    CHECK(tw_net_on(e->sock, "data", on_data, NULL) == 0);
    CHECK(tw_net_off(e->sock, "data", on_data, NULL) == 0);
  }
  CHECK(tw_net_on(e->sock, "data", on_data, NULL) == 0);
  CHECK(tw_net_off(e->sock, "data", adds_and_removes, NULL) == 0);
  note("churned");
}

static void test_table_churn_inside(void) {
  start("table churn inside a listener", false);
  int32_t sock = connected_tcp();
  tw_net_on(sock, "data", adds_and_removes, NULL);
  receive(sock, "a", 1);
  CHECK(noted("churned "));
  receive(sock, "b", 1);
  CHECK(noted("b "));
}

static void closes(const NetData *e, void *ctx) {
  (void)ctx;
  note("closes");
  CHECK(tw_net_close(e->sock) == 0);
  CHECK(tw_net_send(e->sock, "x", 1) == -1 && tw_last_error() == TW_ERR_HANDLE);
  CHECK(tw_net_state(e->sock) == TW_STATE_CLOSED);
}

static void test_close_inside(void) {
  start("close inside", false);
  int32_t sock = connected_tcp();
  tw_net_on(sock, "data", closes, NULL);
  tw_net_on(sock, "data", on_data, NULL);
  tw_net_on(sock, "disconnected", on_disconnected, NULL);
  receive(sock, "a", 1);
  CHECK(noted("closes disconnected ")); /* the other listener of "data" is not called */
  CHECK(tw_handles_open_handles(handles) == 0);
}

static int32_t last_retry;

static void keeps_retry(const NetDisconnected *e, void *ctx) {
  (void)ctx;
  last_retry = e->retry_ms;
}

static void closes_on_error(const NetError *e, void *ctx) {
  (void)ctx;
  CHECK(e->retry_ms == 50);
  CHECK(tw_net_close(e->sock) == 0);
}

static void test_retry_after_close(void) {
  start("no retry is announced after a close", false);
  for (int closes_it = 0; closes_it < 2; closes_it++) {
    int32_t sock = connected_tcp();
    tw_net_set_auto_reconnect(sock, true);
    tw_net_set_reconnect_delays_ms(sock, (uint32_t[]){50}, 1);
    if (closes_it)
      tw_net_on(sock, "error", closes_on_error, NULL);
    tw_net_on(sock, "disconnected", keeps_retry, NULL);
    last_retry = 0;
    tw_handles_deliver(handles, twc_closed(core, sock, TW_ERR_RESET));
    CHECK(last_retry == (closes_it ? -1 : 50));
    tw_net_close(sock);
  }
}

/* While the network is down nothing is tried and no schedule is used up. */
static void test_network_down(void) {
  static const uint32_t delays[] = {100, 200, 60000};
  start("network down", false);
  int32_t sock = connected_tcp();
  CHECK(tw_net_set_reconnect_delays_ms(sock, delays, 3) == 0 && tw_net_set_auto_reconnect(sock, true) == 0);
  tw_handles_deliver(handles, twc_network(core, 0));
  tw_handles_deliver(handles, twc_closed(core, sock, TW_ERR_NETWORK_DOWN));
  uint32_t opens = stub.opens;
  now += 3600 * 1000;
  turn();
  CHECK(stub.opens == opens && twc_wait(core) == TW_FOREVER && tw_net_state(sock) == TW_STATE_CONNECTING);
  tw_handles_deliver(handles, twc_network(core, 1));
  now += 1;
  turn();
  CHECK(stub.opens == opens + 1);
  tw_handles_deliver(handles, twc_closed(core, sock, TW_ERR_REFUSED));
  CHECK(twc_wait(core) == 200);
  tw_handles_deliver(handles, twc_network(core, 0)); /* one that waits already */
  now += 1000;
  turn();
  CHECK(stub.opens == opens + 1);
  tw_handles_deliver(handles, twc_network(core, 1));
  now += 1;
  turn();
  CHECK(stub.opens == opens + 2);
  tw_handles_deliver(handles, twc_closed(core, sock, TW_ERR_REFUSED));
  CHECK(twc_wait(core) == 60000);
  tw_handles_deliver(handles, twc_network(core, 1)); /* another interface is up, too: it may lead there */
  now += 1;
  turn();
  CHECK(stub.opens == opens + 3);
  tw_handles_deliver(handles, twc_network(core, 0));
  CHECK(tw_net_set_auto_reconnect(sock, false) == 0 && tw_net_close(sock) == 0);
}

static void test_deadline_after_end(void) {
  start("no deadline for a connection that has ended", false);
  int32_t sock = connected_tcp();
  CHECK(tw_net_set_deadline(sock, TW_DEADLINE_READ, 10) == 0);
  tw_handles_deliver(handles, twc_closed(core, sock, 0));
  CHECK(tw_net_set_deadline(sock, TW_DEADLINE_READ, 10) == -1 && tw_last_error() == TW_ERR_STATE);
  CHECK(tw_net_set_deadline(sock, TW_DEADLINE_READ, 0) == 0);
}

static void on_error(const NetError *e, void *ctx) {
  (void)ctx;
  note(tw_error_name(e->code));
}

static void reopens(const NetError *e, void *ctx) {
  (void)ctx;
  note("reopens");
  tw_net_close(e->sock);
  for (uint32_t i = 0; i < limits.sockets; i++) {
    other = tw_net_tcp_connect("192.0.2.1", 80);
    if (other > 0)
      CHECK(tw_net_on(other, "connected", on_connected, NULL) == 0 && tw_net_on(other, "data", on_data, NULL) == 0 &&
            tw_net_on(other, "error", on_error, NULL) == 0);
  }
}

static void test_place_reused(void) {
  start("place reused", false);
  int32_t sock = open_tcp();
  tw_net_on(sock, "connected", on_connected, NULL);
  tw_net_on(sock, "error", reopens, NULL);
  tw_net_on(sock, "error", on_error, NULL);
  tw_handles_deliver(handles, twc_closed(core, sock, TW_ERR_REFUSED));
  CHECK(noted("reopens ")); /* and nobody who listens to the one that has its place now */
  turn();
  CHECK(tw_handles_open_handles(handles) == limits.sockets || tw_handles_open_handles(handles) == limits.sockets - 1);
  tw_handles_deliver(handles, twc_connected(core, other));
  CHECK(noted("connected "));
}

static void test_counts(void) {
  start("counts", false);
  for (int round = 0; round < 200; round++) {
    int32_t a = open_tcp();
    int32_t b = open_tcp();
    CHECK(tw_handles_open_handles(handles) == 2);
    tw_net_close(a);
    int32_t c = open_tcp(); /* may take the place at once */
    tw_net_close(c);
    tw_net_close(b);
    CHECK(tw_handles_open_handles(handles) == 0);
  }
}

static bool written_has(const char *text) {
  size_t size = strlen(text);
  for (size_t at = 0; at + size <= stub.written_size; at++)
    if (memcmp(stub.written + at, text, size) == 0)
      return true;
  return false;
}

/* Headers are replaced whole or not at all. */
static void test_set_headers(void) {
  start("set headers", false);
  static const tw_ws_field old = {"X-Token", "old"};
  static const tw_ws_field fresh[] = {{"X-Token", "fresh"}, {"X-More", "1"}};
  static const tw_ws_field bad[] = {{"X-Token", "fresh"}, {"Bad Name", "1"}};
  static const tw_ws_field reserved[] = {{"X-Token", "fresh"}, {"Host", "1"}};
  for (int replace = 0; replace < 2; replace++) {
    int32_t conn = tw_ws_open_with("ws://192.0.2.1/", &(tw_ws_options){.headers = &old, .header_count = 1});
    CHECK(conn > 0);
    CHECK(tw_ws_set_headers(conn, bad, 2) == -1 && tw_last_error() == TW_ERR_HEADER);
    CHECK(tw_ws_set_headers(conn, reserved, 2) == -1 && tw_last_error() == TW_ERR_HEADER);
    CHECK(tw_ws_set_headers(conn, &(tw_ws_field){NULL, NULL}, 1) == -1 && tw_last_error() == TW_ERR_HEADER);
    if (replace)
      CHECK(tw_ws_set_headers(conn, fresh, 2) == 0);
    stub.written_size = 0;
    tw_handles_deliver(handles, twc_connected(core, conn));
    turn();
    CHECK(written_has("\r\nX-Token: old\r\n") != (replace == 1));
    CHECK(written_has("\r\nX-Token: fresh\r\nX-More: 1\r\n") == (replace == 1));
    CHECK(tw_ws_close(conn) == 0);
  }
}

/* ---- Servers ---- */

static const tw_tls_options identity = {.cert = "cert", .key = "key"};

static void on_accepted(const NetAccepted *e, void *ctx) {
  note("accepted");
  other = e->sock;
  if (ctx != NULL)
    CHECK(tw_net_close(e->sock) == 0);
  else
    CHECK(tw_net_on(e->sock, "connected", on_connected, NULL) == 0);
}

static int32_t accept_one(int32_t listener) {
  int32_t sock = twc_accepted(core, listener);
  CHECK(sock > 0);
  tw_handles_deliver(handles, twc_pump(core));
  return sock;
}

static void test_accepted(void) {
  start("accepted", false);
  int32_t listener = tw_net_tcp_listen(NULL, 0);
  CHECK(tw_net_set_tls(listener, NULL) == -1 && tw_last_error() == TW_ERR_ARGUMENT);
  CHECK(tw_net_set_tls(listener, &identity) == 0);
  uint32_t told = tw_handles_delivered(handles);
  tw_handles_deliver(handles, twc_connected(core, listener));
  CHECK(tw_handles_delivered(handles) == told + 1);
  int32_t nobody = accept_one(listener);
  CHECK(tw_net_state(nobody) == TW_STATE_CLOSED &&
        tw_handles_open_handles(handles) == 1); /* nobody listens: it is closed */
  CHECK(tw_net_on(listener, "accepted", on_accepted, &limits) == 0);
  int32_t unwanted = accept_one(listener);
  CHECK(noted("accepted ") && unwanted == other && tw_handles_open_handles(handles) == 1);
  tw_handles_deliver(handles, twc_connected(core, unwanted)); /* the host does not know yet */
  CHECK(noted(""));
  CHECK(tw_net_off(listener, on_accepted, &limits) == 0);
  CHECK(tw_net_on(listener, on_accepted, NULL) == 0);
  int32_t sock = accept_one(listener);
  CHECK(tw_handles_accepted(handles, sock) && tw_handles_tls(handles, sock) == &identity &&
        !tw_handles_accepted(handles, listener));
  tw_handles_deliver(handles, twc_connected(core, sock));
  CHECK(noted("accepted ")); /* TLS comes first */
  tw_handles_deliver(handles, twc_secured(core, sock));
  CHECK(noted("connected "));
  CHECK(tw_net_set_auto_reconnect(sock, true) == -1 && tw_last_error() == TW_ERR_HANDLE);
  CHECK(tw_net_close(listener) == 0 && tw_net_state(sock) == TW_STATE_OPEN);
  char target[8] = "x";
  CHECK(tw_net_target(sock, target, sizeof target) == 0 && target[0] == 0);
}

static void test_keep_alive(void) {
  start("keep-alive", false);
  openings = 0;
  int32_t listener = tw_net_tcp_listen(NULL, 0);
  CHECK(openings == 1 && tw_net_set_keep_alive(listener, 60, 5, 2) == 0);
  tw_handles_deliver(handles, twc_connected(core, listener));
  CHECK(tw_net_on(listener, "accepted", on_accepted, NULL) == 0);
  int32_t sock = accept_one(listener);
  CHECK(openings == 2 && tw_handles_keep_alive(handles, sock)->idle_s == 60 &&
        tw_handles_keep_alive(handles, sock)->count == 2);
  tw_handles_deliver(handles, twc_connected(core, sock));
  CHECK(tw_net_set_keep_alive(sock, 10, 0, 3) == -1 && tw_last_error() == TW_ERR_ARGUMENT);
  CHECK(tw_net_set_keep_alive(sock, 65536, 1, 1) == -1 && tw_last_error() == TW_ERR_ARGUMENT);
  CHECK(tw_net_set_keep_alive(sock, 10, 2, 3) == 0 && last_keep_alive.idle_s == 10 && last_keep_alive.interval_s == 2);
  CHECK(tw_net_set_keep_alive(sock, 0, 0, 0) == 0 && tw_handles_keep_alive(handles, sock)->idle_s == 0);
  CHECK(tw_net_set_keep_alive(tw_net_udp_open(0), 1, 1, 1) == -1 && tw_last_error() == TW_ERR_HANDLE);
  CHECK(tw_handles_keep_alive(handles, -1)->idle_s == 0);
  notes[0] = 0;
}

/* Who holds the core can make a WebSocket of what was accepted, but here it stays a TCP connection. */
static void test_accepted_web_socket(void) {
  static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  start("accepted WebSocket", false);
  int32_t listener = tw_net_tcp_listen(NULL, 0);
  CHECK(tw_net_on(listener, "accepted", on_accepted, NULL) == 0);
  tw_handles_deliver(handles, twc_connected(core, listener));
  int32_t sock = accept_one(listener);
  tw_net_on(sock, "data", on_data, NULL);
  tw_net_on(sock, "disconnected", on_disconnected, NULL);
  tw_handles_deliver(handles, twc_connected(core, sock));
  CHECK(twc_http_read(core, sock, 0, 0) == 0);
  receive(sock, head, sizeof head - 1);
  CHECK(twc_ws_accept(core, sock, head, sizeof head - 1, "", 0, "", 0, 0, 0) == 0);
  CHECK(noted("accepted connected "));
  receive(sock, "\x01\x81\0\0\0\0a", 7); /* in pieces, which would be joined */
  receive(sock, "\x89\x80\0\0\0\0", 6);
  receive(sock, "\x80\x81\0\0\0\0b", 7);
  CHECK(tw_ws_on(sock, "message", on_message_note, NULL) == -1 && tw_last_error() == TW_ERR_HANDLE);
  CHECK(tw_net_state(sock) == TW_STATE_OPEN && noted(""));
  tw_handles_deliver(handles, twc_closed(core, sock, TW_ERR_RESET));
  CHECK(noted("lost "));
}

/* ---- Time ------------------------------------------------------------------------------------------------------- */

static void test_time(void) {
  start("time", false);
  now += 3600000; /* the application did something else for an hour, and turned no loop */
  int32_t sock = open_tcp();
  tw_net_on(sock, "error", on_error, NULL);
  now += limits.connectTimeoutMs - 1;
  turn();
  CHECK(noted(""));
  now += 1;
  turn();
  CHECK(noted("ERR_TIMEOUT "));
  CHECK(tw_net_set_reconnect_delays(sock, (uint32_t[]){86401}, 1) == -1);
  CHECK(tw_net_set_reconnect_delays(sock, (uint32_t[]){86400}, 1) == 0);
  CHECK(tw_net_set_reconnect_delays_ms(sock, (uint32_t[]){86400001}, 1) == -1);
  CHECK(tw_net_set_reconnect_delays(sock, NULL, 1) == -1 &&
        tw_net_set_reconnect_delays(sock, (uint32_t[]){1}, 0) == -1);
}

/* ---- Bytes ------------------------------------------------------------------------------------------------------ */

static void on_datagram(const NetDatagram *e, void *ctx) {
  (void)ctx;
  CHECK(strlen(e->data) == e->size && strcmp(e->addr, "192.0.2.7") == 0 && e->port == 9);
  note("datagram");
}

static void test_terminated(void) {
  start("terminated", false);
  int32_t udp = tw_net_udp_open(0);
  tw_net_on(udp, "datagram", on_datagram, NULL);
  memset(twc_rx_buffer(core), 'x', limits.recvBuffer); /* to the last byte of the buffer */
  memcpy(twc_rx_address(core), "192.0.2.7", 9);
  tw_handles_deliver(handles, twc_datagram(core, udp, limits.recvBuffer, 9, 9));
  CHECK(noted("datagram "));
  char text[6];
  CHECK(tw_net_local_addr(udp, text, sizeof text) == 5 && strcmp(text, "192.0") == 0);
  CHECK(tw_net_local_addr(udp, text, 0) == -1 && tw_net_local_addr(udp, NULL, 9) == -1);
  CHECK(tw_net_udp_send_to(udp, "", 9, "x", 1) == -1 && tw_last_error() == TW_ERR_ADDRESS);
  CHECK(tw_net_udp_send_to(udp, NULL, 9, "x", 1) == -1 && tw_net_tcp_connect(NULL, 80) == -1);
}

/* ---- Messages --------------------------------------------------------------------------------------------------- */

static char heard[4096];
static uint32_t heard_size;
static unsigned parts, firsts, finals;
static bool in_order;

static void on_message(const WsMessage *e, void *ctx) {
  (void)ctx;
  CHECK(e->message[e->size] == 0);
  memcpy(heard + heard_size, e->message, e->size);
  heard_size += e->size;
  in_order = in_order && e->first == (parts == 0) && finals == 0;
  parts++;
  firsts += e->first;
  finals += e->final;
}

/* The answer to the handshake that was just written, RFC 6455 4.2.2. */
static void answer(int32_t conn) {
  stub.written[stub.written_size] = 0;
  const char *key = strstr((const char *)stub.written, "Sec-WebSocket-Key: ");
  char text[128];
  uint8_t digest[20];
  char accept[32] = {0};
  snprintf(text, sizeof text, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key == NULL ? "" : key + 19);
  twc_sha1(text, (uint32_t)strlen(text), digest);
  twc_base64(digest, 20, accept);
  char head[256];
  snprintf(head, sizeof head,
           "HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
  for (uint32_t at = 0; head[at] != 0; at++)
    receive(conn, head + at, 1);
}

static int32_t open_ws(void) {
  int32_t conn = tw_ws_open("ws://192.0.2.1/");
  CHECK(conn > 0);
  tw_handles_deliver(handles, twc_connected(core, conn));
  tw_handles_flush(handles);
  answer(conn);
  CHECK(tw_ws_state(conn) == TW_STATE_OPEN);
  tw_ws_on(conn, "message", on_message, NULL);
  return conn;
}

/* A text in two frames, cut at `cut`, which come in pieces of `piece` bytes. */
static void send_message(int32_t conn, const char *text, uint32_t size, uint32_t cut, uint32_t piece) {
  uint8_t bytes[1024];
  uint32_t at = 0;
  bytes[at++] = 0x01;
  bytes[at++] = (uint8_t)cut;
  memcpy(bytes + at, text, cut);
  at += cut;
  bytes[at++] = 0x80;
  bytes[at++] = (uint8_t)(size - cut);
  memcpy(bytes + at, text + cut, size - cut);
  at += size - cut;
  heard_size = parts = firsts = finals = 0;
  in_order = true;
  for (uint32_t from = 0; from < at; from += piece)
    receive(conn, bytes + from, at - from < piece ? at - from : piece);
}

static bool heard_whole(const char *text, uint32_t size) {
  return heard_size == size && memcmp(heard, text, size) == 0 && firsts == 1 && finals == 1 && in_order;
}

static void test_messages(void) {
  static const char text[] = "Franz jagt im komplett verwahrlosten Taxi quer durch Bayern, 38 Grad";
  const uint32_t size = sizeof text - 1;
  static char lent[256];
  enum { RESIZE, SIZED, LENT, TIGHT, PARTS, REFUSED, WAYS };
  for (int way = 0; way < WAYS; way++) {
    options.message_size = way == SIZED ? size + 1 : way == TIGHT ? size : 0;
    start("messages", way == RESIZE || way == REFUSED);
    int32_t conn = open_ws();
    if (way == LENT)
      CHECK(tw_ws_set_buffer(conn, lent, sizeof lent) == 0);
    if (way == PARTS)
      CHECK(tw_ws_set_parts(conn, true) == 0);
    for (uint32_t cut = 0; cut <= size; cut++)
      for (uint32_t piece = 1; piece <= size + 4; piece += piece < 10 ? 1 : 9) {
        resizes_allowed = way == REFUSED ? piece % 2 : UINT32_MAX;
        send_message(conn, text, size, cut, piece);
        CHECK(heard_whole(text, size));
        if (way == RESIZE || way == SIZED || way == LENT)
          CHECK(parts == 1);
        if (way == TIGHT && cut > 0 && cut < size)
          CHECK(parts > 1); /* there is no byte for the NUL */
        CHECK(live == 0);
      }
    if (way == RESIZE)
      CHECK(resizes > 0);
    tw_handles_release(handles);
  }
  options.message_size = 0;
}

/* More messages in one piece than there are records: what lies behind one is parsed after it was told. */
static void on_silence(const WsError *e, void *ctx) {
  (void)ctx;
  note(tw_error_name(e->code));
}

static void test_heartbeat(void) {
  start("heartbeat", false);
  int32_t conn = open_ws();
  CHECK(tw_ws_set_heartbeat(conn, 100, 0) == -1 && tw_last_error() == TW_ERR_ARGUMENT);
  CHECK(tw_ws_set_heartbeat(99, 100, 50) == -1 && tw_last_error() == TW_ERR_HANDLE);
  CHECK(tw_ws_set_heartbeat(conn, 100, 50) == 0 && tw_ws_on(conn, "error", on_silence, NULL) == 0);
  now += 100;
  stub.written_size = 0;
  turn();
  CHECK(stub.written_size == 6 && stub.written[0] == 0x89); /* a masked ping without payload */
  now += 50;
  turn();
  CHECK(noted("ERR_HEARTBEAT "));
}

static void test_many_messages(void) {
  start("many messages", false);
  int32_t conn = open_ws();
  uint8_t bytes[600];
  for (uint32_t i = 0; i < 200; i++)
    memcpy(bytes + 3 * (size_t)i, (uint8_t[]){0x81, 0x01, (uint8_t)('a' + i % 26)}, 3);
  heard_size = 0;
  receive(conn, bytes, sizeof bytes);
  CHECK(heard_size == 200);
  for (uint32_t i = 0; i < 200; i++)
    CHECK(heard[i] == (char)('a' + i % 26));
}

static void test_message_dropped(void) {
  start("message dropped", true);
  int32_t conn = open_ws();
  receive(conn, "\x01\x05hal", 5);
  CHECK(live == 1);
  CHECK(tw_ws_set_parts(conn, true) == -1 && tw_last_error() == TW_ERR_STATE);
  CHECK(tw_ws_set_buffer(conn, NULL, 0) == -1);
  tw_handles_deliver(handles, twc_closed(core, conn, TW_ERR_RESET));
  CHECK(live == 0);
  int32_t again = open_ws();
  receive(again, "\x01\x05hal", 5);
  CHECK(tw_ws_close(again) == 0);
  tw_handles_deliver(handles, twc_closed(core, again, 0));
  turn();
  CHECK(live == 0);
}

/* ---- Anything in any order ------------------------------------------------------------------------------------- */

static uint32_t seed = 1;
static uint32_t random_below(uint32_t below) {
  seed = seed * 1664525 + 1013904223;
  return (seed >> 8) % below;
}

static void anything(int32_t handle);

static void on_any_data(const NetData *e, void *ctx) {
  (void)ctx;
  anything(e->sock);
}
static void on_any_end(const NetDisconnected *e, void *ctx) {
  (void)ctx;
  anything(e->sock);
}
static void on_any_message(const WsMessage *e, void *ctx) {
  (void)ctx;
  anything(e->conn);
}

static int32_t known[32];

static void anything(int32_t handle) {
  int32_t *place = &known[random_below(32)];
  switch (random_below(10)) {
  case 0:
    *place = tw_net_tcp_connect("192.0.2.1", 80);
    break;
  case 1:
    *place = tw_ws_open("ws://192.0.2.1/");
    break;
  case 2:
    tw_net_close(*place);
    break;
  case 3:
    tw_ws_close(*place);
    break;
  case 4:
    tw_net_on(*place, "data", on_any_data, NULL);
    break;
  case 5:
    tw_net_off(*place, "data", on_any_data, NULL);
    tw_ws_off(*place, on_any_message, NULL);
    break;
  case 6:
    tw_net_on(*place, "disconnected", on_any_end, NULL);
    break;
  case 7:
    tw_ws_on(*place, "message", on_any_message, NULL);
    break;
  case 8:
    tw_net_close(handle);
    tw_ws_close(handle);
    break;
  default:
    tw_net_send(*place, "hello", 5);
    tw_net_set_auto_reconnect(*place, true);
    break;
  }
}

static void test_anything(void) {
  start("anything", true);
  for (int i = 0; i < 200000; i++) {
    int32_t handle = known[random_below(32)];
    switch (random_below(7)) {
    case 0:
      tw_handles_deliver(handles, twc_connected(core, handle));
      break;
    case 1:
      receive(handle, "\x81\x03yes", 5);
      break;
    case 2:
      tw_handles_deliver(handles, twc_closed(core, handle, random_below(2) == 0 ? 0 : TW_ERR_RESET));
      break;
    case 3:
      tw_handles_deliver(handles, twc_ended(core, handle));
      break;
    case 4:
      now += random_below(2000);
      turn();
      break;
    default:
      anything(handle);
      if (random_below(2) == 0)
        turn();
      break;
    }
  }
  for (int32_t handle = 1; handle < 1 << 30 && tw_handles_open_handles(handles) > 0; handle = 1 << 30)
    tw_runtime_exit(0);
  now += limits.closeTimeoutMs;
  turn();
  now += limits.closeTimeoutMs;
  turn();
  CHECK(tw_handles_open_handles(handles) == 0);
  int32_t sock = open_tcp();
  uint32_t fit = 0;
  while (tw_net_on(sock, "data", on_data, NULL) == 0)
    fit++;
  CHECK(fit == options.listeners); /* none was lost */
}

/* The host's part of runtime.c; no test turns the loop by it. */
int32_t tw_poll(uint32_t ms) {
  (void)ms;
  return tw_handles_refuse(TW_ERR_STATE);
}

int main(void) {
  static void (*const tests[])(void) = {
      test_ranges,
      test_order,
      test_names,
      test_table,
      test_changes_inside,
      test_table_churn_inside,
      test_retry_after_close,
      test_network_down,
      test_deadline_after_end,
      test_set_headers,
      test_close_inside,
      test_place_reused,
      test_counts,
      test_accepted,
      test_accepted_web_socket,
      test_keep_alive,
      test_heartbeat,
      test_time,
      test_terminated,
      test_messages,
      test_many_messages,
      test_message_dropped,
      test_anything,
  };
  const unsigned count = sizeof tests / sizeof *tests;
  unsigned failed = 0;
  limits = (tw_limits)TW_LIMITS_ESP32;
  options = (tw_handles_options){.listeners = 24};
  for (unsigned i = 0; i < count; i++) {
    wrong = 0;
    tests[i]();
    failed += wrong > 0;
  }
  printf("%u passed, %u failed\n", count - failed, failed);
  return failed == 0 ? 0 : 1;
}
