/* engine.h: what the calls that wait need of a host: a thread or task of its own that runs a loop of the event API, and
 * a way for other threads to wait for it. A host supplies the first part in a file of its own
 * (adapters/posix/engine.c); the second part is what it calls on the engine's thread.
 *
 * A call is a record on the stack of the thread that waits. Whatever it asks for is done on the engine's thread, so
 * nothing but the hand-over needs a lock. */
#ifndef TW_WAIT_ENGINE_H
#define TW_WAIT_ENGINE_H

#include "twinwire/conn.h"

typedef struct tw_call tw_call;

/* What a host adds to a call. Guarded by the host's lock. */
typedef struct tw_call_wait {
  tw_call *next;      /* in the inbox */
  tw_call *next_late; /* in the list of those whose time is over */
  void *waiter;       /* the host's: how to wake the thread */
  uint64_t due;       /* when its time is over, by tw_engine_now; 0: never */
  bool done;
  bool late; /* it is in that list */
} tw_call_wait;

struct tw_call {
  tw_call_wait wait;
  /* Begins on the engine's thread: ends with tw_call_finish, or puts the call where it waits for an event. */
  void (*begin)(tw_call *call);
  /* Takes a waiting call from where it is, and finishes it. Called on the engine's thread. */
  void (*give_up)(tw_call *call, int32_t error);
  const char *name; /* of the function, for messages */
  int32_t handle;
  int32_t result;
  /* Arguments, and what becomes of them. */
  const char *network;
  const char *address;
  const void *options;
  const void *data;
  char *text;
  void *buffer;
  size_t size; /* of data or buffer */
  size_t at;   /* bytes that are done */
  size_t capacity;
  uint32_t ms;
  uint32_t which;
  bool all;
  void (*handler)(int32_t conn, void *ctx);
  void *ctx;
  tw_call *next;      /* that waits for the same */
  const char *reason; /* what a message says instead of the error's text */
  char target[TW_MAX_PATH + 1];
};

/* ---- Supplied by the host ---- */

/* Hands a call to the engine's thread, which it starts if it has never run, and waits until the call is finished.
 * Returns call->result; TW_ERR_STATE if this thread must not wait, or the engine was stopped (call->reason says which);
 * or why the engine can't start. */
int32_t tw_engine_call(tw_call *call);

/* Wakes the thread of a call; the record is not to be touched after it. On the engine's thread. */
void tw_engine_finish(tw_call *call);

/* The call goes on waiting until `due` (0: without bound); then its give_up is called with TW_ERR_DEADLINE. On the
 * engine's thread. */
void tw_engine_wait_until(tw_call *call, uint64_t due);

/* Milliseconds of a monotonic clock, never 0. */
uint64_t tw_engine_now(void);

/* Runs `run` on a new thread. Returns 0 or an error. */
int32_t tw_engine_spawn(void (*run)(void *ctx), void *ctx);

/* Whether this thread may wait: it is not in an iteration of a loop of its own. */
bool tw_engine_may_wait(void);

/* Looks a name up on this thread's behalf, for at most `ms`. Returns the bytes of the address, or an error. */
int32_t tw_engine_resolve(const char *host, uint32_t ms, char *ip, size_t capacity);

/* ---- Called by the host, on the engine's thread ---- */

enum { TW_ENGINE_SOCKETS = 4096, TW_ENGINE_MAX_SOCKETS = 16384, TW_ENGINE_SEND_BUFFER = 65536 };

/* Fills in the limits of an engine with so many sockets. */
void tw_engine_limits(tw_limits *limits, uint32_t sockets);

/* Makes ready for an engine that has just started. Returns 0 or TW_ERR_MEMORY. */
int32_t tw_engine_begin(uint32_t sockets);

/* After each iteration of the loop, when what was queued has been offered to the system. */
void tw_engine_settle(void);

/* The loop is about to end: ends all calls that wait, and closes all sockets. */
void tw_engine_end(void);

#endif
