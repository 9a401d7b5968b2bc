/* settings: what a program can set: timers, an allocator, a log, options of sockets, multicast groups, proxies; and
 * abort. Ends with "N passed, M failed". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop.h"

static void count(void *ctx) { ++*(int *)ctx; }

/* ---- Timers --------------------------------------------------------------------------------------------------- */

static int32_t repeating;
static int runs;

static void run_three_times(void *ctx) {
  (void)ctx;
  if (++runs == 3)
    CHECK(tw_posix_clear_timer(repeating) == 0); /* itself */
}

static void test_timers(void) {
  int once = 0;
  int never = 0;
  int later = 0;
  CHECK(tw_posix_set_timer(1, 0, count, &once) == -1 && tw_last_error() == TW_ERR_STATE);
  CHECK(tw_posix_start(NULL) == 0);
  CHECK(tw_posix_set_timer(1, 0, NULL, NULL) == -1 && tw_last_error() == TW_ERR_ARGUMENT);
  int32_t first = tw_posix_set_timer(0, 0, count, &once);
  int32_t cleared = tw_posix_set_timer(5, 0, count, &never);
  repeating = tw_posix_set_timer(1, 1, run_three_times, NULL);
  CHECK(first > 0 && cleared > 0 && repeating > 0 && first != cleared);
  CHECK(tw_posix_clear_timer(cleared) == 0);
  CHECK(tw_posix_clear_timer(cleared) == -1 && tw_last_error() == TW_ERR_HANDLE);
  CHECK(tw_posix_timeout() <= 1);
  tw_posix_set_timer(60, 0, count, &later);
  CHECK(until(&later, 1) && until(&runs, 3)); /* a machine that was busy runs several at once */
  tw_poll(20);
  CHECK(once == 1 && never == 0 && runs == 3);
  CHECK(tw_posix_clear_timer(first) == -1);
  tw_posix_set_timer(100000, 100000, count, &never); /* stop frees it */
  tw_posix_stop();
}

static int bytes, deadlines;
static int32_t timed;

static void echo_bytes(const NetData *e, void *ctx) {
  (void)ctx;
  tw_net_send(e->sock, e->data, e->size);
}

static void on_accepted(const NetAccepted *e, void *ctx) { tw_net_on(e->sock, echo_bytes, ctx); }

static void count_bytes(const NetData *e, void *ctx) {
  (void)ctx;
  bytes += (int)e->size;
  tw_net_send(e->sock, "x", 1);
}

static void on_deadline(const NetDeadline *e, void *ctx) {
  (void)e, (void)ctx;
  deadlines++;
}

/* Lets the deadline pass, and then calls what looks at the core's timers. */
static void set_deadline_again(void *ctx) {
  (void)ctx;
  for (double end = seconds() + 0.002; seconds() < end;)
    ;
  tw_net_set_deadline(timed, TW_DEADLINE_READ, 1);
}

/* What a timer's function makes due is emitted once, and so is what was ready at the same time. */
static void test_timers_that_call(void) {
  CHECK(tw_posix_start(NULL) == 0);
  int32_t listener = tw_net_tcp_listen("127.0.0.1", 0);
  tw_net_on(listener, on_accepted, NULL);
  tw_poll(0);
  timed = tw_net_tcp_connect("127.0.0.1", port_of(listener));
  int32_t echoed = tw_net_tcp_connect("127.0.0.1", port_of(listener));
  tw_net_on(timed, on_deadline, NULL);
  tw_net_on(echoed, count_bytes, NULL);
  for (double end = seconds() + 30; tw_net_send(echoed, "x", 1) < 0 && seconds() < end;)
    tw_poll(10);
  tw_posix_set_timer(1, 1, set_deadline_again, NULL);
  CHECK(until(&deadlines, 50));
  tw_stats stats;
  CHECK(tw_net_stats(echoed, &stats) == 0 && bytes > 0 && stats.received == (uint64_t)bytes);
  tw_posix_stop();
}

/* ---- The allocator -------------------------------------------------------------------------------------------- */

static int live;
static int allocations;
static bool refuse;

