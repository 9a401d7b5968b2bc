/* netif.c: esp_netif over one interface of lwIP. */
#include <stdatomic.h>

#include "esp_netif.h"
#include "lwip/esp_netif_net_stack.h"
#include "lwip/netifapi.h"
#include "lwip/sys.h"
#include "lwip/tcpip.h"
#include "stub.h"
#include "stub_event.h"

static struct netif *the_netif;
static _Atomic(struct netif *) default_netif;

void stub_use_netif(struct netif *netif) { default_netif = the_netif = netif; }

esp_netif_t *esp_netif_get_default_netif(void) { return (esp_netif_t *)default_netif; }

bool esp_netif_is_netif_up(esp_netif_t *esp_netif) { return netif_is_up((struct netif *)esp_netif); }

esp_err_t esp_netif_get_ip_info(esp_netif_t *esp_netif, esp_netif_ip_info_t *ip_info) {
  const struct netif *netif = (const struct netif *)esp_netif;
  ip_info->ip.addr = netif_ip4_addr(netif)->addr;
  ip_info->netmask.addr = netif_ip4_netmask(netif)->addr;
  ip_info->gw.addr = netif_ip4_gw(netif)->addr;
  return ESP_OK;
}

typedef struct execution {
  esp_netif_callback_fn call;
  void *context;
  esp_err_t result;
  sys_sem_t done;
} execution;

static void execute(void *context) {
  execution *it = context;
  it->result = it->call(it->context);
  sys_sem_signal(&it->done);
}

esp_err_t esp_netif_tcpip_exec(esp_netif_callback_fn fn, void *ctx) {
  if (stub_in_lwip())
    return fn(ctx);
  execution it = {.call = fn, .context = ctx};
  sys_sem_new(&it.done, 0);
  if (tcpip_callback(execute, &it) != ERR_OK)
    it.result = ESP_FAIL;
  else
    sys_arch_sem_wait(&it.done, 0);
  sys_sem_free(&it.done);
  return it.result;
}

typedef struct naming {
  struct netif *netif;
  char *name;
} naming;

static esp_err_t name_netif(void *context) {
  const naming *it = context;
  return netif_index_to_name(netif_get_index(it->netif), it->name) != NULL ? ESP_OK : ESP_FAIL;
}

esp_err_t esp_netif_get_netif_impl_name(esp_netif_t *esp_netif, char *name) {
  naming it = {(struct netif *)esp_netif, name};
  return esp_netif_tcpip_exec(name_netif, &it);
}

typedef struct change {
  ip4_addr_t ip, mask, gateway;
} change;

/* As esp_netif does it: all of it in lwIP's thread, in one go. */
static esp_err_t go_up(void *context) {
  const change *to = context;
  netif_set_up(the_netif);
  netif_set_link_up(the_netif);
  default_netif = the_netif;
  netif_set_addr(the_netif, &to->ip, &to->mask, &to->gateway);
  return ESP_OK;
}

static esp_err_t go_down(void *unused) {
  (void)unused;
#if LWIP_IPV6
  for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
    netif_ip6_addr_set_state(the_netif, i, IP6_ADDR_INVALID);
#endif
  netif_set_addr(the_netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4);
  netif_set_down(the_netif);
  netif_set_link_down(the_netif);
  default_netif = NULL;
  return ESP_OK;
}

/* ---- An interface that the program itself brings: static addresses, kept while it is down ---- */

static struct netif made_netif;
static change kept;

static esp_err_t add_netif(void *stack) {
  const struct esp_netif_netstack_config *it = stack;
  return netif_add(&made_netif, NULL, NULL, NULL, NULL, it->lwip.init_fn, tcpip_input) == NULL ? ESP_FAIL : ESP_OK;
}

static change change_of(const esp_netif_ip_info_t *info) {
  return (change){.ip.addr = info->ip.addr, .mask.addr = info->netmask.addr, .gateway.addr = info->gw.addr};
}

esp_netif_t *esp_netif_new(const esp_netif_config_t *config) {
  kept = change_of(config->base->ip_info);
  if (esp_netif_tcpip_exec(add_netif, (void *)(uintptr_t)config->stack) != ESP_OK)
    return NULL;
  the_netif = &made_netif;
  return (esp_netif_t *)&made_netif;
}

static esp_err_t set_address(void *unused) {
  (void)unused;
  netif_set_default(the_netif);
  netif_set_addr(the_netif, &kept.ip, &kept.mask, &kept.gateway);
  return ESP_OK;
}

/* As the real one: the address is lwIP's at once, even if the interface is down. */
esp_err_t esp_netif_set_ip_info(esp_netif_t *esp_netif, const esp_netif_ip_info_t *ip_info) {
  (void)esp_netif;
  kept = change_of(ip_info);
  return esp_netif_tcpip_exec(set_address, NULL);
}

void esp_netif_action_start(void *esp_netif, esp_event_base_t base, int32_t event_id, void *data) {
  (void)esp_netif, (void)base, (void)event_id, (void)data;
}

void esp_netif_action_connected(void *esp_netif, esp_event_base_t base, int32_t event_id, void *data) {
  (void)esp_netif, (void)base, (void)event_id, (void)data;
  esp_netif_tcpip_exec(go_up, &kept);
}

void esp_netif_action_disconnected(void *esp_netif, esp_event_base_t base, int32_t event_id, void *data) {
  (void)esp_netif, (void)base, (void)event_id, (void)data;
  esp_netif_tcpip_exec(go_down, NULL);
}

void stub_network(bool up, const char *address) {
  change to;
  ip4addr_aton(address, &to.ip);
  IP4_ADDR(&to.mask, 255, 255, 255, 0);
  ip4_addr_set_any(&to.gateway);
  esp_netif_tcpip_exec(up ? go_up : go_down, &to);
  if (up)
    stub_raise(IP_EVENT, IP_EVENT_STA_GOT_IP);
}
