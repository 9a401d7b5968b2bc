/* deflate_receive_test.c: compressed messages that are received, whole and in parts, broken and too large, by clients
 * and by servers. */
#include <string.h>

#include "deflate_library.h"

static void test_receive(void) {
  static const char pairs[] = "\x60y\x60y\x60y\x60y\x60y"; /* 480 bytes */
  const uint8_t size = sizeof pairs - 1;
  static char lent[512];
  enum { RESIZE, LENT, PARTS, REFUSED, WAYS };
  for (int way = 0; way < WAYS; way++) {
    start_with_library("receiving compressed");
    int32_t conn = open_compressed();
    if (way == LENT)
      CHECK(tw_ws_set_buffer(conn, lent, sizeof lent) == 0);
    if (way == PARTS)
      CHECK(tw_ws_set_parts(conn, true) == 0);
    receive_frame(conn, BINARY, pairs, size); /* in one piece */
    CHECK(received_run('y', 480) && parts == 1);
    resizes_allowed = way == REFUSED ? 0 : UINT32_MAX;
    for (uint8_t cut = 0; cut <= size; cut++) {
      reset_received();
      receive_frame(conn, BEGIN, pairs, cut);
      receive_frame(conn, GO_ON, "", 0);
      receive_frame(conn, END, pairs + cut, size - cut);
      CHECK(received_run('y', 480));
      CHECK(way == RESIZE || way == LENT ? parts == 1 : parts >= 1);
    }
    stop();
  }
}

static void test_order(void) {
  static const char bytes[] = "\xc1\x02\x02"
                              "a\x81\x01"
                              "b\xc1\x00\xc1\x03\x02"
                              "c\xfe\xc1\x02\x01"
                              "d";
  start_with_library("compressed and other messages in order");
  int32_t conn = open_compressed();
  receive(conn, bytes, sizeof bytes - 1);
  CHECK(received_size == 6 && memcmp(received_text, "aabccd", 6) == 0 && parts == 5 && finals == 5);
  CHECK(library.open == 1); /* one that keeps its context */
  tw_handles_deliver(handles, twc_closed(core, conn, TW_ERR_RESET));
  CHECK(noted("ERR_RESET lost "));
  CHECK(library.open == 0);
  stop();
}

/* A message that inflates to more than a piece, and to the last byte that is allowed. */
static void test_most(void) {
  const uint32_t most = 3 * 65536;
  uint32_t usual = limits.maxMessage, unfinished = limits.maxUnfinished;
  uint8_t pairs[124];
  memset(pairs, 'x', sizeof pairs);
  for (unsigned i = 0; i < sizeof pairs; i += 2)
    pairs[i] = 128; /* 62 * 128 bytes a frame */
  for (int over = 0; over < 2; over++) {
    limits.maxMessage = most;
    limits.maxUnfinished = 4 * most;
    start_with_library("the size that a message may inflate to");
    int32_t conn = open_compressed();
    tw_ws_set_parts(conn, over == 1);
    uint32_t whole = most / (62 * 128);
    for (uint32_t i = 0; i < whole; i++)
      receive_frame(conn, i == 0 ? BEGIN : GO_ON, pairs, sizeof pairs);
    uint32_t rest = (most - whole * 62 * 128) / 128;
    receive_frame(conn, GO_ON, pairs, (uint8_t)(2 * rest));
    CHECK(over == 1 ? received_size == most : received_size == 0);
    stub.written_size = 0;
    receive_frame(conn, END, over ? "\x01x" : "", over ? 2 : 0);
    if (over) {
      tw_handles_flush(handles);
      CHECK(noted("ERR_WS_TOO_BIG ") && stub.written[0] == 0x88);
      CHECK(finals == 0 && received_size == most);
      CHECK(tw_ws_send(conn, "late") == -1 && tw_last_error() == TW_ERR_HANDLE);
    } else {
      CHECK(received_run('x', most) && parts == 1);
    }
    stop();
  }
  limits.maxMessage = usual;
  limits.maxUnfinished = unfinished;
}

/* Few bytes that would be many: no more than a message may have is ever kept. */
static void test_bomb(void) {
  uint8_t bomb[124];
  memset(bomb, 0x7f, sizeof bomb); /* 62 * 127 bytes a frame */
  start_with_library("a bomb");
  int32_t conn = open_compressed();
  receive_frame(conn, BEGIN, bomb, sizeof bomb);
  receive_frame(conn, GO_ON, bomb, sizeof bomb);
  CHECK(noted("") && limits.maxMessage == 16384);
  receive_frame(conn, GO_ON, bomb, sizeof bomb);
  CHECK(noted("ERR_WS_TOO_BIG ") && received_size == 0);
  receive_frame(conn, END, bomb, sizeof bomb);
  CHECK(noted(""));
  tw_handles_deliver(handles, twc_closed(core, conn, 0));
  CHECK(received_size == 0);
  stop();
}

static void test_broken(void) {
  const struct {
    const char *bytes;
    const char *error;
    uint16_t code;
    uint8_t size;
  } cases[] = {{"\x02\x61\xfd", "ERR_WS_DEFLATE ", 1007, 3},
               {"\x01\xff", "ERR_WS_UTF8 ", 1007, 2},
               {"\x01\xc3", "ERR_WS_UTF8 ", 1007, 2}};
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
    start_with_library("a broken message");
    int32_t conn = open_compressed();
    receive_frame(conn, TEXT, "\x01o", 2);
    stub.written_size = 0;
    receive_frame(conn, TEXT, cases[i].bytes, cases[i].size);
    CHECK(noted(cases[i].error) && received_run('o', 1));
    CHECK(stub.written_size == 8 && stub.written[0] == 0x88);
    uint16_t code = (uint16_t)((stub.written[6] ^ stub.written[2]) << 8 | (stub.written[7] ^ stub.written[3]));
    CHECK(code == cases[i].code);
    receive_frame(conn, TEXT, "\x01o", 2); /* nothing more is delivered */
    CHECK(parts == 1);
    tw_handles_deliver(handles, twc_closed(core, conn, 0));
    CHECK(noted("lost "));
    stop();
  }
}

