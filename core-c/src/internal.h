/* internal.h: what the parts of the core share. Nothing outside core-c includes it.
 *
 * core.c owns the tw_core, takes the deliveries and is the only caller of the port. calls.c takes the application's
 * calls. A protocol (proto/) is a table of functions that core.c and calls.c call for slots of its kind. */
#ifndef TW_INTERNAL_H
#define TW_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/pool.h"
#include "src/queue.h"
#include "src/timer.h"
#include "twinwire/core.h"

enum { TW_MAX_PORT = 65535 };

/* Bits of tw_slot.raised: lifecycle events that are not records yet, in the order in which they become records. */
enum {
  TW_RAISED_ACCEPTED = 1,
  TW_RAISED_CONNECTED = 2,
  TW_RAISED_SECURED = 4,
  TW_RAISED_DRAIN = 8,
  TW_RAISED_ENDED = 16,
  TW_RAISED_READ_DEADLINE = 32,
  TW_RAISED_WRITE_DEADLINE = 64,
  TW_RAISED_ERROR = 128,
  TW_RAISED_DISCONNECTED = 256,
};

/* Bits of tw_slot.flags. */
enum {
  TW_SLOT_SOCKET = 1,     /* the host holds a socket for it */
  TW_SLOT_WRITING = 2,    /* a write is under way: offer nothing until twc_written */
  TW_SLOT_RELEASED = 4,   /* the application closed it: calls no longer see it */
  TW_SLOT_RECONNECT = 8,  /* connect again after an unexpected end */
  TW_SLOT_CONNECTED = 16, /* it is or was open, and DISCONNECTED has not been raised for that yet; UDP: it has a peer */
  TW_SLOT_PAUSED = 32,    /* the application wants no more bytes for now */
  TW_SLOT_ENDED = 64,     /* the peer ended its half */
  TW_SLOT_STOPPED = 128,  /* the host does not read, at our request */
  TW_SLOT_HALF_OPEN = 256,  /* the peer's end does not end the connection */
  TW_SLOT_SHUTDOWN = 512,   /* the application sends no more */
  TW_SLOT_FINISHED = 1024,  /* ... and the host was asked to end our half */
  TW_SLOT_TLS = 2048,       /* TLS is wanted */
  TW_SLOT_SECURED = 8192,   /* what passes is protected by it */
  TW_SLOT_UNIX = 16384,     /* a Unix socket: the target is a path */
  TW_SLOT_ACCEPTED = 32768, /* it came from a listener: it cannot be connected again */
};

enum { TW_DEFERRED_CLOSE = 1 }; /* tw_slot.deferred: the peer sent a close frame */

/* What a connection goes through before it is open, in this order, without the phases that it does not need.
 * twc_advance begins the next one. */
typedef enum tw_phase {
  TW_PHASE_CONNECT,   /* the host connects the socket */
  TW_PHASE_TUNNEL,    /* a proxy is asked for a tunnel */
  TW_PHASE_TUNNELED,  /* it has opened one; our request is still to be written before TLS can begin */
  TW_PHASE_TLS,       /* the TLS handshake */
  TW_PHASE_HANDSHAKE, /* the protocol's own; a stream has none */
  TW_PHASE_OPEN,
} tw_phase;

/* Why an attempt or a connection ended. */
typedef struct tw_end {
  int32_t error;      /* 0: no ERROR event */
  uint32_t step;      /* tw_step of the error */
  uint32_t detail;    /* HTTP status or close code */
  int32_t close_code; /* DISCONNECTED.code */
  bool clean;         /* DISCONNECTED flag CLEAN */
  bool final;         /* do not connect again, whatever the setting */
  bool orderly;       /* close the socket behind what was written, although the end is not clean */
} tw_end;

/* What a listener grants each peer address (peers.c), and what has become of it. */
typedef struct tw_peer_limits {
  uint32_t connections; /* at the same time; 0: any number, as in the next two */
  uint32_t handshakes;  /* new connections a second */
  uint32_t messages;    /* a second */
  tw_address_stats stats;
} tw_peer_limits;

