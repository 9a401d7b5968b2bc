/* core.h: the core interface. The one header that a host, an application and the core share.
 *
 * Sans-I/O: the core never blocks, sleeps, allocates after twc_init, reads a clock or calls the application. Everything
 * it owns lies in one arena that the host lends. One core is used by one thread at a time.
 *
 *   host -> core         "bytes arrived", "connected", "written", "closed", "it is now T"     deliveries
 *   core -> host         open, write, read, close ...                                        port.h
 *   core -> application  fixed-size records, drained in bulk                                 twc_pump, twc_events
 *   application -> core  connect, send, close ...                                            calls
 *
 * Results: >= 0 is a count or a handle, < 0 an error of the table (TW_ERR_..., abi.gen.h). A call that fails changes
 * nothing. Texts are UTF-8 with a length, not terminated. Times are milliseconds.
 *
 *   static tw_limits limits = TW_LIMITS_HOST;
 *   tw_core *core = twc_init(malloc(twc_need(&limits)), twc_need(&limits), &limits, &my_host);
 *   int32_t ws = twc_ws_connect(core, "ws://127.0.0.1:8080/", 20);
 *   // the host's loop delivers; after each delivery:
 *   for (uint32_t n = twc_received(core, ws, got); n > 0; n = twc_pump(core))
 *     for (uint32_t i = 0; i < n; i++) on_event(&twc_events(core)[i]);
 *   twc_flush(core);
 */
#ifndef TW_CORE_H
#define TW_CORE_H

#include <stddef.h>
#include <stdint.h>

#include "twinwire/abi.gen.h"
#include "twinwire/field.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tw_core tw_core;

/* ---- Setting up ---------------------------------------------------------------------------------------------- */

/* The hash of the definition file this core was built from. A host built from another one must not go on. */
uint32_t twc_abi_hash(void);

/* Bytes of arena that `limits` need, or 0 if a limit is out of its range (abi.def gives ranges and units). */
uint32_t twc_need(const tw_limits *limits);

/* Makes a core in `arena` (`size` >= twc_need(limits), aligned to 16). `limits` is copied. The arena stays the core's
 * until the host stops using the core; there is nothing to tear down. Returns NULL if size or a limit is wrong. `host`
 * is handed back in every call of port.h. The core lies at the start of the arena: offsets count from it, too. */
tw_core *twc_init(void *arena, uint32_t size, const tw_limits *limits, void *host);

/* ---- Buffers that the core lends: fixed places in the arena --------------------------------------------------------
 */

/* limits.recvBuffer bytes, into which the host reads before twc_received and twc_datagram; and one more, which is the
 * application's side's: what came can be terminated. */
uint8_t *twc_rx_buffer(tw_core *core);

/* TW_MAX_ADDRESS bytes, into which the host writes a datagram's sender before twc_datagram. */
char *twc_rx_address(tw_core *core);

/* limits.stageBuffer bytes that belong to the application's side: a place for the arguments of calls where the
 * application shares no memory with the core (WebAssembly). The core never touches it. */
uint8_t *twc_stage_buffer(tw_core *core);

/* ---- Deliveries: host to core ---------------------------------------------------------------------------------
 * Each returns the number of event records that are ready in twc_events. The host hands them to the application and
 * calls twc_pump until it returns 0, before the next delivery. A delivery for a handle that the core no longer knows,
 * or that makes no sense in its state, changes nothing. */

/* The connection of `handle` is established; or the listener listens. */
uint32_t twc_connected(tw_core *core, int32_t handle);

/* `size` bytes (1..recvBuffer) of `handle` lie in twc_rx_buffer. All of them are consumed by the time twc_pump returns
 * 0; the host leaves the buffer alone until then. The core may change them (it unmasks in place). */
uint32_t twc_received(tw_core *core, int32_t handle, uint32_t size);

/* `size` bytes (1..recvBuffer) in twc_rx_buffer are given to a stream once more: DATA had handed them out, they have
 * been consumed (twc_consumed), and are to go another way now (twc_http_read, twc_ws_accept). Otherwise as
 * twc_received; the statistics do not count them twice. */
uint32_t twc_unread(tw_core *core, int32_t handle, uint32_t size);

