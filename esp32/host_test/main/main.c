/* main.c: runs the tests; what they do to twinwire from a task that is not its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_event.h"
#include "esp_netif.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "host_test.h"
#include "unity.h"

enum { PATIENCE_MS = 10000, STEP_MS = 10 };

void nap(uint32_t ms) { vTaskDelay(pdMS_TO_TICKS(ms)); }
uint32_t now_ms(void) { return (uint32_t)(esp_timer_get_time() / 1000); }

bool reaches_within(const _Atomic uint32_t *counter, uint32_t least, uint32_t ms) {
  uint32_t started = now_ms();
  while (*counter < least && now_ms() - started < ms)
    nap(STEP_MS);
  return *counter >= least;
}

bool reaches(const _Atomic uint32_t *counter, uint32_t least) { return reaches_within(counter, least, PATIENCE_MS); }

/* ---- Start and stop ---- */

void start_with(const tw_esp_options *options) { CHECK(tw_esp_start(options) == ESP_OK); }
void start(void) { start_with(NULL); }

void stop(void) {
  uint32_t started = now_ms();
  tw_esp_stop();
  while (tw_esp_running() && now_ms() - started < PATIENCE_MS)
    nap(STEP_MS);
  CHECK(!tw_esp_running());
}

/* ---- Records ---- */

static void connected(record *it) { it->connected++; }

static void failed(record *it, int32_t code) {
  it->errors++;
  it->code = code;
}

static void ended(record *it, int32_t code) {
  if (it->errors == 0)
    it->code = code;
  it->disconnected++;
}

static void on_net_connected(const NetConnected *e, void *ctx) { (void)e, connected(ctx); }
static void on_net_data(const NetData *e, void *ctx) { ((record *)ctx)->received += e->size; }
static void on_net_drain(const NetDrain *e, void *ctx) { (void)e, ((record *)ctx)->drains++; }
static void on_net_error(const NetError *e, void *ctx) { failed(ctx, e->code); }
static void on_net_disconnected(const NetDisconnected *e, void *ctx) { ended(ctx, e->code); }

static void on_ws_connected(const WsConnected *e, void *ctx) { (void)e, connected(ctx); }
static void on_ws_message(const WsMessage *e, void *ctx) { ((record *)ctx)->received += e->size; }
static void on_ws_drain(const WsDrain *e, void *ctx) { (void)e, ((record *)ctx)->drains++; }
static void on_ws_error(const WsError *e, void *ctx) { failed(ctx, e->code); }
static void on_ws_disconnected(const WsDisconnected *e, void *ctx) { ended(ctx, e->code); }

static int32_t open_net(const target *to) {
  static const uint32_t delays[] = {20, 60000};
  int32_t sock = tw_net_tcp_connect(to->host, to->port);
  if (sock < 0)
    return tw_last_error();
  tw_net_on(sock, on_net_connected, to->record);
  tw_net_on(sock, on_net_data, to->record);
  tw_net_on(sock, on_net_drain, to->record);
  tw_net_on(sock, on_net_error, to->record);
  tw_net_on(sock, on_net_disconnected, to->record);
  if (to->reconnect) {
    tw_net_set_reconnect_delays_ms(sock, delays, sizeof delays / sizeof *delays);
    tw_net_set_auto_reconnect(sock, true);
  }
  return sock;
}

static int32_t open_ws(const target *to) {
  int32_t conn = tw_ws_open_with(to->url, &(tw_ws_options){.tls = to->tls});
  if (conn < 0)
    return tw_last_error();
  tw_ws_on(conn, on_ws_connected, to->record);
  tw_ws_on(conn, on_ws_message, to->record);
  tw_ws_on(conn, on_ws_drain, to->record);
  tw_ws_on(conn, on_ws_error, to->record);
  tw_ws_on(conn, on_ws_disconnected, to->record);
  return conn;
}

static int32_t open_target(void *ctx) {
  const target *to = ctx;
  return to->record->handle = to->url != NULL ? open_ws(to) : open_net(to);
}

int32_t record_open(const target *to) {
  memset((void *)to->record, 0, sizeof *to->record);
  return tw_esp_call(open_target, (void *)(uintptr_t)to);
}

/* ---- The program ---- */

static void refuses_before_there_is_a_network(void) {
  static record it;
  start();
  CHECK(record_open(&(target){.record = &it, .host = OWN_ADDRESS, .port = 80}) == TW_ERR_NETWORK_DOWN);
  CHECK(record_open(&(target){.record = &it, .host = "peer.test", .port = 80}) == TW_ERR_NETWORK_DOWN);
  CHECK(record_open(&(target){.record = &it, .url = "ws://" OWN_ADDRESS "/"}) == TW_ERR_NETWORK_DOWN);
  stop();
}

void app_main(void) {
  UNITY_BEGIN();
  RUN_TEST(refuses_before_there_is_a_network);
  ESP_ERROR_CHECK(esp_netif_init());
  ESP_ERROR_CHECK(esp_event_loop_create_default());
  RUN_TEST(refuses_before_there_is_a_network);
  interface_create();
  interface_up(OWN_ADDRESS);
  peer_start_dns(OWN_ADDRESS);
  run_network_tests();
  run_tls_tests();
  run_task_tests(); /* last: lwIP keeps its few places for names that are never answered for a while */
  exit(UNITY_END() == 0 ? 0 : 1);
}