typedef struct tw_slot tw_slot;
typedef struct tw_protocol_ops tw_protocol_ops;
typedef struct tw_reader_ops tw_reader_ops;

/* One handle: a socket, or the place of one. What is used most comes first, where devices reach it in short
 * instructions. */
struct tw_slot {
  uint32_t flags;
  const tw_protocol_ops *protocol; /* what it speaks: opening it decides, so an unused protocol is not linked */
  const tw_reader_ops *reader;     /* who reads in its place, or NULL */
  uint32_t raised;
  tw_chain tx;                                  /* bytes to be sent, in the outbound pool */
  tw_chain target;                              /* host name or URL, in the text pool */
  uint32_t unread;                              /* bytes received and not yet consumed, if there is a window */
  uint32_t window;                              /* bytes that may be received ahead of the application; 0: any number */
  uint32_t refused;                             /* bytes of the application's send that was refused; 0: none */
  uint32_t owed;                                /* bytes that the protocol itself has to send (twc_tx_owe); 0: none */
  uint32_t unfinished;                          /* bytes delivered of a message whose end has yet to come */
  void (*tunnel)(tw_core *core, tw_slot *slot); /* asks a proxy for one once the socket is connected; NULL: no proxy */
  uint32_t web_socket;                          /* 1 + its place in core->web_sockets; 0: none */
  uint8_t kind;                                 /* tw_kind, 0: free */
  uint8_t state;                                /* twc_state */
  uint8_t phase;       /* tw_phase: how far CONNECTING is; an OPEN stream that begins TLS is in TLS again */
  uint8_t sending;     /* tw_http_sending: the body that is being sent */
  uint16_t generation; /* of the handle; never 0 once used */
  uint16_t port;       /* of the target */
  int16_t deferred; /* the end by the peer that is to take effect (twc_life_defer): an error, TW_DEFERRED_CLOSE, or 0 */
  uint8_t delay_count;
  uint8_t delay_index; /* the delay that comes next */
  uint32_t took_at;    /* ms, in 32 bits: when the host took bytes last, or they began to wait */
  int32_t error;       /* what ERROR and DISCONNECTED will say */
  uint32_t error_step;
  uint32_t error_detail;
  uint32_t error_retry_ms;
  int32_t end_code;
  uint32_t end_flags;
  uint32_t end_unsent;
  uint32_t end_retry_ms;
  int32_t listener;      /* that accepted it */
  tw_chain reader_state; /* one block of the text pool */
  tw_chain proxy;        /* the proxy's host, the target's host, credentials, in the text pool */
  uint8_t proxy_host_size;
  uint8_t proxy_target_size;
  uint16_t proxy_port;
  uint32_t next_free;
  tw_stats stats;
  uint64_t sending_left; /* bytes that Content-Length still promises */
  union {
    uint32_t delays_ms[TW_MAX_DELAYS]; /* of what connects */
    tw_peer_limits per_address;        /* of a listener */
    uint32_t address; /* of an accepted connection: 1 + the place of its peer in core->addresses, or 0 */
  };
};

/* The slots of one kind of handle. */
typedef struct tw_slot_range {
  uint32_t first_free; /* that was freed first, and is reused first */
  uint32_t last_free;
  uint32_t free;  /* number of them */
  uint32_t fresh; /* the first one that was never used */
  uint32_t end;   /* past the last one */
} tw_slot_range;