/* The peer ended its half of the stream. Delivered once more, it is the end of what twc_unread has given back: for a
 * twc_http_read that was called later. See "Deferred ends" at twc_flush. */
uint32_t twc_ended(tw_core *core, int32_t handle);

/* `size` more bytes of the last twc_port_write are done with; 0 asks for the rest to be offered again. */
uint32_t twc_written(tw_core *core, int32_t handle, uint32_t size);

/* The socket is gone: `error` is 0 for an orderly end. The host has forgotten the socket. */
uint32_t twc_closed(tw_core *core, int32_t handle, int32_t error);

/* A listener has a new connection. Returns the handle under which the host is to keep it, or ERR_LIMIT or ERR_HANDLE:
 * then the host drops it. The host registers the socket and then delivers twc_connected for it. Makes no records
 * itself.
 */
int32_t twc_accepted(tw_core *core, int32_t listener);

/* The TLS handshake of `handle` is done. */
uint32_t twc_secured(tw_core *core, int32_t handle);

/* A datagram of `size` bytes (0..recvBuffer) lies in twc_rx_buffer, its sender's literal address (`address_size` bytes)
 * in twc_rx_address, its `port` is given. */
uint32_t twc_datagram(tw_core *core, int32_t handle, uint32_t size, uint32_t address_size, uint32_t port);

/* It is now `now_ms` on a monotonic clock; the value may wrap. Fires the timers that are due. A host ticks before it
 * delivers or calls, and when twc_wait has passed. */
uint32_t twc_tick(tw_core *core, uint32_t now_ms);

/* The network is usable (`up` 1) or has gone (0): for a host that knows; at first it is taken for usable. While it has
 * gone no attempt to reconnect is made, and none of a schedule is used up; those that wait are made when it is usable
 * again, or, with `up` once more, when more of it is. Connections that have lost it are for the host to close. */
uint32_t twc_network(tw_core *core, uint32_t up);

/* Makes the next records ready and returns their number; 0: all is drained. Carries out the deferred ends that the last
 * twc_flush has marked. */
uint32_t twc_pump(tw_core *core);

/* The records made ready by the last delivery or twc_pump. Always the same address. */
const tw_event *twc_events(tw_core *core);

/* Writes what calls have queued, gathered: one write a connection where the host can. To be called after draining, and
 * at the end of a loop iteration in which the application called. Returns 1 if the host has to call twc_pump in its
 * next loop iteration, although nothing is delivered: events wait (a write that failed, a drain), or a deferred end is
 * due.
 *
 * Deferred ends: an answer belongs before the close. The peer's close frame, a frame that breaks the protocol, and the
 * peer's end of a stream that is not half open take effect, and are reported, only after the application could answer
 * to what came in front of them: the records have been drained, all of them consumed if there is a window
 * (twc_consumed), a refused send has been admitted, the application does not pause (twc_set_receiving), and the loop
 * iteration in which that became so is over, which is what twc_flush marks. Until then the connection is OPEN and sends
 * are queued; nothing more is received. After closeTimeoutMs the end takes effect whatever the application does. */
uint32_t twc_flush(tw_core *core);

/* Milliseconds from the last tick to the next timer, or TW_FOREVER. */
uint32_t twc_wait(tw_core *core);

/* ---- Calls: application to core ---------------------------------------------------------------------------------
 * No event is made inside a call; what follows comes with a later delivery or twc_pump. */

/* Starts a TCP connection to `host` (a name or a literal address, 1..TW_MAX_HOST bytes) and `port` 1..65535.
 * Returns a handle, valid until twc_close; or ERR_ARGUMENT, ERR_PORT, ERR_LIMIT, ERR_MEMORY, or what the host answered
 * (ERR_NETWORK_DOWN before an interface has an address). Events: CONNECTED, DATA, DRAIN, ERROR, DISCONNECTED. */
int32_t twc_tcp_connect(tw_core *core, const char *host, uint32_t host_size, int32_t port);

