/* core.h: the core interface, which a host and an application call. port.h has the functions that the core calls.
 *
 * The core does no I/O: it never blocks, sleeps, allocates after twc_init, reads a clock or calls the application. All
 * its state lies in one arena that the host lends. A core may be used by one thread at a time.
 *
 *   host -> core         "bytes arrived", "connected", "written", "closed", "it is now T"     deliveries
 *   core -> host         open, write, read, close ...                                        port.h
 *   core -> application  fixed-size records, drained in bulk                                 twc_pump, twc_events
 *   application -> core  connect, send, close ...                                            calls
 *
 * Results: >= 0 is a count or a handle, < 0 an error (TW_ERR_... of abi.gen.h; below without its prefix TW_). A call
 * that fails changes nothing. Texts are UTF-8 with a length, not terminated, and copied. Times are milliseconds.
 *
 *   static tw_limits limits = TW_LIMITS_HOST;
 *   tw_core *core = twc_init(malloc(twc_need(&limits)), twc_need(&limits), &limits, &my_host);
 *   int32_t ws = twc_ws_connect(core, "ws://127.0.0.1:8080/", 20);
 *   // in the host's loop, for each delivery:
 *   for (uint32_t n = twc_received(core, ws, got); n > 0; n = twc_pump(core))
 *     for (uint32_t i = 0; i < n; i++) on_event(&twc_events(core)[i]);
 *   twc_flush(core);
 */
#ifndef TWINWIRE_CORE_H
#define TWINWIRE_CORE_H

#include <stddef.h>
#include <stdint.h>

#include "twinwire/abi.gen.h"
#include "twinwire/field.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tw_core tw_core;

/* ---- Setting up ---------------------------------------------------------------------------------------------- */

/* Returns the hash of the definition file (abi.def) that the core was built from. A host that was built from another
 * one must not use this core. */
uint32_t twc_abi_hash(void);

/* Returns how many bytes of arena a core with these limits needs; 0 if a limit is out of its range (abi.def lists
 * ranges and units). */
uint32_t twc_need(const tw_limits *limits);

/* Creates a core in `arena` (`size` >= twc_need(limits), aligned to 16 bytes). `limits` is copied. The arena belongs to
 * the core as long as the host uses it; there is nothing to free. `host` is passed to every function of port.h. Returns
 * the core, which lies at the start of the arena, so that offsets into the arena count from it; NULL if the size or a
 * limit is wrong. */
tw_core *twc_init(void *arena, uint32_t size, const tw_limits *limits, void *host);

/* ---- Buffers in the arena, each at the same address for the life of the core ------------------------------------ */

/* Returns the receive buffer: limits.recvBuffer bytes, into which the host reads before it calls twc_received or
 * twc_datagram. One more byte follows, which the core never uses: whoever delivers an event can put a NUL there. */
uint8_t *twc_rx_buffer(tw_core *core);

/* Returns TW_MAX_ADDRESS bytes, into which the host writes the sender of a datagram before it calls twc_datagram. */
char *twc_rx_address(tw_core *core);

/* Returns limits.stageBuffer bytes for arguments of calls, where the application shares no other memory with the core
 * (WebAssembly). The core never uses them itself. */
uint8_t *twc_stage_buffer(tw_core *core);

/* ---- Deliveries: host to core ---------------------------------------------------------------------------------
 * Each returns the number of event records that are ready in twc_events. Before the next delivery, the host passes them
 * to the application and calls twc_pump until that returns 0. A delivery for an unknown handle, or one that is
 * impossible in the state of the handle, changes nothing. */

/* Delivers that the connection of `handle` is established, or that the listener listens. */
uint32_t twc_connected(tw_core *core, int32_t handle);

/* Delivers `size` bytes (1..recvBuffer) that were received for `handle`, in twc_rx_buffer. The host must not write to
 * the buffer until twc_pump has returned 0: then all bytes are consumed. The core may change them (it unmasks in
 * place). */
uint32_t twc_received(tw_core *core, int32_t handle, uint32_t size);

/* Gives `size` bytes (1..recvBuffer) in twc_rx_buffer back to a stream. They were reported by DATA and have been
 * consumed (twc_consumed), but belong to a message that is read from now on (twc_http_read, twc_ws_accept). As
 * twc_received, except that the statistics do not count them again. */
uint32_t twc_unread(tw_core *core, int32_t handle, uint32_t size);

