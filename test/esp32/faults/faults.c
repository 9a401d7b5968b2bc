/* faults: the component on lwIP while lwIP's calls fail. Connections echo through one process; a seed decides which
 * calls fail, with which errno, and which take or give fewer bytes than they could (--wrap of the linker, see
 * host.mjs).
 *
 *   faults [FIRST_SEED [COUNT]]        default: 1 12
 *
 * Of each seed: what arrives is what was sent, to the byte; every handle ends; every error has a code of the table; who
 * reconnects is connected again once the faults are over; each posted command runs; the loop does not spin; sockets,
 * memory and timers are given back. Ends with "N passed, M failed"; a seed that fails is named. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../faults/schedule.h"
#include "esp_event.h"
#include "esp_netif.h"
#include "lwip/netifapi.h"
#include "lwip/sockets.h"
#include "lwip/tcpip.h"
#include "stub.h"
#include "twinwire/tw_esp.h"

#define ADDRESS "10.88.0.1"

enum { CLIENTS = 6, WEBSOCKETS = 3, CHUNK = 1000, CHUNKS = 20, UNDER_WAY = 4 * CHUNK };

static const double RUN_MS = 200, PATIENCE_MS = 10000;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* lwIP's calls come from several threads */
static fault_schedule faults;
static atomic_int sockets; /* open ones of lwIP's */
static unsigned waits;

/* ---- Wrapped calls. Each begins as the real one would fail, without having done anything. ---- */

static int pick(const int *numbers, size_t count) {
  pthread_mutex_lock(&lock);
  int number = fault_number(&faults, numbers, count);
  pthread_mutex_unlock(&lock);
  return number;
}

static size_t part_of(size_t size) {
  pthread_mutex_lock(&lock);
  size_t part = fault_partial(&faults, size);
  pthread_mutex_unlock(&lock);
  return part;
}

#define FAIL_WITH(...)                                                                                                 \
  do {                                                                                                                 \
    static const int numbers[] = {__VA_ARGS__};                                                                        \
    int number = pick(numbers, sizeof numbers / sizeof *numbers);                                                      \
    if (number != 0) {                                                                                                 \
      errno = number;                                                                                                  \
      return -1;                                                                                                       \
    }                                                                                                                  \
  } while (0)

static int opened(int fd) {
  if (fd >= 0)
    sockets++;
  return fd;
}

int __real_lwip_socket(int family, int type, int protocol);
int __wrap_lwip_socket(int family, int type, int protocol);
int __wrap_lwip_socket(int family, int type, int protocol) {
  FAIL_WITH(ENFILE, ENOBUFS, ENOMEM);
  return opened(__real_lwip_socket(family, type, protocol));
}

int __real_lwip_close(int fd);
int __wrap_lwip_close(int fd);
int __wrap_lwip_close(int fd) {
  sockets--;
  return __real_lwip_close(fd);
}

int __real_lwip_accept(int fd, struct sockaddr *address, socklen_t *size);
int __wrap_lwip_accept(int fd, struct sockaddr *address, socklen_t *size);
int __wrap_lwip_accept(int fd, struct sockaddr *address, socklen_t *size) {
  FAIL_WITH(ENFILE, ENOBUFS, ENOMEM, ECONNABORTED);
  return opened(__real_lwip_accept(fd, address, size));
}

