/* wait.h: what the files of the calls that wait share. All but the functions of failure.c belong to the engine's
 * thread. */
#ifndef TW_WAIT_WAIT_H
#define TW_WAIT_WAIT_H

#include "engine.h"
#include "twinwire/core.h"

enum { TW_WINDOW = 65536, TW_MAX_WINDOW = 0x40000000, TW_LONGEST_MS = 0x7fffffff, TW_DAY_MS = 86400000 };

/* Bytes in the order in which they came. */
typedef struct tw_bytes {
  uint8_t *room;
  size_t capacity;
  size_t at;
  size_t size;
} tw_bytes;

/* Calls in the order in which they came. */
typedef struct tw_calls {
  tw_call *first;
  tw_call **last;
} tw_calls;

/* How long calls of one direction may wait. */
typedef struct tw_patience {
  uint64_t deadline; /* an instant, 0: none */
  uint32_t timeout_ms;
} tw_patience;

typedef struct tw_datagram {
  struct tw_datagram *next;
  uint32_t size;
  char from[TW_MAX_ADDRESS + 1];
  uint8_t data[];
} tw_datagram;

typedef enum tw_object_kind { TW_OBJECT_STREAM = 1, TW_OBJECT_LISTENER = 2, TW_OBJECT_UDP = 4 } tw_object_kind;

/* What a number stands for. */
typedef struct tw_object {
  int32_t handle; /* of the engine's loop: the number itself */
  uint8_t kind;   /* tw_object_kind */
  bool nonblocking;
  bool open;     /* it has been connected, or listens */
  bool ended;    /* the peer ended its half */
  bool over;     /* the connection has ended, with `error` */
  bool shut;     /* our half has ended */
  bool secure;   /* TLS protects it */
  bool settling; /* it is in the list of tw_engine_settle */
  bool has_peer; /* UDP that was dialled */
  int32_t error;
  uint32_t window;
  tw_patience read;
  tw_patience write;
  tw_call *opener; /* that waits until it is open or secured */
  tw_call *reader;
  tw_call *writer;
  struct tw_object *next_settling;
  tw_bytes received;
  size_t returned; /* of them, bytes that had been read and were given back */
  /* A listener's. */
  tw_calls acceptors;
  int32_t *ready; /* connections that wait to be accepted: a ring */
  uint32_t ready_at;
  uint32_t ready_count;
  uint32_t pending; /* connections that are not open yet */
  uint32_t backlog;
  uint32_t handlers; /* that may run, and that do */
  uint32_t running;
  void (*handler)(int32_t conn, void *ctx);
  void *handler_ctx;
  tw_keep_alive keep_alive;
  int32_t listener; /* an accepted connection's that is not open yet */
  /* A connection that is kept for another request. */
  char *kept_for; /* what it can be used for; NULL: it is not kept */
  struct tw_object *next_kept;
  /* A UDP socket's. */
  tw_datagram *first_datagram;
  tw_datagram **last_datagram;
  size_t datagram_bytes;
  char target[TW_MAX_PATH + 1]; /* for messages: the address that was dialled, the peer's, or where it listens */
} tw_object;

/* ---- failure.c: on the thread that called ---- */

/* Notes why a function failed, for tw_last_error_message, and returns `error`. Texts may be NULL. */
int32_t tw_fail(const char *name, const char *target, int32_t error, const char *reason);

/* Hands a call to the engine and notes its failure. */
int32_t tw_call_run(tw_call *call);

/* ---- call.c ---- */

/* Finishes a call. `object` may be NULL; a failure's message names it. */
void tw_call_finish(tw_call *call, const tw_object *object, int32_t result);

/* As tw_call_finish, with what a message says instead of the error's text. */
void tw_call_refuse(tw_call *call, const tw_object *object, int32_t error, const char *reason);

/* Lets a call wait as long as `patience` allows. */
void tw_call_wait_for(tw_call *call, const tw_patience *patience);

/* Whether the deadline has passed. */
bool tw_patience_over(const tw_patience *patience);

