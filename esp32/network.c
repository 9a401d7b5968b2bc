/* network.c: follows lwIP's interfaces. See network.h. There is one lwIP, so there is one state. */
#include "network.h"

#include <stdatomic.h>

#include "address.h"
#include "esp_netif.h"
#include "lwip/netif.h"

static _Atomic(tw_esp_wake *) watcher;
static _Atomic uint32_t versions; /* of IP that an interface has an address of */
static atomic_bool changed;
static bool hooked; /* belongs to the network task */

static bool is_usable(const struct netif *netif) { return netif_is_up(netif) && netif_is_link_up(netif); }

/* In lwIP's thread. */
static void look(void) {
  uint32_t found = 0;
  struct netif *netif;
  NETIF_FOREACH(netif) {
    if (is_usable(netif))
      found |= tw_esp_address_versions(netif);
  }
  atomic_store(&versions, found);
}

static void on_change(struct netif *netif, netif_nsc_reason_t reason, const netif_ext_callback_args_t *details) {
  (void)netif, (void)reason, (void)details;
  look();
  atomic_store(&changed, true);
  tw_esp_wake *wake = atomic_load(&watcher);
  if (wake != NULL)
    tw_esp_wake_up(wake);
}

static esp_err_t hook(void *unused) {
  static netif_ext_callback_t callback; /* stays for good: lwIP may be calling it while we stop */
  (void)unused;
  netif_add_ext_callback(&callback, on_change);
  look();
  return ESP_OK;
}

void tw_esp_network_watch(tw_esp_wake *wake) { atomic_store(&watcher, wake); }

/* esp_netif keeps the default interface in a variable of its own, so this is safe before lwIP runs. */
bool tw_esp_network_exists(void) {
  if (!hooked && esp_netif_get_default_netif() != NULL)
    hooked = esp_netif_tcpip_exec(hook, NULL) == ESP_OK;
  return hooked;
}

uint32_t tw_esp_network_versions(void) { return atomic_load(&versions); }
bool tw_esp_network_is_up(void) { return tw_esp_network_exists() && tw_esp_network_versions() != 0; }
bool tw_esp_network_changed(void) { return atomic_exchange(&changed, false); }

typedef struct question {
  const ip_addr_t *local;
  bool found;
} question;

static esp_err_t find_address(void *context) {
  question *it = context;
  struct netif *netif;
  NETIF_FOREACH(netif)
  it->found = it->found || (is_usable(netif) && tw_esp_address_is_of(netif, it->local));
  return ESP_OK;
}

bool tw_esp_network_has(const ip_addr_t *local) {
  question it = {.local = local};
  return esp_netif_tcpip_exec(find_address, &it) != ESP_OK || it.found; /* lwIP aborts those that lost it by itself */
}
