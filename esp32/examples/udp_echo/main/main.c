/* udp_echo: sends datagrams back to whoever sent them. From a PC: nc -u <the device's address> 9000 */
#include <inttypes.h>

#include "esp_event.h"
#include "esp_log.h"
#include "esp_netif.h"
#include "nvs_flash.h"
#include "protocol_examples_common.h"
#include "sdkconfig.h"
#include "twinwire/tw_esp.h"

static const char TAG[] = "udp_echo";

static void echo(const NetDatagram *e, void *ctx) {
  (void)ctx;
  ESP_LOGI(TAG, "%" PRIu32 " bytes from %s:%" PRId32, e->size, e->addr, e->port);
  if (tw_net_udp_send_to(e->sock, e->addr, e->port, e->data, e->size) < 0)
    ESP_LOGW(TAG, "%s", tw_error_text(tw_last_error()));
}

static void open_socket(void *ctx) {
  (void)ctx;
  int32_t sock = tw_net_udp_open(CONFIG_EXAMPLE_PORT);
  if (sock == TW_NONE)
    ESP_LOGE(TAG, "%s", tw_error_text(tw_last_error()));
  else
    tw_net_on(sock, "datagram", echo, NULL);
}

void app_main(void) {
  ESP_ERROR_CHECK(nvs_flash_init());
  ESP_ERROR_CHECK(esp_netif_init());
  ESP_ERROR_CHECK(esp_event_loop_create_default());
  ESP_ERROR_CHECK(example_connect());
  ESP_ERROR_CHECK(tw_esp_start(NULL));
  tw_esp_post(open_socket, NULL);
}
