/* net.h: TCP, UDP and Unix sockets as numbers and events: the handle API in C. No call ever waits.
 *
 * The names, arguments and results are those of `net` of the handle API in TypeScript, "twinwire/handles"
 * (docs/handles.md); docs/c.md shows both side by side. A host runs the loop: twinwire/tw_posix.h on a PC,
 * twinwire/tw_esp.h on an ESP32.
 *
 *   static void on_connected(const NetConnected *e, void *ctx) { tw_net_send(e->sock, "ping", 4); }
 *   static void on_data(const NetData *e, void *ctx) { printf("recv: %s\n", e->data); }
 *
 *   int32_t sock = tw_net_tcp_connect("192.168.1.10", 8080);
 *   tw_net_on(sock, on_connected, NULL);
 *   tw_net_on(sock, on_data, NULL);
 *   tw_runtime_keep_alive();
 *
 * Results, threads and memory: see runtime.h. */
#ifndef TWINWIRE_NET_H
#define TWINWIRE_NET_H

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
 *   connected  (data | drain)*  error?  disconnected   and again, if it reconnects
 *   error                                  each attempt that failed
 *   error  disconnected                    if no other will follow */

/* "connected": the connection is open, after each reconnect too; of a listener: it listens. */
typedef struct NetConnected {
  int32_t sock;
} NetConnected;

/* "disconnected": an open connection ended, or one that never opened was given up. The handle stays valid, even if no
 * attempt follows and also for an accepted connection: tw_net_close frees it, here or later. Until then it takes one of
 * limits.sockets, and its statistics and its target can be read. */
typedef struct NetDisconnected {
  int32_t sock;
  int32_t code;     /* 0, or the error that ended it: TW_ERR_... */
  bool clean;       /* an orderly end */
  uint32_t unsent;  /* bytes that were queued and never written */
  int32_t retry_ms; /* milliseconds to the next attempt, -1: none will follow */
} NetDisconnected;

/* "data": bytes of a TCP or Unix stream arrived, in pieces of any size: a stream has no messages. */
typedef struct NetData {
  const char *data;
  uint32_t size;
  int32_t sock;
} NetData;

/* "datagram": one UDP datagram, and its sender. */
typedef struct NetDatagram {
  const char *data;
  const char *addr; /* a literal IPv4 or IPv6 address, terminated */
  int32_t port;
  uint32_t size;
  int32_t sock;
} NetDatagram;

/* "drain": a send that was refused with TW_ERR_BACKPRESSURE fits now. Emitted once, however many sends were refused. */
typedef struct NetDrain {
  int32_t sock;
} NetDrain;

/* "error": an attempt or a connection failed. A listener is optional. */
typedef struct NetError {
  int32_t sock;
  int32_t code;     /* TW_ERR_...; see tw_error_text */
  uint32_t step;    /* the operation that failed: tw_step */
  int32_t retry_ms; /* milliseconds to the next attempt, -1: none will follow */
} NetError;

/* "accepted", of a listener: a connection was accepted. Add the listeners of `sock` here; its "connected" follows, or
 * "error" if TLS fails. The handle is valid until you close it with tw_net_close, also after its "disconnected" (in
 * TypeScript the number is stale then). A connection for which no listener is called is closed; those of a server of
 * HTTP or WebSockets are closed by the server. */
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

/* Every event: X(struct, name, kinds of handle as bits of 1 << tw_kind, shape). Listeners are compared by the shape:
 * for the events that the specification declares, its signature hash. */
#define TW_HANDLES_NET_EVENTS(X)                                                                                       \
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

#define TW_HANDLES_NET (1u << TW_KIND_TCP | 1u << TW_KIND_UDP | 1u << TW_KIND_LISTENER)

/* int32_t tw_net_on(int32_t sock, void (*listener)(const Net... *, void *), void *ctx);
 * int32_t tw_net_on(int32_t sock, const char *event, void (*listener)(const Net... *, void *), void *ctx);
 *
 * Adds a listener. The type of its parameter decides which event it is for; if a name is given, both have to agree.
 * `ctx` is passed to each call. Several listeners of one event are called in the order in which they were added;
 * one that is added while an event is emitted is called from the next event on. They stay until tw_net_off, or until
 * the handle's last event. A listener that closes its handle is the last one called for that event. Returns 0; or -1:
 * TW_ERR_EVENT (the handle has no such event, or the listener is for another one), TW_ERR_HANDLE, TW_ERR_MEMORY (all of
 * tw_handles_options.listeners are in use).
 *
 * int32_t tw_net_off(int32_t sock, listener, void *ctx);
 * int32_t tw_net_off(int32_t sock, const char *event, listener, void *ctx);
 *
 * Removes a listener that was added with the same `ctx`; if it was added several times, each call removes one, the
 * latest first. Returns 0; or -1: TW_ERR_ARGUMENT (there is none), TW_ERR_EVENT, TW_ERR_HANDLE. */
