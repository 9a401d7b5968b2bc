/* slots.c: the table of handles. A handle is a slot's index below and the slot's generation above, so a number that was
 * used before its slot was freed is recognised as stale. */
#include <string.h>

#include "src/internal.h"

enum { INDEX_BITS = 15 };
_Static_assert(TW_HANDLE_INDEX == (1 << INDEX_BITS) - 1, "the index is the lower bits");
#define NO_SLOT UINT32_MAX

/* A number is valid again once its slot was taken 65,535 times: a slot is reused as late as possible, but not so late
 * that all of the table is touched by a program that opens one connection after the other. */
enum { REST = 256 };

static tw_slot_range *range_of(tw_core *core, uint32_t index) {
  return index >= core->limits.sockets ? &core->web_socket_slots : &core->socket_slots;
}

void twc_slots_init(tw_core *core) {
  core->free_ws = NO_SLOT;
  core->socket_slots = (tw_slot_range){.first_free = NO_SLOT, .end = core->limits.sockets};
  core->web_socket_slots =
      (tw_slot_range){.first_free = NO_SLOT, .fresh = core->limits.sockets, .end = core->slot_count};
}

/* Slots that were never taken have never been written to, so that room for many costs nothing. */
static uint32_t take_index(tw_core *core, uint32_t kind) {
  tw_slot_range *range = kind == TW_KIND_WS ? &core->web_socket_slots : &core->socket_slots;
  if (range->fresh < range->end && range->free < REST) {
    memset(&core->slots[range->fresh], 0, sizeof *core->slots);
    twc_slot_admit(core, range->fresh);
    return range->fresh++;
  }
  uint32_t index = range->first_free;
  if (index != NO_SLOT) {
    range->first_free = core->slots[index].next_free;
    range->free--;
  }
  return index;
}

tw_slot *twc_slot_take(tw_core *core, uint32_t kind, const tw_protocol_ops *protocol) {
  uint32_t index = take_index(core, kind);
  if (index == NO_SLOT) {
    twc_slots_sweep(core); /* those that only wait for their last records to be read */
    index = take_index(core, kind);
  }
  if (index == NO_SLOT)
    return NULL;
  tw_slot *slot = &core->slots[index];
  uint16_t generation = (uint16_t)(slot->generation + 1u);
  *slot = (tw_slot){.generation = generation == 0 ? 1 : generation,
                    .kind = (uint8_t)kind,
                    .protocol = protocol,
                    .delay_count = 1,
                    .delays_ms = {1000}};
  twc_chain_init(&slot->route.text);
  twc_chain_init(&slot->target);
  twc_chain_init(&slot->tx);
  return slot;
}

uint32_t twc_slot_index(const tw_core *core, const tw_slot *slot) { return (uint32_t)(slot - core->slots); }

void twc_slot_queue(tw_core *core, tw_queue *queue, const tw_slot *slot) {
  twc_queue_push(queue, twc_slot_index(core, slot));
}

int32_t twc_slot_handle(const tw_core *core, const tw_slot *slot) {
  return (int32_t)((uint32_t)slot->generation << INDEX_BITS | twc_slot_index(core, slot));
}

tw_slot *twc_slot_find(tw_core *core, int32_t handle) {
  if (handle <= 0)
    return NULL;
  uint32_t index = (uint32_t)handle & TW_HANDLE_INDEX;
  if (index >= core->slot_count || index >= range_of(core, index)->fresh)
    return NULL;
  tw_slot *slot = &core->slots[index];
  if (slot->kind == 0 || slot->generation != (uint32_t)handle >> INDEX_BITS)
    return NULL;
  return slot;
}

tw_slot *twc_slot_owned(tw_core *core, int32_t handle, uint32_t kind) {
  tw_slot *slot = twc_slot_find(core, handle);
  if (slot == NULL || (slot->flags & TW_SLOT_RELEASED) != 0)
    return NULL;
  return kind == 0 || slot->kind == kind ? slot : NULL;
}

static void slot_free(tw_core *core, tw_slot *slot) {
  uint32_t index = twc_slot_index(core, slot);
  twc_chain_clear(&core->text_pool, &slot->target);
  slot->kind = 0;
  slot->state = TW_STATE_FREE;
  slot->next_free = NO_SLOT;
  tw_slot_range *range = range_of(core, index);
  if (range->first_free == NO_SLOT)
    range->first_free = index;
  else
    core->slots[range->last_free].next_free = index;
  range->last_free = index;
  range->free++;
}

/* All but the slot itself. A reader has ended before: twc_life_drop. */
static void give_back(tw_core *core, tw_slot *slot) {
  twc_timer_disarm(core, slot);
  twc_deadline_arm(core, slot, TW_DEADLINE_READ, 0);
  twc_deadline_arm(core, slot, TW_DEADLINE_WRITE, 0);
  twc_tx_drop(core, slot);
  twc_chain_clear(&core->text_pool, &slot->route.text);
  slot->protocol->retired(core, slot);
}

void twc_slot_discard(tw_core *core, tw_slot *slot) {
  give_back(core, slot);
  slot_free(core, slot);
}

void twc_slot_retire(tw_core *core, tw_slot *slot) {
  give_back(core, slot);
  slot->flags |= TW_SLOT_RELEASED;
  twc_slot_queue(core, &core->dead, slot);
}

void twc_slots_sweep(tw_core *core) {
  uint32_t last = core->dead.last;
  while (!twc_queue_empty(&core->dead)) {
    uint32_t index = twc_queue_pop(&core->dead);
    tw_slot *slot = &core->slots[index];
    if (slot->raised != 0)
      twc_queue_push(&core->dead, index); /* its last words are not records yet */
    else
      slot_free(core, slot);
    if (index == last)
      break;
  }
}
