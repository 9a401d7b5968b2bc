/* network.c: the simulated network, and the functions of port.h over it. It does what a kernel does: a socket that is
 * closed with bytes unread, or to which bytes still come, is reset. */
#include <string.h>

#include "sim.h"

static sim_socket *socket_of(sim_machine *m, int32_t handle) {
  uint32_t index = (uint32_t)handle & TW_HANDLE_INDEX;
  if (handle <= 0 || index >= SIM_SLOTS || !m->sockets[index].open || m->sockets[index].handle != handle)
    return NULL;
  return &m->sockets[index];
}

static sim_socket *must_be_open(sim_machine *m, int32_t handle) {
  sim_socket *socket = socket_of(m, handle);
  sim_check(m->sim, socket != NULL, "the port is called for a socket that is not open");
  return socket;
}

static sim_machine *other(sim_machine *m) { return &m->sim->machines[1 - m->index]; }
static sim_pipe *incoming(const sim_socket *socket) { return &socket->link->pipes[socket->side]; }
static sim_pipe *outgoing(const sim_socket *socket) { return &socket->link->pipes[1 - socket->side]; }

void sim_link_release(sim_link *link) {
  if (link->queued)
    return;
  for (uint32_t side = 0; side < 2; side++)
    if (link->ends[side].socket || (!link->ends[side].over && (side == 0 || link->accepted)))
      return;
  link->used = false;
}

static sim_link *link_new(sim *s) {
  for (uint32_t i = 0; i < SIM_LINKS; i++) {
    sim_link *link = &s->links[i];
    if (link->used)
      continue;
    for (uint32_t side = 0; side < 2; side++) {
      sim_pipe *pipe = &link->pipes[side]; /* whose bytes need not be cleared */
      pipe->head = pipe->size = pipe->first = pipe->count = pipe->total = 0;
      pipe->last_due = s->now;
      pipe->fin = pipe->gone = pipe->reset = pipe->severed = false;
      link->ends[side] = (sim_end){0};
    }
    link->used = true;
    link->id = ++s->next_id;
    link->disturbed = link->accepted = false;
    return link;
  }
  return NULL;
}

void sim_network_reset(sim *s, sim_link *link) {
  (void)s;
  link->disturbed = true;
  link->pipes[0].reset = link->pipes[1].reset = true;
}

static uint32_t pipe_room(const sim *s, const sim_pipe *pipe) {
  if (pipe->count == SIM_SEGMENTS || pipe->size >= s->faults.buffer)
    return 0;
  return s->faults.buffer - pipe->size;
}

static uint32_t arrival(sim *s, sim_pipe *pipe) {
  uint32_t due = s->now + s->faults.latency + (s->faults.jitter > 0 ? sim_range(s, s->faults.jitter + 1) : 0);
  if ((int32_t)(pipe->last_due - due) > 0)
    due = pipe->last_due;
  pipe->last_due = due;
  return due;
}

/* Takes up to `size` bytes: as many as there is room for. */
static uint32_t pipe_put(sim *s, sim_pipe *pipe, const uint8_t *data, uint32_t size) {
  uint32_t taken = 0;
  if (pipe->gone || pipe->severed) {
    pipe->total += size;
    return size;
  }
  while (taken < size) {
    uint32_t part = pipe_room(s, pipe);
    if (part > size - taken)
      part = size - taken;
    if (part > s->faults.segment)
      part = s->faults.segment;
    if (part == 0)
      break;
    for (uint32_t i = 0; i < part; i++)
      pipe->bytes[(pipe->head + pipe->size + i) % SIM_PIPE] = data[taken + i];
    pipe->size += part;
    pipe->segments[(pipe->first + pipe->count++) % SIM_SEGMENTS] = (sim_segment){.due = arrival(s, pipe), .size = part};
    taken += part;
  }
  pipe->total += taken;
  return taken;
}

void sim_network_garble(sim *s, sim_link *link, uint32_t side) {
  static const uint8_t garbage[] = {0x7f, 0x7f}; /* reserved bits, and an opcode that is none: RFC 6455 5.2 */
  sim_pipe *pipe = &link->pipes[side];
  if (pipe->severed || pipe->gone || pipe->fin || pipe->reset || pipe_room(s, pipe) < sizeof garbage)
    return;
  link->disturbed = true;
  if (pipe_put(s, pipe, garbage, sizeof garbage) > 0)
    pipe->severed = true;
}

