/* tx.c: bytes that wait to be written, and who may use how much of the pool they wait in.
 *
 * A send is queued whole or refused whole. A refused one is remembered by its size, and DRAIN is raised when it fits.
 * Besides limits.sendBuffer a connection has a dynamic threshold (Choudhury and Hahne, "Dynamic Queue Length Thresholds
 * for Shared-Memory Packet Switches", 1998): it may hold at most ALPHA times as many blocks as remain free. However
 * many peers do not read, some blocks stay free for those that do. A connection that is alone may fill its sendBuffer.
 *
 * What remains free is counted from three levels. The last core->tx_reserve blocks are for what the core itself has to
 * send: handshakes, close frames and pongs. Above them, a quarter of a large pool is for the first block of connections
 * that hold none, so that a peer that reads is not kept waiting by a thousand that don't. The rest is shared. */
#include "src/internal.h"
#include "src/life.h"

enum { ALPHA = 2, RESERVED_PART = 8, MAX_RESERVE = 64, FIRST_PART = 4, LARGE_POOL = 64 };

void twc_tx_init(tw_core *core) {
  uint32_t part = core->tx_pool.count / RESERVED_PART;
  core->tx_reserve = part < MAX_RESERVE ? part : MAX_RESERVE;
  core->starved_need = UINT32_MAX;
}

/* Bytes that fit behind the last one in its block. */
static uint32_t tail_room(const tw_core *core, const tw_slot *slot) {
  return slot->tx.size == 0 ? 0 : core->tx_pool.block_size - slot->tx.end;
}

static uint32_t blocks_held(const tw_core *core, const tw_slot *slot) {
  if (slot->tx.size == 0)
    return 0;
  return (slot->tx.start + slot->tx.size + tail_room(core, slot)) / core->tx_pool.block_size;
}

/* Blocks that `size` more bytes take. */
static uint32_t blocks_more(const tw_core *core, const tw_slot *slot, uint32_t size) {
  uint32_t room = tail_room(core, slot);
  return size <= room ? 0 : (size - room - 1) / core->tx_pool.block_size + 1;
}

/* Blocks that only connections which hold none may take. */
static uint32_t first_blocks(const tw_core *core) {
  return core->tx_pool.count < LARGE_POOL ? 0 : core->tx_pool.count / FIRST_PART;
}

/* Blocks that must be free for `size` more bytes of the application. */
static uint32_t blocks_needed(const tw_core *core, const tw_slot *slot, uint32_t size) {
  uint32_t more = blocks_more(core, slot, size);
  if (more == 0)
    return 0;
  uint32_t held = blocks_held(core, slot);
  uint32_t least = core->tx_reserve + more;
  uint32_t alone = core->tx_pool.count - held; /* what is free if no other connection holds a block */
  uint32_t shared = least + (held + more > 1 ? first_blocks(core) + (held + more + ALPHA - 1) / ALPHA : 0);
  if (alone > shared)
    return shared;
  return alone > least ? alone : least;
}

static bool under_cap(const tw_core *core, const tw_slot *slot, uint32_t size) {
  return size <= core->limits.sendBuffer && slot->tx.size <= core->limits.sendBuffer - size;
}

bool twc_tx_fits(const tw_core *core, const tw_slot *slot, uint32_t size) {
  return under_cap(core, slot, size) && blocks_needed(core, slot, size) <= core->tx_pool.free;
}

bool twc_tx_fits_reserve(const tw_core *core, const tw_slot *slot, uint32_t size) {
  return slot->tx.size + size <= core->tx_pool.block_size &&
         (size <= tail_room(core, slot) || core->tx_pool.free > core->tx_reserve / 2);
}

int32_t twc_room(tw_core *core, int32_t handle) {
  const tw_slot *slot = twc_slot_owned(core, handle, 0);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  const tw_pool *pool = &core->tx_pool;
  uint32_t held = blocks_held(core, slot);
  uint32_t more = pool->free > core->tx_reserve ? pool->free - core->tx_reserve : 0;
  if (held + pool->free < pool->count && more > 0) { /* the most for which blocks_needed is no more than are free */
    uint32_t first = first_blocks(core);
    uint32_t twice = more > first ? ALPHA * (more - first) : 0;
    uint32_t share = twice > held ? (twice - held) / (ALPHA + 1) : 0;
    more = share == 0 && held == 0 ? 1 : share;
  }
  uint32_t cap = core->limits.sendBuffer > slot->tx.size ? core->limits.sendBuffer - slot->tx.size : 0;
  uint32_t room = tail_room(core, slot) + more * pool->block_size;
  return (int32_t)(room < cap ? room : cap);
}

/* Puts the slot in line for `need` free blocks. */
static void starve(tw_core *core, tw_slot *slot, uint32_t need) {
  if (need < core->starved_need)
    core->starved_need = need;
  twc_slot_queue(core, &core->starved, slot);
}

