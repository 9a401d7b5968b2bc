/* ws.h: WebSocket clients and servers (RFC 6455) as numbers and events: the handle API in C. No call ever waits.
 *
 *   static void on_message(const WsMessage *e, void *ctx) { printf("%s\n", e->message); }
 *   static void on_connected(const WsConnected *e, void *ctx) { tw_ws_send(e->conn, "hello"); }
 *
 *   int32_t conn = tw_ws_open("ws://192.168.1.10:8080/stream");
 *   tw_ws_on(conn, on_connected, NULL);
 *   tw_ws_on(conn, on_message, NULL);
 *   tw_runtime_keep_alive();
 *
 * Results, threads and memory: see runtime.h. Names as `ws` of "twinwire/handles". */
#ifndef TWINWIRE_WS_H
#define TWINWIRE_WS_H

#include "twinwire/field.h"
#include "twinwire/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Events ----
 * The structs have the fields of the specification first, in its order; added fields follow. A string of the
 * specification is a pointer, and its bytes are counted in `size`; a NUL follows the last one, so text can be printed
 * as it is.
 *
 * The order of events:
 *   connected  (message | drain | ping | pong)*  closing?  error?  disconnected   and again, if it reconnects
 *   error                                  each attempt that failed
 *   error  disconnected                    if no other will follow */

/* "connected": the handshake is done; after each reconnect too. */
typedef struct WsConnected {
  int32_t conn;
} WsConnected;

/* "disconnected": an open connection ended, or one that never opened was given up. */
typedef struct WsDisconnected {
  int32_t conn;
  int32_t code;     /* the close code; 1006 without a close frame */
  bool clean;       /* both close frames were exchanged */
  uint32_t unsent;  /* bytes that were queued and never written, frame headers included */
  int32_t retry_ms; /* milliseconds to the next attempt, -1: none will follow */
} WsDisconnected;

/* "message": a whole message if `first` and `final` are true, as they are unless it is larger than the memory for
 * joining it (tw_handles_options.message_size, tw_ws_set_buffer) or tw_ws_set_parts asks for parts. Then its parts are
 * delivered in order, the first one with `first`, the last one with `final`; a character may be split between two. */
typedef struct WsMessage {
  const char *message;
  uint32_t size;
  int32_t conn;
  bool binary; /* false: it was sent as text, and is UTF-8 */
  bool first;
  bool final;
} WsMessage;

/* "drain": a send that was refused with TW_ERR_BACKPRESSURE fits now. Emitted once, however many sends were refused. */
typedef struct WsDrain {
  int32_t conn;
} WsDrain;

/* "error": an attempt or a connection failed. A listener is optional. */
typedef struct WsError {
  int32_t conn;
  int32_t code;
  uint32_t step;
  int32_t retry_ms;
  uint32_t detail; /* TW_ERR_WS_REFUSED: the HTTP status; otherwise a close code or 0 */
} WsError;

/* "closing": the peer's close frame arrived. */
typedef struct WsClosing {
  int32_t conn;
  int32_t code;       /* 1005 if it had none */
  const char *reason; /* terminated */
  uint32_t size;
} WsClosing;

/* "ping": a ping arrived, and its pong is already queued. */
typedef struct WsPing {
  int32_t conn;
  const char *data;
  uint32_t size;
} WsPing;

/* "pong": a pong arrived. */
typedef struct WsPong {
  int32_t conn;
  const char *data;
  uint32_t size;
} WsPong;

/* Every event: X(struct, name, kinds of handle as bits of 1 << tw_kind, shape). Listeners are compared by the shape:
 * for the events that the specification declares, its signature hash. */