/* As twc_tcp_connect and twc_ws_connect, but only to addresses that `policy` allows: on each attempt, whatever the name
 * resolves to. `policy` has rules, separated by commas: "-" (denied) or "+" (allowed) and an address, a prefix such as
 * 10.0.0.0/8, or the word private: what is not globally reachable (RFC 6890), and multicast. What is allowed is not
 * denied; a policy that denies nothing denies all that it does not allow. An IPv6 address that stands for an IPv4 one
 * (IPv4-mapped, NAT64, 6to4) has to be allowed as both. Returns ERR_POLICY for a literal address that is denied and
 * for a Unix socket, ERR_ARGUMENT if a rule is malformed; a resolved address that is denied is an ERROR event. */
int32_t twc_tcp_connect_allowed(tw_core *core, const char *host, uint32_t host_size, int32_t port, const char *policy,
                                uint32_t policy_size);
int32_t twc_ws_connect_allowed(tw_core *core, const char *url, uint32_t url_size, const char *policy,
                               uint32_t policy_size);

/* For the host: whether it may connect the socket of `handle` to this literal address, to which it has resolved the
 * name. Returns 0 or ERR_POLICY; then it leaves the address out, and delivers ERR_POLICY if none is left. A host that
 * can't ask in time need not: the core checks what the socket is connected to before it sends anything. */
int32_t twc_check_address(tw_core *core, int32_t handle, const char *address, uint32_t address_size);

/* As twc_tcp_connect and twc_ws_connect, through the HTTP proxy at `proxy` and `proxy_port`: it is asked to CONNECT to
 * the target (RFC 9110 9.3.6), on each attempt. TLS is with the target, through the tunnel. `credentials`:
 * "user:pass" for Proxy-Authorization: Basic, at most 2 * TW_MAX_CREDENTIAL + 1 bytes, or empty. An answer other than
 * 2xx is ERR_PROXY with the status in detail. */
int32_t twc_tcp_connect_via(tw_core *core, const char *host, uint32_t host_size, int32_t port, const char *proxy,
                            uint32_t proxy_size, int32_t proxy_port, const char *credentials,
                            uint32_t credentials_size);
int32_t twc_ws_connect_via(tw_core *core, const char *url, uint32_t url_size, const char *proxy, uint32_t proxy_size,
                           int32_t proxy_port, const char *credentials, uint32_t credentials_size);

/* Opens a UDP socket on the local `port`, 0 for any free one. Returns a handle or an error. Event: DATAGRAM, ERROR. */
int32_t twc_udp_open(tw_core *core, int32_t port);

/* As twc_udp_open, on the local literal `address` and `port` (0: any free one). */
int32_t twc_udp_bind(tw_core *core, const char *address, uint32_t address_size, int32_t port);

/* Fixes the peer of a UDP socket to a literal address: only its datagrams are delivered, and twc_udp_send_to with an
 * empty address sends to it. Returns 0, ERR_ADDRESS, ERR_PORT, ERR_HANDLE, ERR_STATE or what the host answered. */
int32_t twc_udp_connect(tw_core *core, int32_t handle, const char *address, uint32_t address_size, int32_t port);

/* Starts a connection to a Unix stream socket at `path` (1..TW_MAX_PATH bytes without NUL). As twc_tcp_connect;
 * ERR_PATH, or ERR_UNSUPPORTED on a host without such sockets. */
int32_t twc_unix_connect(tw_core *core, const char *path, uint32_t path_size);

/* Opens a server socket: TW_SOCKET_TCP_LISTENER on the local name or address `name` (empty: every one) and `port` (0:
 * any free one), or TW_SOCKET_UNIX_LISTENER at the path `name`. Returns a handle or an error as twc_tcp_connect.
 * Events: CONNECTED once it listens, ERROR and DISCONNECTED if it can't; ACCEPTED for each new connection, which has a
 * handle of its own. */
int32_t twc_listen(tw_core *core, uint32_t kind, const char *name, uint32_t name_size, int32_t port);

/* Limits what a listener grants each peer address from now on: `connections` at the same time, `handshakes` (new
 * connections, each of which brings one of TLS, HTTP or WebSocket) a second and `messages` (of WebSockets, and HTTP
 * requests) a second; the rates up to 1,000,000; 0: no limit, as at first. A rate allows that many at once. IPv6
 * addresses are counted by /64. A connection over a limit is closed before it is reported. A message over it ends the
 * WebSocket by ERR_ADDRESS_LIMIT and close code 1008, after the application could answer to those before; a request's
 * HTTP_END has that error, and 429 to answer with. Addresses share limits.addresses entries. If those that an
 * address could have belong to addresses with open connections, it is admitted and not counted. Returns 0, ERR_LIMIT
 * (limits.addresses is 0), ERR_ARGUMENT or ERR_HANDLE. */
