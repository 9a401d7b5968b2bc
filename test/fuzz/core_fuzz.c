/* core_fuzz: drives a core by random calls and deliveries and sees that it keeps its word: no rule of port.h broken, no
 * event that makes no sense, and at the end every block and every slot back.
 *
 * With libFuzzer this file's LLVMFuzzerTestOneInput is the target; fuzz_main.c drives it with a fixed generator. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_host.h"
#include "fuzz_http.h"

enum { SOCKETS = 5, WEB_SOCKETS = 4, HANDLES = 12, ARENA = 1 << 16 };

typedef struct fuzz_handle {
  int32_t handle;
  bool closed;      /* by the application */
  bool is_open;     /* between CONNECTED and DISCONNECTED */
  bool gone;        /* closed, and its DISCONNECTED came */
  uint32_t section; /* of an HTTP message, whose parts are coming; 0: none */
  bool message;     /* an HTTP message is being read */
} fuzz_handle;

typedef struct fuzz {
  tw_core *core;
  fuzz_input input;
  fuzz_host host;
  fuzz_handle handles[HANDLES];
  uint32_t count; /* handles ever known; the newest HANDLES are kept */
  uint32_t now;
} fuzz;

static _Alignas(16) uint8_t arena[ARENA];

static const tw_limits limits = {
    .sockets = SOCKETS,
    .webSockets = WEB_SOCKETS,
    .recvBuffer = 512,
    .stageBuffer = 0,
    .sendBuffer = 700,
    .blockSize = 64,
    .sendPool = 1280,
    .textPool = 1024,
    .events = 4,
    .maxMessage = 600,
    .maxHead = 400,
    .connectTimeoutMs = 100,
    .handshakeTimeoutMs = 100,
    .closeTimeoutMs = 100,
    .maxLine = 200,
    .maxFields = 8,
    .maxFragments = 6,
    .maxUnfinished = 400,
    .stallTimeoutMs = 20000,
};

static fuzz_handle *known(fuzz *f, int32_t handle) {
  for (uint32_t i = 0; i < HANDLES; i++)
    if (f->handles[i].handle == handle)
      return &f->handles[i];
  return NULL;
}

static void remember(fuzz *f, int32_t handle) {
  if (handle > 0)
    f->handles[f->count++ % HANDLES] = (fuzz_handle){.handle = handle};
}

/* The sections of a message come in order, each from its FIRST to its FINAL part, and END is the last word. */
static void on_http(fuzz_handle *handle, const tw_event *event) {
  bool first = (event->flags & TW_FLAG_FIRST) != 0;
  if (event->type == TW_EVENT_HTTP_END) {
    fuzz_check(event->code != 0 || handle->section == 0, "a message that is good ends in a section");
    fuzz_check(handle->message, "a message ends that nobody asked for");
    handle->section = 0;
    handle->message = false;
    return;
  }
  fuzz_check(first == (handle->section == 0), "a section has two beginnings or none");
  fuzz_check(first || handle->section == event->type, "sections are mixed");
  handle->section = (event->flags & TW_FLAG_FINAL) != 0 ? 0 : event->type;
}

static void on_event(fuzz *f, const tw_event *event) {
  fuzz_check(event->type >= TW_EVENT_CONNECTED && event->type <= TW_EVENT_HTTP_END, "an event of no type");
  fuzz_check(event->data <= ARENA && event->size <= ARENA - event->data, "an event with bytes outside the arena");
  if (event->type == TW_EVENT_ACCEPTED)
    remember(f, event->handle);
  fuzz_handle *handle = known(f, event->handle);
  if (handle == NULL)
    return; /* of a handle long ago */
  fuzz_check(!handle->gone, "an event after the last one");
  switch (event->type) {
  case TW_EVENT_CONNECTED:
    fuzz_check(!handle->is_open, "CONNECTED twice");
    handle->is_open = true;
    handle->section = 0;
    handle->message = false;
    break;
  case TW_EVENT_ERROR:
    handle->section = 0;
    break;
  case TW_EVENT_DISCONNECTED:
    handle->is_open = false;
    handle->gone = handle->closed;
    break;
  case TW_EVENT_DATA:
  case TW_EVENT_MESSAGE:
  case TW_EVENT_PING:
  case TW_EVENT_PONG:
    fuzz_check(handle->is_open, "bytes of a connection that is not open");
    break;
  case TW_EVENT_HTTP_HEAD:
  case TW_EVENT_HTTP_BODY:
  case TW_EVENT_HTTP_TRAILER:
  case TW_EVENT_HTTP_END:
    /* The head of a refused WebSocket handshake comes before it is open. */
    fuzz_check(handle->is_open || event->type == TW_EVENT_HTTP_HEAD, "a message on a connection that is not open");
    on_http(handle, event);
    break;
  default:
    break;
  }
  if ((event->type == TW_EVENT_DATA || event->type == TW_EVENT_HTTP_BODY) && fuzz_range(&f->input, 2) == 0)
    twc_consumed(f->core, event->handle, event->size);
}