/* Delivers that the peer has ended its half of the stream. Delivered a second time, it marks the end of the bytes that
 * twc_unread has given back, for a twc_http_read that was called after the first. See "Deferred ends" at twc_flush. */
uint32_t twc_ended(tw_core *core, int32_t handle);

/* Delivers that the host no longer needs `size` more bytes of the last twc_port_write, and that it can take more: the
 * core offers the rest again, also with 0. */
uint32_t twc_written(tw_core *core, int32_t handle, uint32_t size);

/* Delivers that the socket is closed, and that the host has forgotten it. `error`: 0 for an orderly end. */
uint32_t twc_closed(tw_core *core, int32_t handle, int32_t error);

/* Delivers a new connection of a listener. Returns its handle, under which the host registers the socket before it
 * delivers twc_connected; or ERR_LIMIT or ERR_HANDLE: then the host closes the connection. Makes no records itself. */
int32_t twc_accepted(tw_core *core, int32_t listener);

/* Delivers that the TLS handshake of `handle` has succeeded. */
uint32_t twc_secured(tw_core *core, int32_t handle);

/* Delivers a datagram: `size` bytes (0..recvBuffer) in twc_rx_buffer, the literal address of its sender (`address_size`
 * bytes) in twc_rx_address, and the sender's `port`. */
uint32_t twc_datagram(tw_core *core, int32_t handle, uint32_t size, uint32_t address_size, uint32_t port);

/* Sets the time to `now_ms` of a monotonic clock, which may wrap, and fires the timers that are due. A host calls it
 * before other deliveries and before calls, and when the time that twc_wait returned has passed. */
uint32_t twc_tick(tw_core *core, uint32_t now_ms);

/* Delivers that the network is up (`up` 1) or down (0), on a host that knows; it counts as up until then. While it is
 * down, no attempt to reconnect is made and none of a schedule is used up. Attempts that wait are made when it is up
 * again, and also when `up` is delivered once more, for example because a second interface has an address. The host
 * itself closes the connections that the network has lost. */
uint32_t twc_network(tw_core *core, uint32_t up);

/* Makes the next records ready and returns their number; 0: there are none. Also carries out the deferred ends that the
 * last twc_flush has marked. */
uint32_t twc_pump(tw_core *core);

/* Returns the records that the last delivery or twc_pump has made ready; always the same address. */
const tw_event *twc_events(tw_core *core);

/* Writes what calls have queued, with one twc_port_write for each connection where possible. The host calls it after it
 * has drained all records, and at the end of each loop iteration in which the application made calls. Returns 1 if the
 * host has to call twc_pump in its next loop iteration even if it has nothing to deliver: there are events (of a failed
 * write, or a drain), or a deferred end is due. Otherwise 0.
 *
 * Deferred ends: the application can answer what it received before the connection is closed. A close frame of the
 * peer, a frame that violates the protocol, and the peer's end of a stream that is not half open take effect, and are
 * reported, only when
 *   - the records before them have been drained and, if there is a window, consumed (twc_consumed),
 *   - a send that was refused has been admitted,
 *   - receiving is not stopped (twc_set_receiving),
 *   - and the loop iteration in which all of this became true is over: twc_flush marks its end.
 * Until then the connection is OPEN and sends are queued, but nothing more is received. After closeTimeoutMs the end
 * takes effect in any case. */
uint32_t twc_flush(tw_core *core);

/* Returns the milliseconds from the last twc_tick to the next timer; TW_FOREVER if none is set. */
uint32_t twc_wait(tw_core *core);

/* ---- Calls: application to core ---------------------------------------------------------------------------------
 * A call makes no event: those that follow from it are made by a later delivery or twc_pump. */

/* Starts a TCP connection to `host` (a name or a literal address, 1..TW_MAX_HOST bytes) and `port` 1..65535.
 * Returns a handle, valid until twc_close; or ERR_ARGUMENT, ERR_PORT, ERR_LIMIT, ERR_MEMORY, or an error of the host
 * (such as ERR_NETWORK_DOWN). Events: CONNECTED, DATA, DRAIN, ERROR, DISCONNECTED. */
int32_t twc_tcp_connect(tw_core *core, const char *host, uint32_t host_size, int32_t port);

