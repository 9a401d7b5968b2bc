/* tw_easy.h: the handle door in C. Sockets are numbers, what happens is an event, and no call ever waits.
 *
 * The same names, order and results as `net` and `ws` of the TypeScript door "twinwire/handles" (docs/handles.md);
 * docs/c.md shows both side by side. A host brings the loop: adapters/posix for a PC, esp32/ for ESP-IDF.
 *
 *   static void on_connected(const NetConnected *e, void *ctx) { tw_net_send(e->sock, "ping", 4); }
 *   static void on_data(const NetData *e, void *ctx) { printf("recv: %s\n", e->data); }
 *
 *   int32_t sock = tw_net_tcp_connect("192.168.1.10", 8080);
 *   tw_net_on(sock, "connected", on_connected, NULL);
 *   tw_net_on(sock, "data", on_data, NULL);
 *   tw_runtime_keep_alive();
 *
 * Results. A handle is a positive number. -1 (TW_NONE) is what a call returns that could not do its work; then nothing
 * was queued or changed, and tw_last_error() tells why. 0 means done. A closed handle's number is stale at once.
 *
 * Turns. Nothing fires inside a call. Register before or after opening, in any order: the first event comes on a later
 * turn of the loop. What is sent in one turn leaves in one write at its end.
 *
 * Threads. All functions belong to the thread (the task) that turns the loop; listeners are called on it. None of them
 * may be called from another thread or an interrupt, but for those of the host that say so.
 *
 * Memory. Nothing is allocated. What goes in is copied, unless its function says that it is borrowed. What an event
 * points to is borrowed: it is valid until the listener returns. */
#ifndef TWINWIRE_TW_EASY_H
#define TWINWIRE_TW_EASY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "twinwire/core.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Events ------------------------------------------------------------------------------------------------------
 * The structs of the specification: its fields come first, in its order, and what is added follows. A string of the
 * specification is a pointer, and its bytes are counted in `size`; a NUL follows the last one, so text can be printed
 * as it is. A listener is  void on_data(const NetData *event, void *ctx);  its parameter's type says which event it
 * is for, and tw_net_on checks that against the name, as the specification's signature hash does.
 *
 * In the order in which a connection tells its story:
 *   connected  (data | message | drain | ping | pong)*  closing?  error?  disconnected   and again, if it reconnects
 *   error                                                                                 each attempt that failed
 *   error  disconnected                                                                   if no other will follow */

/* "connected": the connection is open, after each reconnect too; of a listener: it listens. */
typedef struct NetConnected {
  int32_t sock;
} NetConnected;

/* "disconnected": an open connection ended, or one that never opened was given up. */
typedef struct NetDisconnected {
  int32_t sock;
  int32_t code;     /* 0, or the error that ended it: TW_ERR_... */
  bool clean;       /* an orderly end */
  uint32_t unsent;  /* bytes that were queued and never written */
  int32_t retry_ms; /* milliseconds to the next attempt, -1: none will follow */
} NetDisconnected;

/* "data": bytes of a TCP or Unix stream arrived; whatever came, not a message. */
typedef struct NetData {
  const char *data;
  uint32_t size;
  int32_t sock;
} NetData;

/* "datagram": one UDP datagram, and who sent it. */
typedef struct NetDatagram {
  const char *data;
  const char *addr; /* a literal IPv4 or IPv6 address, terminated */
  int32_t port;
  uint32_t size;
  int32_t sock;
} NetDatagram;

/* "drain": what was refused with TW_ERR_BACKPRESSURE fits now; once, however often it was refused in between. */
typedef struct NetDrain {
  int32_t sock;
} NetDrain;

/* "error": an attempt or a connection failed. Nobody needs to listen. */
typedef struct NetError {
  int32_t sock;
  int32_t code;     /* TW_ERR_...; see tw_error_text */
  uint32_t step;    /* what was being done: tw_step */
  int32_t retry_ms; /* milliseconds to the next attempt, -1: none will follow */
} NetError;

/* "accepted", of a listener: a connection came. Register for `sock` here; its "connected" follows, or "error" if TLS
 * fails. A connection that no listener of this event hears of is closed. */
typedef struct NetAccepted {
  int32_t sock;     /* the connection's own handle */
  int32_t listener; /* the one that tw_net_tcp_listen returned */
} NetAccepted;

/* "ended": the peer ended its half of a stream that tw_net_set_half_open keeps open. */
typedef struct NetEnded {
  int32_t sock;
} NetEnded;

/* "secured": tw_net_start_tls is done; what follows is protected. */
typedef struct NetSecured {
  int32_t sock;
} NetSecured;

/* "deadline": a deadline passed. */
typedef struct NetDeadline {
  int32_t sock;
  uint32_t which; /* TW_DEADLINE_READ or TW_DEADLINE_WRITE */
} NetDeadline;

/* "connected": the handshake is done; after each reconnect too. */
typedef struct WsConnected {
  int32_t conn;
} WsConnected;

