/* deflate_test.c: compressed messages, with a library that is none: it writes down what was asked of it, and inflates
 * pairs of count and byte. What zlib does is tested against real peers, by test/posix. */
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

/* ---- The library ------------------------------------------------------------------------------------------------ */

enum { ENDS = 0xfe, MALFORMED = 0xfd }; /* in place of a count */

static struct {
  int open; /* streams */
  int opened_compressors;
  int compressed;
  int resets;
  uint32_t bits; /* of the stream that was opened last */
  bool no_memory;
  bool fails;
} library;

typedef struct stream {
  uint32_t left; /* copies of `byte` that are still to be written */
  bool has_count;
  bool ended;
  uint8_t count;
  uint8_t byte;
} stream;

static void *open_stream(uint32_t bits) {
  library.bits = bits;
  library.open += !library.no_memory;
  return library.no_memory ? NULL : calloc(1, sizeof(stream));
}

static void *open_compressor(uint32_t bits, uint32_t level, uint32_t mem_level) {
  (void)level, (void)mem_level;
  library.opened_compressors++;
  return open_stream(bits);
}

static void close_stream(void *it) {
  library.open--;
  free(it);
}

static size_t bound(void *it, uint32_t size) {
  (void)it;
  return (size_t)size + 8;
}

/* "z" and every 64th byte. */
static uint32_t compress(void *it, const void *data, uint32_t size, void *to, uint32_t room) {
  (void)it;
  uint8_t *out = to;
  uint32_t at = 0;
  library.compressed++;
  if (library.fails || room < size / 64 + 6)
    return 0;
  out[at++] = 'z';
  for (uint32_t i = 0; i < size; i += 64)
    out[at++] = ((const uint8_t *)data)[i];
  memcpy(out + at, "\0\0\xff\xff", 4);
  return at + 4;
}

static void reset(void *it) {
  (void)it;
  library.resets++;
}

/* A count of 0 or 255 is nothing, as the end that senders cut off is. */
static int32_t inflate(void *handle, const uint8_t **data, uint32_t *size, void *to, uint32_t room) {
  stream *it = handle;
  uint32_t done = 0;
  it->ended = it->ended && *size == 0;
  for (;;) {
    uint32_t copies = it->left < room - done ? it->left : room - done;
    memset((char *)to + done, it->byte, copies);
    done += copies;
    it->left -= copies;
    if (*size == 0 || it->left > 0)
      return (int32_t)done;
    uint8_t next = *(*data)++;
    (*size)--;
    if (it->has_count) {
      it->has_count = false;
      it->left = it->count;
      it->byte = next;
    } else if (next == MALFORMED) {
      return TW_ERR_WS_DEFLATE;
    } else if (next == ENDS) {
      it->ended = *size == 0;
    } else if (next != 0 && next != 0xff) {
      it->has_count = true;
      it->count = next;
    }
  }
}

static bool has_ended(const void *it) { return ((const stream *)it)->ended; }

static const tw_deflate_library ops = {
    .open_compressor = open_compressor,
    .close_compressor = close_stream,
    .bound = bound,
    .compress = compress,
    .reset_compressor = reset,
    .open_decompressor = open_stream,
    .close_decompressor = close_stream,
    .inflate = inflate,
    .has_ended = has_ended,
};

static void start_with_library(const char *name) {
  memset(&library, 0, sizeof library);
  start(name, true);
  tw_handles_set_deflate(handles, &ops);
}

/* Nothing is left when the handles are gone. */
static void stop(void) {
  tw_handles_release(handles);
  CHECK(library.open == 0 && live == 0);
}

/* ---- What is received ----------------------------------------------------------------------------------------------
 */

static char received_text[1 << 18];
static uint32_t received_size;
static unsigned parts, firsts, finals;

static void on_message(const WsMessage *e, void *ctx) {
  (void)ctx;
  CHECK(e->message[e->size] == 0 && received_size + e->size <= sizeof received_text);
  memcpy(received_text + received_size, e->message, e->size);
  received_size += e->size;
  parts++;
  firsts += e->first;
  finals += e->final;
}

static void reset_received(void) { received_size = parts = firsts = finals = 0; }

static bool received_run(char byte, uint32_t size) {
  for (uint32_t i = 0; i < received_size; i++)
    if (received_text[i] != byte)
      return false;
  return received_size == size && firsts == 1 && finals == 1;
}

static void on_error(const WsError *e, void *ctx) {
  (void)ctx;
  note(tw_error_name(e->code));
  CHECK(e->step == TW_STEP_RECEIVE && e->retry_ms == -1);
}

static void on_disconnected(const WsDisconnected *e, void *ctx) {
  (void)ctx;
  note(e->clean ? "disconnected" : "lost");
}

static const tw_ws_deflate_options plain_options;

static int32_t open_agreed(const tw_ws_deflate_options *deflate, const char *agreed) {
  int32_t conn = tw_ws_open_with("ws://192.0.2.1/", &(tw_ws_options){.deflate = deflate});
  CHECK(conn > 0);
  stub.written_size = 0;
  tw_handles_deliver(handles, twc_connected(core, conn));
  tw_handles_flush(handles);
  CHECK(written_has("Sec-WebSocket-Extensions: permessage-deflate"));
  answer(conn, agreed);
  CHECK(tw_ws_state(conn) == TW_STATE_OPEN);
  tw_ws_on(conn, on_message, NULL);
  tw_ws_on(conn, on_error, NULL);
  tw_ws_on(conn, on_disconnected, NULL);
  reset_received();
  return conn;
}

static int32_t open_compressed(void) { return open_agreed(&plain_options, "permessage-deflate"); }

/* A server's frame with a compressed message, or a part of one. */
static void receive_frame(int32_t conn, uint8_t first, const void *payload, uint8_t size) {
  uint8_t frame[2 + 125] = {first, size};
  memcpy(frame + 2, payload, size);
  receive(conn, frame, 2u + size);
}

enum { TEXT = 0xc1, BINARY = 0xc2, BEGIN = 0x42, GO_ON = 0x00, END = 0x80, PLAIN = 0x81 };

/* ---- Options ---------------------------------------------------------------------------------------------------- */

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

/* ---- Sending ---------------------------------------------------------------------------------------------------- */

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

/* ---- Receiving -------------------------------------------------------------------------------------------------- */

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

/* ---- What listeners do ------------------------------------------------------------------------------------------ */

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

/* ---- Servers ---------------------------------------------------------------------------------------------------- */

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

void deflate_tests(void) {
  run(test_refused_options);
  run(test_agreement);
  run(test_send);
  run(test_send_refused);
  run(test_send_without_memory);
  run(test_send_large);
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
