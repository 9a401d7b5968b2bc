/* sim.c: a life: faults from a seed, steps in virtual time, and the end, after which everything has been given back. */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { END_STEPS = 200000, END_MS = 60000, SETTLED = 2000 };

static _Alignas(16) uint8_t arenas[SIM_MACHINES][SIM_ARENA];

void sim_check(sim *s, bool right, const char *rule) {
  if (right)
    return;
  printf("not ok: seed %llu, step %llu, at %u ms: %s\n", (unsigned long long)s->seed, (unsigned long long)s->steps,
         (unsigned)s->now, rule);
  printf("to repeat it: make sim-c ARGS=\"%s--seed %llu\"\n", sim_arguments, (unsigned long long)s->seed);
  fflush(stdout);
  exit(1);
}

/* xorshift64*: small, and the same everywhere. */
static uint32_t next(sim *s) {
  s->random ^= s->random >> 12;
  s->random ^= s->random << 25;
  s->random ^= s->random >> 27;
  return (uint32_t)(s->random * 0x2545F4914F6CDD1Dull >> 32);
}

uint32_t sim_range(sim *s, uint32_t below) { return (uint32_t)((uint64_t)next(s) * below >> 32); }
bool sim_chance(sim *s, uint32_t of256) { return of256 > 0 && !s->ending && sim_range(s, 256) < of256; }
bool sim_rarely(sim *s, uint32_t of65536) { return of65536 > 0 && !s->ending && sim_range(s, 65536) < of65536; }
bool sim_is_due(const sim *s, uint32_t due) { return (int32_t)(s->now - due) >= 0; }

/* A third of the faults, each weak or strong. */
static uint32_t maybe(sim *s, uint32_t most) {
  uint32_t value = 1 + sim_range(s, most);
  return sim_range(s, 3) == 0 ? value : 0;
}

static void choose_faults(sim *s) {
  s->faults = (sim_faults){
      .latency = sim_range(s, 40),
      .jitter = maybe(s, 60),
      .buffer = sim_range(s, 2) == 0 ? SIM_PIPE : 16 + sim_range(s, SIM_PIPE - 16),
      .segment = sim_range(s, 2) == 0 ? SIM_PIPE : 1 + sim_range(s, 300),
      .partial_write = maybe(s, 200),
      .lent_write = maybe(s, 255),
      .partial_read = maybe(s, 255),
      .refused = maybe(s, 80),
      .black_hole = maybe(s, 60),
      .pings = maybe(s, 255),
      .floods = maybe(s, 200),
      .datagram_loss = maybe(s, 128),
      .datagram_duplication = maybe(s, 128),
      .call_failure = maybe(s, 400),
      .reset = maybe(s, 100),
      .garbage = maybe(s, 60),
      .partition = maybe(s, 20),
      .pause = maybe(s, 40),
  };
}

static void advance(sim *s, uint32_t ms) { s->now += ms; }

/* Milliseconds until one of the timers is due. */
static uint32_t until_timer(sim *s) {
  uint32_t least = END_MS;
  for (uint32_t i = 0; i < SIM_MACHINES; i++) {
    uint32_t wait = twc_wait(s->machines[i].core);
    if (wait < least)
      least = wait;
  }
  return least;
}

/* Whether a machine has something to do in its next loop iteration, before which it must not sleep. */
static bool waits(const sim *s) { return s->machines[0].pump_due || s->machines[1].pump_due; }

static void disturb(sim *s) {
  if (sim_rarely(s, s->faults.reset)) {
    sim_link *link = &s->links[sim_range(s, SIM_LINKS)];
    if (link->used)
      sim_network_reset(s, link);
  }
  if (sim_rarely(s, s->faults.garbage))
    sim_garble_one(&s->machines[sim_range(s, SIM_MACHINES)]);
  if (sim_rarely(s, s->faults.partition))
    s->partitioned_until = s->now + sim_range(s, 20000);
  if (sim_rarely(s, s->faults.pause))
    s->machines[sim_range(s, SIM_MACHINES)].paused_until = s->now + sim_range(s, 8000);
}

/* One loop iteration of one machine. Returns false if it had nothing to do. */
static bool step(sim *s) {
  sim_machine *m = &s->machines[sim_range(s, SIM_MACHINES)];
  s->steps++;
  disturb(s);
  if (!sim_is_due(s, m->paused_until))
    return false;
  bool busy = true;
  sim_machine_tick(m);
  if (m->pump_due) {
    m->pump_due = false;
    sim_machine_drain(m, twc_pump(m->core));
  } else if (!s->ending && sim_range(s, 4) == 0) {
    sim_program_act(m);
  } else {
    busy = sim_network_deliver(m);
  }
  sim_machine_flush(m);
  s->digest = (s->digest ^ twc_free_blocks(m->core)) * 0x100000001b3ull;
  return busy;
}

uint64_t sim_live(sim *s, uint64_t seed, uint64_t steps) {
  memset(s, 0, sizeof *s);
  s->seed = seed;
  s->random = seed * 0x9E3779B97F4A7C15ull + 0x1234567;
  s->digest = 0xcbf29ce484222325ull;
  s->now = next(s);
  choose_faults(s);
  for (uint32_t i = 0; i < SIM_MACHINES; i++) {
    sim_machine *m = &s->machines[i];
    *m = (sim_machine){.sim = s, .index = i, .offset = next(s), .paused_until = s->now};
    s->partitioned_until = s->now;
    sim_machine_start(m, &sim_limits, arenas[i]);
    sim_program_start(m);
    sim_machine_flush(m);
  }
  while (s->steps < steps) {
    bool busy = step(s);
    if (sim_range(s, 16) == 0)
      advance(s, 1);
    else if (!busy && sim_range(s, 8) == 0)
      advance(s, 1 + sim_range(s, 10));
    else if (!busy && sim_range(s, 512) == 0 && !waits(s))
      advance(s, until_timer(s));
  }
  s->ending = true;
  s->partitioned_until = s->now;
  for (uint32_t i = 0; i < SIM_MACHINES; i++) {
    s->machines[i].paused_until = s->now;
    sim_machine_tick(&s->machines[i]);
    sim_machine_drain(&s->machines[i], twc_pump(s->machines[i].core)); /* what the last write has raised */
    sim_program_close(&s->machines[i]);
    sim_machine_flush(&s->machines[i]);
  }
  uint32_t idle = 0;
  for (uint32_t n = 0; n < END_STEPS && idle < SETTLED; n++) {
    idle = step(s) ? 0 : idle + 1;
    if (idle > 0 && idle % 8 == 0)
      advance(s, idle < SETTLED / 2 ? 1 + sim_range(s, 20) : until_timer(s) % END_MS + 1);
  }
  sim_check(s, idle >= SETTLED, "it does not come to rest");
  for (uint32_t i = 0; i < SIM_MACHINES; i++)
    sim_program_check_empty(&s->machines[i]);
  return s->digest;
}