/* A protocol's answers to what happens on a slot of its kind. */
struct tw_protocol_ops {
  int32_t (*start)(tw_core *core, tw_slot *slot);  /* begin an attempt: open the socket. 0 or an error */
  void (*connected)(tw_core *core, tw_slot *slot); /* the socket is connected */
  /* Consumes from `data` while twc_events_room is left; returns how much. */
  uint32_t (*received)(tw_core *core, tw_slot *slot, uint8_t *data, uint32_t size);
  void (*ended)(tw_core *core, tw_slot *slot);
  /* The socket is gone. `step`: what was being done, if the connection was open. */
  void (*closed)(tw_core *core, tw_slot *slot, int32_t error, uint32_t step);
  void (*flushed)(tw_core *core, tw_slot *slot); /* CLOSING, and all that was queued is written */
  void (*room)(tw_core *core, tw_slot *slot);    /* what twc_tx_owe noted may fit now */
  void (*expired)(tw_core *core, tw_slot *slot); /* its timer fired */
  void (*close)(tw_core *core, tw_slot *slot);   /* the application closes it (RELEASED is set) */
  /* Carries out an end that twc_life_defer deferred for the reason `why`; moves an OPEN slot to CLOSING or drops it. */
  void (*end)(tw_core *core, tw_slot *slot, int32_t why);
  void (*retired)(tw_core *core, tw_slot *slot); /* give back what the protocol holds for the slot */
};

/* Reads a stream's bytes in place of its protocol for a while: a proxy's answer, an HTTP message. */
struct tw_reader_ops {
  uint32_t (*received)(tw_core *core, tw_slot *slot, uint8_t *data, uint32_t size); /* as a protocol's */
  void (*ended)(tw_core *core, tw_slot *slot); /* the stream ended in order; the protocol's `ended` is called next */
};

/* Takes what protocols keep beside the slots; protocols.c. */
void twc_protocols_lay_out(tw_core *core, const tw_limits *limits, tw_arena *arena);

typedef struct tw_ws tw_ws; /* proto/ws/ws.h; so are these two */
typedef struct tw_ws_deflate_ops tw_ws_deflate_ops;
typedef struct tw_ws_heartbeat_ops tw_ws_heartbeat_ops;
typedef struct tw_address tw_address; /* src/peers.h */
typedef struct tw_peer_ops tw_peer_ops;

struct tw_core {
  void *host;
  uint8_t *arena;
  tw_slot *slots; /* limits.sockets of them, then limits.webSockets */
  uint32_t slot_count;
  uint64_t now; /* ms since twc_init, from the ticks */
  tw_limits limits;
  uint8_t *rx;
  char *rx_address;
  uint8_t *stage;
  tw_event *events;
  uint32_t event_count;
  bool events_sealed;
  bool network_down; /* twc_network */
  bool waking;       /* those in `starved` are being woken */
  tw_pool tx_pool;
  uint32_t tx_reserve;   /* blocks of it that only the core itself may take */
  uint32_t tx_granted;   /* blocks for which DRAIN was raised since the application could last send */
  uint32_t starved_need; /* free blocks that the least of those in `starved` waits for */
  uint32_t unfinished;   /* bytes of unfinished messages, of all slots */
  tw_pool text_pool;
  /* What the call that asks for it brings along: a program that never asks is linked without. */
  const tw_ws_deflate_ops *deflate;
  const tw_ws_heartbeat_ops *heartbeat;
  const tw_peer_ops *peers;
  tw_address *addresses; /* limits.addresses of them, once `peers` is set */
  uint64_t address_seed;
  tw_ws *web_sockets; /* limits.webSockets of them, twc_ws_take */
  uint32_t free_ws;   /* the first free one, and the first never used */
  uint32_t fresh_ws;
  tw_slot_range socket_slots;
  tw_slot_range web_socket_slots;
  tw_queue raised;       /* slots with lifecycle events that are not records yet */
  tw_queue dirty;        /* slots with bytes to flush */
  tw_queue starved;      /* slots that were refused for want of blocks */
  tw_queue dead;         /* slots to free before the next records are made */
  tw_queue deferred;     /* slots whose deferred end nothing holds back any more */
  uint32_t deferred_due; /* the last of them that twc_pump may carry out, or TW_QUEUE_END */
  tw_timers timers;
  uint32_t last_tick;
  int32_t rx_handle; /* whose bytes lie in rx, and which of them are left */
  uint32_t rx_at;
  uint32_t rx_end;
  bool rx_again; /* they were handed out before: twc_unread */
  uint32_t random_left;
  uint8_t random[256];
};

