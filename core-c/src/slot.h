/* slot.h: the slot, which is what the core keeps of one handle, and the table of them (slots.c). */
#ifndef TW_SLOT_H
#define TW_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "src/pool.h"
#include "src/queue.h"
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
  TW_SLOT_HALF_OPEN = 256,   /* the peer's end does not end the connection */
  TW_SLOT_SHUTDOWN = 512,    /* the application sends no more */
  TW_SLOT_FINISHED = 1024,   /* ... and the host was asked to end our half */
  TW_SLOT_TLS = 2048,        /* TLS is wanted */
  TW_SLOT_SECURED = 8192,    /* what passes is protected by it */
  TW_SLOT_UNIX = 16384,      /* a Unix socket: the target is a path */
  TW_SLOT_ACCEPTED = 32768,  /* it came from a listener: it cannot be connected again */
  TW_SLOT_RECEIVING = 65536, /* CLOSING, and what the peer still sends is for the application */
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

/* What a listener grants each peer address (peers.c), and what has become of it. */
typedef struct tw_peer_limits {
  uint32_t connections; /* at the same time; 0: any number, as in the next two */
  uint32_t handshakes;  /* new connections a second */
  uint32_t messages;    /* a second */
  tw_address_stats stats;
} tw_peer_limits;

typedef struct tw_slot tw_slot;
typedef struct tw_protocol_ops tw_protocol_ops; /* protocol.h; so is this */
typedef struct tw_reader_ops tw_reader_ops;

/* How a connection gets to its target if not directly: through a proxy (proto/tunnel), or only to addresses that a
 * policy allows (proto/policy). */
typedef struct tw_route_ops {
  /* The socket is connected. Returns whether the route ends there, and the next phase begins; otherwise it calls
   * twc_advance when it does, or has dropped the connection. Called again when what it noted with twc_tx_owe may fit.
   */
  bool (*begin_route)(tw_core *core, tw_slot *slot);
  /* Whether the host may connect to this literal address, which it has resolved. */
  bool (*permits)(const tw_core *core, const tw_slot *slot, const char *address, uint32_t size);
} tw_route_ops;

typedef struct tw_route {
  const tw_route_ops *ops; /* NULL: the connection is direct, and the rest means nothing */
  tw_chain text;           /* the host to connect to, the target's host if it is another one, what else the ops keep */
  uint8_t host_size;
  uint8_t target_size;
  uint16_t port;
} tw_route;

/* One handle: a socket, or the place of one. What is used most comes first, words before bytes, where devices reach
 * it in short instructions. */
struct tw_slot {
  uint32_t flags;
  const tw_protocol_ops *protocol; /* what it speaks: opening it decides, so an unused protocol is not linked */
  const tw_reader_ops *reader;     /* who reads in its place, or NULL */
  uint32_t raised;
  tw_chain tx;         /* bytes to be sent, in the outbound pool */
  tw_chain target;     /* host name or URL, in the text pool */
  uint32_t unread;     /* bytes received and not yet consumed, if there is a window */
  uint32_t window;     /* bytes that may be received ahead of the application; 0: any number */
  uint32_t refused;    /* bytes of the application's send that was refused; 0: none */
  uint32_t owed;       /* bytes that the protocol itself has to send (twc_tx_owe); 0: none */
  uint32_t unfinished; /* bytes delivered of a message whose end has yet to come */
  uint32_t web_socket; /* 1 + its place in core->web_sockets; 0: none */
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
  uint32_t reader_block; /* of the text pool: the state of the reader, if there is one */
  uint8_t kind;          /* tw_kind, 0: free */
  uint8_t state;         /* twc_state */
  uint8_t phase;         /* tw_phase: how far CONNECTING is; an OPEN stream that begins TLS is in TLS again */
  uint8_t sending;       /* tw_http_sending: the body that is being sent */
  uint16_t generation;   /* of the handle; never 0 once used */
  uint16_t port;         /* of the target */
  int16_t deferred; /* the end by the peer that is to take effect (twc_life_defer): an error, TW_DEFERRED_CLOSE, or 0 */
  uint8_t delay_count;
  uint8_t delay_index; /* the delay that comes next */
  uint32_t next_free;
  tw_route route;
  tw_stats stats;
  uint64_t sending_left; /* bytes that Content-Length still promises */
  union {
    uint32_t delays_ms[TW_MAX_DELAYS]; /* of what connects */
    tw_peer_limits per_address;        /* of a listener */
    uint32_t address; /* of an accepted connection: 1 + the place of its peer in core->addresses, or 0 */
  };
};

/* Whether bytes of the application may be queued on a stream. */
static inline bool twc_is_sending(const tw_slot *slot) {
  return slot->state == TW_STATE_OPEN && slot->phase == TW_PHASE_OPEN && (slot->flags & TW_SLOT_SHUTDOWN) == 0;
}

/* The slots of one kind of handle. */
typedef struct tw_slot_range {
  uint32_t first_free; /* that was freed first, and is reused first */
  uint32_t last_free;
  uint32_t free;  /* number of them */
  uint32_t fresh; /* the first one that was never used */
  uint32_t end;   /* past the last one */
} tw_slot_range;

void twc_slots_init(tw_core *core);

/* Timers of a slot, by number: its life, a deadline for each direction (tw_deadline), and bytes that wait. */
enum { TW_TIMER_LIFE = 0, TW_TIMER_STALL = 3, TW_TIMERS_PER_SLOT };

/* Prepares what belongs to a slot in queues and timers, before its first use (layout.c). */
void twc_slot_admit(tw_core *core, uint32_t index);

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

#endif
