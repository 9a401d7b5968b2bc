/* c_api.c: the handle API in C: calls and deliveries in any order, also from listeners. At the end all memory that it
 * was given is back. */
#include <stdlib.h>
#include <string.h>

#include "stub_port.h"
#include "twinwire/core.h"
#include "twinwire/host.h"
#include "twinwire/http_server.h"
#include "twinwire/net.h"
#include "twinwire/ws.h"

enum { ROOM = 1 << 18, HANDLES = 6, CALLS = 600 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Alignas(16) uint8_t core_memory[ROOM];
static _Alignas(16) uint8_t handles_memory[ROOM];
static tw_core *core;
static tw_handles *handles;
static const uint8_t *input;
static size_t left;
static int32_t known[HANDLES];
static unsigned count;
static uint32_t now;
static long held;     /* what `resize` has given and not got back */
static unsigned deep; /* listeners that are being called */

static uint32_t byte_of_input(uint32_t below) {
  if (left == 0)
    return 0;
  left--;
  return *input++ % below;
}

static void remember(int32_t handle) {
  if (handle > 0)
    known[count++ % HANDLES] = handle;
}

static int32_t any(void) { return known[byte_of_input(HANDLES)]; }

static uint32_t now_ms(void *host) {
  (void)host;
  return now;
}

static void *resize(void *host, void *memory, size_t size) {
  (void)host;
  if (size == 0) {
    held -= memory != NULL;
    free(memory);
    return NULL;
  }
  if (byte_of_input(16) == 15)
    return NULL;
  held += memory == NULL;
  return realloc(memory, size);
}

/* What runtime.c waits with. */
int32_t tw_poll(uint32_t ms) {
  (void)ms;
  return 0;
}

static void call(void);

/* What is handed out lies in memory that may be read, and calls may be made. */
static void use(const void *data, size_t size) {
  volatile uint8_t sum = 0;
  for (size_t i = 0; i < size; i++)
    sum = (uint8_t)(sum + ((const uint8_t *)data)[i]);
  if (deep >= 3)
    return;
  deep++;
  if (byte_of_input(3) == 0)
    call();
  deep--;
}

static void on_data(const NetData *e, void *ctx) {
  (void)ctx;
  use(e->data, e->size + 1);
}
static void on_message(const WsMessage *e, void *ctx) {
  (void)ctx;
  use(e->message, e->size + 1);
}
static void on_closing(const WsClosing *e, void *ctx) {
  (void)ctx;
  use(e->reason, e->size + 1);
}
static void on_request(const HttpRequest *e, void *ctx) {
  char value[8];
  (void)ctx;
  remember(e->sock);
  tw_http_header(e, "Host", value, sizeof value);
  use(e->target, strlen(e->target) + 1);
  use(e->body, e->size);
  if (e->upgrade && byte_of_input(2) == 0)
    tw_ws_accept(e->sock, NULL);
  else if (byte_of_input(4) != 0)
    tw_http_respond(e->sock, 200, "text/plain", "body", byte_of_input(5));
}
static void on_gone(const NetDisconnected *e, void *ctx) {
  (void)ctx;
  use(e, sizeof *e);
}

static void listen_to(int32_t handle) {
  tw_net_on(handle, on_data, NULL);
  tw_net_on(handle, on_gone, NULL);
  tw_ws_on(handle, on_message, NULL);
  tw_ws_on(handle, on_closing, NULL);
  tw_http_on(handle, on_request, NULL);
}

static void open_one(void) {
  static const char *const urls[] = {"ws://h/", "ws://h:81/p?q", "wss://[::1]/x", "ws://"};
  int32_t handle = -1;
  switch (byte_of_input(7)) {
  case 0:
    handle = tw_net_tcp_connect("h", 80);
    break;
  case 1:
    handle = tw_net_udp_open(0);
    break;
  case 2:
    handle = tw_net_tcp_listen("", 80);
    break;
  case 3:
    handle = tw_http_listen("", 80, NULL);
    break;
  case 4:
    handle = tw_ws_listen("", 80, NULL);
    break;
  default:
    handle = tw_ws_open(urls[byte_of_input(4)]);
    break;
  }
  remember(handle);
  listen_to(handle);
}

static void send_one(int32_t handle) {
  char bytes[600];
  size_t size = 2 * byte_of_input(255);
  memset(bytes, 'm', sizeof bytes);
  switch (byte_of_input(7)) {
  case 0:
    tw_net_send(handle, bytes, size);
    break;
  case 1:
    tw_ws_send_text(handle, bytes, size);
    break;
  case 2:
    tw_ws_send_fragment(handle, true, bytes, size, byte_of_input(2) == 0);
    break;
  case 3:
    tw_ws_ping_with(handle, bytes, size);
    break;
  case 4:
    tw_http_respond(handle, 200, "text/plain", bytes, size);
    break;
  case 5:
    tw_http_send_part(handle, bytes, size, byte_of_input(2) == 0);
    break;
  default:
    tw_ws_broadcast(known, HANDLES, true, bytes, size, NULL);
    break;
  }
}

static void change_one(int32_t handle) {
  static char buffer[512];
  static const uint32_t delays[] = {0, 5, 50};
  switch (byte_of_input(14)) {
  case 0:
    tw_net_close(handle);
    break;
  case 1:
    tw_ws_close_with(handle, 3000, "why");
    break;
  case 2:
    tw_net_abort(handle);
    break;
  case 3:
    tw_net_pause(handle);
    break;
  case 4:
    tw_net_resume(handle);
    tw_ws_resume(handle);
    break;
  case 5:
    tw_net_set_half_open(handle, true);
    break;
  case 6:
    tw_net_shutdown(handle);
    break;
  case 7:
    tw_net_set_auto_reconnect(handle, true);
    tw_net_set_reconnect_delays_ms(handle, delays, 3);
    break;
  case 8:
    tw_ws_set_buffer(handle, byte_of_input(2) == 0 ? NULL : buffer, sizeof buffer);
    break;
  case 9:
    tw_ws_set_parts(handle, byte_of_input(2) == 0);
    break;
  case 10:
    tw_net_off(handle, on_data, NULL);
    tw_ws_off(handle, on_message, NULL);
    break;
  case 11:
    tw_net_set_deadline(handle, 1 + byte_of_input(3), byte_of_input(50));
    break;
  case 12:
    tw_ws_set_heartbeat(handle, byte_of_input(50), 1 + byte_of_input(50));
    break;
  default:
    tw_ws_close(handle);
    break;
  }
}

static void call(void) {
  switch (byte_of_input(4)) {
  case 0:
    open_one();
    break;
  case 1:
    send_one(any());
    break;
  case 2:
    change_one(any());
    break;
  default:
    listen_to(any());
    break;
  }
}

static uint32_t text_of_input(uint8_t *to) {
  static const char opening[] = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  static const char *const texts[] = {
      "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
      "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
      opening,
      "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
      "\x81\x02hi",
      "\x82\x83\x01\x02\x03\x04\x05\x06\x07",
      "\x01\x02hi",
      "\x80\x02hi",
      "\x88\x02\x03\xe8",
  };
  const char *text = texts[byte_of_input(9)];
  uint32_t size = (uint32_t)strlen(text);
  memcpy(to, text, size);
  if (byte_of_input(4) == 0)
    to[byte_of_input(size)] ^= (uint8_t)(1 + byte_of_input(255));
  for (uint32_t n = byte_of_input(3) == 0 ? byte_of_input(40) : 0; n > 0; n--)
    to[size++] = (uint8_t)byte_of_input(256);
  return size;
}

/* Deliveries for handles that the host has opened; the core ignores those that make no sense. */
static void deliver(void) {
  int32_t handle = any();
  int32_t accepted;
  switch (byte_of_input(9)) {
  case 0:
  case 1:
    tw_handles_deliver(handles, twc_connected(core, handle));
    break;
  case 2:
    tw_handles_deliver(handles, twc_ended(core, handle));
    break;
  case 3:
    tw_handles_deliver(handles, twc_closed(core, handle, byte_of_input(2) == 0 ? 0 : TW_ERR_RESET));
    break;
  case 4:
    accepted = twc_accepted(core, handle);
    if (accepted > 0) {
      remember(accepted);
      tw_handles_deliver(handles, twc_connected(core, accepted));
    }
    break;
  default: {
    uint32_t size = text_of_input(twc_rx_buffer(core));
    tw_handles_deliver(handles, twc_received(core, handle, size));
    break;
  }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  tw_limits limits = TW_LIMITS_ESP32;
  limits.sockets = 6;
  limits.webSockets = 4;
  const tw_handles_options options = {.listeners = 24};
  const tw_handles_host host = {.now_ms = now_ms, .resize = resize};
  input = data;
  left = size;
  count = 0;
  now = 0;
  held = 0;
  deep = 0;
  memset(known, 0, sizeof known);
  stub = (stub_port){.arena = core_memory};
  core = twc_init(core_memory, sizeof core_memory, &limits, NULL);
  handles = tw_handles_init(handles_memory, sizeof handles_memory, &limits, &options, core, &host);
  if (core == NULL || handles == NULL)
    abort();
  tw_handles_use(handles);
  for (unsigned i = 0; i < CALLS && left > 0; i++) {
    tw_handles_tick(handles);
    stub.written_size = 0;
    stub.stuck = byte_of_input(16) == 15;
    if (byte_of_input(2) == 0)
      call();
    else
      deliver();
    now += byte_of_input(4) * byte_of_input(30);
    tw_handles_flush(handles);
  }
  tw_handles_release(handles);
  tw_handles_use(NULL);
  if (held != 0)
    abort();
  return 0;
}
