/* deflate_send_test.c: the options of compression, what is agreed upon, and messages that are sent. */
#include <stdlib.h>
#include <string.h>

#include "deflate_library.h"

static void test_refused_options(void) {
  const tw_ws_deflate_options wrong[] = {
      {.server_max_window_bits = 8}, {.client_max_window_bits = 16}, {.level = 10}, {.mem_level = 10}};
  start("compression without a library", true);
  CHECK(tw_ws_open_with("ws://192.0.2.1/", &(tw_ws_options){.deflate = &plain_options}) == -1);
  CHECK(tw_last_error() == TW_ERR_UNSUPPORTED);
  CHECK(tw_ws_listen(NULL, 0, &(tw_ws_accept_options){.deflate = &plain_options}) == -1);
  CHECK(tw_last_error() == TW_ERR_UNSUPPORTED && live == 0);
  start_with_library("options of compression");
  for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    CHECK(tw_ws_open_with("ws://192.0.2.1/", &(tw_ws_options){.deflate = &wrong[i]}) == -1);
    CHECK(tw_last_error() == TW_ERR_ARGUMENT);
    CHECK(tw_ws_listen(NULL, 0, &(tw_ws_accept_options){.deflate = &wrong[i]}) == -1);
    CHECK(tw_last_error() == TW_ERR_ARGUMENT);
  }
  const tw_ws_deflate_options right[] = {
      {.server_max_window_bits = 9, .client_max_window_bits = 15, .level = 9, .mem_level = 9},
      {.server_max_window_bits = 15, .client_max_window_bits = 9, .level = 1, .mem_level = 1}};
  for (unsigned i = 0; i < sizeof right / sizeof *right; i++) {
    int32_t conn = tw_ws_open_with("ws://192.0.2.1/", &(tw_ws_options){.deflate = &right[i]});
    CHECK(conn >= 0 && tw_ws_abort(conn) == 0);
    turn();
  }
  resizes_allowed = 0;
  CHECK(tw_ws_open_with("ws://192.0.2.1/", &(tw_ws_options){.deflate = &plain_options}) == -1);
  CHECK(tw_last_error() == TW_ERR_MEMORY);
  turn();
  CHECK(tw_ws_compression(1) == -1 && tw_last_error() == TW_ERR_HANDLE);
  stop();
}

static void test_agreement(void) {
  const tw_ws_deflate_options small = {.server_max_window_bits = 10,
                                       .client_max_window_bits = 9,
                                       .server_no_context_takeover = true,
                                       .client_no_context_takeover = true};
  start_with_library("what is agreed upon");
  int32_t conn = open_agreed(&small, "permessage-deflate; server_no_context_takeover; server_max_window_bits=10");
  CHECK(written_has("server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; "
                    "client_max_window_bits=9\r\n"));
  CHECK(tw_ws_compression(conn) ==
        (int32_t)(10 | 9 << 4 | TW_DEFLATE_SERVER_NO_CONTEXT_TAKEOVER | TW_DEFLATE_CLIENT_NO_CONTEXT_TAKEOVER));
  receive_frame(conn, BINARY, "\x03x", 2);
  CHECK(received_run('x', 3) && library.bits == 10);
  CHECK(library.open == 0); /* the server compresses each message by itself: nothing is kept */
  char text[2000];
  memset(text, 'a', sizeof text);
  CHECK(tw_ws_send_text(conn, text, sizeof text) == sizeof text && library.bits == 9);
  CHECK(library.open == 1 && library.resets == 1);
  int32_t second = open_agreed(&small, "permessage-deflate; server_no_context_takeover; server_max_window_bits=10");
  CHECK(tw_ws_send_text(second, text, sizeof text) == sizeof text);
  CHECK(library.opened_compressors == 1 && library.open == 1); /* shared, as it has nothing to keep */
  CHECK(tw_ws_abort(second) == 0);
  turn();
  int32_t other = open_agreed(&plain_options, NULL);
  CHECK(tw_ws_compression(other) == 0);
  CHECK(tw_ws_send_text(other, text, sizeof text) == sizeof text && library.compressed == 2);
  stop();
}

/* ---- Sending
 * --------------------------------------------------------------------------------------------------------- */