/* As twc_tcp_connect and twc_ws_connect, but connect only to addresses that `policy` allows, on each attempt and
 * whatever a name resolves to. `policy` is a list of rules separated by commas, such as "-private,+10.1.0.0/16". A rule
 * is
 * "-" (denied) or "+" (allowed), followed by a literal address, a prefix, or the word private, which stands for
 * multicast and everything that is not globally reachable (RFC 6890). An address that a "+" rule matches is allowed.
 * Any other is denied if a "-" rule matches it, or if there is no "-" rule. An IPv6 address that contains an IPv4
 * address (IPv4-mapped, NAT64, 6to4) must be allowed as both. In addition to the errors there: ERR_POLICY for a denied
 * literal address and for a Unix socket, ERR_ARGUMENT for a malformed rule. A resolved address that is denied makes an
 * ERROR event. */
int32_t twc_tcp_connect_allowed(tw_core *core, const char *host, uint32_t host_size, int32_t port, const char *policy,
                                uint32_t policy_size);
int32_t twc_ws_connect_allowed(tw_core *core, const char *url, uint32_t url_size, const char *policy,
                               uint32_t policy_size);

/* Called by the host, before it connects the socket of `handle` to one of the literal addresses of a name. Returns 0;
 * or ERR_POLICY: the host must not use the address, and delivers twc_closed with ERR_POLICY if no other is left. A host
 * that can't call it in time need not: before the core sends anything, it checks the address that the socket is
 * connected to. */
int32_t twc_check_address(tw_core *core, int32_t handle, const char *address, uint32_t address_size);

/* As twc_tcp_connect and twc_ws_connect, through the HTTP proxy at `proxy` and `proxy_port`: each attempt requests a
 * tunnel to the target with CONNECT (RFC 9110 9.3.6). TLS is with the target, through the tunnel. `credentials`:
 * "user:password" for Proxy-Authorization: Basic, at most 2 * TW_MAX_CREDENTIAL + 1 bytes, or empty. A response other
 * than 2xx makes an ERROR event with ERR_PROXY, and the status in its `detail`. */
int32_t twc_tcp_connect_via(tw_core *core, const char *host, uint32_t host_size, int32_t port, const char *proxy,
                            uint32_t proxy_size, int32_t proxy_port, const char *credentials,
                            uint32_t credentials_size);
int32_t twc_ws_connect_via(tw_core *core, const char *url, uint32_t url_size, const char *proxy, uint32_t proxy_size,
                           int32_t proxy_port, const char *credentials, uint32_t credentials_size);

/* Opens a UDP socket on the local `port`, 0 for any free one. Returns a handle; or ERR_PORT, ERR_LIMIT, or an error of
 * the host. Events: DATAGRAM, DRAIN, ERROR. */
int32_t twc_udp_open(tw_core *core, int32_t port);

/* As twc_udp_open, on the local literal `address` and `port` (0: any free one). */
int32_t twc_udp_bind(tw_core *core, const char *address, uint32_t address_size, int32_t port);

/* Fixes the peer of a UDP socket to a literal address: only its datagrams are delivered, and twc_udp_send_to with an
 * empty address sends to it. Returns 0, ERR_ADDRESS, ERR_PORT, ERR_HANDLE, ERR_STATE or an error of the host. */
int32_t twc_udp_connect(tw_core *core, int32_t handle, const char *address, uint32_t address_size, int32_t port);

/* Starts a connection to a Unix stream socket at `path` (1..TW_MAX_PATH bytes without NUL). As twc_tcp_connect;
 * ERR_PATH, or ERR_UNSUPPORTED on a host without such sockets. */
int32_t twc_unix_connect(tw_core *core, const char *path, uint32_t path_size);

/* Opens a server socket: TW_SOCKET_TCP_LISTENER on the local name or address `name` (empty: every one) and `port` (0:
 * any free one), or TW_SOCKET_UNIX_LISTENER at the path `name`. Returns a handle or an error as twc_tcp_connect.
 * Events: CONNECTED once it listens, ERROR and DISCONNECTED if it can't; ACCEPTED for each new connection, which has a
 * handle of its own. */
int32_t twc_listen(tw_core *core, uint32_t kind, const char *name, uint32_t name_size, int32_t port);

