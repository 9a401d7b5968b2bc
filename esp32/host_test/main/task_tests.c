/* task_tests.c: other tasks, lwIP's thread, and the end in the middle of everything. */
#include <stdio.h>

#include "esp_netif.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "host_test.h"
#include "unity.h"

enum {
  TASKS = 4,
  SENDS = 500,
  SEND_SIZE = 10,
  STACK = 8192,
  PRIORITY = 5,
  STARTS = 30,
  MANY = 100000,
  UNDER_WAY = 4000
};

static uint16_t echo_port, silent_port, websocket_port;
static record it;
static _Atomic uint32_t done;

static void send_many(void *unused) {
  (void)unused;
  for (uint32_t sent = 0; sent < SENDS;) {
    int32_t result = tw_esp_net_send(it.handle, "0123456789", SEND_SIZE);
    if (result == SEND_SIZE)
      sent++;
    else if (result != TW_ERR_BACKPRESSURE)
      break;
    else
      nap(10);
  }
  done++;
  vTaskDelete(NULL);
}

/* Four tasks, one connection: each send whole or not at all. */
static void serves_four_tasks(void) {
  done = 0;
  start();
  CHECK(record_open(&(target){.record = &it, .host = OWN_ADDRESS, .port = echo_port}) >= 0);
  CHECK(reaches(&it.connected, 1));
  for (int i = 0; i < TASKS; i++)
    CHECK(xTaskCreate(send_many, "sender", STACK, NULL, PRIORITY, NULL) == pdPASS);
  CHECK(reaches_within(&done, TASKS, 60000));
  CHECK(reaches(&it.received, TASKS * SENDS * SEND_SIZE) && it.received == TASKS * SENDS * SEND_SIZE);
  stop();
}

/* More than any buffer holds, both ways at once; but no more than a window at a time: when both windows of a connection
 * are closed, lwIP answers each acknowledgement by another one, and where it talks to itself it never stops. */
static void echoes_much(void) {
  static const char bytes[1000];
  start();
  CHECK(record_open(&(target){.record = &it, .host = OWN_ADDRESS, .port = echo_port}) >= 0);
  CHECK(reaches(&it.connected, 1));
  for (uint32_t sent = 0; sent < MANY;) {
    CHECK(reaches(&it.received, sent < UNDER_WAY ? 0 : sent - UNDER_WAY));
    int32_t result = tw_esp_net_send(it.handle, bytes, sizeof bytes);
    CHECK(result == sizeof bytes || result == TW_ERR_BACKPRESSURE);
    if (result > 0)
      sent += (uint32_t)result;
    else
      nap(10);
  }
  CHECK(reaches_within(&it.received, MANY, 60000) && it.received == MANY);
  stop();
}

static void speaks_websocket(void) {
  char url[64];
  start();
  snprintf(url, sizeof url, "ws://peer.test:%u/", (unsigned)websocket_port);
  CHECK(record_open(&(target){.record = &it, .url = url}) >= 0);
  CHECK(reaches(&it.connected, 1));
  for (uint32_t i = 1; i <= 100; i++)
    CHECK(tw_esp_ws_send_text(it.handle, "hello", 5) == 5 && reaches(&it.received, 5 * i));
  tw_esp_ws_close(it.handle);
  CHECK(reaches(&it.disconnected, 1));
  stop();
}

static void starts_and_stops(void) {
  for (int i = 0; i < STARTS; i++) {
    start();
    CHECK(tw_esp_start(NULL) == ESP_ERR_INVALID_STATE);
    CHECK(record_open(&(target){.record = &it, .host = OWN_ADDRESS, .port = echo_port}) >= 0);
    CHECK(reaches(&it.connected, 1));
    CHECK(tw_esp_net_send(it.handle, "hello", 5) == 5 && reaches(&it.received, 5));
    stop();
    CHECK(it.disconnected == 1 && tw_esp_net_send(it.handle, "hello", 5) == TW_ERR_STATE);
  }
}

/* ---- lwIP's thread, where SNTP's callback runs ---- */

static void count_one(void *unused) { (void)unused, done++; }
static esp_err_t post_one(void *unused) { return tw_esp_post(count_one, unused); }

static void is_posted_to_by_lwip(void) {
  done = 0;
  start();
  CHECK(record_open(&(target){.record = &it, .host = OWN_ADDRESS, .port = echo_port}) >= 0);
  CHECK(reaches(&it.connected, 1));
  for (uint32_t i = 1; i <= 100; i++)
    CHECK(esp_netif_tcpip_exec(post_one, NULL) == ESP_OK && reaches(&done, i));
  CHECK(tw_esp_net_send(it.handle, "hello", 5) == 5 && reaches(&it.received, 5));
  stop();
}

/* ---- The end ---- */

/* While a name is looked up, a connection is made, a handshake waits and bytes are on their way; after each delay. */
static void stops_in_the_middle(void) {
  static record looked_up, made, waiting, busy;
  static const char bytes[1000];
  for (uint32_t delay = 0; delay < 100; delay += 10) {
    char url[64];
    start();
    snprintf(url, sizeof url, "ws://" OWN_ADDRESS ":%u/", (unsigned)silent_port);
    CHECK(record_open(&(target){.record = &busy, .host = OWN_ADDRESS, .port = echo_port}) >= 0);
    CHECK(reaches(&busy.connected, 1));
    CHECK(record_open(&(target){.record = &looked_up, .host = "silent.test", .port = echo_port}) >= 0);
    CHECK(record_open(&(target){.record = &made, .host = "10.88.0.77", .port = echo_port, .reconnect = true}) >= 0);
    CHECK(record_open(&(target){.record = &waiting, .url = url}) >= 0);
    CHECK(tw_esp_net_send(busy.handle, bytes, sizeof bytes) == sizeof bytes);
    nap(delay);
    stop();
  }
}

static void stops_without_a_network(void) {
  start();
  CHECK(record_open(&(target){.record = &it, .host = OWN_ADDRESS, .port = echo_port, .reconnect = true}) >= 0);
  CHECK(reaches(&it.connected, 1));
  interface_down();
  stop();
  interface_up(OWN_ADDRESS);
}

void run_task_tests(void) {
  echo_port = peer_start(PEER_ECHO);
  silent_port = peer_start(PEER_SILENT);
  websocket_port = peer_start(PEER_WEBSOCKET);
  RUN_TEST(serves_four_tasks);
  RUN_TEST(echoes_much);
  RUN_TEST(speaks_websocket);
  RUN_TEST(starts_and_stops);
  RUN_TEST(is_posted_to_by_lwip);
  RUN_TEST(stops_in_the_middle);
  RUN_TEST(stops_without_a_network);
}
