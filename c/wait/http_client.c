/* http_client.c: requests: connecting, also by proxies, redirects. */
#include <stdlib.h>
#include <string.h>

#include "wait.h"
#include "web.h"

enum { TIMEOUT_MS = 300000, MAX_REDIRECTS = 100, LAST_BODY = 0x7fffffff };

static const char self[] = "tw_http_request";

/* One request of a row of redirects. */
typedef struct exchange {
  const tw_http_order *order;
  tw_web_url url;
  tw_web_url proxy;
  const char *method;
  bool with_body;
  bool elsewhere; /* another origin than the order's */
  bool keeps;     /* the connection may be one that is kept, and is kept */
  uint64_t end;
} exchange;

static bool is_own_field(const char *name) { return tw_web_same_name(name, "host"); }

/* RFC 9110 15.4: what another origin must not see. */
static bool is_private(const char *name) {
  return is_own_field(name) || tw_web_same_name(name, "authorization") || tw_web_same_name(name, "cookie") ||
         tw_web_same_name(name, "proxy-authorization");
}

static bool has_field(const tw_http_order *order, const char *name) {
  for (size_t i = 0; order->fields != NULL && i < order->field_count; i++)
    if (order->fields[i].name != NULL && tw_web_same_name(order->fields[i].name, name))
      return true;
  return false;
}

static const char *host_field(const tw_http_order *order) {
  for (size_t i = 0; order->fields != NULL && i < order->field_count; i++)
    if (order->fields[i].name != NULL && tw_web_same_name(order->fields[i].name, "host"))
      return order->fields[i].value;
  return NULL;
}

/* RFC 7617 */
static void put_basic(tw_text *head, const char *name, const char *credentials) {
  char encoded[sizeof((tw_web_url *)0)->credentials * 4 / 3 + 8];
  uint32_t size = twc_base64(credentials, (uint32_t)strlen(credentials), encoded);
  tw_text_put(head, name);
  tw_text_put(head, ": Basic ");
  tw_text_add(head, encoded, size);
  tw_text_put(head, "\r\n");
}

static uint32_t time_left(const exchange *it) {
  uint64_t now = tw_engine_now();
  return now < it->end ? (uint32_t)(it->end - now) : 0;
}

static int32_t connect_to(exchange *it) {
  const tw_http_order *order = it->order;
  bool secure = it->url.secure, through = order->proxy != NULL;
  const tw_web_url *to = through && !secure ? &it->proxy : &it->url;
  char address[TW_MAX_HOST + 16];
  bool v6 = strchr(to->host, ':') != NULL;
  tw_text text = {0};
  tw_text_put(&text, v6 ? "[" : "");
  tw_text_put(&text, to->host);
  tw_text_put(&text, v6 ? "]:" : ":");
  tw_text_number(&text, (uint64_t)to->port, 10);
  if (text.failed)
    return TW_ERR_MEMORY;
  tw_copy_text(address, sizeof address, text.bytes);
  tw_text_free(&text);
  uint32_t left = time_left(it);
  if (left == 0)
    return TW_ERR_TIMEOUT;
  tw_dial_options options = {
      .timeout_ms = left,
      .tls = secure ? order->tls : NULL,
      .proxy = through && secure ? order->proxy : NULL,
      .policy = order->policy,
  };
  return tw_dial(secure ? "tls" : "tcp", address, &options);
}

static int32_t send_request(const exchange *it, int32_t conn) {
  const tw_http_order *order = it->order;
  bool absolute = order->proxy != NULL && !it->url.secure;
  const char *own = it->elsewhere ? NULL : host_field(order);
  tw_text head = {0};
  tw_text_put(&head, it->method);
  tw_text_put(&head, " ");
  if (absolute) { /* RFC 9112 3.2.2 */
    tw_text_put(&head, "http://");
    tw_text_put(&head, it->url.authority);
  }
  tw_text_put(&head, it->url.target);
  tw_text_put(&head, " HTTP/1.1\r\nHost: ");
  tw_text_put(&head, own != NULL && tw_web_is_value(own) ? own : it->url.authority);
  tw_text_put(&head, "\r\n");
  if (it->url.credentials[0] != 0 && (it->elsewhere || !has_field(order, "authorization")))
    put_basic(&head, "Authorization", it->url.credentials);
  if (absolute && it->proxy.credentials[0] != 0)
    put_basic(&head, "Proxy-Authorization", it->proxy.credentials);
  bool posts = strcmp(it->method, "POST") == 0 || strcmp(it->method, "PUT") == 0 || strcmp(it->method, "PATCH") == 0;
  tw_web_message message = {.fields = order->fields,
                            .field_count = order->field_count,
                            .close = !it->keeps,
                            .announce_zero = posts,
                            .ctx = order->ctx,
                            .skips = it->elsewhere ? is_private : is_own_field};
  if (it->with_body) {
    message.body = order->body;
    message.body_size = order->body_size;
    message.source = order->source;
  }
  int32_t error = tw_web_send(conn, &head, &message);
  tw_text_free(&head);
  return error;
}

