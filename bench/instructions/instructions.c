/* instructions: makes the core do one kind of work as often as asked, for a program that counts instructions.
 *
 *   instructions WORK COUNT
 *
 * WORK is one of the names at the end of this file. Two counts of the same work, subtracted, leave what one piece of it
 * costs: setting up and tearing down cancel out. The host takes everything that is written and keeps nothing. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/http1/message.h"
#include "request.h"
#include "twinwire/core.h"

enum { ARENA = 1 << 20, PAYLOAD = 64, JOINED = 16, FRAME = 6 + PAYLOAD };

static _Alignas(16) uint8_t arena[ARENA];

/* What was written last, so that a client's key can be answered. */
static uint8_t written[4096];
static uint32_t written_size;
static int32_t opened;

static const tw_limits limits = {
    .sockets = 4,
    .webSockets = 4,
    .recvBuffer = 16384,
    .stageBuffer = 0,
    .sendBuffer = 65536,
    .blockSize = 4096,
    .sendPool = 262144,
    .textPool = 16384,
    .events = 64,
    .maxMessage = 65536,
    .maxHead = 16384,
    .connectTimeoutMs = 1000,
    .handshakeTimeoutMs = 1000,
    .closeTimeoutMs = 1000,
    .maxLine = 8192,
    .maxFields = 100,
    .maxFragments = 16,
    .maxUnfinished = 65536,
    .stallTimeoutMs = 30000,
};

static void must(bool right, const char *what) {
  if (right)
    return;
  fprintf(stderr, "instructions: %s\n", what);
  exit(1);
}

int32_t twc_port_open(void *host, int32_t handle, uint32_t kind, const char *name, uint32_t name_size, uint32_t port) {
  (void)host, (void)kind, (void)name, (void)name_size, (void)port;
  opened = handle;
  return 0;
}

int32_t twc_port_write(void *host, int32_t handle, const tw_span *spans, uint32_t count) {
  (void)host, (void)handle;
  uint32_t size = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (size + spans[i].size <= sizeof written)
      memcpy(written + size, arena + spans[i].data, spans[i].size);
    size += spans[i].size;
  }
  written_size = size;
  return (int32_t)size;
}

int32_t twc_port_send_to(void *host, int32_t handle, const char *address, uint32_t address_size, uint32_t port,
                         const void *data, uint32_t size) {
  (void)host, (void)handle, (void)address, (void)address_size, (void)port, (void)data;
  return (int32_t)size;
}

void twc_port_shutdown(void *host, int32_t handle) { (void)host, (void)handle; }

int32_t twc_port_connect(void *host, int32_t handle, const char *address, uint32_t address_size, uint32_t port) {
  (void)host, (void)handle, (void)address, (void)address_size, (void)port;
  return 0;
}

int32_t twc_port_start_tls(void *host, int32_t handle, const char *name, uint32_t name_size) {
  (void)host, (void)handle, (void)name, (void)name_size;
  return TW_ERR_UNSUPPORTED;
}

void twc_port_read(void *host, int32_t handle, uint32_t on) { (void)host, (void)handle, (void)on; }

void twc_port_close(void *host, int32_t handle, uint32_t how) { (void)host, (void)handle, (void)how; }

int32_t twc_port_address(void *host, int32_t handle, uint32_t which, char *text, uint32_t capacity) {
  (void)host, (void)handle, (void)which, (void)capacity;
  memcpy(text, "127.0.0.1:1", 11);
  return 11;
}

void twc_port_random(void *host, void *data, uint32_t size) {
  (void)host;
  memset(data, 0x5a, size);
}

static tw_core *start(void) {
  tw_core *core = twc_init(arena, sizeof arena, &limits, NULL);
  must(core != NULL, "the core does not start");
  return core;
}

/* Delivers bytes and gives each event to `handle`; then lets the core write. */
typedef void event_handler(tw_core *core, const tw_event *event);

static void deliver(tw_core *core, int32_t handle, const void *data, uint32_t size, event_handler *handler) {
  memcpy(twc_rx_buffer(core), data, size);
  for (uint32_t count = twc_received(core, handle, size); count > 0; count = twc_pump(core)) {
    const tw_event *events = twc_events(core);
    for (uint32_t i = 0; i < count; i++)
      handler(core, &events[i]);
  }
  twc_flush(core);
}

static void drain(tw_core *core, uint32_t count) {
  while (count > 0)
    count = twc_pump(core);
}

static int32_t accepted_connection(tw_core *core) {
  int32_t listener = twc_listen(core, TW_SOCKET_TCP_LISTENER, "127.0.0.1", 9, 80);
  drain(core, twc_connected(core, listener));
  int32_t handle = twc_accepted(core, listener);
  must(handle > 0, "a connection is not accepted");
  drain(core, twc_connected(core, handle));
  return handle;
}

static uint32_t ends; /* messages that were read to their end */

static void ignore(tw_core *core, const tw_event *event) {
  (void)core;
  if (event->type == TW_EVENT_HTTP_END) {
    must(event->code == 0, "a message is refused");
    ends++;
  }
}

static void respond(tw_core *core, const tw_event *event) {
  static const char head[] = "OK\0Content-Type\0text/plain";
  ignore(core, event);
  if (event->type == TW_EVENT_HTTP_END)
    must(twc_http_send(core, event->handle, 0, 200, head, sizeof head, 1, "hello, world", 12) > 0, "no response");
}