#ifndef __cplusplus
#define TW_NET_CASE(type, name, kinds, shape) void (*)(const type *, void *) : shape,
#define TW_NET_SHAPE(listener) _Generic((listener), TW_HANDLES_NET_EVENTS(TW_NET_CASE) default: (void)0)
#define TW_NET_ON(handle, listener, ctx)                                                                               \
  tw_handles_on(TW_HANDLES_NET, (handle), NULL, TW_NET_SHAPE(listener), (tw_listener)(listener), (ctx))
#define TW_NET_ON_NAMED(handle, event, listener, ctx)                                                                  \
  tw_handles_on(TW_HANDLES_NET, (handle), (event), TW_NET_SHAPE(listener), (tw_listener)(listener), (ctx))
#define TW_NET_OFF(handle, listener, ctx)                                                                              \
  tw_handles_off(TW_HANDLES_NET, (handle), NULL, TW_NET_SHAPE(listener), (tw_listener)(listener), (ctx))
#define TW_NET_OFF_NAMED(handle, event, listener, ctx)                                                                 \
  tw_handles_off(TW_HANDLES_NET, (handle), (event), TW_NET_SHAPE(listener), (tw_listener)(listener), (ctx))
#define tw_net_on(...) TW_FIFTH(__VA_ARGS__, TW_NET_ON_NAMED, TW_NET_ON, TW_NET_ON, TW_NET_ON)(__VA_ARGS__)
#define tw_net_off(...) TW_FIFTH(__VA_ARGS__, TW_NET_OFF_NAMED, TW_NET_OFF, TW_NET_OFF, TW_NET_OFF)(__VA_ARGS__)
#endif

/* ---- Calls ----
 * Functions for one kind of handle return -1 (TW_ERR_HANDLE) for another. */

/* Starts a TCP connection to `host` (a name or a literal address without brackets, 1..TW_MAX_HOST bytes) and `port`
 * 1..65535, and returns at once. "connected" follows, or "error" and "disconnected", within limits.connectTimeoutMs.
 * Returns a handle, valid until tw_net_close; or -1: TW_ERR_ARGUMENT, TW_ERR_PORT, TW_ERR_LIMIT, TW_ERR_MEMORY,
 * TW_ERR_NETWORK_DOWN (a device whose interface has no address yet). */
int32_t tw_net_tcp_connect(const char *host, int32_t port);

/* The same through a proxy. TLS (tw_net_set_tls) is with the target. In addition: "error" with TW_ERR_PROXY if the
 * proxy refuses; -1: TW_ERR_ARGUMENT (a credential that is too long). */
int32_t tw_net_tcp_connect_via(const char *host, int32_t port, const tw_proxy *proxy);

/* From now on TCP connections and WebSockets that this thread opens go only to addresses that `policy` allows, on each
 * attempt and whatever a name resolves to; NULL: to any. The text has rules, separated by commas: "-" (denied) or "+"
 * (allowed) and an address, a prefix, or the word private, which stands for what is not globally reachable (RFC 6890)
 * and multicast: "-private,+10.1.0.0/16". An allowed address is never denied; without any "-" rule, all others are. The
 * text is not copied and must outlive the policy. A connection to another address fails with TW_ERR_POLICY, as does one
 * by a Unix socket or a proxy, which chooses its own addresses; if a rule is malformed, every connection fails with
 * TW_ERR_ARGUMENT. Returns 0, or -1: TW_ERR_STATE (no loop runs on this thread).
 *
 *   tw_net_set_policy("-private");
 *   int32_t conn = tw_ws_open(url_of_a_stranger);
 */
int32_t tw_net_set_policy(const char *policy);

/* Limits of a listener for each peer address; 0: no limit. A rate allows that many at once. IPv6 addresses are counted
 * by /64; Unix sockets have none. */
typedef struct tw_address_limits {
  uint32_t connections;           /* at the same time */
  uint32_t handshakes_per_second; /* new connections, 0..1000000 */
  uint32_t messages_per_second;   /* of WebSockets, and HTTP requests, 0..1000000 */
} tw_address_limits;

