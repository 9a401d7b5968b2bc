/* handshake.c: what an opening handshake is refused for, and what it is answered, on both sides. */
#include <stdio.h>
#include <string.h>

#include "calls.h"

void test_headers(void) {
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

void test_credentials(void) {
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

void test_judge(void) {
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

void test_deflate_offers(void) {
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
void test_no_offer(void) {
  static const char head[] = OPENING("X-Extensions: permessage-deflate\r\n");
  start("no offer of compression");
  int32_t stream = accepted_stream();
  CHECK(twc_ws_accept(core, stream, head, sizeof head - 1, "", 0, "", 0, 0, 0xff) == 0);
  settle();
  CHECK(twc_ws_deflate(core, stream) == 0 && !wrote("permessage"));
}

void test_accept(void) {
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

void test_answers(void) {
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
