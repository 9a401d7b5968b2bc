/* faults: the host while calls of the system fail. Connections echo through one process; a seed decides which calls
 * fail, with which errno, and which take or give fewer bytes than they could (--wrap of the linker, see
 * CMakeLists.txt).
 *
 *   faults [FIRST_SEED [COUNT]]        default: 1 30
 *
 * Of each seed: what arrives is what was sent, to the byte; every handle ends; the loop does not spin; descriptors and
 * memory are given back. Ends with "N passed, M failed"; a seed that fails is named. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../faults/schedule.h"
#include "twinwire/tw_posix.h"

enum { CLIENTS = 12, CHUNK = 3000, CHUNKS = 20 };

static const double RUN_MS = 250, END_MS = 3000;

static fault_schedule faults;
static unsigned waits;

/* ---- Wrapped calls. Each begins as the real one would fail, without having done anything. ---- */

#define FAIL_WITH(...)                                                                                                 \
  do {                                                                                                                 \
    static const int numbers[] = {__VA_ARGS__};                                                                        \
    int number = fault_number(&faults, numbers, sizeof numbers / sizeof *numbers);                                     \
    if (number != 0) {                                                                                                 \
      errno = number;                                                                                                  \
      return -1;                                                                                                       \
    }                                                                                                                  \
  } while (0)

int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol) {
  FAIL_WITH(EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES, EAFNOSUPPORT);
  return __real_socket(family, type, protocol);
}

int __real_accept4(int fd, void *address, socklen_t *size, int flags);
int __wrap_accept4(int fd, void *address, socklen_t *size, int flags);
int __wrap_accept4(int fd, void *address, socklen_t *size, int flags) {
  FAIL_WITH(EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED, EINTR, EPROTO, EPERM, ENETDOWN, EAGAIN);
  return __real_accept4(fd, address, size, flags);
}

int __real_connect(int fd, const void *address, socklen_t size);
int __wrap_connect(int fd, const void *address, socklen_t size);
int __wrap_connect(int fd, const void *address, socklen_t size) {
  FAIL_WITH(ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, ETIMEDOUT, EADDRNOTAVAIL, EAGAIN, EACCES, ECONNRESET);
  return __real_connect(fd, address, size);
}

ssize_t __real_recv(int fd, void *data, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t size, int flags) {
  FAIL_WITH(EINTR, EAGAIN, EINTR, EAGAIN, EINTR, EAGAIN, ECONNRESET, ETIMEDOUT, ENOMEM);
  return __real_recv(fd, data, fault_partial(&faults, size), flags);
}

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags) {
  FAIL_WITH(EINTR, EAGAIN, ENOBUFS, EINTR, EAGAIN, EPIPE, ECONNRESET, EHOSTUNREACH);
  struct iovec first = message->msg_iov[0];
  first.iov_len = fault_partial(&faults, first.iov_len);
  struct msghdr less = {.msg_iov = &first, .msg_iovlen = 1};
  return __real_sendmsg(fd, first.iov_len < message->msg_iov[0].iov_len ? &less : message, flags);
}

int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
ssize_t __real_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags) {
  int type = 0;
  __real_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){sizeof type});
  FAIL_WITH(EINTR, EAGAIN, ENOBUFS, EINTR, EAGAIN, EPIPE, ECONNRESET, EHOSTUNREACH);
  return __real_send(fd, data, type == SOCK_STREAM ? fault_partial(&faults, size) : size, flags);
}

ssize_t __real_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags) {
  FAIL_WITH(EINTR, EAGAIN, ECONNREFUSED, ENOMEM, EHOSTUNREACH);
  return __real_recvmsg(fd, message, flags);
}

ssize_t __real_sendto(int fd, const void *data, size_t size, int flags, const void *to, socklen_t to_size);
ssize_t __wrap_sendto(int fd, const void *data, size_t size, int flags, const void *to, socklen_t to_size);
ssize_t __wrap_sendto(int fd, const void *data, size_t size, int flags, const void *to, socklen_t to_size) {
  FAIL_WITH(EINTR, EAGAIN, ENOBUFS, EPERM, ENETUNREACH, EMSGSIZE);
  return __real_sendto(fd, data, size, flags, to, to_size);
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size) {
  FAIL_WITH(ENOBUFS, ENOMEM);
  return __real_getsockopt(fd, level, name, value, size);
}

int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size) {
  FAIL_WITH(ENOBUFS, ENOMEM, EINVAL);
  return __real_setsockopt(fd, level, name, value, size);
}

int __real_epoll_ctl(int poller, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int poller, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int poller, int operation, int fd, struct epoll_event *event) {
  if (operation == EPOLL_CTL_ADD) /* the others take no memory */
    FAIL_WITH(ENOMEM, ENOSPC);
  return __real_epoll_ctl(poller, operation, fd, event);
}

int __real_epoll_wait(int poller, struct epoll_event *events, int room, int ms);
int __wrap_epoll_wait(int poller, struct epoll_event *events, int room, int ms);
int __wrap_epoll_wait(int poller, struct epoll_event *events, int room, int ms) {
  waits++;
  FAIL_WITH(EINTR);
  return __real_epoll_wait(poller, events, room, ms);
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size) {
  static const int numbers[] = {ENOMEM};
  return fault_number(&faults, numbers, 1) != 0 ? NULL : __real_calloc(count, size);
}

/* ---- The echo ---- */

static unsigned wrong;
#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      printf("line %d: %s\n", __LINE__, #condition);                                                                   \
      wrong++;                                                                                                         \
    }                                                                                                                  \
  } while (0)

typedef struct client {
  int32_t sock;
  uint32_t sent; /* bytes that were queued, and that came back, since it connected */
  uint32_t received;
  int chunks;
  int ended;
} client;