/* "disconnected": as NetDisconnected. */
typedef struct WsDisconnected {
  int32_t conn;
  int32_t code;     /* the close code; 1006 without a close frame */
  bool clean;       /* both close frames were exchanged */
  uint32_t unsent;  /* bytes that were queued and never written, frame headers included */
  int32_t retry_ms; /* milliseconds to the next attempt, -1: none will follow */
} WsDisconnected;

/* "message": a whole message if `first` and `final` are true, as they are unless it is larger than the memory for
 * joining it (tw_easy_options.message_size, tw_ws_set_buffer) or tw_ws_set_parts asks for parts. Then parts of it come
 * in order, the first one with `first`, the last one with `final`; a character may be split between two. */
typedef struct WsMessage {
  const char *message;
  uint32_t size;
  int32_t conn;
  bool binary; /* false: it was sent as text, and is UTF-8 */
  bool first;
  bool final;
} WsMessage;

/* "drain": as NetDrain. */
typedef struct WsDrain {
  int32_t conn;
} WsDrain;

/* "error": as NetError. */
typedef struct WsError {
  int32_t conn;
  int32_t code;
  uint32_t step;
  int32_t retry_ms;
  uint32_t detail; /* TW_ERR_WS_REFUSED: the HTTP status; else a close code or 0 */
} WsError;

/* "closing": the server's close frame came. */
typedef struct WsClosing {
  int32_t conn;
  int32_t code;       /* 1005 if it had none */
  const char *reason; /* terminated */
  uint32_t size;
} WsClosing;

/* "ping": one came, and its pong is already queued. */
typedef struct WsPing {
  int32_t conn;
  const char *data;
  uint32_t size;
} WsPing;

/* "pong": one came. */
typedef struct WsPong {
  int32_t conn;
  const char *data;
  uint32_t size;
} WsPong;

/* Every event: X(struct, name, kinds of handle as bits of 1 << tw_kind, shape). The shape is what tw_net_on compares:
 * for the events that the specification declares, its signature hash. */
#define TW_EASY_NET_EVENTS(X)                                                                                          \
  X(NetConnected, "connected", 1u << TW_KIND_TCP | 1u << TW_KIND_LISTENER, TW_EVENT_SIG_NetConnected)                  \
  X(NetDisconnected, "disconnected", 1u << TW_KIND_TCP | 1u << TW_KIND_LISTENER, TW_EVENT_SIG_NetDisconnected)         \
  X(NetData, "data", 1u << TW_KIND_TCP, TW_EVENT_SIG_NetData)                                                          \
  X(NetDatagram, "datagram", 1u << TW_KIND_UDP, TW_EVENT_SIG_NetDatagram)                                              \
  X(NetDrain, "drain", 1u << TW_KIND_TCP | 1u << TW_KIND_UDP, 1u)                                                      \
  X(NetError, "error", 1u << TW_KIND_TCP | 1u << TW_KIND_UDP | 1u << TW_KIND_LISTENER, 2u)                             \
  X(NetAccepted, "accepted", 1u << TW_KIND_LISTENER, 3u)                                                               \
  X(NetEnded, "ended", 1u << TW_KIND_TCP, 4u)                                                                          \
  X(NetSecured, "secured", 1u << TW_KIND_TCP, 5u)                                                                      \
  X(NetDeadline, "deadline", 1u << TW_KIND_TCP, 6u)
#define TW_EASY_WS_EVENTS(X)                                                                                           \
  X(WsConnected, "connected", 1u << TW_KIND_WS, TW_EVENT_SIG_WsConnected)                                              \
  X(WsDisconnected, "disconnected", 1u << TW_KIND_WS, TW_EVENT_SIG_WsDisconnected)                                     \
  X(WsMessage, "message", 1u << TW_KIND_WS, TW_EVENT_SIG_WsMessage)                                                    \
  X(WsDrain, "drain", 1u << TW_KIND_WS, 7u)                                                                            \
  X(WsError, "error", 1u << TW_KIND_WS, 8u)                                                                            \
  X(WsClosing, "closing", 1u << TW_KIND_WS, 9u)                                                                        \
  X(WsPing, "ping", 1u << TW_KIND_WS, 10u)                                                                             \
  X(WsPong, "pong", 1u << TW_KIND_WS, 11u)

/* Any listener, as it is kept; it is called as what it was before. */
typedef void (*tw_listener)(void);

/* What tw_net_on and tw_ws_on stand for: `kinds` are those of the door, `shape` that of the listener's parameter. */
int32_t tw_easy_on(uint32_t kinds, int32_t handle, const char *event, uint32_t shape, tw_listener listener, void *ctx);
int32_t tw_easy_off(uint32_t kinds, int32_t handle, const char *event, uint32_t shape, tw_listener listener);

