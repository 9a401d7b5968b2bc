/* life.h: the life of an outgoing connection, for TCP and for all that runs over it.
 *
 *   open -> CONNECTING -> OPEN -> CLOSING -> gone            the application closed it
 *              |  ^         |        |
 *              |  |         |        +----> (as below)       an end by the peer, once all queued bytes are written
 *              v  |         v
 *            WAITING <------+                                it dropped, and is to be connected again
 *              |            |
 *              +--> CLOSED <+                                it dropped, for good; the slot stays until close
 *
 * enter() in life.c is the only place that assigns a state. */
#ifndef TW_LIFE_H
#define TW_LIFE_H

#include "src/internal.h"

/* Begins the first attempt. Returns the handle; or the error, with the slot freed again. */
int32_t twc_life_open(tw_core *core, tw_slot *slot);

/* Begins the life of a connection that a listener accepted. */
void twc_life_accepted(tw_core *core, tw_slot *slot);

/* The connection is ready for the application: OPEN, and a CONNECTED event. */
void twc_life_ready(tw_core *core, tw_slot *slot);

/* From now on only what is queued is written, within closeTimeoutMs: CLOSING. */
void twc_life_closing(tw_core *core, tw_slot *slot);

/* The connection or the attempt is over; closes the socket if there still is one, orderly after a clean end. Raises
 * ERROR and DISCONNECTED as documented in abi.def, and arms the next attempt if there is to be one. */
void twc_life_drop(tw_core *core, tw_slot *slot, const tw_end *end);

/* Defers the end of a connection: an answer belongs before the close. The protocol's `end` is called with `why` (an
 * error or TW_DEFERRED_CLOSE) by twc_pump, after the application has drained all records in front of it, has consumed
 * them if it has a window, and the loop iteration in which it did so is over (twc_flush marks that). It waits for a
 * paused application and for a refused send, too, but never longer than closeTimeoutMs. Meanwhile the connection is
 * OPEN for the application. */
void twc_life_defer(tw_core *core, tw_slot *slot, int32_t why);

/* Queues the slot's deferred end, if it has one that nothing holds back any more. To be called when what may hold it
 * back has changed. Returns whether a flush is due for it: 1 or 0. */
int32_t twc_life_review(tw_core *core, tw_slot *slot);

/* Carries out the deferred ends that are due, while there is room for records. */
void twc_life_carry_out(tw_core *core);

/* The delay before the next attempt if the connection dropped now, or TW_FOREVER. */
uint32_t twc_life_retry_ms(const tw_slot *slot, bool final);

/* The slot's timer fired: begins the next attempt if it was waiting for that, else drops with `timeout`. */
void twc_life_expired(tw_core *core, tw_slot *slot, const tw_end *timeout);

/* The application has closed the handle and there is nothing to wait for. */
void twc_life_close(tw_core *core, tw_slot *slot, int32_t close_code);

/* The network has gone or is usable (core->network_down): those that wait for their next attempt go on waiting, or make
 * it with the next tick. */
void twc_life_network(tw_core *core);

/* Gives up waiting for the next attempt: reconnecting was switched off. */
void twc_life_stop_waiting(tw_core *core, tw_slot *slot);

#endif
