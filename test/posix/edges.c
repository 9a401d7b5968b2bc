/* edges: what the system does at the worst moment. Some of its calls are this program's own, and fail when they are
 * asked to. Ends with "N passed, M failed". */
#undef _GNU_SOURCE /* whose declarations of accept and connect are no C11 */
#define _DEFAULT_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop.h"

/* ---- The system's calls ---- */

static int accept_fails_with; /* 0: it does not */
static unsigned accepts;
static int connect_fails_with;

int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags) {
  accepts++;
  if (accept_fails_with == 0)
    return (int)syscall(SYS_accept4, fd, address, size, flags);
  errno = accept_fails_with;
  return -1;
}

int connect(int fd, const struct sockaddr *address, socklen_t size) {
  if (connect_fails_with == 0)
    return (int)syscall(SYS_connect, fd, address, size);
  errno = connect_fails_with;
  return -1;
}

/* ---- Events ---- */

static int errors, opened, ended, datagrams;
static int32_t code, retry_ms, last_opened;
static bool last_clean;
static double ended_at;

static void on_error(const NetError *e, void *ctx) {
  (void)ctx;
  errors++;
  code = e->code;
  retry_ms = e->retry_ms;
}
static void on_disconnected(const NetDisconnected *e, void *ctx) {
  (void)ctx;
  ended++;
  last_clean = e->clean;
  ended_at = milliseconds();
}
static void on_accepted(const NetAccepted *e, void *ctx) {
  (void)ctx;
  opened++;
  last_opened = e->sock;
  tw_net_on(e->sock, "disconnected", on_disconnected, NULL);
}
static void on_datagram(const NetDatagram *e, void *ctx) {
  (void)e;
  (void)ctx;
  datagrams++;
}

static int32_t listen_here(void) {
  errors = opened = ended = 0;
  code = 0;
  int32_t listener = tw_net_tcp_listen("127.0.0.1", 0);
  CHECK(tw_net_on(listener, "accepted", on_accepted, NULL) == 0 && tw_net_on(listener, "error", on_error, NULL) == 0);
  run_for(30);
  return listener;
}

static int dial(int32_t port, int flags) {
  struct sockaddr_in at = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
  CHECK(syscall(SYS_connect, fd, &at, sizeof at) == 0 || errno == EINPROGRESS);
  return fd;
}

/* ---- Tests ---- */

/* Accepting pauses, says so once, and goes on by itself. */
static void test_accept_errors(void) {
  static const int numbers[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM, ENETDOWN, EPROTO, EINVAL, EPERM};
  CHECK(tw_posix_start(NULL) == 0);
  int32_t listener = listen_here();
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    errors = opened = 0;
    accepts = 0;
    accept_fails_with = numbers[i];
    int fd = dial(port_of(listener), SOCK_NONBLOCK);
    double end = milliseconds() + 150;
    int iterations = 0;
    for (; milliseconds() < end; iterations++)
      tw_poll(50);
    CHECK(iterations < 100 && accepts < 1000);
    CHECK(errors == 1 && opened == 0 && retry_ms > 0);
    CHECK(code == (numbers[i] == EMFILE || numbers[i] == ENFILE ? TW_ERR_DESCRIPTORS : code));
    CHECK(tw_net_state(listener) == TW_STATE_OPEN);
    accept_fails_with = 0;
    for (end = milliseconds() + 20000; opened == 0 && milliseconds() < end;)
      tw_poll(50);
    CHECK(opened == 1);
    close(fd);
  }
  CHECK(tw_net_close(listener) == 0);
  run_for(20);
  tw_posix_stop();
}

/* A listener that is closed while it pauses leaves nothing behind. */
static void test_close_while_paused(void) {
  CHECK(tw_posix_start(NULL) == 0);
  int32_t listener = listen_here();
  accept_fails_with = EMFILE;
  int fd = dial(port_of(listener), SOCK_NONBLOCK);
  run_for(30);
  CHECK(errors == 1 && tw_net_close(listener) == 0);
  accept_fails_with = 0;
  run_for(60);
  CHECK(opened == 0);
  close(fd);
  tw_posix_stop();
}

static struct {
  int32_t port;
  atomic_bool stop;
  atomic_bool dead;
  double died_at;
} flood;