#define TW_EASY_NET (1u << TW_KIND_TCP | 1u << TW_KIND_UDP | 1u << TW_KIND_LISTENER)
#define TW_EASY_WS (1u << TW_KIND_WS)

/* int32_t tw_net_on(int32_t sock, const char *event, void (*listener)(const Net... *, void *), void *ctx);
 * int32_t tw_ws_on(int32_t conn, const char *event, void (*listener)(const Ws... *, void *), void *ctx);
 *
 * Listen to an event. `ctx` is handed back in each call. Several listeners of one event are called in the order in
 * which they were added; one that is added or taken off while an event is told counts from the next event on. They stay
 * until tw_net_off, or until the handle's last event.
 * Return 0; or -1: TW_ERR_EVENT (the handle has no such event, or the listener is for another one), TW_ERR_HANDLE,
 * TW_ERR_MEMORY (all of tw_easy_options.listeners are in use).
 *
 * int32_t tw_net_off(int32_t sock, const char *event, listener);
 * int32_t tw_ws_off(int32_t conn, const char *event, listener);
 *
 * Take a listener off again; what was added more than once goes one by one, the latest first.
 * Return 0; or -1: TW_ERR_ARGUMENT (it does not listen to this event), TW_ERR_EVENT, TW_ERR_HANDLE. */
#ifndef __cplusplus
#define TW_EASY_SHAPE(type, name, kinds, shape) void (*)(const type *, void *) : shape,
#define TW_EASY_SHAPE_NET(listener) _Generic((listener), TW_EASY_NET_EVENTS(TW_EASY_SHAPE) default: (void)0)
#define TW_EASY_SHAPE_WS(listener) _Generic((listener), TW_EASY_WS_EVENTS(TW_EASY_SHAPE) default: (void)0)
#define tw_net_on(sock, event, listener, ctx)                                                                          \
  tw_easy_on(TW_EASY_NET, (sock), (event), TW_EASY_SHAPE_NET(listener), (tw_listener)(listener), (ctx))
#define tw_net_off(sock, event, listener)                                                                              \
  tw_easy_off(TW_EASY_NET, (sock), (event), TW_EASY_SHAPE_NET(listener), (tw_listener)(listener))
#define tw_ws_on(conn, event, listener, ctx)                                                                           \
  tw_easy_on(TW_EASY_WS, (conn), (event), TW_EASY_SHAPE_WS(listener), (tw_listener)(listener), (ctx))
#define tw_ws_off(conn, event, listener)                                                                               \
  tw_easy_off(TW_EASY_WS, (conn), (event), TW_EASY_SHAPE_WS(listener), (tw_listener)(listener))
#endif

/* ---- net: TCP, UDP, Unix sockets ----------------------------------------------------------------------------------
 * Functions for one kind of handle return -1 (TW_ERR_HANDLE) for another. */

/* Starts a TCP connection to `host` (a name or a literal address without brackets, 1..TW_MAX_HOST bytes) and `port`
 * 1..65535, and returns at once. "connected" follows, or "error" and "disconnected", within limits.connectTimeoutMs.
 * Returns a handle, valid until tw_net_close; or -1: TW_ERR_ARGUMENT, TW_ERR_PORT, TW_ERR_LIMIT, TW_ERR_MEMORY,
 * TW_ERR_NETWORK_DOWN (a device whose interface has no address yet). */
int32_t tw_net_tcp_connect(const char *host, int32_t port);

/* Opens a UDP socket on the local `port`, 0 for any free one; it is ready when the call returns.
 * Returns a handle; or -1: TW_ERR_PORT, TW_ERR_LIMIT, TW_ERR_IN_USE, TW_ERR_ACCESS, TW_ERR_NETWORK_DOWN. */
int32_t tw_net_udp_open(int32_t port);

/* As tw_net_udp_open, on a local literal address. Also -1: TW_ERR_ADDRESS. */
int32_t tw_net_udp_bind(const char *ip, int32_t port);

/* Fixes the peer of a UDP socket: only its datagrams are heard, and tw_net_udp_send sends to it.
 * Returns 0; or -1: TW_ERR_ADDRESS, TW_ERR_PORT, TW_ERR_HANDLE. */
int32_t tw_net_udp_connect(int32_t sock, const char *ip, int32_t port);

/* Starts a connection to the Unix stream socket at `path` (1..TW_MAX_PATH bytes); its events are those of TCP.
 * Returns a handle; or -1: TW_ERR_PATH, TW_ERR_UNSUPPORTED (a host without them), as tw_net_tcp_connect. */
int32_t tw_net_unix_connect(const char *path);

/* Listens on the local name or address `host` (NULL or "": every one) and `port` (0: any free one; tw_net_local_addr
 * tells which). Events: "connected" once it listens, "error" and "disconnected" if it can't; "accepted".
 * Returns a handle; or -1: TW_ERR_ARGUMENT, TW_ERR_PORT, TW_ERR_LIMIT, TW_ERR_UNSUPPORTED. */
