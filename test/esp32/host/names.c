/* names.c: looking names up. */
#include <stdlib.h>
#include <string.h>

#include "test.h"

static peer echo = {.kind = PEER_ECHO};
static peer dns = {.kind = PEER_DNS, .port = 53};
static story it;

static void connects_by_name(void) {
  test_begin(NULL);
  for (int i = 0; i < 3; i++) { /* the second one is in lwIP's cache */
    test_connect(&it, "peer.test", echo.port);
    test_until(&it.connected, 1);
    CHECK(tw_net_send(it.handle, "hello", 5) == 5);
    test_until(&it.received, 5);
    tw_net_close(it.handle);
    test_until(&it.disconnected, 1);
  }
  test_end();
}

static void says_that_a_name_is_unknown(void) {
  test_begin(NULL);
  test_connect(&it, "nowhere.test", echo.port);
  test_until(&it.disconnected, 1);
  CHECK(it.errors == 1 && it.code == TW_ERR_NAME_FAILED && it.step == TW_STEP_CONNECT);
  test_end();
}

/* A name server that keeps silent holds nobody up: not the others, not close, not the next start. */
static void does_not_wait_for_a_silent_server(void) {
  static story silent[2];
  tw_esp_options options;
  tw_esp_defaults(&options);
  options.limits.connectTimeoutMs = 1000;
  test_begin(&options);
  test_connect(&silent[0], "silent0.test", echo.port);
  uint32_t started = test_now();
  test_connect(&it, here.peer_address, echo.port);
  test_until(&it.connected, 1);
  CHECK(silent[0].disconnected == 0);
  test_until(&silent[0].disconnected, 1);
  CHECK(silent[0].code == TW_ERR_TIMEOUT);
  test_connect(&silent[1], "silent1.test", echo.port);
  test_end();
  CHECK(test_now() - started < 5000);
  test_begin(NULL);
  test_connect(&it, here.peer_address, echo.port);
  test_until(&it.connected, 1);
  test_end();
}

/* An answer that comes when nobody wants it any more is not taken for that of another question. */
static void forgets_what_it_asked(void) {
  static story late;
  test_begin(NULL);
  test_connect(&late, "slow.test", echo.port);
  CHECK(tw_net_close(late.handle) == 0);
  test_connect(&it, "silent0.test", echo.port);
  test_for(400);
  CHECK(it.connected == 0 && it.errors == 0 && late.connected == 0);
  test_end();
}

/* A name leads only where the policy allows, and nobody is asked for a connection elsewhere: the port that refuses them
 * has not refused this one. */
static void goes_only_where_the_policy_allows(void) {
  static story others[3];
  test_begin(NULL);
  CHECK(tw_net_set_policy("-private") == 0);
  test_connect(&others[0], "peer.test", 9);
  test_until(&others[0].disconnected, 1);
  CHECK(others[0].errors == 1 && others[0].code == TW_ERR_POLICY && others[0].step == TW_STEP_CONNECT);
  test_open_ws(&others[1], "ws://peer.test:9/");
  test_until(&others[1].disconnected, 1);
  CHECK(others[1].errors == 1 && others[1].code == TW_ERR_POLICY);
  CHECK(tw_net_tcp_connect(here.peer_address, echo.port) == -1 && tw_last_error() == TW_ERR_POLICY);
  char allowed[64];
  snprintf(allowed, sizeof allowed, "-private,+%s", here.peer_address);
  CHECK(tw_net_set_policy(allowed) == 0);
  test_connect(&it, "peer.test", echo.port);
  test_until(&it.connected, 1);
  CHECK(tw_net_send(it.handle, "hello", 5) == 5);
  test_until(&it.received, 5);
  CHECK(tw_net_set_policy(NULL) == 0);
  test_connect(&others[2], "peer.test", 9);
  test_until(&others[2].disconnected, 1);
  CHECK(others[2].code == TW_ERR_REFUSED);
  test_end();
}

void tests_of_names(void) {
  memcpy(dns.answer, here.peer_address, strlen(here.peer_address));
  if (!here.peers->start(&echo) || !here.peers->start(&dns))
    printf("a peer does not start\n");
  TEST(connects_by_name);
  TEST(goes_only_where_the_policy_allows);
  TEST(says_that_a_name_is_unknown);
  TEST(forgets_what_it_asked);
  TEST(does_not_wait_for_a_silent_server);
  here.peers->stop(&echo);
}
