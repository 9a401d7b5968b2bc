/* http_server.h: an HTTP/1.1 server (RFC 9110, RFC 9112) as numbers and events, on one port with WebSockets. No call
 * ever waits.
 *
 *   static void on_request(const HttpRequest *e, void *ctx) {
 *     tw_http_respond(e->sock, 200, "text/plain", "hello\n", 6);
 *   }
 *
 *   int32_t server = tw_http_listen("127.0.0.1", 8080, NULL);
 *   tw_http_on(server, on_request, NULL);
 *   tw_runtime_keep_alive();
 *
 * The server is a listener of net.h: tw_net_on for "connected" (it listens), "error" and "disconnected", tw_net_set_tls
 * for HTTPS, tw_net_local_addr, tw_net_close. Its connections are handles, too: `sock` of a request. They are closed by
 * the server; tw_net_remote_addr, tw_set_user and the like work on them.
 *
 * Requests of one connection are emitted one after the other: the next one comes when the last one is answered. A
 * request that violates the protocol is answered (400, 408, 413, 414, 431, 501, 505) and reported by HttpError.
 *
 * A host without memory of its own (tw_handles_host.resize is NULL) has no server: TW_ERR_UNSUPPORTED. Results, threads
 * and memory: see runtime.h. */
#ifndef TWINWIRE_HTTP_SERVER_H
#define TWINWIRE_HTTP_SERVER_H

#include "twinwire/ws.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Events of a server ---- */

/* "request": a whole request has arrived. Answer it with tw_http_respond, tw_http_respond_with or, if `upgrade`,
 * tw_ws_accept: in the listener, or later by `sock`. All that it points to is borrowed until the listener returns. If
 * there is no listener, it is answered with 404 (with 426 where only WebSockets are served). */
typedef struct HttpRequest {
  int32_t sock;       /* its connection */
  int32_t server;     /* what tw_http_listen returned */
  const char *method; /* "GET"; terminated, as the rest */
  const char *target; /* as sent: "/path?query" */
  const char *body;   /* "" if it has none */
  uint32_t size;      /* bytes of the body */
  const char *head;   /* the head as received, for tw_http_header; not terminated */
  uint32_t head_size;
  bool upgrade; /* it asks for a WebSocket, and tw_ws_accept can answer it */
} HttpRequest;

/* "drain": what tw_http_respond or tw_http_send_part refused with TW_ERR_BACKPRESSURE fits now. */
typedef struct HttpDrain {
  int32_t sock;
  int32_t server;
} HttpDrain;

/* "error": a request broke the protocol or took too long, and was answered with `status`; or, with `status` 0, the
 * client left before its response was complete. */
typedef struct HttpError {
  int32_t sock;
  int32_t server;
  int32_t code;    /* TW_ERR_... */
  uint32_t status; /* the response's status, or 0 */
} HttpError;

#define TW_HANDLES_HTTP_EVENTS(X)                                                                                      \
  X(HttpRequest, "request", 1u << TW_KIND_LISTENER, 12u)                                                               \
  X(HttpDrain, "drain", 1u << TW_KIND_LISTENER, 13u)                                                                   \
  X(HttpError, "error", 1u << TW_KIND_LISTENER, 14u)

#define TW_HANDLES_HTTP (1u << TW_KIND_LISTENER)

/* int32_t tw_http_on(int32_t server, void (*listener)(const Http... *, void *), void *ctx);
 * int32_t tw_http_on(int32_t server, const char *event, void (*listener)(const Http... *, void *), void *ctx);
 * int32_t tw_http_off(...), with the same arguments.
 *
 * Adds and removes a listener for an event of all connections of a server; as tw_net_on and tw_net_off. */
#ifndef __cplusplus
#define TW_HTTP_CASE(type, name, kinds, shape) void (*)(const type *, void *) : shape,
#define TW_HTTP_SHAPE(listener) _Generic((listener), TW_HANDLES_HTTP_EVENTS(TW_HTTP_CASE) default: (void)0)
#define TW_HTTP_ON(handle, listener, ctx)                                                                              \
  tw_handles_on(TW_HANDLES_HTTP, (handle), NULL, TW_HTTP_SHAPE(listener), (tw_listener)(listener), (ctx))
#define TW_HTTP_ON_NAMED(handle, event, listener, ctx)                                                                 \
  tw_handles_on(TW_HANDLES_HTTP, (handle), (event), TW_HTTP_SHAPE(listener), (tw_listener)(listener), (ctx))
#define TW_HTTP_OFF(handle, listener, ctx)                                                                             \
  tw_handles_off(TW_HANDLES_HTTP, (handle), NULL, TW_HTTP_SHAPE(listener), (tw_listener)(listener), (ctx))
#define TW_HTTP_OFF_NAMED(handle, event, listener, ctx)                                                                \
  tw_handles_off(TW_HANDLES_HTTP, (handle), (event), TW_HTTP_SHAPE(listener), (tw_listener)(listener), (ctx))
#define tw_http_on(...) TW_FIFTH(__VA_ARGS__, TW_HTTP_ON_NAMED, TW_HTTP_ON, TW_HTTP_ON, TW_HTTP_ON)(__VA_ARGS__)
#define tw_http_off(...) TW_FIFTH(__VA_ARGS__, TW_HTTP_OFF_NAMED, TW_HTTP_OFF, TW_HTTP_OFF, TW_HTTP_OFF)(__VA_ARGS__)
#endif

