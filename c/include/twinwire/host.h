/* host.h: what a host supplies and calls to carry the handle API (net.h, ws.h). Applications don't include it.
 *
 * A host makes a core and, on it, a tw_handles; then each delivery goes through tw_handles_deliver:
 *
 *   tw_handles_deliver(handles, twc_received(core, handle, size));
 *
 * and each iteration of its loop is:
 *
 *   tw_handles_tick(handles);                        // time passes, what is due is emitted
 *   bool again = tw_handles_flush(handles);          // what was queued is written
 *   wait = again ? 0 : min(ms, twc_wait(core));      // then wait for sockets, and deliver
 *
 * An accepted connection is registered under the handle that twc_accepted gave, then delivered, then connected:
 *   tw_handles_deliver(handles, twc_pump(core)); tw_handles_deliver(handles, twc_connected(core, handle)); */
#ifndef TWINWIRE_HOST_H
#define TWINWIRE_HOST_H

#include "twinwire/core.h"
#include "twinwire/net.h"
#include "twinwire/ws.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tw_handles tw_handles;

/* Bounds of the memory of a tw_handles. */
typedef struct tw_handles_options {
  uint32_t listeners;    /* listeners of all handles together, 1..1000000 */
  uint32_t message_size; /* bytes for each WebSocket in which messages that come in pieces are joined, 0..16 MiB */
} tw_handles_options;

/* Defaults: of a host with an operating system, which brings `resize`; of an ESP32. */
#define TW_HANDLES_OPTIONS_HOST {.listeners = 32768, .message_size = 0}
#define TW_HANDLES_OPTIONS_ESP32 {.listeners = 24, .message_size = 512}

/* What a host supplies beside port.h. */
typedef struct tw_handles_host {
  void *host;                     /* handed back in each call */
  uint32_t (*now_ms)(void *host); /* the clock of twc_tick. Needed */
  bool (*is_up)(void *host);      /* whether the network has an address; NULL: it always has */
  /* As realloc (`size` 0 frees, and NULL is returned): memory in which messages are joined whatever their size, up to
   * limits.maxMessage. NULL, or if it returns NULL: those beyond message_size are delivered in parts. */
  void *(*resize)(void *host, void *memory, size_t size);
  /* Checks `tls` (NULL: defaults) for a socket before TLS is asked for: 0 or an error of the table, for a mistake that
   * is known at once. NULL: nothing is checked. */
  int32_t (*check_tls)(void *host, const tw_tls_options *tls, bool server);
  /* A handle has been opened or accepted: the place for defaults of the host. NULL: nothing is to be done. */
  void (*opened)(void *host, int32_t handle, uint32_t kind);
  /* Sets keep-alive of a stream that is connected. NULL: the host cannot. */
  void (*set_keep_alive)(void *host, int32_t handle, const tw_keep_alive *keep_alive);
  /* Sets an option of a socket, with a value that is in its range: 0 or an error. NULL: the host has none. */
  int32_t (*set_option)(void *host, int32_t handle, tw_option option, int32_t value);
  /* Joins (`on`) or leaves a multicast group: 0 or an error. NULL: the host cannot. */
  int32_t (*set_group)(void *host, int32_t handle, const char *group, const char *interface, bool on);
  /* An error that no listener has received: the place for a log. NULL: it is not reported further. */
  void (*unhandled)(void *host, int32_t handle, int32_t code, uint32_t step);
  /* Seconds since 1970, for the Date field of HTTP responses. NULL: they have none. */
  int64_t (*unix_time)(void *host);
} tw_handles_host;

/* A library for raw DEFLATE (RFC 1951), with which a host serves permessage-deflate. A stream is one direction of one
 * connection, and is used on the loop's thread. `bits`: the base-2 logarithm of its window, 9..15. */
