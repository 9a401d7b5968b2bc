/* addresses: names with several addresses, and look-ups that take their time. getaddrinfo is this program's own: what
 * it answers stands in the name. Ends with "N passed, M failed". */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"

static const double ATTEMPT_DELAY_MS = 250; /* until the next of several addresses is tried, RFC 8305 8 */

static atomic_int looked_up;

/* "slow-2-1.test", "hang-2-1.test": after a while, 127.0.0.2 and 127.0.0.1; words in it say nothing. A name without
 * digits has no address. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
  (void)service;
  (void)hints;
  *result = NULL;
  looked_up++;
  if (strncmp(name, "slow", 4) == 0)
    nanosleep(&(struct timespec){.tv_nsec = 400000000}, NULL);
  if (strncmp(name, "hang", 4) == 0)
    nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 500000000}, NULL);
  struct addrinfo **last = result;
  for (const char *at = strchr(name, '-'); at != NULL; at = strchr(at + 1, '-')) {
    if (at[1] < '0' || at[1] > '9')
      continue;
    struct sockaddr_in *address = calloc(1, sizeof *address);
    *last = calloc(1, sizeof **last);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(0x7f000000u + (uint32_t)strtoul(at + 1, NULL, 10));
    **last = (struct addrinfo){.ai_family = AF_INET, .ai_addr = (void *)address, .ai_addrlen = sizeof *address};
    last = &(*last)->ai_next;
  }
  return *result == NULL ? EAI_NONAME : 0;
}

void freeaddrinfo(struct addrinfo *list) {
  while (list != NULL) {
    struct addrinfo *next = list->ai_next;
    free(list->ai_addr);
    free(list);
    list = next;
  }
}

static struct sockaddr_in loopback(uint32_t last, uint16_t port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000u + last), .sin_port = htons(port)};
}

/* A server at 127.0.0.`last`; `port` 0: any. Returns the port. */
static uint16_t serve(int *fd, uint32_t last, uint16_t port, int backlog) {
  struct sockaddr_in at = loopback(last, port);
  socklen_t size = sizeof at;
  *fd = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  CHECK(bind(*fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(*fd, backlog) == 0);
  CHECK(getsockname(*fd, (struct sockaddr *)&at, &size) == 0);
  return ntohs(at.sin_port);
}

/* A server that answers nobody: its queue is full, and Linux drops what else comes. */
static void fill(int fds[8], uint32_t last, uint16_t port) {
  for (int i = 0; i < 8; i++) {
    struct sockaddr_in at = loopback(last, port);
    fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(connect(fds[i], (struct sockaddr *)&at, sizeof at) == 0 || errno == EINPROGRESS);
  }
  nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
}

static struct {
  int connected;
  int failed;
  int32_t code;
  char remote[TW_MAX_ADDRESS + 1];
} seen;

static void on_connected(const NetConnected *e, void *ctx) {
  (void)ctx;
  seen.connected++;
  tw_net_remote_addr(e->sock, seen.remote, sizeof seen.remote);
}
static void on_error(const NetError *e, void *ctx) {
  (void)ctx;
  seen.failed++;
  seen.code = e->code;
}

static int32_t dial(const char *name, uint16_t port) {
  memset(&seen, 0, sizeof seen);
  int32_t sock = tw_net_tcp_connect(name, port);
  CHECK(sock > 0);
  CHECK(tw_net_on(sock, "connected", on_connected, NULL) == 0 && tw_net_on(sock, "error", on_error, NULL) == 0);
  return sock;
}

/* Turns the loop until the attempt has come to something; how long that took, in ms. */
static double outcome(void) {
  double started = milliseconds();
  while (seen.connected + seen.failed == 0 && milliseconds() < started + 8000)
    tw_poll(TW_FOREVER);
  return milliseconds() - started;
}

/* Dials until an attempt has an outcome in less than `most` ms, five times at most: other work may have the processor
 * meanwhile. Returns the socket, or -1. */
static int32_t dial_within(double most, const char *name, uint16_t port) {
  for (int tries = 0; tries < 5; tries++) {
    int32_t sock = dial(name, port);
    if (outcome() < most)
      return sock;
    tw_net_close(sock);
  }
  return -1;
}

static void start(uint32_t connect_timeout_ms) {
  tw_limits limits = TW_LIMITS_HOST;
  limits.connectTimeoutMs = connect_timeout_ms;
  CHECK(tw_posix_start(&(tw_posix_options){.limits = &limits}) == 0);
}

static void test_in_turn(void) {
  int fd;
  uint16_t port = serve(&fd, 1, 0, 16);
  start(5000);
  int32_t sock = dial_within(ATTEMPT_DELAY_MS, "both-2-1.test", port); /* nobody at the first: the second at once */
  CHECK(sock > 0 && seen.connected == 1 && strncmp(seen.remote, "127.0.0.1:", 10) == 0);
  tw_net_close(sock);
  sock = dial_within(ATTEMPT_DELAY_MS, "none-2-3-4.test", port);
  CHECK(sock > 0 && seen.failed == 1 && seen.code == TW_ERR_REFUSED);
  tw_net_close(sock);
  sock = dial_within(ATTEMPT_DELAY_MS, "nothing.test", port);
  CHECK(sock > 0 && seen.failed == 1 && seen.code == TW_ERR_NAME_NOT_FOUND);
  tw_net_close(sock);
  tw_posix_stop();
  close(fd);
}

static void test_silent(void) {
  int good, silent, stuck[8];
  uint16_t port = serve(&good, 1, 0, 16);
  serve(&silent, 2, port, 0);
  fill(stuck, 2, port);
  start(1500);
  int32_t sock = dial("silent-2-1.test", port);
  double took = outcome();
  CHECK(took >= ATTEMPT_DELAY_MS - 5 && took < 1400);
  CHECK(seen.connected == 1 && strncmp(seen.remote, "127.0.0.1:", 10) == 0);
  tw_net_close(sock);
  sock = dial_within(ATTEMPT_DELAY_MS, "silent-1-2.test", port); /* the first answers: the other is not asked */
  CHECK(sock > 0 && seen.connected == 1);
  tw_net_close(sock);
  sock = dial("silent-2.test", port); /* the only one has all the time there is */
  took = outcome();
  CHECK(took > 1400 && seen.failed == 1 && seen.code == TW_ERR_TIMEOUT);
  tw_net_close(sock);
  sock = dial("silent-2-1.test", port); /* and is forgotten when it is closed in between */
  tw_poll(50);
  CHECK(tw_net_close(sock) == 0);
  double until = milliseconds() + 500;
  while (milliseconds() < until)
    tw_poll(20);
  CHECK(seen.connected + seen.failed == 0);
  tw_posix_stop();
  for (int i = 0; i < 8; i++)
    close(stuck[i]);
  close(silent);
  close(good);
}

static void test_slow(void) {
  int fd;
  uint16_t port = serve(&fd, 1, 0, 16);
  start(5000);
  int32_t sock = dial("hang-1.test", port);
  int turns = 0;
  double started = milliseconds();
  double longest = 0;
  while (seen.connected == 0 && milliseconds() < started + 8000) {
    double before = milliseconds();
    tw_poll(10);
    if (milliseconds() - before > longest)
      longest = milliseconds() - before;
    turns++;
  }
  CHECK(seen.connected == 1 && turns > 4 && longest < 1400); /* the loop goes on */
  tw_net_close(sock);
  sock = dial("slow-closed-1.test", port);
  tw_poll(0);
  CHECK(tw_net_close(sock) == 0); /* while it is looked up */
  started = milliseconds();
  while (milliseconds() < started + 600)
    tw_poll(20);
  CHECK(seen.connected + seen.failed == 0);
  int32_t together[4];
  for (int i = 0; i < 4; i++)
    together[i] = tw_net_tcp_connect(
        (const char *[]){"slow-a-1.test", "slow-b-1.test", "slow-c-1.test", "slow-d-1.test"}[i], port);
  started = milliseconds();
  for (int i = 0; i < 4; i++)
    while (tw_net_state(together[i]) == TW_STATE_CONNECTING && milliseconds() < started + 8000)
      tw_poll(20);
  CHECK(milliseconds() - started < 1500); /* four are looked up at a time: one by one it would take 1600 */
  for (int i = 0; i < 4; i++)
    CHECK(tw_net_state(together[i]) == TW_STATE_OPEN);
  for (int i = 0; i < 10; i++)
    dial(i % 2 == 0 ? "hang-e-1.test" : "hang-f-1.test", port);
  started = milliseconds();
  tw_posix_stop(); /* waits for none of them */
  CHECK(milliseconds() - started < 1400);
  start(100);
  sock = dial("hang-1.test", port);
  CHECK(outcome() < 1400 && seen.failed == 1 && seen.code == TW_ERR_TIMEOUT); /* a look-up is part of the attempt */
  tw_posix_stop();
  close(fd);
  nanosleep(&(struct timespec){.tv_sec = 2}, NULL); /* the last threads end, and leave nothing behind */
}

/* An address that needs longer than the delay still wins if the others fail: it is not given up for them. */
static void test_late(void) {
  int late, stuck[8];
  uint16_t port = serve(&late, 2, 0, 0);
  fill(stuck, 2, port);
  start(5000);
  int32_t sock = dial("late-2-1.test", port); /* nobody at the second, which is tried after 250 ms */
  double started = milliseconds();
  while (milliseconds() < started + 500)
    tw_poll(20);
  CHECK(seen.connected + seen.failed == 0);
  for (int i = 0; i < 8; i++)
    close(stuck[i]);
  for (int fd; (fd = accept4(late, NULL, NULL, SOCK_NONBLOCK)) >= 0 && milliseconds() < started + 600;)
    close(fd); /* room in the queue: the kernel's next SYN is answered */
  outcome();
  CHECK(seen.connected == 1 && strncmp(seen.remote, "127.0.0.2:", 10) == 0);
  tw_net_close(sock);
  tw_posix_stop();
  close(late);
}

/* Look-ups that no socket waits for are taken back, and those that hang hold up only their own name. */
static void test_abandoned(void) {
  int fd;
  uint16_t port = serve(&fd, 1, 0, 16);
  start(5000);
  char name[32];
  looked_up = 0;
  for (int i = 0; i < 40; i++) {
    snprintf(name, sizeof name, "hang-%c%c-1.test", 'a' + i / 26, 'a' + i % 26);
    int32_t sock = tw_net_tcp_connect(name, port);
    CHECK(sock > 0);
    tw_poll(0);
    CHECK(tw_net_close(sock) == 0);
  }
  int32_t sock = dial("now-1.test", port);
  CHECK(outcome() < 1400 && seen.connected == 1);
  tw_net_close(sock);
  for (double until = milliseconds() + 600; milliseconds() < until;)
    tw_poll(20);
  CHECK(looked_up <= 41);
  looked_up = 0;
  for (int i = 0; i < 10; i++) {
    sock = dial("shared-1.test", port);
    CHECK(outcome() < 4000 && seen.connected == 1);
    tw_net_close(sock);
  }
  CHECK(looked_up == 1);
  tw_posix_stop();
  close(fd);
  nanosleep(&(struct timespec){.tv_sec = 2}, NULL);
}

int main(void) {
  RUN(test_in_turn);
  RUN(test_silent);
  RUN(test_slow);
  RUN(test_abandoned);
  RUN(test_late);
  return check_end();
}