void tw_calls_add(tw_calls *calls, tw_call *call);
tw_call *tw_calls_take(tw_calls *calls);
void tw_calls_remove(tw_calls *calls, tw_call *call);

/* ---- table.c ---- */

/* Makes an object for a handle of the engine's loop; NULL: no memory. */
tw_object *tw_object_new(int32_t handle, tw_object_kind kind, const char *target);

/* The object of a number; NULL: there is none of these kinds. */
tw_object *tw_object_find(int32_t handle, uint32_t kinds);

/* As tw_object_find for a call, which is finished with TW_ERR_HANDLE if there is none. */
tw_object *tw_object_of(tw_call *call, uint32_t kinds);

/* Closes the handle, ends the calls that wait with `error`, and frees the object. */
void tw_object_close(tw_object *object, int32_t error, const char *reason);

/* Has tw_engine_settle look at it. */
void tw_object_settle(tw_object *object);

/* The engine's core, for calls of the core interface. */
tw_core *tw_engine_core(void);

/* ---- bytes.c ---- */

/* Appends; false: no memory, and nothing was. */
bool tw_bytes_add(tw_bytes *bytes, const void *data, size_t size);

/* Puts bytes in front of the others; false: no memory. */
bool tw_bytes_give_back(tw_bytes *bytes, const void *data, size_t size);

/* Moves `size` bytes, which must be there, to `to`. */
void tw_bytes_take(tw_bytes *bytes, void *to, size_t size);
void tw_bytes_free(tw_bytes *bytes);

/* ---- address.c ---- */

typedef struct tw_host_port {
  char host[TW_MAX_HOST + 1];
  int32_t port;
} tw_host_port;

/* Splits "host:port" or "[ipv6]:port"; returns 0, TW_ERR_ARGUMENT or TW_ERR_PORT. */
int32_t tw_address_split(const char *address, tw_host_port *to);

/* Writes the address with its name looked up, for datagrams, which need a literal one. On the thread that calls.
 * Returns 0 or an error, which is noted. */
int32_t tw_address_literal(const char *name, const char *address, char *text, size_t capacity);

/* Copies a text, cut to the room. */
void tw_copy_text(char *to, size_t capacity, const char *text);

/* ---- open.c, stream.c, stream_read.c, stream_write.c, listener.c, datagram.c ---- */

/* Registers for all events of an object. Returns 0 or an error. */
int32_t tw_stream_watch(tw_object *object);
int32_t tw_udp_watch(tw_object *object);

/* Goes on with what waits: something came, there is room, it is over. */
void tw_stream_read_on(tw_object *object);
void tw_stream_write_on(tw_object *object);
void tw_stream_settle(tw_object *object);

/* Returns why nothing can be written, with a reason in words or NULL; 0: it can. */
int32_t tw_stream_unwritable(tw_object *object, const char **reason);
void tw_udp_read_on(tw_object *object);
void tw_udp_write_on(tw_object *object);
void tw_udp_begin_read(tw_object *object, tw_call *call);
void tw_udp_begin_write(tw_object *object, tw_call *call);

/* Begin calls that read and write: of the kinds `which`. */
void tw_begin_read(tw_call *call);
void tw_begin_write(tw_call *call);
void tw_udp_free(tw_object *object);

/* ---- http_pool.c ---- */

/* Closes a connection that is kept; false: it is not. */
bool tw_pool_drop(tw_object *object);

/* Takes a connection, which is being closed or used, out of those that are kept. */
void tw_pool_forget(tw_object *object);

/* ---- listener.c, open.c ---- */

/* A listener's event. */
void tw_listener_on_accepted(const NetAccepted *e, void *ctx);

/* A connection that a listener accepted is open, or (`error`) will not be. */
void tw_listener_settled(tw_object *conn, int32_t error);
void tw_listener_free(tw_object *object);

/* The give_up of a call that waits for opening. */
void tw_open_give_up(tw_call *call, int32_t error);

#endif