int32_t twc_set_address_limits(tw_core *core, int32_t listener, uint32_t connections, uint32_t handshakes,
                               uint32_t messages);

/* Writes what the limits of a listener have done so far to `stats`. Returns 0 or ERR_HANDLE. */
int32_t twc_address_stats(tw_core *core, int32_t listener, tw_address_stats *stats);

/* Starts a WebSocket connection, RFC 6455 4.1. `url`: ws://host[:port][/path][?query], wss:, or ws+unix:/socket/path
 * with :/path?query behind it, at most 64 KiB and bounded by limits.textPool. Returns a handle, valid until twc_close
 * or twc_ws_close; or ERR_URL, ERR_UNSUPPORTED (wss on a host without TLS), ERR_LIMIT, ERR_MEMORY, or what the host
 * answered. Events: CONNECTED, MESSAGE, PING, PONG, CLOSE, DRAIN, ERROR, DISCONNECTED. */
int32_t twc_ws_connect(tw_core *core, const char *url, uint32_t url_size);

/* Adds a header to the handshake request, this one and those of later reconnects. To be called before CONNECTED.
 * `name` is an RFC 9110 token and none of those that the handshake itself writes; `value` has no control but TAB.
 * Returns 0, ERR_HEADER, ERR_HANDLE, ERR_STATE or ERR_MEMORY. */
int32_t twc_ws_header(tw_core *core, int32_t handle, const char *name, uint32_t name_size, const char *value,
                      uint32_t value_size);

/* Adds "Authorization: Basic ..." to the handshake request, RFC 7617: `user` without a colon, neither with a control,
 * at most TW_MAX_CREDENTIAL bytes each. Returns as twc_ws_header. */
int32_t twc_ws_basic_auth(tw_core *core, int32_t handle, const char *user, uint32_t user_size, const char *password,
                          uint32_t password_size);

/* Takes all headers off that twc_ws_header and twc_ws_basic_auth have added, so that the next attempt of a handle that
 * reconnects can have others. Returns 0, ERR_HANDLE or ERR_STATE. */
int32_t twc_ws_clear_headers(tw_core *core, int32_t handle);

/* Replaces all headers that twc_ws_header and twc_ws_basic_auth have added by these, or none of them. Returns as
 * twc_ws_header. */
int32_t twc_ws_set_headers(tw_core *core, int32_t handle, const tw_ws_field *fields, uint32_t count);

/* Offers a subprotocol, in order of preference: a token that was not offered before. RFC 6455 4.1
 * item 10. Returns 0, ERR_HEADER, ERR_ARGUMENT (offered before), ERR_HANDLE, ERR_STATE or ERR_MEMORY. */
int32_t twc_ws_protocol(tw_core *core, int32_t handle, const char *name, uint32_t name_size);

/* How the WebSocket behaves from now on: `options` (tw_ws_option bits); messages it receives may have `max_message`
 * bytes (compressed ones: as they come; 0: limits.maxMessage) in `max_fragments` frames (0: limits.maxFragments).
 * Returns 0, ERR_ARGUMENT or ERR_HANDLE. */
int32_t twc_ws_set_options(tw_core *core, int32_t handle, uint32_t options, uint32_t max_message,
                           uint32_t max_fragments);

/* Offers permessage-deflate (RFC 7692) with these parameters (tw_deflate) in the handshakes to come; 0 offers nothing,
 * as at first. A server may answer with smaller windows. To be called before CONNECTED. Returns 0, ERR_ARGUMENT,
 * ERR_HANDLE or ERR_STATE. */
int32_t twc_ws_set_deflate(tw_core *core, int32_t handle, uint32_t deflate);

/* What was agreed upon: 0: no compression, else tw_deflate parameters. The core marks and passes compressed messages;
 * the host's library compresses and inflates them. Returns that, ERR_STATE if the connection is neither OPEN nor
 * CLOSING, or ERR_HANDLE. */
