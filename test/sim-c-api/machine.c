/* machine.c: one core, the handle API on it, and its loop. */
#include <stdlib.h>

#include "api.h"

enum { ROOM = 1 << 17 };

static _Alignas(16) uint8_t memory[SIM_MACHINES][ROOM];
static tw_handles *handles[SIM_MACHINES];
static long held[SIM_MACHINES];

static uint32_t now_ms(void *host) {
  const sim_machine *m = host;
  return m->sim->now + m->offset;
}

static void *resize(void *host, void *block, size_t size) {
  sim_machine *m = host;
  if (size == 0) {
    held[m->index] -= block != NULL;
    free(block);
    return NULL;
  }
  if (sim_rarely(m->sim, m->sim->faults.call_failure))
    return NULL;
  held[m->index] += block == NULL;
  return realloc(block, size);
}

/* What runtime.c waits with. */
int32_t tw_poll(uint32_t ms) {
  (void)ms;
  return 0;
}

tw_handles *api_use(const sim_machine *m) {
  tw_handles_use(handles[m->index]);
  return handles[m->index];
}

long api_held(const sim_machine *m) { return held[m->index]; }

void api_release(const sim_machine *m) {
  tw_handles_release(handles[m->index]);
  tw_handles_use(NULL);
}

void sim_machine_start(sim_machine *m, const tw_limits *limits, uint8_t *arena) {
  static const tw_handles_options options = {.listeners = 160};
  const tw_handles_host host = {.host = m, .now_ms = now_ms, .resize = resize};
  uint32_t need = twc_need(limits);
  sim_check(m->sim, need > 0 && need <= SIM_ARENA, "the limits fit into the arena");
  m->core = twc_init(arena, need, limits, m);
  sim_check(m->sim, m->core != NULL, "the core starts");
  held[m->index] = 0;
  handles[m->index] = tw_handles_init(memory[m->index], ROOM, limits, &options, m->core, &host);
  sim_check(m->sim, handles[m->index] != NULL, "the handle API starts");
  sim_machine_tick(m);
}

void sim_machine_drain(sim_machine *m, uint32_t ready) { tw_handles_deliver(api_use(m), ready); }

/* At each iteration: what listeners have left waiting is delivered here. */
void sim_machine_tick(sim_machine *m) { tw_handles_tick(api_use(m)); }

void sim_machine_flush(sim_machine *m) {
  if (tw_handles_flush(api_use(m)))
    m->pump_due = true;
}