/* Sets the limits of a listener for each peer address, from now on. 0 means no limit, the default.
 *   connections   at the same time
 *   handshakes    new connections per second, at most 1,000,000
 *   messages      of WebSockets, and HTTP requests, per second, at most 1,000,000
 * A rate allows that many at once. IPv6 addresses are counted by /64. A connection over a limit is closed before it is
 * reported. A message over it ends the WebSocket with ERR_ADDRESS_LIMIT and close code 1008, after the application
 * could answer the messages before it; the HTTP_END of a request has that error, and 429 as the status to answer with.
 * All addresses share limits.addresses entries; an address is admitted without being counted if every entry that it
 * could use belongs to an address with open connections. Returns 0, ERR_LIMIT (limits.addresses is 0), ERR_ARGUMENT or
 * ERR_HANDLE. */
int32_t twc_set_address_limits(tw_core *core, int32_t listener, uint32_t connections, uint32_t handshakes,
                               uint32_t messages);

/* Writes the counters of a listener's limits to `stats`. Returns 0 or ERR_HANDLE. */
int32_t twc_address_stats(tw_core *core, int32_t listener, tw_address_stats *stats);

/* Starts a WebSocket connection, RFC 6455 4.1. `url`: ws://host[:port][/path][?query], wss:, or ws+unix:/socket/path
 * followed by :/path?query; at most 64 KiB, and limited by limits.textPool. Returns a handle, valid until twc_close or
 * twc_ws_close; or ERR_URL, ERR_UNSUPPORTED (wss on a host without TLS), ERR_LIMIT, ERR_MEMORY, or an error of the
 * host. Events: CONNECTED, MESSAGE, PING, PONG, CLOSE, DRAIN, ERROR, DISCONNECTED. */
int32_t twc_ws_connect(tw_core *core, const char *url, uint32_t url_size);

/* Adds a header field to the handshake request, also of later attempts. Must be called before CONNECTED. `name` is a
 * token (RFC 9110 5.6.2), and not a field that the handshake itself has; `value` has no control characters except TAB.
 * Returns 0, ERR_HEADER, ERR_HANDLE, ERR_STATE or ERR_MEMORY. */
int32_t twc_ws_header(tw_core *core, int32_t handle, const char *name, uint32_t name_size, const char *value,
                      uint32_t value_size);

/* Adds "Authorization: Basic ..." to the handshake request, RFC 7617. `user` has no colon; neither text has control
 * characters, and each has at most TW_MAX_CREDENTIAL bytes. Returns as twc_ws_header. */
int32_t twc_ws_basic_auth(tw_core *core, int32_t handle, const char *user, uint32_t user_size, const char *password,
                          uint32_t password_size);

/* Removes all header fields that twc_ws_header and twc_ws_basic_auth have added, so that the next attempt of a handle
 * that reconnects can have others. Returns 0, ERR_HANDLE or ERR_STATE. */
int32_t twc_ws_clear_headers(tw_core *core, int32_t handle);

/* Replaces all header fields that twc_ws_header and twc_ws_basic_auth have added by these `count`; all of them or, on
 * an error, none. Returns as twc_ws_header. */
int32_t twc_ws_set_headers(tw_core *core, int32_t handle, const tw_ws_field *fields, uint32_t count);

/* Offers one more subprotocol, less preferred than those before: a token that was not offered yet. RFC 6455 4.1
 * item 10. Must be called before CONNECTED. Returns 0, ERR_HEADER, ERR_ARGUMENT (offered before), ERR_HANDLE, ERR_STATE
 * or ERR_MEMORY. */
int32_t twc_ws_protocol(tw_core *core, int32_t handle, const char *name, uint32_t name_size);

/* Sets how a WebSocket behaves from now on. `options`: tw_ws_option bits. `max_message`: the largest message to
 * receive, in bytes, for a compressed one before it is inflated; 0: limits.maxMessage. `max_fragments`: the most frames
 * of one message; 0: limits.maxFragments. Returns 0, ERR_ARGUMENT or ERR_HANDLE. */
int32_t twc_ws_set_options(tw_core *core, int32_t handle, uint32_t options, uint32_t max_message,
                           uint32_t max_fragments);

/* Offers permessage-deflate (RFC 7692) with these parameters (tw_deflate) in later handshake requests; 0, the default,
 * offers nothing. A server may answer with smaller windows. Must be called before CONNECTED. Returns 0, ERR_ARGUMENT,
 * ERR_HANDLE or ERR_STATE. */
int32_t twc_ws_set_deflate(tw_core *core, int32_t handle, uint32_t deflate);