int32_t twc_ws_deflate(tw_core *core, int32_t handle);

/* Sends a ping when nothing came for `interval_ms`, and drops the connection with ERR_HEARTBEAT when nothing comes for
 * `timeout_ms` after it. While receiving is stopped, silence is not the peer's. 0 for `interval_ms`: none, as at first.
 * Also for the connections to come, if it reconnects. Returns 0, ERR_ARGUMENT (a timeout of 0) or ERR_HANDLE. */
int32_t twc_ws_set_heartbeat(tw_core *core, int32_t handle, uint32_t interval_ms, uint32_t timeout_ms);

/* ---- Serving WebSockets ---- */

/* Judges the head of a request (whole, as HTTP_HEAD gave it) as an opening handshake, RFC 6455 4.2.1. Returns the
 * status to answer it with: 101, 400, 405 (not GET), 426 (no WebSocket, or another version: answer with Upgrade:
 * websocket and Sec-WebSocket-Version: 13). */
int32_t twc_ws_judge(const char *head, uint32_t head_size);

/* Answers the opening handshake in `head` on the open TCP connection `handle` by 101 and makes that handle a WebSocket,
 * at once: its next events are MESSAGE and so on. The connection is accepted, its twc_http_read has reported HTTP_END,
 * nothing that was sent on it is half done. `protocol` (may be empty) is one that the head offers. `fields`:
 * `field_count` pairs of name and value, each text ended by NUL, added to the answer. `deflate`: parameters that are
 * accepted if the client offers compression (tw_deflate), or 0. Bytes that came behind the head go to twc_unread
 * afterwards. Returns 0; ERR_WS_HANDSHAKE if twc_ws_judge does not say 101, ERR_ARGUMENT, ERR_HEADER, ERR_LIMIT
 * (webSockets), ERR_BACKPRESSURE or ERR_TOO_LARGE, ERR_STATE or ERR_HANDLE. */
int32_t twc_ws_accept(tw_core *core, int32_t handle, const char *head, uint32_t head_size, const char *protocol,
                      uint32_t protocol_size, const char *fields, uint32_t fields_size, uint32_t field_count,
                      uint32_t deflate);

/* Queues one message on `count` WebSockets that twc_ws_accept made, each whole or not at all; the frame is made once.
 * `handles` is overwritten: each by `size`, or the error as from twc_ws_send. `flags`: TEXT, BINARY, COMPRESSED.
 * Returns how many took it; or ERR_ARGUMENT or ERR_WS_UTF8, with nothing sent and `handles` as they were. */
int32_t twc_ws_broadcast(tw_core *core, int32_t *handles, uint32_t count, uint32_t flags, const void *data,
                         uint32_t size);

/* ---- HTTP/1.1, RFC 9112, on an open stream ---- */

/* Takes the bytes that come next on a TCP or Unix stream as one HTTP message of at most `max_body` bytes of body.
 * `flags`: twc_http_read. Events: HTTP_HEAD, HTTP_BODY and HTTP_TRAILER in parts, and HTTP_END, after which the
 * stream's bytes are DATA again: a further message has to be asked for, and what has come of it already goes to
 * twc_unread. Bodies, not heads, count for the window (twc_set_window). An interim response (1xx) is a message of its
 * own. After an error in HTTP_END the rest of what comes is dropped, while answers can still be sent. Returns 0,
 * ERR_STATE (not open, or a message is being read), ERR_ARGUMENT, ERR_MEMORY or ERR_HANDLE. */
int32_t twc_http_read(tw_core *core, int32_t handle, uint32_t flags, uint32_t max_body);