static void *send_without_end(void *unused) {
  static char bytes[65536];
  (void)unused;
  int fd = dial(flood.port, 0);
  while (!atomic_load(&flood.stop) && send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) > 0)
    ;
  flood.died_at = milliseconds();
  atomic_store(&flood.dead, true);
  close(fd);
  return NULL;
}

/* A peer that never stops sending is given up closeTimeoutMs after the close. */
static void test_flood_after_close(void) {
  tw_limits limits = TW_LIMITS_HOST;
  limits.closeTimeoutMs = 300;
  CHECK(tw_posix_start(&(tw_posix_options){.limits = &limits}) == 0);
  int32_t listener = listen_here();
  flood.port = port_of(listener);
  atomic_store(&flood.stop, false);
  atomic_store(&flood.dead, false);
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, send_without_end, NULL) == 0);
  while (opened == 0)
    tw_poll(10);
  run_for(20);
  double closed_at = milliseconds();
  CHECK(tw_net_close(last_opened) == 0);
  for (double end = milliseconds() + 20000; !(ended == 1 && atomic_load(&flood.dead)) && milliseconds() < end;)
    tw_poll(10);
  CHECK(atomic_load(&flood.dead));
  atomic_store(&flood.stop, true);
  pthread_join(thread, NULL);
  CHECK(flood.died_at - closed_at > 100);
  CHECK(ended == 1);
  tw_posix_stop();
}

/* The resolver's threads leave the process's signals alone. */
static void test_signals(void) {
  pid_t child = fork();
  if (child == 0) {
    sigset_t signals;
    if (tw_posix_start(NULL) < 0)
      _exit(9);
    tw_net_tcp_connect("localhost", 9);
    run_for(100);
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    kill(getpid(), SIGUSR1);
    run_for(30);
    sigpending(&signals);
    _exit(sigismember(&signals, SIGUSR1) == 1 ? 0 : 1);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* A udp_connect that fails leaves the peer that was fixed before. */
static void test_udp_connect_fails(void) {
  CHECK(tw_posix_start(NULL) == 0);
  int32_t a = tw_net_udp_bind("127.0.0.1", 0), b = tw_net_udp_bind("127.0.0.1", 0);
  CHECK(tw_net_on(b, "datagram", on_datagram, NULL) == 0);
  CHECK(tw_net_udp_send(a, "x", 1) == -1);
  connect_fails_with = ENETUNREACH;
  CHECK(tw_net_udp_connect(a, "127.0.0.1", port_of(b)) == -1 && tw_last_error() == TW_ERR_UNREACHABLE);
  CHECK(tw_net_udp_send(a, "x", 1) == -1);
  connect_fails_with = 0;
  CHECK(tw_net_udp_connect(a, "127.0.0.1", port_of(b)) == 0 && tw_net_udp_connect(b, "127.0.0.1", port_of(a)) == 0);
  connect_fails_with = ENETUNREACH;
  CHECK(tw_net_udp_connect(b, "127.0.0.7", 9) == -1);
  connect_fails_with = 0;
  datagrams = 0;
  CHECK(tw_net_udp_send(a, "x", 1) == 1);
  run_for(50);
  CHECK(datagrams == 1);
  tw_posix_stop();
}

/* A UDP socket does not report what happened to the socket that had its place. */
static void test_udp_place(void) {
  tw_limits limits = TW_LIMITS_HOST;
  limits.sockets = 1;
  CHECK(tw_posix_start(&(tw_posix_options){.limits = &limits}) == 0);
  for (int i = 0; i < 3; i++) {
    errors = 0;
    connect_fails_with = ECONNREFUSED;
    int32_t tcp = tw_net_tcp_connect("127.0.0.1", 9); /* fails in the next iteration */
    connect_fails_with = 0;
    CHECK(tcp > 0 && tw_net_close(tcp) == 0);
    int32_t udp = tw_net_udp_open(0);
    CHECK(udp > 0 && tw_net_on(udp, "error", on_error, NULL) == 0);
    run_for(30);
    CHECK(errors == 0);
    CHECK(tw_net_close(udp) == 0);
    run_for(10);
  }
  tw_posix_stop();
}

int main(void) {
  RUN(test_accept_errors);
  RUN(test_close_while_paused);
  RUN(test_flood_after_close);
  RUN(test_signals);
  RUN(test_udp_connect_fails);
  RUN(test_udp_place);
  return check_end();
}