/* Returns the parameters (tw_deflate) of compression that both ends have agreed on; 0: there is no compression;
 * ERR_STATE if the connection is neither OPEN nor CLOSING; or ERR_HANDLE. The core passes compressed messages on, with
 * a flag; a library of the host deflates and inflates them. */
int32_t twc_ws_deflate(tw_core *core, int32_t handle);

/* Sets the heartbeat of a WebSocket, also for later connections if it reconnects: when nothing was received for
 * `interval_ms`, a ping is sent; when nothing is received for another `timeout_ms`, the connection ends with
 * ERR_HEARTBEAT. Time during which receiving is stopped does not count. `interval_ms` 0, the default: no heartbeat.
 * Returns 0, ERR_ARGUMENT (a timeout of 0) or ERR_HANDLE. */
int32_t twc_ws_set_heartbeat(tw_core *core, int32_t handle, uint32_t interval_ms, uint32_t timeout_ms);

/* ---- Serving WebSockets ---- */

/* Checks the whole head of a request, as HTTP_HEAD has reported it, as an opening handshake, RFC 6455 4.2.1. Returns
 * the status to answer with: 101; 400; 405 (the method is not GET); 426 (not a WebSocket handshake, or another version:
 * the response needs the fields "Upgrade: websocket" and "Sec-WebSocket-Version: 13"). */
int32_t twc_ws_judge(const char *head, uint32_t head_size);

/* Accepts the opening handshake in `head` with a 101 response. The handle, an accepted stream that is open, becomes a
 * WebSocket at once: its next events are MESSAGE and so on. Its twc_http_read must have reported HTTP_END, and no body
 * may be half sent. `protocol`: one of the subprotocols that the head offers, or empty. `fields`: `field_count` pairs
 * of name and value for the response, each text ended by NUL. `deflate`: the parameters (tw_deflate) to accept if the
 * client offers compression, or 0. Bytes that were received behind the head have to be given back by twc_unread
 * afterwards. Returns 0; ERR_WS_HANDSHAKE if twc_ws_judge does not return 101, ERR_ARGUMENT, ERR_HEADER, ERR_LIMIT
 * (webSockets), ERR_BACKPRESSURE or ERR_TOO_LARGE, ERR_STATE or ERR_HANDLE. */
int32_t twc_ws_accept(tw_core *core, int32_t handle, const char *head, uint32_t head_size, const char *protocol,
                      uint32_t protocol_size, const char *fields, uint32_t fields_size, uint32_t field_count,
                      uint32_t deflate);

/* Queues one message on `count` WebSockets that twc_ws_accept made, on each whole or not at all; the frame is made
 * once. Each of `handles` is overwritten with `size`, or with the error that twc_ws_send would return. `flags`: TEXT,
 * BINARY, COMPRESSED. Returns on how many it was queued; or ERR_ARGUMENT or ERR_WS_UTF8: nothing was queued, and
 * `handles` is unchanged. */
int32_t twc_ws_broadcast(tw_core *core, int32_t *handles, uint32_t count, uint32_t flags, const void *data,
                         uint32_t size);

/* ---- HTTP/1.1, RFC 9112, on an open stream ---- */

/* Reads the next bytes of a TCP or Unix stream as one HTTP message, with a body of at most `max_body` bytes. `flags`:
 * tw_http_read bits. Events: HTTP_HEAD, HTTP_BODY and HTTP_TRAILER, each in parts, and HTTP_END. Then the bytes of the
 * stream are DATA again: for another message call twc_http_read again, and give back by twc_unread what has been
 * received of it already. Bytes of bodies, not of heads, count for the window (twc_set_window). An interim response
 * (1xx) is a message of its own. After an HTTP_END with an error, everything else that is received is dropped; a
 * response can still be sent. Returns 0, ERR_STATE (not open, or a message is being read), ERR_ARGUMENT, ERR_MEMORY or
 * ERR_HANDLE. */
int32_t twc_http_read(tw_core *core, int32_t handle, uint32_t flags, uint32_t max_body);