static void drain(fuzz *f, uint32_t ready) {
  for (uint32_t rounds = 0; ready > 0; ready = twc_pump(f->core)) {
    fuzz_check(ready <= limits.events, "more records than there is room for");
    fuzz_check(++rounds < 4096, "a drain without an end");
    for (uint32_t i = 0; i < ready; i++)
      on_event(f, &twc_events(f->core)[i]);
  }
}

static void flush(fuzz *f) {
  if (twc_flush(f->core) != 0)
    drain(f, twc_pump(f->core));
}

static int32_t any_handle(fuzz *f) {
  int32_t handle = f->handles[fuzz_range(&f->input, HANDLES)].handle;
  return fuzz_range(&f->input, 32) == 0 ? handle ^ 0x8001 : handle;
}

/* A socket that the host has, or NULL. */
static fuzz_socket *any_socket(fuzz *f, int32_t *handle) {
  uint32_t start = fuzz_range(&f->input, SOCKETS + WEB_SOCKETS);
  for (uint32_t i = 0; i < SOCKETS + WEB_SOCKETS; i++) {
    uint32_t index = (start + i) % (SOCKETS + WEB_SOCKETS);
    *handle = f->host.handles[index];
    if (f->host.sockets[index].open)
      return &f->host.sockets[index];
  }
  return NULL;
}

static void fill(fuzz *f, uint8_t *to, uint32_t size) {
  for (uint32_t i = 0; i < size; i++)
    to[i] = fuzz_byte(&f->input);
}

