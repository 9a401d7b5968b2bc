/* events.c: a handle's events through ESP-IDF's default event loop. */
#include <stdatomic.h>
#include <string.h>

#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "test.h"
#include "twinwire/tw_esp_event.h"

enum { MESSAGE = 1500 };

static peer echo = {.kind = PEER_ECHO};
static peer websocket = {.kind = PEER_WEBSOCKET};

/* Written by the event loop's task, but for `blocked`. */
static _Atomic uint32_t counts[TW_ESP_EVENT_DISCONNECTED + 1], received, firsts, finals, dropped, wrong;
static atomic_bool blocked;
static _Atomic int32_t last_code;

static void on_event(void *argument, esp_event_base_t base, int32_t id, void *data) {
  (void)argument, (void)base;
  const tw_esp_event *e = data;
  while (blocked)
    vTaskDelay(1);
  if (id == TW_ESP_EVENT_DATA) {
    for (uint32_t i = 0; i < e->size; i++)
      wrong += e->data[i] != (char)peer_pattern(received + i);
    wrong += e->data[e->size] != '\0';
    received += e->size;
    firsts += e->first;
    finals += e->final;
  }
  dropped += e->dropped;
  last_code = e->code;
  counts[id]++;
}

static bool reaches(const _Atomic uint32_t *counter, uint32_t least) {
  for (int i = 0; i < 1000 && *counter < least; i++)
    test_for(10);
  return *counter >= least;
}

static void forget(void) {
  memset((void *)counts, 0, sizeof counts);
  received = firsts = finals = dropped = wrong = 0;
}

static int32_t open_ws(void) {
  char url[64];
  snprintf(url, sizeof url, "ws://%s:%u/", here.peer_address, websocket.port);
  return tw_ws_open(url);
}

static void forwards_messages(void) {
  static char message[MESSAGE];
  for (uint32_t i = 0; i < MESSAGE; i++)
    message[i] = (char)peer_pattern(i);
  forget();
  test_begin(NULL);
  int32_t conn = open_ws();
  CHECK(tw_esp_event_forward(conn) == 0);
  CHECK(reaches(&counts[TW_ESP_EVENT_CONNECTED], 1));
  CHECK(tw_ws_send_binary(conn, message, MESSAGE) == MESSAGE);
  CHECK(reaches(&received, MESSAGE));
  CHECK(firsts == 1 && finals == 1 && wrong == 0 && counts[TW_ESP_EVENT_DATA] >= 3);
  CHECK(tw_ws_close(conn) == 0);
  CHECK(reaches(&counts[TW_ESP_EVENT_DISCONNECTED], 1) && last_code == 1000);
  test_end();
}

static void forwards_a_stream(void) {
  char sent[3];
  for (uint32_t i = 0; i < sizeof sent; i++)
    sent[i] = (char)peer_pattern(i);
  forget();
  test_begin(NULL);
  int32_t sock = tw_net_tcp_connect(here.peer_address, echo.port);
  CHECK(tw_esp_event_forward(sock) == 0);
  CHECK(reaches(&counts[TW_ESP_EVENT_CONNECTED], 1));
  CHECK(tw_net_send(sock, sent, sizeof sent) == (int32_t)sizeof sent);
  CHECK(reaches(&received, (uint32_t)sizeof sent) && wrong == 0 && firsts == 0);
  tw_net_close(sock);
  CHECK(reaches(&counts[TW_ESP_EVENT_DISCONNECTED], 1));
  test_end();
}

/* A handler that blocks the event loop does not block the network task: what finds no place is counted. */
static void counts_what_is_dropped(void) {
  forget();
  test_begin(NULL);
  int32_t conn = open_ws();
  CHECK(tw_esp_event_forward(conn) == 0);
  CHECK(reaches(&counts[TW_ESP_EVENT_CONNECTED], 1));
  blocked = true;
  for (uint32_t i = 0; i < 60; i++) {
    tw_ws_send_binary(conn, "x", 1);
    test_for(5);
  }
  test_for(200);
  blocked = false;
  CHECK(reaches(&counts[TW_ESP_EVENT_DATA], 30)); /* there is room again for the last event */
  CHECK(tw_ws_close(conn) == 0);
  CHECK(reaches(&counts[TW_ESP_EVENT_DISCONNECTED], 1));
  CHECK(dropped > 0 && dropped + counts[TW_ESP_EVENT_DATA] == 60);
  test_end();
}

static void on_drain(const NetDrain *e, void *ctx) { (void)e, (void)ctx; }

static void adds_all_listeners_or_none(void) {
  tw_esp_options options;
  tw_esp_defaults(&options);
  options.handles.listeners = 4;
  test_begin(&options);
  int32_t sock = tw_net_tcp_connect(here.peer_address, echo.port);
  CHECK(tw_esp_event_forward(sock) == -1 && tw_last_error() == TW_ERR_MEMORY);
  CHECK(tw_esp_event_forward(12345) == -1 && tw_last_error() == TW_ERR_HANDLE);
  for (int i = 0; i < 4; i++) /* none of the four is taken */
    CHECK(tw_net_on(sock, on_drain, NULL) == 0);
  test_end();
}

void tests_of_events(void) {
  esp_event_handler_register(TWINWIRE_EVENT, ESP_EVENT_ANY_ID, on_event, NULL);
  if (!here.peers->start(&echo) || !here.peers->start(&websocket))
    printf("a peer does not start\n");
  TEST(forwards_messages);
  TEST(forwards_a_stream);
  TEST(counts_what_is_dropped);
  TEST(adds_all_listeners_or_none);
  here.peers->stop(&echo);
  here.peers->stop(&websocket);
}
