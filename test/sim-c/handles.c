/* handles.c: what the applications of both simulations share: their limits, their handles, the bytes that they send. */
#include "sim.h"

const tw_limits sim_limits = {
    .sockets = 12,
    .webSockets = 6,
    .recvBuffer = 700,
    .stageBuffer = 0,
    .sendBuffer = 1500,
    .blockSize = 64,
    .sendPool = 6400,
    .textPool = 2048,
    .events = 6,
    .maxMessage = 600,
    .maxHead = 500,
    .connectTimeoutMs = 3000,
    .handshakeTimeoutMs = 3000,
    .closeTimeoutMs = 2000,
    .maxLine = 300,
    .maxFields = 12,
    .maxFragments = 8,
    .maxUnfinished = 4000,
    .stallTimeoutMs = 15000,
};

sim_end *sim_end_of(const sim_handle *h) { return &h->link->ends[h->side]; }
sim_end *sim_peer_of(const sim_handle *h) { return &h->link->ends[1 - h->side]; }

sim_handle *sim_known(sim_machine *m, int32_t handle) {
  uint32_t index = (uint32_t)handle & TW_HANDLE_INDEX;
  if (handle <= 0 || index >= SIM_SLOTS || m->handles[index].handle != handle)
    return NULL;
  return &m->handles[index];
}

uint8_t sim_stream_byte(const sim_handle *h, uint32_t side, uint32_t at) {
  return (uint8_t)(at * 31 + (at >> 8) + h->link->id * 7 + side * 101);
}

uint8_t sim_message_byte(uint32_t number, uint32_t at) {
  return (uint8_t)((at < 4 ? number >> 7 * at : number + at) & 0x7f);
}

void sim_hold_back(sim_handle *h) {
  if (h->link != NULL)
    sim_end_of(h)->garbled = false;
}

void sim_garble_one(sim_machine *m) {
  uint32_t first = sim_range(m->sim, SIM_SLOTS);
  for (uint32_t i = 0; i < SIM_SLOTS; i++) {
    const sim_handle *h = &m->handles[(first + i) % SIM_SLOTS];
    if (h->role != SIM_WS || !h->is_open || h->closed || h->ending || h->link == NULL)
      continue;
    if (twc_buffered(m->core, h->handle) == 0) /* what was written ends with a whole frame */
      sim_network_garble(m->sim, h->link, 1 - h->side);
    return;
  }
}
