/* conn.h: connections, listeners and UDP sockets with calls that wait. docs/c-calls.md shows programs.
 *
 *   int32_t conn = tw_dial("tcp", "192.168.1.10:8080", NULL);
 *   tw_write_all(conn, "ping", 4);
 *   int32_t size = tw_read(conn, buffer, sizeof buffer);
 *   if (size < 0)
 *     fprintf(stderr, "%s\n", tw_last_error_message());
 *   tw_conn_close(conn);
 *
 * Threads. Every function may be called from any thread. The engine has a thread of its own, which the first call
 * starts; a call passes its work to that thread and waits for the result. A function of this header that is called
 * while a thread's own event loop is calling a listener, or posted work, returns TW_ERR_STATE at once: it would stop
 * that loop. On one connection one thread may read while another one writes. A second thread that reads (or writes) at
 * the same time gets TW_ERR_STATE. Any number of threads may wait in tw_accept.
 *
 * Results. >= 0 is a count or a number of a connection, < 0 an error, TW_ERR_... (tw_error_text). tw_last_error_message
 * describes the last failure in words. Numbers are positive; a closed one is stale at once (TW_ERR_HANDLE). They are
 * not handles of net.h: the functions of net.h and ws.h do not accept them.
 *
 * Waits. Every wait is bounded: opening has its timeout, and a write ends with TW_ERR_STALLED if the peer takes nothing
 * for limits.stallTimeoutMs. Waiting for a peer that may stay silent (reading, accepting) is bounded by deadlines and
 * timeouts that you set, and by tw_conn_close, tw_listener_close or tw_engine_stop from another thread. A read that
 * fails consumes nothing.
 *
 * Memory. Buffers and texts are used until the call returns. TLS options are borrowed, see there. */
#ifndef TWINWIRE_CONN_H
#define TWINWIRE_CONN_H

#include "twinwire/net.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- The engine ---- */

/* How the engine's thread is to start; 0 is the default. */
typedef struct tw_engine_options {
  uint32_t sockets; /* connections, listeners and UDP sockets that may be open together, 1..16384; default: 4096 */
} tw_engine_options;

/* Starts the engine's thread. Not needed for the defaults: the first call starts it. `options` may be NULL.
 * Returns 0, TW_ERR_STATE (it runs already), TW_ERR_ARGUMENT, TW_ERR_MEMORY or TW_ERR_DESCRIPTORS. */
int32_t tw_engine_start(const tw_engine_options *options);

/* Ends every call that waits with TW_ERR_ABORTED, closes every socket and ends the engine's thread, within
 * limits.closeTimeoutMs (5 s). From then on calls return TW_ERR_STATE, until tw_engine_start; the old numbers are not
 * valid then. Returns 0 or TW_ERR_STATE (it does not run, or called from a listener). */
int32_t tw_engine_stop(void);

/* Describes the last failure of a function of this header or of http.h on this thread: operation, target, problem,
 * remedy; "" if none has failed. Valid until the next failure on this thread. */
const char *tw_last_error_message(void);

/* ---- Opening ---- */

/* How to connect; what is 0 or NULL is the default. */
typedef struct tw_dial_options {
  uint32_t timeout_ms; /* until the connection is open, name look-up and TLS included, 1..86400000. The engine's own
                          bounds, 10 s for connecting and 10 s for TLS, hold as well */
  /* For "tls". Borrowed, with all it points to, until the connection is closed: make it static. */
  const tw_tls_options *tls;
  const char *proxy;        /* an HTTP proxy, "http://[user:password@]host:port", which is asked for a tunnel */
  uint32_t window;          /* bytes that are received ahead of reads, 1..1073741824; default: 65536 */
  tw_keep_alive keep_alive; /* TCP keep-alive; default: off */
  const char *policy; /* the addresses to connect to, rules as in tw_net_set_policy, such as "-private"; not with a
                         proxy, which chooses its own addresses; default: all */
} tw_dial_options;

/* Connects, and waits until the connection is open. `network`: "tcp", "tls" (TLS from the first byte), "unix", or "udp"
 * (a UDP socket with a peer: tw_read receives a datagram, tw_write sends one). `address`: "host:port", "[ipv6]:port",
 * or a path. Specification: net.dial; new TcpConnection, new TlsConnection; TcpStream.connect.
 *
 * Returns the connection's number, to be closed by tw_conn_close; or TW_ERR_ARGUMENT (another network, another form of
 * address, an option out of range), TW_ERR_PORT, TW_ERR_PATH, TW_ERR_NAME_NOT_FOUND, TW_ERR_NAME_FAILED,
 * TW_ERR_REFUSED, TW_ERR_UNREACHABLE, TW_ERR_TIMEOUT, TW_ERR_NOT_FOUND, TW_ERR_ACCESS, TW_ERR_TLS..., TW_ERR_PROXY,
 * TW_ERR_POLICY (the policy allows none of the name's addresses), TW_ERR_LIMIT, TW_ERR_DESCRIPTORS, TW_ERR_MEMORY,
 * TW_ERR_STATE. */
