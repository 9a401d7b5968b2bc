/* port.h: the functions that a host implements, and the core calls. core.h has the other direction.
 *
 * Each of them returns at once and never calls the core. `host` is the pointer that was passed to twc_init. The outcome
 * of a call is delivered later, by twc_connected, twc_received, twc_written, twc_ended or twc_closed. */
#ifndef TWINWIRE_PORT_H
#define TWINWIRE_PORT_H

#include <stddef.h>
#include <stdint.h>

#include "twinwire/abi.gen.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Opens a socket for `handle`, by `kind` (tw_socket_kind):
 *   TCP            connects to `name` (a host name or a literal address) and `port`, with TCP_NODELAY on
 *   UNIX           connects to the path `name`
 *   UDP            binds the local literal address `name` (empty: any IPv4 one) and `port` (0: any free one)
 *   TCP_LISTENER   listens on the local address `name` and `port`
 *   UNIX_LISTENER  listens at the path `name`
 * `name` has `name_size` bytes, is not terminated, and is borrowed for the call. Reading is on. A UDP socket is ready
 * at once; for the others the host delivers twc_connected (a listener: it listens) or twc_closed. Returns 0; or a
 * TW_ERR_... if the failure is certain at once: then nothing is delivered for the handle. */
int32_t twc_port_open(void *host, int32_t handle, uint32_t kind, const char *name, uint32_t name_size, uint32_t port);

/* Writes `count` (1..TW_MAX_SPANS) spans in order, by one write of the system where possible. A span is an offset from
 * the core, which lies at the start of the arena, and a size. Returns how many bytes the host no longer needs (0..all);
 * or a TW_ERR_..., after which the core closes the socket.
 *
 * If the result is less than all, the host owes one twc_written. Until then the bytes do not move, the host may read
 * them, and the core writes nothing else to this socket. twc_written reports how many more bytes the host no longer
 * needs; the core then offers the rest again. A host that keeps no pointers delivers twc_written with 0 once the socket
 * is writable. */
int32_t twc_port_write(void *host, int32_t handle, const tw_span *spans, uint32_t count);

/* Sends one datagram to the literal `address` (`address_size` bytes of text) and `port`, or, with an empty address, to
 * the peer that twc_port_connect fixed. The bytes are borrowed for the call. Returns `size`, never a part;
 * TW_ERR_BACKPRESSURE, after which the host owes one twc_written with 0 when there is room; or another error. */
int32_t twc_port_send_to(void *host, int32_t handle, const char *address, uint32_t address_size, uint32_t port,
                         const void *data, uint32_t size);

/* Ends our half of a stream (FIN; over TLS behind close_notify). Everything that was queued has been written. Reading
 * goes on. */
void twc_port_shutdown(void *host, int32_t handle);

/* Fixes the peer of a UDP socket to a literal `address` and `port`. Datagrams of others are no longer delivered, and
 * twc_port_send_to is called with an empty address. Returns 0 or a TW_ERR_.... */
int32_t twc_port_connect(void *host, int32_t handle, const char *address, uint32_t address_size, uint32_t port);

/* Starts TLS on a connected stream: on an accepted one as server, otherwise as client. `name` is the name of the server
 * to verify; empty: the one that the socket was opened with. The application sets certificates, ALPN and other options
 * by means of the host's own. twc_secured follows, or twc_closed with a TW_ERR_TLS.... Returns 0, or
 * TW_ERR_UNSUPPORTED. */
int32_t twc_port_start_tls(void *host, int32_t handle, const char *name, uint32_t name_size);

/* Stops (0) or resumes (1) reading. For a stopped socket neither twc_received nor twc_ended is delivered. */
void twc_port_read(void *host, int32_t handle, uint32_t on);

/* Closes a socket and forgets it: nothing is delivered for `handle` after this call, and no lent byte is read. `how`:
 * TW_CLOSE_ORDERLY, or TW_CLOSE_ABORT, which resets a connection. Not called after twc_closed. */
void twc_port_close(void *host, int32_t handle, uint32_t how);

/* Writes the address of one end (tw_address_of) as "ip:port" or "[ipv6]:port" and returns its bytes, at most
 * `capacity`; or an error. */
int32_t twc_port_address(void *host, int32_t handle, uint32_t which, char *text, uint32_t capacity);

/* Fills `data` with `size` bytes (1..256) of a cryptographically secure generator, RFC 6455 10.3. */
void twc_port_random(void *host, void *data, uint32_t size);

#ifdef __cplusplus
}
#endif
#endif
