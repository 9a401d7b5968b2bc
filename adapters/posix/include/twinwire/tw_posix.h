/* tw_posix.h: the handle API on a POSIX system: Linux, BSD, macOS. Sockets by epoll, kqueue or poll, names by
 * getaddrinfo(3) on threads of its own, so that no look-up stops the loop; TLS by OpenSSL if it was built with it.
 *
 *   int main(void) {
 *     if (tw_posix_start(NULL) < 0)
 *       return 1;
 *     int32_t conn = tw_ws_open("ws://192.168.1.10:8080/stream");
 *     ...
 *     int32_t code = tw_runtime_keep_alive();
 *     tw_posix_stop();
 *     return code;
 *   }
 *
 * Or with a loop of your own:  while (running) { tw_poll(100); ... } */
#ifndef TWINWIRE_TW_POSIX_H
#define TWINWIRE_TW_POSIX_H

#include "twinwire/http_server.h"
#include "twinwire/net.h"
#include "twinwire/ws.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Options of tw_posix_start. NULL or 0 selects the default. */
typedef struct tw_posix_options {
  const tw_limits *limits; /* copied; default: TW_LIMITS_HOST, whose pools are address space until they are used */
  uint32_t listeners;      /* listeners of all handles together, 1..1000000; default: 32768 */
  uint32_t backlog;        /* connections that may wait to be accepted; default: 511 */
  bool reuse_port;         /* SO_REUSEPORT: several loops, or processes, listen on one port and share its connections;
                              UDP sockets on one port all receive what is sent to a multicast group */
  uint32_t keep_alive_s;   /* SO_KEEPALIVE, with this many seconds of silence before the first probe; default: off */
  /* Called with a line of text for each failure that no listener for "error" has received, on the loop's thread. It may
   * call no function of this library. Default: none */
  void (*log)(void *ctx, const char *text);
  void *log_ctx;
} tw_posix_options;

/* Creates the engine of this thread. From then on the functions of net.h, ws.h and http_server.h work, on this thread
 * only. A thread has one engine at a time. `options` may be NULL. Returns 0; or -1, and tw_last_error has the reason:
 * TW_ERR_STATE (started already), TW_ERR_ARGUMENT (a limit is out of its range), TW_ERR_MEMORY, TW_ERR_HOST (no file
 * descriptors). */
int32_t tw_posix_start(const tw_posix_options *options);

/* Drops every connection at once and frees everything. For an orderly end call tw_runtime_exit first, and
 * tw_runtime_keep_alive (or tw_poll until it returns 0). Not to be called from a listener. Never blocks. */
void tw_posix_stop(void);

/* Makes a tw_poll that waits return, or the next one return at once: of the loop that was started first. Can be called
 * from any thread and from signal handlers, between start and stop. */
void tw_posix_wake(void);

/* A running loop. */
typedef struct tw_posix tw_posix_loop;

/* Returns the loop of this thread, valid until its tw_posix_stop; NULL: none. */
tw_posix_loop *tw_posix_current(void);

/* Has `loop` call `run` in its next iteration, on its thread: the way to reach its handles from other threads. Work of
 * one thread is called in order. Can be called from any thread and from signal handlers, while the loop runs. Returns
 * false if too much waits already (4096 on Linux), and then nothing is called. */
bool tw_posix_post(tw_posix_loop *loop, void (*run)(void *ctx), void *ctx);

/* Calls `run` on this thread's loop once in `ms` milliseconds and, with `every_ms` > 0, then again and again; both are
 * at most 2147483647. A timer does not keep tw_runtime_keep_alive from returning. Returns a number > 0, valid until it
 * has run for the last time; or -1: TW_ERR_STATE (no loop), TW_ERR_ARGUMENT, TW_ERR_MEMORY. */
int32_t tw_posix_set_timer(uint32_t ms, uint32_t every_ms, void (*run)(void *ctx), void *ctx);

/* Ends a timer of this thread's loop. Can be called from any timer's `run`, its own included. Returns 0, or -1:
 * TW_ERR_HANDLE. */
int32_t tw_posix_clear_timer(int32_t timer);

/* Replaces the allocator. `resize` works like realloc, may be called on any thread, and returns memory that is aligned
 * to 16 bytes; with a `size` of 0 it frees. NULL selects the system's allocator. The pools are mapped instead, and
 * OpenSSL has an allocator of its own. Call this before the first tw_posix_start. */
void tw_posix_set_allocator(void *(*resize)(void *memory, size_t size));

/* Returns a descriptor for the loop of another library (libuv, GLib): call tw_poll(0) when it is readable or when
 * tw_posix_timeout has passed, then ask for the time-out again. -1: not started, or the system has none. */
int tw_posix_fd(void);

/* Writes what was queued and returns how many milliseconds may pass until tw_poll(0) has to be called; TW_FOREVER: only
 * when the descriptor is readable. */
uint32_t tw_posix_timeout(void);

/* Returns the errno behind the last TW_ERR_HOST of a call that opens a socket, or 0. For logs. */
int32_t tw_posix_errno(void);

/* What two peers agreed on. */
typedef struct tw_posix_tls_info {
  char alpn[256];                /* the protocol that ALPN chose, or "" */
  char protocol[16];             /* "TLSv1.3", "TLSv1.2" */
  char cipher[64];               /* the cipher suite by its name in the standard */
  char peer_fingerprint[32 * 3]; /* SHA-256 of the peer's certificate, hex with colons; "" if it showed none */
  bool authorized;               /* the peer's certificate passed every check */
} tw_posix_tls_info;

/* Writes what TLS has agreed on for a handle. Returns 0, or -1: TW_ERR_HANDLE (no socket of this number), TW_ERR_STATE
 * (no TLS, or not yet), TW_ERR_UNSUPPORTED (built without TLS). */
int32_t tw_posix_tls(int32_t handle, tw_posix_tls_info *info);

/* Returns why TLS refused the last peer or the last options, in the words of the TLS library; "" if it refused none.
 * For logs; valid until the next failure. */
const char *tw_posix_tls_reason(void);

#ifdef __cplusplus
}
#endif
#endif