/* Queues the head of a message and its body, or with PART the first part of the body, whole or not at all. `status`:
 * 100..599 for a response, 0 for a request. `head`: texts that are each ended by NUL; for a response its reason (may be
 * empty), for a request its method and target; then `field_count` pairs of name and value. A request needs one Host
 * field (RFC 9112 3.2). The core adds Content-Length where one is due (RFC 9110 8.6), and alone writes
 * Transfer-Encoding. There is no body with 1xx, 204, 205, 304 and CONNECT. `flags`: tw_http_send bits. Returns the
 * bytes that were queued, head included; ERR_HEADER (a text with an invalid byte, more or fewer texts than announced, a
 * field that is not permitted), ERR_ARGUMENT (a body where none is permitted), ERR_HTTP_LENGTH, ERR_BACKPRESSURE,
 * ERR_TOO_LARGE, ERR_STATE (not open, or a body is unfinished) or ERR_HANDLE.
 *
 *   static const char head[] = "OK\0Content-Type\0text/plain"; // the last NUL is the literal's own
 *   twc_http_send(core, handle, 0, 200, head, sizeof head, 1, "hello", 5);
 */
int32_t twc_http_send(tw_core *core, int32_t handle, uint32_t flags, uint32_t status, const char *head,
                      uint32_t head_size, uint32_t field_count, const void *body, uint32_t body_size);

/* Queues the next part of a body that twc_http_send began with PART, whole or not at all. `flags`: tw_http_body. With
 * LAST a chunked body can have `trailer_count` trailer fields, pairs as in twc_http_send. Returns `size`,
 * ERR_HTTP_LENGTH (more bytes than Content-Length, or with LAST fewer), ERR_HEADER, ERR_BACKPRESSURE, ERR_TOO_LARGE,
 * ERR_STATE or ERR_HANDLE. */
int32_t twc_http_send_body(tw_core *core, int32_t handle, uint32_t flags, const void *data, uint32_t size,
                           const char *trailers, uint32_t trailers_size, uint32_t trailer_count);

/* Queues `size` bytes on an open TCP connection, whole or not at all. Returns `size`, ERR_BACKPRESSURE (DRAIN follows
 * once they fit), ERR_TOO_LARGE (they can never fit), ERR_STATE or ERR_HANDLE. The bytes are copied. */
int32_t twc_send(tw_core *core, int32_t handle, const void *data, uint32_t size);

/* Sends one datagram to a literal address. Returns `size`, never a part of it; ERR_ADDRESS, ERR_PORT, ERR_BACKPRESSURE
 * (DRAIN follows), ERR_TOO_LARGE, ERR_HANDLE or an error of the host. */
int32_t twc_udp_send_to(tw_core *core, int32_t handle, const char *address, uint32_t address_size, int32_t port,
                        const void *data, uint32_t size);

/* Queues a message, or with TW_SEND_PART a fragment of one (RFC 6455 5.4), whole or not at all. `flags`: tw_send_flag;
 * the first fragment decides whether the message is text, the TEXT bit of later ones is ignored. Between the fragments
 * of a message no other message can be sent (ERR_STATE). Returns the payload's `size`, or an error as twc_send;
 * ERR_WS_UTF8 for text that is not UTF-8. */
int32_t twc_ws_send(tw_core *core, int32_t handle, uint32_t flags, const void *data, uint32_t size);

/* Queues a ping with a payload of 0..TW_MAX_CONTROL bytes. Returns `size` or an error. */
int32_t twc_ws_ping(tw_core *core, int32_t handle, const void *data, uint32_t size);

/* Queues an unsolicited pong, RFC 6455 5.5.3. As twc_ws_ping. */
int32_t twc_ws_pong(tw_core *core, int32_t handle, const void *data, uint32_t size);

/* Makes a WebSocket of an accepted stream whose opening handshake was done by other code: its server's side, or, if
 * `client` is not 0, its client's. `deflate`: the agreed parameters (tw_deflate), or 0. Bytes that were received
 * already have to be given back by twc_unread. Returns 0, ERR_ARGUMENT, ERR_HANDLE, ERR_STATE or ERR_LIMIT
 * (limits.webSockets). */
int32_t twc_ws_attach(tw_core *core, int32_t handle, uint32_t client, uint32_t deflate);

/* Returns what was wrong with the frame for which a WebSocket ended with ERR_WS_PROTOCOL or ERR_WS_TOO_BIG: a
 * tw_ws_fault in bits 16 to 30, and its value in bits 0 to 15; 0 if there was no such frame. Can be called until the
 * last event of the handle has been drained; then ERR_HANDLE. */
int32_t twc_ws_fault(tw_core *core, int32_t handle);

