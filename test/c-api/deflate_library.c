/* deflate_library.c: a library for compression that is none, and WebSockets that use it. */
#include "deflate_library.h"

#include <stdlib.h>
#include <string.h>

struct deflate_library library;

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

void start_with_library(const char *name) {
  memset(&library, 0, sizeof library);
  start(name, true);
  tw_handles_set_deflate(handles, &ops);
}

void stop(void) {
  tw_handles_release(handles);
  CHECK(library.open == 0 && live == 0);
}

/* ---- WebSockets that compress ----------------------------------------------------------------------------------- */

char received_text[RECEIVED];
uint32_t received_size;
unsigned parts, finals;
static unsigned firsts;

void on_message(const WsMessage *e, void *ctx) {
  (void)ctx;
  CHECK(e->message[e->size] == 0 && received_size + e->size <= sizeof received_text);
  memcpy(received_text + received_size, e->message, e->size);
  received_size += e->size;
  parts++;
  firsts += e->first;
  finals += e->final;
}

void reset_received(void) { received_size = parts = firsts = finals = 0; }

bool received_run(char byte, uint32_t size) {
  for (uint32_t i = 0; i < received_size; i++)
    if (received_text[i] != byte)
      return false;
  return received_size == size && firsts == 1 && finals == 1;
}

void on_error(const WsError *e, void *ctx) {
  (void)ctx;
  note(tw_error_name(e->code));
  CHECK(e->step == TW_STEP_RECEIVE && e->retry_ms == -1);
}

static void on_disconnected(const WsDisconnected *e, void *ctx) {
  (void)ctx;
  note(e->clean ? "disconnected" : "lost");
}

const tw_ws_deflate_options plain_options;

int32_t open_agreed(const tw_ws_deflate_options *deflate, const char *agreed) {
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

int32_t open_compressed(void) { return open_agreed(&plain_options, "permessage-deflate"); }

void receive_frame(int32_t conn, uint8_t first, const void *payload, uint8_t size) {
  uint8_t frame[2 + 125] = {first, size};
  memcpy(frame + 2, payload, size);
  receive(conn, frame, 2u + size);
}
