/* program.c: the application on each machine: streams, WebSockets and HTTP requests to the other one, at random; and
 * what has to hold:
 *
 *   - accepted bytes and messages arrive once, in order, and unchanged; a response belongs to its request
 *   - a clean end means that everything has arrived, and `unsent` is what the host never took
 *   - a refused send changes nothing, and DRAIN follows while the connection is open
 *   - whoever holds nothing of the pool can send something small, whatever the others do
 *   - who is given a message can answer it, and a peer that breaks the protocol is reported at once
 *   - nothing follows the last event, and every wait ends
 *   - at the end every block, slot and timer is free
 *
 * This file makes its calls, one at each step, and checks at the end that everything is free; ends.c, send.c and
 * receive.c have the rest. */
#include <string.h>

#include "program.h"

enum { WINDOW = 300 };

const char sim_arguments[] = "";

void sim_program_start(sim_machine *m) {
  for (uint32_t port = SIM_STREAM_PORT; port <= SIM_WEB_PORT; port++) {
    sim_handle *h =
        program_remember(m, twc_listen(m->core, TW_SOCKET_TCP_LISTENER, "", 0, (int32_t)port), SIM_LISTENER);
    sim_check(m->sim, h != NULL || m->sim->faults.call_failure > 0, "it can listen");
    if (h != NULL)
      h->port = port;
  }
  m->udp = twc_udp_open(m->core, SIM_UDP_PORT);
  program_remember(m, m->udp, SIM_UDP);
}

static void open_one(sim_machine *m) {
  static const uint32_t delays[] = {10, 100, 1000};
  static const char url[] = "ws://host:2/chat";
  uint32_t which = sim_range(m->sim, 3);
  int32_t handle = which == 0   ? twc_ws_connect(m->core, url, sizeof url - 1)
                   : which == 1 ? twc_tcp_connect(m->core, "host", 4, SIM_STREAM_PORT)
                                : twc_tcp_connect(m->core, "host", 4, SIM_WEB_PORT);
  sim_handle *h = program_remember(m, handle, which == 0 ? SIM_WS : which == 1 ? SIM_STREAM : SIM_HTTP_CLIENT);
  if (h == NULL)
    return;
  if (sim_range(m->sim, 3) == 0) {
    h->reconnects = twc_set_auto_reconnect(m->core, handle, 1) == 0;
    twc_set_reconnect_delays(m->core, handle, delays, 3);
  }
  if (sim_range(m->sim, 3) == 0 && twc_set_window(m->core, handle, WINDOW) == 0)
    h->window = WINDOW;
  if (which == 0 && sim_range(m->sim, 3) == 0)
    twc_ws_set_heartbeat(m->core, handle, 500, 5000);
  h->floods = which == 0 && sim_chance(m->sim, m->sim->faults.floods);
}

static void send_datagram(sim_machine *m) {
  uint8_t bytes[64];
  memset(bytes, 'd', sizeof bytes);
  if (m->udp > 0)
    twc_udp_send_to(m->core, m->udp, "10.0.0.2", 8, SIM_UDP_PORT, bytes, 1 + sim_range(m->sim, 63));
}

static void change_one(sim_machine *m, sim_handle *h) {
  int32_t due = 0;
  uint32_t what = sim_range(m->sim, 6);
  switch (h->floods && what != 3 ? 1 : what) {
  case 0:
    h->receiving = !h->receiving;
    sim_hold_back(h);
    due = twc_set_receiving(m->core, h->handle, h->receiving);
    break;
  case 1:
    if (h->window > 0) {
      due = twc_consumed(m->core, h->handle, h->unread);
      h->unread = 0;
    }
    break;
  case 2:
    if (h->is_open && h->role == SIM_STREAM && !h->finished)
      h->finished = twc_shutdown(m->core, h->handle) == 0;
    break;
  case 3:
    program_close_handle(m, h);
    return;
  default: /* who stops and forgets to go on starves only itself, but a life is more than that */
    if (!h->receiving) {
      h->receiving = true;
      due = twc_set_receiving(m->core, h->handle, 1);
    }
    break;
  }
  if (due == 1)
    m->pump_due = true;
}

void sim_program_act(sim_machine *m) {
  uint32_t first = sim_range(m->sim, SIM_SLOTS);
  switch (sim_range(m->sim, 32)) {
  case 0:
    open_one(m);
    return;
  case 1:
    send_datagram(m);
    return;
  default:
    break;
  }
  for (uint32_t i = 0; i < SIM_SLOTS; i++) {
    sim_handle *h = &m->handles[(first + i) % SIM_SLOTS];
    if (h->role < SIM_STREAM || h->closed)
      continue;
    int32_t state = twc_state(m->core, h->handle);
    if (state == TW_STATE_CLOSED)
      program_close_handle(m, h);
    else if (sim_range(m->sim, 24) == 0)
      change_one(m, h);
    else
      program_send_some(m, h);
    return;
  }
}

void sim_program_close(sim_machine *m) {
  for (uint32_t i = 0; i < SIM_SLOTS; i++) {
    sim_handle *h = &m->handles[i];
    if (h->role != SIM_NONE && !h->closed)
      program_close_handle(m, h);
  }
}

void sim_program_check_empty(sim_machine *m) {
  sim *s = m->sim;
  int32_t opened[SIM_SLOTS];
  for (uint32_t i = 0; i < SIM_SLOTS; i++) {
    sim_check(s, m->handles[i].role == SIM_NONE, "a wait does not end: a closed handle has no last event");
    sim_check(s, !m->sockets[i].open, "a socket is open at the end");
  }
  sim_check(s, twc_wait(m->core) == TW_FOREVER, "a timer runs at the end");
  sim_check(s, twc_free_blocks(m->core) == sim_limits.sendPool / sim_limits.blockSize, "a block is missing at the end");
  for (uint32_t i = 0; i < sim_limits.sockets; i++) {
    opened[i] = twc_udp_open(m->core, 0);
    sim_check(s, opened[i] > 0, "a slot is missing at the end");
  }
  for (uint32_t i = 0; i < sim_limits.sockets; i++)
    twc_close(m->core, opened[i]);
}