int32_t tw_net_tcp_listen(const char *host, int32_t port);

/* Listens at the path of a Unix socket, at which nothing may be yet. As tw_net_tcp_listen; -1: TW_ERR_PATH. */
int32_t tw_net_unix_listen(const char *path);

/* Closes any socket and ends reconnecting; never blocks, and may be called from a listener. What is queued is still
 * written, within limits.closeTimeoutMs. A connection that had been open ends with "disconnected".
 * Returns 0, or -1: TW_ERR_HANDLE. */
int32_t tw_net_close(int32_t sock);

/* Queues `size` bytes on an open TCP connection, whole or not at all; they are copied.
 * Returns `size`; or -1, and nothing was queued: TW_ERR_BACKPRESSURE ("drain" comes when it fits), TW_ERR_TOO_LARGE
 * (larger than limits.sendBuffer), TW_ERR_STATE (not connected), TW_ERR_HANDLE. */
int32_t tw_net_send(int32_t sock, const void *data, size_t size);

/* Sends one datagram to a literal address; names are not looked up.
 * Returns `size`; or -1, and nothing was sent: TW_ERR_ADDRESS, TW_ERR_PORT, TW_ERR_BACKPRESSURE ("drain" follows),
 * TW_ERR_TOO_LARGE, TW_ERR_HANDLE, or what the host answered. */
int32_t tw_net_udp_send_to(int32_t sock, const char *ip, int32_t port, const void *data, size_t size);

/* Sends one datagram to the peer that tw_net_udp_connect fixed. Returns as tw_net_udp_send_to. */
int32_t tw_net_udp_send(int32_t sock, const void *data, size_t size);

/* Turns reconnecting after an end that was not your tw_net_close on or off; off at first.
 * Returns 0, or -1: TW_ERR_HANDLE (also UDP, listeners and accepted connections). */
int32_t tw_net_set_auto_reconnect(int32_t sock, bool on);

/* The delays before the attempts: `count` (1..TW_MAX_DELAYS) numbers of seconds, 0..86400; the last repeats until an
 * attempt succeeds, then the first comes next again. At first {1}. Followed exactly, without jitter.
 * Returns 0, or -1: TW_ERR_ARGUMENT, TW_ERR_HANDLE. */
int32_t tw_net_set_reconnect_delays(int32_t sock, const uint32_t *seconds, size_t count);

/* The same in milliseconds, 0..86400000: for delays that are no whole seconds. */
int32_t tw_net_set_reconnect_delays_ms(int32_t sock, const uint32_t *ms, size_t count);

/* The peer's or this end's address as "192.0.2.10:8080" or "[2001:db8::1]:8080", or a Unix socket's path; "" while
 * there is none. Writes it, terminated and cut to `capacity` (> 0; TW_MAX_ADDRESS + 1 suffices, TW_MAX_PATH + 1 for
 * Unix sockets). Returns its bytes, 0 while there is none; or -1: TW_ERR_HANDLE. */
int32_t tw_net_remote_addr(int32_t sock, char *text, size_t capacity);
int32_t tw_net_local_addr(int32_t sock, char *text, size_t capacity);

/* Where a socket stands: TW_STATE_CONNECTING (also while it waits to reconnect), TW_STATE_OPEN or TW_STATE_CLOSED (also
 * for a stale number, and while it closes). tw_state_name gives the word of the specification. */
int32_t tw_net_state(int32_t sock);

/* Bytes that are queued and not yet written; -1: TW_ERR_HANDLE. */
int32_t tw_net_buffered_amount(int32_t sock);

/* Writes what the socket has done since it was opened; reconnecting goes on counting. Returns 0, or -1: TW_ERR_HANDLE.
 */
int32_t tw_net_stats(int32_t sock, tw_stats *stats);

/* What the handle was opened for, for logs: "host:port" or a path; "" for an accepted one. Terminated, cut to
 * `capacity`. Returns its bytes, or -1: TW_ERR_HANDLE. Works in the listener of a last event, too. */
int32_t tw_net_target(int32_t sock, char *text, size_t capacity);

/* Stop and resume receiving; the peer feels it, as TCP's window fills. Return 0, or -1: TW_ERR_HANDLE. */
int32_t tw_net_pause(int32_t sock);
int32_t tw_net_resume(int32_t sock);

/* Receives at most about `size` bytes ahead of tw_net_consumed, 0: without bound, as at first. Beyond that the socket
 * is not read, and TCP slows the peer down. TCP only. Return 0, or -1: TW_ERR_HANDLE. */
int32_t tw_net_set_window(int32_t sock, uint32_t size);
int32_t tw_net_consumed(int32_t sock, uint32_t size);

/* With `on`, the peer's end is "ended" and leaves our half open until tw_net_shutdown or tw_net_close. TCP only.
 * Returns 0, or -1: TW_ERR_HANDLE. */
int32_t tw_net_set_half_open(int32_t sock, bool on);