int32_t twc_tx_admit(tw_core *core, tw_slot *slot, uint32_t size) {
  const tw_pool *pool = &core->tx_pool;
  if (size > core->limits.sendBuffer || size > (pool->count - core->tx_reserve) * pool->block_size)
    return TW_ERR_TOO_LARGE;
  uint32_t need = blocks_needed(core, slot, size);
  if (need <= pool->free && under_cap(core, slot, size))
    return 0;
  slot->refused = size;
  slot->stats.refused++;
  if (need > pool->free)
    starve(core, slot, need);
  return TW_ERR_BACKPRESSURE;
}

/* Blocks that must be free for what the protocol owes: as twc_tx_fits_reserve says while the connection is open, else
 * any. */
static uint32_t blocks_owed(const tw_core *core, const tw_slot *slot) {
  uint32_t more = blocks_more(core, slot, slot->owed);
  return more > 0 && slot->state == TW_STATE_OPEN ? core->tx_reserve / 2 + more : more;
}

void twc_tx_owe(tw_core *core, tw_slot *slot, uint32_t size) {
  slot->owed = size;
  uint32_t need = blocks_owed(core, slot);
  if (need > core->tx_pool.free) /* else its own bytes are in the way */
    starve(core, slot, need);
}

void twc_tx_schedule(tw_core *core, const tw_slot *slot) { twc_slot_queue(core, &core->dirty, slot); }

uint8_t *twc_tx_extend(tw_core *core, tw_slot *slot, uint32_t size, uint32_t *got) {
  twc_tx_schedule(core, slot);
  return twc_chain_extend(&core->tx_pool, &slot->tx, size, got);
}

void twc_tx_put(tw_core *core, tw_slot *slot, const void *data, uint32_t size) {
  twc_tx_schedule(core, slot);
  twc_chain_append(&core->tx_pool, &slot->tx, data, size);
}

/* Free blocks that no DRAIN has been raised for. */
static uint32_t blocks_left(const tw_core *core) {
  return core->tx_pool.free > core->tx_granted ? core->tx_pool.free - core->tx_granted : 0;
}

/* Lets the protocol send what it owes and raises DRAIN for the send that was refused, each if it fits; a slot that
 * still wants blocks gets in line for them. */
static void wake(tw_core *core, tw_slot *slot) {
  if (slot->owed != 0) {
    uint32_t need = blocks_owed(core, slot);
    if (need > core->tx_pool.free) {
      starve(core, slot, need);
      return;
    }
    slot->owed = 0;
    if (slot->phase == TW_PHASE_TUNNEL)
      (void)slot->route.ops->begin_route(core, slot); /* false: an answer follows */
    else
      slot->protocol->room(core, slot);
  }
  if (slot->refused == 0)
    return;
  uint32_t need = blocks_needed(core, slot, slot->refused);
  if (need > blocks_left(core)) {
    starve(core, slot, need);
  } else if (under_cap(core, slot, slot->refused)) {
    core->tx_granted += blocks_more(core, slot, slot->refused);
    slot->refused = 0;
    twc_event_raise(core, slot, TW_RAISED_DRAIN);
    twc_life_review(core, slot);
  }
}

/* Wakes those who wait for blocks, in the order in which they came, if there are enough for the one that needs fewest.
 * Those that must go on waiting keep their order; they hold up no other slot, as what they wait for may never come. One
 * that is woken may fail and free blocks: the walk that is under way sees them, so that a row of failures takes no more
 * stack than one. */
static void wake_starved(tw_core *core) {
  if (core->waking)
    return;
  core->waking = true;
  while (blocks_left(core) >= core->starved_need) {
    core->starved_need = UINT32_MAX;
    uint32_t last = core->starved.last;
    for (uint32_t index = last + 1; index != last && !twc_queue_empty(&core->starved);) {
      index = twc_queue_pop(&core->starved);
      wake(core, &core->slots[index]);
    }
  }
  core->waking = false;
}

void twc_tx_wrote(tw_core *core, tw_slot *slot, uint32_t size) {
  slot->stats.sent += size;
  twc_chain_consume(&core->tx_pool, &slot->tx, size);
  wake(core, slot);
  wake_starved(core);
}

void twc_tx_settle(tw_core *core) {
  if (core->tx_granted == 0 || !twc_queue_empty(&core->raised))
    return;
  core->tx_granted = 0;
  wake_starved(core);
}

uint32_t twc_tx_drop(tw_core *core, tw_slot *slot) {
  uint32_t unsent = slot->tx.size;
  slot->refused = slot->owed = 0;
  twc_stall_disarm(core, slot);
  twc_chain_clear(&core->tx_pool, &slot->tx);
  wake_starved(core);
  return unsent;
}