/* Sets the limits of a listener, which may be a server of HTTP or WebSockets, from now on. They are copied. NULL
 * removes them; that is the default. A connection over a limit is closed before it is reported. A message over it ends
 * its WebSocket with TW_ERR_ADDRESS_LIMIT (close code 1008), after the answers to the earlier ones; a request is
 * answered with 429. The addresses of all listeners share limits.addresses entries; if all entries that an address
 * could use have open connections, it is admitted and not counted. Returns 0; or -1: TW_ERR_LIMIT (limits.addresses is
 * 0, as on a device), TW_ERR_ARGUMENT (a rate is too large), TW_ERR_HANDLE.
 *
 *   int32_t server = tw_ws_listen("127.0.0.1", 8080, NULL);
 *   tw_net_set_address_limits(server, &(tw_address_limits){.connections = 50, .messages_per_second = 500});
 */
int32_t tw_net_set_address_limits(int32_t listener, const tw_address_limits *limits);

/* Writes the counters of a listener's limits. Refused connections emit no event. Returns 0; or -1:
 * TW_ERR_ARGUMENT (`stats` is NULL), TW_ERR_HANDLE. */
int32_t tw_net_address_stats(int32_t listener, tw_address_stats *stats);

/* Opens a UDP socket on the local `port`, 0 for any free one; it is ready when the call returns.
 * Returns a handle; or -1: TW_ERR_PORT, TW_ERR_LIMIT, TW_ERR_IN_USE, TW_ERR_ACCESS, TW_ERR_NETWORK_DOWN. */
int32_t tw_net_udp_open(int32_t port);

/* As tw_net_udp_open, on a local literal address. Also -1: TW_ERR_ADDRESS. */
int32_t tw_net_udp_bind(const char *ip, int32_t port);

/* Fixes the peer of a UDP socket: only its datagrams are received, and tw_net_udp_send sends to it.
 * Returns 0; or -1: TW_ERR_ADDRESS, TW_ERR_PORT, TW_ERR_HANDLE. */
int32_t tw_net_udp_connect(int32_t sock, const char *ip, int32_t port);

/* Starts a connection to the Unix stream socket at `path` (1..TW_MAX_PATH bytes); its events are those of TCP.
 * Returns a handle; or -1: TW_ERR_PATH, TW_ERR_UNSUPPORTED (a host without them), as tw_net_tcp_connect. */
int32_t tw_net_unix_connect(const char *path);

/* Listens on the local name or address `host` (NULL or "": every one) and `port` (0: any free one; tw_net_local_addr
 * says which). Events: "connected" once it listens, "error" and "disconnected" if it can't; "accepted".
 * Returns a handle; or -1: TW_ERR_ARGUMENT, TW_ERR_PORT, TW_ERR_LIMIT, TW_ERR_UNSUPPORTED. */
int32_t tw_net_tcp_listen(const char *host, int32_t port);

/* Listens at the path of a Unix socket, which must not exist yet. As tw_net_tcp_listen; -1: TW_ERR_PATH. */
int32_t tw_net_unix_listen(const char *path);

/* Closes any socket, ends reconnecting and frees the handle; never blocks, and may be called from a listener. What is
 * queued is still written, within limits.closeTimeoutMs. A connection that is open ends with "disconnected"; one that
 * has ended needs this call as well, otherwise its handle is never freed.
 * Returns 0, or -1: TW_ERR_HANDLE.
 *
 *   static void on_disconnected(const NetDisconnected *e, void *ctx) {
 *     if (e->retry_ms < 0)
 *       tw_net_close(e->sock);
 *   } */
int32_t tw_net_close(int32_t sock);

/* Closes any socket at once: what is queued is dropped, and a TCP connection is reset. Also for a handle that was
 * closed and has not ended yet. Returns 0, or -1: TW_ERR_HANDLE. */
int32_t tw_net_abort(int32_t sock);

/* Queues `size` bytes on an open TCP connection, whole or not at all; they are copied.
 * Returns `size`; or -1, and nothing was queued: TW_ERR_BACKPRESSURE ("drain" follows when it fits), TW_ERR_TOO_LARGE
 * (larger than limits.sendBuffer), TW_ERR_STATE (not connected), TW_ERR_HANDLE. */
int32_t tw_net_send(int32_t sock, const void *data, size_t size);

/* Sends one datagram to a literal address; names are not looked up.
 * Returns `size`; or -1, and nothing was sent: TW_ERR_ADDRESS, TW_ERR_PORT, TW_ERR_BACKPRESSURE ("drain" follows),
 * TW_ERR_TOO_LARGE, TW_ERR_HANDLE, or an error of the host. */