/* Queues the head of a message and its body, or with PART the first part of it, whole or not at all. `status`: 100..599
 * for a response; 0: a request. `head` holds texts that are each ended by NUL: for a response its reason (may be
 * empty), for a request method and target; then `field_count` pairs of name and value. A request has one Host field
 * (RFC 9112 3.2). Content-Length is added where one is due (RFC 9110 8.6); 1xx, 204 and CONNECT have none, and with 205
 * and 304 no body. Transfer-Encoding is the core's alone (ERR_HEADER). `flags`: twc_http_send. Returns the bytes queued
 * (head included), ERR_HEADER (a text has a byte that may not stand there, there are more or fewer than announced, or a
 * field that may not), ERR_ARGUMENT (a body where none may be), ERR_HTTP_LENGTH, ERR_BACKPRESSURE, ERR_TOO_LARGE,
 * ERR_STATE (not open, or a body is unfinished) or ERR_HANDLE.
 *
 *   static const char head[] = "OK\0Content-Type\0text/plain"; // the last NUL is the literal's own
 *   twc_http_send(core, handle, 0, 200, head, sizeof head, 1, "hello", 5);
 */
int32_t twc_http_send(tw_core *core, int32_t handle, uint32_t flags, uint32_t status, const char *head,
                      uint32_t head_size, uint32_t field_count, const void *body, uint32_t body_size);

/* Queues the next part of a body that twc_http_send began with PART, whole or not at all. `flags`: tw_http_body. With
 * LAST a chunked body can have `trailer_count` trailer fields, pairs as in twc_http_send. Returns `size`,
 * ERR_HTTP_LENGTH (more, or with LAST fewer, than Content-Length said), ERR_HEADER, ERR_BACKPRESSURE, ERR_TOO_LARGE,
 * ERR_STATE or ERR_HANDLE. */
int32_t twc_http_send_body(tw_core *core, int32_t handle, uint32_t flags, const void *data, uint32_t size,
                           const char *trailers, uint32_t trailers_size, uint32_t trailer_count);

/* Queues `size` bytes on an open TCP connection, whole or not at all. Returns `size`, ERR_BACKPRESSURE (DRAIN follows
 * once they fit), ERR_TOO_LARGE (they never will), ERR_STATE or ERR_HANDLE. The bytes are copied. */
int32_t twc_send(tw_core *core, int32_t handle, const void *data, uint32_t size);

/* Sends one datagram to a literal address. Returns `size`, ERR_ADDRESS, ERR_PORT, ERR_BACKPRESSURE, ERR_TOO_LARGE or
 * what the host answered; never a part. */
int32_t twc_udp_send_to(tw_core *core, int32_t handle, const char *address, uint32_t address_size, int32_t port,
                        const void *data, uint32_t size);

/* Queues a message, or with TW_SEND_PART a fragment of one (RFC 6455 5.4), whole or not at all. `flags`: tw_send_flag;
 * the kind of a continuing fragment is that of the first, its TEXT bit is ignored. Between the fragments of a message
 * no other message can be sent: ERR_STATE. Returns the payload's `size`, or an error as twc_send; ERR_WS_UTF8 for text
 * that is not UTF-8. */
int32_t twc_ws_send(tw_core *core, int32_t handle, uint32_t flags, const void *data, uint32_t size);

/* Queues a ping with a payload of 0..TW_MAX_CONTROL bytes. Returns `size` or an error. */
int32_t twc_ws_ping(tw_core *core, int32_t handle, const void *data, uint32_t size);

/* Queues a pong that answers no ping, RFC 6455 5.5.3. As twc_ws_ping. */
int32_t twc_ws_pong(tw_core *core, int32_t handle, const void *data, uint32_t size);

/* Makes a WebSocket of an accepted stream whose opening handshake was done elsewhere: on its server's side, or on its
 * client's if `client` is not 0. `deflate`: the tw_deflate parameters that were agreed upon, or 0. What has been
 * received of the stream must have been reported, or be given back by twc_unread. Returns 0, ERR_ARGUMENT, ERR_HANDLE,
 * ERR_STATE or ERR_LIMIT (limits.webSockets). */
int32_t twc_ws_attach(tw_core *core, int32_t handle, uint32_t client, uint32_t deflate);

/* What was wrong with the frame for which a WebSocket ended with ERR_WS_PROTOCOL or ERR_WS_TOO_BIG: a tw_ws_fault in
 * bits 16 to 30 and its value below; 0: nothing, or nothing of that list. Answers until its last event has been
 * drained. Or ERR_HANDLE. */
int32_t twc_ws_fault(tw_core *core, int32_t handle);