static client clients[CLIENTS];

static char byte_at(uint32_t place) { return (char)(place * 31 + place / 251); }

static void send_more(client *it) {
  char data[CHUNK];
  for (; it->chunks < CHUNKS; it->chunks++) {
    for (uint32_t i = 0; i < CHUNK; i++)
      data[i] = byte_at(it->sent + i);
    if (tw_net_send(it->sock, data, CHUNK) < 0)
      return;
    it->sent += CHUNK;
  }
}

static void on_connected(const NetConnected *e, void *ctx) {
  (void)e;
  client *it = ctx;
  it->sent = it->received = 0;
  it->chunks = 0;
  send_more(it);
}
static void on_drain(const NetDrain *e, void *ctx) {
  (void)e;
  send_more(ctx);
}
static void on_data(const NetData *e, void *ctx) {
  client *it = ctx;
  for (uint32_t i = 0; i < e->size; i++)
    if (e->data[i] != byte_at(it->received + i)) {
      CHECK(e->data[i] == byte_at(it->received + i));
      break;
    }
  it->received += e->size;
  CHECK(it->received <= it->sent);
}
static void on_disconnected(const NetDisconnected *e, void *ctx) {
  client *it = ctx;
  if (e->retry_ms < 0)
    it->ended++;
}
static void echo(const NetData *e, void *ctx) {
  (void)ctx;
  if (tw_net_send(e->sock, e->data, e->size) < 0)
    tw_net_close(e->sock); /* to lose bytes would be worse */
}
static void on_accepted(const NetAccepted *e, void *ctx) {
  (void)ctx;
  tw_net_on(e->sock, echo, NULL);
}
static void ignore(const NetDatagram *e, void *ctx) {
  (void)e;
  (void)ctx;
}

static double milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int count_descriptors(void) {
  int count = 0;
  DIR *folder = opendir("/proc/self/fd");
  while (readdir(folder) != NULL)
    count++;
  closedir(folder);
  return count;
}

static void open_clients(int32_t port) {
  memset(clients, 0, sizeof clients);
  for (int i = 0; i < CLIENTS; i++) {
    client *it = &clients[i];
    it->sock = tw_net_tcp_connect(i % 3 == 0 ? "localhost" : "127.0.0.1", port);
    if (it->sock < 0)
      continue; /* no memory for it */
    CHECK(tw_net_on(it->sock, on_connected, it) == 0 && tw_net_on(it->sock, on_drain, it) == 0);
    CHECK(tw_net_on(it->sock, on_data, it) == 0 && tw_net_on(it->sock, on_disconnected, it) == 0);
    if (i % 2 == 0) {
      tw_net_set_auto_reconnect(it->sock, true);
      tw_net_set_reconnect_delays_ms(it->sock, (uint32_t[]){5}, 1);
    }
  }
}

static void run_seed(uint32_t seed) {
  tw_limits limits = TW_LIMITS_HOST;
  limits.closeTimeoutMs = 300;
  limits.connectTimeoutMs = 1000;
  faults = (fault_schedule){.state = seed * 2654435761u | 1};
  CHECK(tw_posix_start(&(tw_posix_options){.limits = &limits}) == 0);
  int32_t listener = tw_net_tcp_listen("127.0.0.1", 0);
  CHECK(tw_net_on(listener, on_accepted, NULL) == 0);
  int32_t udp = tw_net_udp_bind("127.0.0.1", 0);
  CHECK(tw_net_on(udp, ignore, NULL) == 0);
  for (int i = 0; i < 3; i++)
    tw_poll(1);
  char address[TW_MAX_ADDRESS + 1];
  CHECK(tw_net_local_addr(listener, address, sizeof address) > 0);
  int32_t port = (int32_t)strtol(strrchr(address, ':') + 1, NULL, 10);
  CHECK(tw_net_local_addr(udp, address, sizeof address) > 0);
  int32_t udp_port = (int32_t)strtol(strrchr(address, ':') + 1, NULL, 10);
  faults.one_in = 4 + seed % 40;
  open_clients(port);
  waits = 0;
  double end = milliseconds() + RUN_MS;
  for (int round = 0; milliseconds() < end; round++) {
    tw_poll(5);
    tw_net_udp_send_to(udp, "127.0.0.1", udp_port, "x", 1);
    client *it = &clients[round % CLIENTS];
    if (round % 97 == 50 && it->sock > 0)
      tw_net_close(it->sock);
  }
  faults.one_in = 0;
  CHECK(faults.injected > 0);
  for (int i = 0; i < 100; i++) /* what is left comes through */
    tw_poll(1);
  tw_runtime_exit(0);
  end = milliseconds() + END_MS;
  while (tw_poll(20) > 0 && milliseconds() < end)
    ;
  CHECK(tw_poll(0) == 0);
  waits = 0;
  for (int i = 0; i < 3; i++)
    tw_poll(10);
  CHECK(waits <= 6); /* nothing is left that would make it spin */
  tw_posix_stop();
}

int main(int argc, char **argv) {
  uint32_t first = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1;
  uint32_t count = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 30;
  unsigned failed = 0;
  run_seed(first); /* what the system's library keeps for itself is open from here on */
  int before = count_descriptors();
  wrong = 0;
  for (uint32_t seed = first; seed < first + count; seed++) {
    wrong = 0;
    run_seed(seed);
    for (int i = 0; i < 50 && count_descriptors() > before; i++) /* resolver threads end by themselves */
      nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    CHECK(count_descriptors() <= before);
    if (wrong > 0)
      printf("seed %u failed: faults %u 1\n", seed, seed);
    failed += wrong > 0;
  }
  printf("%u passed, %u failed\n", count - failed, failed);
  return failed == 0 ? 0 : 1;
}
