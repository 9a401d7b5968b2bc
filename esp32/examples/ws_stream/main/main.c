/* ws_stream: sends a reading ten times a second over a WebSocket while the server keeps up, and reconnects by itself.
 * For a server: websocketd --port=8080 cat */
#include <inttypes.h>
#include <stdio.h>

#include "esp_event.h"
#include "esp_log.h"
#include "esp_netif.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "nvs_flash.h"
#include "protocol_examples_common.h"
#include "sdkconfig.h"
#include "twinwire/tw_esp.h"

static const char TAG[] = "ws_stream";
static int32_t conn = TW_NONE; /* belongs to the network task */

static void on_connected(const WsConnected *e, void *ctx) {
  (void)e, (void)ctx;
  ESP_LOGI(TAG, "connected");
}

static void on_message(const WsMessage *e, void *ctx) {
  (void)ctx;
  /* A message that does not fit into CONFIG_TWINWIRE_MESSAGE_SIZE comes in parts. */
  ESP_LOGI(TAG, "%s%.*s%s", e->first ? "received: " : "... ", (int)e->size, e->message, e->final ? "" : " ...");
}

static void on_error(const WsError *e, void *ctx) {
  (void)ctx;
  ESP_LOGW(TAG, "%s: %s", tw_error_name(e->code), tw_error_advice(e->code));
}

static void on_disconnected(const WsDisconnected *e, void *ctx) {
  (void)ctx;
  ESP_LOGI(TAG, "disconnected (%" PRId32 "), next attempt in %" PRId32 " ms", e->code, e->retry_ms);
}

/* In the network task: a function of the application can use tw_ws_... only there. */
static void open_stream(void *ctx) {
  static const uint32_t seconds[] = {1, 2, 5, 10};
  (void)ctx;
  conn = tw_ws_open(CONFIG_EXAMPLE_URL);
  if (conn == TW_NONE) {
    ESP_LOGE(TAG, "%s", tw_error_text(tw_last_error()));
    return;
  }
  tw_ws_set_auto_reconnect(conn, true);
  tw_ws_set_reconnect_delays(conn, seconds, 4);
  tw_ws_on(conn, "connected", on_connected, NULL);
  tw_ws_on(conn, "message", on_message, NULL);
  tw_ws_on(conn, "error", on_error, NULL);
  tw_ws_on(conn, "disconnected", on_disconnected, NULL);
}

/* A reading is sent whole or not at all: what the server can't take now is not wanted later. */
static void send_reading(void *ctx) {
  char text[64];
  (void)ctx;
  int size = snprintf(text, sizeof text, "{\"uptime_us\":%" PRId64 "}", esp_timer_get_time());
  tw_ws_send_text(conn, text, (size_t)size);
}

void app_main(void) {
  ESP_ERROR_CHECK(nvs_flash_init());
  ESP_ERROR_CHECK(esp_netif_init());
  ESP_ERROR_CHECK(esp_event_loop_create_default());
  ESP_ERROR_CHECK(tw_esp_start(NULL));
  ESP_ERROR_CHECK(example_connect()); /* returns when there is an address */
  tw_esp_post(open_stream, NULL);
  for (;;) {
    tw_esp_post(send_reading, NULL);
    vTaskDelay(pdMS_TO_TICKS(100));
  }
}
