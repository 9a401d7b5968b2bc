/* app: runs an application for ESP-IDF, app_main, on this machine: what examples and test_apps call of ESP-IDF beside
 * what the component does. The network is lwIP's and reaches only itself. */
#include <setjmp.h>
#include <stdio.h>

#include "esp_event.h"
#include "esp_netif.h"
#include "esp_wifi.h"
#include "lwip/netifapi.h"
#include "lwip/tcpip.h"
#include "nvs_flash.h"
#include "protocol_examples_common.h"
#include "stub.h"
#include "stub_event.h"
#include "unity.h"

void app_main(void);

esp_event_base_t const WIFI_EVENT = "WIFI_EVENT";

static struct netif netif;
static wifi_mode_t mode;

esp_err_t nvs_flash_init(void) { return ESP_OK; }

/* ---- The network ---- */

static err_t send_nowhere(struct netif *unused, struct pbuf *packet, const ip4_addr_t *to) {
  (void)unused, (void)packet, (void)to;
  return ERR_OK;
}

static err_t init_netif(struct netif *it) {
  it->name[0] = 'w';
  it->name[1] = 'l';
  it->output = send_nowhere;
  it->mtu = 1500;
  it->flags = NETIF_FLAG_LINK_UP;
  return ERR_OK;
}

esp_err_t esp_netif_init(void) {
  tcpip_init(NULL, NULL);
  return ESP_OK;
}

static esp_netif_t *create_netif(void) {
  netifapi_netif_add(&netif, NULL, NULL, NULL, NULL, init_netif, tcpip_input);
  netifapi_netif_set_default(&netif);
  stub_use_netif(&netif);
  return (esp_netif_t *)&netif;
}

esp_netif_t *esp_netif_create_default_wifi_sta(void) { return create_netif(); }
esp_netif_t *esp_netif_create_default_wifi_ap(void) { return create_netif(); }

esp_err_t esp_wifi_init(const wifi_init_config_t *config) {
  (void)config;
  return ESP_OK;
}

esp_err_t esp_wifi_set_mode(wifi_mode_t wanted) {
  mode = wanted;
  return ESP_OK;
}

esp_err_t esp_wifi_set_config(wifi_interface_t interface, wifi_config_t *conf) {
  (void)interface, (void)conf;
  return ESP_OK;
}

esp_err_t esp_wifi_start(void) {
  if (mode == WIFI_MODE_AP)
    stub_network(true, "192.168.4.1");
  else
    stub_raise(WIFI_EVENT, WIFI_EVENT_STA_START);
  return ESP_OK;
}

esp_err_t esp_wifi_connect(void) {
  stub_network(true, "192.168.1.20");
  return ESP_OK;
}

esp_err_t example_connect(void) {
  create_netif();
  stub_network(true, "192.168.1.20");
  return ESP_OK;
}

/* ---- Unity ---- */

static jmp_buf out;
static unsigned passed, failed;

void stub_assert(bool right, const char *text, const char *file, int line) {
  if (right)
    return;
  printf("  %s:%d: not so: %s\n", file, line, text);
  longjmp(out, 1);
}

void stub_run_test(const char *name, void (*test)(void)) {
  if (setjmp(out) == 0) {
    test();
    passed++;
    printf("ok      %s\n", name);
  } else {
    failed++;
    printf("FAILED  %s\n", name);
  }
}

int stub_unity_end(void) {
  printf("%u passed, %u failed\n", passed, failed);
  return (int)failed;
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  app_main();
  return failed == 0 ? 0 : 1;
}