/* Starts the close handshake: `code` is one that may be sent (RFC 6455 7.4: 1000..1003, 1007..1014, 3000..4999; the
 * ones below 3000 but 1000 are for libraries and servers), or 0 for none; `reason` 0..TW_MAX_REASON bytes of UTF-8
 * (none without a code). Ends reconnecting. The number is stale at once, unless the option RECEIVE_WHILE_CLOSING is
 * set; the peer's answer is reported by CLOSE, and the handle ends with its DISCONNECTED event, within closeTimeoutMs.
 * Returns 0, ERR_ARGUMENT or ERR_HANDLE. */
int32_t twc_ws_close(tw_core *core, int32_t handle, uint32_t code, const char *reason, uint32_t reason_size);

/* Closes any handle and ends reconnecting. What is queued is still written, within closeTimeoutMs. A stream that has
 * sent anything ends its own half first and discards what the peer sends until that ends its half, too, or for
 * closeTimeoutMs: a socket that is closed with bytes unread or on their way would be reset. A WebSocket is
 * closed with 1000. The number is stale at once for every call but twc_state; if the connection had been open, its
 * DISCONNECTED event is the last word. Returns 0 or ERR_HANDLE. */
int32_t twc_close(tw_core *core, int32_t handle);

/* As twc_close, but at once: what is queued is dropped, no close frame is sent, a TCP connection is reset. Also for a
 * handle that was closed and is still on its way out. Returns 0 or ERR_HANDLE. */
int32_t twc_abort(tw_core *core, int32_t handle);

/* The twc_state of a handle, or ERR_HANDLE. */
int32_t twc_state(tw_core *core, int32_t handle);

/* Bytes queued and not yet written, frame headers included; or ERR_HANDLE. */
int32_t twc_buffered(tw_core *core, int32_t handle);

/* Writes what a handle has done so far to `stats` (aligned as a tw_stats). Answers also for a handle whose last event
 * is just being drained. Returns 0 or ERR_HANDLE. */
int32_t twc_stats(tw_core *core, int32_t handle, tw_stats *stats);

/* Flow control: stops (0) or resumes (1) receiving on a handle, down to the socket; not on a listener. Returns 0; 1 if
 * a deferred end waits for the next twc_flush; or ERR_HANDLE. */
int32_t twc_set_receiving(tw_core *core, int32_t handle, uint32_t on);

/* ---- Flow control of streams ---- */

/* With `on`, the peer's end raises ENDED and leaves our half open until twc_shutdown or twc_close. Off at first: an end
 * then closes the connection. Returns 0 or ERR_HANDLE. */
int32_t twc_set_half_open(tw_core *core, int32_t handle, uint32_t on);

/* Receives at most about `size` bytes (of a WebSocket: of messages) ahead of twc_consumed, and at most one recvBuffer
 * more; 0: without bound, as at first. Beyond that the socket is not read, and TCP slows the peer down. Returns as
 * twc_consumed. */
int32_t twc_set_window(tw_core *core, int32_t handle, uint32_t size);

/* `size` bytes of DATA, HTTP_BODY or MESSAGE have been used up. Who answers to a message calls this after the answer
 * was sent: the end of a connection waits for it. Returns 0; 1 if a deferred end waits for the next twc_flush; or
 * ERR_HANDLE. */
int32_t twc_consumed(tw_core *core, int32_t handle, uint32_t size);

/* Sets the deadline for reading, writing or both (tw_deadline bits) to `ms` from the last tick; 0 clears it. When it
 * passes, DEADLINE is raised, once. Returns 0, ERR_ARGUMENT, ERR_STATE (the connection has ended) or ERR_HANDLE. */
int32_t twc_set_deadline(tw_core *core, int32_t handle, uint32_t which, uint32_t ms);

/* Asks for TLS from the start: CONNECTED comes when it is established; on a listener, for each accepted connection. To
 * be called right after opening. `wss:` cannot do without: ERR_ARGUMENT. Returns 0, ERR_STATE or ERR_HANDLE. */
int32_t twc_set_tls(tw_core *core, int32_t handle, uint32_t on);

