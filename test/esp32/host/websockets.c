/* websockets.c: WebSockets to a server of our own. */
#include <string.h>

#include "test.h"

static peer server = {.kind = PEER_WEBSOCKET};
static peer goodbye = {.kind = PEER_GOODBYE};
static story it;

static const char *url_of(const peer *of) {
  static char url[64];
  snprintf(url, sizeof url, "ws://%s:%u/stream", here.peer_address, of->port);
  return url;
}

static void echoes(void) {
  static char message[1501];
  test_begin(NULL);
  test_open_ws(&it, url_of(&server));
  test_until(&it.connected, 1);
  uint32_t expected = 0;
  for (uint32_t i = 0; i < 200; i++) {
    uint32_t size = i * 7 % 1500;
    for (uint32_t k = 0; k < size; k++)
      message[k] = (char)peer_pattern(expected + k);
    CHECK(tw_ws_send_binary(it.handle, message, size) == (int32_t)size);
    test_until(&it.received, expected += size);
  }
  CHECK(!it.wrong && it.errors == 0);
  CHECK(tw_ws_close(it.handle) == 0);
  test_until(&it.disconnected, 1);
  test_end();
}

/* As many messages as go, the drain event saying when. */
static void streams(void) {
  static char message[700];
  uint32_t sent = 0, refused = 0;
  test_begin(NULL);
  test_open_ws(&it, url_of(&server));
  test_until(&it.connected, 1);
  while (sent < 300000) {
    for (uint32_t k = 0; k < sizeof message; k++)
      message[k] = (char)peer_pattern(sent + k);
    if (tw_ws_send_binary(it.handle, message, sizeof message) > 0)
      sent += (uint32_t)sizeof message;
    else
      test_until(&it.drains, ++refused);
  }
  test_until(&it.received, sent);
  CHECK(!it.wrong && refused > 0);
  test_end();
}

static void reconnects(void) {
  static const uint32_t soon = 1;
  test_begin(NULL);
  test_open_ws(&it, url_of(&goodbye));
  tw_ws_set_reconnect_delays_ms(it.handle, &soon, 1);
  tw_ws_set_auto_reconnect(it.handle, true);
  test_until(&it.errors, 20);
  CHECK(it.connected == 0 && it.step == TW_STEP_HANDSHAKE);
  test_end();
}

void tests_of_websockets(void) {
  if (!here.peers->start(&server) || !here.peers->start(&goodbye))
    printf("a peer does not start\n");
  TEST(echoes);
  TEST(streams);
  TEST(reconnects);
  here.peers->stop(&server);
  here.peers->stop(&goodbye);
}
