/* calls: connections with calls that wait (conn.h), against peers that use the system's sockets alone. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "twinwire/tw_posix.h"

enum { SOON = 100, LONG = 20000, MIB = 1048576 };

/* ---- Peers --------------------------------------------------------------------------------------------------- */

/* A listening socket of the system's, and its address as text. */
static int system_listener(char *address, size_t capacity) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 64) < 0 ||
      getsockname(fd, (struct sockaddr *)&at, &size) < 0)
    abort();
  snprintf(address, capacity, "127.0.0.1:%d", ntohs(at.sin_port));
  return fd;
}

static void *echo(void *ctx) {
  int fd = accept(*(int *)ctx, NULL, NULL);
  char data[4096];
  for (ssize_t got = read(fd, data, sizeof data); got > 0; got = read(fd, data, sizeof data))
    if (write(fd, data, (size_t)got) != got)
      break;
  close(fd);
  return NULL;
}

/* A connection of ours and the system's socket at its other end. */
typedef struct pair {
  int32_t conn;
  int peer;
} pair;

static pair make_pair_with(const tw_dial_options *options) {
  char address[TW_MAX_ADDRESS + 1];
  int listener = system_listener(address, sizeof address);
  pair it = {tw_dial("tcp", address, options), -1};
  CHECK(it.conn > 0);
  it.peer = accept(listener, NULL, NULL);
  close(listener);
  return it;
}

static pair make_pair(void) { return make_pair_with(NULL); }

