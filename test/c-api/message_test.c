/* message_test.c: WebSocket messages that come in pieces, split everywhere, and the heartbeat. */
#include <string.h>

#include "fixture.h"

/* ---- Messages --------------------------------------------------------------------------------------------------- */

static char received_text[4096];
static uint32_t received_size;
static unsigned parts, firsts, finals;
static bool in_order;

static void on_message(const WsMessage *e, void *ctx) {
  (void)ctx;
  CHECK(e->message[e->size] == 0);
  memcpy(received_text + received_size, e->message, e->size);
  received_size += e->size;
  in_order = in_order && e->first == (parts == 0) && finals == 0;
  parts++;
  firsts += e->first;
  finals += e->final;
}

static int32_t open_ws(void) {
  int32_t conn = tw_ws_open("ws://192.0.2.1/");
  CHECK(conn > 0);
  tw_handles_deliver(handles, twc_connected(core, conn));
  tw_handles_flush(handles);
  answer(conn, NULL);
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
  received_size = parts = firsts = finals = 0;
  in_order = true;
  for (uint32_t from = 0; from < at; from += piece)
    receive(conn, bytes + from, at - from < piece ? at - from : piece);
}

static bool received_whole(const char *text, uint32_t size) {
  return received_size == size && memcmp(received_text, text, size) == 0 && firsts == 1 && finals == 1 && in_order;
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
        CHECK(received_whole(text, size));
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

/* More messages in one piece than there are records: what lies behind one is parsed after it was delivered. */
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
  received_size = 0;
  receive(conn, bytes, sizeof bytes);
  CHECK(received_size == 200);
  for (uint32_t i = 0; i < 200; i++)
    CHECK(received_text[i] == (char)('a' + i % 26));
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

void message_tests(void) {
  run(test_heartbeat);
  run(test_messages);
  run(test_many_messages);
  run(test_message_dropped);
}