/* RFC 9110 9.2.2: doing it twice is doing it once. */
static bool is_repeatable(const exchange *it) {
  static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
    if (strcmp(it->method, methods[i]) == 0)
      return !it->with_body || it->order->source == NULL;
  return false;
}

/* ---- What a connection can be used for ------------------------------------------------------------------------- */

static void put_part(tw_text *key, const char *text) {
  tw_text_put(key, text == NULL ? "-" : text);
  tw_text_add(key, "\n", 1);
}

/* TLS options by what they say. A digest of it: no key lies in memory for longer than its owner wants. */
static void put_tls(tw_text *key, const tw_tls_options *tls) {
  enum { DIGEST = 20 };
  tw_text all = {0};
  uint8_t digest[DIGEST];
  put_part(&all, tls->ca);
  put_part(&all, tls->cert);
  put_part(&all, tls->key);
  put_part(&all, tls->passphrase);
  put_part(&all, tls->servername);
  put_part(&all, tls->pin);
  for (const char *const *name = tls->alpn; name != NULL && *name != NULL; name++)
    put_part(&all, *name);
  tw_text_number(&all, (uint64_t)tls->accept_any | (uint64_t)tls->tls13_only << 1, 10);
  key->failed = key->failed || all.failed;
  if (!all.failed) {
    twc_sha1(all.bytes, (uint32_t)all.size, digest);
    for (int i = 0; i < DIGEST; i++)
      tw_text_number(key, 256u + digest[i], 16);
    memset(all.bytes, 0, all.size);
  }
  tw_text_free(&all);
}

static void put_route(tw_text *key, const exchange *it) {
  put_part(key, it->url.secure ? "tls" : "tcp");
  put_part(key, it->url.host);
  tw_text_number(key, (uint64_t)it->url.port, 10);
  put_part(key, it->order->proxy);
  put_part(key, it->order->policy);
  if (it->url.secure && it->order->tls != NULL)
    put_tls(key, it->order->tls);
}

/* How long the server says that it keeps the connection, a second less as it may count from earlier; 0: it does not.
 * RFC 2068 19.7.1.1 */
static uint32_t idle_time(const tw_http_message *response) {
  enum { MARGIN = 1, LONGEST = 600 };
  const char *hint = tw_http_value(response, "keep-alive");
  const char *timeout = hint == NULL ? NULL : strstr(hint, "timeout=");
  if (timeout == NULL)
    return 0;
  unsigned long seconds = strtoul(timeout + sizeof "timeout=" - 1, NULL, 10);
  return seconds <= MARGIN ? 1 : (uint32_t)(seconds > LONGEST ? LONGEST : seconds - MARGIN) * 1000;
}

/* ---- Requests ------------------------------------------------------------------------------------------------ */

/* The connection's errors are worth less than a response that came all the same, RFC 9112 9.5. */
static bool is_connection_error(int32_t error) {
  return error == TW_ERR_RESET || error == TW_ERR_ENDED || error == TW_ERR_STATE;
}

/* One request on a connection, which is kept afterwards or closed. `*begun`: something of a response has come. */
static int32_t run_on(exchange *it, int32_t conn, const char *key, tw_http_message *response, bool *begun) {
  uint32_t left = time_left(it);
  tw_set_deadline(conn, left == 0 ? 1 : left);
  int32_t sent = send_request(it, conn);
  int32_t error = sent;
  if (sent >= 0 || is_connection_error(sent)) {
    tw_web_expected expected = {.read = TW_HTTP_READ_RESPONSE |
                                        (strcmp(it->method, "HEAD") == 0 ? TW_HTTP_READ_NO_BODY : 0u),
                                .max_body = it->order->max_body == 0 ? TW_WEB_MAX_BODY : it->order->max_body,
                                .sink = it->order->sink,
                                .ctx = it->order->ctx,
                                .begun = begun};
    error = tw_web_receive(conn, &expected, response);
    if (error < 0 && sent < 0)
      error = sent;
  }
  if (it->keeps && error == 0 && sent >= 0 && response->keep_alive && response->status >= 200) {
    tw_set_deadline(conn, 0);
    tw_pool_give(conn, key, idle_time(response));
  } else {
    tw_conn_close(conn);
  }
  return error == TW_ERR_DEADLINE ? TW_ERR_TIMEOUT : error;
}

