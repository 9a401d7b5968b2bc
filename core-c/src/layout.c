/* layout.c: the memory of a core: its limits, where everything lies in the arena, and its buffers. */
#include "src/internal.h"

#include <string.h>

#include "src/arena.h"
#include "src/peers.h"

/* A URL or a header line takes one or two blocks; an idle connection should waste little. */
enum { TEXT_BLOCK = TW_READER_STATE };

uint32_t twc_abi_hash(void) { return TW_ABI_HASH; }

static bool limits_valid(const tw_limits *limits) {
  static const uint32_t ranges[][2] = {
#define RANGE(field, host, esp32, min, max) {min, max},
      TW_LIMITS_LIST(RANGE)
#undef RANGE
  };
  enum { COUNT = sizeof ranges / sizeof *ranges };
  uint32_t values[COUNT];
  _Static_assert(sizeof *limits == sizeof values, "every limit is an u32, in the order of the list");
  memcpy(values, limits, sizeof values);
  for (size_t i = 0; i < COUNT; i++)
    if (values[i] < ranges[i][0] || values[i] > ranges[i][1])
      return false;
  return limits->blockSize <= limits->sendPool;
}

/* Lays everything out behind the core itself. With arena->base NULL nothing but arena->used is written. */
static void lay_out(tw_core *core, const tw_limits *limits, tw_arena *arena) {
  uint32_t slots = limits->sockets + limits->webSockets;
  core->rx = twc_arena_take(arena, limits->recvBuffer + 1, 1);
  core->rx_address = twc_arena_take(arena, TW_MAX_ADDRESS, 1);
  core->stage = twc_arena_take(arena, limits->stageBuffer, 1);
  core->events = twc_arena_take(arena, limits->events, sizeof *core->events);
  core->slots = twc_arena_take(arena, slots, sizeof *core->slots);
  core->addresses = twc_arena_take(arena, limits->addresses, sizeof *core->addresses);
  twc_protocols_lay_out(core, limits, arena);
  twc_queue_init(&core->raised, arena, slots);
  twc_queue_init(&core->dirty, arena, slots);
  twc_queue_init(&core->starved, arena, slots);
  twc_queue_init(&core->dead, arena, slots);
  twc_queue_init(&core->deferred, arena, slots);
  twc_timers_init(&core->timers, arena, slots * TW_TIMERS_PER_SLOT);
  twc_pool_init(&core->text_pool, arena, limits->textPool, TEXT_BLOCK);
  twc_pool_init(&core->tx_pool, arena, limits->sendPool, limits->blockSize);
}

void twc_slot_admit(tw_core *core, uint32_t index) {
  twc_queue_admit(&core->raised, index);
  twc_queue_admit(&core->dirty, index);
  twc_queue_admit(&core->starved, index);
  twc_queue_admit(&core->dead, index);
  twc_queue_admit(&core->deferred, index);
  for (uint32_t timer = 0; timer < TW_TIMERS_PER_SLOT; timer++)
    twc_timer_admit(&core->timers, index + timer * core->slot_count);
}

uint32_t twc_need(const tw_limits *limits) {
  if (!limits_valid(limits))
    return 0;
  tw_core scratch;
  tw_arena arena = {NULL, 0};
  twc_arena_take(&arena, 1, sizeof(tw_core));
  lay_out(&scratch, limits, &arena);
  return arena.used;
}

tw_core *twc_init(void *memory, uint32_t size, const tw_limits *limits, void *host) {
  uint32_t need = twc_need(limits);
  if (need == 0 || size < need || (uintptr_t)memory % TW_ARENA_ALIGN != 0)
    return NULL;
  tw_arena arena = {memory, 0};
  tw_core *core = twc_arena_take(&arena, 1, sizeof *core);
  memset(core, 0, sizeof *core);
  core->limits = *limits;
  core->host = host;
  core->arena = memory;
  core->slot_count = limits->sockets + limits->webSockets;
  lay_out(core, limits, &arena);
  core->deferred_due = TW_QUEUE_END;
  twc_slots_init(core);
  twc_tx_init(core);
  return core;
}

uint8_t *twc_rx_buffer(tw_core *core) { return core->rx; }
char *twc_rx_address(tw_core *core) { return core->rx_address; }
uint8_t *twc_stage_buffer(tw_core *core) { return core->stage; }
const tw_event *twc_events(tw_core *core) { return core->events; }
uint32_t twc_free_blocks(tw_core *core) { return core->tx_pool.free; }
