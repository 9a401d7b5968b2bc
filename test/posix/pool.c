/* pool: connections that tw_http_request keeps, against a server that does what the path says; and trailers. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "twinwire/http.h"

enum { LONG = 20000, THREADS = 8, REQUESTS = 20, SHORT_MS = 30 };

static atomic_int connections, ended, requests;
static char url[TW_MAX_ADDRESS + 16];

static bool is(const tw_http_message *request, const char *path) { return strcmp(request->path, path) == 0; }

static int32_t write_text(int32_t conn, const char *text) { return tw_write_all(conn, text, strlen(text)); }

/* Returns whether the connection goes on. */
static bool answer(int32_t conn, const tw_http_message *request) {
  static const tw_http_pair soon[] = {{"Keep-Alive", "timeout=1"}};
  tw_http_answer response = {.status = 200, .request = request, .body = "ok", .body_size = 2};
  if (is(request, "/close"))
    response.close = true;
  if (is(request, "/soon")) {
    response.fields = soon;
    response.field_count = 1;
  }
  if (is(request, "/trailers"))
    return write_text(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
                            "Digest:  abc \r\nX-Empty:\r\n\r\n") == 0;
  if (is(request, "/extra"))
    return write_text(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n") == 0;
  return tw_http_write_response(conn, &response) == 1 && !is(request, "/bye");
}

static void serve(int32_t conn, void *ctx) {
  (void)ctx;
  bool goes_on = true, drops_next = false;
  connections++;
  while (goes_on) {
    tw_http_message request;
    goes_on = tw_http_read_request(conn, 0, &request) == 0;
    if (goes_on) {
      requests++;
      goes_on = !drops_next && answer(conn, &request);
      drops_next = is(&request, "/stale");
    }
    tw_http_free(&request);
  }
  ended++;
  tw_conn_close(conn);
}

static int32_t ask(const char *method, const char *path, bool close) {
  char full[sizeof url + 32];
  tw_http_message response;
  snprintf(full, sizeof full, "%s%s", url, path);
  int32_t status =
      tw_http_request(&(tw_http_order){.method = method, .url = full, .timeout_ms = LONG, .close = close}, &response);
  tw_http_free(&response);
  return status;
}

static bool waits_for(const atomic_int *count, int least) {
  for (int i = 0; i < LONG / 10 && *count < least; i++)
    usleep(10000);
  return *count >= least;
}

static void start_over(void) {
  tw_http_set_pool(0, 0); /* closes what is kept */
  CHECK(waits_for(&ended, connections));
  tw_http_set_pool(64, 0);
  connections = requests = ended = 0;
}

static void a_connection_is_used_again(void) {
  start_over();
  CHECK_IS(200, ask("GET", "/", false));
  CHECK_IS(200, ask("POST", "/", false));
  CHECK_IS(200, ask("HEAD", "/", false));
  CHECK(connections == 1 && requests == 3);
  CHECK_IS(200, ask("GET", "/", true));
  CHECK(connections == 2);
  CHECK_IS(200, ask("GET", "/close", false));
  CHECK(connections == 2);
  CHECK_IS(200, ask("GET", "/", false));
  CHECK(connections == 3);
  tw_http_pair own = {"Connection", "close"};
  tw_http_message response;
  CHECK_IS(200, tw_http_request(&(tw_http_order){.url = url, .fields = &own, .field_count = 1}, &response));
  tw_http_free(&response);
  CHECK(connections == 4);
}

static void a_stale_connection_is_replaced(void) {
  start_over();
  CHECK_IS(200, ask("GET", "/stale", false));
  CHECK_IS(200, ask("GET", "/", false)); /* dropped unanswered, and sent once more */
  CHECK(connections == 2 && requests == 3);
  start_over();
  CHECK_IS(200, ask("GET", "/stale", false));
  CHECK(ask("POST", "/", false) < 0); /* it may have had an effect */
  CHECK(connections == 1 && requests == 2);
  start_over();
  CHECK_IS(200, ask("GET", "/bye", false));
  CHECK_IS(200, ask("GET", "/", false));
  CHECK(connections == 2);
}

static void unasked_bytes_end_it(void) {
  start_over();
  CHECK_IS(200, ask("GET", "/extra", false));
  CHECK_IS(200, ask("GET", "/", false));
  CHECK(connections == 2);
}

static void idle_time_passes(void) {
  start_over();
  CHECK_IS(0, tw_http_set_pool(8, SHORT_MS));
  CHECK_IS(200, ask("GET", "/", false));
  CHECK(waits_for(&ended, 1));
  CHECK_IS(0, tw_http_set_pool(8, LONG));
  CHECK_IS(200, ask("GET", "/soon", false)); /* the server says how long */
  CHECK(waits_for(&ended, 2));
  CHECK_IS(200, ask("GET", "/", false));
  CHECK(connections == 3);
}

static void the_pool_has_a_bound(void) {
  start_over();
  CHECK_IS(TW_ERR_ARGUMENT, tw_http_set_pool(4097, 0));
  CHECK_IS(TW_ERR_ARGUMENT, tw_http_set_pool(1, 86400001));
  CHECK_IS(200, ask("GET", "/", false));
  CHECK_IS(0, tw_http_set_pool(0, 0));
  CHECK(waits_for(&ended, 1));
  CHECK_IS(200, ask("GET", "/", false));
  CHECK(waits_for(&ended, 2)); /* nothing is kept */
  CHECK_IS(0, tw_http_set_pool(1, 0));
  CHECK_IS(200, ask("GET", "/", false));
  char other[sizeof url];
  snprintf(other, sizeof other, "http://localhost%s", strrchr(url, ':'));
  tw_http_message response;
  CHECK_IS(200, tw_http_request(&(tw_http_order){.url = other, .timeout_ms = LONG}, &response));
  tw_http_free(&response);
  CHECK(waits_for(&ended, 3)); /* the older one had to go */
}

static void *ask_often(void *ctx) {
  atomic_int *good = ctx;
  for (int i = 0; i < REQUESTS; i++)
    *good += ask("GET", "/", false) == 200;
  return NULL;
}

static void threads_share_it(void) {
  start_over();
  atomic_int good = 0;
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    pthread_create(&threads[i], NULL, ask_often, &good);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  CHECK(good == THREADS * REQUESTS && requests == THREADS * REQUESTS && connections <= THREADS);
}

static void trailers_reach_the_caller(void) {
  start_over();
  char full[sizeof url + 32];
  tw_http_message response;
  snprintf(full, sizeof full, "%s/trailers", url);
  CHECK_IS(200, tw_http_request(&(tw_http_order){.url = full, .timeout_ms = LONG}, &response));
  CHECK(response.body_size == 2 && response.trailer_count == 2);
  CHECK(response.trailer_count == 2 && strcmp(response.trailers[0].name, "Digest") == 0 &&
        strcmp(response.trailers[0].value, "abc") == 0 && strcmp(response.trailers[1].value, "") == 0);
  CHECK(tw_http_value(&response, "digest") == NULL); /* a trailer is no header, RFC 9110 6.5 */
  tw_http_free(&response);
  CHECK_IS(200, ask("GET", "/", false));
  CHECK(connections == 1);
  snprintf(full, sizeof full, "%s/", url);
  CHECK_IS(200, tw_http_request(&(tw_http_order){.url = full, .timeout_ms = LONG}, &response));
  CHECK(response.trailers == NULL && response.trailer_count == 0);
  tw_http_free(&response);
}

int main(void) {
  char address[TW_MAX_ADDRESS + 1];
  int32_t listener = tw_listen("tcp", "127.0.0.1:0", NULL);
  tw_listener_addr(listener, address, sizeof address);
  snprintf(url, sizeof url, "http://%s", address);
  tw_accept_each(listener, serve, NULL);
  RUN(a_connection_is_used_again);
  RUN(a_stale_connection_is_replaced);
  RUN(unasked_bytes_end_it);
  RUN(idle_time_passes);
  RUN(the_pool_has_a_bound);
  RUN(threads_share_it);
  RUN(trailers_reach_the_caller);
  tw_listener_close(listener);
  tw_engine_stop();
  return check_end();
}