static void *resize(void *memory, size_t size) {
  if (size == 0) {
    live -= memory != NULL;
    free(memory);
    return NULL;
  }
  if (refuse)
    return NULL;
  live += memory == NULL;
  allocations++;
  return realloc(memory, size);
}

static void echo(const WsMessage *e, void *ctx) {
  (void)ctx;
  tw_ws_send_text(e->conn, e->message, e->size);
}

static void say_hello(const WsConnected *e, void *ctx) {
  (void)ctx;
  tw_ws_send(e->conn, "hello");
}

static void received(const WsMessage *e, void *ctx) {
  CHECK(strcmp(e->message, "hello") == 0);
  ++*(int *)ctx;
}

static void test_allocator(void) {
  int answers = 0;
  char url[64];
  tw_posix_set_allocator(resize);
  refuse = true;
  CHECK(tw_posix_start(NULL) == -1 && tw_last_error() == TW_ERR_MEMORY);
  refuse = false;
  CHECK(tw_posix_start(NULL) == 0);
  int32_t server = tw_ws_listen("127.0.0.1", 0, NULL);
  tw_ws_on(server, echo, NULL);
  tw_poll(0);
  snprintf(url, sizeof url, "ws://127.0.0.1:%d/", (int)port_of(server));
  int32_t client = tw_ws_open(url);
  tw_ws_on(client, say_hello, NULL);
  tw_ws_on(client, received, &answers);
  CHECK(until(&answers, 1));
  tw_posix_stop();
  CHECK(allocations > 3 && live == 0);
  tw_posix_set_allocator(NULL);
}

/* ---- The log -------------------------------------------------------------------------------------------------- */

static char logged[512];
static int lines;

static void log_line(void *ctx, const char *text) {
  CHECK(ctx == &lines);
  snprintf(logged, sizeof logged, "%s", text);
  lines++;
}

static void on_error(const NetError *e, void *ctx) {
  (void)e;
  ++*(int *)ctx;
}

static void test_log(void) {
  const tw_posix_options options = {.log = log_line, .log_ctx = &lines};
  int errors = 0;
  CHECK(tw_posix_start(&options) == 0);
  int32_t held = tw_net_udp_bind("127.0.0.1", 0);
  int32_t free_port = port_of(held);
  CHECK(tw_net_tcp_connect("127.0.0.1", free_port) > 0);
  CHECK(until(&lines, 1));
  CHECK(strncmp(logged, "connect 127.0.0.1:", 18) == 0 && strstr(logged, "ERR_REFUSED: ") != NULL);
  int32_t sock = tw_net_tcp_connect("127.0.0.1", free_port);
  tw_net_on(sock, on_error, &errors);
  CHECK(until(&errors, 1));
  CHECK(lines == 1); /* who listens gets no line */
  tw_posix_stop();
}

/* ---- Options of sockets, and groups --------------------------------------------------------------------------- */

static void on_datagram(const NetDatagram *e, void *ctx) {
  CHECK(strcmp(e->data, "to all") == 0);
  ++*(int *)ctx;
}

static bool refused(int32_t result, int32_t error) { return result == -1 && tw_last_error() == error; }

static void test_options(void) {
  CHECK(tw_posix_start(NULL) == 0);
  int32_t udp = tw_net_udp_bind("127.0.0.1", 0);
  int32_t listener = tw_net_tcp_listen("127.0.0.1", 0);
  CHECK(tw_net_set_option(udp, TW_OPTION_SEND_BUFFER, 65536) == 0);
  CHECK(tw_net_set_option(udp, TW_OPTION_RECEIVE_BUFFER, 65536) == 0);
  CHECK(tw_net_set_option(udp, TW_OPTION_BROADCAST, 0) == 0 && tw_net_set_option(udp, TW_OPTION_TTL, 3) == 0);
  CHECK(tw_net_set_option(udp, TW_OPTION_MULTICAST_TTL, 2) == 0);
  CHECK(refused(tw_net_set_option(udp, TW_OPTION_BROADCAST, 2), TW_ERR_ARGUMENT));
  CHECK(refused(tw_net_set_option(udp, TW_OPTION_NO_DELAY, 1), TW_ERR_ARGUMENT));
  CHECK(refused(tw_net_set_option(udp, TW_OPTION_TTL, 256), TW_ERR_ARGUMENT));
  CHECK(refused(tw_net_set_option(-1, TW_OPTION_TTL, 1), TW_ERR_HANDLE));
  CHECK(refused(tw_net_set_option(listener, TW_OPTION_RECEIVE_BUFFER, 65536), TW_ERR_STATE)); /* not yet */
  tw_poll(0);
  CHECK(tw_net_set_option(listener, TW_OPTION_RECEIVE_BUFFER, 65536) == 0);
  CHECK(refused(tw_net_udp_join(udp, "127.0.0.1", NULL), TW_ERR_ADDRESS));
  CHECK(refused(tw_net_udp_join(udp, "ff02::1", NULL), TW_ERR_ADDRESS));
  CHECK(refused(tw_net_udp_join(udp, "nonsense", NULL), TW_ERR_ADDRESS));
  CHECK(refused(tw_net_udp_join(listener, "239.1.2.3", NULL), TW_ERR_HANDLE));
  tw_posix_stop();
}