/* ---- slots.c ---- */

void twc_slots_init(tw_core *core);

/* Takes a free slot of the kind's range. NULL: none is left. */
tw_slot *twc_slot_take(tw_core *core, uint32_t kind, const tw_protocol_ops *protocol);

/* The slot of a handle in any state, or NULL if the number is stale or foreign. */
tw_slot *twc_slot_find(tw_core *core, int32_t handle);

/* The slot of a handle that the application still owns, of `kind` (0: any); or NULL. */
tw_slot *twc_slot_owned(tw_core *core, int32_t handle, uint32_t kind);

int32_t twc_slot_handle(const tw_core *core, const tw_slot *slot);
uint32_t twc_slot_index(const tw_core *core, const tw_slot *slot);

/* Appends the slot to one of the core's queues, unless it is in it already. */
void twc_slot_queue(tw_core *core, tw_queue *queue, const tw_slot *slot);

/* Frees a slot that was taken but never opened. */
void twc_slot_discard(tw_core *core, tw_slot *slot);

/* Gives its memory back at once and the slot itself once its last records have been drained. */
void twc_slot_retire(tw_core *core, tw_slot *slot);

/* Frees the slots that were retired. */
void twc_slots_sweep(tw_core *core);

/* ---- events.c ---- */

/* Records that can still be made in this drain. */
uint32_t twc_events_room(const tw_core *core);

/* Makes a record (there must be room) with handle and type set and all else 0. */
tw_event *twc_event_make(tw_core *core, const tw_slot *slot, uint32_t type);

/* No more records in this drain: one of them points into memory that the next would overwrite. */
void twc_events_seal(tw_core *core);

/* Notes a lifecycle event; it becomes a record in twc_events_collect, so it can't be lost for want of room. */
void twc_event_raise(tw_core *core, tw_slot *slot, uint32_t raised_bit);
void twc_event_raise_error(tw_core *core, tw_slot *slot, const tw_end *end, uint32_t retry_ms);

/* Makes records of lifecycle events while there is room. */
void twc_events_collect(tw_core *core);

/* ---- tx.c ---- */

/* Once the pool is there. */
void twc_tx_init(tw_core *core);

/* Whether `size` bytes of the application can be queued whole: 0, ERR_TOO_LARGE, or ERR_BACKPRESSURE (DRAIN will be
 * raised). */
int32_t twc_tx_admit(tw_core *core, tw_slot *slot, uint32_t size);

/* As twc_tx_admit, but a refusal is not remembered. */
bool twc_tx_fits(const tw_core *core, const tw_slot *slot, uint32_t size);

/* Whether a pong or a ping of the core itself can be queued: a peer that reads nothing gets no more of them than fill a
 * block, and half of the reserve is left to handshakes and close frames, for which twc_chain_fits decides. */
bool twc_tx_fits_reserve(const tw_core *core, const tw_slot *slot, uint32_t size);

/* Notes that the protocol itself has `size` bytes to send that did not fit: its `room` is called when they may. */
void twc_tx_owe(tw_core *core, tw_slot *slot, uint32_t size);

/* Has the next flush look at the slot, also if nothing is queued. */
void twc_tx_schedule(tw_core *core, const tw_slot *slot);

/* Queues bytes that were admitted. */
void twc_tx_put(tw_core *core, tw_slot *slot, const void *data, uint32_t size);

/* Room for admitted bytes, as twc_chain_extend. */
uint8_t *twc_tx_extend(tw_core *core, tw_slot *slot, uint32_t size, uint32_t *got);

/* Takes written bytes off the queue and raises the DRAINs that follow. */
void twc_tx_wrote(tw_core *core, tw_slot *slot, uint32_t size);