static void test_receive_without_memory(void) {
  start_with_library("inflating without memory");
  int32_t first = open_compressed();
  resizes_allowed = 0; /* for what it would be inflated to */
  receive_frame(first, TEXT, "\x01o", 2);
  CHECK(noted("ERR_MEMORY ") && parts == 0);
  resizes_allowed = UINT32_MAX;
  int32_t second = open_compressed();
  library.no_memory = true;
  receive_frame(second, TEXT, "\x01o", 2);
  CHECK(noted("ERR_MEMORY ") && parts == 0);
  stop();
}

/* Incomplete messages of all connections have a bound, inflated ones too. */
static void test_unfinished(void) {
  uint32_t usual = limits.maxUnfinished;
  uint8_t pairs[124];
  memset(pairs, 0x7f, sizeof pairs);
  limits.maxUnfinished = 20000;
  start_with_library("unfinished messages");
  int32_t first = open_compressed();
  int32_t second = open_compressed();
  receive_frame(first, BEGIN, pairs, sizeof pairs);
  receive_frame(first, GO_ON, pairs, sizeof pairs);
  CHECK(noted(""));
  receive_frame(second, BEGIN, pairs, sizeof pairs);
  CHECK(noted("ERR_OVERLOAD "));
  receive_frame(first, END, "", 0);
  CHECK(received_run(0x7f, 2 * 62 * 127));
  reset_received();
  receive_frame(first, BINARY, pairs, sizeof pairs); /* there is room again */
  CHECK(received_run(0x7f, 62 * 127));
  stop();
  limits.maxUnfinished = usual;
}

/* ---- What listeners do
 * ----------------------------------------------------------------------------------------------- */

static void closes(const WsMessage *e, void *ctx) {
  (void)ctx;
  note(e->final ? "final" : "part");
  CHECK(tw_ws_close(e->conn) == 0);
}

static void aborts(const WsMessage *e, void *ctx) {
  (void)ctx;
  note("aborts");
  CHECK(tw_ws_abort(e->conn) == 0);
  for (uint32_t i = 0; i < limits.webSockets + limits.sockets; i++) /* until one has its place */
    tw_ws_open_with("ws://192.0.2.1/", &(tw_ws_options){.deflate = &plain_options});
}

static void test_closes_inside(void) {
  static const char bytes[] = "\x42\x02\x02"
                              "a\x80\x02\x02"
                              "b\xc2\x02\x01"
                              "c";
  for (int how = 0; how < 2; how++) {
    start_with_library("a listener closes");
    int32_t conn = open_compressed();
    tw_ws_off(conn, on_message, NULL);
    tw_ws_on(conn, how == 0 ? closes : aborts, NULL);
    tw_ws_set_parts(conn, true);
    receive(conn, bytes, sizeof bytes - 1);
    CHECK(noted(how == 0 ? "part " : "aborts lost "));
    turn();
    stop();
  }
}

/* ---- Servers
 * --------------------------------------------------------------------------------------------------------- */

static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

static int32_t upgrade(int32_t listener, const char *offer) {
  char head[512];
  size_t size = strlen(request), more = strlen(offer);
  memcpy(head, request, size);
  memcpy(head + size, offer, more);
  memcpy(head + size + more, "\r\n", 2);
  int32_t sock = accept_one(listener);
  tw_handles_deliver(handles, twc_connected(core, sock));
  stub.written_size = 0;
  receive(sock, head, (uint32_t)(size + more + 2));
  return sock;
}

static void test_server(void) {
  static const tw_ws_deflate_options deflate = {.threshold = 1};
  const tw_ws_accept_options accept = {.deflate = &deflate, .max_message = 10};
  start_with_library("a server that compresses");
  int32_t listener = tw_ws_listen(NULL, 0, &accept);
  CHECK(listener > 0);
  tw_handles_deliver(handles, twc_connected(core, listener));
  tw_ws_on(listener, on_message, NULL);
  tw_ws_on(listener, on_error, NULL);
  reset_received();
  int32_t plain = upgrade(listener, "");
  CHECK(tw_ws_compression(plain) == 0 && !written_has("Extensions"));
  int32_t conn = upgrade(listener, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n");
  CHECK(written_has("Sec-WebSocket-Extensions: permessage-deflate") && tw_ws_compression(conn) == (15 | 15 << 4));
  stub.written_size = 0;
  CHECK(tw_ws_send(conn, "a") == 1);
  tw_handles_flush(handles);
  CHECK(stub.written_size == 4 && stub.written[0] == TEXT && library.compressed == 1);
  stub.written_size = 0;
  receive(conn, "\xc1\x82\0\0\0\0\x0ax", 8);
  CHECK(received_run('x', 10));
  receive(conn, "\xc1\x82\0\0\0\0\x0bx", 8); /* more than max_message */
  CHECK(noted("ERR_WS_TOO_BIG ") && memcmp(stub.written, "\x88\x02\x03\xf1", 4) == 0);
  resizes_allowed = 2; /* the request's exchange, but no codec */
  stub.written_size = 0;
  upgrade(listener, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
  CHECK(!written_has("101"));
  stop();
}

void deflate_receive_tests(void) {
  run(test_receive);
  run(test_order);
  run(test_most);
  run(test_bomb);
  run(test_broken);
  run(test_receive_without_memory);
  run(test_unfinished);
  run(test_closes_inside);
  run(test_server);
}