static void test_group(void) {
  const tw_posix_options options = {.reuse_port = true};
  int got[2] = {0, 0};
  CHECK(tw_posix_start(&options) == 0);
  int32_t first = tw_net_udp_open(0);
  int32_t second = tw_net_udp_open(port_of(first)); /* both receive */
  CHECK(tw_net_udp_join(first, "239.77.1.2", "127.0.0.1") == 0);
  CHECK(tw_net_udp_join(second, "239.77.1.2", "127.0.0.1") == 0);
  CHECK(refused(tw_net_udp_join(first, "239.77.1.2", "127.0.0.1"), TW_ERR_IN_USE)); /* it is in it already */
  tw_net_on(first, on_datagram, &got[0]);
  tw_net_on(second, on_datagram, &got[1]);
  CHECK(tw_net_udp_send_to(first, "239.77.1.2", port_of(first), "to all", 6) == 6);
  CHECK(until(&got[0], 1) && until(&got[1], 1));
  CHECK(tw_net_udp_leave(second, "239.77.1.2", "127.0.0.1") == 0);
  CHECK(tw_net_udp_leave(second, "239.77.1.2", "127.0.0.1") == -1);
  tw_posix_stop();
}

/* ---- A proxy, and abort --------------------------------------------------------------------------------------- */

static int tunnels;
static int denied;

/* A proxy whose tunnels lead to an echo. */
static void as_proxy(const NetData *e, void *ctx) {
  static const char yes[] = "HTTP/1.1 200 OK\r\n\r\n";
  static const char no[] = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
  (void)ctx;
  if (strncmp(e->data, "CONNECT ", 8) != 0) {
    tw_net_send(e->sock, e->data, e->size);
  } else if (strstr(e->data, "CONNECT target.invalid:7 HTTP/1.1\r\n") == e->data &&
             strstr(e->data, "\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n") != NULL) {
    tunnels++;
    tw_net_send(e->sock, yes, sizeof yes - 1);
  } else {
    denied++;
    tw_net_send(e->sock, no, sizeof no - 1);
  }
}

static int lost;
static int32_t lost_code;

static void on_lost(const NetDisconnected *e, void *ctx) {
  (void)ctx;
  lost_code = e->code;
  lost++;
  tw_net_close(e->sock);
}

static void accept_as_proxy(const NetAccepted *e, void *ctx) {
  tw_net_on(e->sock, as_proxy, ctx);
  tw_net_on(e->sock, on_lost, ctx);
}

static void send_ping(const NetConnected *e, void *ctx) {
  (void)ctx;
  tw_net_send(e->sock, "ping", 4);
}

static void on_answer(const NetData *e, void *ctx) {
  CHECK(strcmp(e->data, "ping") == 0);
  ++*(int *)ctx;
}

static void on_proxy_error(const NetError *e, void *ctx) {
  CHECK(e->code == TW_ERR_PROXY && e->step == TW_STEP_PROXY);
  ++*(int *)ctx;
}

static void on_ws_proxy_error(const WsError *e, void *ctx) {
  CHECK(e->code == TW_ERR_PROXY && e->detail == 407);
  ++*(int *)ctx;
}