/* ---- Calls ---- */

/* Options of tw_http_listen. 0 or NULL selects the default. Copied, except what `web_sockets` points to. */
typedef struct tw_http_server_options {
  uint32_t max_body;   /* bytes of a request's body, beyond which it is answered with 413; default: 1 MiB */
  uint32_t timeout_ms; /* for the next whole request, from the connection or the last response on, at most a day;
                          default: 60000. A request that is not whole by then is answered with 408 */
  /* How WebSockets are accepted for which no listener of "request" has called tw_ws_accept or responded; borrowed until
   * the server's last connection has ended. NULL: only tw_ws_accept makes WebSockets. */
  const tw_ws_accept_options *web_sockets;
} tw_http_server_options;

/* Listens on the local name or address `host` (NULL or "": every one) and `port` (0: any free one; tw_net_local_addr
 * says which). `options` may be NULL. Returns a handle: the server; or -1: as tw_net_tcp_listen, TW_ERR_ARGUMENT (an
 * option is out of its range), TW_ERR_MEMORY. tw_net_close(server) ends it: no connection is accepted any more, those
 * without a request are closed, WebSockets with code 1001, and the others when their requests have been answered. */
int32_t tw_http_listen(const char *host, int32_t port, const tw_http_server_options *options);

/* The same at the path of a Unix socket; -1: as tw_net_unix_listen. */
int32_t tw_http_listen_unix(const char *path, const tw_http_server_options *options);

/* Copies the value of the field `name` (letters of either case) of a request, terminated and cut to `capacity` (> 0).
 * Fields of the same name are joined by ", " (RFC 9110 5.3). Returns the bytes of the whole value, which can be
 * `capacity` or more; or -1: TW_ERR_NOT_FOUND (there is none), TW_ERR_ARGUMENT.
 *
 *   char type[64];
 *   if (tw_http_header(request, "Content-Type", type, sizeof type) >= 0) ... */
int32_t tw_http_header(const HttpRequest *request, const char *name, char *value, size_t capacity);

/* Answers the request of `sock` with `status` (200..599), a Content-Type of `type` (NULL: none) and a body of `size`
 * bytes, which is copied. Date, Content-Length and Connection are added; the answer to HEAD leaves the body out.
 * Returns the bytes queued; or -1, and nothing was queued: TW_ERR_STATE (no request waits there), TW_ERR_BACKPRESSURE
 * ("drain" follows), TW_ERR_TOO_LARGE (send it in parts), TW_ERR_HEADER, TW_ERR_ARGUMENT, TW_ERR_HANDLE. */
int32_t tw_http_respond(int32_t sock, int32_t status, const char *type, const void *body, size_t size);

/* A response, for tw_http_respond_with. What is 0 or NULL is left out. Copied. */
typedef struct tw_http_response {
  int32_t status;     /* 200..599 */
  const char *reason; /* default: that of RFC 9110 for common statuses */
  const tw_ws_field *headers;
  size_t header_count;
  const void *body;
  size_t size;
  bool parts; /* `body` is the first part, and the others follow by tw_http_send_part */
  bool close; /* the connection ends after the response */
} tw_http_response;

/* As tw_http_respond, with headers of your own. A body in parts is chunked unless there is a Content-Length header. */
int32_t tw_http_respond_with(int32_t sock, const tw_http_response *response);

/* Sends the next part of a body that tw_http_respond_with began with `parts`; `last`: the response ends with it.
 * Returns `size`; or -1, and nothing was queued: TW_ERR_STATE, TW_ERR_BACKPRESSURE, TW_ERR_TOO_LARGE,
 * TW_ERR_HTTP_LENGTH (it is not what Content-Length announced), TW_ERR_HANDLE. */
int32_t tw_http_send_part(int32_t sock, const void *data, size_t size, bool last);

/* Ends a chunked body with `count` trailer fields (RFC 9110 6.5), in place of a last part; copied. The answers to HEAD
 * and to a client of HTTP/1.0 have none: they end without. A Trailer header in the response announces their names.
 * Returns 0; or -1, and nothing was queued: TW_ERR_ARGUMENT (the body has a Content-Length, or `trailers` is NULL),
 * TW_ERR_HEADER (a name or a value has a byte that may not stand there, or the field frames or routes the message, as
 * Content-Length does), TW_ERR_STATE, TW_ERR_BACKPRESSURE, TW_ERR_HANDLE.
 *
 *   tw_http_send_part(sock, data, size, false);
 *   tw_http_send_trailers(sock, &(tw_ws_field){"Digest", digest}, 1); */
int32_t tw_http_send_trailers(int32_t sock, const tw_ws_field *trailers, size_t count);

#ifdef __cplusplus
}

#define TW_HTTP_OVERLOAD(type, name, kinds, shape) TW_OVERLOAD(http, TW_HANDLES_HTTP, type, shape)
TW_HANDLES_HTTP_EVENTS(TW_HTTP_OVERLOAD)
#undef TW_HTTP_OVERLOAD
#endif
#endif