static void http(uint32_t count, event_handler *handler) {
  tw_core *core = start();
  int32_t handle = accepted_connection(core);
  for (uint32_t i = 0; i < count; i++) {
    must(twc_http_read(core, handle, TW_HTTP_READ_REQUEST, 0) == 0, "no request is expected");
    deliver(core, handle, request, sizeof request - 1, handler);
  }
  must(ends == count, "not all requests were read");
}

static void parse(uint32_t count) { http(count, ignore); }

static void parse_alone(uint32_t count) {
  const uint8_t *data = (const uint8_t *)request;
  for (uint32_t i = 0; i < count; i++) {
    tw_message message;
    tw_message_part part;
    size_t used;
    twc_message_init(&message, TW_HTTP_READ_REQUEST, 0, &limits);
    twc_message_next(&message, data, sizeof request - 1, &used, &part);
    must(message.over && message.error == 0 && used == sizeof request - 1, "the request is refused");
  }
}

static void answer(uint32_t count) { http(count, respond); }

static uint32_t messages;

static void take(tw_core *core, const tw_event *event) {
  (void)core;
  if (event->type == TW_EVENT_MESSAGE)
    messages++;
}

static void echo(tw_core *core, const tw_event *event) {
  if (event->type != TW_EVENT_MESSAGE)
    return;
  messages++;
  must(twc_ws_send(core, event->handle, TW_SEND_TEXT, arena + event->data, event->size) > 0, "no echo");
}

/* Text frames as a client (masked) or a server sends them, several in one segment. */
static uint32_t make_frames(uint8_t *frames, bool masked, char letter) {
  static const uint8_t mask[4] = {0x11, 0x22, 0x33, 0x44};
  uint32_t size = 0;
  for (uint32_t i = 0; i < JOINED; i++) {
    frames[size++] = 0x81;
    frames[size++] = (uint8_t)(masked ? 0x80 | PAYLOAD : PAYLOAD);
    if (masked) {
      memcpy(frames + size, mask, sizeof mask);
      size += sizeof mask;
    }
    for (uint32_t j = 0; j < PAYLOAD; j++)
      frames[size++] = (uint8_t)(masked ? letter ^ mask[j & 3] : letter);
  }
  return size;
}

static void serve(uint32_t count) {
  static const char head[] = "GET /chat HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  uint8_t frames[JOINED * FRAME];
  uint32_t size = make_frames(frames, true, 'a');
  tw_core *core = start();
  int32_t handle = accepted_connection(core);
  must(twc_http_read(core, handle, TW_HTTP_READ_REQUEST, 0) == 0, "no request is expected");
  deliver(core, handle, head, sizeof head - 1, ignore);
  must(twc_ws_accept(core, handle, head, sizeof head - 1, "", 0, "", 0, 0, 0) == 0, "the handshake is refused");
  twc_flush(core);
  for (uint32_t i = 0; i < count; i++)
    deliver(core, handle, frames, size, echo);
  must(messages == count * JOINED, "not all messages came");
}

static const char *accept_of(const char *key) {
  static char text[29];
  static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  char joined[24 + sizeof guid];
  uint8_t digest[20];
  memcpy(joined, key, 24);
  memcpy(joined + 24, guid, sizeof guid);
  twc_sha1(joined, 24 + sizeof guid - 1, digest);
  twc_base64(digest, sizeof digest, text);
  return text;
}

static void connect(uint32_t count) {
  uint8_t frames[JOINED * FRAME];
  char head[256];
  uint32_t size = make_frames(frames, false, 'a');
  tw_core *core = start();
  int32_t handle = twc_ws_connect(core, "ws://127.0.0.1/", 15);
  must(handle > 0, "no connection is begun");
  drain(core, twc_connected(core, opened));
  twc_flush(core);
  written[written_size < sizeof written ? written_size : sizeof written - 1] = 0;
  const char *key = strstr((const char *)written, "Sec-WebSocket-Key: ");
  must(key != NULL, "no handshake is sent");
  int length = snprintf(head, sizeof head,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: %s\r\n\r\n",
                        accept_of(key + 19));
  deliver(core, handle, head, (uint32_t)length, take);
  for (uint32_t i = 0; i < count; i++)
    deliver(core, handle, frames, size, echo);
  must(messages == count * JOINED, "not all messages came");
}

static const struct {
  const char *name;
  void (*run)(uint32_t count);
} works[] = {
    {"http-head", parse_alone}, /* one request's head is parsed, by the parser alone, as llhttp does */
    {"http-parse", parse},      /* the same, read from a connection, with its events */
    {"http-answer", answer},    /* the same, and 200 with 12 bytes is sent */
    {"ws-server-echo", serve},  /* 16 masked text frames of 64 bytes are read and echoed */
    {"ws-client-echo", connect} /* 16 text frames of 64 bytes are read and echoed, masked */
};

int main(int argc, char **argv) {
  for (size_t i = 0; argc == 3 && i < sizeof works / sizeof works[0]; i++)
    if (strcmp(argv[1], works[i].name) == 0) {
      works[i].run((uint32_t)strtoul(argv[2], NULL, 10));
      return 0;
    }
  fprintf(stderr, "usage: instructions WORK COUNT\n");
  return 2;
}