static void test_proxy(void) {
  int answers = 0;
  int errors = 0;
  CHECK(tw_posix_start(NULL) == 0);
  int32_t listener = tw_net_tcp_listen("127.0.0.1", 0);
  tw_net_on(listener, accept_as_proxy, NULL);
  tw_poll(0);
  tw_proxy proxy = {.host = "127.0.0.1", .port = port_of(listener), .user = "user", .password = "pass"};
  int32_t sock = tw_net_tcp_connect_via("target.invalid", 7, &proxy);
  tw_net_on(sock, send_ping, NULL);
  tw_net_on(sock, on_answer, &answers);
  CHECK(until(&answers, 1) && tunnels == 1);
  proxy.password = "wrong";
  int32_t other = tw_net_tcp_connect_via("target.invalid", 7, &proxy);
  tw_net_on(other, on_proxy_error, &errors);
  CHECK(until(&errors, 1) && denied == 1);
  const tw_ws_options options = {.proxy = &proxy};
  int32_t conn = tw_ws_open_with("ws://target.invalid:7/", &options);
  tw_ws_on(conn, on_ws_proxy_error, &errors);
  CHECK(until(&errors, 2));
  proxy.user = "a:b";
  CHECK(refused(tw_net_tcp_connect_via("target.invalid", 7, &proxy), TW_ERR_ARGUMENT));
  CHECK(refused(tw_ws_open_with("ws://target.invalid:7/", &options), TW_ERR_ARGUMENT));
  lost = 0;
  CHECK(tw_net_abort(sock) == 0); /* the peer sees a reset, not an end */
  CHECK(until(&lost, 1) && lost_code == TW_ERR_RESET);
  CHECK(refused(tw_net_send(sock, "x", 1), TW_ERR_HANDLE));
  CHECK(refused(tw_ws_abort(listener), TW_ERR_HANDLE) && refused(tw_net_abort(-1), TW_ERR_HANDLE));
  tw_posix_stop();
}

static void on_policy_error(const NetError *e, void *ctx) {
  CHECK(e->code == TW_ERR_POLICY && e->step == TW_STEP_CONNECT);
  ++*(int *)ctx;
}

static void count_accepted(const NetAccepted *e, void *ctx) {
  (void)e;
  ++*(int *)ctx;
}

static void test_policy(void) {
  int accepted = 0;
  int errors = 0;
  CHECK(refused(tw_net_set_policy("-private"), TW_ERR_STATE));
  CHECK(tw_posix_start(NULL) == 0);
  int32_t listener = tw_net_tcp_listen("127.0.0.1", 0);
  tw_net_on(listener, count_accepted, &accepted);
  int32_t port = port_of(listener);
  tw_proxy proxy = {.host = "127.0.0.1", .port = port};
  const tw_ws_options via = {.proxy = &proxy};
  CHECK(tw_net_set_policy("-private") == 0);
  CHECK(refused(tw_net_tcp_connect("127.0.0.1", port), TW_ERR_POLICY));
  CHECK(refused(tw_net_tcp_connect_via("127.0.0.1", port, &proxy), TW_ERR_POLICY));
  CHECK(refused(tw_net_unix_connect("/nowhere"), TW_ERR_POLICY));
  CHECK(refused(tw_ws_open("ws://[::1]:1/"), TW_ERR_POLICY));
  CHECK(refused(tw_ws_open_with("ws://name.invalid/", &via), TW_ERR_POLICY));
  tw_net_on(tw_net_tcp_connect("localhost", port), on_policy_error, &errors);
  CHECK(until(&errors, 1));
  CHECK(tw_net_set_policy("-private,+127.0.0.0/8") == 0);
  CHECK(tw_net_tcp_connect("localhost", port) > 0);
  CHECK(until(&accepted, 1));
  CHECK(tw_net_set_policy("10.0.0.0/8") == 0);
  CHECK(refused(tw_net_tcp_connect("127.0.0.1", port), TW_ERR_ARGUMENT));
  CHECK(tw_net_set_policy(NULL) == 0);
  CHECK(tw_net_tcp_connect("127.0.0.1", port) > 0);
  CHECK(until(&accepted, 2) && errors == 1);
  tw_posix_stop();
}