int __real_lwip_connect(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_lwip_connect(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_lwip_connect(int fd, const struct sockaddr *address, socklen_t size) {
  FAIL_WITH(ENOMEM, EHOSTUNREACH, ENOBUFS, EADDRINUSE, ECONNRESET, ECONNABORTED, EINVAL);
  return __real_lwip_connect(fd, address, size);
}

ssize_t __real_lwip_recv(int fd, void *data, size_t size, int flags);
ssize_t __wrap_lwip_recv(int fd, void *data, size_t size, int flags);
ssize_t __wrap_lwip_recv(int fd, void *data, size_t size, int flags) {
  FAIL_WITH(EWOULDBLOCK, ENOMEM, ENOBUFS, EWOULDBLOCK, ENOMEM, ECONNRESET, ECONNABORTED, ENOTCONN);
  return __real_lwip_recv(fd, data, part_of(size), flags);
}

ssize_t __real_lwip_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __wrap_lwip_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __wrap_lwip_recvmsg(int fd, struct msghdr *message, int flags) {
  FAIL_WITH(EWOULDBLOCK, ENOMEM, ENOBUFS, EHOSTUNREACH, ECONNRESET);
  return __real_lwip_recvmsg(fd, message, flags);
}

ssize_t __real_lwip_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_lwip_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_lwip_sendmsg(int fd, const struct msghdr *message, int flags) {
  FAIL_WITH(EWOULDBLOCK, ENOMEM, ENOBUFS, EWOULDBLOCK, ENOMEM, ECONNRESET, ENOTCONN, EHOSTUNREACH);
  struct iovec first = message->msg_iov[0];
  first.iov_len = part_of(first.iov_len);
  struct msghdr less = {.msg_iov = &first, .msg_iovlen = 1};
  return __real_lwip_sendmsg(fd, first.iov_len < message->msg_iov[0].iov_len ? &less : message, flags);
}

ssize_t __real_lwip_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_lwip_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_lwip_send(int fd, const void *data, size_t size, int flags) {
  FAIL_WITH(EWOULDBLOCK, ENOMEM, ENOBUFS, EHOSTUNREACH, EMSGSIZE);
  return __real_lwip_send(fd, data, size, flags);
}

ssize_t __real_lwip_sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t room);
ssize_t __wrap_lwip_sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t room);
ssize_t __wrap_lwip_sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to,
                           socklen_t room) {
  FAIL_WITH(EWOULDBLOCK, ENOMEM, ENOBUFS, EHOSTUNREACH, EMSGSIZE);
  return __real_lwip_sendto(fd, data, size, flags, to, room);
}

int __real_lwip_shutdown(int fd, int how);
int __wrap_lwip_shutdown(int fd, int how);
int __wrap_lwip_shutdown(int fd, int how) {
  FAIL_WITH(ENOMEM, EWOULDBLOCK, ENOTCONN);
  return __real_lwip_shutdown(fd, how);
}

int __real_lwip_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
int __wrap_lwip_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
int __wrap_lwip_getsockopt(int fd, int level, int name, void *value, socklen_t *size) {
  FAIL_WITH(ENOMEM, ENOBUFS, EINVAL);
  return __real_lwip_getsockopt(fd, level, name, value, size);
}

int __real_lwip_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
int __wrap_lwip_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
int __wrap_lwip_setsockopt(int fd, int level, int name, const void *value, socklen_t size) {
  FAIL_WITH(ENOMEM, ENOBUFS, EINVAL, ENOPROTOOPT);
  return __real_lwip_setsockopt(fd, level, name, value, size);
}

int __real_lwip_getsockname(int fd, struct sockaddr *address, socklen_t *size);
int __wrap_lwip_getsockname(int fd, struct sockaddr *address, socklen_t *size);
int __wrap_lwip_getsockname(int fd, struct sockaddr *address, socklen_t *size) {
  FAIL_WITH(ENOMEM, ENOBUFS, ENOTCONN);
  return __real_lwip_getsockname(fd, address, size);
}

int __real_lwip_getpeername(int fd, struct sockaddr *address, socklen_t *size);
int __wrap_lwip_getpeername(int fd, struct sockaddr *address, socklen_t *size);
int __wrap_lwip_getpeername(int fd, struct sockaddr *address, socklen_t *size) {
  FAIL_WITH(ENOMEM, ENOBUFS, ENOTCONN);
  return __real_lwip_getpeername(fd, address, size);
}

int __real_lwip_select(int count, fd_set *read, fd_set *write, fd_set *failed, struct timeval *time);
int __wrap_lwip_select(int count, fd_set *read, fd_set *write, fd_set *failed, struct timeval *time);
int __wrap_lwip_select(int count, fd_set *read, fd_set *write, fd_set *failed, struct timeval *time) {
  waits++;
  FAIL_WITH(ENOMEM, EBUSY);
  return __real_lwip_select(count, read, write, failed, time);
}

