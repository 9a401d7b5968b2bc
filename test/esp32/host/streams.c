/* streams.c: TCP connections. */
#include <string.h>

#include "test.h"

static peer echo = {.kind = PEER_ECHO};
static peer goodbye = {.kind = PEER_GOODBYE};
static peer resetting = {.kind = PEER_RESET};
static peer slow = {.kind = PEER_SLOW};
static peer source = {.kind = PEER_SOURCE, .amount = 1u << 20};
static peer short_source = {.kind = PEER_SOURCE, .amount = 5000};
static peer sink = {.kind = PEER_SINK};
static story it;

uint8_t peer_pattern(uint32_t at) { return (uint8_t)(at * 31 + (at >> 8)); }

static void echoes(void) {
  test_begin(NULL);
  test_connect(&it, here.peer_address, echo.port);
  CHECK(tw_net_send(it.handle, "early", 5) == -1 && tw_last_error() == TW_ERR_STATE);
  test_until(&it.connected, 1);
  CHECK(tw_net_send(it.handle, "hello", 5) == 5);
  test_until(&it.received, 5);
  CHECK(memcmp(it.text, "hello", 5) == 0);
  char text[TW_MAX_ADDRESS + 1];
  char expected[64];
  snprintf(expected, sizeof expected, "%s:%u", here.peer_address, echo.port);
  CHECK(tw_net_remote_addr(it.handle, text, sizeof text) > 0 && strcmp(text, expected) == 0);
  CHECK(tw_net_local_addr(it.handle, text, sizeof text) > 0 &&
        strncmp(text, here.device_address, strlen(here.device_address)) == 0);
  CHECK(tw_net_close(it.handle) == 0);
  test_until(&it.disconnected, 1);
  test_end();
}

static void is_refused(void) {
  test_begin(NULL);
  test_connect(&it, here.peer_address, 9);
  test_until(&it.disconnected, 1);
  CHECK(it.errors == 1 && it.code == TW_ERR_REFUSED && it.step == TW_STEP_CONNECT && it.connected == 0);
  test_end();
}

static void receives_goodbye(void) {
  test_begin(NULL);
  test_connect(&it, here.peer_address, goodbye.port);
  test_until(&it.disconnected, 1);
  CHECK(it.connected == 1 && it.errors == 0);
  test_end();
}

static void receives_reset(void) {
  static const char bytes[1000];
  test_begin(NULL);
  test_connect(&it, here.peer_address, resetting.port);
  test_until(&it.connected, 1);
  CHECK(tw_net_send(it.handle, bytes, sizeof bytes) == sizeof bytes);
  test_until(&it.disconnected, 1);
  CHECK(it.errors == 1 && it.code == TW_ERR_RESET);
  test_end();
}

static void receives_a_megabyte(void) {
  test_begin(NULL);
  test_connect(&it, here.peer_address, source.port);
  test_until(&it.disconnected, 1);
  CHECK(it.received == source.amount && !it.wrong && it.errors == 0);
  test_end();
}

static void sends_a_megabyte_and_reads_the_answer(void) {
  static const uint8_t bytes[1500];
  uint32_t sent = 0, refused = 0;
  test_begin(NULL);
  test_connect(&it, here.peer_address, sink.port);
  CHECK(tw_net_set_half_open(it.handle, true) == 0);
  test_until(&it.connected, 1);
  while (sent < 1u << 20) {
    if (tw_net_send(it.handle, bytes, sizeof bytes) == sizeof bytes) {
      sent += (uint32_t)sizeof bytes;
      continue;
    }
    CHECK(tw_last_error() == TW_ERR_BACKPRESSURE);
    test_until(&it.drains, ++refused);
  }
  CHECK(refused > 10);
  CHECK(tw_net_shutdown(it.handle) == 0);
  test_until(&it.disconnected, 1);
  char expected[16];
  snprintf(expected, sizeof expected, "%u", (unsigned)sent);
  CHECK(it.text_size == strlen(expected) && memcmp(it.text, expected, it.text_size) == 0);
  test_end();
}

/* lwIP takes an end in with the last bytes, and keeps it for the next one who reads. */
static void receives_an_end_that_came_with_data(void) {
  test_begin(NULL);
  test_connect(&it, here.peer_address, short_source.port);
  test_until(&it.connected, 1);
  CHECK(tw_net_pause(it.handle) == 0);
  test_for(200);
  uint32_t before = it.received;
  CHECK(tw_net_resume(it.handle) == 0);
  test_until(&it.disconnected, 1);
  CHECK(before < short_source.amount && it.received == short_source.amount && !it.wrong);
  test_end();
}