/* Ends our half of a stream behind what is queued; sends are refused from now on. When the peer has ended its half,
 * "disconnected" follows. Returns 0, or -1: TW_ERR_STATE, TW_ERR_HANDLE. */
int32_t tw_net_shutdown(int32_t sock);

/* Sets a deadline for reading, writing or both (`which`: TW_DEADLINE_... bits), `ms` from now; 0 clears it. "deadline"
 * is emitted once when it passes, and nothing else changes. TCP only. Returns 0, or -1: TW_ERR_ARGUMENT, TW_ERR_STATE
 * (the connection has ended), TW_ERR_HANDLE. */
int32_t tw_net_set_deadline(int32_t sock, uint32_t which, uint32_t ms);

/* When TCP asks a silent peer whether it is still there, RFC 9293 3.8.4. */
typedef struct tw_keep_alive {
  uint16_t idle_s;     /* seconds of silence before the first probe; 0: no probes */
  uint16_t interval_s; /* seconds between probes */
  uint16_t count;      /* probes without an answer after which the connection is dropped with TW_ERR_TIMEOUT */
} tw_keep_alive;

/* Sets TCP keep-alive, for this connection and those that follow if it reconnects; on a listener, for each connection
 * it accepts from now on. Without it a peer that vanished while nothing is being sent is never noticed. `idle_s` 0
 * switches it off; else `interval_s` and `count` are at least 1. All are at most 65535.
 * Default: off on a PC; on a device as its menuconfig says. TCP only.
 * Returns 0, or -1: TW_ERR_ARGUMENT, TW_ERR_HANDLE. */
int32_t tw_net_set_keep_alive(int32_t sock, uint32_t idle_s, uint32_t interval_s, uint32_t count);

/* Whether the network is up and has an address; before that, opening returns -1 with TW_ERR_NETWORK_DOWN. Always true
 * on a PC. */
bool tw_net_is_up(void);

/* ---- TLS ----------------------------------------------------------------------------------------------------------
 */

/* How TLS is to be done; what is NULL or 0 is left to the host. Borrowed, with all that it points to, until the handle
 * and all that it accepted are closed: reconnecting uses it again. Make it static. PEM texts are terminated. What a
 * host can't do answers TW_ERR_UNSUPPORTED. Without any of it a client verifies the server by the authorities that the
 * host trusts. */
typedef struct tw_tls_options {
  const char *ca;          /* PEM: the authorities to trust instead of the host's */
  const char *cert;        /* PEM: our certificate and those between it and its authority. A server needs one */
  const char *key;         /* PEM: its private key */
  const char *passphrase;  /* what the key is encrypted with */
  const char *servername;  /* the name to ask for (SNI) and to verify, if not the one connected to */
  const char *const *alpn; /* protocols to offer or accept, in order of preference, RFC 7301; the list ends with NULL */
  const char *pin;         /* SHA-256 of the peer's certificate, in hex with or without colons: checked as well */
  bool accept_any;         /* take whoever answers for the server: only the pin is checked */
  bool request_cert;       /* a server asks its clients for a certificate, and verifies it */
  bool tls13_only;         /* speak nothing older than TLS 1.3; else TLS 1.2 is the oldest */
} tw_tls_options;

/* Protects a socket from the start: "connected" comes when TLS is established; on a listener, for each connection it
 * accepts. To be called right after opening. `tls` may be NULL for a client.
 * Returns 0, or -1: TW_ERR_STATE (too late), TW_ERR_HANDLE, TW_ERR_ARGUMENT (a listener without certificate and key),
 * TW_ERR_UNSUPPORTED. */
int32_t tw_net_set_tls(int32_t sock, const tw_tls_options *tls);

/* Starts TLS on an open stream in place (STARTTLS). `name`: the server's name to verify, NULL: the one connected to.
 * All that was queued must have been written. "secured" follows, or "error" and "disconnected".
 * Returns 0, or -1: TW_ERR_STATE, TW_ERR_TLS_BUFFERED (bytes that came are not consumed), TW_ERR_HANDLE,
 * TW_ERR_UNSUPPORTED. */
int32_t tw_net_start_tls(int32_t sock, const char *name, const tw_tls_options *tls);

/* ---- ws: WebSocket clients, RFC 6455 ------------------------------------------------------------------------------
 */

/* What tw_ws_open_with takes beside the URL; what is NULL or 0 is left out. All but `tls` is copied. */
typedef struct tw_ws_options {
  const tw_ws_field *headers; /* sent with the request, and again at every reconnect */
  size_t header_count;
  const char *const *protocols; /* subprotocols to offer, in order of preference */
  size_t protocol_count;
  const char *user; /* "Authorization: Basic", RFC 7617; at most TW_MAX_CREDENTIAL bytes each, no colon in the user */
  const char *password;
  const tw_tls_options *tls; /* for wss: only */
} tw_ws_options;

