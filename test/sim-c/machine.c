/* machine.c: one core and its loop. */
#include "sim.h"

void sim_machine_start(sim_machine *m, const tw_limits *limits, uint8_t *arena) {
  uint32_t need = twc_need(limits);
  sim_check(m->sim, need > 0 && need <= SIM_ARENA, "the limits fit into the arena");
  m->core = twc_init(arena, need, limits, m);
  sim_check(m->sim, m->core != NULL, "the core starts");
  m->ticked = m->sim->now - 1;
  sim_machine_tick(m);
}

void sim_machine_drain(sim_machine *m, uint32_t ready) {
  for (uint32_t rounds = 0; ready > 0; ready = twc_pump(m->core)) {
    sim_check(m->sim, ready <= sim_limits.events, "there are more records than there is room for");
    sim_check(m->sim, ++rounds < 100000, "a drain does not end");
    for (uint32_t i = 0; i < ready; i++)
      sim_program_event(m, &twc_events(m->core)[i]);
  }
}

void sim_machine_tick(sim_machine *m) {
  if (m->ticked == m->sim->now)
    return;
  m->ticked = m->sim->now;
  sim_machine_drain(m, twc_tick(m->core, m->sim->now + m->offset));
}

void sim_machine_flush(sim_machine *m) {
  if (twc_flush(m->core) != 0)
    m->pump_due = true;
}