#define TW_HANDLES_WS_EVENTS(X)                                                                                        \
  X(WsConnected, "connected", TW_HANDLES_WS_SOURCES, TW_EVENT_SIG_WsConnected)                                         \
  X(WsDisconnected, "disconnected", TW_HANDLES_WS_SOURCES, TW_EVENT_SIG_WsDisconnected)                                \
  X(WsMessage, "message", TW_HANDLES_WS_SOURCES, TW_EVENT_SIG_WsMessage)                                               \
  X(WsDrain, "drain", TW_HANDLES_WS_SOURCES, 7u)                                                                       \
  X(WsError, "error", TW_HANDLES_WS_SOURCES, 8u)                                                                       \
  X(WsClosing, "closing", TW_HANDLES_WS_SOURCES, 9u)                                                                   \
  X(WsPing, "ping", TW_HANDLES_WS_SOURCES, 10u)                                                                        \
  X(WsPong, "pong", TW_HANDLES_WS_SOURCES, 11u)

#define TW_HANDLES_WS (1u << TW_KIND_WS)

/* Handles whose listeners receive them: a WebSocket, and a server for all WebSockets that it accepted. */
#define TW_HANDLES_WS_SOURCES (1u << TW_KIND_WS | 1u << TW_KIND_LISTENER)

/* int32_t tw_ws_on(int32_t conn, void (*listener)(const Ws... *, void *), void *ctx);
 * int32_t tw_ws_on(int32_t conn, const char *event, void (*listener)(const Ws... *, void *), void *ctx);
 *
 * Adds a listener. The type of its parameter decides which event it is for; if a name is given, both have to agree.
 * `ctx` is passed to each call. Several listeners of one event are called in the order in which they were added;
 * one that is added while an event is emitted is called from the next event on. They stay until tw_ws_off, or until the
 * handle's last event. A listener that closes its handle is the last one called for that event.
 * Returns 0; or -1: TW_ERR_EVENT (the handle has no such event, or the listener is for another one), TW_ERR_HANDLE,
 * TW_ERR_MEMORY (all of tw_handles_options.listeners are in use).
 *
 * int32_t tw_ws_off(int32_t conn, listener, void *ctx);
 * int32_t tw_ws_off(int32_t conn, const char *event, listener, void *ctx);
 *
 * Removes a listener that was added with the same `ctx`; if it was added several times, each call removes one, the
 * latest first. Returns 0; or -1: TW_ERR_ARGUMENT (there is none), TW_ERR_EVENT, TW_ERR_HANDLE. */
#ifndef __cplusplus
#define TW_WS_CASE(type, name, kinds, shape) void (*)(const type *, void *) : shape,
#define TW_WS_SHAPE(listener) _Generic((listener), TW_HANDLES_WS_EVENTS(TW_WS_CASE) default: (void)0)
#define TW_WS_ON(handle, listener, ctx)                                                                                \
  tw_handles_on(TW_HANDLES_WS_SOURCES, (handle), NULL, TW_WS_SHAPE(listener), (tw_listener)(listener), (ctx))
#define TW_WS_ON_NAMED(handle, event, listener, ctx)                                                                   \
  tw_handles_on(TW_HANDLES_WS_SOURCES, (handle), (event), TW_WS_SHAPE(listener), (tw_listener)(listener), (ctx))
#define TW_WS_OFF(handle, listener, ctx)                                                                               \
  tw_handles_off(TW_HANDLES_WS_SOURCES, (handle), NULL, TW_WS_SHAPE(listener), (tw_listener)(listener), (ctx))
#define TW_WS_OFF_NAMED(handle, event, listener, ctx)                                                                  \
  tw_handles_off(TW_HANDLES_WS_SOURCES, (handle), (event), TW_WS_SHAPE(listener), (tw_listener)(listener), (ctx))
#define tw_ws_on(...) TW_FIFTH(__VA_ARGS__, TW_WS_ON_NAMED, TW_WS_ON, TW_WS_ON, TW_WS_ON)(__VA_ARGS__)
#define tw_ws_off(...) TW_FIFTH(__VA_ARGS__, TW_WS_OFF_NAMED, TW_WS_OFF, TW_WS_OFF, TW_WS_OFF)(__VA_ARGS__)
#endif

/* ---- Servers ----
 * A WebSocket server is an HTTP server (http_server.h) that accepts every WebSocket; with a listener for "request" it
 * serves pages as well. Listeners that are added to the server (tw_ws_on(server, on_message, ctx)) are called for all
 * of its WebSockets; `conn` says which. Close frames of the peer and lost connections are "disconnected"; then its
 * number is stale, and nothing has to be closed.
 *
 *   static void on_message(const WsMessage *e, void *ctx) { tw_ws_send_text(e->conn, e->message, e->size); }
 *
 *   int32_t server = tw_ws_listen("127.0.0.1", 8080, NULL);
 *   tw_ws_on(server, on_message, NULL); */

