/* websocket.c: an open WebSocket for the targets. Its key is always the same, because the port's random bytes are. */
#include "websocket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stub_port.h"

enum { ARENA = 1 << 17 };

int32_t fuzz_handle;

static _Alignas(16) uint8_t arena[ARENA];

static const tw_limits limits = {
    .sockets = 2,
    .webSockets = 2,
    .recvBuffer = 4096,
    .stageBuffer = 0,
    .sendBuffer = 8192,
    .blockSize = 256,
    .sendPool = 16384,
    .textPool = 2048,
    .events = 16,
    .maxMessage = 1000,
    .maxHead = 2000,
    .connectTimeoutMs = 1000,
    .handshakeTimeoutMs = 1000,
    .closeTimeoutMs = 1000,
    .maxLine = 1000,
    .maxFields = 20,
    .maxFragments = 10,
    .maxUnfinished = 4000,
};

static void note(event_log *log, const void *data, size_t size) {
  if (size > LOG_SIZE - log->size)
    size = LOG_SIZE - log->size;
  memcpy(log->bytes + log->size, data, size);
  log->size += size;
}

static void on_event(tw_core *core, const tw_event *event, event_log *log) {
  const uint8_t *bytes = (const uint8_t *)core + event->data;
  bool text = event->type == TW_EVENT_MESSAGE || event->type == TW_EVENT_HTTP_HEAD || event->type == TW_EVENT_DATA ||
              event->type == TW_EVENT_HTTP_BODY;
  const uint8_t head[2] = {(uint8_t)event->type, (uint8_t)event->flags & (TW_FLAG_TEXT | TW_FLAG_COMPRESSED)};
  if (event->data > ARENA || event->size > ARENA - event->data)
    abort();
  if (!text || (event->flags & TW_FLAG_FIRST) != 0)
    note(log, head, sizeof head);
  note(log, bytes, event->size);
  if (!text) {
    note(log, &event->code, sizeof event->code);
    return;
  }
  if ((event->flags & TW_FLAG_FINAL) != 0)
    note(log, "!", 1);
}

static void drain(tw_core *core, uint32_t ready, event_log *log) {
  for (uint32_t rounds = 0; ready > 0; ready = twc_pump(core)) {
    if (++rounds > 10000)
      abort();
    for (uint32_t i = 0; i < ready; i++)
      on_event(core, &twc_events(core)[i], log);
  }
}

/* One iteration of a loop without deliveries. */
static void settle(tw_core *core, event_log *log) {
  for (uint32_t rounds = 0; twc_flush(core) != 0; rounds++) {
    if (rounds > 1000)
      abort();
    drain(core, twc_pump(core), log);
  }
}

void fuzz_deliver(tw_core *core, const uint8_t *data, size_t size, uint32_t split, event_log *log) {
  while (size > 0) {
    uint32_t part = split == 0 ? limits.recvBuffer : 1 + (split >> 16) % 7;
    if (split > 0)
      split = (split * 1664525u + 1013904223u) | 1;
    if (part > size)
      part = (uint32_t)size;
    memcpy(twc_rx_buffer(core), data, part);
    drain(core, twc_received(core, fuzz_handle, part), log);
    /* A deferred end takes effect with the flush: the pieces of one delivery are not to be parted by it. */
    data += part;
    size -= part;
  }
  settle(core, log);
}

static void open_client(tw_core *core, bool open, uint32_t options, event_log *log) {
  fuzz_handle = twc_ws_connect(core, "ws://h/", 7);
  if ((options & 1) != 0) {
    twc_ws_protocol(core, fuzz_handle, "a", 1);
    twc_ws_protocol(core, fuzz_handle, "b", 1);
  }
  if ((options & 2) != 0)
    twc_ws_set_deflate(core, fuzz_handle, 0xff);
  drain(core, twc_connected(core, fuzz_handle), log);
  settle(core, log);
  if (!open)
    return;
  char text[512];
  /* The key that the stub's random bytes make, and the GUID of RFC 6455 1.3. */
  const char *key = "WlpaWlpaWlpaWlpaWlpaWg==258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  uint8_t digest[20];
  char accept[29] = "";
  twc_sha1(key, (uint32_t)strlen(key), digest);
  twc_base64(digest, sizeof digest, accept);
  int size =
      snprintf(text, sizeof text,
               "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
               accept, (options & 2) != 0 ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "");
  fuzz_deliver(core, (const uint8_t *)text, (size_t)size, 0, log);
  if (twc_state(core, fuzz_handle) != TW_STATE_OPEN)
    abort(); /* the handshake is right */
}

static void open_server(tw_core *core, bool open, uint32_t options, event_log *log) {
  static const char head[] = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                             "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
  int32_t listener = twc_listen(core, TW_SOCKET_TCP_LISTENER, "", 0, 80);
  drain(core, twc_connected(core, listener), log);
  fuzz_handle = twc_accepted(core, listener);
  drain(core, twc_connected(core, fuzz_handle), log);
  if (open &&
      twc_ws_accept(core, fuzz_handle, head, sizeof head - 1, "", 0, "", 0, 0, (options & 2) != 0 ? 0xff : 0) != 0)
    abort();
  settle(core, log);
}

tw_core *fuzz_web_socket(bool server, bool open, uint32_t options, event_log *log) {
  stub = (stub_port){.arena = arena};
  tw_core *core = twc_init(arena, sizeof arena, &limits, NULL);
  if (core == NULL)
    abort();
  log->size = 0;
  drain(core, twc_tick(core, 0), log);
  if (server)
    open_server(core, open, options, log);
  else
    open_client(core, open, options, log);
  log->size = 0;
  return core;
}

static void show(const event_log *log) {
  for (size_t i = 0; i < log->size; i++)
    fprintf(stderr, "%02x ", log->bytes[i]);
  fputc('\n', stderr);
}

void fuzz_compare(const event_log *one, const event_log *other) {
  if (one->size == other->size && memcmp(one->bytes, other->bytes, one->size) == 0)
    return;
  show(one);
  show(other);
  abort();
}
