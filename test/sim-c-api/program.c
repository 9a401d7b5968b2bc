/* program.c: an application of the handle API in C on each machine: streams, WebSockets and HTTP requests to the other
 * one, at random, also from listeners; and what has to hold:
 *
 *   - accepted bytes and messages arrive once, in order, and unchanged, with a NUL behind them; a response belongs to
 * its request
 *   - a refused send changes nothing, has an error, and "drain" follows while the connection is open
 *   - events come in their order, none follows the last one, and a handle that was closed announces no attempt
 *   - at the end every handle, block, slot, timer and allocation is free
 *
 * This file has its handles and makes its calls, one at each step; send.c and listeners.c have the rest. */
#include "program.h"

const char sim_arguments[] = "--api ";

static const tw_ws_accept_options accepting;
static const tw_http_server_options serving = {.max_body = BODY, .web_sockets = &accepting};

/* ---- Handles --------------------------------------------------------------------------------------------------- */

void program_end_link(sim_handle *h) {
  sim_link *link = h->link;
  if (link == NULL)
    return;
  sim_end_of(h)->over = true;
  h->link = NULL;
  sim_link_release(link);
}

void program_forget(sim_handle *h) {
  if (h->role != SIM_HTTP_SERVER) /* whose link has counted as over from the start */
    program_end_link(h);
  *h = (sim_handle){0};
}

sim_handle *program_remember(sim_machine *m, int32_t handle, sim_role role) {
  if (handle < 0)
    return NULL;
  uint32_t index = (uint32_t)handle & TW_HANDLE_INDEX;
  sim_check(m->sim, index < SIM_SLOTS, "a handle has a slot that can be");
  sim_handle *h = &m->handles[index];
  sim_check(m->sim, h->role == SIM_NONE || h->role == SIM_HTTP_SERVER, "a new handle has the slot of another");
  *h = (sim_handle){.handle = handle, .role = role, .receiving = true};
  return h;
}

void sim_program_attach(sim_machine *m, int32_t handle, sim_link *link, uint32_t side) {
  sim_handle *h = sim_known(m, handle);
  sim_check(m->sim, h != NULL, "a connection for a handle that the application does not know");
  program_end_link(h);
  h->link = link;
  h->side = side;
}

void sim_program_accepted(sim_machine *m, int32_t handle, sim_link *link) {
  bool stream = link->port == SIM_STREAM_PORT;
  sim_handle *h = program_remember(m, handle, stream ? SIM_STREAM : SIM_HTTP_SERVER);
  sim_check(m->sim, h != NULL, "an accepted connection has a handle");
  h->link = link;
  h->side = 1;
  link->ends[1].over = !stream;
  sim_machine_drain(m, twc_pump(m->core)); /* "accepted" comes first */
}

void program_close_handle(sim_machine *m, sim_handle *h) {
  int32_t handle = h->handle;
  bool web = h->role == SIM_WS;
  uint32_t how = m->sim->ending ? 0 : sim_range(m->sim, 8);
  int32_t result = how == 1 && web   ? tw_ws_abort(handle)
                   : how == 1        ? tw_net_abort(handle)
                   : how == 2 && web ? tw_ws_close_with(handle, 3000, "why")
                   : web             ? tw_ws_close(handle)
                                     : tw_net_close(handle);
  sim_check(m->sim, result == 0, "a handle can be closed");
  result = web ? tw_ws_close(handle) : tw_net_close(handle);
  sim_check(m->sim, result == -1 && tw_last_error() == TW_ERR_HANDLE, "a closed handle is stale at once");
  h->closed = true;
  if (!h->is_open && !h->ending) /* else "disconnected" follows */
    program_forget(h);
}

/* ---- Calls ----------------------------------------------------------------------------------------------------- */

void sim_program_start(sim_machine *m) {
  api_use(m);
  sim_handle *h = program_remember(m, tw_net_tcp_listen("", SIM_STREAM_PORT), SIM_LISTENER);
  if (h != NULL)
    program_add_accept_listener(m, h->handle);
  h = program_remember(m, tw_http_listen("", SIM_WEB_PORT, &serving), SIM_LISTENER);
  if (h == NULL)
    return;
  program_add_http_listeners(m, h->handle);
}

