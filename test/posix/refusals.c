/* refusals: what net.h, ws.h and http_server.h answer to bad input: without a loop, NULL, sizes and values at their
 * limits, handles of another kind, hosts that can't. A refused call changes nothing: what stays open still works. Ends
 * with "N passed, M failed". */
#include <stdio.h>
#include <string.h>

#include "loop.h"
#include "twinwire/http_server.h"

/* A call answers -1, and this is the reason. */
#define REFUSED(error, call) CHECK((call) == -1 && tw_last_error() == (error))

enum { OVER_ADDRESS = TW_MAX_ADDRESS + 2 };
static const size_t TOO_LARGE = (size_t)1 << 33;
static const char some[] = "some";

static void test_without_a_loop(void) {
  const tw_proxy proxy = {.host = "127.0.0.1", .port = 1};
  const int32_t conn = 1;
  char text[8];
  tw_stats stats;
  REFUSED(TW_ERR_STATE, tw_net_tcp_connect("127.0.0.1", 1));
  REFUSED(TW_ERR_STATE, tw_net_tcp_connect_via("127.0.0.1", 1, &proxy));
  REFUSED(TW_ERR_STATE, tw_net_udp_open(0));
  REFUSED(TW_ERR_STATE, tw_net_udp_bind("127.0.0.1", 0));
  REFUSED(TW_ERR_STATE, tw_net_unix_connect("/nowhere"));
  REFUSED(TW_ERR_STATE, tw_net_unix_listen("/nowhere"));
  REFUSED(TW_ERR_STATE, tw_net_tcp_listen("127.0.0.1", 0));
  REFUSED(TW_ERR_STATE, tw_ws_open("ws://127.0.0.1/"));
  REFUSED(TW_ERR_STATE, tw_ws_listen("127.0.0.1", 0, NULL));
  REFUSED(TW_ERR_STATE, tw_http_listen("127.0.0.1", 0, NULL));
  REFUSED(TW_ERR_STATE, tw_ws_broadcast(&conn, 1, false, some, 4, NULL));
  REFUSED(TW_ERR_STATE, tw_net_send(1, some, 4));
  REFUSED(TW_ERR_STATE, tw_net_close(1));
  REFUSED(TW_ERR_STATE, tw_net_abort(1));
  REFUSED(TW_ERR_STATE, tw_net_stats(1, &stats));
  REFUSED(TW_ERR_STATE, tw_net_buffered_amount(1));
  REFUSED(TW_ERR_HANDLE, tw_net_target(1, text, sizeof text));
  REFUSED(TW_ERR_STATE, tw_poll(0));
  CHECK(tw_net_state(1) == TW_STATE_CLOSED && !tw_net_is_up() && tw_user(1) == NULL);
  CHECK(tw_posix_fd() == -1 && tw_posix_timeout() == TW_FOREVER && tw_posix_current() == NULL);
}

static void test_opening(void) {
  CHECK(tw_posix_start(NULL) == 0);
  char user[TW_MAX_CREDENTIAL + 2];
  memset(user, 'u', sizeof user - 1);
  user[sizeof user - 1] = 0;
  char path[TW_MAX_PATH + 2];
  memset(path, '/', sizeof path - 1);
  path[sizeof path - 1] = 0;
  REFUSED(TW_ERR_ARGUMENT,
          tw_net_tcp_connect_via("127.0.0.1", 1, &(tw_proxy){.host = "h", .port = 1, .user = user, .password = "p"}));
  REFUSED(TW_ERR_ARGUMENT,
          tw_net_tcp_connect_via("127.0.0.1", 1, &(tw_proxy){.host = "h", .port = 1, .user = "u", .password = user}));
  REFUSED(TW_ERR_ARGUMENT, tw_net_tcp_connect_via("127.0.0.1", 1, &(tw_proxy){.host = "h", .port = 1, .user = "a:b"}));
  REFUSED(TW_ERR_PORT, tw_net_tcp_connect("127.0.0.1", 65536));
  REFUSED(TW_ERR_PORT, tw_net_udp_open(-1));
  REFUSED(TW_ERR_PATH, tw_net_unix_connect(path));
  REFUSED(TW_ERR_PATH, tw_net_unix_listen(""));
  int32_t any = tw_net_udp_bind(NULL, 0); /* any IPv4 address */
  CHECK(any > 0 && tw_net_close(any) == 0);
  tw_posix_stop();
}