static void test_send(void) {
  char text[1024];
  memset(text, 'a', sizeof text);
  start_with_library("sending compressed");
  int32_t conn = open_compressed();
  CHECK(tw_ws_send_text(conn, text, 1023) == 1023 && library.compressed == 0); /* below the threshold */
  tw_handles_flush(handles);
  stub.written_size = 0;
  CHECK(tw_ws_send_text(conn, text, 1024) == 1024 && library.compressed == 1);
  tw_handles_flush(handles);
  CHECK(stub.written_size == 2 + 4 + 17 && stub.written[0] == TEXT);
  stub.written_size = 0;
  CHECK(tw_ws_send_binary(conn, text, 1024) == 1024);
  tw_handles_flush(handles);
  CHECK(stub.written[0] == BINARY && library.resets == 0 && library.opened_compressors == 1);
  text[1023] = (char)0xc3; /* a character that does not end */
  CHECK(tw_ws_send_text(conn, text, 1024) == -1 && tw_last_error() == TW_ERR_WS_UTF8 && library.compressed == 2);
  text[1023] = 'a';
  CHECK(tw_ws_send_fragment(conn, false, text, 1024, false) == 1024 && library.compressed == 2);
  CHECK(tw_ws_send_text(conn, text, 1024) == -1 && tw_last_error() == TW_ERR_STATE && library.resets == 1);
  CHECK(tw_ws_send_fragment(conn, false, "", 0, true) == 0);
  tw_handles_flush(handles);
  stub.written_size = 0;
  library.fails = true;
  CHECK(tw_ws_send_text(conn, text, 1024) == 1024); /* then it goes as it is */
  tw_handles_flush(handles);
  CHECK(stub.written[0] == PLAIN);
  library.fails = false;
  tw_ws_close(conn);
  CHECK(tw_ws_send_text(conn, text, 1024) == -1 && tw_last_error() == TW_ERR_HANDLE);
  stop();
}

/* What was refused has not been seen by the peer: the compressor may not refer to it. */
static void test_send_refused(void) {
  char text[1024];
  memset(text, 'a', sizeof text);
  start_with_library("a compressed message that is refused");
  int32_t conn = open_compressed();
  stub.stuck = true;
  int32_t sent;
  int count = 0;
  while ((sent = tw_ws_send_text(conn, text, sizeof text)) > 0 && count < 10000)
    count++;
  CHECK(sent == -1 && tw_last_error() == TW_ERR_BACKPRESSURE && count > 1 && library.resets == 1);
  CHECK(tw_ws_send_text(conn, text, sizeof text) == -1 && library.resets == 2);
  static char large[1 << 17];
  CHECK(limits.sendBuffer < sizeof large);
  CHECK(tw_ws_send_binary(conn, large, sizeof large) == -1 && tw_last_error() == TW_ERR_TOO_LARGE);
  stop();
}

static void test_send_without_memory(void) {
  char text[1024];
  memset(text, 'a', sizeof text);
  start_with_library("compressing without memory");
  int32_t conn = open_compressed();
  library.no_memory = true;
  stub.written_size = 0;
  CHECK(tw_ws_send_text(conn, text, sizeof text) == sizeof text);
  tw_handles_flush(handles);
  CHECK(stub.written[0] == PLAIN && library.compressed == 0);
  library.no_memory = false;
  resizes_allowed = 0; /* for what it would write to */
  stub.written_size = 0;
  CHECK(tw_ws_send_text(conn, text, sizeof text) == sizeof text);
  tw_handles_flush(handles);
  CHECK(stub.written[0] == PLAIN && library.compressed == 0);
  stop();
}

static void test_send_large(void) {
  enum { SIZE = 200000 };
  uint32_t usual = limits.sendBuffer, pool = limits.sendPool;
  limits.sendBuffer = SIZE;
  limits.sendPool = 2 * SIZE;
  char *text = calloc(1, SIZE);
  start_with_library("a large message is compressed");
  int32_t conn = open_compressed();
  unsigned before = live;
  CHECK(tw_ws_send_text(conn, text, SIZE) == SIZE && library.compressed == 1);
  CHECK(live == before); /* what only such a message needs is given back */
  CHECK(tw_ws_send_text(conn, text, 1024) == 1024 && live == before + 1);
  stop();
  free(text);
  limits.sendBuffer = usual;
  limits.sendPool = pool;
}

void deflate_send_tests(void) {
  run(test_refused_options);
  run(test_agreement);
  run(test_send);
  run(test_send_refused);
  run(test_send_without_memory);
  run(test_send_large);
}
