/* lifecycle: what becomes of a program's own doing: starting and stopping, its threads, the descriptors of its process.
 * Ends with "N passed, M failed". */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"

static int connected, accepted, refused, listening;
static int32_t code;

static void on_connected(const NetConnected *e, void *ctx) {
  (void)e;
  ++*(int *)ctx;
}
static void on_accepted(const NetAccepted *e, void *ctx) {
  (void)e;
  ++*(int *)ctx;
}
static void on_error(const NetError *e, void *ctx) {
  code = e->code;
  ++*(int *)ctx;
}

static int32_t listen_here(int32_t *port) {
  char address[TW_MAX_ADDRESS + 1];
  listening = 0;
  int32_t listener = tw_net_tcp_listen("127.0.0.1", 0);
  CHECK(tw_net_on(listener, "connected", on_connected, &listening) == 0);
  CHECK(tw_net_on(listener, "accepted", on_accepted, &accepted) == 0);
  CHECK(tw_net_on(listener, "error", on_error, &refused) == 0);
  CHECK(until(&listening, 1));
  CHECK(tw_net_local_addr(listener, address, sizeof address) > 0);
  *port = (int32_t)strtol(strrchr(address, ':') + 1, NULL, 10);
  return listener;
}

static void test_start(void) {
  CHECK(tw_poll(0) == -1 && tw_last_error() == TW_ERR_STATE);
  CHECK(tw_net_udp_open(0) == -1 && tw_last_error() == TW_ERR_STATE);
  tw_posix_stop(); /* nothing to stop */
  tw_limits limits = TW_LIMITS_HOST;
  limits.events = 0;
  CHECK(tw_posix_start(&(tw_posix_options){.limits = &limits}) == -1 && tw_last_error() == TW_ERR_ARGUMENT);
  CHECK(tw_posix_start(&(tw_posix_options){.listeners = 2000000}) == -1 && tw_last_error() == TW_ERR_ARGUMENT);
  for (int i = 0; i < 20; i++) {
    CHECK(tw_posix_start(NULL) == 0);
    CHECK(tw_posix_start(NULL) == -1 && tw_last_error() == TW_ERR_STATE);
    CHECK(tw_poll(0) == 0);
    CHECK(tw_net_udp_open(0) > 0);
    CHECK(tw_poll(0) == 1);
    tw_posix_stop();
    CHECK(tw_net_udp_open(0) == -1 && tw_last_error() == TW_ERR_STATE);
  }
}

/* With connections open, looked up, connecting and full of bytes. */
static void test_stop(void) {
  for (int i = 0; i < 10; i++) {
    int32_t port;
    CHECK(tw_posix_start(NULL) == 0);
    listen_here(&port);
    connected = accepted = 0;
    int32_t sock = tw_net_tcp_connect("127.0.0.1", port);
    CHECK(tw_net_on(sock, "connected", on_connected, &connected) == 0);
    CHECK(until(&connected, 1) && until(&accepted, 1));
    static char bytes[1 << 20];
    CHECK(tw_net_send(sock, bytes, sizeof bytes) == sizeof bytes);
    for (int n = 0; n < 12; n++)
      CHECK(tw_net_tcp_connect("no-such-host.invalid", 80) > 0);
    CHECK(tw_net_tcp_connect("127.0.0.1", port) > 0);
    if (i % 2 == 0)
      tw_poll(0);
    double before = seconds();
    tw_posix_stop();
    CHECK(seconds() - before < 3);
  }
}

static int polled;
static void polls(const NetConnected *e, void *ctx) {
  (void)e;
  (void)ctx;
  CHECK(tw_poll(0) == -1 && tw_last_error() == TW_ERR_STATE);
  CHECK(tw_runtime_keep_alive() == -1 && tw_last_error() == TW_ERR_STATE);
  tw_posix_stop(); /* does nothing from here */
  polled++;
}

static void test_inside(void) {
  int32_t port;
  CHECK(tw_posix_start(NULL) == 0);
  listen_here(&port);
  int32_t sock = tw_net_tcp_connect("127.0.0.1", port);
  CHECK(tw_net_on(sock, "connected", polls, NULL) == 0);
  CHECK(until(&polled, 1));
  CHECK(tw_net_state(sock) == TW_STATE_OPEN);
  CHECK(tw_runtime_exit(7) == 0);
  CHECK(tw_runtime_keep_alive() == 7);
  CHECK(tw_poll(0) == 0);
  tw_posix_stop();
}

static void *wake_later(void *unused) {
  (void)unused;
  nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
  tw_posix_wake();
  return NULL;
}

static void test_wake(void) {
  CHECK(tw_posix_start(NULL) == 0);
  tw_posix_wake();
  double before = seconds();
  tw_poll(TW_FOREVER); /* woken before */
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, wake_later, NULL) == 0);
  tw_poll(TW_FOREVER);
  CHECK(seconds() - before > 0.04 && seconds() - before < 4);
  pthread_join(thread, NULL);
  for (int i = 0; i < 100000; i++)
    tw_posix_wake(); /* the pipe is full: that blocks nobody */
  tw_poll(TW_FOREVER);
  before = seconds();
  tw_poll(30);
  CHECK(seconds() - before > 0.02);
  tw_posix_stop();
}