/* Starts a connection to ws://host[:port][/path][?query] or wss://..., and returns at once. Port 80 (wss: 443) and path
 * / are the defaults. "connected" follows when the handshake is done, or "error" and "disconnected".
 * Returns a handle, valid until tw_ws_close; or -1: TW_ERR_URL, TW_ERR_PORT, TW_ERR_UNSUPPORTED (wss: on a host without
 * TLS), TW_ERR_LIMIT, TW_ERR_MEMORY, TW_ERR_NETWORK_DOWN. */
int32_t tw_ws_open(const char *url);

/* The same with options (NULL: none). Also -1: TW_ERR_HEADER (a bad name or value, or a header that the handshake
 * writes itself), TW_ERR_ARGUMENT (tls for ws:). */
int32_t tw_ws_open_with(const char *url, const tw_ws_options *options);

/* Replaces the headers that the next attempts of a handle send (Authorization included), for example by a fresh token.
 * Call it in "disconnected" or "error". Returns 0; or -1, and the headers are as they were: TW_ERR_HEADER,
 * TW_ERR_MEMORY, TW_ERR_STATE, TW_ERR_HANDLE. */
int32_t tw_ws_set_headers(int32_t conn, const tw_ws_field *headers, size_t count);

/* Queues a text message, whole or not at all; it is copied. `message` is terminated UTF-8.
 * Returns the payload's length in bytes; or -1, and nothing was queued: TW_ERR_BACKPRESSURE ("drain" comes when it
 * fits), TW_ERR_TOO_LARGE, TW_ERR_STATE (not connected), TW_ERR_WS_UTF8 (no UTF-8), TW_ERR_HANDLE. */
int32_t tw_ws_send(int32_t conn, const char *message);

/* The same with a length, and a binary message. */
int32_t tw_ws_send_text(int32_t conn, const char *text, size_t size);
int32_t tw_ws_send_binary(int32_t conn, const void *data, size_t size);

/* Queues a fragment of one message, RFC 6455 5.4, for messages that are made bit by bit. The first one decides whether
 * it is text. Until the final one is queued, other messages are refused with TW_ERR_STATE. Returns as tw_ws_send. */
int32_t tw_ws_send_fragment(int32_t conn, bool binary, const void *data, size_t size, bool final);

/* Sends a close frame (1000), waits for the server's within limits.closeTimeoutMs, and ends reconnecting. The number is
 * stale at once; a connection that had been open ends with "disconnected". Returns 0, or -1: TW_ERR_HANDLE. */
int32_t tw_ws_close(int32_t conn);

/* The same with a `code` (1000, or 3000..4999) and a `reason` (NULL: none; at most TW_MAX_REASON bytes of UTF-8).
 * Also -1: TW_ERR_ARGUMENT. */
int32_t tw_ws_close_with(int32_t conn, int32_t code, const char *reason);

/* Sends a ping; "pong" follows. Pings of the server are answered without your doing.
 * Returns 0, or -1: TW_ERR_BACKPRESSURE, TW_ERR_STATE, TW_ERR_HANDLE. */
int32_t tw_ws_ping(int32_t conn);

/* The same with a payload of at most TW_MAX_CONTROL bytes. Also -1: TW_ERR_ARGUMENT. */
int32_t tw_ws_ping_with(int32_t conn, const void *data, size_t size);

/* As tw_net_set_auto_reconnect. Each attempt is a full handshake. Not tried again, as asking once more would not change
 * the answer: a handshake refused with 400..499 (but 408 and 429), and a close with code 1008. */
int32_t tw_ws_set_auto_reconnect(int32_t conn, bool on);

/* As tw_net_set_reconnect_delays. */
int32_t tw_ws_set_reconnect_delays(int32_t conn, const uint32_t *seconds, size_t count);
int32_t tw_ws_set_reconnect_delays_ms(int32_t conn, const uint32_t *ms, size_t count);

/* As tw_net_state. */
int32_t tw_ws_state(int32_t conn);

/* The subprotocol that the server chose; "" if none. Terminated, cut to `capacity` (> 0). Returns its bytes, or -1:
 * TW_ERR_HANDLE. (`ws.protocol` in TypeScript; twc_ws_protocol is the wall's.) */
int32_t tw_ws_chosen_protocol(int32_t conn, char *text, size_t capacity);

/* Sends a ping after `interval_ms` of silence, and drops the connection with TW_ERR_HEARTBEAT when nothing comes for
 * `timeout_ms` after it; also on the connections that follow if it reconnects. While receiving is paused, silence does
 * not count. `interval_ms` 0 switches it off. Default: off on a PC; on a device as its menuconfig says.
 * Returns 0, or -1: TW_ERR_ARGUMENT (an interval without a timeout), TW_ERR_HANDLE. */
int32_t tw_ws_set_heartbeat(int32_t conn, uint32_t interval_ms, uint32_t timeout_ms);