/* Starts TLS on an open stream in place (STARTTLS). `name`: the server's name to verify. All that was queued must have
 * been written (else ERR_STATE), and all that was received consumed (else ERR_TLS_BUFFERED; only with a window is that
 * known). SECURED follows, or ERROR. Sends are refused with ERR_STATE until then. */
int32_t twc_start_tls(tw_core *core, int32_t handle, const char *name, uint32_t name_size);

/* Ends our half of a stream behind all that is queued. Sends are refused from now on. When the peer has ended its half
 * too, DISCONNECTED follows. Returns 0, ERR_STATE or ERR_HANDLE. */
int32_t twc_shutdown(tw_core *core, int32_t handle);

/* Turns reconnecting after an unexpected end on (1) or off (0); off at first. An attempt that is due while the network
 * is down (twc_network) is made when it is up again. Returns 0 or ERR_HANDLE. */
int32_t twc_set_auto_reconnect(tw_core *core, int32_t handle, uint32_t on);

/* Sets the schedule: `count` (1..TW_MAX_DELAYS) delays in ms, the last repeats; at first it is one of 1000 ms. The
 * index starts at 0 with each connection. Returns 0, ERR_ARGUMENT or ERR_HANDLE. */
int32_t twc_set_reconnect_delays(tw_core *core, int32_t handle, const uint32_t *delays_ms, uint32_t count);

/* Checks that `name` ("connected", "data" ...) is an event of this handle and that the application declared its struct
 * as the specification does: `signature` is twc_signature of "Name{field:type,...}". Returns 0, ERR_EVENT or
 * ERR_HANDLE. */
int32_t twc_bind_event(tw_core *core, int32_t handle, const char *name, uint32_t name_size, uint32_t signature);

/* One end's address as "ip:port", or a Unix socket's path. Returns its bytes, at most `capacity` (TW_MAX_ADDRESS
 * suffices, TW_MAX_PATH for Unix sockets), or an error: ERR_STATE while there is no socket. */
int32_t twc_address(tw_core *core, int32_t handle, uint32_t which, char *text, uint32_t capacity);

/* What the handle was opened for: "host:port", a path or the URL; nothing for an accepted one. For error messages.
 * Returns its bytes, at most `capacity`, or ERR_HANDLE. Answers also for a handle whose last event is just being
 * drained. */
int32_t twc_target(tw_core *core, int32_t handle, char *text, uint32_t capacity);

/* The subprotocol that the server chose. Returns its bytes, 0 for none, ERR_STATE if the connection is neither OPEN nor
 * CLOSING, or ERR_HANDLE. */
int32_t twc_protocol(tw_core *core, int32_t handle, char *text, uint32_t capacity);

/* Bytes that one send on a connection may have now, frame header included: what limits.sendBuffer leaves, and what the
 * connection's share of the free blocks holds. 0: wait for DRAIN, which follows a send that was refused. Or ERR_HANDLE.
 */
int32_t twc_room(tw_core *core, int32_t handle);

/* Blocks of the outbound pool that are free now. */
uint32_t twc_free_blocks(tw_core *core);

/* ---- Tools: pure functions, also run by the shared vectors ----------------------------------------------------------
 */

/* FNV-1a of an event's declaration, in 31 bits and never 0. */
uint32_t twc_signature(const char *text, uint32_t size);

/* SHA-1 of `size` bytes into 20 bytes. FIPS 180-4; RFC 6455 asks for it, it protects nothing. */
void twc_sha1(const void *data, uint32_t size, uint8_t *digest);

/* Base64 with padding, RFC 4648 4. Writes (size + 2) / 3 * 4 bytes and returns their number. */
uint32_t twc_base64(const void *data, uint32_t size, char *text);

/* Checks UTF-8 (RFC 3629) as a stream. `state` is 0 before the first byte and is carried to the next call; it is 0
 * again where a character ends. Returns -1 if nothing is wrong so far, else the index of the first byte that proves
 * the text bad. */
int32_t twc_utf8_scan(uint32_t *state, const void *data, uint32_t size);

/* Parses a ws: or wss: URL. Returns 0 or ERR_URL or ERR_PORT. `out` holds offsets into `url`. */
int32_t twc_url_parse(const char *url, uint32_t size, tw_url *out);

#ifdef __cplusplus
}
#endif
#endif