/* The answer that opens a WebSocket, so that random bytes reach the frames. */
static uint32_t right_answer(const fuzz_socket *socket, uint8_t *to) {
  char text[128];
  uint8_t digest[20];
  char accept[29] = "";
  int size = snprintf(text, sizeof text, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", socket->key);
  twc_sha1(text, (uint32_t)size, digest);
  twc_base64(digest, sizeof digest, accept);
  return (uint32_t)sprintf((char *)to,
                           "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           "Sec-WebSocket-Accept: %.28s\r\n\r\n",
                           accept);
}

/* A frame as a server sends it; its length is rarely in the wrong form, its payload sometimes no text. */
static uint32_t right_frame(fuzz *f, uint8_t *to) {
  static const uint8_t first[] = {0x81, 0x01, 0x80, 0x82, 0x02, 0x00, 0x88, 0x89, 0x8a};
  uint32_t size = fuzz_range(&f->input, 160);
  uint32_t at = 2;
  to[0] = first[fuzz_range(&f->input, sizeof first)];
  to[1] = (uint8_t)size;
  if ((size > 125) != (fuzz_range(&f->input, 64) == 0)) {
    to[1] = 126;
    to[2] = 0;
    to[3] = (uint8_t)size;
    at = 4;
  }
  bool plain = fuzz_range(&f->input, 4) != 0;
  for (uint32_t i = 0; i < size; i++)
    to[at + i] = plain ? 'a' : fuzz_byte(&f->input);
  if (to[0] == 0x88 && size > 1) {
    to[at] = 1000 >> 8;
    to[at + 1] = (uint8_t)(1000 + fuzz_range(&f->input, 16));
  }
  return size + at;
}

static void receive(fuzz *f) {
  int32_t handle;
  fuzz_socket *socket = any_socket(f, &handle);
  if (socket == NULL || !socket->connected || !socket->reading)
    return;
  uint8_t *rx = twc_rx_buffer(f->core);
  uint32_t size = 1;
  switch (fuzz_range(&f->input, 7)) {
  case 0:
    size += fuzz_range(&f->input, 64);
    fill(f, rx, size);
    break;
  case 1:
    size = right_answer(socket, rx);
    break;
  case 2:
  case 3:
  case 4:
    size = fuzz_http_text(&f->input, rx);
    break;
  default:
    size = 0;
    for (uint32_t n = fuzz_range(&f->input, 3) + 1; n > 0; n--)
      size += right_frame(f, rx + size);
    break;
  }
  if (fuzz_range(&f->input, 16) == 0)
    drain(f, twc_unread(f->core, handle, size));
  else
    drain(f, twc_received(f->core, handle, size));
}

static void deliver(fuzz *f) {
  int32_t handle;
  fuzz_socket *socket = any_socket(f, &handle);
  if (socket == NULL)
    return;
  bool listener = socket->kind == TW_SOCKET_TCP_LISTENER;
  switch (fuzz_range(&f->input, 8)) {
  case 0:
  case 1:
    if (socket->kind != TW_SOCKET_UDP && !socket->connected) {
      socket->connected = true;
      drain(f, twc_connected(f->core, handle));
    }
    break;
  case 2:
    if (socket->lent > 0) {
      fuzz_check_lent(&f->host, socket);
      uint32_t size = socket->span_count > 0 ? socket->lent : 0;
      socket->lent = 0;
      drain(f, twc_written(f->core, handle, size));
    }
    break;
  case 3:
    if (socket->connected && socket->reading && !listener)
      drain(f, twc_ended(f->core, handle));
    break;
  case 4:
    fuzz_check_lent(&f->host, socket);
    socket->open = false;
    drain(f, twc_closed(f->core, handle, fuzz_range(&f->input, 2) == 0 ? 0 : TW_ERR_RESET));
    break;
  case 5:
    if (socket->securing) {
      socket->securing = false;
      drain(f, twc_secured(f->core, handle));
    }
    break;
  case 6:
    if (listener && socket->connected) {
      int32_t accepted = twc_accepted(f->core, handle);
      if (accepted > 0) {
        uint32_t index = (uint32_t)accepted & 0x7fff;
        f->host.handles[index] = accepted;
        f->host.sockets[index] = (fuzz_socket){.open = true, .connected = true, .reading = true, .kind = TW_SOCKET_TCP};
        drain(f, twc_connected(f->core, accepted));
      }
    }
    break;
  default:
    if (socket->kind == TW_SOCKET_UDP) {
      memcpy(twc_rx_address(f->core), "1.2.3.4", 7);
      drain(f, twc_datagram(f->core, handle, fuzz_range(&f->input, 512), 7, 53));
    }
    break;
  }
}

static void open_one(fuzz *f) {
  static const char *const urls[] = {"ws://h/", "ws://h:81/p?q", "wss://[::1]/x", "ws://h?q", "ws://"};
  const char *url = urls[fuzz_range(&f->input, 5)];
  switch (fuzz_range(&f->input, 8)) {
  case 6:
  case 7:
    remember(f, fuzz_http_open(f->core, &f->input));
    break;
  case 0:
    remember(f, twc_tcp_connect(f->core, "host", 4, (int32_t)fuzz_range(&f->input, 3)));
    break;
  case 1:
    remember(f, twc_udp_open(f->core, 0));
    break;
  case 2:
    remember(f, twc_listen(f->core, TW_SOCKET_TCP_LISTENER, "", 0, 80));
    break;
  case 3:
    remember(f, twc_unix_connect(f->core, "/s", 2));
    break;
  default:
    remember(f, twc_ws_connect(f->core, url, (uint32_t)strlen(url)));
    break;
  }
}

static void close_one(fuzz *f, int32_t handle) {
  int32_t result = fuzz_range(&f->input, 2) == 0   ? twc_ws_close(f->core, handle, 3000, "why", 3)
                   : fuzz_range(&f->input, 3) == 0 ? twc_abort(f->core, handle)
                                                   : twc_close(f->core, handle);
  fuzz_handle *one = known(f, handle);
  if (result == 0 && one != NULL)
    one->closed = true;
  if (result == 0)
    fuzz_check(twc_close(f->core, handle) == TW_ERR_HANDLE, "a closed handle can be closed again");
}

static void send_one(fuzz *f, int32_t handle) {
  uint8_t bytes[800];
  uint32_t size = fuzz_range(&f->input, sizeof bytes);
  memset(bytes, fuzz_byte(&f->input) & 0x7f, sizeof bytes);
  int32_t before = twc_buffered(f->core, handle);
  uint32_t blocks = twc_free_blocks(f->core);
  int32_t result;
  switch (fuzz_range(&f->input, 7)) {
  case 4:
  case 5:
  case 6:
    result = fuzz_http_send(f->core, &f->input, handle);
    break;
  case 0:
    result = twc_send(f->core, handle, bytes, size);
    break;
  case 1:
    result = twc_ws_ping(f->core, handle, bytes, size % 140);
    break;
  case 2:
    result = twc_udp_send_to(f->core, handle, "::1", 3, 53, bytes, size);
    break;
  default:
    result = twc_ws_send(f->core, handle, fuzz_range(&f->input, 5), bytes, size);
    break;
  }
  if (result < 0)
    fuzz_check(twc_buffered(f->core, handle) == before && twc_free_blocks(f->core) == blocks,
               "a refused send changes something");
}

static void send_some(fuzz *f, int32_t handle) {
  for (uint32_t n = fuzz_range(&f->input, 4) + 1; n > 0; n--)
    send_one(f, handle);
}

static void set_one(fuzz *f, int32_t handle) {
  const uint32_t delays[] = {0, 5, 50};
  char text[TW_MAX_ADDRESS];
  uint32_t on = fuzz_range(&f->input, 2);
  switch (fuzz_range(&f->input, 14)) {
  case 0:
    twc_set_receiving(f->core, handle, on);
    break;
  case 1:
    twc_set_auto_reconnect(f->core, handle, on);
    break;
  case 2:
    twc_set_reconnect_delays(f->core, handle, delays, fuzz_range(&f->input, 4));
    break;
  case 3:
    twc_set_half_open(f->core, handle, on);
    break;
  case 4:
    twc_set_window(f->core, handle, fuzz_range(&f->input, 3) * 50);
    break;
  case 5:
    twc_set_deadline(f->core, handle, fuzz_range(&f->input, 4), fuzz_range(&f->input, 50));
    break;
  case 6:
    twc_set_tls(f->core, handle, on);
    break;
  case 7:
    twc_start_tls(f->core, handle, "name", 4);
    break;
  case 8:
    twc_shutdown(f->core, handle);
    break;
  case 9:
    twc_ws_header(f->core, handle, "X-A", 3, "value", fuzz_range(&f->input, 6));
    break;
  case 10:
    twc_ws_protocol(f->core, handle, "abcdef", fuzz_range(&f->input, 7));
    break;
  case 11:
    twc_udp_connect(f->core, handle, "1.2.3.4", 7, 53);
    break;
  case 12:
    twc_address(f->core, handle, on, text, sizeof text);
    break;
  default:
    twc_target(f->core, handle, text, sizeof text);
    break;
  }
}

static void http_one(fuzz *f, int32_t handle) {
  int32_t handles[HANDLES];
  fuzz_handle *one = known(f, handle);
  switch (fuzz_range(&f->input, 4)) {
  case 0:
  case 1:
    if (fuzz_http_read(f->core, &f->input, handle) == 0 && one != NULL)
      one->message = true;
    break;
  case 2:
    fuzz_serve(f->core, &f->input, handle);
    break;
  default:
    for (uint32_t i = 0; i < HANDLES; i++)
      handles[i] = f->handles[i].handle;
    fuzz_broadcast(f->core, &f->input, handles, HANDLES);
    break;
  }
}

/* Whatever happened, closing everything gives everything back. */
static void finish(fuzz *f, uint32_t blocks) {
  for (uint32_t i = 0; i < HANDLES; i++)
    twc_close(f->core, f->handles[i].handle);
  for (uint32_t i = 0; i < FUZZ_SLOTS; i++)
    twc_close(f->core, f->host.handles[i]);
  for (uint32_t i = 0; i < 4; i++) {
    flush(f);
    f->now += limits.closeTimeoutMs;
    drain(f, twc_tick(f->core, f->now));
  }
  drain(f, twc_pump(f->core));
  fuzz_check(twc_wait(f->core) == TW_FOREVER, "a timer is left");
  fuzz_check(twc_free_blocks(f->core) == blocks, "a block is lost");
  f->input = (fuzz_input){0};
  for (uint32_t i = 0; i < SOCKETS; i++)
    fuzz_check(twc_tcp_connect(f->core, "host", 4, 80) > 0, "a socket's slot or its text is lost");
  for (uint32_t i = 0; i < WEB_SOCKETS; i++)
    fuzz_check(twc_ws_connect(f->core, "ws://h/", 7) > 0, "a WebSocket's slot or its text is lost");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static fuzz f;
  memset(&f, 0, sizeof f);
  f.input = (fuzz_input){data, size};
  f.host = (fuzz_host){.input = &f.input, .arena = arena, .arena_size = ARENA};
  fuzz_check(twc_need(&limits) > 0 && twc_need(&limits) <= ARENA, "the limits of this test need another arena");
  f.core = twc_init(arena, ARENA, &limits, &f.host);
  uint32_t blocks = twc_free_blocks(f.core);
  while (f.input.size > 0) {
    switch (fuzz_range(&f.input, 14)) {
    case 12:
    case 13:
      http_one(&f, any_handle(&f));
      break;
    case 0:
      open_one(&f);
      break;
    case 1:
      close_one(&f, any_handle(&f));
      break;
    case 2:
      send_some(&f, any_handle(&f));
      break;
    case 3:
      set_one(&f, any_handle(&f));
      break;
    case 4:
      f.now += fuzz_range(&f.input, 256);
      drain(&f, twc_tick(f.core, f.now));
      break;
    case 5:
    case 6:
      flush(&f);
      break;
    case 7:
    case 8:
    case 9:
      receive(&f);
      break;
    default:
      deliver(&f);
      break;
    }
  }
  finish(&f, blocks);
  return 0;
}