/* All is flushed and the application has had its chance: blocks for which DRAIN was raised and which were not taken go
 * to those that come next. */
void twc_tx_settle(tw_core *core);

/* Drops what is queued; returns how much that was. */
uint32_t twc_tx_drop(tw_core *core, tw_slot *slot);

/* ---- reader.c ---- */

enum { TW_READER_STATE = 64 }; /* bytes of a reader's state: a block of the text pool */

/* From now on `reader` reads the stream. Returns its state, all zero, aligned for any member; NULL: no memory. */
void *twc_reader_begin(tw_core *core, tw_slot *slot, const tw_reader_ops *reader);

void *twc_reader_state(const tw_core *core, const tw_slot *slot);

/* The protocol reads again. Does nothing if it does already. */
void twc_reader_end(tw_core *core, tw_slot *slot);

/* ---- core.c: the port, for protocols ---- */

/* What the slot's phase waited for has come: begins the next one. */
void twc_advance(tw_core *core, tw_slot *slot);

int32_t twc_socket_open(tw_core *core, tw_slot *slot, uint32_t kind, const char *name, uint32_t name_size,
                        uint32_t port);
void twc_socket_close(tw_core *core, tw_slot *slot, uint32_t how);
/* Tells the host to read or not, as the slot's pause and window now want it. */
void twc_socket_update_reading(tw_core *core, tw_slot *slot);
int32_t twc_socket_send_to(tw_core *core, tw_slot *slot, const char *address, uint32_t address_size, uint32_t port,
                           const void *data, uint32_t size);
void twc_socket_shutdown(tw_core *core, tw_slot *slot);
int32_t twc_socket_connect(tw_core *core, tw_slot *slot, const char *address, uint32_t address_size, uint32_t port);
int32_t twc_socket_start_tls(tw_core *core, tw_slot *slot, const char *name, uint32_t name_size);
int32_t twc_socket_address(tw_core *core, const tw_slot *slot, uint32_t which, char *text, uint32_t capacity);

/* Copies `size` (at most 16) fresh random bytes. */
void twc_random_bytes(tw_core *core, void *to, uint32_t size);

/* Whether bytes of the application may be queued on a stream. */
static inline bool twc_is_sending(const tw_slot *slot) {
  return slot->state == TW_STATE_OPEN && slot->phase == TW_PHASE_OPEN && (slot->flags & TW_SLOT_SHUTDOWN) == 0;
}

/* What was being done when a slot that was not open yet failed. */
uint32_t twc_connect_step(const tw_slot *slot);

/* Arms the slot's timer `ms` from now (at least 1, so that a timer set by a timer fires in a later tick). */
void twc_timer_arm(tw_core *core, tw_slot *slot, uint32_t ms);
void twc_timer_disarm(tw_core *core, tw_slot *slot);

/* Arms (`ms` > 0) or disarms a deadline of the slot: TW_DEADLINE_READ or TW_DEADLINE_WRITE. */
void twc_deadline_arm(tw_core *core, tw_slot *slot, uint32_t which, uint32_t ms);

/* Nothing waits to be written any more. */
void twc_stall_disarm(tw_core *core, tw_slot *slot);

/* ---- text in the text pool ---- */

/* Appends to a chain of the text pool; false, with nothing changed, if it does not fit. */
bool twc_text_put(tw_core *core, tw_chain *chain, const void *text, uint32_t size);

/* Whether so many bytes fit into a new chain of the text pool. */
bool twc_text_fits(const tw_core *core, uint32_t size);

/* Whether a name or an address may go to the host's resolver: what no resolver takes is refused here. */
bool twc_text_is_host(const char *host, uint32_t size);

/* Whether it may be the path of a Unix socket. */
bool twc_text_is_path(const char *path, uint32_t size);

/* Writes a number in decimal (at most 10 digits) and returns their number. */
uint32_t twc_text_decimal(char *to, uint32_t number);

#endif
