/* web: HTTP with calls that wait (http.h): requests to servers that answer as instructed, and requests of clients
 * that send what they are instructed to send. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "twinwire/http.h"

enum { LONG = 20000 };

static bool says(const char *text) {
  if (strstr(tw_last_error_message(), text) != NULL)
    return true;
  printf("message: %s\n", tw_last_error_message());
  return false;
}

static bool same(const char *a, const char *b) {
  if (a != NULL && strcmp(a, b) == 0)
    return true;
  printf("\"%s\", not \"%s\"\n", a == NULL ? "NULL" : a, b);
  return false;
}

/* ---- A server that answers as instructed ------------------------------------------------------------------------ */

typedef struct script {
  const char *answers[8]; /* one for each connection: sent when the request's head has come; then it closes */
  char heads[8][2048];    /* what came */
  int32_t listener;
  int count;
  char url[TW_MAX_ADDRESS + 16];
  pthread_t thread;
} script;

static void *follow(void *ctx) {
  script *it = ctx;
  for (; it->count < 8 && it->answers[it->count] != NULL; it->count++) {
    int32_t conn = tw_accept(it->listener);
    if (conn < 0)
      break;
    char *head = it->heads[it->count];
    size_t size = 0;
    tw_set_deadline(conn, LONG);
    while (size < sizeof it->heads[0] - 1 && strstr(head, "\r\n\r\n") == NULL && tw_read(conn, head + size, 1) == 1)
      head[++size] = 0;
    const char *length = strstr(head, "ength: ");
    for (long left = length == NULL ? 0 : strtol(length + 7, NULL, 10); left > 0; left--)
      if (tw_read(conn, head + size, 1) == 1)
        head[++size] = 0;
    const char *chunked = strstr(head, "chunked");
    while (chunked != NULL && strstr(head, "\r\n0\r\n\r\n") == NULL && tw_read(conn, head + size, 1) == 1)
      head[++size] = 0;
    tw_write_all(conn, it->answers[it->count], strlen(it->answers[it->count]));
    tw_conn_close(conn);
  }
  return NULL;
}

static void begin(script *it) {
  char address[TW_MAX_ADDRESS + 1];
  it->listener = tw_listen("tcp", "127.0.0.1:0", NULL);
  tw_listener_addr(it->listener, address, sizeof address);
  snprintf(it->url, sizeof it->url, "http://%s", address);
  pthread_create(&it->thread, NULL, follow, it);
}

static void end(script *it) {
  tw_listener_close(it->listener);
  pthread_join(it->thread, NULL);
}

static bool sent(const script *it, int i, const char *text) {
  if (strstr(it->heads[i], text) != NULL)
    return true;
  printf("%s\n", it->heads[i]);
  return false;
}

static int32_t get(const script *it, const char *path, tw_http_message *response) {
  char url[512];
  snprintf(url, sizeof url, "%s%s", it->url, path);
  return tw_http_request(&(tw_http_order){.url = url, .timeout_ms = LONG}, response);
}

/* ---- Requests ------------------------------------------------------------------------------------------------ */

static void a_request_has_a_response(void) {
  script it = {
      .answers = {"HTTP/1.1 200 Fine\r\nX-A:  one  \r\nContent-Length: 5\r\nx-a: two\r\n\r\nhello",
                  "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n",
                  "HTTP/1.0 404 Not Found\r\n\r\nuntil the end",
                  "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"}};
  tw_http_message response;
  begin(&it);
  CHECK_IS(200, get(&it, "/a/b?c=d#e", &response));
  CHECK(sent(&it, 0, "GET /a/b?c=d HTTP/1.1\r\nHost: 127.0.0.1:") && sent(&it, 0, "connection: close\r\n"));
  CHECK(same(response.reason, "Fine") && same(response.version, "HTTP/1.1") && same(response.body, "hello"));
  CHECK(response.field_count == 3 && same(tw_http_value(&response, "x-A"), "one"));
  CHECK(response.body_size == 5 && response.has_body && response.keep_alive);
  CHECK(tw_http_value(&response, "none") == NULL && tw_http_value(NULL, "x") == NULL);
  tw_http_free(&response);
  tw_http_free(&response);
  tw_http_free(NULL);
  CHECK_IS(200, get(&it, "", &response));
  CHECK(sent(&it, 1, "GET / HTTP/1.1\r\n") && same(response.body, "abcde") && same(response.reason, ""));
  tw_http_free(&response);
  CHECK_IS(404, get(&it, "?q", &response));
  CHECK(sent(&it, 2, "GET /?q HTTP/1.1\r\n") && same(response.body, "until the end") && !response.keep_alive);
  tw_http_free(&response);
  CHECK_IS(204, get(&it, "/", &response));
  CHECK(response.body_size == 0 && same(response.body, "") && !response.has_body);
  tw_http_free(&response);
  end(&it);
}

