/* tasks.c: a task of its own, and others that want something of it. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "lwip/tcpip.h"
#include "sdkconfig.h"
#include "test.h"

static peer echo = {.kind = PEER_ECHO};
static peer source = {.kind = PEER_SOURCE, .amount = 1u << 20};

/* Written by the network task, read by this one. */
static _Atomic int32_t sock;
static _Atomic uint32_t connected, received, disconnected, done;

static void nap(long ms) {
  struct timespec time = {0, ms * 1000000};
  nanosleep(&time, NULL);
}

static bool comes(const _Atomic uint32_t *counter, uint32_t least) {
  for (int i = 0; i < 1000 && *counter < least; i++)
    nap(10);
  return *counter >= least;
}

static bool ends(void) {
  for (int i = 0; i < 1000 && tw_esp_running(); i++)
    nap(10);
  return !tw_esp_running();
}

static void on_connected(const NetConnected *e, void *ctx) { (void)e, (void)ctx, connected++; }
static void on_data(const NetData *e, void *ctx) { (void)ctx, received += e->size; }
static void on_disconnected(const NetDisconnected *e, void *ctx) { (void)e, (void)ctx, disconnected++; }

static void open_connection(void *to) {
  sock = tw_net_tcp_connect(here.peer_address, ((peer *)to)->port);
  tw_net_on(sock, "connected", on_connected, NULL);
  tw_net_on(sock, "data", on_data, NULL);
  tw_net_on(sock, "disconnected", on_disconnected, NULL);
}

static void forget(void) { connected = received = disconnected = done = 0; }

static void start_connected(peer *to) {
  forget();
  CHECK(tw_esp_start(NULL) == 0);
  CHECK(tw_esp_post(open_connection, to) == 0);
  CHECK(comes(&connected, 1));
}

static void stop(void) {
  tw_esp_stop();
  CHECK(ends());
}

static void runs_and_stops(void) {
  for (int i = 0; i < 20; i++) {
    start_connected(&echo);
    CHECK(tw_esp_start(NULL) == ESP_ERR_INVALID_STATE && tw_esp_begin(NULL) == ESP_ERR_INVALID_STATE);
    CHECK(tw_esp_net_send(sock, "hello", 5) == 5);
    CHECK(comes(&received, 5));
    CHECK(tw_poll(0) == -1);
    stop();
    CHECK(disconnected == 1 && stub_heap_blocks() == 1 /* the stack */);
    CHECK(tw_esp_net_send(sock, "hello", 5) == TW_ERR_STATE && tw_esp_net_close(sock) == ESP_ERR_INVALID_STATE);
  }
}

static void *send_much(void *unused) {
  (void)unused;
  for (uint32_t sent = 0; sent < 500;) {
    int32_t result = tw_esp_net_send(sock, "0123456789", 10);
    if (result == 10)
      sent++;
    else if (result != TW_ERR_BACKPRESSURE)
      break;
    else
      nap(1);
  }
  done++;
  return NULL;
}

