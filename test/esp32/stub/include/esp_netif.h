#pragma once
#include <stdbool.h>

#include "esp_err.h"
#include "esp_event.h"
typedef struct esp_netif_obj esp_netif_t;
typedef struct esp_ip4_addr {
  uint32_t addr;
} esp_ip4_addr_t;
typedef struct {
  esp_ip4_addr_t ip;
  esp_ip4_addr_t netmask;
  esp_ip4_addr_t gw;
} esp_netif_ip_info_t;
typedef struct esp_netif_inherent_config {
  uint32_t flags;
  const esp_netif_ip_info_t *ip_info;
  const char *if_key;
  const char *if_desc;
  int route_prio;
} esp_netif_inherent_config_t;
typedef struct esp_netif_driver_ifconfig {
  void *handle;
  esp_err_t (*transmit)(void *h, void *buffer, size_t len);
} esp_netif_driver_ifconfig_t;
typedef struct esp_netif_netstack_config esp_netif_netstack_config_t;
typedef struct esp_netif_config {
  const esp_netif_inherent_config_t *base;
  const esp_netif_driver_ifconfig_t *driver;
  const esp_netif_netstack_config_t *stack;
} esp_netif_config_t;
typedef esp_err_t (*esp_netif_callback_fn)(void *ctx);
extern esp_event_base_t const IP_EVENT;
enum { IP_EVENT_STA_GOT_IP, IP_EVENT_STA_LOST_IP };
esp_err_t esp_netif_init(void);
esp_netif_t *esp_netif_get_default_netif(void);
bool esp_netif_is_netif_up(esp_netif_t *esp_netif);
esp_netif_t *esp_netif_new(const esp_netif_config_t *esp_netif_config);
esp_err_t esp_netif_set_ip_info(esp_netif_t *esp_netif, const esp_netif_ip_info_t *ip_info);
void esp_netif_action_start(void *esp_netif, esp_event_base_t base, int32_t event_id, void *data);
void esp_netif_action_connected(void *esp_netif, esp_event_base_t base, int32_t event_id, void *data);
void esp_netif_action_disconnected(void *esp_netif, esp_event_base_t base, int32_t event_id, void *data);
esp_err_t esp_netif_get_ip_info(esp_netif_t *esp_netif, esp_netif_ip_info_t *ip_info);
esp_err_t esp_netif_get_netif_impl_name(esp_netif_t *esp_netif, char *name);
esp_err_t esp_netif_tcpip_exec(esp_netif_callback_fn fn, void *ctx);
esp_netif_t *esp_netif_create_default_wifi_sta(void);
esp_netif_t *esp_netif_create_default_wifi_ap(void);