static void open_one(sim_machine *m) {
  static const uint32_t delays[] = {10, 100, 1000};
  uint32_t which = sim_range(m->sim, 3);
  int32_t handle = which == 0   ? tw_ws_open("ws://host:2/chat")
                   : which == 1 ? tw_net_tcp_connect("host", SIM_STREAM_PORT)
                                : tw_net_tcp_connect("host", SIM_WEB_PORT);
  sim_handle *h = program_remember(m, handle, which == 0 ? SIM_WS : which == 1 ? SIM_STREAM : SIM_HTTP_CLIENT);
  if (h == NULL) {
    sim_check(m->sim, handle == -1 && tw_last_error() < 0, "a call that fails has an error");
    return;
  }
  if (which == 0)
    program_add_ws_listeners(m, handle);
  else
    program_add_net_listeners(m, handle);
  if (sim_range(m->sim, 3) != 0)
    return;
  h->reconnects = (which == 0 ? tw_ws_set_auto_reconnect(handle, true) : tw_net_set_auto_reconnect(handle, true)) == 0;
  if (which == 0)
    tw_ws_set_reconnect_delays_ms(handle, delays, 3);
  else
    tw_net_set_reconnect_delays_ms(handle, delays, 3);
}

static void change_one(sim_machine *m, sim_handle *h) {
  bool web = h->role == SIM_WS;
  switch (sim_range(m->sim, 4)) {
  case 0:
    h->receiving = false;
    sim_hold_back(h);
    (void)(web ? tw_ws_pause(h->handle) : tw_net_pause(h->handle));
    break;
  case 1:
    if (h->is_open && h->role == SIM_STREAM && !h->finished)
      h->finished = tw_net_shutdown(h->handle) == 0;
    break;
  case 2:
    program_close_handle(m, h);
    break;
  default: /* who stops and forgets to go on starves only itself, but a life is more than that */
    h->receiving = true;
    (void)(web ? tw_ws_resume(h->handle) : tw_net_resume(h->handle));
    break;
  }
}

void sim_program_act(sim_machine *m) {
  api_use(m);
  if (sim_range(m->sim, 32) == 0) {
    open_one(m);
    return;
  }
  uint32_t first = sim_range(m->sim, SIM_SLOTS);
  for (uint32_t i = 0; i < SIM_SLOTS; i++) {
    sim_handle *h = &m->handles[(first + i) % SIM_SLOTS];
    if (h->role < SIM_STREAM || h->role == SIM_HTTP_SERVER || h->closed)
      continue;
    int32_t state = h->role == SIM_WS ? tw_ws_state(h->handle) : tw_net_state(h->handle);
    if (state == TW_STATE_CLOSED && !h->is_open)
      program_close_handle(m, h);
    else if (sim_range(m->sim, 24) == 0)
      change_one(m, h);
    else
      program_send_some(m, h);
    return;
  }
}

/* The servers end what they have accepted. */
void sim_program_close(sim_machine *m) {
  api_use(m);
  for (uint32_t i = 0; i < SIM_SLOTS; i++) {
    sim_handle *h = &m->handles[i];
    bool owned = h->role == SIM_HTTP_SERVER || (h->role == SIM_WS && h->side == 1);
    if (h->role != SIM_NONE && !owned && !h->closed)
      program_close_handle(m, h);
  }
}

void sim_program_check_empty(sim_machine *m) {
  sim *s = m->sim;
  int32_t opened[SIM_SLOTS];
  tw_handles *handles = api_use(m);
  sim_check(s, tw_handles_open_handles(handles) == 0, "a wait does not end: a handle is open at the end");
  for (uint32_t i = 0; i < SIM_SLOTS; i++) {
    sim_role role = m->handles[i].role;
    sim_check(s, role == SIM_NONE || role == SIM_HTTP_SERVER, "a wait does not end: a handle has no last event");
    sim_check(s, !m->sockets[i].open, "a socket is open at the end");
  }
  sim_check(s, twc_wait(m->core) == TW_FOREVER, "a timer runs at the end");
  sim_check(s, twc_free_blocks(m->core) == sim_limits.sendPool / sim_limits.blockSize, "a block is missing at the end");
  sim_check(s, api_held(m) == 0, "an allocation is not given back");
  for (uint32_t i = 0; i < sim_limits.sockets; i++) {
    opened[i] = tw_net_udp_open(0);
    sim_check(s, opened[i] > 0, "a slot is missing at the end");
  }
  for (uint32_t i = 0; i < sim_limits.sockets; i++)
    tw_net_close(opened[i]);
  api_release(m);
}