/* Compression by permessage-deflate, RFC 7692; what is 0 or false is the default. Both ends have to enable it. It takes
 * time, and memory: with the defaults about 300 KiB per connection; without context takeover none between messages. Do
 * not compress secrets together with data that an attacker can choose. */
typedef struct tw_ws_deflate_options {
  uint8_t server_max_window_bits;  /* 9..15: the base-2 logarithm of the window of what the server compresses; 15 */
  uint8_t client_max_window_bits;  /* the same for what the client compresses; 15 */
  bool server_no_context_takeover; /* the server compresses each message by itself */
  bool client_no_context_takeover; /* the same for the client */
  uint8_t level;                   /* 1 (fast) to 9 (small); default: 6 */
  uint8_t mem_level;               /* 1..9: memory of what compresses; default: 8 */
  uint32_t threshold;              /* messages with fewer bytes are sent uncompressed; default: 1024 */
} tw_ws_deflate_options;

/* How a server accepts a WebSocket; what is 0 or NULL is left out. */
typedef struct tw_ws_accept_options {
  const char *const
      *protocols; /* subprotocols in order of preference: the first one that the client offers is chosen */
  size_t protocol_count;
  const tw_ws_field *headers; /* added to the 101 response */
  size_t header_count;
  uint32_t heartbeat_interval_ms; /* as tw_ws_set_heartbeat */
  uint32_t heartbeat_timeout_ms;
  uint32_t max_message; /* bytes of a received message, also once it is inflated; default: limits.maxMessage */
  const tw_ws_deflate_options *deflate; /* accepts compression from clients that offer it; NULL: none */
} tw_ws_accept_options;

/* Serves WebSockets, over TLS after tw_net_set_tls(server, &tls). As tw_http_listen, with `options` (NULL: none) for
 * each of them, which is borrowed until the last one has ended. Also -1: TW_ERR_UNSUPPORTED (`deflate` on a host
 * without a library for it). */
int32_t tw_ws_listen(const char *host, int32_t port, const tw_ws_accept_options *options);

/* Accepts the WebSocket that a request asks for (HttpRequest with `upgrade`). `sock` stays its handle, now one for this
 * header's functions; "connected" follows. `options`: NULL: none; copied. Returns 0; or -1, and the request still waits
 * for its answer: TW_ERR_STATE (no such request waits there), TW_ERR_HEADER, TW_ERR_ARGUMENT (a heartbeat without a
 * timeout, a field of `deflate` out of its range), TW_ERR_UNSUPPORTED (`deflate`, without a library for it),
 * TW_ERR_LIMIT (limits.webSockets), TW_ERR_BACKPRESSURE, TW_ERR_MEMORY, TW_ERR_HANDLE. */
int32_t tw_ws_accept(int32_t sock, const tw_ws_accept_options *options);

/* Queues one message on `count` WebSockets of servers, whole or not at all on each; the frame is made once, and is not
 * compressed. `results`
 * (NULL: not wanted) receives for each what tw_ws_send would return, with the error in place of -1. Returns how many
 * took it; or -1 and nothing was sent: TW_ERR_WS_UTF8, TW_ERR_ARGUMENT. */
int32_t tw_ws_broadcast(const int32_t *conns, size_t count, bool binary, const void *data, size_t size,
                        int32_t *results);

/* ---- Calls ---- */

/* What tw_ws_open_with takes beside the URL; what is NULL or 0 is left out. All but `tls` is copied. */
typedef struct tw_ws_options {
  const tw_ws_field *headers; /* sent with the request, and again at every reconnect */
  size_t header_count;
  const char *const *protocols; /* subprotocols to offer, in order of preference */
  size_t protocol_count;
  const char *user; /* "Authorization: Basic", RFC 7617; at most TW_MAX_CREDENTIAL bytes each, no colon in the user */
  const char *password;
  const tw_tls_options *tls; /* for wss: only */
  const tw_proxy *proxy;
  const tw_ws_deflate_options *deflate; /* offers compression; NULL: none */
} tw_ws_options;

