/* interfaces.c: several interfaces, sockets that are bound to one, and networks without IPv4. All peers are this
 * device's own, in the same loop. */
#include <stdlib.h>
#include <string.h>

#include "lwip/netifapi.h"
#include "test.h"

#define SECOND_ADDRESS "10.99.0.1"
#define V6_ADDRESS "2001:db8::1"

static struct netif second;
static story listener, first_client, second_client;

/* ---- A second interface, which reaches only itself ---- */

static err_t send_nowhere(struct netif *unused, struct pbuf *packet, const ip4_addr_t *to) {
  (void)unused, (void)packet, (void)to;
  return ERR_OK;
}

static err_t init_second(struct netif *it) {
  it->name[0] = 's';
  it->name[1] = 'e';
  it->output = send_nowhere;
  it->mtu = 1500;
  it->flags = NETIF_FLAG_LINK_UP;
  return ERR_OK;
}

static void add_second(void) {
  ip4_addr_t address, mask, gateway;
  ip4addr_aton(SECOND_ADDRESS, &address);
  IP4_ADDR(&mask, 255, 255, 255, 0);
  ip4_addr_set_any(&gateway);
  netifapi_netif_add(&second, &address, &mask, &gateway, NULL, init_second, tcpip_input);
  netifapi_netif_set_up(&second);
}

static void remove_second(void) { netifapi_netif_remove(&second); }

/* ---- An echo ---- */

static void echo(const NetData *e, void *ctx) {
  (void)ctx;
  CHECK(tw_net_send(e->sock, e->data, e->size) >= 0);
}

static void on_accepted(const NetAccepted *e, void *ctx) {
  (void)ctx;
  tw_net_on(e->sock, echo, NULL);
}

static uint16_t listen_at(const char *address) {
  char text[TW_MAX_ADDRESS + 1];
  memset(&listener, 0, sizeof listener);
  listener.handle = tw_net_tcp_listen(address, 0);
  CHECK(listener.handle > 0 && tw_net_on(listener.handle, on_accepted, NULL) == 0);
  test_listen_to(&listener);
  test_until(&listener.connected, 1);
  CHECK(tw_net_local_addr(listener.handle, text, sizeof text) > 0);
  return (uint16_t)strtol(strrchr(text, ':') + 1, NULL, 10);
}

static void echo_once(const story *of) {
  uint32_t wanted = of->received + 5;
  CHECK(tw_net_send(of->handle, "hello", 5) == 5);
  test_until(&of->received, wanted);
}

/* The default interface goes: connections of the other one stay. */
static void keeps_connections_of_other_interfaces(void) {
  add_second();
  test_begin(NULL);
  uint16_t port = listen_at(SECOND_ADDRESS);
  test_connect(&second_client, SECOND_ADDRESS, port);
  test_until(&second_client.connected, 1);
  test_connect(&first_client, "203.0.113.1", 80); /* by the default interface, where nobody answers */
  test_for(50);
  stub_network(false, here.device_address);
  test_until(&first_client.disconnected, 1);
  CHECK(first_client.code == TW_ERR_NETWORK_DOWN && tw_net_is_up());
  echo_once(&second_client);
  CHECK(second_client.disconnected == 0);
  stub_network(true, here.device_address);
  test_for(20);
  echo_once(&second_client);
  test_end();
  remove_second();
}

/* A bound socket does not leave by another interface, whatever the routes say. */
static void is_bound_to_an_interface(void) {
  tw_esp_options options;
  tw_esp_defaults(&options);
  options.limits.connectTimeoutMs = 300;
  add_second();
  options.netif = (esp_netif_t *)&second;
  test_begin(&options);
  uint16_t port = listen_at("");
  test_connect(&second_client, SECOND_ADDRESS, port);
  test_until(&second_client.connected, 1);
  echo_once(&second_client);
  tw_net_close(second_client.handle);
  test_connect(&first_client, here.device_address, port);
  test_until(&first_client.disconnected, 1);
  CHECK(first_client.connected == 0 && first_client.code == TW_ERR_TIMEOUT);
  test_end();
  remove_second();
}

/* ---- IPv6 alone ---- */

static esp_err_t take_v6(void *unused) {
  ip6_addr_t address;
  (void)unused;
  ip6addr_aton(V6_ADDRESS, &address);
  netif_ip6_addr_set(netif_default, 0, &address);
  netif_ip6_addr_set_state(netif_default, 0, IP6_ADDR_PREFERRED);
  netif_set_addr(netif_default, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4);
  return ESP_OK;
}

static esp_err_t drop_v6(void *unused) {
  (void)unused;
  netif_ip6_addr_set_state(netif_default, 0, IP6_ADDR_INVALID);
  return ESP_OK;
}

static void lives_on_ipv6_alone(void) {
  static story client;
  test_begin(NULL);
  esp_netif_tcpip_exec(take_v6, NULL);
  test_for(20);
  CHECK(tw_net_is_up());
  uint16_t port = listen_at("::");
  test_connect(&client, V6_ADDRESS, port);
  test_until(&client.connected, 1);
  echo_once(&client);
  esp_netif_tcpip_exec(drop_v6, NULL);
  test_until(&client.disconnected, 1);
  CHECK(client.code == TW_ERR_NETWORK_DOWN && !tw_net_is_up());
  stub_network(true, here.device_address);
  test_end();
}

void tests_of_interfaces(void) {
  TEST(keeps_connections_of_other_interfaces);
  TEST(is_bound_to_an_interface);
  TEST(lives_on_ipv6_alone);
}
