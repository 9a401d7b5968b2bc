/* listeners.c: TCP servers on the device. */
#include <pthread.h>
#include <string.h>

#include "test.h"

static story listener;

static void echo(const NetData *e, void *ctx) {
  (void)ctx;
  tw_net_send(e->sock, e->data, e->size);
}

/* A connection that is over keeps its place until it is closed. */
static void close_it(const NetDisconnected *e, void *ctx) {
  (void)ctx;
  tw_net_close(e->sock);
}

static void on_accepted(const NetAccepted *e, void *ctx) {
  (void)ctx;
  tw_net_on(e->sock, "data", echo, NULL);
  tw_net_on(e->sock, "disconnected", close_it, NULL);
}

static uint16_t listen_for_echoes(void) {
  char text[TW_MAX_ADDRESS + 1];
  unsigned port = 0;
  memset(&listener, 0, sizeof listener);
  listener.handle = tw_net_tcp_listen("", 0);
  CHECK(listener.handle > 0);
  tw_net_on(listener.handle, "accepted", on_accepted, NULL);
  test_listen_to(&listener);
  test_until(&listener.connected, 1);
  CHECK(tw_net_local_addr(listener.handle, text, sizeof text) > 0);
  CHECK(sscanf(strrchr(text, ':'), ":%u", &port) == 1 && port > 0);
  return (uint16_t)port;
}

typedef struct caller {
  uint16_t port;
  uint32_t same;
  uint32_t done;
} caller;

static void *call(void *argument) {
  static const char text[1000] = "what is said to the device";
  caller *it = argument;
  it->same = here.peers->talk(here.device_address, it->port, text, sizeof text);
  __atomic_store_n(&it->done, 1, __ATOMIC_RELEASE);
  return NULL;
}

static void await(const caller *it) {
  for (int i = 0; i < 1000 && !__atomic_load_n(&it->done, __ATOMIC_ACQUIRE); i++)
    tw_poll(10);
  CHECK(it->done);
}

static void start(caller *it, uint16_t port) {
  pthread_t thread;
  *it = (caller){.port = port};
  CHECK(pthread_create(&thread, NULL, call, it) == 0);
  pthread_detach(thread);
}

static void echoes(void) {
  static caller it[6];
  test_begin(NULL);
  uint16_t port = listen_for_echoes();
  for (int i = 0; i < 6; i++) {
    start(&it[i], port);
    await(&it[i]);
    CHECK(it[i].same);
  }
  CHECK(listener.accepts == 6);
  test_end();
}

/* The listener takes one of the four sockets: three connections fit, the fourth is closed at once. */
static void is_full(void) {
  static story mine[3];
  static caller it;
  test_begin(NULL);
  uint16_t port = listen_for_echoes();
  tw_net_close(tw_net_udp_open(0));
  for (int i = 0; i < 3; i++) {
    int32_t sock = tw_net_udp_open(0);
    CHECK(sock > 0);
    mine[i].handle = sock;
  }
  start(&it, port);
  await(&it);
  CHECK(!it.same && listener.accepts == 0);
  tw_net_close(mine[0].handle);
  start(&it, port);
  await(&it);
  CHECK(it.same && listener.accepts == 1);
  test_end();
}

static void knows_a_port_in_use(void) {
  test_begin(NULL);
  uint16_t port = listen_for_echoes();
  int32_t second = tw_net_tcp_listen("", port);
  CHECK(second == -1 && tw_last_error() == TW_ERR_IN_USE);
  test_end();
}

/* Both ends in one core, over IPv6, which lwIP's loopback interface has. */
static void speaks_ipv6(void) {
  static story client;
  char text[TW_MAX_ADDRESS + 1];
  unsigned port = 0;
  test_begin(NULL);
  memset(&listener, 0, sizeof listener);
  listener.handle = tw_net_tcp_listen("::1", 0);
  CHECK(listener.handle > 0);
  tw_net_on(listener.handle, "accepted", on_accepted, NULL);
  test_listen_to(&listener);
  test_until(&listener.connected, 1);
  CHECK(tw_net_local_addr(listener.handle, text, sizeof text) > 0 && strncmp(text, "[::1]:", 6) == 0);
  CHECK(sscanf(text + 5, ":%u", &port) == 1);
  test_connect(&client, "::1", (uint16_t)port);
  test_until(&client.connected, 1);
  CHECK(tw_net_send(client.handle, "hello", 5) == 5);
  test_until(&client.received, 5);
  test_end();
}

void tests_of_listeners(void) {
  TEST(echoes);
  TEST(is_full);
  TEST(knows_a_port_in_use);
  TEST(speaks_ipv6);
}