int32_t tw_net_udp_send_to(int32_t sock, const char *ip, int32_t port, const void *data, size_t size);

/* Sends one datagram to the peer that tw_net_udp_connect fixed. Returns as tw_net_udp_send_to. */
int32_t tw_net_udp_send(int32_t sock, const void *data, size_t size);

/* Turns reconnecting on or off, after every end that tw_net_close did not request. Default: off.
 * Returns 0, or -1: TW_ERR_HANDLE (also UDP, listeners and accepted connections). */
int32_t tw_net_set_auto_reconnect(int32_t sock, bool on);

/* The delays before the attempts: `count` (1..TW_MAX_DELAYS) numbers of seconds, 0..86400; the last one repeats; a
 * successful attempt restarts the list. They are followed exactly, without jitter. Default: {1}. Returns 0, or -1:
 * TW_ERR_ARGUMENT, TW_ERR_HANDLE. */
int32_t tw_net_set_reconnect_delays(int32_t sock, const uint32_t *seconds, size_t count);

/* The same in milliseconds, 0..86400000: for delays that are not whole seconds. */
int32_t tw_net_set_reconnect_delays_ms(int32_t sock, const uint32_t *ms, size_t count);

/* The peer's or this end's address as "192.0.2.10:8080" or "[2001:db8::1]:8080", or a Unix socket's path; "" while
 * there is none. Writes it, terminated and cut to `capacity` (> 0; TW_MAX_ADDRESS + 1 suffices, TW_MAX_PATH + 1 for
 * Unix sockets). Returns its bytes, 0 while there is none; or -1: TW_ERR_HANDLE. */
int32_t tw_net_remote_addr(int32_t sock, char *text, size_t capacity);
int32_t tw_net_local_addr(int32_t sock, char *text, size_t capacity);

/* Returns the state of a socket: TW_STATE_CONNECTING (also while it waits to reconnect), TW_STATE_OPEN or
 * TW_STATE_CLOSED (also for a stale number, and while it closes). tw_state_name returns its name in the specification.
 */
int32_t tw_net_state(int32_t sock);

/* Bytes that are queued and not yet written; -1: TW_ERR_HANDLE. */
int32_t tw_net_buffered_amount(int32_t sock);

/* Writes the counters of the socket since it was opened; reconnecting does not reset them. Returns 0, or -1:
 * TW_ERR_HANDLE.
 */
int32_t tw_net_stats(int32_t sock, tw_stats *stats);

/* Writes the target of the handle, for logs: "host:port" or a path; "" for an accepted one. Terminated, cut to
 * `capacity`. Returns its bytes, or -1: TW_ERR_HANDLE. Works in the listener of a last event, too. */
int32_t tw_net_target(int32_t sock, char *text, size_t capacity);

/* Stop and resume receiving; TCP slows the peer down. Return 0, or -1: TW_ERR_HANDLE. */
int32_t tw_net_pause(int32_t sock);
int32_t tw_net_resume(int32_t sock);

/* Receives at most about `size` bytes ahead of tw_net_consumed; then the socket is not read, and TCP slows the peer
 * down. 0, the default: no bound. TCP only. Return 0, or -1: TW_ERR_HANDLE. */
int32_t tw_net_set_window(int32_t sock, uint32_t size);
int32_t tw_net_consumed(int32_t sock, uint32_t size);

/* With `on`, the end of the peer's half is reported by "ended", and our half stays open until tw_net_shutdown or
 * tw_net_close. TCP only. Returns 0, or -1: TW_ERR_HANDLE. */
int32_t tw_net_set_half_open(int32_t sock, bool on);

/* Ends our half of a stream after the queued bytes; sends are refused from now on. When the peer has ended its half,
 * "disconnected" follows. Returns 0, or -1: TW_ERR_STATE, TW_ERR_HANDLE. */
int32_t tw_net_shutdown(int32_t sock);

/* Sets a deadline for reading, writing or both (`which`: TW_DEADLINE_... bits), `ms` from now; 0 clears it. "deadline"
 * is emitted once when it passes, and nothing else changes. TCP only. Returns 0, or -1: TW_ERR_ARGUMENT, TW_ERR_STATE
 * (the connection has ended), TW_ERR_HANDLE. */
int32_t tw_net_set_deadline(int32_t sock, uint32_t which, uint32_t ms);

