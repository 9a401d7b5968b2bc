/* peers.h: what a listener grants each peer address. */
#ifndef TW_PEERS_H
#define TW_PEERS_H

#include "src/internal.h"

/* A peer address that a listener with limits has seen. */
struct tw_address {
  uint64_t prefix;          /* an IPv4 address, or the first 64 bits of an IPv6 address */
  int32_t listener;         /* 0: the entry is unused */
  uint32_t connections;     /* now */
  uint32_t refilled_at;     /* ms, in 32 bits */
  uint32_t handshakes_left; /* in thousandths */
  uint32_t messages_left;
  uint32_t handshakes; /* a second, 0: any number */
  uint32_t messages;
};

/* In core->peers once a listener has limits. */
struct tw_peer_ops {
  /* The socket of an accepted connection is there. False: it was refused, and its slot is gone. */
  bool (*admit)(tw_core *core, tw_slot *slot);
  /* A message begins. False: it is one too many. */
  bool (*message)(tw_core *core, const tw_slot *slot);
  /* The connection has ended. */
  void (*left)(tw_core *core, tw_slot *slot);
};

#endif