static int32_t three_parts(void *buffer, size_t capacity, void *ctx) {
  int *left = ctx;
  if (*left == 0)
    return 0;
  memset(buffer, '0' + *left, 20);
  return (*left)-- > 0 && capacity >= 20 ? 20 : -1;
}

static bool add_up(const void *data, size_t size, void *ctx) {
  (void)data;
  *(size_t *)ctx += size;
  return true;
}

static bool refuse(const void *data, size_t size, void *ctx) {
  (void)data, (void)size, (void)ctx;
  return false;
}

static void bodies_go_and_come(void) {
  static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
  script it = {.answers = {ok, ok, ok, ok, ok}};
  tw_http_message response;
  tw_http_pair fields[] = {{"X-Own", "1"}, {"Host", "other.example"}, {"Content-Length", "4"}};
  begin(&it);
  tw_http_order order = {.method = "POST", .url = it.url, .fields = fields, .field_count = 3, .timeout_ms = LONG};
  order.body = "body";
  order.body_size = 4;
  CHECK_IS(200, tw_http_request(&order, &response));
  CHECK(sent(&it, 0, "POST / HTTP/1.1\r\nHost: other.example\r\nX-Own: 1\r\nContent-Length: 4\r\n") &&
        sent(&it, 0, "\r\n\r\nbody"));
  tw_http_free(&response);
  fields[2].value = "5";
  CHECK_IS(TW_ERR_HTTP_LENGTH, tw_http_request(&order, &response));
  tw_http_free(&response);
  int left = 3;
  size_t total = 0;
  tw_http_order parts = {.method = "PUT", .url = it.url, .source = three_parts, .ctx = &left, .timeout_ms = LONG};
  CHECK_IS(200, tw_http_request(&parts, &response));
  CHECK(sent(&it, 2, "14\r\n33333333333333333333\r\n14\r\n")); /* the refused request had the second connection */
  tw_http_free(&response);
  tw_http_order in = {.url = it.url, .sink = add_up, .ctx = &total, .timeout_ms = LONG};
  CHECK_IS(200, tw_http_request(&in, &response));
  CHECK(total == 10 && response.body_size == 0 && response.body == NULL);
  tw_http_free(&response);
  in.sink = refuse;
  CHECK_IS(TW_ERR_ABORTED, tw_http_request(&in, &response));
  tw_http_free(&response);
  end(&it);
}

static void heads_and_bodies_are_bounded(void) {
  script it = {.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789",
                           "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n012", "", "SSH-2.0\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", "HTTP/1.1 200 OK\nX: y\n\n"}};
  tw_http_message response;
  begin(&it);
  CHECK_IS(TW_ERR_BODY_TOO_LARGE,
           tw_http_request(&(tw_http_order){.url = it.url, .max_body = 9, .timeout_ms = LONG}, &response));
  tw_http_free(&response);
  CHECK_IS(TW_ERR_ENDED, get(&it, "/", &response));
  CHECK(response.status == 200 && same(response.body, "012")); /* what came is there */
  tw_http_free(&response);
  CHECK_IS(TW_ERR_UNEXPECTED_EOF, get(&it, "/", &response));
  tw_http_free(&response);
  CHECK_IS(TW_ERR_HTTP, get(&it, "/", &response));
  tw_http_free(&response);
  CHECK_IS(200, tw_http_request(&(tw_http_order){.method = "HEAD", .url = it.url, .timeout_ms = LONG}, &response));
  CHECK(sent(&it, 4, "HEAD / HTTP/1.1\r\n") && response.body_size == 0);
  tw_http_free(&response);
  CHECK_IS(TW_ERR_HTTP, get(&it, "/", &response));
  tw_http_free(&response);
  end(&it);
}