/* Starts a connection to ws://host[:port][/path][?query] or wss://..., and returns at once. Port 80 (wss: 443) and path
 * / are the defaults. "connected" follows when the handshake is done, or "error" and "disconnected".
 * Returns a handle, valid until tw_ws_close; or -1: TW_ERR_URL, TW_ERR_PORT, TW_ERR_UNSUPPORTED (wss: on a host without
 * TLS), TW_ERR_LIMIT, TW_ERR_MEMORY, TW_ERR_NETWORK_DOWN. */
int32_t tw_ws_open(const char *url);

/* The same with options (NULL: none). Also -1: TW_ERR_HEADER (a bad name or value, or a header that the handshake
 * writes itself), TW_ERR_ARGUMENT (tls for ws:, a field of `deflate` out of its range), TW_ERR_UNSUPPORTED (`deflate`
 * on a host without a library for it).
 *
 *   static const tw_ws_deflate_options deflate = {.client_no_context_takeover = true};
 *   int32_t conn = tw_ws_open_with("wss://example.com/feed", &(tw_ws_options){.deflate = &deflate}); */
int32_t tw_ws_open_with(const char *url, const tw_ws_options *options);

/* Replaces the headers that the next attempts of a handle send (Authorization included), for example by a fresh token.
 * Call it in "disconnected" or "error". Returns 0; or -1, and the headers are as they were: TW_ERR_HEADER,
 * TW_ERR_MEMORY, TW_ERR_STATE, TW_ERR_HANDLE. */
int32_t tw_ws_set_headers(int32_t conn, const tw_ws_field *headers, size_t count);

/* Queues a text message, whole or not at all; it is copied. `message` is terminated UTF-8.
 * Returns the payload's length in bytes; or -1, and nothing was queued: TW_ERR_BACKPRESSURE ("drain" follows when it
 * fits), TW_ERR_TOO_LARGE, TW_ERR_STATE (not connected), TW_ERR_WS_UTF8 (no UTF-8), TW_ERR_HANDLE. Where compression
 * was agreed upon, the message is compressed within the call. */
int32_t tw_ws_send(int32_t conn, const char *message);

/* The same with a length, and a binary message. */
int32_t tw_ws_send_text(int32_t conn, const char *text, size_t size);
int32_t tw_ws_send_binary(int32_t conn, const void *data, size_t size);

/* Queues a fragment of one message, RFC 6455 5.4, for messages that are produced piece by piece. The first one decides
 * whether it is text. Until the final one is queued, other messages are refused with TW_ERR_STATE. Never compressed.
 * Returns as tw_ws_send. */
int32_t tw_ws_send_fragment(int32_t conn, bool binary, const void *data, size_t size, bool final);

/* Sends a close frame (1000), waits for the server's within limits.closeTimeoutMs, and ends reconnecting. The number is
 * stale at once; a connection that had been open ends with "disconnected". Returns 0, or -1: TW_ERR_HANDLE. */
int32_t tw_ws_close(int32_t conn);

/* The same with a `code` that may be sent (RFC 6455 7.4: 1000..1003, 1007..1014, 3000..4999) and a `reason` (NULL:
 * none; at most TW_MAX_REASON bytes of UTF-8). Also -1: TW_ERR_ARGUMENT. */
int32_t tw_ws_close_with(int32_t conn, int32_t code, const char *reason);

/* Closes at once, without a close frame: what is queued is dropped, and the connection is reset. Also for a handle that
 * was closed and has not ended yet. Returns 0, or -1: TW_ERR_HANDLE. */
int32_t tw_ws_abort(int32_t conn);

/* Sends a ping; "pong" follows. Pings of the peer are answered automatically.
 * Returns 0, or -1: TW_ERR_BACKPRESSURE, TW_ERR_STATE, TW_ERR_HANDLE. */
int32_t tw_ws_ping(int32_t conn);