static int posted;
static void count_posted(void *ctx) {
  CHECK(ctx == &posted && tw_poll(0) == -1 && tw_last_error() == TW_ERR_STATE);
  posted++;
}

static void *post_many(void *loop) {
  for (int i = 0; i < 2000;)
    i += tw_posix_post(loop, count_posted, &posted);
  return NULL;
}

static void test_post(void) {
  CHECK(tw_posix_current() == NULL && tw_posix_fd() == -1 && tw_posix_timeout() == TW_FOREVER);
  CHECK(tw_posix_start(NULL) == 0);
  posted = 0;
  pthread_t threads[2];
  for (int i = 0; i < 2; i++)
    CHECK(pthread_create(&threads[i], NULL, post_many, tw_posix_current()) == 0);
  CHECK(until(&posted, 4000));
  for (int i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
  CHECK(!tw_posix_post(tw_posix_current(), NULL, NULL));
  CHECK(tw_posix_timeout() == TW_FOREVER);
  CHECK(tw_net_tcp_connect("192.0.2.1", 9) > 0 && tw_posix_timeout() <= 60000);
  tw_posix_stop();
}

/* A loop of its own in each of two threads, on one port. */
typedef struct server {
  pthread_t thread;
  int32_t port;
  int accepted;
  bool stop;
  tw_posix_loop *_Atomic loop;
} server;

static void stop_server(void *ctx) { ((server *)ctx)->stop = true; }

static void *run_server(void *context) {
  server *it = context;
  tw_posix_start(&(tw_posix_options){.reuse_port = true});
  int32_t listener = tw_net_tcp_listen("127.0.0.1", it->port);
  tw_net_on(listener, on_accepted, &it->accepted);
  tw_poll(0);
  tw_poll(0);
  it->loop = tw_posix_current();
  while (!it->stop)
    tw_poll(TW_FOREVER);
  tw_posix_stop();
  return NULL;
}

static void test_loops(void) {
  int32_t port, sock = -1;
  CHECK(tw_posix_start(&(tw_posix_options){.reuse_port = true}) == 0);
  int32_t listener = listen_here(&port);
  server servers[2] = {{.port = port}, {.port = port}};
  for (int i = 0; i < 2; i++) {
    CHECK(pthread_create(&servers[i].thread, NULL, run_server, &servers[i]) == 0);
    while (servers[i].loop == NULL)
      nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  CHECK(tw_net_close(listener) == 0);
  tw_poll(0);
  connected = 0;
  for (int i = 0; i < 64; i++) {
    sock = tw_net_tcp_connect("127.0.0.1", port);
    CHECK(sock > 0 && tw_net_on(sock, on_connected, &connected) == 0);
  }
  CHECK(until(&connected, 64));
  for (int i = 0; i < 2; i++)
    CHECK(tw_posix_post(servers[i].loop, stop_server, &servers[i]));
  for (int i = 0; i < 2; i++)
    pthread_join(servers[i].thread, NULL);
  CHECK(servers[0].accepted > 0 && servers[1].accepted > 0);
  CHECK(servers[0].accepted + servers[1].accepted <= 64);
  CHECK(tw_net_state(sock) != TW_STATE_CONNECTING); /* this thread's loop goes on */
  tw_posix_stop();
}

/* A process that has no descriptors left turns connections away, says so, and takes them again when it has. */
static void test_descriptors(void) {
  struct rlimit before, few;
  int32_t port;
  int32_t socks[200];
  int count = 0;
  CHECK(tw_posix_start(NULL) == 0);
  listen_here(&port);
  connected = accepted = refused = 0;
  getrlimit(RLIMIT_NOFILE, &before);
  few = (struct rlimit){.rlim_cur = 64, .rlim_max = before.rlim_max};
  CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
  while (count < 200) {
    int32_t sock = tw_net_tcp_connect("127.0.0.1", port);
    CHECK(sock > 0); /* what the system refuses is reported as an event */
    socks[count++] = sock;
  }
  CHECK(until(&refused, 1));
  CHECK(code == TW_ERR_DESCRIPTORS);
  clock_t used = clock();
  double started = seconds();
  while (seconds() < started + 0.3)
    tw_poll(50);
  CHECK((double)(clock() - used) / CLOCKS_PER_SEC < 0.2); /* it waits; it does not turn and turn */
  CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
  for (int i = 0; i < count; i++)
    tw_net_close(socks[i]);
  tw_poll(0);
  accepted = 0;
  CHECK(tw_net_tcp_connect("127.0.0.1", port) > 0);
  CHECK(until(&accepted, 1));
  tw_posix_stop();
}

int main(void) {
  RUN(test_start);
  RUN(test_stop);
  RUN(test_inside);
  RUN(test_wake);
  RUN(test_post);
  RUN(test_loops);
  RUN(test_descriptors);
  return check_end();
}
