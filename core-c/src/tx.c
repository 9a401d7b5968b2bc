/* tx.c: what waits to be written. A send is admitted whole or refused whole; a refused one is remembered by its size,
 * and DRAIN is raised when it fits: its own connection's cap is looked at when that connection has written, the pool's
 * blocks when anybody has. */
#include "src/internal.h"
#include "src/life.h"

bool twc_tx_fits(const tw_core *core, const tw_slot *slot, uint32_t size) {
  return size <= core->limits.sendBuffer && slot->tx.size <= core->limits.sendBuffer - size &&
         twc_chain_fits(&core->tx_pool, &slot->tx, size);
}

int32_t twc_tx_admit(tw_core *core, tw_slot *slot, uint32_t size) {
  if (twc_tx_fits(core, slot, size))
    return 0;
  uint64_t pool_bytes = (uint64_t)core->tx_pool.count * core->tx_pool.block_size;
  if (size > core->limits.sendBuffer || size > pool_bytes)
    return TW_ERR_TOO_LARGE;
  slot->refused = size;
  slot->stats.refused++;
  if (!twc_chain_fits(&core->tx_pool, &slot->tx, size))
    twc_queue_push(&core->starved, twc_slot_index(core, slot));
  return TW_ERR_BACKPRESSURE;
}

void twc_tx_owe(tw_core *core, tw_slot *slot, uint32_t size) {
  slot->refused = size;
  twc_queue_push(&core->starved, twc_slot_index(core, slot));
}

uint8_t *twc_tx_extend(tw_core *core, tw_slot *slot, uint32_t size, uint32_t *got) {
  twc_queue_push(&core->dirty, twc_slot_index(core, slot));
  return twc_chain_extend(&core->tx_pool, &slot->tx, size, got);
}

void twc_tx_put(tw_core *core, tw_slot *slot, const void *data, uint32_t size) {
  twc_queue_push(&core->dirty, twc_slot_index(core, slot));
  twc_chain_append(&core->tx_pool, &slot->tx, data, size);
}

/* Raises DRAIN if the slot was refused and its send fits now, or lets its protocol send what it owes; a slot that only
 * wants blocks gets in line for them. */
static void wake(tw_core *core, tw_slot *slot) {
  if (slot->refused == 0)
    return;
  if (slot->state != TW_STATE_OPEN && twc_chain_fits(&core->tx_pool, &slot->tx, slot->refused)) {
    slot->refused = 0;
    if ((slot->flags & TW_SLOT_TUNNELING) != 0)
      slot->tunnel(core, slot);
    else
      slot->protocol->room(core, slot);
  } else if (slot->state == TW_STATE_OPEN && twc_tx_fits(core, slot, slot->refused)) {
    slot->refused = 0;
    twc_event_raise(core, slot, TW_RAISED_DRAIN);
    twc_life_review(core, slot);
  } else if (!twc_chain_fits(&core->tx_pool, &slot->tx, slot->refused)) {
    twc_queue_push(&core->starved, twc_slot_index(core, slot));
  }
}

/* Wakes those who wait for blocks, in the order in which they came. The first one that must go on waiting ends the
 * walk, so a small send cannot pass a large one for ever. One that is woken may fail and free blocks: the walk that is
 * under way sees them, so that a row of failures takes no more stack than one. */
static void wake_starved(tw_core *core) {
  if (core->waking)
    return;
  core->waking = true;
  while (!twc_queue_empty(&core->starved)) {
    tw_slot *slot = &core->slots[core->starved.first];
    if (slot->refused != 0 && !twc_chain_fits(&core->tx_pool, &slot->tx, slot->refused))
      break;
    twc_queue_pop(&core->starved);
    wake(core, slot);
  }
  core->waking = false;
}

void twc_tx_wrote(tw_core *core, tw_slot *slot, uint32_t size) {
  slot->stats.sent += size;
  twc_chain_consume(&core->tx_pool, &slot->tx, size);
  wake(core, slot);
  wake_starved(core);
}

uint32_t twc_tx_drop(tw_core *core, tw_slot *slot) {
  uint32_t unsent = slot->tx.size;
  slot->refused = 0;
  twc_chain_clear(&core->tx_pool, &slot->tx);
  wake_starved(core);
  return unsent;
}
