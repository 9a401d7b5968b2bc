/* netif.c: esp_netif over one interface of lwIP. */
#include "esp_netif.h"
#include "lwip/netifapi.h"
#include "lwip/sys.h"
#include "lwip/tcpip.h"
#include "stub.h"
#include "stub_event.h"

static struct netif *the_netif;

void stub_use_netif(struct netif *netif) { the_netif = netif; }

esp_netif_t *esp_netif_get_default_netif(void) { return (esp_netif_t *)the_netif; }

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
  execution it = {.call = fn, .context = ctx};
  sys_sem_new(&it.done, 0);
  if (tcpip_callback(execute, &it) != ERR_OK)
    it.result = ESP_FAIL;
  else
    sys_arch_sem_wait(&it.done, 0);
  sys_sem_free(&it.done);
  return it.result;
}

void stub_network(bool up, const char *address, bool tell) {
  ip4_addr_t ip, mask, gateway;
  ip4addr_aton(address, &ip);
  IP4_ADDR(&mask, 255, 255, 255, 0);
  ip4_addr_set_any(&gateway);
  if (up) {
    netifapi_netif_set_addr(the_netif, &ip, &mask, &gateway);
    netifapi_netif_set_up(the_netif);
  } else {
    netifapi_netif_set_down(the_netif);
  }
  if (tell)
    stub_tell(IP_EVENT, up ? IP_EVENT_STA_GOT_IP : IP_EVENT_STA_LOST_IP);
}
