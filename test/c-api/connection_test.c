/* connection_test.c: connections and listeners over time: reconnecting, deadlines, keep-alive, headers, what was
 * accepted. */
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

static void on_error(const NetError *e, void *ctx) {
  (void)ctx;
  note(tw_error_name(e->code));
}

static void on_message_note(const WsMessage *e, void *ctx) {
  (void)ctx;
  note(e->message);
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

static int32_t other;

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

static void test_accepted(void) {
  start("accepted", false);
  int32_t listener = tw_net_tcp_listen(NULL, 0);
  CHECK(tw_net_set_tls(listener, NULL) == -1 && tw_last_error() == TW_ERR_ARGUMENT);
  CHECK(tw_net_set_tls(listener, &identity) == 0);
  uint32_t delivered = tw_handles_delivered(handles);
  tw_handles_deliver(handles, twc_connected(core, listener));
  CHECK(tw_handles_delivered(handles) == delivered + 1);
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

/* A connection that a listener accepted is the application's, also once it has ended. */
static void test_accepted_end(void) {
  tw_stats stats;
  start("accepted connection's end", false);
  int32_t listener = tw_net_tcp_listen(NULL, 0);
  CHECK(tw_net_on(listener, "accepted", on_accepted, NULL) == 0);
  tw_handles_deliver(handles, twc_connected(core, listener));
  int32_t sock = accept_one(listener);
  tw_net_on(sock, "disconnected", on_disconnected, NULL);
  tw_handles_deliver(handles, twc_connected(core, sock));
  CHECK(tw_handles_open_handles(handles) == 2);
  tw_handles_deliver(handles, twc_ended(core, sock));
  turn();
  CHECK(noted("accepted connected disconnected "));
  CHECK(tw_net_state(sock) == TW_STATE_CLOSED && tw_net_stats(sock, &stats) == 0);
  CHECK(tw_handles_open_handles(handles) == 2);
  CHECK(tw_net_close(sock) == 0 && tw_handles_open_handles(handles) == 1);
  CHECK(tw_net_close(sock) == -1 && tw_last_error() == TW_ERR_HANDLE);
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

void connection_tests(void) {
  run(test_retry_after_close);
  run(test_network_down);
  run(test_deadline_after_end);
  run(test_set_headers);
  run(test_accepted);
  run(test_accepted_end);
  run(test_accepted_web_socket);
  run(test_keep_alive);
  run(test_time);
  run(test_terminated);
}