/* Lends `size` bytes in which messages that come in pieces are joined, one of them for their NUL: a message of less
 * than `size` bytes is then told whole. In place of what the handle had; NULL: nothing, it is told in parts. Borrowed
 * until the handle's last event; not to be changed while a message is coming in (TW_ERR_STATE). Returns 0, or -1:
 * TW_ERR_HANDLE, TW_ERR_STATE. */
int32_t tw_ws_set_buffer(int32_t conn, void *buffer, size_t size);

/* With `on`, messages are told in parts as they come, and never joined: for what is passed on as a stream, and larger
 * than any memory. Returns 0, or -1: TW_ERR_HANDLE, TW_ERR_STATE (a message is coming in). */
int32_t tw_ws_set_parts(int32_t conn, bool on);

/* As for net. */
int32_t tw_ws_buffered_amount(int32_t conn);
int32_t tw_ws_stats(int32_t conn, tw_stats *stats);
int32_t tw_ws_target(int32_t conn, char *text, size_t capacity);
int32_t tw_ws_pause(int32_t conn);
int32_t tw_ws_resume(int32_t conn);

/* Does nothing, as no call ever blocks. Kept for programs that call it. */
void tw_ws_set_timeout(int32_t conn, int32_t ms);

/* ---- runtime -------------------------------------------------------------------------------------------------------
 */

/* Turns the loop until tw_runtime_exit. Returns its code. Where a task of the host's own turns the loop there is no
 * need to call it. Not to be called from a listener: -1, TW_ERR_STATE. */
int32_t tw_runtime_keep_alive(void);

/* Closes every handle and lets tw_runtime_keep_alive return: what is queued and the close frames still go out, within
 * limits.closeTimeoutMs. `code`: 0..255. Returns 0, or -1: TW_ERR_ARGUMENT. */
int32_t tw_runtime_exit(int32_t code);

/* Supplied by the host: turns the loop once. Tells what is due, writes what was queued and, if nothing was told yet,
 * waits at most `ms` (0: not at all; TW_FOREVER: until something happens) for sockets and timers. Returns how many
 * handles are open, closing ones included; or -1: TW_ERR_STATE (not started, or called from a listener). */
int32_t tw_poll(uint32_t ms);

/* ---- Errors --------------------------------------------------------------------------------------------------------
 */

/* Why the last call that returned -1 did so: TW_ERR_..., 0 if none has. A call that succeeds leaves it as it is. */
int32_t tw_last_error(void);

/* "ERR_REFUSED", what went wrong, and what to do about it; "" for a number that is no error. Static texts. The table is
 * linked only if one of them is called: about 7 KiB. */
const char *tw_error_name(int32_t error);
const char *tw_error_text(int32_t error);
const char *tw_error_advice(int32_t error);

/* "connecting", "open" or "closed": the specification's word for what tw_net_state and tw_ws_state return. */
const char *tw_state_name(int32_t state);

/* ---- For hosts ------------------------------------------------------------------------------------------------------
 * A host makes a core and, on it, the door; then each delivery goes through tw_easy_tell:
 *
 *   tw_easy_tell(easy, twc_received(core, handle, size));
 *
 * and each turn of its loop is:
 *
 *   tw_easy_turn(easy);                                  // time passes, what waited is told
 *   bool again = tw_easy_flush(easy);                    // what was queued is written
 *   wait = again ? 0 : min(ms, twc_wait(core));           // then wait for sockets, and deliver
 *
 * An accepted connection is registered under the handle that twc_accepted gave, then told, then connected:
 *   tw_easy_tell(easy, twc_pump(core)); tw_easy_tell(easy, twc_connected(core, handle)); */

typedef struct tw_easy tw_easy;

/* What bounds the door's own memory. */
typedef struct tw_easy_options {
  uint32_t listeners;    /* listeners of all handles together, 1..1000000 */
  uint32_t message_size; /* bytes for each WebSocket in which messages that come in pieces are joined, 0..16 MiB */
} tw_easy_options;

/* Defaults: of a host with an operating system, which brings `resize`; of an ESP32. */
#define TW_EASY_OPTIONS_HOST {.listeners = 32768, .message_size = 0}
#define TW_EASY_OPTIONS_ESP32 {.listeners = 24, .message_size = 512}

/* What a host supplies beside port.h. */
typedef struct tw_easy_host {
  void *host;                     /* handed back in each call */
  uint32_t (*now_ms)(void *host); /* the clock of twc_tick. Needed */
  bool (*is_up)(void *host);      /* whether the network has an address; NULL: it always has */
  /* As realloc (`size` 0 frees, and NULL is returned): memory in which messages are joined whatever their size, up to
   * limits.maxMessage. NULL, or if it returns NULL: those beyond message_size are told in parts. */
  void *(*resize)(void *host, void *memory, size_t size);
  /* Checks `tls` (NULL: defaults) for a socket before TLS is asked for: 0 or an error of the table, for a mistake that
   * can be told at once. NULL: nothing is checked. */
  int32_t (*check_tls)(void *host, const tw_tls_options *tls, bool server);
  /* A handle has been opened or accepted: the place for defaults of the host. NULL: nothing is to be done. */
  void (*opened)(void *host, int32_t handle, uint32_t kind);
  /* Sets keep-alive of a stream that is connected. NULL: the host cannot. */
  void (*set_keep_alive)(void *host, int32_t handle, const tw_keep_alive *keep_alive);
} tw_easy_host;

