/* interface.c: an esp_netif without a driver: lwIP itself returns what is sent to its own address. */
#include <string.h>

#include "esp_netif.h"
#include "host_test.h"
#include "lwip/esp_netif_net_stack.h"
#include "lwip/ip4_addr.h"
#include "lwip/netif.h"

static esp_netif_t *interface;

/* There is nothing beyond the interface: what is sent there is lost. */
static err_t send_nowhere(struct netif *netif, struct pbuf *packet, const ip4_addr_t *to) {
  (void)netif, (void)packet, (void)to;
  return ERR_OK;
}

static err_t init_netif(struct netif *netif) {
  netif->name[0] = 'h';
  netif->name[1] = 't';
  netif->output = send_nowhere;
  netif->mtu = 1500;
  netif->flags = NETIF_FLAG_LINK_UP;
  return ERR_OK;
}

static void receive_nothing(void *netif, void *buffer, size_t size, void *extra) {
  (void)netif, (void)buffer, (void)size, (void)extra;
}

static esp_err_t transmit_nothing(void *driver, void *buffer, size_t size) {
  (void)driver, (void)buffer, (void)size;
  return ESP_OK;
}

static esp_netif_ip_info_t info_of(const char *address) {
  esp_netif_ip_info_t info;
  memset(&info, 0, sizeof info);
  info.ip.addr = ipaddr_addr(address);
  info.netmask.addr = ipaddr_addr("255.255.255.0");
  info.gw.addr = ipaddr_addr(address);
  return info;
}

void interface_create(void) {
  static int driver;
  esp_netif_ip_info_t info = info_of(OWN_ADDRESS);
  esp_netif_inherent_config_t base = {.ip_info = &info, .if_key = "HOST_TEST", .if_desc = "itself", .route_prio = 100};
  esp_netif_driver_ifconfig_t driver_config = {.handle = &driver, .transmit = transmit_nothing};
  struct esp_netif_netstack_config stack = {.lwip = {.init_fn = init_netif, .input_fn = receive_nothing}};
  esp_netif_config_t config = {.base = &base, .driver = &driver_config, .stack = &stack};
  interface = esp_netif_new(&config);
  if (interface == NULL)
    abort();
  esp_netif_action_start(interface, NULL, 0, NULL);
}

void interface_up(const char *address) {
  esp_netif_ip_info_t info = info_of(address);
  ESP_ERROR_CHECK(esp_netif_set_ip_info(interface, &info));
  esp_netif_action_connected(interface, NULL, 0, NULL);
}

void interface_down(void) { esp_netif_action_disconnected(interface, NULL, 0, NULL); }
