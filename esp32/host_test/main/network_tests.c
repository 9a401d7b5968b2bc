/* network_tests.c: names, and an interface that goes, comes back, and comes back with another address. */
#include "host_test.h"
#include "unity.h"

static uint16_t echo_port;
static record it;

static void connects_by_name(void) {
  start();
  for (int i = 0; i < 3; i++) { /* the second time it is in lwIP's cache */
    int32_t sock = record_open(&(target){.record = &it, .host = "peer.test", .port = echo_port});
    CHECK(sock >= 0 && reaches(&it.connected, 1));
    CHECK(tw_esp_net_send(sock, "hello", 5) == 5 && reaches(&it.received, 5));
    tw_esp_net_close(sock);
    CHECK(reaches(&it.disconnected, 1));
  }
  stop();
}

static void reports_an_unknown_name(void) {
  start();
  CHECK(record_open(&(target){.record = &it, .host = "nowhere.test", .port = echo_port}) >= 0);
  CHECK(reaches(&it.disconnected, 1) && it.code == TW_ERR_NAME_FAILED);
  stop();
}

/* A name server that does not answer delays neither other connections nor the end. */
static void survives_a_silent_name_server(void) {
  static record silent;
  tw_esp_options options;
  tw_esp_defaults(&options);
  options.limits.connectTimeoutMs = 500;
  start_with(&options);
  CHECK(record_open(&(target){.record = &silent, .host = "silent.test", .port = echo_port}) >= 0);
  CHECK(record_open(&(target){.record = &it, .host = OWN_ADDRESS, .port = echo_port}) >= 0);
  CHECK(reaches(&it.connected, 1));
  CHECK(reaches(&silent.disconnected, 1) && silent.code == TW_ERR_TIMEOUT);
  CHECK(record_open(&(target){.record = &silent, .host = "silent.test", .port = echo_port}) >= 0);
  stop();
}

/* The schedule's second delay is a minute: none is used up while there is no network, and the first attempt is made as
 * soon as there is one. */
static void reconnects_when_the_link_is_back(void) {
  start();
  CHECK(record_open(&(target){.record = &it, .host = OWN_ADDRESS, .port = echo_port, .reconnect = true}) >= 0);
  CHECK(reaches(&it.connected, 1));
  for (uint32_t i = 1; i <= 5; i++) {
    interface_down();
    CHECK(reaches(&it.disconnected, i) && it.code == TW_ERR_NETWORK_DOWN);
    nap(200);
    CHECK(it.errors == i && it.connected == i);
    interface_up(OWN_ADDRESS);
    CHECK(reaches(&it.connected, i + 1));
    CHECK(tw_esp_net_send(it.handle, "hello", 5) == 5 && reaches(&it.received, 5 * i));
  }
  stop();
}

static void notices_another_address(void) {
  start();
  CHECK(record_open(&(target){.record = &it, .host = OWN_ADDRESS, .port = echo_port}) >= 0);
  CHECK(reaches(&it.connected, 1));
  interface_up(OTHER_ADDRESS);
  CHECK(reaches(&it.disconnected, 1) && it.code == TW_ERR_NETWORK_DOWN);
  CHECK(record_open(&(target){.record = &it, .host = OTHER_ADDRESS, .port = echo_port}) >= 0);
  CHECK(reaches(&it.connected, 1));
  interface_up(OWN_ADDRESS);
  CHECK(reaches(&it.disconnected, 1));
  stop();
}

void run_network_tests(void) {
  echo_port = peer_start(PEER_ECHO);
  RUN_TEST(connects_by_name);
  RUN_TEST(reports_an_unknown_name);
  RUN_TEST(survives_a_silent_name_server);
  RUN_TEST(reconnects_when_the_link_is_back);
  RUN_TEST(notices_another_address);
}