static void test_udp(void) {
  CHECK(tw_posix_start(NULL) == 0);
  char far[OVER_ADDRESS + 1];
  memset(far, '1', OVER_ADDRESS);
  far[OVER_ADDRESS] = 0;
  int32_t sock = tw_net_udp_bind("127.0.0.1", 0);
  int32_t sock6 = tw_net_udp_bind("::1", 0);
  int32_t listener = tw_net_tcp_listen("127.0.0.1", 0);
  REFUSED(TW_ERR_ADDRESS, tw_net_udp_connect(sock, "nowhere", 1));
  REFUSED(TW_ERR_ADDRESS, tw_net_udp_send_to(sock, NULL, 9, some, 4));
  REFUSED(TW_ERR_ADDRESS, tw_net_udp_send_to(sock, "", 9, some, 4));
  REFUSED(TW_ERR_TOO_LARGE, tw_net_udp_send_to(sock, "127.0.0.1", 9, some, TOO_LARGE));
  REFUSED(TW_ERR_TOO_LARGE, tw_net_udp_send(sock, some, TOO_LARGE));
  REFUSED(TW_ERR_ADDRESS, tw_net_udp_join(sock, NULL, NULL));
  REFUSED(TW_ERR_ADDRESS, tw_net_udp_join(sock, "", NULL));
  REFUSED(TW_ERR_ADDRESS, tw_net_udp_join(sock, "127.0.0.1", NULL));
  REFUSED(TW_ERR_ADDRESS, tw_net_udp_join(sock, far, NULL));
  REFUSED(TW_ERR_ADDRESS, tw_net_udp_join(sock, "ff02::1", NULL));
  CHECK(tw_net_udp_join(sock, "239.1.2.3", "nowhere") == -1);
  CHECK(tw_net_udp_join(sock, "239.1.2.3", "::1") == -1);
  REFUSED(TW_ERR_HANDLE, tw_net_udp_join(listener, "239.1.2.3", NULL));
  CHECK(tw_net_udp_leave(sock, "239.1.2.3", NULL) == -1); /* it has not joined */
  if (sock6 > 0) {
    REFUSED(TW_ERR_ADDRESS, tw_net_udp_join(sock6, "239.1.2.3", NULL));
    CHECK(tw_net_udp_join(sock6, "ff02::1", "no-such-interface") == -1);
    CHECK(tw_net_udp_join(sock6, "ff01::7", "lo") == 0 && tw_net_udp_leave(sock6, "ff01::7", "lo") == 0);
    CHECK(tw_net_set_option(sock6, TW_OPTION_MULTICAST_TTL, 2) == 0);
    CHECK(tw_net_set_option(sock6, TW_OPTION_MULTICAST_LOOP, 0) == 0);
    CHECK(tw_net_set_option(sock6, TW_OPTION_TTL, 3) == 0);
  }
  tw_posix_stop();
}

