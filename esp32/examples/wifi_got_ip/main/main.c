/* wifi_got_ip: opens a connection from the handler of IP_EVENT_STA_GOT_IP, and shows what happens when Wi-Fi goes and
 * comes: the connection ends with TW_ERR_NETWORK_DOWN, and is made again as soon as there is an address. Opening
 * earlier is no crash, but -1. */
#include <inttypes.h>
#include <string.h>

#include "esp_event.h"
#include "esp_log.h"
#include "esp_netif.h"
#include "esp_wifi.h"
#include "nvs_flash.h"
#include "sdkconfig.h"
#include "twinwire/tw_esp.h"

static const char TAG[] = "wifi_got_ip";
static int32_t sock = TW_NONE; /* belongs to the network task */

static void on_connected(const NetConnected *e, void *ctx) {
  (void)ctx;
  ESP_LOGI(TAG, "connected");
  tw_net_send(e->sock, "hello", 5);
}

static void on_data(const NetData *e, void *ctx) {
  (void)ctx;
  ESP_LOGI(TAG, "received: %s", e->data);
}

static void on_disconnected(const NetDisconnected *e, void *ctx) {
  (void)ctx;
  ESP_LOGI(TAG, "disconnected: %s, next attempt in %" PRId32 " ms", tw_error_name(e->code), e->retry_ms);
}

static void open_connection(void *ctx) {
  static const uint32_t seconds[] = {1, 1, 2, 5};
  (void)ctx;
  if (sock != TW_NONE)
    return; /* the address is back: the schedule of this one runs already */
  sock = tw_net_tcp_connect(CONFIG_EXAMPLE_HOST, CONFIG_EXAMPLE_PORT);
  if (sock == TW_NONE) {
    ESP_LOGW(TAG, "%s: %s", tw_error_name(tw_last_error()), tw_error_advice(tw_last_error()));
    return;
  }
  tw_net_set_auto_reconnect(sock, true);
  tw_net_set_reconnect_delays(sock, seconds, 4);
  tw_net_on(sock, "connected", on_connected, NULL);
  tw_net_on(sock, "data", on_data, NULL);
  tw_net_on(sock, "disconnected", on_disconnected, NULL);
}

/* Runs in ESP-IDF's event task: it posts, and never waits. */
static void on_event(void *ctx, esp_event_base_t base, int32_t id, void *data) {
  (void)ctx, (void)data;
  if (base == IP_EVENT && id == IP_EVENT_STA_GOT_IP)
    tw_esp_post(open_connection, NULL);
  else if (base == WIFI_EVENT && (id == WIFI_EVENT_STA_START || id == WIFI_EVENT_STA_DISCONNECTED))
    esp_wifi_connect();
}

static void start_wifi(void) {
  wifi_init_config_t init = WIFI_INIT_CONFIG_DEFAULT();
  wifi_config_t config = {0};
  strncpy((char *)config.sta.ssid, CONFIG_EXAMPLE_WIFI_NAME, sizeof config.sta.ssid);
  strncpy((char *)config.sta.password, CONFIG_EXAMPLE_WIFI_PASSWORD, sizeof config.sta.password);
  esp_netif_create_default_wifi_sta();
  ESP_ERROR_CHECK(esp_wifi_init(&init));
  ESP_ERROR_CHECK(esp_wifi_set_mode(WIFI_MODE_STA));
  ESP_ERROR_CHECK(esp_wifi_set_config(WIFI_IF_STA, &config));
  ESP_ERROR_CHECK(esp_wifi_start());
}

void app_main(void) {
  ESP_ERROR_CHECK(nvs_flash_init());
  ESP_ERROR_CHECK(esp_netif_init());
  ESP_ERROR_CHECK(esp_event_loop_create_default());
  ESP_ERROR_CHECK(esp_event_handler_register(IP_EVENT, IP_EVENT_STA_GOT_IP, on_event, NULL));
  ESP_ERROR_CHECK(esp_event_handler_register(WIFI_EVENT, ESP_EVENT_ANY_ID, on_event, NULL));
  ESP_ERROR_CHECK(tw_esp_start(NULL));
  tw_esp_post(open_connection, NULL); /* too early: logs TW_ERR_NETWORK_DOWN */
  start_wifi();
}
