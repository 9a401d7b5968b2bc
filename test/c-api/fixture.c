/* fixture.c: a core and its handles on a port that is none, with time and memory in the test's hands. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base64.h"

enum { ROOM = 1 << 20 };

static unsigned wrong; /* checks of the test that is running */
static const char *current;

void check_at(bool right, const char *what, int line) {
  if (!right)
    printf("%s, line %d: %s\n", current, line, what);
  wrong += !right;
}

void begin(const char *name) { current = name; }

unsigned wrong_checks(void) {
  unsigned count = wrong;
  wrong = 0;
  return count;
}

tw_limits limits;
tw_handles_options options;
_Alignas(16) uint8_t core_memory[ROOM];
_Alignas(16) uint8_t handles_memory[ROOM];
const uint32_t handles_room = ROOM;
tw_core *core;
tw_handles *handles;
uint32_t now;
unsigned resizes;
unsigned live;
unsigned resizes_allowed;
char notes[NOTES];
uint32_t openings;
tw_keep_alive last_keep_alive;

uint32_t now_ms(void *host) {
  (void)host;
  return now;
}

static void *resize(void *host, void *memory, size_t size) {
  (void)host;
  if (size == 0) {
    live -= memory != NULL;
    free(memory);
    return NULL;
  }
  if (resizes_allowed == 0)
    return NULL;
  resizes_allowed--;
  resizes++;
  live += memory == NULL;
  return realloc(memory, size);
}

static void count_opened(void *host, int32_t handle, uint32_t kind) {
  (void)host;
  openings += handle > 0 && kind > 0;
}

static void note_keep_alive(void *host, int32_t handle, const tw_keep_alive *keep_alive) {
  (void)host, (void)handle;
  last_keep_alive = *keep_alive;
}

void start(const char *name, bool with_resize) {
  begin(name);
  notes[0] = 0;
  stub = (stub_port){.arena = core_memory};
  resizes = 0;
  resizes_allowed = UINT32_MAX;
  core = twc_init(core_memory, ROOM, &limits, NULL);
  tw_handles_host host = {.now_ms = now_ms,
                          .resize = with_resize ? resize : NULL,
                          .opened = count_opened,
                          .set_keep_alive = note_keep_alive};
  handles = tw_handles_init(handles_memory, ROOM, &limits, &options, core, &host);
  CHECK(core != NULL && handles != NULL);
  tw_handles_use(handles);
  tw_handles_tick(handles);
}

void turn(void) {
  tw_handles_tick(handles);
  for (int i = 0; i < 100 && tw_handles_flush(handles); i++)
    tw_handles_tick(handles);
}

void note(const char *text) {
  size_t at = strlen(notes);
  snprintf(notes + at, sizeof notes - at, "%s ", text);
}

bool noted(const char *expected) {
  bool same = strcmp(notes, expected) == 0;
  if (!same)
    printf("noted \"%s\", not \"%s\"\n", notes, expected);
  notes[0] = 0;
  return same;
}

void receive(int32_t handle, const void *data, uint32_t size) {
  memcpy(twc_rx_buffer(core), data, size);
  tw_handles_deliver(handles, twc_received(core, handle, size));
  tw_handles_flush(handles);
}

int32_t open_tcp(void) {
  int32_t sock = tw_net_tcp_connect("192.0.2.1", 80);
  CHECK(sock > 0);
  return sock;
}

int32_t connected_tcp(void) {
  int32_t sock = open_tcp();
  tw_handles_deliver(handles, twc_connected(core, sock));
  return sock;
}

bool written_has(const char *text) {
  size_t size = strlen(text);
  for (size_t at = 0; at + size <= stub.written_size; at++)
    if (memcmp(stub.written + at, text, size) == 0)
      return true;
  return false;
}

/* The answer to the handshake that was just written, RFC 6455 4.2.2. */
void answer(int32_t conn, const char *extensions) {
  stub.written[stub.written_size] = 0;
  const char *key = strstr((const char *)stub.written, "Sec-WebSocket-Key: ");
  char text[128];
  uint8_t digest[20];
  char accept[32] = {0};
  snprintf(text, sizeof text, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key == NULL ? "" : key + 19);
  twc_sha1(text, (uint32_t)strlen(text), digest);
  twc_base64(digest, 20, accept);
  char head[512];
  snprintf(head, sizeof head,
           "HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s%s%s\r\n",
           accept, extensions == NULL ? "" : "Sec-WebSocket-Extensions: ", extensions == NULL ? "" : extensions,
           extensions == NULL ? "" : "\r\n");
  for (uint32_t at = 0; head[at] != 0; at++)
    receive(conn, head + at, 1);
}

int32_t accept_one(int32_t listener) {
  int32_t sock = twc_accepted(core, listener);
  CHECK(sock > 0);
  tw_handles_deliver(handles, twc_pump(core));
  return sock;
}
