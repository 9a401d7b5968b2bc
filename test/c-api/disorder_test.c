/* disorder_test.c: calls and deliveries in any order, from a seed. */
#include "fixture.h"

static void on_data(const NetData *e, void *ctx) {
  (void)ctx;
  note(e->data);
}

static uint32_t seed = 1;
static uint32_t random_below(uint32_t below) {
  seed = seed * 1664525 + 1013904223;
  return (seed >> 8) % below;
}

static void anything(int32_t handle);

static void on_any_data(const NetData *e, void *ctx) {
  (void)ctx;
  anything(e->sock);
}
static void on_any_end(const NetDisconnected *e, void *ctx) {
  (void)ctx;
  anything(e->sock);
}
static void on_any_message(const WsMessage *e, void *ctx) {
  (void)ctx;
  anything(e->conn);
}

static int32_t known[32];

static void anything(int32_t handle) {
  int32_t *place = &known[random_below(32)];
  switch (random_below(10)) {
  case 0:
    *place = tw_net_tcp_connect("192.0.2.1", 80);
    break;
  case 1:
    *place = tw_ws_open("ws://192.0.2.1/");
    break;
  case 2:
    tw_net_close(*place);
    break;
  case 3:
    tw_ws_close(*place);
    break;
  case 4:
    tw_net_on(*place, "data", on_any_data, NULL);
    break;
  case 5:
    tw_net_off(*place, "data", on_any_data, NULL);
    tw_ws_off(*place, on_any_message, NULL);
    break;
  case 6:
    tw_net_on(*place, "disconnected", on_any_end, NULL);
    break;
  case 7:
    tw_ws_on(*place, "message", on_any_message, NULL);
    break;
  case 8:
    tw_net_close(handle);
    tw_ws_close(handle);
    break;
  default:
    tw_net_send(*place, "hello", 5);
    tw_net_set_auto_reconnect(*place, true);
    break;
  }
}

static void test_anything(void) {
  start("anything", true);
  for (int i = 0; i < 200000; i++) {
    int32_t handle = known[random_below(32)];
    switch (random_below(7)) {
    case 0:
      tw_handles_deliver(handles, twc_connected(core, handle));
      break;
    case 1:
      receive(handle, "\x81\x03yes", 5);
      break;
    case 2:
      tw_handles_deliver(handles, twc_closed(core, handle, random_below(2) == 0 ? 0 : TW_ERR_RESET));
      break;
    case 3:
      tw_handles_deliver(handles, twc_ended(core, handle));
      break;
    case 4:
      now += random_below(2000);
      turn();
      break;
    default:
      anything(handle);
      if (random_below(2) == 0)
        turn();
      break;
    }
  }
  for (int32_t handle = 1; handle < 1 << 30 && tw_handles_open_handles(handles) > 0; handle = 1 << 30)
    tw_runtime_exit(0);
  now += limits.closeTimeoutMs;
  turn();
  now += limits.closeTimeoutMs;
  turn();
  CHECK(tw_handles_open_handles(handles) == 0);
  int32_t sock = open_tcp();
  uint32_t fit = 0;
  while (tw_net_on(sock, "data", on_data, NULL) == 0)
    fit++;
  CHECK(fit == options.listeners); /* none was lost */
}

void disorder_tests(void) { run(test_anything); }
