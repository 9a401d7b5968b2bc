/* socket.h: the port, as protocols use it: sockets, phases, timers, random bytes (core.c). */
#ifndef TW_SOCKET_H
#define TW_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "src/slot.h"

/* What the slot's phase waited for has come: begins the next one. */
void twc_advance(tw_core *core, tw_slot *slot);

int32_t twc_socket_open(tw_core *core, tw_slot *slot, uint32_t kind, const char *name, uint32_t name_size,
                        uint32_t port);
void twc_socket_close(tw_core *core, tw_slot *slot, uint32_t how);
/* Asks the host to read or not, as the slot's pause and window now want it. */
void twc_socket_update_reading(tw_core *core, tw_slot *slot);
int32_t twc_socket_send_to(tw_core *core, tw_slot *slot, const char *address, uint32_t address_size, uint32_t port,
                           const void *data, uint32_t size);
void twc_socket_shutdown(tw_core *core, tw_slot *slot);
int32_t twc_socket_connect(tw_core *core, tw_slot *slot, const char *address, uint32_t address_size, uint32_t port);
int32_t twc_socket_start_tls(tw_core *core, tw_slot *slot, const char *name, uint32_t name_size);
int32_t twc_socket_address(tw_core *core, const tw_slot *slot, uint32_t which, char *text, uint32_t capacity);

/* Copies `size` (at most 16) fresh random bytes. */
void twc_random_bytes(tw_core *core, void *to, uint32_t size);

/* What was being done when a slot that was not open yet failed. */
uint32_t twc_connect_step(const tw_slot *slot);

/* Arms the slot's timer `ms` from now (at least 1, so that a timer set by a timer fires in a later tick). */
void twc_timer_arm(tw_core *core, tw_slot *slot, uint32_t ms);
void twc_timer_disarm(tw_core *core, tw_slot *slot);

/* Arms (`ms` > 0) or disarms a deadline of the slot: TW_DEADLINE_READ or TW_DEADLINE_WRITE. */
void twc_deadline_arm(tw_core *core, tw_slot *slot, uint32_t which, uint32_t ms);

/* Nothing waits to be written any more. */
void twc_stall_disarm(tw_core *core, tw_slot *slot);

#endif
