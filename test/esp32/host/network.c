/* network.c: an interface that goes, comes, and comes with another address. */
#include <string.h>

#include "test.h"

static peer echo = {.kind = PEER_ECHO};
static story it;

/* A schedule whose last delay is a minute: nothing is tried, and no delay used up, while there is no network; once it
 * is back, the first attempt is made at once. */
static void survives_a_loss(void) {
  static const uint32_t delays[] = {20, 60000};
  test_begin(NULL);
  test_connect(&it, here.peer_address, echo.port);
  tw_net_set_reconnect_delays_ms(it.handle, delays, 2);
  tw_net_set_auto_reconnect(it.handle, true);
  int32_t udp = tw_net_udp_open(0);
  test_until(&it.connected, 1);
  CHECK(tw_net_is_up());
  uint32_t started = test_now();
  stub_network(false, here.device_address);
  CHECK(!tw_net_is_up());
  test_until(&it.disconnected, 1);
  CHECK(test_now() - started < 2000); /* and not when keep-alive notices */
  CHECK(it.code == TW_ERR_NETWORK_DOWN && it.retry_ms == 20);
  test_for(300);
  CHECK(it.errors == 1);
  CHECK(tw_net_tcp_connect(here.peer_address, echo.port) == -1 && tw_last_error() == TW_ERR_NETWORK_DOWN);
  CHECK(tw_net_udp_send_to(udp, here.peer_address, 9, "x", 1) == -1 && tw_last_error() == TW_ERR_NETWORK_DOWN);
  started = test_now();
  stub_network(true, here.device_address);
  test_until(&it.connected, 2);
  CHECK(test_now() - started < 5000 && it.errors == 1); /* ARP may take a second */
  CHECK(tw_net_send(it.handle, "hello", 5) == 5);
  test_until(&it.received, 5);
  CHECK(tw_net_udp_send_to(udp, here.peer_address, 9, "x", 1) == 1);
  test_end();
}

/* lwIP aborts what is bound to an address that goes: it is not taken for a time-out or a reset, whoever notices first.
 */
static void names_the_loss_while_it_sends(void) {
  static const char bytes[2048];
  if (here.peer_address == here.device_address)
    return; /* the peers' own threads would be in the middle of the calls that lwIP 2.1.3 aborts, and it asserts there
             */
  test_begin(NULL);
  for (int i = 0; i < 20; i++) {
    test_connect(&it, here.peer_address, echo.port);
    test_until(&it.connected, 1);
    for (int k = 0; k < 4; k++)
      tw_net_send(it.handle, bytes, sizeof bytes);
    stub_network(false, here.device_address);
    tw_net_send(it.handle, bytes, sizeof bytes);
    test_until(&it.disconnected, 1);
    CHECK(it.code == TW_ERR_NETWORK_DOWN);
    tw_net_close(it.handle);
    stub_network(true, here.device_address);
  }
  test_end();
}

/* A task that waits is woken by lwIP's report of the change, not by a look every now and then. */
static void sleeps_while_idle(void) {
  test_begin(NULL);
  tw_esp_options options;
  tw_esp_defaults(&options);
  test_connect(&it, here.peer_address, echo.port);
  test_until(&it.connected, 1);
  test_for(100);
  uint32_t iterations = 0;
  uint32_t started = test_now();
  while (test_now() - started < 1500) {
    tw_poll(1500 - (test_now() - started));
    iterations++;
  }
  CHECK(iterations <= 3);
  test_end();
}

/* Without SO_LINGER lwIP has no RST to say that a connection is over; a peer in the same stack keeps its socket until
 * the FIN comes through, and there are not that many. */
static void survives_many_losses(void) {
  static const uint32_t soon = 1;
  uint32_t times = here.peer_address == here.device_address ? 8 : 50;
  test_begin(NULL);
  test_connect(&it, here.peer_address, echo.port);
  tw_net_set_reconnect_delays_ms(it.handle, &soon, 1);
  tw_net_set_auto_reconnect(it.handle, true);
  for (uint32_t i = 1; i <= times; i++) {
    test_until(&it.connected, i);
    stub_network(false, here.device_address);
    test_until(&it.disconnected, i);
    stub_network(true, here.device_address);
  }
  test_until(&it.connected, times + 1);
  test_end();
}

/* While a name is being looked up, and while SYN is on its way. */
static void loses_what_is_not_connected_yet(void) {
  static story named, far;
  test_begin(NULL);
  test_connect(&named, "silent0.test", echo.port); /* lwIP has four places, three are taken */
  test_connect(&far, "203.0.113.1", 80);
  test_for(50);
  stub_network(false, here.device_address);
  test_until(&named.disconnected, 1);
  test_until(&far.disconnected, 1);
  CHECK(named.code == TW_ERR_NETWORK_DOWN && far.code == TW_ERR_NETWORK_DOWN);
  stub_network(true, here.device_address);
  test_end();
}

static void notices_another_address(void) {
  test_begin(NULL);
  test_connect(&it, here.peer_address, echo.port);
  test_until(&it.connected, 1);
  stub_network(true, "10.77.0.3");
  test_until(&it.disconnected, 1);
  CHECK(it.code == TW_ERR_NETWORK_DOWN);
  stub_network(true, here.device_address);
  test_end();
}

/* A listener outlives the loss: it is bound to every address. */
static void keeps_its_listeners(void) {
  static story listener, client;
  char text[TW_MAX_ADDRESS + 1];
  unsigned port = 0;
  test_begin(NULL);
  memset(&listener, 0, sizeof listener);
  listener.handle = tw_net_tcp_listen("", 0);
  test_listen_to(&listener);
  test_until(&listener.connected, 1);
  tw_net_local_addr(listener.handle, text, sizeof text);
  CHECK(sscanf(strrchr(text, ':'), ":%u", &port) == 1);
  stub_network(false, here.device_address);
  test_for(300);
  stub_network(true, here.device_address);
  test_for(20);
  CHECK(listener.disconnected == 0);
  test_connect(&client, here.device_address, (uint16_t)port);
  test_until(&listener.accepts, 1);
  test_end();
}

void tests_of_network(void) {
  if (!here.peers->start(&echo))
    printf("a peer does not start\n");
  TEST(survives_a_loss);
  TEST(names_the_loss_while_it_sends);
  TEST(sleeps_while_idle);
  TEST(survives_many_losses);
  TEST(loses_what_is_not_connected_yet);
  TEST(notices_another_address);
  TEST(keeps_its_listeners);
}