static void on_limited_error(const WsError *e, void *ctx) {
  CHECK(e->code == TW_ERR_ADDRESS_LIMIT);
  ++*(int *)ctx;
}

static void count_gone(const NetDisconnected *e, void *ctx) {
  (void)e;
  ++*(int *)ctx;
}

static void send_three(const WsConnected *e, void *ctx) {
  (void)ctx;
  for (int i = 0; i < 3; i++)
    tw_ws_send(e->conn, "message");
}

static void count_closing(const WsClosing *e, void *ctx) {
  CHECK(e->code == 1008);
  ++*(int *)ctx;
}

static void count_response(const NetData *e, void *ctx) {
  if (strstr(e->data, "HTTP/1.1 429 ") != NULL)
    ++*(int *)ctx;
}

static void ask(const NetConnected *e, void *ctx) { tw_net_send(e->sock, ctx, strlen(ctx)); }

static void test_address_limits(void) {
  static char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  tw_address_stats stats;
  int gone = 0;
  int errors = 0;
  int closings = 0;
  int responses = 0;
  CHECK(refused(tw_net_set_address_limits(1, NULL), TW_ERR_STATE));
  CHECK(tw_posix_start(NULL) == 0);
  int32_t server = tw_ws_listen("127.0.0.1", 0, NULL);
  int32_t port = port_of(server);
  CHECK(refused(tw_net_set_address_limits(-1, NULL), TW_ERR_HANDLE));
  CHECK(refused(tw_net_set_address_limits(server, &(tw_address_limits){.messages_per_second = 1000001}),
                TW_ERR_ARGUMENT));
  CHECK(refused(tw_net_address_stats(server, NULL), TW_ERR_ARGUMENT));
  CHECK(tw_net_set_address_limits(server, &(tw_address_limits){.connections = 1}) == 0);
  int32_t first = tw_net_tcp_connect("127.0.0.1", port);
  int32_t second = tw_net_tcp_connect("127.0.0.1", port);
  CHECK(refused(tw_net_set_address_limits(first, NULL), TW_ERR_HANDLE));
  CHECK(refused(tw_net_address_stats(first, &stats), TW_ERR_HANDLE));
  tw_net_on(second, count_gone, &gone);
  CHECK(until(&gone, 1)); /* closed before it is reported */
  CHECK(tw_net_address_stats(server, &stats) == 0 && stats.admitted == 1 && stats.refused_connections == 1);
  tw_net_abort(first);
  tw_net_close(server);
  server = tw_ws_listen("127.0.0.1", 0, NULL);
  port = port_of(server);
  char url[64];
  snprintf(url, sizeof url, "ws://127.0.0.1:%d/", (int)port);
  /* The handshake is the first message. */
  CHECK(tw_net_set_address_limits(server, &(tw_address_limits){.messages_per_second = 3}) == 0);
  tw_ws_on(server, on_limited_error, &errors);
  int32_t conn = tw_ws_open(url);
  tw_ws_on(conn, send_three, NULL);
  tw_ws_on(conn, count_closing, &closings);
  CHECK(until(&errors, 1) && until(&closings, 1));
  int32_t client = tw_net_tcp_connect("127.0.0.1", port);
  tw_net_on(client, ask, request);
  tw_net_on(client, count_response, &responses);
  CHECK(until(&responses, 1));
  CHECK(tw_net_address_stats(server, &stats) == 0 && stats.refused_messages >= 2);
  CHECK(tw_net_set_address_limits(server, NULL) == 0);
  tw_posix_stop();
  tw_limits none = TW_LIMITS_HOST;
  none.addresses = 0;
  CHECK(tw_posix_start(&(tw_posix_options){.limits = &none}) == 0);
  server = tw_net_tcp_listen("127.0.0.1", 0);
  CHECK(refused(tw_net_set_address_limits(server, &(tw_address_limits){.connections = 1}), TW_ERR_LIMIT));
  tw_posix_stop();
}

int main(void) {
  RUN(test_timers);
  RUN(test_timers_that_call);
  RUN(test_allocator);
  RUN(test_log);
  RUN(test_options);
  RUN(test_group);
  RUN(test_proxy);
  RUN(test_policy);
  RUN(test_address_limits);
  return check_end();
}