/* TCP keep-alive: probes that detect a peer that has vanished, RFC 9293 3.8.4. */
typedef struct tw_keep_alive {
  uint16_t idle_s;     /* seconds of silence before the first probe; 0: no probes */
  uint16_t interval_s; /* seconds between probes */
  uint16_t count;      /* probes without an answer after which the connection is dropped with TW_ERR_TIMEOUT */
} tw_keep_alive;

/* Sets TCP keep-alive, for this connection and those that follow if it reconnects; on a listener, for each connection
 * it accepts from now on. Without it a peer that vanished while nothing is being sent is never noticed. `idle_s` 0
 * switches it off; otherwise `interval_s` and `count` are at least 1. All are at most 65535.
 * Default: off on a PC; on a device as its menuconfig says. TCP only.
 * Returns 0, or -1: TW_ERR_ARGUMENT, TW_ERR_HANDLE. */
int32_t tw_net_set_keep_alive(int32_t sock, uint32_t idle_s, uint32_t interval_s, uint32_t count);

/* Options of a socket. */
typedef enum tw_option {
  TW_OPTION_NO_DELAY = 1,       /* TCP: 1 sends small segments at once (default), 0 collects them */
  TW_OPTION_SEND_BUFFER = 2,    /* bytes that the system queues; it may take a different number */
  TW_OPTION_RECEIVE_BUFFER = 3, /* likewise; on a listener: of the connections that it accepts */
  TW_OPTION_BROADCAST = 4,      /* UDP over IPv4: 1 allows datagrams to broadcast addresses (default), 0 does not */
  TW_OPTION_MULTICAST_TTL = 5,  /* UDP: routers that a datagram to a group may pass, 0..255; default: 1 */
  TW_OPTION_MULTICAST_LOOP = 6, /* UDP: 1 delivers datagrams to groups on this machine, too (default), 0 does not */
  TW_OPTION_TTL = 7             /* routers that a packet may pass, 1..255 */
} tw_option;

/* Sets an option of a socket that is connected, bound or listening; also of a WebSocket. A connection that
 * reconnects has the defaults again: set it in "connected". Returns 0; or -1: TW_ERR_ARGUMENT (the option
 * or its value), TW_ERR_STATE (not connected), TW_ERR_UNSUPPORTED, TW_ERR_HANDLE, or an error of the host. */
int32_t tw_net_set_option(int32_t sock, tw_option option, int32_t value);

/* Joins and leaves a multicast group, whose datagrams the socket then receives if it is bound to their port (of any
 * address: tw_net_udp_open). `group`: a literal address of the socket's family. `interface`: its local address (IPv4)
 * or its name (IPv6), and what the socket sends to groups leaves there as well; NULL: the system chooses. Return 0; or
 * -1: TW_ERR_ADDRESS (no group, or of the other family), TW_ERR_UNSUPPORTED, TW_ERR_HANDLE, or an error of the host.
 */
int32_t tw_net_udp_join(int32_t sock, const char *group, const char *interface);
int32_t tw_net_udp_leave(int32_t sock, const char *group, const char *interface);

/* Whether the network is up and has an address; before that, opening returns -1 with TW_ERR_NETWORK_DOWN. Always true
 * on a PC. */
bool tw_net_is_up(void);

/* Uses TLS from the first byte: "connected" follows when TLS is established; on a listener, for each connection it
 * accepts. Must be called right after opening. `tls` may be NULL for a client.
 * Returns 0, or -1: TW_ERR_STATE (too late), TW_ERR_HANDLE, TW_ERR_ARGUMENT (a listener without certificate and key),
 * TW_ERR_UNSUPPORTED. */
int32_t tw_net_set_tls(int32_t sock, const tw_tls_options *tls);

/* Starts TLS on an open stream in place (STARTTLS). `name`: the server's name to verify, NULL: the one connected to.
 * All that was queued must have been written. "secured" follows, or "error" and "disconnected".
 * Returns 0, or -1: TW_ERR_STATE, TW_ERR_TLS_BUFFERED (bytes that came are not consumed), TW_ERR_HANDLE,
 * TW_ERR_UNSUPPORTED. */
int32_t tw_net_start_tls(int32_t sock, const char *name, const tw_tls_options *tls);

#ifdef __cplusplus
}

#define TW_NET_OVERLOAD(type, name, kinds, shape) TW_OVERLOAD(net, TW_HANDLES_NET, type, shape)
TW_HANDLES_NET_EVENTS(TW_NET_OVERLOAD)
#undef TW_NET_OVERLOAD
#endif
#endif
