/* port.h: the functions that a host supplies, all of them. See core.h for the other direction.
 *
 * Each call returns at once and never calls back into the core. `host` is the pointer that twc_init was given.
 * What comes of a call is delivered later with twc_connected, twc_received, twc_written, twc_ended or twc_closed. */
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
 * `name` has `name_size` bytes, is not terminated and is borrowed for the call. Returns 0, or an error of the table if
 * it is certain at once; then nothing is delivered for the handle. A UDP socket is ready at once; the others answer
 * with twc_connected (listening, for a listener) or twc_closed. Reading is on. */
int32_t twc_port_open(void *host, int32_t handle, uint32_t kind, const char *name, uint32_t name_size, uint32_t port);

/* Writes `count` (1..TW_MAX_SPANS) pieces in order, as one write where the host can. Returns how many bytes are done
 * with (0..all), or an error; after an error the core closes the socket. If it is fewer than all, the host owes one
 * twc_written: until then the bytes stay where they are, the host may go on reading them, and the core writes nothing
 * more on this socket. That twc_written says how many more are done with and ends the loan; the core offers what is
 * left again. A host that keeps no pointers delivers twc_written with 0 once the socket is writable. */
int32_t twc_port_write(void *host, int32_t handle, const tw_span *spans, uint32_t count);

/* Sends one datagram to the literal `address` (`address_size` bytes of text) and `port`, or, with an empty address, to
 * the peer that twc_port_connect fixed. The bytes are borrowed for the call. Returns `size`, never a part;
 * TW_ERR_BACKPRESSURE, after which the host owes one twc_written with 0 when there is room; or another error. */
int32_t twc_port_send_to(void *host, int32_t handle, const char *address, uint32_t address_size, uint32_t port,
                         const void *data, uint32_t size);

/* Ends our half of a stream: FIN. All that was queued has been written. */
void twc_port_shutdown(void *host, int32_t handle);

/* Fixes the peer of a UDP socket: literal `address` and `port`. Those of others are no longer delivered, and
 * twc_port_send_to is called with an empty address. Returns 0 or an error. */
int32_t twc_port_connect(void *host, int32_t handle, const char *address, uint32_t address_size, uint32_t port);

/* Starts TLS on a connected stream, as client or, on an accepted one, as server. `name` is the server's name to verify;
 * empty: the one the socket was opened with. What else is to be configured (certificates, ALPN) is between the host and
 * the application. Answers with twc_secured or twc_closed (TW_ERR_TLS...). Returns 0, or TW_ERR_UNSUPPORTED. */
int32_t twc_port_start_tls(void *host, int32_t handle, const char *name, uint32_t name_size);

/* Flow control: stops (0) or resumes (1) reading. A stopped socket delivers no twc_received and no twc_ended. */
void twc_port_read(void *host, int32_t handle, uint32_t on);

/* Closes a socket (TW_CLOSE_ORDERLY or TW_CLOSE_ABORT) and forgets it: nothing is delivered for `handle` after this
 * call, and the host reads none of its bytes any more. Not called after twc_closed. */
void twc_port_close(void *host, int32_t handle, uint32_t how);

/* Writes the address of one end (tw_address_of) as "ip:port" or "[ipv6]:port" and returns its bytes, at most
 * `capacity`; or an error. */
int32_t twc_port_address(void *host, int32_t handle, uint32_t which, char *text, uint32_t capacity);

/* Fills `size` bytes (1..256) from the host's cryptographically secure generator. RFC 6455 10.3 */
void twc_port_random(void *host, void *data, uint32_t size);

#ifdef __cplusplus
}
#endif
#endif