/* Bytes that tw_easy_init needs for a core of these limits; 0: an option is out of its range. */
size_t tw_easy_need(const tw_limits *limits, const tw_easy_options *options);

/* Makes a door in `memory` (`size` >= tw_easy_need, aligned to 16) upon `core`, whose limits are given again. All but
 * `memory` and `core` is copied. Returns NULL if the size or an option is wrong.
 *
 * The door's WebSockets are clients. One that is made of an accepted connection (twc_ws_accept on `core`) stays a TCP
 * connection here: of what comes then, only "error", "drain" and "disconnected" are told. */
tw_easy *tw_easy_init(void *memory, size_t size, const tw_limits *limits, const tw_easy_options *options, tw_core *core,
                      const tw_easy_host *host);

/* Makes `easy` the one that the functions above work on; NULL: none, and they answer -1 (TW_ERR_STATE). A host calls it
 * when it starts and stops. */
void tw_easy_use(tw_easy *easy);

/* Gives what `resize` has given back, without an event. The core is not touched. */
void tw_easy_release(tw_easy *easy);

/* Hands `count` records that a delivery has made ready to their listeners, and all that follow (twc_pump). Not to be
 * called from a listener. */
void tw_easy_tell(tw_easy *easy, uint32_t count);

/* Ticks, and tells what is due. To be called before the first delivery of each turn of the loop: what waits from before
 * would be lost otherwise. */
void tw_easy_turn(tw_easy *easy);

/* Writes what was queued. Returns whether events wait, so that the next turn must come without waiting. */
bool tw_easy_flush(tw_easy *easy);

/* Emits "error" for a failure that a socket survives: a datagram that could not be sent after all, a connection that could
 * not be accepted. `retry_ms`: when it is tried again, or TW_FOREVER. */
void tw_easy_failed(tw_easy *easy, int32_t handle, int32_t error, uint32_t step, uint32_t retry_ms);

/* Notes `error` for tw_last_error and returns -1. */
int32_t tw_easy_refuse(int32_t error);

/* How many events have been told so far; the number may wrap. A tw_poll that has told one before it would wait does not
 * wait: what the application waits for may have happened. */
uint32_t tw_easy_told(const tw_easy *easy);

/* Whether a listener is being called. */
bool tw_easy_telling(const tw_easy *easy);

/* Handles that are open, closing ones included. Tells what is ready to be told, outside a listener. */
uint32_t tw_easy_open_handles(tw_easy *easy);

/* How TLS is to be done for a handle, for a host in twc_port_start_tls; an accepted connection has its listener's.
 * NULL: defaults. */
const tw_tls_options *tw_easy_tls(tw_easy *easy, int32_t handle);

/* Keep-alive of a handle, for a host whose socket has just been connected; an accepted connection has its listener's.
 * Never NULL. */
const tw_keep_alive *tw_easy_keep_alive(tw_easy *easy, int32_t handle);

/* Whether a handle was accepted, and so is the server's side of TLS. */
bool tw_easy_accepted(tw_easy *easy, int32_t handle);

#ifdef __cplusplus
}

/* C++ has no _Generic; one function an event does the same. */
#define TW_EASY_OVERLOAD(door, all, type, shape)                                                                       \
  inline int32_t tw_##door##_on(int32_t handle, const char *event, void (*listener)(const type *, void *),             \
                                void *ctx) {                                                                           \
    return tw_easy_on(all, handle, event, shape, reinterpret_cast<tw_listener>(listener), ctx);                        \
  }                                                                                                                    \
  inline int32_t tw_##door##_off(int32_t handle, const char *event, void (*listener)(const type *, void *)) {          \
    return tw_easy_off(all, handle, event, shape, reinterpret_cast<tw_listener>(listener));                            \
  }
#define TW_EASY_OVERLOAD_NET(type, name, kinds, shape) TW_EASY_OVERLOAD(net, TW_EASY_NET, type, shape)
#define TW_EASY_OVERLOAD_WS(type, name, kinds, shape) TW_EASY_OVERLOAD(ws, TW_EASY_WS, type, shape)
TW_EASY_NET_EVENTS(TW_EASY_OVERLOAD_NET)
TW_EASY_WS_EVENTS(TW_EASY_OVERLOAD_WS)
#undef TW_EASY_OVERLOAD_NET
#undef TW_EASY_OVERLOAD_WS
#undef TW_EASY_OVERLOAD
#endif
#endif
