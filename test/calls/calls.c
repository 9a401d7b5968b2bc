/* calls: what calls of the core answer to arguments that are wrong, and when
 * its memory is full: what the vectors, which also run on devices, cannot
 * express. Ends with "N passed, M failed". */
#include <stdio.h>
#include <string.h>

#include "stub_port.h"
#include "twinwire/core.h"

enum { ARENA = 1 << 17 };

static _Alignas(16) uint8_t arena[ARENA];
static tw_core *core;
static tw_limits limits;
static unsigned wrong;
static const char *current;
static tw_event last_error; /* the last ERROR */
static uint32_t events;
static uint32_t head_offset; /* where the last HTTP_HEAD began in the receive buffer */

static void check_at(bool right, const char *what, int line) {
  if (!right)
    printf("FAIL %s, line %d: %s\n", current, line, what);
  wrong += !right;
}
#define CHECK(condition) check_at((condition), #condition, __LINE__)

static const tw_limits small = {
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

static void drain(uint32_t ready) {
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

static void settle(void) {
  while (twc_flush(core) != 0)
    drain(twc_pump(core));
}

static void start(const char *name) {
  current = name;
  stub = (stub_port){.arena = arena};
  last_error = (tw_event){0};
  events = 0;
  core = twc_init(arena, sizeof arena, &limits, NULL);
  CHECK(core != NULL);
  drain(twc_tick(core, 0));
}

static void receive(int32_t handle, const char *text, size_t size) {
  memcpy(twc_rx_buffer(core), text, size);
  drain(twc_received(core, handle, (uint32_t)size));
  settle();
}

static int32_t open_ws(void) {
  int32_t handle = twc_ws_connect(core, "ws://h/", 7);
  CHECK(handle > 0);
  return handle;
}

static int32_t accepted_stream(void) {
  int32_t listener = twc_listen(core, TW_SOCKET_TCP_LISTENER, "", 0, 80);
  drain(twc_connected(core, listener));
  int32_t handle = twc_accepted(core, listener);
  CHECK(handle > 0);
  drain(twc_connected(core, handle));
  return handle;
}

/* Whether what was written has a text. */
static bool wrote(const char *text) {
  size_t size = strlen(text);
  for (size_t at = 0; at + size <= stub.written_size; at++)
    if (memcmp(stub.written + at, text, size) == 0)
      return true;
  return false;
}

/* Takes all of the text pool but what is smaller than a header of one letter.
 */
static void fill_text_pool(int32_t ws) {
  static const char value[400];
  char text[400];
  memset(text, 'v', sizeof value);
  for (uint32_t size = sizeof text; size > 0; size /= 2)
    while (twc_ws_header(core, ws, "X", 1, text, size) == 0) {
    }
  CHECK(twc_ws_header(core, ws, "X", 1, text, 300) == TW_ERR_MEMORY);
}

static void test_init(void) {
  start("init");
  CHECK(twc_abi_hash() == TW_ABI_HASH);
  CHECK(twc_stage_buffer(core) > arena && twc_stage_buffer(core) < arena + sizeof arena);
  CHECK(twc_init(arena + 1, sizeof arena - 1, &limits, NULL) == NULL);
  CHECK(twc_init(arena, twc_need(&limits) - 1, &limits, NULL) == NULL);
  CHECK(twc_init(arena, twc_need(&limits), &limits, NULL) != NULL);
  tw_limits bad = limits;
  bad.events = 0;
  CHECK(twc_init(arena, sizeof arena, &bad, NULL) == NULL);
}

static void test_headers(void) {
  static const tw_ws_field good[] = {{.name = "X-B", .value = "2"}, {.name = "X-C", .value = ""}};
  static const tw_ws_field bad[] = {{.name = "X-D", .value = "3"}, {.name = "X E", .value = "4"}};
  start("headers");
  int32_t ws = open_ws();
  CHECK(twc_ws_header(core, ws, "X-A", 3, "1", 1) == 0);
  CHECK(twc_ws_set_headers(core, ws, good, 2) == 0);
  CHECK(twc_ws_set_headers(core, ws, bad, 2) == TW_ERR_HEADER);
  CHECK(twc_ws_set_headers(core, ws + 1, good, 2) == TW_ERR_HANDLE);
  drain(twc_connected(core, ws));
  settle();
  CHECK(wrote("\r\nX-B: 2\r\n") && wrote("\r\nX-C: \r\n"));
  CHECK(!wrote("X-A") && !wrote("X-D"));
  twc_abort(core, ws);
  CHECK(twc_ws_set_headers(core, ws, good, 0) == TW_ERR_HANDLE);
}

static void test_credentials(void) {
  char text[TW_MAX_CREDENTIAL + 1];
  memset(text, 'u', sizeof text);
  start("credentials");
  int32_t ws = open_ws();
  CHECK(twc_ws_basic_auth(core, ws, text, sizeof text, "p", 1) == TW_ERR_HEADER);
  CHECK(twc_ws_basic_auth(core, ws, "u", 1, text, sizeof text) == TW_ERR_HEADER);
  CHECK(twc_ws_basic_auth(core, ws, "u:", 2, "p", 1) == TW_ERR_HEADER);
  CHECK(twc_ws_basic_auth(core, ws, "u\x7f", 2, "p", 1) == TW_ERR_HEADER);
  CHECK(twc_ws_basic_auth(core, ws, "u", 1, "p\x1f", 2) == TW_ERR_HEADER);
  CHECK(twc_ws_basic_auth(core, ws + 1, "u:", 2, "p", 1) == TW_ERR_HANDLE);
  CHECK(twc_ws_basic_auth(core, ws, "u", 1, "p:", 2) == 0);
  drain(twc_connected(core, ws));
  settle();
  CHECK(wrote("\r\nAuthorization: Basic dTpwOg==\r\n"));
}

static void test_arguments(void) {
  static const uint32_t forever[] = {1, TW_FOREVER};
  char text[32];
  start("arguments");
  int32_t ws = open_ws();
  int32_t tcp = twc_tcp_connect(core, "host", 4, 80);
  CHECK(twc_room(core, 12345) == TW_ERR_HANDLE);
  CHECK(twc_ws_deflate(core, tcp) == TW_ERR_HANDLE);
  CHECK(twc_ws_set_deflate(core, tcp, 0) == TW_ERR_HANDLE);
  CHECK(twc_address(core, tcp, TW_ADDRESS_REMOTE + 1, text, sizeof text) == TW_ERR_ARGUMENT);
  CHECK(twc_set_reconnect_delays(core, tcp, forever, 2) == TW_ERR_ARGUMENT);
  CHECK(twc_set_reconnect_delays(core, tcp, forever, 1) == 0);
  CHECK(twc_ws_set_options(core, ws, 0, (uint32_t)INT32_MAX + 1, 0) == TW_ERR_ARGUMENT);
  CHECK(twc_ws_set_options(core, ws, 0, INT32_MAX, 0) == 0);
  CHECK(twc_ws_set_options(core, ws, 2 * TW_WS_OPTION_RECEIVE_WHILE_CLOSING, 0, 0) == TW_ERR_ARGUMENT); /* unknown */
  CHECK(twc_bind_event(core, 12345, "data", 4, 1) == TW_ERR_HANDLE);
  for (uint32_t capacity = 0; capacity < 10; capacity++) {
    memset(text, '?', sizeof text);
    uint32_t size = capacity < 7 ? capacity : 7;
    CHECK(twc_target(core, tcp, text, capacity) == (int32_t)size);
    CHECK(memcmp(text, "host:80", size) == 0 && text[size] == '?');
  }
}

#define OPENING(more)                                                                                                  \
  "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                                         \
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: "                                             \
  "13\r\n" more "\r\n"

static void test_judge(void) {
#define HEAD(upgrade, connection, key)                                                                                 \
  "GET / HTTP/1.1\r\nHost: h\r\nUpgrade:" upgrade "\r\nConnection:" connection "\r\nSec-WebSocket-Key:" key            \
  "\r\nSec-WebSocket-Version: 13\r\n\r\n"
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
  static const struct {
    const char *head;
    int32_t status;
  } cases[] = {
      {HEAD(" websocket", " Upgrade", " " KEY), 101},
      {HEAD("websocket \t", ",\t, keep-alive ,\tUPGRADE\t, x", "\t" KEY "\t "), 101},
      {HEAD(" h2c , WebSocket\t", "Upgrade", KEY), 101},
      {HEAD(" websockets", " Upgrade", KEY), 426},
      {HEAD(" websocket", " Upgrad", KEY), 400},
      {HEAD(" websocket", " Upgrade", "dGhlIHNhbXBsZSBub25jZQ=A"), 400},
      {HEAD(" websocket", " Upgrade", "dGhlIHNhbXBsZSBub25jZQA="), 400},
      {HEAD(" websocket", " Upgrade", "dGhlIHNhbXBsZSBub25jZ==="), 400},
      {HEAD(" websocket", " Upgrade", "dGhlIHNhbXBsZSBub25jZQ="), 400},
      {HEAD(" websocket", " Upgrade", "dGhlIHNhbXBsZSBub25jZQ==="), 400},
      {HEAD(" websocket", " Upgrade", ""), 400},
  };
  start("judge");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int32_t status = twc_ws_judge(cases[i].head, (uint32_t)strlen(cases[i].head));
    if (status != cases[i].status)
      printf("case %zu: %d\n", i, (int)status);
    CHECK(status == cases[i].status);
  }
}

static void test_deflate_offers(void) {
  static const struct {
    const char *offer;
    const char *answer; /* NULL: none */
  } cases[] = {
      {"permessage-deflate", "permessage-deflate"},
      {"permessage-deflate;\tclient_max_window_bits=9", "client_max_window_bits=9"},
      {"permessage-deflate; client_max_window_bits=8", "permessage-deflate"},
      {"permessage-deflate; server_max_window_bits=10", "server_max_window_bits=10"},
      {"permessage-deflate; server_max_window_bits=16", NULL},
      {"permessage-deflate; server_max_window_bits=1/", NULL},
      {"permessage-deflate; server_max_window_bits=20", NULL},
      {"permessage-deflate; server_max_window_bits=7", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char head[600];
    start("offers of compression");
    int32_t stream = accepted_stream();
    int size = snprintf(head, sizeof head, OPENING("Sec-WebSocket-Extensions: %s\r\n"), cases[i].offer);
    stub.written_size = 0;
    CHECK(twc_ws_accept(core, stream, head, (uint32_t)size, "", 0, "", 0, 0, 0xff) == 0);
    settle();
    bool answered = wrote("Sec-WebSocket-Extensions");
    if (answered != (cases[i].answer != NULL))
      printf("case %zu\n", i);
    CHECK(answered == (cases[i].answer != NULL));
    CHECK(cases[i].answer == NULL || wrote(cases[i].answer));
  }
}

/* Only its own field offers compression. */
static void test_no_offer(void) {
  static const char head[] = OPENING("X-Extensions: permessage-deflate\r\n");
  start("no offer of compression");
  int32_t stream = accepted_stream();
  CHECK(twc_ws_accept(core, stream, head, sizeof head - 1, "", 0, "", 0, 0, 0xff) == 0);
  settle();
  CHECK(twc_ws_deflate(core, stream) == 0 && !wrote("permessage"));
}

static void test_accept(void) {
  static const char head[] = OPENING("Sec-WebSocket-Protocol: a ,\tchat\t, b\r\n");
  char fields[300];
  char text[8] = "????????";
  memset(fields, 'v', sizeof fields);
  memcpy(fields, "X", 2);
  start("accept");
  int32_t stream = accepted_stream();
  const uint32_t size = sizeof head - 1;
  fields[sizeof fields - 1] = 0;
  CHECK(twc_ws_accept(core, stream, head, size, "", 0, fields, sizeof fields, 1, 0) == TW_ERR_TOO_LARGE);
  fields[99] = 0;
  CHECK(twc_ws_accept(core, stream, head, size, "", 0, fields, 100, 1, 0) == TW_ERR_TOO_LARGE);
  CHECK(twc_ws_accept(core, stream, head, size, "d", 1, "", 0, 0, 0) == TW_ERR_ARGUMENT);
  CHECK(twc_ws_accept(core, stream, head, size, "chat", 4, "X\0y", 4, 1, 0) == 0);
  CHECK(twc_protocol(core, stream, text, 2) == 2 && memcmp(text, "ch?", 3) == 0);
  CHECK(twc_protocol(core, stream, text, 8) == 4 && memcmp(text, "chat?", 5) == 0);
  settle();
  CHECK(wrote("\r\nSec-WebSocket-Protocol: chat\r\nX: y\r\n\r\n"));
}

static void test_full_memory(void) {
  static const char head[] = OPENING("Sec-WebSocket-Protocol: chatchatchatchatchatchatchat\r\n");
  start("full memory");
  int32_t stream = accepted_stream();
  int32_t other = twc_accepted(core, stream);
  CHECK(other == TW_ERR_HANDLE); /* no listener */
  int32_t tunnel = twc_tcp_connect_via(core, "h", 1, 80, "proxy", 5, 8080, "", 0);
  CHECK(tunnel > 0);
  fill_text_pool(open_ws());
  CHECK(twc_listen(core, TW_SOCKET_TCP_LISTENER, "localhost.localdomain", 21, 81) == TW_ERR_MEMORY);
  CHECK(twc_tcp_connect(core, "localhost.localdomain", 21, 81) == TW_ERR_MEMORY);
  CHECK(twc_ws_accept(core, stream, head, sizeof head - 1, "chatchatchatchatchatchatchat", 28, "", 0, 0, 0) ==
        TW_ERR_MEMORY);
  CHECK(twc_http_read(core, stream, TW_HTTP_READ_REQUEST, 10) == TW_ERR_MEMORY);
  drain(twc_connected(core, tunnel));
  settle();
  CHECK(last_error.handle == tunnel && last_error.code == TW_ERR_MEMORY && last_error.step == TW_STEP_PROXY);
}

/* An opening handshake whose answer finds the pool full waits for it. */
static void test_full_pool(void) {
  static const char head[] = OPENING("");
  static const char bytes[500];
  start("full pool");
  stub.stuck = true;
  int32_t streams[3];
  for (int i = 0; i < 3; i++)
    streams[i] = accepted_stream();
  for (uint32_t size = sizeof bytes; size > 0; size /= 2)
    for (int i = 0; i < 2; i++)
      while (twc_send(core, streams[i], bytes, size) > 0) {
      }
  uint32_t blocks = twc_free_blocks(core);
  CHECK(blocks < 24);
  int32_t result = twc_ws_accept(core, streams[2], head, sizeof head - 1, "", 0, "", 0, 0, 0);
  CHECK(result == 0 || (result == TW_ERR_BACKPRESSURE && twc_free_blocks(core) == blocks));
}

static int32_t answered(uint32_t options, const char *protocol, const char *before, const char *more) {
  static const char key[] = "WlpaWlpaWlpaWlpaWlpaWg==258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  char text[900];
  uint8_t digest[20];
  char accept[29] = "";
  twc_sha1(key, sizeof key - 1, digest);
  twc_base64(digest, sizeof digest, accept);
  int32_t ws = open_ws();
  CHECK(twc_ws_set_options(core, ws, options, 0, 0) == 0);
  if (protocol != NULL)
    CHECK(twc_ws_protocol(core, ws, protocol, (uint32_t)strlen(protocol)) == 0);
  drain(twc_connected(core, ws));
  settle();
  int size = snprintf(text, sizeof text,
                      "%sHTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: x ,\tUpgrade \r\n"
                      "Sec-WebSocket-Accept: %s\r\n%s\r\n",
                      before, accept, more);
  receive(ws, text, (size_t)size);
  return ws;
}

static void test_answers(void) {
  char long_protocol[220];
  memset(long_protocol, 0, sizeof long_protocol);
  strcpy(long_protocol, "Sec-WebSocket-Protocol: ");
  memset(long_protocol + strlen(long_protocol), 'a', 170);
  strcat(long_protocol, "\r\n");
  start("answers");
  CHECK(twc_state(core, answered(0, NULL, "", "")) == TW_STATE_OPEN);
  CHECK(twc_state(core, answered(0, NULL, "", "Sec-WebSocket-Extensions: \r\n")) == TW_STATE_OPEN);
  CHECK(twc_state(core, answered(0, NULL, "", "Sec-WebSocket-Extensions: x\r\n")) == TW_STATE_CLOSED);
  CHECK(last_error.code == TW_ERR_WS_HANDSHAKE);
  start("answers with a subprotocol");
  CHECK(twc_state(core, answered(0, "a", "", "Sec-WebSocket-Protocol: a\r\n")) == TW_STATE_OPEN);
  char text[4] = "???";
  int32_t open = answered(0, "b", "", "Sec-WebSocket-Protocol: b\r\n");
  CHECK(twc_protocol(core, open, text, sizeof text) == 1 && memcmp(text, "b??", 3) == 0);
  CHECK(twc_state(core, answered(0, "a", "", "")) == TW_STATE_CLOSED);
  CHECK(last_error.code == TW_ERR_WS_HANDSHAKE);
  last_error.code = 0;
  CHECK(twc_state(core, answered(0, "a", "", long_protocol)) == TW_STATE_CLOSED);
  CHECK(last_error.code == TW_ERR_WS_HANDSHAKE);
  start("answers whose head is reported");
  CHECK(twc_state(core, answered(TW_WS_OPTION_REPORT_HEAD, NULL, "\r\n", "")) == TW_STATE_OPEN);
  CHECK(head_offset == 2); /* an empty line in front is no part of the head */
  CHECK(twc_state(core, answered(TW_WS_OPTION_REPORT_HEAD, NULL, "", "")) == TW_STATE_OPEN);
  CHECK(head_offset == 0);
}

/* Of the handles that a broadcast is given no more are read and written than its count. */
static void test_broadcast(void) {
  static const char head[] = OPENING("");
  start("broadcast");
  int32_t web = accepted_stream();
  CHECK(twc_ws_accept(core, web, head, sizeof head - 1, "", 0, "", 0, 0, 0) == 0);
  settle();
  int32_t handles[3] = {web, web + 1, 77};
  CHECK(twc_ws_broadcast(core, handles, 2, TW_SEND_TEXT, "hi", 2) == 1);
  CHECK(handles[0] == 2 && handles[1] == TW_ERR_HANDLE && handles[2] == 77);
  handles[0] = 76;
  CHECK(twc_ws_broadcast(core, handles, 0, TW_SEND_TEXT, "hi", 2) == 0 && handles[0] == 76);
}

/* A listener that is closed while a connection of it is being established. */
static void test_listener_gone(void) {
  start("listener gone");
  int32_t listener = twc_listen(core, TW_SOCKET_TCP_LISTENER, "", 0, 80);
  drain(twc_connected(core, listener));
  CHECK(twc_set_address_limits(core, listener, 1, 1, 1) == 0);
  int32_t handle = twc_accepted(core, listener);
  CHECK(handle > 0);
  CHECK(twc_close(core, listener) == 0);
  settle();
  drain(twc_pump(core));
  drain(twc_connected(core, handle));
  CHECK(twc_state(core, handle) == TW_STATE_OPEN);
}

/* An end of a WebSocket that has nothing but the frames: on the server's side of a stream, as a client. */
static int32_t attached(uint32_t client) {
  int32_t handle = accepted_stream();
  CHECK(twc_ws_attach(core, handle, client, 0) == 0);
  return handle;
}

static void test_texts(void) {
  static char url[TW_MAX_URL + 1];
  start("texts");
  memset(url, 'a', sizeof url);
  memcpy(url, "ws://h/", 7);
  CHECK(twc_ws_connect(core, url, sizeof url) == TW_ERR_URL);
  CHECK(twc_tcp_connect(core, "a b", 3, 80) == TW_ERR_ARGUMENT);
  CHECK(twc_tcp_connect(core, "a\x7f", 2, 80) == TW_ERR_ARGUMENT);
  CHECK(twc_tcp_connect_allowed(core, "h", 1, 0, "-private", 8) == TW_ERR_PORT);
  CHECK(twc_tcp_connect_allowed(core, "h", 1, 65536, "-private", 8) == TW_ERR_PORT);
  CHECK(twc_tcp_connect_allowed(core, "h", 1, 65535, "-private", 8) > 0);
  while (twc_tcp_connect(core, "h", 1, 80) > 0) {
  }
  CHECK(twc_tcp_connect_allowed(core, "h", 1, 80, "-private", 8) == TW_ERR_LIMIT);
}

static void test_full_tables(void) {
  start("full tables");
  int32_t stream = accepted_stream();
  for (uint32_t i = 0; i < limits.webSockets; i++)
    open_ws();
  CHECK(twc_ws_attach(core, stream, 1, 0) == TW_ERR_LIMIT);
  CHECK(twc_state(core, stream) == TW_STATE_OPEN);
}

/* A host that reports what can't be: nothing comes of it. */
static void test_datagrams(void) {
  start("datagrams");
  int32_t udp = twc_udp_open(core, 53);
  CHECK(twc_datagram(core, udp, limits.recvBuffer + 1, 1, 1) == 0);
  CHECK(twc_datagram(core, udp, 1, TW_MAX_ADDRESS + 1, 1) == 0);
  CHECK(twc_datagram(core, udp + 1, 1, 1, 1) == 0);
  drain(twc_datagram(core, udp, 1, 1, 1));
  CHECK(events == 1);
  CHECK(twc_close(core, udp) == 0);
  CHECK(twc_datagram(core, udp, 1, 1, 1) == 0);
  fill_text_pool(open_ws());
  CHECK(twc_udp_bind(core, "2001:db8:1111:2222:3333:4444:5555:6666", 38, 53) == TW_ERR_MEMORY);
}

static void test_faults(void) {
  start("faults of frames");
  int32_t client = attached(1);
  int32_t tcp = twc_tcp_connect(core, "h", 1, 80);
  CHECK(twc_ws_fault(core, 12345) == TW_ERR_HANDLE);
  CHECK(twc_ws_fault(core, tcp) == TW_ERR_HANDLE);
  CHECK(twc_ws_fault(core, client) == 0);
  /* A limit that is lowered in the middle of a message. */
  receive(client, "\x01\x05hello", 7);
  CHECK(twc_ws_set_options(core, client, 0, 2, 0) == 0);
  receive(client, "\x80\x01!", 3);
  drain(twc_pump(core));
  CHECK(last_error.handle == client && last_error.code == TW_ERR_WS_TOO_BIG);
}

/* To receive while closing concerns a connection that is open and has not been closed by its peer. */
static void test_close(void) {
  start("close");
  int32_t ws = open_ws();
  CHECK(twc_ws_set_options(core, ws, TW_WS_OPTION_RECEIVE_WHILE_CLOSING, 0, 0) == 0);
  CHECK(twc_ws_close(core, ws, 1000, "", 0) == 0);
  CHECK(twc_state(core, ws) == TW_STATE_CLOSED);
  ws = attached(1);
  CHECK(twc_ws_set_options(core, ws, TW_WS_OPTION_RECEIVE_WHILE_CLOSING, 0, 0) == 0);
  memcpy(twc_rx_buffer(core), "\x88\x00", 2);
  drain(twc_received(core, ws, 2)); /* the end is deferred until the loop iteration is over */
  CHECK(twc_ws_close(core, ws, 1000, "", 0) == 0);
  CHECK(twc_state(core, ws) == TW_STATE_CLOSING);
  settle();
  drain(twc_pump(core));
  settle();
  drain(twc_ended(core, ws));
  settle();
  drain(twc_pump(core));
  CHECK(twc_state(core, ws) == TW_STATE_CLOSED);
}

/* Every byte in the name of a URL's host, RFC 3986 3.2.2: what may be in a name
 * that a resolver takes. */
static void test_hosts(void) {
  start("hosts");
  for (int byte = 0; byte < 256; byte++) {
    char url[] = "ws://a?b/";
    tw_url parsed;
    url[6] = (char)byte;
    bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
    int32_t result = twc_url_parse(url, sizeof url - 1, &parsed);
    if (letter || byte == '-' || byte == '.' || byte == '_')
      CHECK(result == 0 && parsed.host_size == 3);
    else if (byte <= ' ' || byte >= 0x7f)
      CHECK(result == TW_ERR_URL);
    else
      CHECK(result != 0 || parsed.host_size != 3 || strchr("!$&'()*+,;=~", byte) != NULL);
  }
}

/* Bytes that neither a name nor a path may have, at each place. */
static void test_names(void) {
  static const char wrong_hosts[] = {'\0', '\t', ' ', 0x7f};
  start("names");
  for (uint32_t at = 0; at < 3; at++) {
    char name[] = "abc";
    for (size_t i = 0; i < sizeof wrong_hosts; i++) {
      name[at] = wrong_hosts[i];
      CHECK(twc_tcp_connect(core, name, 3, 80) == TW_ERR_ARGUMENT);
      CHECK(twc_listen(core, TW_SOCKET_TCP_LISTENER, name, 3, 80) == TW_ERR_ARGUMENT);
    }
    name[at] = 0;
    CHECK(twc_listen(core, TW_SOCKET_UNIX_LISTENER, name, 3, 0) == TW_ERR_PATH);
  }
  int32_t named = twc_tcp_connect(core, "a!c\0", 3, 80); /* what is behind the name is not read */
  CHECK(named > 0 && twc_abort(core, named) == 0);
  named = twc_listen(core, TW_SOCKET_UNIX_LISTENER, "a c\0", 3, 0);
  CHECK(named > 0 && twc_abort(core, named) == 0);
}

/* The longest wait for a timer is not the one that means "no timer". */
static void test_longest_wait(void) {
  start("the longest wait");
  CHECK(twc_wait(core) == TW_FOREVER);
  int32_t stream = accepted_stream();
  CHECK(twc_wait(core) == TW_FOREVER);
  CHECK(twc_set_deadline(core, stream, TW_DEADLINE_READ, TW_FOREVER) == 0);
  CHECK(twc_wait(core) == TW_FOREVER - 1);
  CHECK(twc_set_deadline(core, stream, TW_DEADLINE_READ, TW_FOREVER - 1) == 0);
  CHECK(twc_wait(core) == TW_FOREVER - 1);
  CHECK(twc_set_deadline(core, stream, TW_DEADLINE_READ, TW_FOREVER - 2) == 0);
  CHECK(twc_wait(core) == TW_FOREVER - 2);
}

int main(void) {
  static void (*const tests[])(void) = {
      test_init,           test_headers,       test_credentials,  test_arguments,   test_judge,     test_accept,
      test_deflate_offers, test_no_offer,      test_full_memory,  test_full_pool,   test_answers,   test_hosts,
      test_broadcast,      test_listener_gone, test_texts,        test_full_tables, test_datagrams, test_faults,
      test_close,          test_names,         test_longest_wait,
  };
  const unsigned count = sizeof tests / sizeof *tests;
  unsigned failed = 0;
  limits = small;
  for (unsigned i = 0; i < count; i++) {
    wrong = 0;
    tests[i]();
    failed += wrong > 0;
  }
  printf("%u passed, %u failed\n", count - failed, failed);
  return failed == 0 ? 0 : 1;
}
