/* tx.h: bytes to be sent: who may queue how many, and the queues (tx.c). */
#ifndef TW_TX_H
#define TW_TX_H

#include <stdbool.h>
#include <stdint.h>

#include "src/slot.h"

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

#endif