/* Four tasks, one connection: each send whole or not at all. */
static void is_called_by_many(void) {
  pthread_t threads[4];
  done = 0;
  start_connected(&echo);
  for (int i = 0; i < 4; i++)
    CHECK(pthread_create(&threads[i], NULL, send_much, NULL) == 0);
  CHECK(comes(&received, 4 * 500 * 10));
  for (int i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
  CHECK(done == 4 && received == 4 * 500 * 10);
  stop();
}

/* ---- Messages larger than the send buffer ---- */

enum { LARGE = 16000, LARGE_MESSAGES = 10 };

static peer websocket = {.kind = PEER_WEBSOCKET};
static _Atomic uint32_t messages, errors;

/* Each message is one letter again and again: fragments of two messages that were mixed would show. */
static void on_message(const WsMessage *e, void *ctx) {
  static char letter;
  (void)ctx;
  if (e->first)
    letter = e->message[0];
  for (uint32_t i = 0; i < e->size; i++)
    errors += e->message[i] != letter;
  received += e->size;
  messages += e->final;
}

static void on_ws_connected(const WsConnected *e, void *ctx) { (void)e, (void)ctx, connected++; }
static void on_ws_disconnected(const WsDisconnected *e, void *ctx) { (void)e, (void)ctx, disconnected++; }

static void open_ws(void *unused) {
  char url[64];
  (void)unused;
  snprintf(url, sizeof url, "ws://%s:%u/", here.peer_address, websocket.port);
  sock = tw_ws_open(url);
  tw_ws_on(sock, on_ws_connected, NULL);
  tw_ws_on(sock, on_message, NULL);
  tw_ws_on(sock, on_ws_disconnected, NULL);
}

static void start_websocket(void) {
  forget();
  messages = errors = 0;
  CHECK(tw_esp_start(NULL) == ESP_OK);
  CHECK(tw_esp_post(open_ws, NULL) == ESP_OK);
  CHECK(comes(&connected, 1));
}

static void *send_large(void *letter) {
  static _Thread_local char message[LARGE];
  memset(message, *(const char *)letter, sizeof message);
  for (int i = 0; i < LARGE_MESSAGES; i++) {
    int32_t result;
    while ((result = tw_esp_ws_send_text(sock, message, i % 2 == 0 ? LARGE : 10)) == TW_ERR_BACKPRESSURE)
      nap(1);
    errors += result < 0;
  }
  done++;
  return NULL;
}

static void sends_large_messages_in_fragments(void) {
  static const char letters[] = "ab";
  pthread_t threads[2];
  start_websocket();
  for (int i = 0; i < 2; i++)
    CHECK(pthread_create(&threads[i], NULL, send_large, (void *)(uintptr_t)&letters[i]) == 0);
  CHECK(comes(&messages, 2 * LARGE_MESSAGES));
  for (int i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
  CHECK(errors == 0 && done == 2 && received == LARGE_MESSAGES * (LARGE + 10));
  stop();
}

static int32_t send_large_here(void *data) { return tw_esp_ws_send_binary(sock, data, LARGE); }

/* The network task never waits; and a task that waits for room is released when twinwire stops. */
static void waits_for_room_only_elsewhere(void) {
  static char message[LARGE];
  static const char letter = 'a';
  pthread_t thread;
  start_websocket();
  CHECK(tw_esp_call(send_large_here, message) == TW_ERR_TOO_LARGE);
  CHECK(pthread_create(&thread, NULL, send_large, (void *)(uintptr_t)&letter) == 0);
  stop();
  CHECK(comes(&done, 1));
  pthread_join(thread, NULL);
}

static int32_t nothing(void *ctx) {
  (void)ctx;
  return 42;
}

/* A task that sleeps in select is woken: a call takes a turn, not the interval in which the network is looked at. */
static void wakes_at_once(void) {
  start_connected(&echo);
  nap(50);
  uint32_t started = test_now();
  for (int i = 0; i < 100; i++)
    CHECK(tw_esp_call(nothing, NULL) == 42);
  CHECK(test_now() - started < 1000);
  stop();
}

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

static void wait_for_release(void *ctx) {
  (void)ctx;
  pthread_mutex_lock(&held);
  pthread_mutex_unlock(&held);
}

static void count_one(void *ctx) { (void)ctx, done++; }

static void has_a_bounded_queue(void) {
  done = 0;
  CHECK(tw_esp_start(NULL) == 0);
  pthread_mutex_lock(&held);
  CHECK(tw_esp_post(wait_for_release, NULL) == 0);
  nap(300);
  for (int i = 0; i < CONFIG_TWINWIRE_QUEUE; i++)
    CHECK(tw_esp_post(count_one, NULL) == 0);
  CHECK(tw_esp_post(count_one, NULL) == ESP_ERR_TIMEOUT);
  CHECK(tw_esp_call(nothing, NULL) == TW_ERR_BACKPRESSURE);
  pthread_mutex_unlock(&held);
  CHECK(comes(&done, CONFIG_TWINWIRE_QUEUE));
  CHECK(tw_esp_call(nothing, NULL) == 42);
  stop();
}

/* In a listener: stop, close, post and call, each of which would hang if it waited for its own task. */
static void do_everything(const NetData *e, void *ctx) {
  (void)ctx;
  done += tw_esp_call(nothing, NULL) == 42;
  tw_esp_post(count_one, NULL);
  tw_esp_net_close(e->sock);
  tw_net_close(e->sock);
  tw_esp_stop();
}

static void do_it_on_data(void *to) {
  open_connection(to);
  tw_net_on(sock, "data", do_everything, NULL);
}

static void is_stopped_by_a_listener(void) {
  for (int i = 0; i < 20; i++) {
    done = 0;
    CHECK(tw_esp_start(NULL) == 0);
    CHECK(tw_esp_post(do_it_on_data, &source) == 0);
    CHECK(ends());
    CHECK(done > 0 && stub_heap_blocks() == 1 /* the stack */);
  }
}

static void *keep_calling(void *unused) {
  (void)unused;
  while (tw_esp_running()) {
    int32_t result = tw_esp_call(nothing, NULL);
    if (result != 42 && result != TW_ERR_STATE && result != TW_ERR_BACKPRESSURE)
      break;
  }
  done++;
  return NULL;
}

/* Whoever calls while it ends gets an answer. */
static void ends_under_calls(void) {
  for (int round = 0; round < 20; round++) {
    pthread_t threads[4];
    done = 0;
    start_connected(&echo);
    for (int i = 0; i < 4; i++)
      CHECK(pthread_create(&threads[i], NULL, keep_calling, NULL) == 0);
    nap(5);
    stop();
    CHECK(comes(&done, 4));
    for (int i = 0; i < 4; i++)
      pthread_join(threads[i], NULL);
  }
}

/* What got-IP handlers do: the handler's task posts, and never waits. */
static void opens_when_there_is_an_address(void) {
  forget();
  stub_network(false, here.device_address);
  CHECK(tw_esp_start(NULL) == 0);
  CHECK(tw_esp_post(open_connection, &echo) == 0);
  nap(100);
  CHECK(sock == -1);
  stub_network(true, here.device_address);
  CHECK(tw_esp_post(open_connection, &echo) == 0);
  CHECK(comes(&connected, 1));
  stop();
}

static void stops_without_a_network(void) {
  start_connected(&echo);
  stub_network(false, here.device_address);
  uint32_t started = test_now();
  stop();
  CHECK(test_now() - started < 1000);
  stub_network(true, here.device_address);
}

/* lwIP's own thread, where SNTP's callback runs, and interrupts post as tasks do: neither may wait. */
static void post_one(void *result) { *(_Atomic int32_t *)result = tw_esp_post(count_one, NULL) == ESP_OK ? 1 : -1; }

static void is_posted_to_by_lwip(void) {
  start_connected(&echo);
  for (uint32_t i = 1; i <= 100; i++) {
    _Atomic int32_t result = 0;
    nap(1);
    CHECK(tcpip_callback(post_one, (void *)&result) == ERR_OK);
    CHECK(comes(&done, i) && result == 1);
  }
  stop();
}

static void is_posted_to_by_interrupts(void) {
  start_connected(&echo);
  for (uint32_t i = 1; i <= 100; i++) {
    nap(1);
    stub_isr(true);
    esp_err_t result = tw_esp_post(count_one, NULL);
    stub_isr(false);
    CHECK(result == ESP_OK && comes(&done, i));
  }
  stop();
}

static void occupy(void *ms) { nap((long)(intptr_t)ms); }

/* lwIP's mailbox is full: the wake-up is tried again. */
static void is_woken_past_a_full_mailbox(void) {
  start_connected(&echo);
  nap(50);
  CHECK(tcpip_callback(occupy, (void *)900) == ERR_OK);
  nap(10);
  while (tcpip_try_callback(occupy, NULL) == ERR_OK)
    ;
  uint32_t started = test_now();
  CHECK(tw_esp_post(count_one, NULL) == ESP_OK);
  CHECK(test_now() - started < 500); /* without waiting for lwIP */
  CHECK(comes(&done, 1) && test_now() - started < 5000);
  stop();
}

static void stops_while_lwip_posts(void) {
  for (int i = 0; i < 20; i++) {
    static _Atomic int32_t result;
    start_connected(&echo);
    for (int k = 0; k < 8; k++)
      tcpip_try_callback(post_one, (void *)&result);
    stop();
  }
}

static void refuses_bad_options(void) {
  tw_esp_options options;
  tw_esp_defaults(&options);
  options.limits.sockets = CONFIG_TWINWIRE_SOCKETS + 1;
  CHECK(tw_esp_begin(&options) == ESP_ERR_INVALID_ARG);
  tw_esp_defaults(&options);
  options.limits.recvBuffer = 1;
  CHECK(tw_esp_start(&options) == ESP_ERR_INVALID_ARG);
  CHECK(!tw_esp_running() && tw_poll(0) == -1 && tw_last_error() == TW_ERR_STATE);
  tw_esp_stop();
}

void tests_of_task(void) {
  if (!here.peers->start(&echo) || !here.peers->start(&source) || !here.peers->start(&websocket))
    printf("a peer does not start\n");
  TEST(runs_and_stops);
  TEST(is_called_by_many);
  TEST(wakes_at_once);
  TEST(sends_large_messages_in_fragments);
  TEST(waits_for_room_only_elsewhere);
  TEST(has_a_bounded_queue);
  TEST(is_stopped_by_a_listener);
  TEST(ends_under_calls);
  TEST(opens_when_there_is_an_address);
  TEST(stops_without_a_network);
  TEST(is_posted_to_by_lwip);
  TEST(is_posted_to_by_interrupts);
  TEST(is_woken_past_a_full_mailbox);
  TEST(stops_while_lwip_posts);
  TEST(refuses_bad_options);
  here.peers->stop(&echo);
  here.peers->stop(&source);
  here.peers->stop(&websocket);
}