/* No memory, or no place in lwIP's mailbox, for what another thread asks of lwIP's. */
esp_err_t __real_esp_netif_tcpip_exec(esp_netif_callback_fn fn, void *ctx);
esp_err_t __wrap_esp_netif_tcpip_exec(esp_netif_callback_fn fn, void *ctx);
esp_err_t __wrap_esp_netif_tcpip_exec(esp_netif_callback_fn fn, void *ctx) {
  static const int numbers[] = {ESP_FAIL, ESP_ERR_NO_MEM};
  int error = pick(numbers, 2);
  return error != 0 ? error : __real_esp_netif_tcpip_exec(fn, ctx);
}

err_t __real_tcpip_callbackmsg_trycallback(struct tcpip_callback_msg *message);
err_t __wrap_tcpip_callbackmsg_trycallback(struct tcpip_callback_msg *message);
err_t __wrap_tcpip_callbackmsg_trycallback(struct tcpip_callback_msg *message) {
  static const int numbers[] = {ERR_MEM};
  int error = pick(numbers, 1);
  return error != 0 ? (err_t)error : __real_tcpip_callbackmsg_trycallback(message);
}

void *__real_heap_caps_realloc(void *memory, size_t size, uint32_t caps);
void *__wrap_heap_caps_realloc(void *memory, size_t size, uint32_t caps);
void *__wrap_heap_caps_realloc(void *memory, size_t size, uint32_t caps) {
  static const int numbers[] = {ENOMEM};
  return pick(numbers, 1) != 0 ? NULL : __real_heap_caps_realloc(memory, size, caps);
}

/* ---- The echo of streams ---- */

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
  int limit; /* chunks to be sent in each connection */
  bool connected;
  bool ended;
} client;

static client clients[CLIENTS];

static char byte_at(uint32_t place) { return (char)(place * 31 + place / 251); }

/* No more than fits into the window at a time: when both windows of a connection are closed, lwIP 2.1.3 answers each
 * acknowledgement by another one, and over its loopback never does anything else again. */