/* Bytes that have arrived. */
static uint32_t pipe_arrived(const sim *s, const sim_pipe *pipe) {
  uint32_t size = 0;
  if (!sim_is_due(s, s->partitioned_until))
    return 0;
  for (uint32_t i = 0; i < pipe->count; i++) {
    const sim_segment *segment = &pipe->segments[(pipe->first + i) % SIM_SEGMENTS];
    if (!sim_is_due(s, segment->due))
      break;
    size += segment->size;
  }
  return size;
}

static void pipe_take(sim_pipe *pipe, uint8_t *to, uint32_t size) {
  for (uint32_t i = 0; i < size; i++)
    to[i] = pipe->bytes[(pipe->head + i) % SIM_PIPE];
  pipe->head = (pipe->head + size) % SIM_PIPE;
  pipe->size -= size;
  while (size > 0) {
    sim_segment *segment = &pipe->segments[pipe->first % SIM_SEGMENTS];
    uint32_t part = size < segment->size ? size : segment->size;
    segment->size -= part;
    size -= part;
    if (segment->size > 0)
      break;
    pipe->first = (pipe->first + 1) % SIM_SEGMENTS;
    pipe->count--;
  }
}

/* ---- Deliveries ---- */

static void forget(sim_socket *socket) {
  socket->open = false;
  if (socket->link == NULL)
    return;
  socket->link->ends[socket->side].socket = false;
  sim_link_release(socket->link);
}

static bool deliver_closed(sim_machine *m, sim_socket *socket, int32_t error) {
  int32_t handle = socket->handle;
  forget(socket);
  sim_machine_drain(m, twc_closed(m->core, handle, error));
  return true;
}

static bool has_listener(sim_machine *m, uint32_t port) {
  for (uint32_t i = 0; i < SIM_SLOTS; i++)
    if (m->sockets[i].open && m->sockets[i].kind == TW_SOCKET_TCP_LISTENER && m->sockets[i].port == port)
      return true;
  return false;
}

static bool deliver_connected(sim_machine *m, sim_socket *socket) {
  sim *s = m->sim;
  sim_machine *peer = other(m);
  if (socket->kind == TW_SOCKET_TCP_LISTENER) {
    socket->connected = true;
    sim_machine_drain(m, twc_connected(m->core, socket->handle));
    return true;
  }
  if (socket->hole || !sim_is_due(s, socket->due) || !sim_is_due(s, s->partitioned_until))
    return false;
  sim_link *link = NULL;
  if (!sim_chance(s, s->faults.refused) && has_listener(peer, socket->port) && peer->backlog_size < SIM_LINKS)
    link = link_new(s);
  if (link == NULL)
    return deliver_closed(m, socket, TW_ERR_REFUSED);
  link->port = socket->port;
  link->queued = true;
  link->ends[0].socket = true;
  socket->link = link;
  socket->side = 0;
  socket->connected = true;
  peer->backlog[peer->backlog_size++] = link;
  sim_program_attach(m, socket->handle, link, 0);
  sim_machine_drain(m, twc_connected(m->core, socket->handle));
  return true;
}

static bool accept_one(sim_machine *m, sim_socket *listener) {
  for (uint32_t i = 0; i < m->backlog_size; i++) {
    sim_link *link = m->backlog[i];
    if (link->port != listener->port)
      continue;
    m->backlog[i] = m->backlog[--m->backlog_size];
    link->queued = false;
    int32_t handle = twc_accepted(m->core, listener->handle);
    if (handle < 0) { /* the host drops it */
      link->disturbed = true;
      link->pipes[0].reset = true;
      sim_link_release(link);
      return true;
    }
    sim_socket *socket = &m->sockets[(uint32_t)handle & TW_HANDLE_INDEX];
    sim_check(m->sim, !socket->open, "an accepted connection has the slot of an open socket");
    *socket = (sim_socket){.handle = handle,
                           .open = true,
                           .connected = true,
                           .reading = true,
                           .kind = TW_SOCKET_TCP,
                           .side = 1,
                           .link = link};
    link->accepted = true;
    link->ends[1].socket = true;
    sim_program_accepted(m, handle, link);
    sim_machine_drain(m, twc_connected(m->core, handle));
    return true;
  }
  return false;
}

static bool deliver_written(sim_machine *m, sim_socket *socket) {
  sim *s = m->sim;
  sim_pipe *pipe = outgoing(socket);
  if ((pipe_room(s, pipe) == 0 && !pipe->gone && !pipe->severed) || sim_range(s, 4) == 0)
    return false;
  uint32_t done = 0;
  for (uint32_t i = 0; i < socket->span_count && socket->lent > 0; i++) {
    tw_span *span = &socket->spans[i];
    uint32_t taken = pipe_put(s, pipe, (const uint8_t *)m->core + span->data, span->size);
    done += taken;
    if (taken < span->size)
      break;
  }
  socket->owed = false;
  socket->lent = 0;
  socket->span_count = 0;
  sim_machine_drain(m, twc_written(m->core, socket->handle, done));
  return true;
}

