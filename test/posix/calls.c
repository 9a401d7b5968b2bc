/* calls: connections with calls that wait (conn.h), against peers that use the system's sockets alone. */
#include <errno.h>
#include <poll.h>

#include "pairs.h"

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

/* ---- Bad input ----------------------------------------------------------------------------------------------- */

static void on_conn(int32_t conn, void *ctx) {
  (void)ctx;
  tw_conn_close(conn);
}

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
  RUN(bad_arguments_have_codes);
  RUN(names_are_looked_up);
  RUN(datagrams_come_and_go);
  RUN(unread_datagrams_are_bounded);
  CHECK_IS(0, tw_engine_stop());
  return check_end();
}
