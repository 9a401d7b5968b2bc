/* Tests on a device: it is its own access point, so there is an address without a router, and it talks to itself. */
#include <stdatomic.h>
#include <string.h>

#include "esp_event.h"
#include "esp_heap_caps.h"
#include "esp_netif.h"
#include "esp_wifi.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "nvs_flash.h"
#include "sdkconfig.h"
#include "twinwire/tw_esp.h"
#include "unity.h"

enum { PORT = 7777, PATIENCE_MS = 5000, UNDER_WAY = 4000 };

static _Atomic uint32_t connected, received, disconnected;
static _Atomic int32_t sock;

static void comes(const _Atomic uint32_t *counter, uint32_t least) {
  for (int i = 0; i < PATIENCE_MS / 10 && *counter < least; i++)
    vTaskDelay(pdMS_TO_TICKS(10));
  TEST_ASSERT_TRUE(*counter >= least);
}

static void stop(void) {
  tw_esp_stop();
  for (int i = 0; i < PATIENCE_MS / 10 && tw_esp_running(); i++)
    vTaskDelay(pdMS_TO_TICKS(10));
  TEST_ASSERT_FALSE(tw_esp_running());
}

static int32_t try_to_open(void *ctx) {
  (void)ctx;
  return tw_net_tcp_connect("192.168.4.1", PORT) == TW_NONE ? tw_last_error() : 0;
}

static void test_refuses_before_there_is_an_address(void) {
  TEST_ASSERT_EQUAL(0, tw_esp_start(NULL));
  TEST_ASSERT_EQUAL(TW_ERR_NETWORK_DOWN, tw_esp_call(try_to_open, NULL));
  stop();
}

/* What could not be sent back at once; until it could, no more is received. */
static char held[CONFIG_TWINWIRE_RECV_BUFFER];
static uint32_t held_size;

static void echo(const NetData *e, void *ctx) {
  (void)ctx;
  if (tw_net_send(e->sock, e->data, e->size) >= 0)
    return;
  memcpy(held, e->data, e->size);
  held_size = e->size;
  tw_net_pause(e->sock);
}

static void go_on(const NetDrain *e, void *ctx) {
  (void)ctx;
  if (tw_net_send(e->sock, held, held_size) >= 0) /* else another drain follows */
    tw_net_resume(e->sock);
}

static void leave(const NetDisconnected *e, void *ctx) {
  (void)ctx;
  tw_net_close(e->sock);
}

static void on_accepted(const NetAccepted *e, void *ctx) {
  (void)ctx;
  tw_net_on(e->sock, "data", echo, NULL);
  tw_net_on(e->sock, "drain", go_on, NULL);
  tw_net_on(e->sock, "disconnected", leave, NULL);
}

static void on_connected(const NetConnected *e, void *ctx) { (void)e, (void)ctx, connected++; }
static void on_data(const NetData *e, void *ctx) { (void)ctx, received += e->size; }
static void on_disconnected(const NetDisconnected *e, void *ctx) { (void)e, (void)ctx, disconnected++; }

static void open_both(void *ctx) {
  (void)ctx;
  int32_t listener = tw_net_tcp_listen(NULL, PORT);
  tw_net_on(listener, "accepted", on_accepted, NULL);
  sock = tw_net_tcp_connect("192.168.4.1", PORT);
  tw_net_on(sock, "connected", on_connected, NULL);
  tw_net_on(sock, "data", on_data, NULL);
  tw_net_on(sock, "disconnected", on_disconnected, NULL);
}

static void start_both(void) {
  connected = received = disconnected = 0;
  TEST_ASSERT_EQUAL(0, tw_esp_start(NULL));
  TEST_ASSERT_EQUAL(0, tw_esp_post(open_both, NULL));
  comes(&connected, 1);
}

/* No more than a window at a time: when both windows of a connection are closed, lwIP answers each acknowledgement by
 * another one, and where it talks to itself it never stops. */
static void test_echoes_from_another_task(void) {
  start_both();
  for (uint32_t sent = 0; sent < 100 * 1000;) {
    static const char bytes[1000];
    comes(&received, sent < UNDER_WAY ? 0 : sent - UNDER_WAY);
    int32_t result = tw_esp_net_send(sock, bytes, sizeof bytes);
    TEST_ASSERT_TRUE(result == sizeof bytes || result == TW_ERR_BACKPRESSURE);
    if (result > 0)
      sent += (uint32_t)result;
    else
      vTaskDelay(1);
  }
  comes(&received, 100 * 1000);
  stop();
  TEST_ASSERT_EQUAL(1, disconnected);
}

/* As often as you like, and the heap is as before. */
static void test_starts_and_stops(void) {
  start_both(); /* what is made once and stays */
  stop();
  size_t before = heap_caps_get_free_size(MALLOC_CAP_8BIT);
  for (int i = 0; i < 20; i++) {
    start_both();
    stop();
  }
  vTaskDelay(pdMS_TO_TICKS(1000)); /* lwIP's own connections linger */
  TEST_ASSERT_TRUE(heap_caps_get_free_size(MALLOC_CAP_8BIT) + 16 * 1024 > before);
}

static void start_access_point(void) {
  wifi_init_config_t init = WIFI_INIT_CONFIG_DEFAULT();
  wifi_config_t config = {0};
  strcpy((char *)config.ap.ssid, "twinwire-test");
  config.ap.ssid_len = (uint8_t)strlen("twinwire-test");
  config.ap.max_connection = 1;
  config.ap.authmode = WIFI_AUTH_OPEN;
  esp_netif_create_default_wifi_ap();
  ESP_ERROR_CHECK(esp_wifi_init(&init));
  ESP_ERROR_CHECK(esp_wifi_set_mode(WIFI_MODE_AP));
  ESP_ERROR_CHECK(esp_wifi_set_config(WIFI_IF_AP, &config));
  ESP_ERROR_CHECK(esp_wifi_start());
  vTaskDelay(pdMS_TO_TICKS(500));
}

void app_main(void) {
  ESP_ERROR_CHECK(nvs_flash_init());
  UNITY_BEGIN();
  RUN_TEST(test_refuses_before_there_is_an_address);
  ESP_ERROR_CHECK(esp_netif_init());
  ESP_ERROR_CHECK(esp_event_loop_create_default());
  start_access_point();
  RUN_TEST(test_echoes_from_another_task);
  RUN_TEST(test_starts_and_stops);
  UNITY_END();
}