static void end_pair(pair it) {
  CHECK_IS(0, tw_conn_close(it.conn));
  close(it.peer);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool says(const char *text) {
  if (strstr(tw_last_error_message(), text) != NULL)
    return true;
  printf("message: %s\n", tw_last_error_message());
  return false;
}

/* ---- Connections --------------------------------------------------------------------------------------------- */

static void talks_to_an_echo_server(void) {
  char address[TW_MAX_ADDRESS + 1], text[TW_MAX_ADDRESS + 1], data[64];
  pthread_t thread;
  int listener = system_listener(address, sizeof address);
  pthread_create(&thread, NULL, echo, &listener);
  int32_t conn = tw_dial("tcp", address, NULL);
  CHECK(conn > 0);
  CHECK((size_t)tw_remote_addr(conn, text, sizeof text) == strlen(address) && strcmp(text, address) == 0);
  CHECK(tw_local_addr(conn, text, sizeof text) > 0 && strncmp(text, "127.0.0.1:", 10) == 0);
  CHECK_IS(0, tw_is_tls(conn));
  CHECK_IS(0, tw_write_all(conn, "hello", 5));
  CHECK_IS(5, tw_read_exact(conn, data, 5));
  CHECK(memcmp(data, "hello", 5) == 0);
  CHECK_IS(3, tw_write(conn, "abc", 3));
  CHECK_IS(3, tw_read_exact(conn, data, 3));
  CHECK_IS(0, tw_write_all(conn, NULL, 0));
  CHECK_IS(0, tw_close_write(conn));
  CHECK_IS(0, tw_read(conn, data, sizeof data));
  CHECK_IS(0, tw_read(conn, data, sizeof data));
  CHECK_IS(TW_ERR_STATE, tw_write_all(conn, "x", 1));
  CHECK(says("tw_close_write"));
  CHECK_IS(0, tw_conn_close(conn));
  CHECK_IS(TW_ERR_HANDLE, tw_conn_close(conn));
  CHECK_IS(TW_ERR_HANDLE, tw_read(conn, data, sizeof data));
  pthread_join(thread, NULL);
  close(listener);
}

static void reads_what_there_is(void) {
  pair it = make_pair();
  char data[16];
  CHECK(write(it.peer, "0123456789", 10) == 10);
  CHECK_IS(4, tw_read(it.conn, data, 4));
  CHECK_IS(6, tw_read(it.conn, data, sizeof data));
  CHECK(memcmp(data, "456789", 6) == 0);
  end_pair(it);
}

static void exact_reads_consume_nothing_if_they_fail(void) {
  pair it = make_pair();
  char data[16];
  CHECK_IS(0, tw_set_read_timeout(it.conn, SOON));
  CHECK(write(it.peer, "abc", 3) == 3);
  CHECK_IS(TW_ERR_DEADLINE, tw_read_exact(it.conn, data, 5));
  CHECK_IS(0, tw_set_read_timeout(it.conn, LONG));
  CHECK(shutdown(it.peer, SHUT_WR) == 0);
  CHECK_IS(TW_ERR_UNEXPECTED_EOF, tw_read_exact(it.conn, data, 5));
  CHECK_IS(3, tw_read(it.conn, data, sizeof data));
  CHECK_IS(0, tw_read(it.conn, data, sizeof data));
  CHECK_IS(TW_ERR_UNEXPECTED_EOF, tw_read_exact(it.conn, data, 1));
  end_pair(it);
}

static void *send_much(void *ctx) {
  int fd = *(int *)ctx;
  static char data[MIB];
  for (size_t i = 0; i < sizeof data; i++)
    data[i] = (char)(i * 7 + i / 256);
  for (size_t at = 0; at < sizeof data;) {
    ssize_t sent = write(fd, data + at, sizeof data - at);
    if (sent <= 0)
      break;
    at += (size_t)sent;
  }
  return NULL;
}

static void exact_reads_may_exceed_the_window(void) {
  pair it = make_pair_with(&(tw_dial_options){.window = 1000});
  static char data[MIB];
  pthread_t thread;
  pthread_create(&thread, NULL, send_much, &it.peer);
  CHECK_IS(0, tw_set_read_deadline(it.conn, LONG));
  CHECK_IS(MIB, tw_read_exact(it.conn, data, sizeof data));
  bool same = true;
  for (size_t i = 0; i < sizeof data; i++)
    same = same && data[i] == (char)(i * 7 + i / 256);
  CHECK(same);
  pthread_join(thread, NULL);
  end_pair(it);
}

/* A peer that does not read stops the writer at its deadline; when it reads, everything is there in order. */
static void writes_wait_for_the_system(void) {
  pair it = make_pair();
  static char data[64 * MIB];
  memset(data, 'w', sizeof data);
  CHECK_IS(0, tw_set_write_timeout(it.conn, 300));
  int32_t first = tw_write(it.conn, data, sizeof data);
  CHECK(first > 0 && first < (int32_t)sizeof data);
  int64_t total = first;
  int32_t more = 1;
  for (int i = 0; i < 200 && more > 0; i++) {
    more = tw_write(it.conn, data, 32 * MIB);
    total += more > 0 ? more : 0;
  }
  CHECK_IS(TW_ERR_DEADLINE, more);
  CHECK_IS(TW_ERR_DEADLINE, tw_write_all(it.conn, data, sizeof data));
  CHECK_IS(0, tw_set_nonblocking(it.conn, true));
  CHECK_IS(TW_ERR_WOULD_BLOCK, tw_write_all(it.conn, data, MIB));
  CHECK_IS(0, tw_set_nonblocking(it.conn, false));
  CHECK_IS(0, tw_conn_close(it.conn));
  int64_t got = 0;
  for (ssize_t size = 1; size > 0; got += size)
    size = read(it.peer, data, sizeof data);
  CHECK(got >= total);
  close(it.peer);
}

static void *read_all(void *ctx) {
  char data[4096];
  int64_t *total = ctx;
  int fd = (int)*total;
  *total = 0;
  for (ssize_t got = 1; got > 0; *total += got)
    got = read(fd, data, sizeof data);
  return NULL;
}

static void large_writes_arrive_whole(void) {
  pair it = make_pair();
  static char data[16 * MIB];
  int64_t total = it.peer;
  pthread_t thread;
  pthread_create(&thread, NULL, read_all, &total);
  CHECK_IS(0, tw_set_write_timeout(it.conn, LONG));
  CHECK_IS(0, tw_write_all(it.conn, data, sizeof data));
  CHECK_IS(0, tw_conn_close(it.conn));
  pthread_join(thread, NULL);
  CHECK(total == (int64_t)sizeof data);
  close(it.peer);
}

static void a_reset_is_an_error_behind_the_data(void) {
  pair it = make_pair();
  char data[16];
  struct linger hard = {1, 0};
  CHECK(write(it.peer, "last", 4) == 4);
  CHECK_IS(4, tw_read(it.conn, data, sizeof data));
  setsockopt(it.peer, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close(it.peer);
  CHECK_IS(0, tw_set_deadline(it.conn, LONG));
  CHECK_IS(TW_ERR_RESET, tw_read(it.conn, data, sizeof data));
  CHECK(says("ERR_RESET: tw_read 127.0.0.1:"));
  CHECK_IS(TW_ERR_RESET, tw_write_all(it.conn, "x", 1));
  CHECK_IS(TW_ERR_STATE, tw_remote_addr(it.conn, data, sizeof data));
  CHECK_IS(0, tw_conn_close(it.conn));
}

/* ---- Opening ------------------------------------------------------------------------------------------------- */

static void failures_of_opening_have_codes(void) {
  char address[TW_MAX_ADDRESS + 1];
  int fd = system_listener(address, sizeof address);
  close(fd);
  CHECK_IS(TW_ERR_REFUSED, tw_dial("tcp", address, NULL));
  CHECK(says("ERR_REFUSED: tw_dial 127.0.0.1:") && says("; check that a server listens"));
  CHECK_IS(TW_ERR_REFUSED, tw_last_error());
  CHECK_IS(TW_ERR_ARGUMENT, tw_dial(NULL, address, NULL));
  CHECK_IS(TW_ERR_ARGUMENT, tw_dial("sctp", address, NULL));
  CHECK(says("\"tcp\", \"tls\", \"unix\" or \"udp\""));
  CHECK_IS(TW_ERR_ARGUMENT, tw_dial("tcp", NULL, NULL));
  CHECK_IS(TW_ERR_ARGUMENT, tw_dial("tcp", "", NULL));
  CHECK_IS(TW_ERR_ARGUMENT, tw_dial("tcp", "localhost", NULL));
  CHECK_IS(TW_ERR_ARGUMENT, tw_dial("tcp", "localhost:", NULL));
  CHECK_IS(TW_ERR_ARGUMENT, tw_dial("tcp", ":80", NULL));
  CHECK_IS(TW_ERR_ARGUMENT, tw_dial("tcp", "::1:80", NULL));
  CHECK_IS(TW_ERR_PORT, tw_dial("tcp", "localhost:0", NULL));
  CHECK_IS(TW_ERR_PORT, tw_dial("tcp", "localhost:65536", NULL));
  CHECK_IS(TW_ERR_PORT, tw_dial("tcp", "localhost:http", NULL));
  CHECK_IS(TW_ERR_PORT, tw_dial("tcp", "localhost:99999999999999999999", NULL));
  CHECK_IS(TW_ERR_NAME_NOT_FOUND,
           tw_dial("tcp", "no-such-host.invalid:80", &(tw_dial_options){.timeout_ms = LONG}) == TW_ERR_NAME_FAILED
               ? TW_ERR_NAME_NOT_FOUND
               : tw_last_error());
  CHECK_IS(TW_ERR_NOT_FOUND, tw_dial("unix", "/nonexistent/socket", NULL));
  CHECK_IS(TW_ERR_PATH, tw_dial("unix", "", NULL));
  char path[200];
  memset(path, 'p', sizeof path);
  path[sizeof path - 1] = 0;
  CHECK_IS(TW_ERR_PATH, tw_dial("unix", path, NULL));
  CHECK_IS(TW_ERR_ARGUMENT, tw_dial("tcp", address, &(tw_dial_options){.window = 0x40000001}));
  CHECK_IS(TW_ERR_ARGUMENT, tw_dial("tcp", address, &(tw_dial_options){.timeout_ms = 86400001}));
  CHECK_IS(TW_ERR_ARGUMENT, tw_dial("unix", "/tmp/x", &(tw_dial_options){.proxy = "http://127.0.0.1:1"}));
  static const char *const proxies[] = {"127.0.0.1:1",           "https://127.0.0.1:1",     "http://",
                                        "http://a:b@",           "http://127.0.0.1:1/path", "http://%zz@127.0.0.1:1",
                                        "http://%4@127.0.0.1:1", "http://127.0.0.1:99999",  "http://%00:x@127.0.0.1:1"};
  for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++)
    CHECK_IS(TW_ERR_ARGUMENT, tw_dial("tcp", address, &(tw_dial_options){.proxy = proxies[i]}));
  CHECK_IS(TW_ERR_REFUSED,
           tw_dial("tcp", address, &(tw_dial_options){.proxy = "http://u%40:p@[::1]:1"}) == TW_ERR_UNREACHABLE
               ? TW_ERR_REFUSED
               : tw_last_error());
  CHECK_IS(TW_ERR_ARGUMENT, tw_dial("tcp", address, &(tw_dial_options){.keep_alive = {.idle_s = 1}}));
  CHECK_IS(TW_ERR_POLICY, tw_dial("tcp", address, &(tw_dial_options){.policy = "-private"}));
  CHECK_IS(TW_ERR_POLICY, tw_dial("tcp", "localhost:9", &(tw_dial_options){.policy = "-private"}));
  CHECK_IS(TW_ERR_REFUSED, tw_dial("tcp", address, &(tw_dial_options){.policy = "-private,+127.0.0.0/8"}));
  CHECK_IS(TW_ERR_ARGUMENT, tw_dial("tcp", address, &(tw_dial_options){.policy = "private"}));
  CHECK_IS(TW_ERR_ARGUMENT, tw_dial("unix", "/tmp/x", &(tw_dial_options){.policy = "-private"}));
  CHECK_IS(TW_ERR_ARGUMENT, tw_dial("udp", address, &(tw_dial_options){.policy = "-private"}));
  static const tw_tls_options tls = {.accept_any = true};
  CHECK_IS(TW_ERR_ARGUMENT, tw_dial("tcp", address, &(tw_dial_options){.tls = &tls}));
  CHECK_IS(TW_ERR_ARGUMENT, tw_listen("udp", address, NULL));
  CHECK_IS(TW_ERR_ARGUMENT, tw_listen("tcp", NULL, NULL));
  CHECK_IS(TW_ERR_ARGUMENT, tw_listen("tls", address, NULL));
  CHECK_IS(TW_ERR_ARGUMENT, tw_listen("tls", address, &(tw_listen_options){.tls = &tls}));
  CHECK_IS(TW_ERR_ARGUMENT, tw_listen("tcp", address, &(tw_listen_options){.tls = &tls}));
  CHECK_IS(TW_ERR_ARGUMENT, tw_listen("tcp", address, &(tw_listen_options){.backlog = 65536}));
  CHECK_IS(TW_ERR_ARGUMENT, tw_listen("tcp", address, &(tw_listen_options){.handlers = 16385}));
  CHECK_IS(TW_ERR_ARGUMENT, tw_listen("tcp", "nowhere", NULL));
  CHECK_IS(TW_ERR_ARGUMENT, tw_listen("tcp", "127.0.0.1:0", &(tw_listen_options){.keep_alive = {.idle_s = 1}}));
  CHECK_IS(TW_ERR_ADDRESS, tw_udp_bind("localhost:0"));
  CHECK_IS(TW_ERR_ARGUMENT, tw_udp_bind(NULL));
  CHECK_IS(TW_ERR_ARGUMENT, tw_udp_bind("127.0.0.1"));
}

/* A listener whose queue is full does not answer: the attempt ends at its timeout. */
static void dialling_ends_at_its_timeout(void) {
  char address[TW_MAX_ADDRESS + 1];
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  int listener = socket(AF_INET, SOCK_STREAM, 0), fillers[8];
  CHECK(bind(listener, (struct sockaddr *)&at, sizeof at) == 0 && listen(listener, 0) == 0);
  CHECK(getsockname(listener, (struct sockaddr *)&at, &size) == 0);
  for (int i = 0; i < 8; i++) {
    fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int result = connect(fillers[i], (struct sockaddr *)&at, sizeof at);
    CHECK(result == 0 || errno == EINPROGRESS);
  }
  snprintf(address, sizeof address, "127.0.0.1:%d", ntohs(at.sin_port));
  double begin = seconds();
  CHECK_IS(TW_ERR_TIMEOUT, tw_dial("tcp", address, &(tw_dial_options){.timeout_ms = 300}));
  CHECK(seconds() - begin < 8);
  for (int i = 0; i < 8; i++)
    close(fillers[i]);
  close(listener);
}

static void unix_sockets_work_as_tcp(void) {
  char path[64], text[TW_MAX_PATH + 1], data[8];
  snprintf(path, sizeof path, "/tmp/tw-calls-%d.sock", (int)getpid());
  int32_t listener = tw_listen("unix", path, NULL);
  CHECK(listener > 0);
  CHECK((size_t)tw_listener_addr(listener, text, sizeof text) == strlen(path));
  CHECK_IS(TW_ERR_IN_USE, tw_listen("unix", path, NULL));
  int32_t client = tw_dial("unix", path, NULL);
  int32_t server = tw_accept(listener);
  CHECK(client > 0 && server > 0);
  CHECK_IS(0, tw_write_all(client, "ping", 4));
  CHECK_IS(4, tw_read_exact(server, data, 4));
  CHECK_IS(0, tw_conn_close(client));
  CHECK_IS(0, tw_read(server, data, sizeof data));
  CHECK_IS(0, tw_conn_close(server));
  CHECK_IS(0, tw_listener_close(listener));
  CHECK(access(path, F_OK) != 0);
}

/* ---- Listening ----------------------------------------------------------------------------------------------- */

static void *dial_once(void *ctx) {
  char data[16];
  int32_t conn = tw_dial("tcp", ctx, NULL);
  CHECK(conn > 0);
  CHECK_IS(2, tw_read_exact(conn, data, 2));
  CHECK_IS(0, tw_conn_close(conn));
  return NULL;
}

static void *accept_once(void *ctx) {
  int32_t conn = tw_accept(*(int32_t *)ctx);
  CHECK(conn > 0);
  CHECK_IS(0, tw_write_all(conn, "hi", 2));
  CHECK_IS(0, tw_conn_close(conn));
  return NULL;
}

static void many_threads_may_accept(void) {
  enum { THREADS = 8 };
  char address[TW_MAX_ADDRESS + 1];
  pthread_t acceptors[THREADS], dialers[THREADS];
  int32_t listener = tw_listen("tcp", "127.0.0.1:0", NULL);
  CHECK(tw_listener_addr(listener, address, sizeof address) > 0);
  CHECK_IS(0, tw_set_deadline(listener, LONG));
  for (int i = 0; i < THREADS; i++)
    pthread_create(&acceptors[i], NULL, accept_once, &listener);
  for (int i = 0; i < THREADS; i++)
    pthread_create(&dialers[i], NULL, dial_once, address);
  for (int i = 0; i < THREADS; i++)
    pthread_join(acceptors[i], NULL), pthread_join(dialers[i], NULL);
  CHECK_IS(TW_ERR_IN_USE, tw_listen("tcp", address, NULL));
  CHECK_IS(TW_ERR_HANDLE, tw_conn_close(listener));
  CHECK_IS(TW_ERR_HANDLE, tw_read(listener, address, sizeof address));
  CHECK_IS(0, tw_set_nonblocking(listener, true));
  CHECK_IS(0, tw_set_deadline(listener, 0));
  CHECK_IS(TW_ERR_WOULD_BLOCK, tw_accept(listener));
  CHECK_IS(0, tw_set_nonblocking(listener, false));
  CHECK_IS(0, tw_set_read_timeout(listener, SOON));
  CHECK_IS(TW_ERR_DEADLINE, tw_accept(listener));
  CHECK_IS(0, tw_listener_close(listener));
  CHECK_IS(TW_ERR_HANDLE, tw_accept(listener));
}

static void beyond_the_backlog_connections_are_closed(void) {
  char address[TW_MAX_ADDRESS + 1], data[4];
  int32_t conns[3];
  int32_t listener = tw_listen("tcp", "127.0.0.1:0", &(tw_listen_options){.backlog = 2});
  tw_listener_addr(listener, address, sizeof address);
  for (int i = 0; i < 3; i++) {
    conns[i] = tw_dial("tcp", address, NULL);
    tw_set_deadline(conns[i], LONG);
  }
  /* The third is closed at once, before or after its attempt has seen that it is open. */
  CHECK(conns[2] == TW_ERR_RESET || conns[2] == TW_ERR_ENDED || tw_read(conns[2], data, sizeof data) <= 0);
  int32_t first = tw_accept(listener);
  CHECK(first > 0);
  CHECK_IS(0, tw_conn_close(first));
  CHECK_IS(0, tw_listener_close(listener)); /* the second one is closed with it */
  CHECK(tw_read(conns[1], data, sizeof data) <= 0);
  for (int i = 0; i < 3; i++)
    CHECK_IS(conns[i] > 0 ? 0 : TW_ERR_HANDLE, tw_conn_close(conns[i]));
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int handled, running, most_running;

static void on_conn(int32_t conn, void *ctx) {
  char data[16];
  pthread_mutex_lock(&lock);
  running++;
  if (running > most_running)
    most_running = running;
  pthread_mutex_unlock(&lock);
  int32_t size = tw_read(conn, data, sizeof data);
  if (size > 0)
    tw_write_all(conn, ctx, 3);
  pthread_mutex_lock(&lock);
  running--;
  handled++;
  pthread_mutex_unlock(&lock);
}

/* Waits until so many handlers run, for 30 s at most: on a busy machine threads begin late. */
static bool await_running(int count) {
  const struct timespec step = {.tv_nsec = 5000000};
  bool there = false;
  for (int i = 0; i < 6000 && !there; i++) {
    nanosleep(&step, NULL);
    pthread_mutex_lock(&lock);
    there = running == count;
    pthread_mutex_unlock(&lock);
  }
  return there;
}

static void handlers_run_at_the_same_time_up_to_a_bound(void) {
  enum { CLIENTS = 6 };
  char address[TW_MAX_ADDRESS + 1], data[4];
  int32_t conns[CLIENTS];
  int32_t listener = tw_listen("tcp", "127.0.0.1:0", &(tw_listen_options){.handlers = 2});
  tw_listener_addr(listener, address, sizeof address);
  CHECK_IS(TW_ERR_ARGUMENT, tw_accept_each(listener, NULL, NULL));
  CHECK_IS(0, tw_accept_each(listener, on_conn, "yes"));
  CHECK_IS(TW_ERR_STATE, tw_accept_each(listener, on_conn, "yes"));
  CHECK_IS(TW_ERR_STATE, tw_accept(listener));
  for (int i = 0; i < CLIENTS; i++) {
    conns[i] = tw_dial("tcp", address, NULL);
    tw_set_deadline(conns[i], LONG);
  }
  CHECK(await_running(2)); /* each waits for what its client says */
  for (int i = 0; i < CLIENTS; i++)
    CHECK_IS(0, tw_write_all(conns[i], "go", 2));
  for (int i = 0; i < CLIENTS; i++) {
    CHECK_IS(3, tw_read_exact(conns[i], data, 3));
    CHECK_IS(0, tw_read(conns[i], data, sizeof data)); /* closed when the handler returned */
    CHECK_IS(0, tw_conn_close(conns[i]));
  }
  pthread_mutex_lock(&lock);
  CHECK(handled == CLIENTS && most_running == 2);
  pthread_mutex_unlock(&lock);
  CHECK_IS(0, tw_listener_close(listener));
}

/* ---- Waiting ------------------------------------------------------------------------------------------------- */

typedef struct reading {
  int32_t conn;
  int32_t result;
  char data[16];
} reading;

static void *read_there(void *ctx) {
  reading *it = ctx;
  it->result = tw_read(it->conn, it->data, sizeof it->data);
  return NULL;
}

/* Until another thread waits in a read on it. */
static void await_reader(int32_t conn) {
  char data[4];
  tw_set_nonblocking(conn, true);
  while (tw_read(conn, data, sizeof data) != TW_ERR_STATE)
    ;
  tw_set_nonblocking(conn, false);
}

static void two_threads_on_one_connection(void) {
  pair it = make_pair();
  reading other = {.conn = it.conn};
  char data[4];
  pthread_t thread;
  pthread_create(&thread, NULL, read_there, &other);
  struct timespec pause = {.tv_nsec = 50000000};
  nanosleep(&pause, NULL);
  int32_t second = tw_set_read_timeout(it.conn, LONG);
  CHECK_IS(0, second);
  await_reader(it.conn);
  CHECK_IS(TW_ERR_STATE, tw_read(it.conn, data, sizeof data));
  CHECK(says("another thread is reading"));
  CHECK_IS(0, tw_write_all(it.conn, "w", 1)); /* one reads, one writes */
  CHECK_IS(TW_ERR_STATE, tw_upgrade_tls(it.conn, NULL, NULL));
  CHECK(write(it.peer, "r", 1) == 1);
  pthread_join(thread, NULL);
  CHECK_IS(1, other.result);
  end_pair(it);
}

static void closing_ends_what_waits(void) {
  pair it = make_pair();
  reading other = {.conn = it.conn};
  pthread_t thread;
  pthread_create(&thread, NULL, read_there, &other);
  struct timespec pause = {.tv_nsec = 50000000};
  nanosleep(&pause, NULL);
  CHECK_IS(0, tw_conn_close(it.conn));
  pthread_join(thread, NULL);
  CHECK(other.result == TW_ERR_STATE || other.result == TW_ERR_HANDLE);
  close(it.peer);
}

static void a_deadline_also_ends_what_waits_already(void) {
  pair it = make_pair();
  reading other = {.conn = it.conn};
  pthread_t thread;
  char data[4];
  pthread_create(&thread, NULL, read_there, &other);
  struct timespec pause = {.tv_nsec = 50000000};
  nanosleep(&pause, NULL);
  CHECK_IS(0, tw_set_read_deadline(it.conn, SOON));
  pthread_join(thread, NULL);
  CHECK_IS(TW_ERR_DEADLINE, other.result);
  CHECK_IS(TW_ERR_DEADLINE, tw_read(it.conn, data, sizeof data)); /* it is an instant, and has passed */
  CHECK_IS(1, tw_write(it.conn, "x", 1));
  CHECK_IS(0, tw_set_deadline(it.conn, 0));
  CHECK(write(it.peer, "r", 1) == 1);
  CHECK_IS(1, tw_read(it.conn, data, sizeof data));
  CHECK_IS(0, tw_set_write_deadline(it.conn, 1));
  nanosleep(&pause, NULL);
  CHECK_IS(TW_ERR_DEADLINE, tw_write_all(it.conn, "x", 1));
  CHECK_IS(TW_ERR_ARGUMENT, tw_set_deadline(it.conn, 0x80000000u));
  CHECK_IS(TW_ERR_ARGUMENT, tw_set_read_timeout(it.conn, 0xffffffffu));
  end_pair(it);
}

static void non_blocking_calls_return_at_once(void) {
  pair it = make_pair();
  char data[4];
  CHECK_IS(0, tw_set_nonblocking(it.conn, true));
  CHECK_IS(TW_ERR_WOULD_BLOCK, tw_read(it.conn, data, sizeof data));
  CHECK(says("ERR_WOULD_BLOCK: tw_read"));
  CHECK_IS(TW_ERR_WOULD_BLOCK, tw_read_exact(it.conn, data, sizeof data));
  CHECK_IS(2, tw_write(it.conn, "ab", 2));
  CHECK_IS(0, tw_write_all(it.conn, "cd", 2));
  CHECK(read(it.peer, data, 4) > 0);
  end_pair(it);
}

/* ---- Bad input ----------------------------------------------------------------------------------------------- */

static void bad_arguments_have_codes(void) {
  char data[TW_MAX_ADDRESS + 1];
  pair it = make_pair();
  CHECK_IS(TW_ERR_ARGUMENT, tw_read(it.conn, NULL, 1));
  CHECK_IS(TW_ERR_ARGUMENT, tw_read(it.conn, data, 0));
  CHECK_IS(TW_ERR_ARGUMENT, tw_read_exact(it.conn, data, 0x40000001));
  CHECK_IS(TW_ERR_ARGUMENT, tw_write(it.conn, NULL, 1));
  CHECK_IS(TW_ERR_ARGUMENT, tw_write_all(it.conn, NULL, 1));
  CHECK_IS(TW_ERR_ARGUMENT, tw_remote_addr(it.conn, NULL, 1));
  CHECK_IS(TW_ERR_ARGUMENT, tw_local_addr(it.conn, data, 0));
  CHECK_IS(TW_ERR_ARGUMENT, tw_resolve(NULL, 0, data, sizeof data));
  CHECK_IS(TW_ERR_ARGUMENT, tw_resolve("", 0, data, sizeof data));
  CHECK_IS(TW_ERR_ARGUMENT, tw_resolve("localhost", 0, data, TW_MAX_ADDRESS));
  CHECK_IS(TW_ERR_ARGUMENT, tw_resolve("localhost", 86400001, data, sizeof data));
  CHECK_IS(TW_ERR_HANDLE, tw_udp_recv_from(it.conn, data, 1, NULL, 0));
  CHECK_IS(TW_ERR_ARGUMENT, tw_udp_recv_from(it.conn, NULL, 1, NULL, 0));
  CHECK_IS(TW_ERR_ARGUMENT, tw_udp_recv_from(it.conn, data, 1, data, 0));
  CHECK_IS(TW_ERR_HANDLE, tw_udp_send_to(it.conn, "x", 1, "127.0.0.1:9"));
  CHECK_IS(TW_ERR_ARGUMENT, tw_udp_send_to(it.conn, NULL, 1, "127.0.0.1:9"));
  CHECK_IS(TW_ERR_ARGUMENT, tw_udp_send_to(it.conn, "x", 1, NULL));
  CHECK_IS(TW_ERR_HANDLE, tw_accept(it.conn));
  CHECK_IS(TW_ERR_HANDLE, tw_listener_close(it.conn));
  CHECK_IS(TW_ERR_HANDLE, tw_listener_addr(it.conn, data, sizeof data));
  static const int32_t numbers[] = {0, -1, INT32_MIN, INT32_MAX, 0x7fff};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    CHECK_IS(TW_ERR_HANDLE, tw_read(numbers[i], data, 1));
    CHECK_IS(TW_ERR_HANDLE, tw_write(numbers[i], data, 1));
    CHECK_IS(TW_ERR_HANDLE, tw_close_write(numbers[i]));
    CHECK_IS(TW_ERR_HANDLE, tw_conn_close(numbers[i]));
    CHECK_IS(TW_ERR_HANDLE, tw_set_deadline(numbers[i], 1));
    CHECK_IS(TW_ERR_HANDLE, tw_set_write_timeout(numbers[i], 1));
    CHECK_IS(TW_ERR_HANDLE, tw_set_nonblocking(numbers[i], true));
    CHECK_IS(TW_ERR_HANDLE, tw_is_tls(numbers[i]));
    CHECK_IS(TW_ERR_HANDLE, tw_upgrade_tls(numbers[i], NULL, NULL));
    CHECK_IS(TW_ERR_HANDLE, tw_accept_each(numbers[i], on_conn, NULL));
    CHECK_IS(TW_ERR_HANDLE, tw_remote_addr(numbers[i], data, sizeof data));
  }
  end_pair(it);
}

static void names_are_looked_up(void) {
  char ip[TW_MAX_ADDRESS + 1];
  CHECK(tw_resolve("localhost", 0, ip, sizeof ip) > 0);
  CHECK(strcmp(ip, "127.0.0.1") == 0 || strcmp(ip, "::1") == 0);
  CHECK_IS(9, tw_resolve("192.0.2.1", 1, ip, sizeof ip));
  int32_t error = tw_resolve("no-such-host.invalid", LONG, ip, sizeof ip);
  CHECK(error == TW_ERR_NAME_NOT_FOUND || error == TW_ERR_NAME_FAILED);
  char name[TW_MAX_HOST + 3];
  memset(name, 'n', sizeof name);
  name[sizeof name - 1] = 0;
  CHECK_IS(TW_ERR_ARGUMENT, tw_resolve(name, 0, ip, sizeof ip));
}

/* ---- UDP ----------------------------------------------------------------------------------------------------- */

static void datagrams_come_and_go(void) {
  char here[TW_MAX_ADDRESS + 1], there[TW_MAX_ADDRESS + 1], from[TW_MAX_ADDRESS + 1], data[16];
  int32_t a = tw_udp_bind("127.0.0.1:0"), b = tw_udp_bind("127.0.0.1:0");
  CHECK(a > 0 && b > 0);
  tw_local_addr(a, here, sizeof here);
  tw_local_addr(b, there, sizeof there);
  CHECK_IS(TW_ERR_STATE, tw_remote_addr(a, from, sizeof from));
  CHECK_IS(0, tw_set_deadline(b, LONG));
  CHECK_IS(5, tw_udp_send_to(a, "hello", 5, there));
  CHECK_IS(5, tw_udp_recv_from(b, data, sizeof data, from, sizeof from));
  CHECK(strcmp(from, here) == 0 && memcmp(data, "hello", 5) == 0);
  char name[TW_MAX_ADDRESS + 1];
  snprintf(name, sizeof name, "localhost%s", strchr(there, ':'));
  int32_t by_name = tw_udp_send_to(a, "12345", 5, name);
  CHECK(by_name == 5 || by_name == TW_ERR_UNREACHABLE || by_name == TW_ERR_ADDRESS || by_name == TW_ERR_HOST);
  if (by_name == 5)
    CHECK_IS(5, tw_udp_recv_from(b, data, sizeof data, NULL, 0));
  CHECK_IS(0, tw_udp_send_to(a, NULL, 0, there));
  CHECK_IS(0, tw_udp_recv_from(b, data, sizeof data, NULL, 0));
  CHECK_IS(10, tw_udp_send_to(a, "0123456789", 10, there));
  CHECK_IS(4, tw_udp_recv_from(b, data, 4, from, 5)); /* both are cut */
  CHECK(strcmp(from, "127.") == 0);
  static char large[65508];
  CHECK_IS(TW_ERR_TOO_LARGE, tw_udp_send_to(a, large, sizeof large, there));
  CHECK_IS(65507, tw_udp_send_to(a, large, 65507, there));
  CHECK_IS(TW_ERR_ARGUMENT, tw_udp_send_to(a, "x", 1, "127.0.0.1"));
  CHECK_IS(TW_ERR_PORT, tw_udp_send_to(a, "x", 1, "127.0.0.1:70000"));
  CHECK_IS(TW_ERR_STATE, tw_write(a, "x", 1));
  CHECK(says("tw_udp_send_to"));
  CHECK_IS(0, tw_set_nonblocking(a, true));
  CHECK_IS(TW_ERR_WOULD_BLOCK, tw_udp_recv_from(a, data, 1, NULL, 0));
  CHECK_IS(0, tw_set_nonblocking(a, false));
  CHECK_IS(0, tw_set_read_timeout(a, SOON));
  CHECK_IS(TW_ERR_DEADLINE, tw_udp_recv_from(a, data, 1, NULL, 0));
  CHECK_IS(TW_ERR_HANDLE, tw_read_exact(a, data, 1));
  CHECK_IS(TW_ERR_HANDLE, tw_is_tls(a));
  int32_t peer = tw_dial("udp", there, NULL);
  CHECK(peer > 0);
  CHECK_IS(65507, tw_udp_recv_from(b, large, sizeof large, NULL, 0));
  CHECK_IS(3, tw_write(peer, "one", 3));
  CHECK_IS(3, tw_udp_recv_from(b, data, sizeof data, from, sizeof from));
  CHECK_IS(3, tw_udp_send_to(b, "two", 3, from));
  CHECK_IS(0, tw_set_deadline(peer, LONG));
  CHECK_IS(3, tw_read(peer, data, sizeof data));
  CHECK_IS(0, tw_conn_close(b));
  CHECK_IS(0, tw_write_all(peer, "x", 1)); /* no one is there: the system says so later */
  CHECK_IS(TW_ERR_REFUSED, tw_read(peer, data, sizeof data));
  CHECK_IS(0, tw_conn_close(peer));
  CHECK_IS(0, tw_conn_close(a));
  CHECK_IS(TW_ERR_ARGUMENT, tw_dial("udp", "127.0.0.1", NULL));
  int32_t v6 = tw_udp_bind("[::1]:0");
  if (v6 > 0) {
    tw_local_addr(v6, here, sizeof here);
    CHECK_IS(1, tw_udp_send_to(v6, "6", 1, here));
    CHECK_IS(1, tw_udp_recv_from(v6, data, 1, from, sizeof from));
    CHECK(strcmp(from, here) == 0);
    CHECK_IS(0, tw_conn_close(v6));
  }
}

/* Datagrams that no one reads are bounded, and the socket goes on. */
static void unread_datagrams_are_bounded(void) {
  char there[TW_MAX_ADDRESS + 1];
  static char data[60000];
  int32_t a = tw_udp_bind("127.0.0.1:0"), b = tw_udp_bind("127.0.0.1:0");
  tw_local_addr(b, there, sizeof there);
  for (int i = 0; i < 12; i++)
    CHECK_IS((int32_t)sizeof data, tw_udp_send_to(a, data, sizeof data, there));
  CHECK_IS(0, tw_set_read_timeout(b, 500));
  int got = 0;
  while (tw_udp_recv_from(b, data, sizeof data, NULL, 0) > 0)
    got++;
  CHECK(got > 0 && got < 12);
  CHECK_IS(0, tw_conn_close(a));
  CHECK_IS(0, tw_conn_close(b));
}

/* ---- Listeners of the event API ------------------------------------------------------------------------------ */

static int32_t from_listener[4];

static void on_posted(void *ctx) {
  char data[TW_MAX_ADDRESS + 1];
  (void)ctx;
  from_listener[0] = tw_read(1, data, 1);
  from_listener[1] = tw_dial("tcp", "127.0.0.1:1", NULL);
  from_listener[2] = tw_resolve("localhost", 0, data, sizeof data);
  from_listener[3] = tw_engine_stop();
  tw_runtime_exit(0);
}

static void a_listener_gets_an_error_and_no_deadlock(void) {
  CHECK(tw_posix_start(NULL) == 0);
  CHECK(tw_posix_post(tw_posix_current(), on_posted, NULL));
  CHECK_IS(0, tw_runtime_keep_alive());
  for (int i = 0; i < 4; i++)
    CHECK_IS(TW_ERR_STATE, from_listener[i]);
  CHECK(says("called from a listener"));
  pair it = make_pair(); /* outside of an iteration a thread with a loop may wait */
  end_pair(it);
  tw_posix_stop();
}

/* ---- The engine ---------------------------------------------------------------------------------------------- */

static void *accept_there(void *ctx) {
  int32_t *it = ctx;
  *it = tw_accept(*it);
  return NULL;
}

static void stopping_ends_what_waits(void) {
  char data[16];
  pthread_t reader, acceptor;
  pair it = make_pair();
  reading other = {.conn = it.conn};
  int32_t accepted = tw_listen("tcp", "127.0.0.1:0", NULL);
  CHECK_IS(TW_ERR_STATE, tw_engine_start(NULL));
  pthread_create(&reader, NULL, read_there, &other);
  pthread_create(&acceptor, NULL, accept_there, &accepted);
  struct timespec pause = {.tv_nsec = 100000000};
  nanosleep(&pause, NULL);
  CHECK_IS(0, tw_engine_stop());
  pthread_join(reader, NULL);
  pthread_join(acceptor, NULL);
  CHECK(other.result == TW_ERR_ABORTED || other.result == TW_ERR_STATE);
  CHECK(accepted == TW_ERR_ABORTED || accepted == TW_ERR_STATE);
  CHECK_IS(0, read(it.peer, data, sizeof data) == 0 ? 0 : 1); /* its connection was closed */
  close(it.peer);
  CHECK_IS(TW_ERR_STATE, tw_read(it.conn, data, sizeof data));
  CHECK(says("tw_engine_start"));
  CHECK_IS(TW_ERR_STATE, tw_dial("tcp", "127.0.0.1:1", NULL));
  CHECK_IS(TW_ERR_STATE, tw_engine_stop());
  CHECK_IS(TW_ERR_ARGUMENT, tw_engine_start(&(tw_engine_options){.sockets = 16385}));
}

static void sockets_are_limited(void) {
  char address[TW_MAX_ADDRESS + 1];
  CHECK_IS(0, tw_engine_start(&(tw_engine_options){.sockets = 2}));
  int32_t listener = tw_listen("tcp", "127.0.0.1:0", NULL);
  tw_listener_addr(listener, address, sizeof address);
  int32_t sock = tw_udp_bind("127.0.0.1:0");
  CHECK(listener > 0 && sock > 0);
  CHECK_IS(TW_ERR_LIMIT, tw_dial("tcp", address, NULL));
  CHECK_IS(0, tw_conn_close(sock));
  CHECK_IS(0, tw_engine_stop());
  CHECK_IS(0, tw_engine_start(NULL));
}

/* The thread is not in the child: a call there says so instead of waiting for ever. */
static void a_forked_child_gets_an_error(void) {
  pair it = make_pair();
  pid_t child = fork();
  if (child == 0)
    _exit(tw_write(it.conn, "x", 1) == TW_ERR_STATE && tw_engine_start(NULL) == TW_ERR_STATE ? 0 : 1);
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  end_pair(it);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  RUN(talks_to_an_echo_server);
  RUN(reads_what_there_is);
  RUN(exact_reads_consume_nothing_if_they_fail);
  RUN(exact_reads_may_exceed_the_window);
  RUN(writes_wait_for_the_system);
  RUN(large_writes_arrive_whole);
  RUN(a_reset_is_an_error_behind_the_data);
  RUN(failures_of_opening_have_codes);
  RUN(dialling_ends_at_its_timeout);
  RUN(unix_sockets_work_as_tcp);
  RUN(many_threads_may_accept);
  RUN(beyond_the_backlog_connections_are_closed);
  RUN(handlers_run_at_the_same_time_up_to_a_bound);
  RUN(two_threads_on_one_connection);
  RUN(closing_ends_what_waits);
  RUN(a_deadline_also_ends_what_waits_already);
  RUN(non_blocking_calls_return_at_once);
  RUN(bad_arguments_have_codes);
  RUN(names_are_looked_up);
  RUN(datagrams_come_and_go);
  RUN(unread_datagrams_are_bounded);
  RUN(a_listener_gets_an_error_and_no_deadlock);
  RUN(stopping_ends_what_waits);
  RUN(sockets_are_limited);
  RUN(a_forked_child_gets_an_error);
  CHECK_IS(0, tw_engine_stop());
  return check_end();
}