/* A peer that hardly reads: what is queued stays bounded, and nothing is lost. */
static void feels_a_slow_peer(void) {
  static const uint8_t bytes[1024];
  uint32_t sent = 0, refused = 0;
  slow.received = 0;
  test_begin(NULL);
  test_connect(&it, here.peer_address, slow.port);
  test_until(&it.connected, 1);
  uint32_t end = test_now() + 1000;
  while ((int32_t)(end - test_now()) > 0) {
    CHECK(tw_net_buffered_amount(it.handle) <= 2048);
    if (tw_net_send(it.handle, bytes, sizeof bytes) > 0)
      sent += (uint32_t)sizeof bytes;
    else
      test_until(&it.drains, ++refused);
  }
  CHECK(refused > 0 && sent > 10 * sizeof bytes);
  CHECK(tw_net_close(it.handle) == 0);
  test_until(&it.disconnected, 1);
  CHECK(it.errors == 0);
  for (int i = 0; i < 500 && slow.received < sent; i++)
    test_for(10);
  CHECK(slow.received == sent);
  test_end();
}

static void pauses_and_resumes(void) {
  test_begin(NULL);
  test_connect(&it, here.peer_address, source.port);
  test_until(&it.connected, 1);
  test_until(&it.received, 20000);
  CHECK(tw_net_pause(it.handle) == 0);
  test_for(50);
  uint32_t before = it.received;
  test_for(300);
  CHECK(it.received == before && before < source.amount && it.disconnected == 0);
  CHECK(tw_net_resume(it.handle) == 0);
  test_until(&it.disconnected, 1);
  CHECK(it.received == source.amount && !it.wrong);
  test_end();
}

static void reconnects_a_thousand_times(void) {
  static const uint32_t at_once = 0;
  test_begin(NULL);
  uint32_t requests = stub_heap_requests();
  uint32_t accepted = goodbye.accepted;
  test_connect(&it, here.peer_address, goodbye.port);
  CHECK(tw_net_set_reconnect_delays_ms(it.handle, &at_once, 1) == 0);
  CHECK(tw_net_set_auto_reconnect(it.handle, true) == 0);
  for (uint32_t i = 1; i <= 1000; i += 10)
    test_until(&it.connected, i);
  test_until(&it.connected, 1001);
  CHECK(it.errors == 0 && goodbye.accepted - accepted >= 1000);
  CHECK(tw_net_close(it.handle) == 0);
  CHECK(stub_heap_requests() == requests);
  /* Every place is free again, here and in lwIP. */
  static story four[4];
  for (int i = 0; i < 4; i++)
    test_connect(&four[i], here.peer_address, echo.port);
  for (int i = 0; i < 4; i++)
    test_until(&four[i].connected, 1);
  CHECK(tw_net_tcp_connect(here.peer_address, echo.port) == -1 && tw_last_error() == TW_ERR_LIMIT);
  test_end();
}

static void closes_inside_a_listener(const NetData *e, void *ctx) {
  (void)ctx;
  tw_net_close(e->sock);
}

static void may_be_closed_by_a_listener(void) {
  test_begin(NULL);
  for (int i = 0; i < 20; i++) {
    test_connect(&it, here.peer_address, source.port);
    tw_net_on(it.handle, "data", closes_inside_a_listener, NULL);
    test_until(&it.disconnected, 1);
  }
  test_end();
}

static void on_deadline(const NetDeadline *e, void *ctx) { (void)e, (*(uint32_t *)ctx)++; }

/* What a loop iteration delivers before it would wait may be all that the application waits for. */
static void does_not_wait_behind_news(void) {
  static uint32_t passed;
  passed = 0;
  test_begin(NULL);
  test_connect(&it, here.peer_address, sink.port);
  test_until(&it.connected, 1);
  tw_net_on(it.handle, "deadline", on_deadline, &passed);
  CHECK(tw_net_set_deadline(it.handle, TW_DEADLINE_READ, 10) == 0);
  tw_poll(0);
  uint32_t started = test_now();
  while (test_now() - started < 30)
    ;
  while (passed == 0)
    tw_poll(TW_FOREVER);
  CHECK(test_now() - started < 2000);
  test_end();
}

void tests_of_streams(void) {
  peer *all[] = {&echo, &goodbye, &resetting, &slow, &source, &short_source, &sink};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (!here.peers->start(all[i]))
      printf("a peer does not start\n");
  TEST(echoes);
  TEST(is_refused);
  TEST(receives_goodbye);
  TEST(receives_reset);
  TEST(receives_a_megabyte);
  TEST(receives_an_end_that_came_with_data);
  TEST(sends_a_megabyte_and_reads_the_answer);
  TEST(feels_a_slow_peer);
  TEST(pauses_and_resumes);
  TEST(may_be_closed_by_a_listener);
  TEST(does_not_wait_behind_news);
  TEST(reconnects_a_thousand_times);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    here.peers->stop(all[i]);
}