static bool deliver_received(sim_machine *m, sim_socket *socket, uint32_t size) {
  sim *s = m->sim;
  uint32_t most = sim_limits.recvBuffer;
  if (sim_chance(s, s->faults.partial_read))
    most = 1 + sim_range(s, sim_range(s, 2) == 0 ? 3 : most);
  if (size > most)
    size = most;
  pipe_take(incoming(socket), twc_rx_buffer(m->core), size);
  int32_t handle = socket->handle;
  bool garbled = incoming(socket)->severed && incoming(socket)->size == 0;
  sim_machine_drain(m, twc_received(m->core, handle, size));
  if (garbled)
    sim_program_garbled(m, handle);
  return true;
}

static bool deliver_datagram(sim_machine *m, sim_socket *socket) {
  sim *s = m->sim;
  for (uint32_t i = 0; i < m->datagram_count; i++) {
    sim_datagram *datagram = &m->datagrams[i];
    if (!sim_is_due(s, datagram->due))
      continue;
    uint32_t size = datagram->size;
    memcpy(twc_rx_buffer(m->core), datagram->bytes, size);
    memcpy(twc_rx_address(m->core), "10.0.0.1", 8);
    *datagram = m->datagrams[--m->datagram_count];
    sim_machine_drain(m, twc_datagram(m->core, socket->handle, size, 8, SIM_UDP_PORT));
    return true;
  }
  return false;
}

static bool deliver_to(sim_machine *m, sim_socket *socket) {
  sim *s = m->sim;
  if (socket->kind == TW_SOCKET_UDP)
    return socket->reading && deliver_datagram(m, socket);
  if (!socket->connected)
    return deliver_connected(m, socket);
  if (socket->kind == TW_SOCKET_TCP_LISTENER)
    return accept_one(m, socket);
  sim_pipe *pipe = incoming(socket);
  if (pipe->reset)
    return deliver_closed(m, socket, TW_ERR_RESET);
  if (socket->owed && deliver_written(m, socket))
    return true;
  if (!socket->reading)
    return false;
  uint32_t size = pipe_arrived(s, pipe);
  if (size > 0)
    return deliver_received(m, socket, size);
  if (!pipe->fin || pipe->severed || pipe->size > 0 || socket->ended || !sim_is_due(s, pipe->last_due) ||
      !sim_is_due(s, s->partitioned_until))
    return false;
  socket->ended = true;
  sim_machine_drain(m, twc_ended(m->core, socket->handle));
  return true;
}

bool sim_network_deliver(sim_machine *m) {
  uint32_t first = sim_range(m->sim, SIM_SLOTS);
  for (uint32_t i = 0; i < SIM_SLOTS; i++) {
    sim_socket *socket = &m->sockets[(first + i) % SIM_SLOTS];
    if (socket->open && deliver_to(m, socket))
      return true;
  }
  return false;
}

/* ---- port.h ---- */

int32_t twc_port_open(void *context, int32_t handle, uint32_t kind, const char *name, uint32_t name_size,
                      uint32_t port) {
  sim_machine *m = context;
  sim *s = m->sim;
  uint32_t index = (uint32_t)handle & TW_HANDLE_INDEX;
  (void)name;
  sim_check(s, name_size <= TW_MAX_HOST && index < SIM_SLOTS, "a socket is opened for a slot and a name that can be");
  sim_check(s, !m->sockets[index].open, "a slot's socket is opened twice");
  if (sim_rarely(s, s->faults.call_failure))
    return TW_ERR_NETWORK_DOWN;
  m->sockets[index] = (sim_socket){
      .handle = handle,
      .open = true,
      .reading = true,
      .kind = kind,
      .port = port,
      .due = s->now + s->faults.latency,
      .hole = sim_chance(s, s->faults.black_hole),
  };
  return 0;
}