/* Starts the closing handshake, and ends reconnecting. `code`: a close code that may be sent (RFC 6455 7.4: 1000..1003,
 * 1007..1014, 3000..4999), or 0 for none. `reason`: 0..TW_MAX_REASON bytes of UTF-8; none without a code. The handle is
 * stale at once, unless the option RECEIVE_WHILE_CLOSING is set. CLOSE reports the peer's answer, and DISCONNECTED,
 * within closeTimeoutMs, is the last event. Returns 0, ERR_ARGUMENT or ERR_HANDLE. */
int32_t twc_ws_close(tw_core *core, int32_t handle, uint32_t code, const char *reason, uint32_t reason_size);

/* Closes any handle, and ends reconnecting. What is queued is still written, within closeTimeoutMs. A stream that has
 * sent anything then ends its own half, and discards what it receives until the peer has ended its half or
 * closeTimeoutMs has passed, because a socket that is closed while bytes are unread or under way resets the connection.
 * A WebSocket is closed with 1000. The handle is stale at once for every call except twc_state; DISCONNECTED is the
 * last event if the connection was open. Returns 0 or ERR_HANDLE. */
int32_t twc_close(tw_core *core, int32_t handle);

/* As twc_close, but at once: what is queued is dropped, no close frame is sent, and a TCP connection is reset. Also for
 * a handle that was closed and has not ended yet. Returns 0 or ERR_HANDLE. */
int32_t twc_abort(tw_core *core, int32_t handle);

/* Returns the state of a handle (tw_state), or ERR_HANDLE. */
int32_t twc_state(tw_core *core, int32_t handle);

/* Returns the bytes that are queued and not yet written, frame headers included; or ERR_HANDLE. */
int32_t twc_buffered(tw_core *core, int32_t handle);

/* Writes the counters of a handle to `stats`. Also for a handle whose last event is being drained. Returns 0 or
 * ERR_HANDLE. */
int32_t twc_stats(tw_core *core, int32_t handle, tw_stats *stats);

/* Flow control: stops (0) or resumes (1) receiving on a handle, down to the socket; not on a listener. Returns 0; 1 if
 * a deferred end waits for the next twc_flush; or ERR_HANDLE. */
int32_t twc_set_receiving(tw_core *core, int32_t handle, uint32_t on);

/* ---- Flow control of streams ---- */

/* With `on`, the end of the peer's half raises ENDED, and our half stays open until twc_shutdown or twc_close. Default:
 * off, so that the end closes the connection. Returns 0 or ERR_HANDLE. */
int32_t twc_set_half_open(tw_core *core, int32_t handle, uint32_t on);

/* Sets the window: at most `size` bytes (of a WebSocket: of messages), and up to one recvBuffer more, are received
 * ahead of twc_consumed. Then the socket is not read, and TCP slows the peer down. 0, the default: no limit. Returns as
 * twc_consumed. */
int32_t twc_set_window(tw_core *core, int32_t handle, uint32_t size);

/* Reports that the application has used up `size` bytes of DATA, HTTP_BODY or MESSAGE. An application that answers a
 * message calls it after it has sent the answer, because the end of a connection waits for it. Returns 0; 1 if a
 * deferred end waits for the next twc_flush; or ERR_HANDLE. */
int32_t twc_consumed(tw_core *core, int32_t handle, uint32_t size);

/* Sets the deadline for reading, writing or both (tw_deadline bits) to `ms` from the last tick; 0 clears it. When it
 * passes, DEADLINE is raised, once. Returns 0, ERR_ARGUMENT, ERR_STATE (the connection has ended) or ERR_HANDLE. */
int32_t twc_set_deadline(tw_core *core, int32_t handle, uint32_t which, uint32_t ms);

/* Turns TLS on (1) or off (0) for a stream from its first byte on; on a listener, for each accepted connection.
 * CONNECTED follows when TLS is established. Must be called right after opening. Returns 0, ERR_ARGUMENT (off for
 * wss:), ERR_STATE or ERR_HANDLE. */
int32_t twc_set_tls(tw_core *core, int32_t handle, uint32_t on);

/* Starts TLS on an open stream (STARTTLS). `name`: the name of the server to verify; empty: the one it was opened with.
 * SECURED follows, or ERROR; until then sends are refused with ERR_STATE. Returns 0; ERR_STATE (not everything that was
 * queued has been written), ERR_TLS_BUFFERED (not everything that was received is consumed, which is known with a
 * window only), ERR_UNSUPPORTED or ERR_HANDLE. */