static void redirects_are_followed_if_asked(void) {
  char away[256];
  script there = {.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthere"}};
  begin(&there);
  snprintf(away, sizeof away, "HTTP/1.1 307 Away\r\nLocation: %s/x\r\nContent-Length: 0\r\n\r\n", there.url);
  script it = {.answers = {"HTTP/1.1 302 Found\r\nLocation: ../c?d\r\nContent-Length: 0\r\n\r\n", away,
                           "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 2\r\n\r\nno",
                           "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 2\r\n\r\nno",
                           "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 2\r\n\r\nno",
                           "HTTP/1.1 301 Moved\r\nLocation: ftp://x/\r\nContent-Length: 0\r\n\r\n",
                           "HTTP/1.1 308 Moved\r\nLocation: //127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"}};
  tw_http_message response;
  tw_http_pair fields[] = {{"Authorization", "secret"}, {"Cookie", "secret"}, {"X-Open", "1"}};
  char url[256];
  begin(&it);
  snprintf(url, sizeof url, "%s/a/b", it.url);
  tw_http_order order = {.method = "POST", .url = url, .fields = fields, .field_count = 3, .timeout_ms = LONG};
  order.body = "b";
  order.body_size = 1;
  order.max_redirects = 3;
  CHECK_IS(200, tw_http_request(&order, &response));
  CHECK(sent(&it, 0, "POST /a/b ") && sent(&it, 0, "secret") && sent(&it, 1, "GET /c?d ") && sent(&it, 1, "secret"));
  CHECK(sent(&there, 0, "GET /x ") && sent(&there, 0, "X-Open: 1") && strstr(there.heads[0], "secret") == NULL);
  CHECK(response.redirects == 2 && same(response.body, "there") && strstr(response.url, "/x") != NULL);
  tw_http_free(&response);
  CHECK_IS(302, get(&it, "/", &response));
  CHECK(same(response.body, "no"));
  tw_http_free(&response);
  order.max_redirects = 1;
  CHECK_IS(TW_ERR_REDIRECT, tw_http_request(&order, &response));
  CHECK(response.status == 302 && response.redirects == 1);
  tw_http_free(&response);
  CHECK_IS(TW_ERR_REDIRECT, tw_http_request(&order, &response));
  tw_http_free(&response);
  int left = 1;
  tw_http_order parts = {.method = "PUT", .url = it.url, .source = three_parts, .ctx = &left, .max_redirects = 1};
  CHECK_IS(TW_ERR_REDIRECT, tw_http_request(&parts, &response));
  tw_http_free(&response);
  end(&it);
  end(&there);
}

/* A policy holds for the URL, for what its name resolves to, for redirects, and for connections that are kept. */
static void a_policy_holds_for_each_address(void) {
  char away[256];
  tw_http_message response;
  script there = {.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthere"}};
  begin(&there);
  snprintf(away, sizeof away, "HTTP/1.1 302 Away\r\nLocation: http://127.0.0.2:%s/\r\nContent-Length: 0\r\n\r\n",
           strrchr(there.url, ':') + 1);
  script it = {.answers = {away, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere"}};
  begin(&it);
  tw_http_order order = {.url = it.url, .policy = "-private", .max_redirects = 1, .timeout_ms = LONG};
  CHECK_IS(TW_ERR_POLICY, tw_http_request(&order, &response));
  CHECK(says("ERR_POLICY: tw_http_request http://127.0.0.1:"));
  tw_http_free(&response);
  order.policy = "-private,+127.0.0.1";
  CHECK_IS(TW_ERR_POLICY, tw_http_request(&order, &response));
  CHECK(sent(&it, 0, "GET / "));
  tw_http_free(&response);
  CHECK_IS(200, tw_http_request(&order, &response));
  CHECK(same(response.body, "here"));
  tw_http_free(&response);
  order.url = "http://localhost:9/";
  order.policy = "-private";
  CHECK_IS(TW_ERR_POLICY, tw_http_request(&order, &response));
  tw_http_free(&response);
  order.policy = "private";
  CHECK_IS(TW_ERR_ARGUMENT, tw_http_request(&order, &response));
  tw_http_free(&response);
  order.policy = "-private";
  order.proxy = it.url;
  CHECK_IS(TW_ERR_ARGUMENT, tw_http_request(&order, &response));
  tw_http_free(&response);
  CHECK_IS(200, get(&there, "/", &response)); /* no one else has asked this one */
  tw_http_free(&response);
  end(&it);
  end(&there);
}

static void a_proxy_is_asked(void) {
  script it = {.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nproxy", "HTTP/1.1 407 No\r\n\r\n"}};
  tw_http_message response;
  char proxy[256];
  begin(&it);
  snprintf(proxy, sizeof proxy, "http://user:p%%40ss@%s", it.url + 7);
  tw_http_order order = {.url = "http://name:word@far.example:8080/x", .proxy = proxy, .timeout_ms = LONG};
  CHECK_IS(200, tw_http_request(&order, &response));
  CHECK(sent(&it, 0, "GET http://far.example:8080/x HTTP/1.1\r\nHost: far.example:8080\r\n"));
  CHECK(sent(&it, 0, "Authorization: Basic bmFtZTp3b3Jk\r\n"));
  CHECK(sent(&it, 0, "Proxy-Authorization: Basic dXNlcjpwQHNz\r\n"));
  tw_http_free(&response);
  order.url = "https://far.example/";
  CHECK_IS(TW_ERR_PROXY, tw_http_request(&order, &response));
  CHECK(sent(&it, 1, "CONNECT far.example:443 HTTP/1.1\r\n"));
  tw_http_free(&response);
  end(&it);
}

static void bad_requests_are_refused(void) {
  tw_http_message response;
  static const char *const urls[] = {"",
                                     "ftp://x/",
                                     "http:/x",
                                     "http://",
                                     "http:///x",
                                     "http://a b/",
                                     "http://a/\r\nX: y",
                                     "http://[::1/",
                                     "http://::1/",
                                     "http://a\"b/",
                                     "http://%zz@a/",
                                     "http://a/\x80"};
  for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
    CHECK_IS(TW_ERR_URL, tw_http_request(&(tw_http_order){.url = urls[i]}, &response));
  CHECK_IS(TW_ERR_PORT, tw_http_request(&(tw_http_order){.url = "http://a:0/"}, &response));
  CHECK_IS(TW_ERR_PORT, tw_http_request(&(tw_http_order){.url = "http://a:65536/"}, &response));
  char *huge = malloc(20000);
  memset(huge, 'a', 19999);
  huge[19999] = 0;
  memcpy(huge, "http://a/", 9);
  CHECK_IS(TW_ERR_URL, tw_http_request(&(tw_http_order){.url = huge}, &response));
  free(huge);
  CHECK_IS(TW_ERR_ARGUMENT, tw_http_request(NULL, &response));
  CHECK_IS(TW_ERR_ARGUMENT, tw_http_request(&(tw_http_order){.url = "http://a/"}, NULL));
  CHECK_IS(TW_ERR_ARGUMENT, tw_http_request(&(tw_http_order){0}, &response));
  CHECK_IS(TW_ERR_ARGUMENT, tw_http_request(&(tw_http_order){.url = "http://a/", .body_size = 1}, &response));
  CHECK_IS(TW_ERR_ARGUMENT, tw_http_request(&(tw_http_order){.url = "http://a/", .field_count = 1}, &response));
  CHECK_IS(TW_ERR_ARGUMENT, tw_http_request(&(tw_http_order){.url = "http://a/", .max_redirects = 101}, &response));
  CHECK_IS(TW_ERR_ARGUMENT, tw_http_request(&(tw_http_order){.url = "http://a/", .timeout_ms = 86400001}, &response));
  CHECK_IS(TW_ERR_ARGUMENT, tw_http_request(&(tw_http_order){.url = "http://a/", .proxy = "socks://x"}, &response));
  CHECK(says("a proxy is"));
  CHECK_IS(TW_ERR_HEADER, tw_http_request(&(tw_http_order){.url = "http://a/", .method = "GET /\r\n"}, &response));
  CHECK_IS(TW_ERR_HEADER, tw_http_request(&(tw_http_order){.url = "http://a/", .method = ""}, &response));
  static const tw_http_pair bad[] = {
      {"X: y", "z"},          {"X", "a\r\nY: b"}, {"", "x"}, {NULL, "x"}, {"X", NULL}, {"Transfer-Encoding", "chunked"},
      {"Content-Length", "x"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    script it = {.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}};
    begin(&it);
    CHECK_IS(TW_ERR_HEADER,
             tw_http_request(&(tw_http_order){.url = it.url, .fields = &bad[i], .field_count = 1}, &response));
    CHECK(it.heads[0][0] == 0); /* nothing was sent */
    tw_http_free(&response);
    end(&it);
  }
}

static void an_exchange_ends_in_time(void) {
  char url[TW_MAX_ADDRESS + 16] = "http://";
  tw_http_message response;
  int32_t listener = tw_listen("tcp", "127.0.0.1:0", NULL);
  tw_listener_addr(listener, url + 7, TW_MAX_ADDRESS + 1);
  CHECK_IS(TW_ERR_TIMEOUT, tw_http_request(&(tw_http_order){.url = url, .timeout_ms = 200}, &response));
  CHECK(says("ERR_TIMEOUT: tw_http_request http://127.0.0.1:"));
  tw_http_free(&response);
  CHECK_IS(0, tw_listener_close(listener));
  CHECK_IS(TW_ERR_REFUSED, tw_http_request(&(tw_http_order){.url = url}, &response));
  tw_http_free(&response);
}

/* ---- Serving ------------------------------------------------------------------------------------------------- */

typedef struct served {
  int32_t client;
  int32_t server;
  int32_t listener;
} served;

static served make_served(void) {
  char address[TW_MAX_ADDRESS + 1];
  served it = {.listener = tw_listen("tcp", "127.0.0.1:0", NULL)};
  tw_listener_addr(it.listener, address, sizeof address);
  it.client = tw_dial("tcp", address, NULL);
  it.server = tw_accept(it.listener);
  tw_set_deadline(it.client, LONG);
  tw_set_deadline(it.server, LONG);
  return it;
}

static void end_served(served it) {
  tw_conn_close(it.client);
  tw_conn_close(it.server);
  tw_listener_close(it.listener);
}

static void put(int32_t conn, const char *text) { CHECK_IS(0, tw_write_all(conn, text, strlen(text))); }

static bool reads(int32_t conn, const char *text) {
  char data[512];
  if (tw_read_exact(conn, data, strlen(text)) == (int32_t)strlen(text) && memcmp(data, text, strlen(text)) == 0)
    return true;
  printf("not \"%s\"\n", text);
  return false;
}

static void requests_are_read_and_answered(void) {
  served it = make_served();
  tw_http_message request;
  put(it.client, "POST /a%20b?c=d HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
                 "GET / HTTP/1.1\r\nHost: x\r\n\r\nHEAD / HTTP/1.1\r\nHost: x\r\n\r\nrest");
  CHECK_IS(0, tw_http_read_request(it.server, 0, &request));
  CHECK(same(request.method, "POST") && same(request.path, "/a%20b") && same(request.query, "c=d"));
  CHECK(same(request.version, "HTTP/1.1") && same(request.body, "body") && request.keep_alive);
  tw_http_pair fields[] = {{"x", "y"}};
  CHECK_IS(
      1,
      tw_http_write_response(
          it.server,
          &(tw_http_answer){
              .status = 201, .request = &request, .fields = fields, .field_count = 1, .body = "made", .body_size = 4}));
  CHECK(reads(it.client, "HTTP/1.1 201 Created\r\nx: y\r\ncontent-length: 4\r\n\r\nmade"));
  tw_http_free(&request);
  CHECK_IS(0, tw_http_read_request(it.server, 0, &request));
  CHECK(same(request.method, "GET") && same(request.query, "") && !request.has_body);
  int left = 2;
  CHECK_IS(1,
           tw_http_write_response(
               it.server, &(tw_http_answer){.status = 299, .request = &request, .source = three_parts, .ctx = &left}));
  CHECK(reads(it.client, "HTTP/1.1 299 \r\ntransfer-encoding: chunked\r\n\r\n14\r\n22222222222222222222\r\n14\r\n"
                         "11111111111111111111\r\n0\r\n\r\n"));
  tw_http_free(&request);
  CHECK_IS(0, tw_http_read_request(it.server, 0, &request));
  CHECK_IS(0, tw_http_write_response(
                  it.server,
                  &(tw_http_answer){.status = 200, .request = &request, .body = "abc", .body_size = 3, .close = true}));
  CHECK(reads(it.client, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 3\r\n\r\n"));
  tw_http_free(&request);
  char rest[8];
  CHECK_IS(0, tw_read(it.client, rest, sizeof rest)); /* our half has ended */
  CHECK_IS(4, tw_read(it.server, rest, sizeof rest)); /* what is behind the requests is left */
  CHECK_IS(TW_ERR_STATE, tw_http_write_response(it.server, &(tw_http_answer){.status = 200}));
  end_served(it);
}

static void clients_of_http_1_0_and_those_that_wait(void) {
  served it = make_served();
  tw_http_message request;
  put(it.client, "PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok");
  CHECK_IS(0, tw_http_read_request(it.server, 0, &request));
  CHECK(reads(it.client, "HTTP/1.1 100 Continue\r\n\r\n") && same(request.body, "ok"));
  CHECK_IS(1, tw_http_write_response(it.server, &(tw_http_answer){.status = 204, .request = &request}));
  CHECK(reads(it.client, "HTTP/1.1 204 No Content\r\n\r\n"));
  CHECK_IS(TW_ERR_ARGUMENT,
           tw_http_write_response(it.server, &(tw_http_answer){.status = 204, .body = "x", .body_size = 1}));
  tw_http_free(&request);
  put(it.client, "GET / HTTP/1.0\r\n\r\n");
  CHECK_IS(0, tw_http_read_request(it.server, 0, &request));
  int left = 1;
  CHECK(same(request.version, "HTTP/1.0") && !request.keep_alive);
  CHECK_IS(0,
           tw_http_write_response(
               it.server, &(tw_http_answer){.status = 200, .request = &request, .source = three_parts, .ctx = &left}));
  CHECK(reads(it.client, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n11111111111111111111"));
  tw_http_free(&request);
  CHECK_IS(0, tw_close_write(it.client));
  CHECK_IS(TW_ERR_UNEXPECTED_EOF, tw_http_read_request(it.server, 0, &request));
  tw_http_free(&request);
  end_served(it);
}

static void malformed_requests_say_what_to_answer(void) {
  static const struct {
    const char *text;
    int32_t error;
    int32_t status;
  } cases[] = {{"GET /\r\n\r\n", TW_ERR_HTTP, 400},
               {"GET / HTTP/1.1\r\n\r\n", TW_ERR_HTTP, 400},
               {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", TW_ERR_HTTP_VERSION, 505},
               {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n", TW_ERR_BODY_TOO_LARGE, 413},
               {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", TW_ERR_HTTP_CODING, 501}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    served it = make_served();
    tw_http_message request;
    put(it.client, cases[i].text);
    CHECK_IS(cases[i].error, tw_http_read_request(it.server, 10, &request));
    CHECK_IS(cases[i].status, request.status);
    tw_http_free(&request);
    end_served(it);
  }
  served it = make_served();
  tw_http_message request;
  put(it.client, "GET / HTTP/1.1\r\nHo");
  CHECK_IS(0, tw_close_write(it.client));
  CHECK_IS(TW_ERR_ENDED, tw_http_read_request(it.server, 10, &request));
  tw_http_free(&request);
  CHECK_IS(TW_ERR_ARGUMENT, tw_http_read_request(it.server, 0, NULL));
  CHECK_IS(TW_ERR_ARGUMENT, tw_http_read_request(it.server, 0x80000000u, &request));
  CHECK_IS(TW_ERR_HANDLE, tw_http_read_request(0, 0, &request));
  CHECK_IS(TW_ERR_ARGUMENT, tw_http_write_response(it.server, NULL));
  CHECK_IS(TW_ERR_ARGUMENT, tw_http_write_response(it.server, &(tw_http_answer){.status = 100}));
  CHECK_IS(TW_ERR_ARGUMENT, tw_http_write_response(it.server, &(tw_http_answer){.status = 600}));
  CHECK_IS(TW_ERR_HEADER, tw_http_write_response(it.server, &(tw_http_answer){.status = 200, .reason = "a\nb"}));
  end_served(it);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  tw_http_set_pool(0, 0); /* pool.c has the kept ones */
  RUN(a_request_has_a_response);
  RUN(bodies_go_and_come);
  RUN(heads_and_bodies_are_bounded);
  RUN(redirects_are_followed_if_asked);
  RUN(a_policy_holds_for_each_address);
  RUN(a_proxy_is_asked);
  RUN(bad_requests_are_refused);
  RUN(an_exchange_ends_in_time);
  RUN(requests_are_read_and_answered);
  RUN(clients_of_http_1_0_and_those_that_wait);
  RUN(malformed_requests_say_what_to_answer);
  CHECK_IS(0, tw_engine_stop());
  return check_end();
}