/* RFC 9112 9.3.1: the server may have closed a kept connection before the request reached it. */
static bool is_stale(const exchange *it, int32_t error, bool begun) {
  return !begun && is_repeatable(it) && (is_connection_error(error) || error == TW_ERR_UNEXPECTED_EOF);
}

static int32_t run(exchange *it, tw_http_message *response) {
  tw_text key = {0};
  put_route(&key, it);
  it->keeps = tw_pool_keeps() && !it->order->close && !has_field(it->order, "connection") && !key.failed;
  for (;;) {
    bool begun = false;
    int32_t kept = it->keeps ? tw_pool_take(key.bytes) : 0;
    int32_t conn = kept > 0 ? kept : kept < 0 ? kept : connect_to(it);
    int32_t error = conn < 0 ? conn : run_on(it, conn, key.bytes, response, &begun);
    if (kept <= 0 || !is_stale(it, error, begun)) {
      tw_text_free(&key);
      return error;
    }
    tw_http_free(response);
  }
}

/* Whether a response redirects; if so, what is requested next. Returns 0 (it does not), 1 or an error. */
static int32_t redirect(exchange *it, const tw_http_message *response) {
  const char *location = tw_http_value(response, "location");
  int32_t status = response->status;
  bool redirects = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
  if (!redirects || location == NULL || it->order->max_redirects == 0)
    return 0;
  char text[TW_WEB_MAX_URL];
  tw_web_url next;
  if (response->redirects >= it->order->max_redirects || tw_web_resolve(&it->url, location, text) != 0 ||
      tw_web_url_parse(text, &next) != 0)
    return TW_ERR_REDIRECT;
  bool get = status == 303 ? strcmp(it->method, "HEAD") != 0 : status <= 302 && strcmp(it->method, "POST") == 0;
  if (get) {
    it->method = "GET";
    it->with_body = false;
  }
  if (it->with_body && it->order->source != NULL)
    return TW_ERR_REDIRECT; /* a body that is gone can't be sent again */
  if (!tw_web_same_origin(&it->url, &next))
    it->elsewhere = true;
  else if (next.credentials[0] == 0)
    memcpy(next.credentials, it->url.credentials, sizeof next.credentials);
  it->url = next;
  return 1;
}

static char *url_text(const tw_web_url *url) {
  tw_text text = {0};
  tw_text_put(&text, url->secure ? "https://" : "http://");
  tw_text_put(&text, url->authority);
  tw_text_put(&text, url->target);
  return text.failed ? NULL : text.bytes;
}

static int32_t exchange_all(exchange *it, tw_http_message *response) {
  uint32_t redirects = 0;
  for (;;) {
    int32_t error = run(it, response);
    response->url = url_text(&it->url);
    response->redirects = redirects;
    if (error < 0)
      return error;
    int32_t next = redirect(it, response);
    if (next <= 0)
      return next < 0 ? next : response->status;
    tw_http_free(response);
    redirects++;
  }
}

static int32_t check(const tw_http_order *order) {
  if (order->url == NULL || order->timeout_ms > TW_DAY_MS || order->max_body > LAST_BODY ||
      order->max_redirects > MAX_REDIRECTS || (order->source != NULL && order->body_size > 0) ||
      (order->body == NULL && order->body_size > 0) || (order->fields == NULL && order->field_count > 0))
    return TW_ERR_ARGUMENT;
  return order->method == NULL || tw_web_is_token(order->method) ? 0 : TW_ERR_HEADER;
}

int32_t tw_http_request(const tw_http_order *order, tw_http_message *response) {
  if (response == NULL)
    return tw_fail(self, NULL, TW_ERR_ARGUMENT, "there is no place for the response");
  *response = (tw_http_message){0};
  if (order == NULL)
    return tw_fail(self, NULL, TW_ERR_ARGUMENT, "there is no request");
  int32_t error = check(order);
  if (error != 0)
    return tw_fail(self, order->url, error, NULL);
  exchange it = {.order = order,
                 .method = order->method == NULL ? "GET" : order->method,
                 .with_body = order->source != NULL || order->body != NULL,
                 .end = tw_engine_now() + (order->timeout_ms == 0 ? TIMEOUT_MS : order->timeout_ms)};
  error = tw_web_url_parse(order->url, &it.url);
  if (error != 0)
    return tw_fail(self, order->url, error, NULL);
  if (order->proxy != NULL && order->policy != NULL)
    return tw_fail(self, order->url, TW_ERR_ARGUMENT, "a policy does not bind a proxy: choose one of them");
  if (order->proxy != NULL && !tw_web_proxy(order->proxy, &it.proxy))
    return tw_fail(self, order->url, TW_ERR_ARGUMENT, "a proxy is \"http://[user:password@]host:port\"");
  int32_t status = exchange_all(&it, response);
  return status < 0 ? tw_fail(self, order->url, status, NULL) : status;
}
