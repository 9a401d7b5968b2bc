/* protocol.h: what a protocol is to the core: functions that it calls for the slots of a kind; and those who read in
 * its place. */
#ifndef TW_PROTOCOL_H
#define TW_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#include "src/arena.h"
#include "src/slot.h"

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

/* Takes what protocols keep beside the slots; protocols.c. */
void twc_protocols_lay_out(tw_core *core, const tw_limits *limits, tw_arena *arena);

/* Reads a stream's bytes in place of its protocol for a while: a proxy's answer, an HTTP message. */
struct tw_reader_ops {
  uint32_t (*received)(tw_core *core, tw_slot *slot, uint8_t *data, uint32_t size); /* as a protocol's */
  void (*ended)(tw_core *core, tw_slot *slot); /* the stream ended in order; the protocol's `ended` is called next */
};

/* ---- reader.c ---- */

enum { TW_READER_STATE = 64 }; /* bytes of a reader's state: a block of the text pool */

/* From now on `reader` reads the stream. Returns its state, all zero, aligned for any member; NULL: no memory. */
void *twc_reader_begin(tw_core *core, tw_slot *slot, const tw_reader_ops *reader);

void *twc_reader_state(const tw_core *core, const tw_slot *slot);

/* The protocol reads again. Does nothing if it does already. */
void twc_reader_end(tw_core *core, tw_slot *slot);

#endif
