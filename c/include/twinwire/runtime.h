/* runtime.h: what net.h and ws.h have in common: results and errors, the loop, listeners, TLS options.
 *
 * Results. A handle is a positive number. A call that cannot do its work returns -1 (TW_NONE): nothing was queued or
 * changed, and tw_last_error() has the reason. 0 means done. A closed handle's number is stale at once.
 *
 * Events. Nothing is emitted inside a call. Register listeners before or after opening, in any order: the first event
 * comes in a later iteration of the loop. What is sent in one iteration leaves in one write at its end.
 *
 * Threads. All functions belong to the thread (the task) that runs the loop; listeners are called on it. None of them
 * may be called from another thread or an interrupt, except those of the host that say so.
 *
 * Memory. Nothing is allocated. Arguments are copied, unless the function says that it borrows them. What an event
 * points to is borrowed: it is valid until the listener returns. */
#ifndef TWINWIRE_RUNTIME_H
#define TWINWIRE_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "twinwire/abi.gen.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- The loop ---- */

/* Runs the loop until tw_runtime_exit and returns its code. Not needed where a task of the host runs the loop. Returns
 * -1 with TW_ERR_STATE if called from a listener. */
int32_t tw_runtime_keep_alive(void);

/* Closes every handle and lets tw_runtime_keep_alive return: what is queued and the close frames still go out, within
 * limits.closeTimeoutMs. `code`: 0..255. Returns 0, or -1: TW_ERR_ARGUMENT. */
int32_t tw_runtime_exit(int32_t code);

/* Supplied by the host: runs one iteration of the loop. Emits what is due, writes what was queued and, if nothing was
 * emitted, waits at most `ms` (0: not at all; TW_FOREVER: until something happens) for sockets and timers. Returns how
 * many handles are open, closing ones included; or -1: TW_ERR_STATE (not started, or called from a listener). */
int32_t tw_poll(uint32_t ms);

/* ---- Errors ---- */

/* Returns why the last call that returned -1 failed: TW_ERR_..., or 0 if none has. A call that succeeds leaves it as it
 * is. */
int32_t tw_last_error(void);

/* "ERR_REFUSED", what went wrong, and what to do about it; "" for a number that is no error. Static texts. The table is
 * linked only if one of them is called: about 7 KiB. */
const char *tw_error_name(int32_t error);
const char *tw_error_text(int32_t error);
const char *tw_error_advice(int32_t error);

/* "connecting", "open" or "closed": the name of a state that tw_net_state or tw_ws_state returned. */
const char *tw_state_name(int32_t state);

/* ---- Listeners ---- */

/* A listener of any event, as it is stored. A listener is  void on_data(const NetData *event, void *ctx);  the type of
 * its parameter says which event it is for. */
typedef void (*tw_listener)(void);

/* What tw_net_on, tw_net_off, tw_ws_on and tw_ws_off stand for: `kinds` are those of the API as bits of 1 << tw_kind,
 * `shape` that of the listener's parameter. `event` NULL: the one that the shape says. */
int32_t tw_handles_on(uint32_t kinds, int32_t handle, const char *event, uint32_t shape, tw_listener listener,
                      void *ctx);
int32_t tw_handles_off(uint32_t kinds, int32_t handle, const char *event, uint32_t shape, tw_listener listener,
                       void *ctx);

/* Attaches a pointer of the application's to a handle, in place of the last one; NULL at first. It goes with the
 * handle: free what it points to in the handle's last event. Returns 0, or -1: TW_ERR_HANDLE. */
int32_t tw_set_user(int32_t handle, void *user);

/* Returns that pointer; NULL for a handle that is stale. Works in the listener of a last event, too. */
void *tw_user(int32_t handle);

/* The fifth of five or more arguments: how tw_net_on and its like distinguish three arguments from four. */
#define TW_FIFTH(a, b, c, d, e, ...) e

/* ---- Proxies ---- */

/* An HTTP proxy that opens a tunnel to the target (CONNECT, RFC 9110 9.3.6), on each attempt. Copied. */
typedef struct tw_proxy {
  const char *host; /* a name or a literal address */
  int32_t port;
  const char
      *user; /* Proxy-Authorization: Basic; at most TW_MAX_CREDENTIAL bytes each, no colon in the user. NULL: none
              */
  const char *password;
} tw_proxy;

/* ---- TLS ---- */

/* Options for TLS. Default of each: the host's. Borrowed, with all that it points to, until the handle
 * and all that it accepted are closed: reconnecting uses it again. Make it static. PEM texts are terminated. An
 * option that the host lacks is refused with TW_ERR_UNSUPPORTED. Without options a client verifies the server by the
 * authorities that the host trusts. */
typedef struct tw_tls_options {
  const char *ca;          /* PEM: the authorities to trust instead of the host's */
  const char *cert;        /* PEM: our certificate and those between it and its authority. A server needs one */
  const char *key;         /* PEM: its private key */
  const char *passphrase;  /* what the key is encrypted with */
  const char *servername;  /* the name to ask for (SNI) and to verify, if not the one connected to */
  const char *const *alpn; /* protocols to offer or accept, in order of preference, RFC 7301; the list ends with NULL */
  const char *pin;         /* SHA-256 of the peer's certificate, in hex with or without colons: checked as well */
  bool accept_any;         /* accept any certificate of the server: only the pin is checked */
  bool request_cert;       /* a server asks its clients for a certificate, and verifies it */
  bool tls13_only;         /* speak nothing older than TLS 1.3; else TLS 1.2 is the oldest */
} tw_tls_options;

#ifdef __cplusplus
}

/* C++ has no _Generic; one overload an event does the same. */
#define TW_OVERLOAD(api, all, type, shape)                                                                             \
  inline int32_t tw_##api##_on(int32_t handle, const char *event, void (*listener)(const type *, void *), void *ctx) { \
    return tw_handles_on(all, handle, event, shape, reinterpret_cast<tw_listener>(listener), ctx);                     \
  }                                                                                                                    \
  inline int32_t tw_##api##_on(int32_t handle, void (*listener)(const type *, void *), void *ctx) {                    \
    return tw_handles_on(all, handle, nullptr, shape, reinterpret_cast<tw_listener>(listener), ctx);                   \
  }                                                                                                                    \
  inline int32_t tw_##api##_off(int32_t handle, const char *event, void (*listener)(const type *, void *),             \
                                void *ctx) {                                                                           \
    return tw_handles_off(all, handle, event, shape, reinterpret_cast<tw_listener>(listener), ctx);                    \
  }                                                                                                                    \
  inline int32_t tw_##api##_off(int32_t handle, void (*listener)(const type *, void *), void *ctx) {                   \
    return tw_handles_off(all, handle, nullptr, shape, reinterpret_cast<tw_listener>(listener), ctx);                  \
  }
#endif
#endif
