/* module.h: the POSIX host as a module of Node: what its files share. One module is one host, so its state is global.
 */
#ifndef TW_TEST_PORT_H
#define TW_TEST_PORT_H

#include <node_api.h>
#include <uv.h>

#include "posix.h"

enum { SOCKETS = 8192, ARENA = 128 << 20, RX = 65536, TEXT = 1024 };

/* What a core and its handles know of a socket. */
typedef struct slot {
  int32_t handle; /* 0: free */
  uint16_t generation;
  bool accepted;
  tw_keep_alive keep_alive;
  tw_tls_options *tls;
} slot;

struct port_module {
  napi_env env;
  napi_ref deliver;
  napi_async_context context;
  slot slots[SOCKETS];
  uint32_t next; /* where the search for a free slot begins */
  uint8_t *rx;
  char from[TW_MAX_ADDRESS + 1];
  int32_t listener; /* that has accepted, and what */
  int32_t accepted;
  uint64_t wake_at; /* 0: never */
  bool later;
  bool later_is_due; /* an iteration is about to poll */
  uint32_t delivered;
  uv_poll_t poll;
  uv_timer_t timer;
  bool inside; /* an iteration is under way: what it changes is looked at behind it */
};

extern struct port_module stub;

/* ---- deliver.c ---- */

napi_value number(double value);
napi_value text_of(const char *text, size_t size);

/* Calls deliver(what, handle, a, b) of JavaScript, without the arguments that are NULL. Returns whether it answered
 * with true. */
bool deliver(const char *what, int32_t handle, napi_value a, napi_value b);
bool deliver_number(const char *what, int32_t handle, double value);

/* ---- core.c ---- */

slot *slot_of(int32_t handle);

/* Returns a handle that is not in use, or TW_ERR_LIMIT. */
int32_t new_handle(bool accepted);
void free_handle(int32_t handle);
void free_tls(tw_tls_options *tls);

/* ---- calls.c ---- */

/* Adds the calls to what the module exports. */
void add_calls(napi_env env, napi_value exports);

/* ---- port.c ---- */

/* Sets the timer of the loop after a call that may have changed when the host is due. */
void arm(void);

/* start(deliver): starts the host; returns the memory into which is received. */
napi_value js_start(napi_env env, napi_callback_info info);

#endif
