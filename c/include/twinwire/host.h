/* host.h: the interface between the handle API (net.h, ws.h, http_server.h) and a host. Applications don't include it.
 *
 * A host creates a core and, on it, a tw_handles. It passes the result of each delivery to tw_handles_deliver:
 *
 *   tw_handles_deliver(handles, twc_received(core, handle, size));
 *
 * Each iteration of its loop is:
 *
 *   tw_handles_tick(handles);                        // sets the time, and emits what is due
 *   bool again = tw_handles_flush(handles);          // writes what was queued
 *   wait = again ? 0 : min(ms, twc_wait(core));      // how long to wait for sockets, before the deliveries
 *
 * For an accepted connection, it registers the socket under the handle that twc_accepted returned, and then calls
 *
 *   tw_handles_deliver(handles, twc_pump(core));
 *   tw_handles_deliver(handles, twc_connected(core, handle)); */
#ifndef TWINWIRE_HOST_H
#define TWINWIRE_HOST_H

#include "twinwire/core.h"
#include "twinwire/net.h"
#include "twinwire/ws.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tw_handles tw_handles;

/* Sizes that determine the memory of a tw_handles. */
typedef struct tw_handles_options {
  uint32_t listeners;    /* listeners of all handles together, 1..1000000 */
  uint32_t message_size; /* bytes for each WebSocket in which messages that come in pieces are joined, 0..16 MiB */
} tw_handles_options;

/* Defaults for a host with an operating system, which has `resize`, and for an ESP32. */
#define TW_HANDLES_OPTIONS_HOST {.listeners = 32768, .message_size = 0}
#define TW_HANDLES_OPTIONS_ESP32 {.listeners = 24, .message_size = 512}

/* The functions of a host besides those of port.h. All but now_ms may be NULL. */
typedef struct tw_handles_host {
  void *host;                     /* passed to each function */
  uint32_t (*now_ms)(void *host); /* returns the time for twc_tick, in milliseconds; must not be NULL */
  bool (*is_up)(void *host);      /* returns whether the network has an address; NULL: it always has */
  /* Resizes memory as realloc does; `size` 0 frees it and returns NULL. Messages of up to limits.maxMessage are joined
   * in it. NULL, or a result of NULL: messages larger than message_size are delivered in parts. */
  void *(*resize)(void *host, void *memory, size_t size);
  /* Checks the TLS options (NULL: defaults) of a socket before they are used. Returns 0, or the TW_ERR_... of a mistake
   * that can be found without connecting. NULL: nothing is checked. */
  int32_t (*check_tls)(void *host, const tw_tls_options *tls, bool server);
  /* Called when a handle has been opened or accepted: the host can set its own defaults. */
  void (*opened)(void *host, int32_t handle, uint32_t kind);
  /* Sets keep-alive of a stream that is connected. NULL: the host has no keep-alive. */
  void (*set_keep_alive)(void *host, int32_t handle, const tw_keep_alive *keep_alive);
  /* Sets an option of a socket to a value in its range. Returns 0 or a TW_ERR_.... NULL: TW_ERR_UNSUPPORTED. */
  int32_t (*set_option)(void *host, int32_t handle, tw_option option, int32_t value);
  /* Joins (`on`) or leaves a multicast group. Returns 0 or a TW_ERR_.... NULL: TW_ERR_UNSUPPORTED. */
  int32_t (*set_group)(void *host, int32_t handle, const char *group, const char *interface, bool on);
  /* Called with an error for which there is no listener, so that the host can log it. */
  void (*unhandled)(void *host, int32_t handle, int32_t code, uint32_t step);
  /* Returns the seconds since 1970, for the Date field of HTTP responses. NULL: they have none. */
  int64_t (*unix_time)(void *host);
} tw_handles_host;

/* A library for raw DEFLATE (RFC 1951), by which WebSockets compress (permessage-deflate, RFC 7692). A compressor or
 * decompressor belongs to one connection, and is used on the thread of the loop only. `bits`: the base-2 logarithm of
 * its window, 9..15. */
