/* fixture.c: a core over a stub of a port, and what its tests have in common. */
#include "calls.h"

#include <stdio.h>
#include <string.h>

_Alignas(16) uint8_t arena[ARENA_SIZE];
tw_core *core;
tw_event last_error;
uint32_t events;
uint32_t head_offset;

static const char *current;
static unsigned failures; /* of the current test */

const tw_limits limits = {
    .sockets = 6,
    .webSockets = 4,
    .recvBuffer = 1024,
    .stageBuffer = 64,
    .sendBuffer = 512,
    .blockSize = 64,
    .sendPool = 2048,
    .textPool = 1024,
    .events = 8,
    .maxMessage = 1000,
    .maxHead = 900,
    .connectTimeoutMs = 1000,
    .handshakeTimeoutMs = 1000,
    .closeTimeoutMs = 1000,
    .maxLine = 600,
    .maxFields = 16,
    .maxFragments = 8,
    .maxUnfinished = 4000,
    .addresses = 4,
    .stallTimeoutMs = 0,
};

void check_at(bool right, const char *what, int line) {
  if (!right)
    printf("FAIL %s, line %d: %s\n", current, line, what);
  failures += !right;
}

unsigned take_failures(void) {
  unsigned count = failures;
  failures = 0;
  return count;
}

void drain(uint32_t ready) {
  for (; ready > 0; ready = twc_pump(core)) {
    for (uint32_t i = 0; i < ready; i++) {
      const tw_event *event = &twc_events(core)[i];
      events++;
      if (event->type == TW_EVENT_ERROR)
        last_error = *event;
      if (event->type == TW_EVENT_HTTP_HEAD)
        head_offset = (uint32_t)(arena + event->data - twc_rx_buffer(core));
    }
  }
}

void settle(void) {
  while (twc_flush(core) != 0)
    drain(twc_pump(core));
}

void start(const char *name) {
  current = name;
  stub = (stub_port){.arena = arena};
  last_error = (tw_event){0};
  events = 0;
  core = twc_init(arena, sizeof arena, &limits, NULL);
  CHECK(core != NULL);
  drain(twc_tick(core, 0));
}

void receive(int32_t handle, const char *text, size_t size) {
  memcpy(twc_rx_buffer(core), text, size);
  drain(twc_received(core, handle, (uint32_t)size));
  settle();
}

int32_t open_ws(void) {
  int32_t handle = twc_ws_connect(core, "ws://h/", 7);
  CHECK(handle > 0);
  return handle;
}

int32_t accepted_stream(void) {
  int32_t listener = twc_listen(core, TW_SOCKET_TCP_LISTENER, "", 0, 80);
  drain(twc_connected(core, listener));
  int32_t handle = twc_accepted(core, listener);
  CHECK(handle > 0);
  drain(twc_connected(core, handle));
  return handle;
}

bool wrote(const char *text) {
  size_t size = strlen(text);
  for (size_t at = 0; at + size <= stub.written_size; at++)
    if (memcmp(stub.written + at, text, size) == 0)
      return true;
  return false;
}

void fill_text_pool(int32_t ws) {
  static const char value[400];
  char text[400];
  memset(text, 'v', sizeof value);
  for (uint32_t size = sizeof text; size > 0; size /= 2)
    while (twc_ws_header(core, ws, "X", 1, text, size) == 0) {
    }
  CHECK(twc_ws_header(core, ws, "X", 1, text, 300) == TW_ERR_MEMORY);
}