static void send_more(client *it) {
  char data[CHUNK];
  for (; it->chunks < it->limit && it->sent - it->received < UNDER_WAY; it->chunks++) {
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
  it->connected = true;
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
  uint32_t same = 0;
  while (same < e->size && e->data[same] == byte_at(it->received + same))
    same++;
  CHECK(same == e->size);
  it->received += e->size;
  CHECK(it->received <= it->sent);
  send_more(it);
}
static void on_error(const NetError *e, void *ctx) {
  (void)ctx;
  CHECK(e->code < 0 && strncmp(tw_error_name(e->code), "ERR_", 4) == 0);
}
static void on_disconnected(const NetDisconnected *e, void *ctx) {
  client *it = ctx;
  it->connected = false;
  it->ended = e->retry_ms < 0;
}
static void echo(const NetData *e, void *ctx) {
  (void)ctx;
  if (tw_net_send(e->sock, e->data, e->size) < 0)
    tw_net_close(e->sock); /* to lose bytes would be worse */
}
static void leave(const NetDisconnected *e, void *ctx) {
  (void)ctx;
  tw_net_close(e->sock);
}
static void on_accepted(const NetAccepted *e, void *ctx) {
  (void)ctx;
  tw_net_on(e->sock, echo, NULL);
  tw_net_on(e->sock, on_error, NULL);
  tw_net_on(e->sock, leave, NULL);
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

static void open_clients(int32_t port) {
  memset(clients, 0, sizeof clients);
  for (int i = 0; i < CLIENTS; i++) {
    client *it = &clients[i];
    it->limit = CHUNKS;
    it->sock = tw_net_tcp_connect(ADDRESS, port);
    if (it->sock < 0) {
      CHECK(tw_last_error() < 0);
      continue;
    }
    CHECK(tw_net_on(it->sock, on_connected, it) == 0 && tw_net_on(it->sock, on_drain, it) == 0);
    CHECK(tw_net_on(it->sock, on_data, it) == 0 && tw_net_on(it->sock, on_error, it) == 0);
    CHECK(tw_net_on(it->sock, on_disconnected, it) == 0);
    if (i % 2 == 0) {
      tw_net_set_auto_reconnect(it->sock, true);
      tw_net_set_reconnect_delays_ms(it->sock, (uint32_t[]){5}, 1);
    }
  }
}

/* ---- The echo of messages: each is its number, and sent when the one before has come back ---- */

typedef struct talker {
  int32_t conn;
  uint32_t number; /* of the message that is under way */
  bool owed;       /* it was refused, and waits for "drain" */
  bool connected;
} talker;

static talker talkers[WEBSOCKETS];

static void say(talker *it) {
  char text[400];
  int size = snprintf(text, sizeof text, "%-*u", (int)(10 + it->number % 300), (unsigned)it->number);
  it->owed = tw_ws_send_text(it->conn, text, (size_t)size) < 0;
}

static void on_ws_connected(const WsConnected *e, void *ctx) {
  (void)e;
  talker *it = ctx;
  it->connected = true;
  it->number = 0;
  say(it);
}
static void on_ws_drain(const WsDrain *e, void *ctx) {
  (void)e;
  talker *it = ctx;
  if (it->owed)
    say(it);
}
static void on_ws_message(const WsMessage *e, void *ctx) {
  talker *it = ctx;
  if (e->first) /* without memory to join it, it comes in parts */
    CHECK(strtoul(e->message, NULL, 10) == it->number || !e->final);
  if (!e->final)
    return;
  it->number++;
  say(it);
}
static void on_ws_error(const WsError *e, void *ctx) {
  (void)ctx;
  CHECK(e->code < 0 && strncmp(tw_error_name(e->code), "ERR_", 4) == 0);
}
static void on_ws_disconnected(const WsDisconnected *e, void *ctx) {
  (void)e;
  ((talker *)ctx)->connected = false;
}
static void answer(const WsMessage *e, void *ctx) {
  (void)ctx;
  if (!e->first || !e->final || tw_ws_send_text(e->conn, e->message, e->size) < 0)
    tw_ws_abort(e->conn);
}

static void open_talkers(int32_t port) {
  char url[64];
  snprintf(url, sizeof url, "ws://" ADDRESS ":%d/", (int)port);
  memset(talkers, 0, sizeof talkers);
  for (int i = 0; i < WEBSOCKETS; i++) {
    talker *it = &talkers[i];
    it->conn = tw_ws_open(url);
    if (it->conn < 0)
      continue;
    CHECK(tw_ws_on(it->conn, on_ws_connected, it) == 0 && tw_ws_on(it->conn, on_ws_drain, it) == 0);
    CHECK(tw_ws_on(it->conn, on_ws_message, it) == 0 && tw_ws_on(it->conn, on_ws_error, it) == 0);
    CHECK(tw_ws_on(it->conn, on_ws_disconnected, it) == 0);
    tw_ws_set_auto_reconnect(it->conn, true);
    tw_ws_set_reconnect_delays_ms(it->conn, (uint32_t[]){5}, 1);
  }
}

/* ---- Another task, which posts ---- */

static atomic_bool posting;
static atomic_uint posted, ran;

static void count_one(void *ctx) { (void)ctx, ran++; }

static void *keep_posting(void *unused) {
  (void)unused;
  while (posting) {
    esp_err_t result = tw_esp_post(count_one, NULL);
    posted += result == ESP_OK;
    CHECK(result == ESP_OK || result == ESP_ERR_TIMEOUT);
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  return NULL;
}

/* ---- The run of one seed ---- */

static int32_t port_of(int32_t sock) {
  char address[TW_MAX_ADDRESS + 1];
  CHECK(tw_net_local_addr(sock, address, sizeof address) > 0);
  return (int32_t)strtol(strrchr(address, ':') + 1, NULL, 10);
}

/* Whether those who reconnect are connected, and all that they had sent came back. */
static bool is_calm(void) {
  for (int i = 0; i < CLIENTS; i += 2)
    if (clients[i].sock > 0 && !clients[i].ended &&
        (!clients[i].connected || clients[i].chunks < clients[i].limit || clients[i].received < clients[i].sent))
      return false;
  for (int i = 0; i < WEBSOCKETS; i++)
    if (talkers[i].conn > 0 && (!talkers[i].connected || talkers[i].number < 5))
      return false;
  return ran == posted;
}

static void run_with_faults(uint32_t seed, int32_t udp, int32_t port, int32_t ws_port) {
  int32_t udp_port = port_of(udp);
  faults.one_in = 4 + seed % 40;
  open_clients(port);
  open_talkers(ws_port);
  double end = milliseconds() + RUN_MS;
  for (int round = 0; milliseconds() < end; round++) {
    tw_poll(20);
    tw_net_udp_send_to(udp, ADDRESS, udp_port, "x", 1);
    client *it = &clients[round % CLIENTS];
    if (round % 97 == 50 && it->sock > 0) {
      tw_net_close(it->sock);
      it->ended = true;
    }
  }
  faults.one_in = 0;
  CHECK(faults.injected > 0);
}

static void run_seed(uint32_t seed) {
  tw_esp_options options;
  tw_esp_defaults(&options);
  options.limits.closeTimeoutMs = 300;
  options.limits.connectTimeoutMs = 1000;
  options.handles.listeners = 200;
  options.limits.sendBuffer = 32768; /* the echo has to take what comes */
  options.limits.sendPool = 1 << 20;
  faults = (fault_schedule){.state = seed * 2654435761u | 1};
  CHECK(tw_esp_begin(&options) == ESP_OK);
  posting = true;
  posted = ran = 0;
  pthread_t poster;
  CHECK(pthread_create(&poster, NULL, keep_posting, NULL) == 0);
  int32_t listener = tw_net_tcp_listen("", 0);
  CHECK(tw_net_on(listener, on_accepted, NULL) == 0 && tw_net_on(listener, on_error, NULL) == 0);
  int32_t udp = tw_net_udp_open(0);
  CHECK(tw_net_on(udp, ignore, NULL) == 0 && tw_net_on(udp, on_error, NULL) == 0);
  int32_t server = tw_ws_listen("", 0, NULL);
  CHECK(tw_ws_on(server, answer, NULL) == 0);
  for (int i = 0; i < 3; i++)
    tw_poll(1);
  run_with_faults(seed, udp, port_of(listener), port_of(server));
  posting = false;
  pthread_join(poster, NULL);
  double end = milliseconds() + PATIENCE_MS;
  while (!is_calm() && milliseconds() < end)
    tw_poll(20);
  CHECK(is_calm());
  for (int i = 0; i < WEBSOCKETS; i++) /* they never fall silent */
    tw_ws_close(talkers[i].conn);
  for (int i = 0; i < 20; i++)
    tw_poll(5);
  waits = 0;
  for (int i = 0; i < 3; i++)
    tw_poll(10);
  CHECK(waits <= 30); /* nothing is left that would make it spin */
  tw_esp_stop();
  end = milliseconds() + PATIENCE_MS;
  while (tw_poll(20) >= 0 && milliseconds() < end)
    ;
  CHECK(!tw_esp_running() && sockets == 0 && stub_heap_blocks() == 0);
}

/* ---- The network: an interface that reaches only itself ---- */

static err_t send_nowhere(struct netif *unused, struct pbuf *packet, const ip4_addr_t *to) {
  (void)unused, (void)packet, (void)to;
  return ERR_OK;
}

static err_t init_netif(struct netif *it) {
  it->name[0] = 'n';
  it->name[1] = 'o';
  it->output = send_nowhere;
  it->mtu = 1500;
  it->flags = NETIF_FLAG_LINK_UP;
  return ERR_OK;
}

int main(int argc, char **argv) {
  static struct netif netif;
  uint32_t first = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1;
  uint32_t count = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 12;
  unsigned failed = 0;
  setvbuf(stdout, NULL, _IOLBF, 0);
  esp_event_loop_create_default();
  tcpip_init(NULL, NULL);
  netifapi_netif_add(&netif, NULL, NULL, NULL, NULL, init_netif, tcpip_input);
  netifapi_netif_set_default(&netif);
  stub_use_netif(&netif);
  stub_network(true, ADDRESS);
  for (uint32_t seed = first; seed < first + count; seed++) {
    wrong = 0;
    run_seed(seed);
    if (wrong > 0)
      printf("seed %u failed: faults %u 1\n", (unsigned)seed, (unsigned)seed);
    failed += wrong > 0;
  }
  printf("%u passed, %u failed\n", (unsigned)count - failed, failed);
  return failed == 0 ? 0 : 1;
}