/* The same with a payload of at most TW_MAX_CONTROL bytes. Also -1: TW_ERR_ARGUMENT. */
int32_t tw_ws_ping_with(int32_t conn, const void *data, size_t size);

/* As tw_net_set_auto_reconnect. Each attempt is a full handshake. There is no further attempt where the answer would be
 * the same: after a handshake refused with 400..499 (except 408 and 429), and after close code 1008. */
int32_t tw_ws_set_auto_reconnect(int32_t conn, bool on);

/* As tw_net_set_reconnect_delays. */
int32_t tw_ws_set_reconnect_delays(int32_t conn, const uint32_t *seconds, size_t count);
int32_t tw_ws_set_reconnect_delays_ms(int32_t conn, const uint32_t *ms, size_t count);

/* As tw_net_state. */
int32_t tw_ws_state(int32_t conn);

/* The subprotocol that the server chose; "" if none. Terminated, cut to `capacity` (> 0). Returns its bytes, or -1:
 * TW_ERR_HANDLE. (`ws.protocol` in TypeScript.) */
int32_t tw_ws_chosen_protocol(int32_t conn, char *text, size_t capacity);

/* Returns the negotiated compression: 0 for none; otherwise the parameters as in tw_deflate: the server's
 * window bits in bits 0 to 3, the client's in bits 4 to 7, and TW_DEFLATE_SERVER_NO_CONTEXT_TAKEOVER,
 * TW_DEFLATE_CLIENT_NO_CONTEXT_TAKEOVER. Or -1: TW_ERR_STATE (not connected), TW_ERR_HANDLE.
 *
 * A received message is inflated to at most max_message bytes: one that would be larger ends the connection with
 * TW_ERR_WS_TOO_BIG (close code 1009), one that is malformed with TW_ERR_WS_DEFLATE (1007). */
int32_t tw_ws_compression(int32_t conn);

/* Sends a ping after `interval_ms` of silence, and drops the connection with TW_ERR_HEARTBEAT when nothing comes for
 * `timeout_ms` after it; also on the connections that follow if it reconnects. While receiving is paused, silence does
 * not count. `interval_ms` 0 switches it off. Default: off on a PC; on a device as its menuconfig says.
 * Returns 0, or -1: TW_ERR_ARGUMENT (an interval without a timeout), TW_ERR_HANDLE. */
int32_t tw_ws_set_heartbeat(int32_t conn, uint32_t interval_ms, uint32_t timeout_ms);

/* Lends `size` bytes in which messages that come in pieces are joined, one of them for their NUL: a message of less
 * than `size` bytes is then delivered whole. It replaces the previous buffer; NULL: none, and such a message is
 * delivered in parts. Borrowed until the handle's last event; not to be changed while a message is coming in
 * (TW_ERR_STATE). Returns 0, or -1: TW_ERR_HANDLE, TW_ERR_STATE. */
int32_t tw_ws_set_buffer(int32_t conn, void *buffer, size_t size);

/* With `on`, messages are delivered in parts as they come, and never joined: for messages that are passed on as a
 * stream, or that are larger than the memory. Returns 0, or -1: TW_ERR_HANDLE, TW_ERR_STATE (a message is coming in).
 */
int32_t tw_ws_set_parts(int32_t conn, bool on);

/* As for net. */
int32_t tw_ws_buffered_amount(int32_t conn);
int32_t tw_ws_stats(int32_t conn, tw_stats *stats);
int32_t tw_ws_target(int32_t conn, char *text, size_t capacity);
int32_t tw_ws_pause(int32_t conn);
int32_t tw_ws_resume(int32_t conn);

/* Does nothing, as no call ever blocks. Kept for programs that call it. */
void tw_ws_set_timeout(int32_t conn, int32_t ms);

#ifdef __cplusplus
}

#define TW_WS_OVERLOAD(type, name, kinds, shape) TW_OVERLOAD(ws, TW_HANDLES_WS_SOURCES, type, shape)
TW_HANDLES_WS_EVENTS(TW_WS_OVERLOAD)
#undef TW_WS_OVERLOAD
#endif
#endif
