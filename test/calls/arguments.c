/* arguments.c: arguments that are wrong: each is refused, and nothing changes. */
#include <stdio.h>
#include <string.h>

#include "calls.h"

void test_init(void) {
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

void test_arguments(void) {
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

void test_texts(void) {
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

/* Bytes that neither a name nor a path may have, at each place. */
void test_names(void) {
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

/* Every byte in the name of a URL's host, RFC 3986 3.2.2: what may be in a name
 * that a resolver takes. */
void test_hosts(void) {
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