int32_t tw_dial(const char *network, const char *address, const tw_dial_options *options);

/* How to listen; what is 0 or NULL is the default. */
typedef struct tw_listen_options {
  /* For "tls", with certificate and key. Borrowed until the listener and all connections that it accepted are closed.
   */
  const tw_tls_options *tls;
  uint32_t backlog;  /* open connections that may wait for tw_accept, 1..65535; further ones are closed; default: 511 */
  uint32_t window;   /* of accepted connections, as in tw_dial_options */
  uint32_t handlers; /* calls of a handler of tw_accept_each at the same time, 1..16384; default: 256 */
  tw_keep_alive keep_alive; /* of accepted connections */
} tw_listen_options;

/* Listens at an address. `network`: "tcp", "tls" or "unix". `address`: "host:port", ":port" for every local address, or
 * a path that must not exist yet. Port 0 is any free one, which tw_listener_addr returns. Specification: net.listen,
 * new TcpServer, TcpListener.bind.
 *
 * Returns the listener's number, to be closed by tw_listener_close; or TW_ERR_ARGUMENT, TW_ERR_PORT, TW_ERR_PATH,
 * TW_ERR_IN_USE, TW_ERR_ACCESS, TW_ERR_NAME_NOT_FOUND, TW_ERR_TLS, TW_ERR_LIMIT, TW_ERR_DESCRIPTORS, TW_ERR_STATE. */
int32_t tw_listen(const char *network, const char *address, const tw_listen_options *options);

/* Waits for the next connection, which is open (with TLS: the handshake is done). Several threads may wait; they are
 * served in order. A deadline or timeout for reading bounds it.
 * Returns the connection's number; or TW_ERR_DEADLINE, TW_ERR_WOULD_BLOCK, TW_ERR_HANDLE, TW_ERR_STATE (the listener
 * was closed, or tw_accept_each has it), or the error that ended the listener. */
int32_t tw_accept(int32_t listener);

/* Accepts in the background until the listener is closed: returns at once, and calls `handler` with each connection on
 * a thread of its own, up to options.handlers at the same time; further connections wait. The connection is closed when
 * the handler returns. Data that handlers share needs a lock. Returns 0, TW_ERR_ARGUMENT, TW_ERR_HANDLE or TW_ERR_STATE
 * (it has a handler already, or a call of tw_accept waits). */
int32_t tw_accept_each(int32_t listener, void (*handler)(int32_t conn, void *ctx), void *ctx);

/* ---- Reading and writing ---- */

/* Reads the bytes that have arrived, 1 to `capacity`, or waits for some. On a UDP socket it reads the next datagram;
 * bytes beyond `capacity` are lost. Returns the bytes read, 0 at the end of the stream; or TW_ERR_DEADLINE,
 * TW_ERR_WOULD_BLOCK, TW_ERR_RESET, TW_ERR_ENDED (TLS ended without a close_notify), TW_ERR_ARGUMENT (NULL, a capacity
 * of 0), TW_ERR_HANDLE, TW_ERR_STATE. */
int32_t tw_read(int32_t conn, void *buffer, size_t capacity);

/* Reads exactly `size` bytes, 1..1073741824. If the stream ends earlier, it returns TW_ERR_UNEXPECTED_EOF and consumes
 * nothing. Returns `size`, or an error as tw_read. */
int32_t tw_read_exact(int32_t conn, void *buffer, size_t size);

/* Writes at least one byte and at most `size` (1..2147483647; 0 writes nothing), as many as the system takes. Returns
 * the bytes that the system took, in non-blocking mode those that are queued; or TW_ERR_DEADLINE, TW_ERR_WOULD_BLOCK,
 * TW_ERR_RESET, TW_ERR_STALLED, TW_ERR_ARGUMENT, TW_ERR_HANDLE, TW_ERR_STATE (after tw_close_write, or another thread
 * writes). After TW_ERR_DEADLINE nothing was written. */
int32_t tw_write(int32_t conn, const void *data, size_t size);

/* Writes all of it, and returns when the system has it. Returns 0; or an error as tw_write, with an unknown part of the
 * data written. In non-blocking mode all of it is queued, or nothing (TW_ERR_WOULD_BLOCK). */
int32_t tw_write_all(int32_t conn, const void *data, size_t size);

/* Ends our half of the stream; the peer receives the end after the written bytes. Reading is still possible.
 * Returns 0, TW_ERR_STATE (not open, or another thread writes) or TW_ERR_HANDLE. */
int32_t tw_close_write(int32_t conn);

/* Closes a connection or a UDP socket. What was written still arrives. Calls that wait on it return TW_ERR_STATE.
 * Returns 0 or TW_ERR_HANDLE. */
int32_t tw_conn_close(int32_t conn);

/* Closes a listener. Connections that were accepted stay open; those that were not are closed; running handlers
 * continue. Returns 0 or TW_ERR_HANDLE. */
int32_t tw_listener_close(int32_t listener);

/* ---- How long, and whether, to wait ---- */