typedef struct tw_deflate_library {
  /* Creates a compressor. `level` and `mem_level`: 1..9, or 0 for the library's defaults. Returns NULL without memory.
   */
  void *(*open_compressor)(uint32_t bits, uint32_t level, uint32_t mem_level);
  void (*close_compressor)(void *compressor);
  /* Returns the most bytes that `compress` may write for a message of `size` bytes. */
  size_t (*bound)(void *compressor, uint32_t size);
  /* Compresses a message, flushed to a byte boundary, so that the result ends with 00 00 FF FF (RFC 7692 7.2.1).
   * Returns the bytes written to `to`, or 0 if it failed. */
  uint32_t (*compress)(void *compressor, const void *data, uint32_t size, void *to, uint32_t room);
  /* Drops the context: the next message can be inflated without those before it. */
  void (*reset_compressor)(void *compressor);

  /* Creates a decompressor. Returns NULL without memory. */
  void *(*open_decompressor)(uint32_t bits);
  void (*close_decompressor)(void *decompressor);
  /* Inflates from `*data`, advancing it and reducing `*size`, until `*size` is 0 or `to` is full. Returns the bytes
   * written to `to` (if that is `room`, there may be more), or TW_ERR_WS_DEFLATE or TW_ERR_MEMORY. */
  int32_t (*inflate)(void *decompressor, const uint8_t **data, uint32_t *size, void *to, uint32_t room);
  /* Returns whether the last byte that was read ended a block with BFINAL set (RFC 7692 7.2.3.4). */
  bool (*has_ended)(const void *decompressor);
} tw_deflate_library;

/* Returns how many bytes tw_handles_init needs for a core with these limits; 0 if an option is out of its range. */
size_t tw_handles_need(const tw_limits *limits, const tw_handles_options *options);

/* Creates a tw_handles in `memory` (`size` >= tw_handles_need, aligned to 16 bytes) on `core`. `limits` are those that
 * the core was created with. All arguments but `memory` and `core` are copied. Returns NULL if the size or an option is
 * wrong.
 *
 * If a host itself makes a WebSocket of an accepted connection (by twc_ws_accept instead of tw_ws_accept), the handle
 * remains a TCP connection here: from then on only "error", "drain" and "disconnected" are emitted. */
tw_handles *tw_handles_init(void *memory, size_t size, const tw_limits *limits, const tw_handles_options *options,
                            tw_core *core, const tw_handles_host *host);

/* Sets the library for compression, which is borrowed for the life of `handles`. Must be called right after
 * tw_handles_init. Without a library, options that request compression fail with TW_ERR_UNSUPPORTED. */
void tw_handles_set_deflate(tw_handles *handles, const tw_deflate_library *library);

/* Makes `handles` the one that the functions of net.h, ws.h and http_server.h use; NULL: none, so that they return -1
 * (TW_ERR_STATE). A host calls it when it starts and when it stops. */
void tw_handles_use(tw_handles *handles);

/* Frees all memory that was allocated with `resize`. Emits no event, and does not use the core. */
void tw_handles_release(tw_handles *handles);

/* Emits the events of the `count` records that a delivery has made ready, and of all that follow (twc_pump). Must not
 * be called from a listener. */
void tw_handles_deliver(tw_handles *handles, uint32_t count);

/* Sets the time of the core (twc_tick), and emits what is due. Must be called before the first delivery of each
 * iteration of the loop; otherwise records that were made between two iterations are lost. */
void tw_handles_tick(tw_handles *handles);

/* Writes what was queued (twc_flush). Returns whether there are events left, so that the next iteration must not wait.
 */
bool tw_handles_flush(tw_handles *handles);

/* Emits "error" for a failure after which the socket stays open: a datagram that was accepted and could not be sent, a
 * connection that could not be accepted. `retry_ms`: milliseconds until it is tried again, or TW_FOREVER. */
void tw_handles_failed(tw_handles *handles, int32_t handle, int32_t error, uint32_t step, uint32_t retry_ms);

/* Stores `error` for tw_last_error, and returns -1. */
int32_t tw_handles_refuse(int32_t error);

/* Returns the number of events emitted so far, which may wrap. A tw_poll that has emitted one does not wait, because it
 * may be the one that the application waits for. */
uint32_t tw_handles_delivered(const tw_handles *handles);

/* Returns whether events are being emitted. */
bool tw_handles_delivering(const tw_handles *handles);

/* Returns the number of open handles, closing ones included. Outside of a listener, it first emits what is ready. */
uint32_t tw_handles_open_handles(tw_handles *handles);

/* Returns the TLS options of a handle, for twc_port_start_tls; those of its listener for an accepted connection. NULL:
 * the defaults. */
const tw_tls_options *tw_handles_tls(tw_handles *handles, int32_t handle);

/* Returns the keep-alive of a handle, for a host whose socket has just been connected; that of its listener for an
 * accepted connection. Never NULL. */
const tw_keep_alive *tw_handles_keep_alive(tw_handles *handles, int32_t handle);

/* Returns whether a handle was accepted by a listener, so that it is the server in TLS. */
bool tw_handles_accepted(tw_handles *handles, int32_t handle);

#ifdef __cplusplus
}
#endif
#endif