typedef struct tw_deflate_library {
  /* Makes what compresses; `level` and `mem_level`: 1..9, or 0: the library's own. NULL: no memory. */
  void *(*open_compressor)(uint32_t bits, uint32_t level, uint32_t mem_level);
  void (*close_compressor)(void *compressor);
  /* Bytes that compress may write at most. */
  size_t (*bound)(void *compressor, uint32_t size);
  /* Compresses a message to a whole number of bytes, the last four of which are 00 00 FF FF (RFC 7692 7.2.1). Returns
   * how many were written to `to`, or 0: it failed. */
  uint32_t (*compress)(void *compressor, const void *data, uint32_t size, void *to, uint32_t room);
  /* Forgets what was compressed before: what comes next can be inflated whatever of it was sent. */
  void (*reset_compressor)(void *compressor);

  /* Makes what inflates. NULL: no memory. */
  void *(*open_decompressor)(uint32_t bits);
  void (*close_decompressor)(void *decompressor);
  /* Inflates from `*data`, moving it and `*size`, until all of it is taken or `to` is full. Returns the bytes that were
   * written to `to`; as many as there is room for: there may be more. Or TW_ERR_WS_DEFLATE, TW_ERR_MEMORY. */
  int32_t (*inflate)(void *decompressor, const uint8_t **data, uint32_t *size, void *to, uint32_t room);
  /* Whether the last byte taken ended a block that was marked as the last one (RFC 7692 7.2.3.4). */
  bool (*has_ended)(const void *decompressor);
} tw_deflate_library;

/* Bytes that tw_handles_init needs for a core of these limits; 0: an option is out of its range. */
size_t tw_handles_need(const tw_limits *limits, const tw_handles_options *options);

/* Makes a tw_handles in `memory` (`size` >= tw_handles_need, aligned to 16) on `core`, whose limits are given again.
 * All but `memory` and `core` is copied. Returns NULL if the size or an option is wrong.
 *
 * A WebSocket that a host makes of an accepted connection itself (twc_ws_accept on `core`, in place of tw_ws_accept)
 * stays a TCP connection here: of what comes then, only "error", "drain" and "disconnected" are emitted. */
tw_handles *tw_handles_init(void *memory, size_t size, const tw_limits *limits, const tw_handles_options *options,
                            tw_core *core, const tw_handles_host *host);

/* Compression with this library, borrowed for the life of `handles`. Without it, options that ask for compression
 * answer TW_ERR_UNSUPPORTED. To be called right after tw_handles_init. */
void tw_handles_set_deflate(tw_handles *handles, const tw_deflate_library *library);

/* Makes `handles` the one that the functions above work on; NULL: none, and they answer -1 (TW_ERR_STATE). A host calls
 * it when it starts and stops. */
void tw_handles_use(tw_handles *handles);

/* Frees what `resize` has given, without an event. The core is not touched. */
void tw_handles_release(tw_handles *handles);

/* Emits the `count` records that a delivery has made ready, and all that follow (twc_pump). Not to be called from a
 * listener. */
void tw_handles_deliver(tw_handles *handles, uint32_t count);

/* Ticks, and emits what is due. To be called before the first delivery of each iteration of the loop: what waits from
 * before would be lost otherwise. */
void tw_handles_tick(tw_handles *handles);

/* Writes what was queued. Returns whether events wait, so that the next iteration must not wait. */
bool tw_handles_flush(tw_handles *handles);

/* Emits "error" for a failure that a socket survives: a datagram that could not be sent after all, a connection that
 * could not be accepted. `retry_ms`: when it is tried again, or TW_FOREVER. */
void tw_handles_failed(tw_handles *handles, int32_t handle, int32_t error, uint32_t step, uint32_t retry_ms);

/* Notes `error` for tw_last_error and returns -1. */
int32_t tw_handles_refuse(int32_t error);

/* How many events have been emitted so far; the number may wrap. A tw_poll that has emitted one does not wait: what the
 * application waits for may have happened. */
uint32_t tw_handles_delivered(const tw_handles *handles);

/* Whether a listener is being called. */
bool tw_handles_delivering(const tw_handles *handles);

/* Handles that are open, closing ones included. Emits what is ready, outside a listener. */
uint32_t tw_handles_open_handles(tw_handles *handles);

/* The TLS options of a handle, for a host in twc_port_start_tls; an accepted connection has its listener's.
 * NULL: defaults. */
const tw_tls_options *tw_handles_tls(tw_handles *handles, int32_t handle);

/* Keep-alive of a handle, for a host whose socket has just been connected; an accepted connection has its listener's.
 * Never NULL. */
const tw_keep_alive *tw_handles_keep_alive(tw_handles *handles, int32_t handle);

/* Whether a handle was accepted, and so is the server's side of TLS. */
bool tw_handles_accepted(tw_handles *handles, int32_t handle);

#ifdef __cplusplus
}
#endif
#endif