/* Set one instant, `ms` from now (1..2147483647), after which calls return TW_ERR_DEADLINE, including those that wait
 * already. It holds for all later calls until another one is set; 0 clears it. tw_set_deadline is for both, reading and
 * writing. On listeners and UDP sockets the one for reading bounds tw_accept and tw_udp_recv_from.
 * Return 0, TW_ERR_ARGUMENT or TW_ERR_HANDLE. */
int32_t tw_set_deadline(int32_t conn, uint32_t ms);
int32_t tw_set_read_deadline(int32_t conn, uint32_t ms);
int32_t tw_set_write_deadline(int32_t conn, uint32_t ms);

/* Limit the time of each later call: one that takes longer than `ms` returns TW_ERR_DEADLINE. 0: no limit.
 * Return as tw_set_deadline. */
int32_t tw_set_read_timeout(int32_t conn, uint32_t ms);
int32_t tw_set_write_timeout(int32_t conn, uint32_t ms);

/* With `on`, a call that would have to wait returns TW_ERR_WOULD_BLOCK at once. For connections, listeners and UDP
 * sockets. Returns 0 or TW_ERR_HANDLE. */
int32_t tw_set_nonblocking(int32_t conn, bool on);

/* ---- Addresses and TLS ---- */

/* Write the peer's or this end's address, "192.0.2.10:8080", "[2001:db8::1]:8080" or a path, terminated and cut to
 * `capacity`
 * (> 0; TW_MAX_ADDRESS + 1 suffices, TW_MAX_PATH + 1 for Unix sockets). tw_local_addr is for connections and UDP
 * sockets, tw_listener_addr for listeners. Return its bytes; or TW_ERR_ARGUMENT, TW_ERR_HANDLE, TW_ERR_STATE (UDP
 * without a peer). */
int32_t tw_remote_addr(int32_t conn, char *text, size_t capacity);
int32_t tw_local_addr(int32_t conn, char *text, size_t capacity);
int32_t tw_listener_addr(int32_t listener, char *text, size_t capacity);

/* Returns 1 if the connection is protected by TLS, 0 if not; or TW_ERR_HANDLE. */
int32_t tw_is_tls(int32_t conn);

/* Starts TLS on an open connection (STARTTLS), and waits until it is established. `name`: the server's name to verify;
 * NULL: the one that was dialled. On an accepted connection this end is the server, and `tls` needs certificate and
 * key. `tls` is borrowed until the connection is closed. A deadline for reading bounds it, and 10 s. Returns 0; or
 * TW_ERR_TLS_BUFFERED (bytes that arrived earlier have not been read), TW_ERR_TLS..., TW_ERR_DEADLINE, TW_ERR_STATE,
 * TW_ERR_HANDLE, TW_ERR_UNSUPPORTED. If the handshake fails the connection has ended. */
int32_t tw_upgrade_tls(int32_t conn, const char *name, const tw_tls_options *tls);

/* Looks a name up, and writes its first address, "192.0.2.10" or "2001:db8::1", terminated (`capacity` >
 * TW_MAX_ADDRESS). `timeout_ms`: 1..86400000, 0: 10 s. Needs no engine. Returns the bytes of the address; or
 * TW_ERR_NAME_NOT_FOUND, TW_ERR_NAME_FAILED, TW_ERR_TIMEOUT, TW_ERR_ARGUMENT, TW_ERR_MEMORY, TW_ERR_STATE (called from
 * a listener). */
int32_t tw_resolve(const char *host, uint32_t timeout_ms, char *ip, size_t capacity);

/* ---- UDP ---- */

/* Opens a UDP socket at a local literal address, "127.0.0.1:0", or ":port" for every IPv4 one. Port 0: any free one. At
 * most 262144 received bytes wait for tw_udp_recv_from; further datagrams are lost. Returns its number,
 * to be closed by tw_conn_close; or TW_ERR_ARGUMENT, TW_ERR_ADDRESS, TW_ERR_PORT, TW_ERR_IN_USE, TW_ERR_ACCESS,
 * TW_ERR_LIMIT, TW_ERR_STATE. */
int32_t tw_udp_bind(const char *address);

/* Sends one datagram to "host:port"; a name is looked up first.
 * Returns `size`; or TW_ERR_ARGUMENT, TW_ERR_PORT, TW_ERR_NAME_NOT_FOUND, TW_ERR_TOO_LARGE, TW_ERR_DEADLINE,
 * TW_ERR_WOULD_BLOCK, TW_ERR_HANDLE, or an error of the system. */
int32_t tw_udp_send_to(int32_t sock, const void *data, size_t size, const char *address);

/* Waits for a datagram. Writes its bytes, at most `capacity` (the rest is lost), and its sender's "ip:port", terminated
 * (`from` may be NULL; TW_MAX_ADDRESS + 1 suffices).
 * Returns its bytes, 0 for an empty one; or TW_ERR_DEADLINE, TW_ERR_WOULD_BLOCK, TW_ERR_ARGUMENT, TW_ERR_HANDLE,
 * TW_ERR_STATE. */
int32_t tw_udp_recv_from(int32_t sock, void *buffer, size_t capacity, char *from, size_t from_capacity);

#ifdef __cplusplus
}
#endif
#endif