static void test_options(void) {
  CHECK(tw_posix_start(NULL) == 0);
  int32_t sock = tw_net_udp_bind("127.0.0.1", 0);
  int32_t listener = tw_net_tcp_listen("127.0.0.1", 0);
  int32_t conn = tw_net_tcp_connect("192.0.2.1", 9); /* is not connected yet */
  static const struct {
    tw_option option;
    int32_t value;
  } bad[] = {{TW_OPTION_NO_DELAY, 1},
             {TW_OPTION_SEND_BUFFER, 0},
             {TW_OPTION_BROADCAST, 2},
             {TW_OPTION_MULTICAST_LOOP, 2},
             {TW_OPTION_MULTICAST_TTL, -1},
             {TW_OPTION_MULTICAST_TTL, 256},
             {TW_OPTION_TTL, 0},
             {TW_OPTION_TTL, 256},
             {(tw_option)99, 1}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    REFUSED(TW_ERR_ARGUMENT, tw_net_set_option(sock, bad[i].option, bad[i].value));
  REFUSED(TW_ERR_ARGUMENT, tw_net_set_option(listener, TW_OPTION_BROADCAST, 1));
  REFUSED(TW_ERR_ARGUMENT, tw_net_set_option(listener, TW_OPTION_MULTICAST_TTL, 1));
  REFUSED(TW_ERR_ARGUMENT, tw_net_set_option(conn, TW_OPTION_NO_DELAY, 2));
  REFUSED(TW_ERR_STATE, tw_net_set_option(conn, TW_OPTION_NO_DELAY, 1));
  REFUSED(TW_ERR_HANDLE, tw_net_set_option(-1, TW_OPTION_NO_DELAY, 1));
  CHECK(tw_net_set_option(sock, TW_OPTION_BROADCAST, 0) == 0 && tw_net_set_option(sock, TW_OPTION_TTL, 9) == 0);
  REFUSED(TW_ERR_ARGUMENT, tw_net_set_keep_alive(listener, 65536, 1, 1));
  REFUSED(TW_ERR_ARGUMENT, tw_net_set_keep_alive(listener, 1, 65536, 1));
  REFUSED(TW_ERR_ARGUMENT, tw_net_set_keep_alive(listener, 1, 1, 65536));
  REFUSED(TW_ERR_ARGUMENT, tw_net_set_keep_alive(listener, 1, 0, 1));
  REFUSED(TW_ERR_ARGUMENT, tw_net_set_keep_alive(listener, 1, 1, 0));
  CHECK(tw_net_set_keep_alive(conn, 1, 1, 1) == 0); /* once it is connected */
  REFUSED(TW_ERR_ARGUMENT, tw_net_set_tls(listener, NULL));
  REFUSED(TW_ERR_ARGUMENT, tw_net_set_tls(listener, &(tw_tls_options){.cert = "cert"}));
  REFUSED(TW_ERR_ARGUMENT, tw_net_set_tls(conn, &(tw_tls_options){.pin = "no fingerprint"}));
  REFUSED(TW_ERR_STATE, tw_net_start_tls(conn, NULL, NULL));
  char text[TW_MAX_ADDRESS + 1];
  REFUSED(TW_ERR_ARGUMENT, tw_net_target(conn, NULL, 1));
  REFUSED(TW_ERR_ARGUMENT, tw_net_target(conn, text, 0));
  REFUSED(TW_ERR_ARGUMENT, tw_net_local_addr(listener, NULL, 1));
  REFUSED(TW_ERR_ARGUMENT, tw_net_local_addr(listener, text, 0));
  REFUSED(TW_ERR_HANDLE, tw_net_target(-1, text, sizeof text));
  REFUSED(TW_ERR_HANDLE, tw_ws_state(conn) == TW_STATE_CLOSED ? tw_ws_abort(conn) : 0);
  CHECK(tw_net_target(conn, text, 4) >= 0 && strlen(text) == 3);
  CHECK(tw_net_target(conn, text, sizeof text) == 11 && strcmp(text, "192.0.2.1:9") == 0);
  char narrow[] = "x#";
  CHECK(tw_net_local_addr(conn, narrow, 1) == 0 && narrow[0] == 0 && narrow[1] == '#'); /* it has none yet */
  CHECK(tw_net_remote_addr(conn, text, sizeof text) == 0 && text[0] == 0);
  REFUSED(TW_ERR_STATE, tw_net_send(conn, some, 4));
  REFUSED(TW_ERR_TOO_LARGE, tw_net_send(conn, some, TOO_LARGE));
  tw_posix_stop();
}

/* Calls for TCP and UDP refuse WebSockets, and the other way round. */
static void test_kinds(void) {
  CHECK(tw_posix_start(NULL) == 0);
  int32_t conn = tw_net_tcp_connect("192.0.2.1", 9); /* is not connected yet */
  int32_t sock = tw_net_udp_bind("127.0.0.1", 0);
  int32_t ws = tw_ws_open("ws://192.0.2.1:9/");
  char text[TW_MAX_ADDRESS + 1] = "old";
  tw_stats stats;
  REFUSED(TW_ERR_HANDLE, tw_net_target(ws, text, sizeof text));
  CHECK(text[0] == 0);
  REFUSED(TW_ERR_HANDLE, tw_ws_target(conn, text, sizeof text));
  REFUSED(TW_ERR_HANDLE, tw_ws_target(sock, text, sizeof text));
  REFUSED(TW_ERR_HANDLE, tw_net_stats(ws, &stats));
  REFUSED(TW_ERR_HANDLE, tw_ws_stats(conn, &stats));
  REFUSED(TW_ERR_HANDLE, tw_net_buffered_amount(ws));
  REFUSED(TW_ERR_HANDLE, tw_ws_buffered_amount(conn));
  REFUSED(TW_ERR_HANDLE, tw_net_pause(ws));
  REFUSED(TW_ERR_HANDLE, tw_ws_pause(conn));
  REFUSED(TW_ERR_HANDLE, tw_net_abort(ws));
  REFUSED(TW_ERR_HANDLE, tw_ws_abort(conn));
  REFUSED(TW_ERR_HANDLE, tw_net_close(ws));
  REFUSED(TW_ERR_HANDLE, tw_ws_close(conn));
  REFUSED(TW_ERR_HANDLE, tw_ws_send(conn, "x"));
  REFUSED(TW_ERR_HANDLE, tw_net_send(ws, some, 4));
  CHECK(tw_net_state(ws) == TW_STATE_CLOSED && tw_ws_state(conn) == TW_STATE_CLOSED);
  CHECK(tw_net_state(conn) == TW_STATE_CONNECTING && tw_ws_state(ws) == TW_STATE_CONNECTING);
  CHECK(tw_net_state(sock) == TW_STATE_OPEN && tw_ws_state(sock) == TW_STATE_CLOSED);
  CHECK(tw_net_target(conn, text, sizeof text) > 0 && tw_ws_target(ws, text, sizeof text) > 0);
  CHECK(tw_net_abort(conn) == 0 && tw_net_close(sock) == 0 && tw_ws_abort(ws) == 0);
  tw_posix_stop();
}

/* ---- Servers -------------------------------------------------------------------------------------------------- */

static int requests, messages, answered;

/* Fields of one name are joined; what does not fit is cut, and nothing is written behind the buffer. */
static void check_cuts(const HttpRequest *e) {
  for (size_t capacity = 1; capacity <= sizeof "a, bc"; capacity++) {
    char text[8];
    memset(text, '#', sizeof text);
    CHECK(tw_http_header(e, "x-twice", text, capacity) == 5);
    CHECK(memcmp(text, "a, bc", capacity - 1) == 0 && text[capacity - 1] == 0 && text[capacity] == '#');
  }
}

static void on_request(const HttpRequest *e, void *ctx) {
  (void)ctx;
  char text[16];
  static const tw_ws_field nameless[] = {{NULL, "x"}};
  requests++;
  if (e->upgrade) {
    static const tw_ws_field bad[] = {{"X-Own", NULL}};
    static const char *const protocols[] = {NULL, "chat"};
    REFUSED(TW_ERR_ARGUMENT, tw_ws_accept(e->sock, &(tw_ws_accept_options){.heartbeat_interval_ms = 1}));
    CHECK(tw_ws_accept(e->sock, &(tw_ws_accept_options){.headers = bad, .header_count = 1}) == -1);
    CHECK(tw_ws_accept(e->sock, &(tw_ws_accept_options){.headers = nameless, .header_count = 1}) == -1);
    REFUSED(TW_ERR_ARGUMENT,
            tw_ws_accept(e->sock, &(tw_ws_accept_options){.deflate = &(tw_ws_deflate_options){.level = 10}}));
    CHECK(tw_ws_accept(e->sock, &(tw_ws_accept_options){.protocols = protocols, .protocol_count = 2}) == 0);
    REFUSED(TW_ERR_STATE, tw_ws_accept(e->sock, NULL));
    return;
  }
  REFUSED(TW_ERR_STATE, tw_ws_accept(e->sock, NULL)); /* it asks for no WebSocket */
  REFUSED(TW_ERR_ARGUMENT, tw_http_header(NULL, "Host", text, sizeof text));
  REFUSED(TW_ERR_ARGUMENT, tw_http_header(e, NULL, text, sizeof text));
  REFUSED(TW_ERR_ARGUMENT, tw_http_header(e, "Host", NULL, sizeof text));
  REFUSED(TW_ERR_ARGUMENT, tw_http_header(e, "Host", text, 0));
  CHECK(tw_http_header(e, "x-blank", text, sizeof text) >= 0 && strcmp(text, "a b") == 0);
  check_cuts(e);
  CHECK(tw_http_respond_with(e->sock, NULL) == -1);
  CHECK(tw_http_respond_with(e->sock, &(tw_http_response){.status = 199}) == -1);
  CHECK(tw_http_respond_with(e->sock, &(tw_http_response){.status = 600}) == -1);
  CHECK(tw_http_respond_with(e->sock, &(tw_http_response){.status = 200, .size = 1}) == -1);
  CHECK(tw_http_respond_with(e->sock, &(tw_http_response){.status = 200, .header_count = 1}) == -1);
  CHECK(tw_http_respond_with(e->sock, &(tw_http_response){.status = 200, .body = some, .size = TOO_LARGE}) == -1);
  CHECK(tw_http_respond_with(e->sock, &(tw_http_response){.status = 200, .headers = nameless, .header_count = 1}) ==
        -1);
  CHECK(tw_http_respond(e->sock, 200, "text/plain", "fine", 4) >= 0);
}

static void on_response(const NetData *e, void *ctx) {
  (void)ctx;
  answered += strstr(e->data, "\r\n\r\nfine") != NULL;
}

static void ask(const NetConnected *e, void *ctx) {
  (void)ctx;
  static const char request[] = "GET / HTTP/1.1\r\nHost: x.example\r\nX-Twice: a\r\n"
                                "X-Blank: \t a b \t\r\nx-twice: bc\r\n\r\n";
  tw_net_send(e->sock, request, sizeof request - 1);
}

static void on_message(const WsMessage *e, void *ctx) {
  (void)ctx;
  messages += e->size == 4;
}

static void on_open(const WsConnected *e, void *ctx) { *(int32_t *)ctx = e->conn; }

static void send_message(const WsConnected *e, void *ctx) {
  (void)ctx;
  static char reason[TW_MAX_REASON + 2];
  memset(reason, 'r', sizeof reason - 1);
  REFUSED(TW_ERR_WS_UTF8, tw_ws_send_text(e->conn, "\xff", 1));
  REFUSED(TW_ERR_TOO_LARGE, tw_ws_send_binary(e->conn, some, TOO_LARGE));
  REFUSED(TW_ERR_ARGUMENT, tw_ws_ping_with(e->conn, reason, TW_MAX_CONTROL + 1));
  REFUSED(TW_ERR_ARGUMENT, tw_ws_close_with(e->conn, 999, NULL));
  REFUSED(TW_ERR_ARGUMENT, tw_ws_close_with(e->conn, 1000, reason));
  REFUSED(TW_ERR_ARGUMENT, tw_ws_set_heartbeat(e->conn, 1, 0));
  CHECK(tw_ws_send(e->conn, some) == 4);
}

static void test_servers(void) {
  CHECK(tw_posix_start(NULL) == 0);
  int32_t served = 0;
  int32_t result = 0;
  int32_t server = tw_ws_listen("127.0.0.1", 0, NULL);
  CHECK(tw_http_on(server, on_request, NULL) == 0 && tw_ws_on(server, on_message, NULL) == 0);
  CHECK(tw_ws_on(server, on_open, &served) == 0);
  int32_t client = tw_net_tcp_connect("127.0.0.1", port_of(server));
  tw_net_on(client, ask, NULL);
  tw_net_on(client, on_response, NULL);
  CHECK(until(&answered, 1));
  REFUSED(TW_ERR_STATE, tw_ws_accept(server, NULL));
  REFUSED(TW_ERR_HANDLE, tw_ws_accept(-1, NULL));
  char url[64];
  snprintf(url, sizeof url, "ws://127.0.0.1:%d/", (int)port_of(server));
  static const char *const protocols[] = {"chat"};
  int32_t conn = tw_ws_open_with(url, &(tw_ws_options){.protocols = protocols, .protocol_count = 1});
  tw_ws_on(conn, send_message, NULL);
  CHECK(until(&messages, 1) && requests == 2 && served > 0);
  REFUSED(TW_ERR_ARGUMENT, tw_ws_broadcast(NULL, 1, false, some, 4, NULL));
  REFUSED(TW_ERR_ARGUMENT, tw_ws_broadcast(&served, 1, false, NULL, 4, NULL));
  REFUSED(TW_ERR_TOO_LARGE, tw_ws_broadcast(&served, 1, false, some, TOO_LARGE, NULL));
  REFUSED(TW_ERR_WS_UTF8, tw_ws_broadcast(&served, 1, false, "\xff", 1, NULL));
  int32_t both[] = {served, client};
  int32_t results[2];
  CHECK(tw_ws_broadcast(both, 2, true, some, 4, results) == 1 && results[0] == 4 && results[1] < 0);
  CHECK(tw_ws_broadcast(&served, 1, false, NULL, 0, &result) == 1 && result == 0);
  tw_posix_stop();
}

static char answer[512];
static size_t answer_size;
static int answers;

static void on_answer(const NetData *e, void *ctx) {
  (void)ctx;
  size_t size = (size_t)e->size < sizeof answer - 1 - answer_size ? (size_t)e->size : sizeof answer - 1 - answer_size;
  memcpy(answer + answer_size, e->data, size);
  answer_size += size;
  answer[answer_size] = 0;
  answers += strstr(answer, "\r\n\r\n") != NULL;
}

/* Asks a server, and waits for the head of its answer. */
static bool answered_with(int32_t server, const char *text) {
  answer_size = 0;
  answers = 0;
  int32_t client = tw_net_tcp_connect("127.0.0.1", port_of(server));
  tw_net_on(client, ask, NULL);
  tw_net_on(client, on_answer, NULL);
  return until(&answers, 1) && strstr(answer, text) != NULL;
}

/* What a server answers that has no listener for the request. RFC 9110 15.5.5, 15.5.22 */
static void test_without_listeners(void) {
  CHECK(tw_posix_start(NULL) == 0);
  int32_t websockets = tw_ws_listen("127.0.0.1", 0, NULL);
  CHECK(answered_with(websockets, "HTTP/1.1 426 ") && strstr(answer, "\r\nUpgrade: websocket\r\n") != NULL);
  int32_t nothing = tw_http_listen("127.0.0.1", 0, NULL);
  CHECK(answered_with(nothing, "HTTP/1.1 404 "));
  tw_posix_stop();
}

int main(void) {
  RUN(test_without_a_loop);
  RUN(test_opening);
  RUN(test_udp);
  RUN(test_options);
  RUN(test_kinds);
  RUN(test_servers);
  RUN(test_without_listeners);
  return check_end();
}