int32_t twc_start_tls(tw_core *core, int32_t handle, const char *name, uint32_t name_size);

/* Ends our half of a stream, behind everything that is queued. Sends are refused from now on. DISCONNECTED follows when
 * the peer has ended its half too. Returns 0, ERR_STATE or ERR_HANDLE. */
int32_t twc_shutdown(tw_core *core, int32_t handle);

/* Turns reconnecting after an unexpected end on (1) or off (0). Default: off. An attempt that is due while the network
 * is down (twc_network) is made when it is up again. Returns 0 or ERR_HANDLE. */
int32_t twc_set_auto_reconnect(tw_core *core, int32_t handle, uint32_t on);

/* Sets the delays before attempts to reconnect: `count` (1..TW_MAX_DELAYS) numbers of milliseconds; the last one
 * repeats. Each successful attempt restarts the list. Default: {1000}. Returns 0, ERR_ARGUMENT or ERR_HANDLE. */
int32_t twc_set_reconnect_delays(tw_core *core, int32_t handle, const uint32_t *delays_ms, uint32_t count);

/* Checks that `name` ("connected", "data" ...) is an event of this handle, and that the application has declared its
 * struct as the specification does: `signature` is twc_signature of "Name{field:type,...}". Returns 0, ERR_EVENT or
 * ERR_HANDLE. */
int32_t twc_bind_event(tw_core *core, int32_t handle, const char *name, uint32_t name_size, uint32_t signature);

/* Writes the address of one end (`which`: tw_address_of) as "ip:port" or "[ipv6]:port", or the path of a Unix socket,
 * cut to `capacity` (TW_MAX_ADDRESS suffices, TW_MAX_PATH for Unix sockets). Returns its bytes; or ERR_STATE while
 * there is no socket, ERR_ARGUMENT, ERR_HANDLE, or an error of the host. */
int32_t twc_address(tw_core *core, int32_t handle, uint32_t which, char *text, uint32_t capacity);

/* Writes the target of a handle, for error messages: "host:port", a path or the URL; nothing for an accepted one.
 * Returns its bytes, at most `capacity`, or ERR_HANDLE. Also for a handle whose last event is being drained. */
int32_t twc_target(tw_core *core, int32_t handle, char *text, uint32_t capacity);

/* Writes the subprotocol that the server chose, cut to `capacity`. Returns its bytes, 0 for none; ERR_STATE if the
 * connection is neither OPEN nor CLOSING, or ERR_HANDLE. */
int32_t twc_protocol(tw_core *core, int32_t handle, char *text, uint32_t capacity);

/* Returns how many bytes one send on a connection can have now, frame header included: what is left of
 * limits.sendBuffer and of the connection's share of the free blocks; 0: none until DRAIN, which follows a refused
 * send; or ERR_HANDLE. */
int32_t twc_room(tw_core *core, int32_t handle);

/* Returns how many blocks of the outbound pool are free. */
uint32_t twc_free_blocks(tw_core *core);

/* ---- Pure functions --------------------------------------------------------------------------------------------- */

/* Returns the FNV-1a hash of the declaration of an event, in 31 bits and never 0. */
uint32_t twc_signature(const char *text, uint32_t size);

/* Writes the SHA-1 (FIPS 180-4) of `size` bytes, 20 bytes. RFC 6455 requires it; nothing else may rely on it. */
void twc_sha1(const void *data, uint32_t size, uint8_t *digest);

/* Encodes base64 with padding, RFC 4648 4. Writes (size + 2) / 3 * 4 bytes, without a NUL, and returns their number. */
uint32_t twc_base64(const void *data, uint32_t size, char *text);

/* Validates UTF-8 (RFC 3629) piece by piece. `state`: 0 before the first piece, and kept from call to call; it is 0
 * again where a character ends. Returns -1 if everything is valid so far, else the index of the first invalid byte. */
int32_t twc_utf8_scan(uint32_t *state, const void *data, uint32_t size);

/* Parses a ws: or wss: URL. `out` has offsets into `url`. Returns 0, ERR_URL or ERR_PORT. */
int32_t twc_url_parse(const char *url, uint32_t size, tw_url *out);

#ifdef __cplusplus
}
#endif
#endif
