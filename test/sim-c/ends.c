/* ends.c: the handles of an application, from opening to the last event, and what both ends of a connection have to
 * agree upon then. */
#include "program.h"

sim_handle *program_remember(sim_machine *m, int32_t handle, sim_role role) {
  if (handle < 0)
    return NULL;
  uint32_t index = (uint32_t)handle & TW_HANDLE_INDEX;
  sim_check(m->sim, index < SIM_SLOTS && m->handles[index].role == SIM_NONE, "a new handle has the slot of another");
  sim_handle *h = &m->handles[index];
  *h = (sim_handle){.handle = handle, .role = role, .receiving = true};
  return h;
}

static void compare_ends(sim *s, sim_link *link, bool web) {
  /* After closeTimeoutMs, or cut off from the peer, who closes cannot know whether all has arrived. */
  bool may_be_late = link->disturbed || s->faults.partition > 0 || s->faults.pause > 0;
  for (uint32_t side = 0; side < 2; side++) {
    const sim_end *from = &link->ends[side];
    const sim_end *to = &link->ends[1 - side];
    if (!link->accepted || to->closed)
      continue;
    /* The other end's clean end was the peer's: all that the peer accepted came before it. */
    if (to->clean && (!web || from->closed))
      sim_check(s, to->received == from->sent, "a clean end, and not everything has arrived");
    if (from->closed && from->clean && from->prompt && !from->aborted && !may_be_late)
      sim_check(s, to->received == from->sent, "a clean close, and not everything has arrived");
  }
}

void program_end_link(sim_machine *m, sim_handle *h) {
  if (h->link == NULL)
    return;
  sim_link *link = h->link;
  sim_end *end = sim_end_of(h);
  h->link = NULL;
  if (end->over)
    return;
  end->over = true;
  if (link->ends[0].over && link->ends[1].over && (h->role == SIM_STREAM || h->role == SIM_WS))
    compare_ends(m->sim, link, h->role == SIM_WS);
  sim_link_release(link);
}

void program_forget(sim_machine *m, sim_handle *h) {
  program_end_link(m, h);
  *h = (sim_handle){0};
}

void sim_program_attach(sim_machine *m, int32_t handle, sim_link *link, uint32_t side) {
  sim_handle *h = sim_known(m, handle);
  sim_check(m->sim, h != NULL, "a connection for a handle that the application does not know");
  program_end_link(m, h);
  h->link = link;
  h->side = side;
}

void sim_program_accepted(sim_machine *m, int32_t handle, sim_link *link) {
  sim_handle *h = program_remember(m, handle, link->port == SIM_STREAM_PORT ? SIM_STREAM : SIM_HTTP_SERVER);
  sim_check(m->sim, h != NULL, "an accepted connection has a handle");
  h->link = link;
  h->side = 1;
}

void program_close_handle(sim_machine *m, sim_handle *h) {
  int32_t handle = h->handle;
  if (h->link != NULL) {
    sim_end_of(h)->closed = true;
    sim_end_of(h)->closed_at = m->sim->now;
  }
  uint32_t how = m->sim->ending ? 0 : sim_range(m->sim, 8);
  int32_t result = how == 1                       ? twc_abort(m->core, handle)
                   : h->role == SIM_WS && how > 1 ? twc_ws_close(m->core, handle, 3000, "why", 3)
                                                  : twc_close(m->core, handle);
  sim_check(m->sim, result == 0, "a handle can be closed");
  sim_check(m->sim, twc_close(m->core, handle) == TW_ERR_HANDLE, "a closed handle is stale at once");
  h->closed = true;
  if (how == 1 && h->link != NULL)
    sim_end_of(h)->aborted = true;
  if (!h->is_open)
    program_forget(m, h);
}