int32_t twc_port_write(void *context, int32_t handle, const tw_span *spans, uint32_t count) {
  sim_machine *m = context;
  sim *s = m->sim;
  sim_socket *socket = must_be_open(m, handle);
  sim_check(s, socket->connected && !socket->finished, "a write before the connection or behind its end");
  sim_check(s, !socket->owed, "a write while one is pending");
  sim_check(s, count > 0 && count <= TW_MAX_SPANS, "a write has as many spans as it may");
  if (sim_rarely(s, s->faults.call_failure)) {
    socket->link->disturbed = true;
    return TW_ERR_RESET;
  }
  sim_pipe *pipe = outgoing(socket);
  if (pipe->gone)
    incoming(socket)->reset = true;
  uint32_t all = 0;
  uint32_t taken = 0;
  uint32_t most = UINT32_MAX;
  if (sim_chance(s, s->faults.lent_write))
    most = 0;
  else if (sim_chance(s, s->faults.partial_write))
    most = sim_range(s, 40);
  bool lends = most == 0;
  socket->span_count = 0;
  socket->lent = 0;
  for (uint32_t i = 0; i < count; i++) {
    sim_check(s, spans[i].size > 0 && spans[i].data < SIM_ARENA && spans[i].size <= SIM_ARENA - spans[i].data,
              "a span lies in the arena");
    uint32_t offered = spans[i].size < most - taken ? spans[i].size : most - taken;
    uint32_t part = taken == all ? pipe_put(s, pipe, (const uint8_t *)m->core + spans[i].data, offered) : 0;
    taken += part;
    all += spans[i].size;
    if (part < spans[i].size && lends) {
      socket->spans[socket->span_count++] = (tw_span){.data = spans[i].data + part, .size = spans[i].size - part};
      socket->lent += spans[i].size - part;
    }
  }
  socket->owed = taken < all;
  return (int32_t)taken;
}

int32_t twc_port_send_to(void *context, int32_t handle, const char *address, uint32_t address_size, uint32_t port,
                         const void *data, uint32_t size) {
  sim_machine *m = context;
  sim *s = m->sim;
  sim_machine *peer = other(m);
  (void)address;
  (void)port;
  sim_check(s, must_be_open(m, handle)->kind == TW_SOCKET_UDP && address_size <= TW_MAX_ADDRESS,
            "a datagram leaves from a UDP socket");
  if (size > SIM_DATAGRAM)
    return TW_ERR_TOO_LARGE;
  for (uint32_t n = sim_chance(s, s->faults.datagram_duplication) ? 2 : 1; n > 0; n--) {
    if (peer->datagram_count == SIM_DATAGRAMS || sim_chance(s, s->faults.datagram_loss))
      continue;
    sim_datagram *datagram = &peer->datagrams[peer->datagram_count++];
    datagram->due = s->now + s->faults.latency + sim_range(s, s->faults.jitter + 1);
    datagram->size = size;
    memcpy(datagram->bytes, data, size);
  }
  return (int32_t)size;
}

void twc_port_shutdown(void *context, int32_t handle) {
  sim_machine *m = context;
  sim_socket *socket = must_be_open(m, handle);
  sim_check(m->sim, socket->connected && !socket->finished && !socket->owed, "FIN comes once, behind all bytes");
  socket->finished = true;
  outgoing(socket)->fin = true;
  arrival(m->sim, outgoing(socket));
}

int32_t twc_port_connect(void *context, int32_t handle, const char *address, uint32_t address_size, uint32_t port) {
  (void)address;
  (void)address_size;
  (void)port;
  must_be_open(context, handle);
  return 0;
}

int32_t twc_port_start_tls(void *context, int32_t handle, const char *name, uint32_t name_size) {
  (void)name;
  (void)name_size;
  must_be_open(context, handle);
  return TW_ERR_UNSUPPORTED;
}

void twc_port_read(void *context, int32_t handle, uint32_t on) {
  sim_machine *m = context;
  sim_socket *socket = must_be_open(m, handle);
  sim_check(m->sim, socket->reading != (on != 0), "reading is switched to what it is not");
  socket->reading = on != 0;
}

void twc_port_close(void *context, int32_t handle, uint32_t how) {
  sim_machine *m = context;
  sim_socket *socket = must_be_open(m, handle);
  sim_link *link = socket->link;
  if (link != NULL) {
    sim_pipe *in = incoming(socket);
    sim_pipe *out = outgoing(socket);
    in->gone = true;
    if (how == TW_CLOSE_ABORT || in->size > 0) { /* at a reset the peer loses what it has not read */
      out->reset = true;
    } else if (!socket->finished) {
      out->fin = true;
      arrival(m->sim, out);
    }
  }
  forget(socket);
}

int32_t twc_port_address(void *context, int32_t handle, uint32_t which, char *text, uint32_t capacity) {
  must_be_open(context, handle);
  (void)which;
  uint32_t size = capacity < 10 ? capacity : 10;
  memcpy(text, "10.0.0.1:5", size);
  return (int32_t)size;
}

void twc_port_random(void *context, void *data, uint32_t size) {
  sim_machine *m = context;
  uint8_t *bytes = data;
  for (uint32_t i = 0; i < size; i++)
    bytes[i] = (uint8_t)sim_range(m->sim, 256);
}
