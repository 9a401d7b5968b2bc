/* state.h: the core's state, all of it. */
#ifndef TW_STATE_H
#define TW_STATE_H

#include "src/queue.h"
#include "src/slot.h"
#include "src/timer.h"

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
  /* Reports what came of the answer to a handshake. */
  void (*report_head)(tw_core *core, const tw_slot *slot, const uint8_t *from, const uint8_t *to, bool whole);
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

#endif
