/* listener_test.c: adding and removing listeners, and what may be done inside one. */
#include <string.h>

#include "fixture.h"

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
  begin("ranges");
  tw_handles_options bad = {.listeners = 0};
  CHECK(tw_handles_need(&limits, &bad) == 0);
  bad = (tw_handles_options){.listeners = 1000001};
  CHECK(tw_handles_need(&limits, &bad) == 0);
  bad = (tw_handles_options){.listeners = 1, .message_size = 16 * 1024 * 1024 + 1};
  CHECK(tw_handles_need(&limits, &bad) == 0);
  tw_handles_host host = {.now_ms = now_ms};
  size_t need = tw_handles_need(&limits, &options);
  CHECK(need > 0 && need <= handles_room);
  core = twc_init(core_memory, handles_room, &limits, NULL);
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
  CHECK(noted("adds ")); /* what was added receives the next one */
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

void listener_tests(void) {
  run(test_ranges);
  run(test_order);
  run(test_names);
  run(test_table);
  run(test_changes_inside);
  run(test_table_churn_inside);
  run(test_close_inside);
  run(test_place_reused);
  run(test_counts);
}
