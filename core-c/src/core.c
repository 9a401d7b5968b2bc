/* core.c: the deliveries, the phases of a connection, and the only calls to the port. */
#include "src/internal.h"

#include <string.h>

#include "src/life.h"
#include "src/peers.h"
#include "twinwire/port.h"

/* ---- Deliveries ---------------------------------------------------------------------------------------------- */

/* What lay in the records before this has been drained. */
static void begin_records(tw_core *core) {
  core->event_count = 0;
  core->events_sealed = false;
  twc_slots_sweep(core);
}

static uint32_t make_records(tw_core *core) {
  twc_events_collect(core);
  while (core->rx_at < core->rx_end && twc_events_room(core) > 0) {
    tw_slot *slot = twc_slot_find(core, core->rx_handle);
    if (slot == NULL || (slot->flags & TW_SLOT_SOCKET) == 0) {
      core->rx_at = core->rx_end; /* closed in the meantime: the rest is discarded */
      break;
    }
    uint8_t *data = core->rx + core->rx_at;
    uint32_t size = core->rx_end - core->rx_at;
    uint32_t took = slot->reader != NULL ? slot->reader->received(core, slot, data, size)
                                         : slot->protocol->received(core, slot, data, size);
    core->rx_at += took;
    slot->stats.received += core->rx_again ? 0 : took;
    twc_events_collect(core);
  }
  return core->event_count;
}

uint32_t twc_pump(tw_core *core) {
  begin_records(core);
  twc_life_carry_out(core);
  return make_records(core);
}

/* The slot of a delivery, if the core still holds a socket for it. */
static tw_slot *delivery_slot(tw_core *core, int32_t handle) {
  tw_slot *slot = twc_slot_find(core, handle);
  return slot != NULL && (slot->flags & TW_SLOT_SOCKET) != 0 ? slot : NULL;
}

static void socket_gone(tw_core *core, tw_slot *slot, int32_t error, uint32_t step) {
  if (error == 0 && slot->reader != NULL)
    slot->reader->ended(core, slot);
  slot->flags &= ~(uint32_t)(TW_SLOT_SOCKET | TW_SLOT_WRITING);
  if (slot->deferred != 0)
    twc_life_review(core, slot); /* the end that came first is reported first, and this loss with it */
  else
    slot->protocol->closed(core, slot, error, step);
}

/* The host is still to let go of a socket that is of no more use. */
static void drop_socket(tw_core *core, tw_slot *slot, int32_t error, uint32_t step) {
  twc_port_close(core->host, twc_slot_handle(core, slot), TW_CLOSE_ABORT);
  socket_gone(core, slot, error, step);
}

/* ---- Phases -------------------------------------------------------------------------------------------------- */

static void begin_tls(tw_core *core, tw_slot *slot) {
  twc_timer_arm(core, slot, core->limits.handshakeTimeoutMs);
  int32_t error = twc_socket_start_tls(core, slot, "", 0);
  if (error != 0)
    drop_socket(core, slot, error, TW_STEP_TLS);
}

void twc_advance(tw_core *core, tw_slot *slot) {
  if (slot->phase == TW_PHASE_CONNECT && slot->route.ops != NULL && !slot->route.ops->begin_route(core, slot))
    return;
  const bool tls = slot->phase < TW_PHASE_TLS && (slot->flags & TW_SLOT_TLS) != 0 && slot->kind != TW_KIND_LISTENER;
  if (tls && slot->tx.size > 0) {
    slot->phase = TW_PHASE_TUNNELED; /* until it is written: report_flushed */
    return;
  }
  if (slot->phase != TW_PHASE_TLS)
    twc_reader_end(core, slot); /* a proxy's answer */
  if (tls) {
    begin_tls(core, slot); /* twc_secured or twc_closed follows */
  } else if (slot->state == TW_STATE_CONNECTING) {
    slot->phase = TW_PHASE_HANDSHAKE;
    slot->protocol->connected(core, slot);
  } else {
    slot->phase = TW_PHASE_OPEN;
  }
}

static const uint8_t steps[] = {
    [TW_PHASE_CONNECT] = TW_STEP_CONNECT, [TW_PHASE_TUNNEL] = TW_STEP_PROXY,        [TW_PHASE_TUNNELED] = TW_STEP_PROXY,
    [TW_PHASE_TLS] = TW_STEP_TLS,         [TW_PHASE_HANDSHAKE] = TW_STEP_HANDSHAKE, [TW_PHASE_OPEN] = TW_STEP_CLOSE,
};

uint32_t twc_connect_step(const tw_slot *slot) { return steps[slot->phase]; }

uint32_t twc_connected(tw_core *core, int32_t handle) {
  begin_records(core);
  tw_slot *slot = delivery_slot(core, handle);
  const bool expected = slot != NULL && slot->state == TW_STATE_CONNECTING && slot->phase == TW_PHASE_CONNECT;
  if (expected && (core->peers == NULL || (slot->flags & TW_SLOT_ACCEPTED) == 0 || core->peers->admit(core, slot)))
    twc_advance(core, slot);
  return make_records(core);
}

uint32_t twc_secured(tw_core *core, int32_t handle) {
  begin_records(core);
  tw_slot *slot = delivery_slot(core, handle);
  if (slot != NULL && slot->phase == TW_PHASE_TLS) {
    bool upgraded = slot->state == TW_STATE_OPEN; /* in place */
    slot->flags |= TW_SLOT_SECURED;
    twc_advance(core, slot);
    if (upgraded) {
      twc_timer_disarm(core, slot);
      twc_socket_update_reading(core, slot);
      twc_event_raise(core, slot, TW_RAISED_SECURED);
    }
  }
  return make_records(core);
}

/* ---- Deliveries of bytes and ends ----------------------------------------------------------------------------- */

static uint32_t take_in(tw_core *core, int32_t handle, uint32_t size, bool again) {
  begin_records(core);
  core->rx_handle = handle;
  core->rx_at = 0;
  core->rx_end = size < core->limits.recvBuffer ? size : core->limits.recvBuffer;
  core->rx_again = again;
  return make_records(core);
}

uint32_t twc_received(tw_core *core, int32_t handle, uint32_t size) { return take_in(core, handle, size, false); }

uint32_t twc_unread(tw_core *core, int32_t handle, uint32_t size) { return take_in(core, handle, size, true); }

uint32_t twc_ended(tw_core *core, int32_t handle) {
  begin_records(core);
  tw_slot *slot = delivery_slot(core, handle);
  bool again = slot != NULL && (slot->flags & TW_SLOT_ENDED) != 0;
  if (slot != NULL && slot->phase >= TW_PHASE_TUNNEL && slot->phase <= TW_PHASE_TLS) {
    drop_socket(core, slot, TW_ERR_ENDED, TW_STEP_TLS); /* half a handshake leads nowhere */
  } else if (slot != NULL) {
    slot->flags |= TW_SLOT_ENDED;
    if (slot->reader != NULL)
      slot->reader->ended(core, slot);
    if (!again && (slot->flags & TW_SLOT_SOCKET) != 0)
      slot->protocol->ended(core, slot);
  }
  return make_records(core);
}

/* All that was queued is written: what waited for that may go on. */
static void report_flushed(tw_core *core, tw_slot *slot) {
  if (slot->tx.size > 0 || (slot->flags & TW_SLOT_SOCKET) == 0)
    return;
  twc_stall_disarm(core, slot);
  if (slot->state == TW_STATE_CLOSING || (slot->flags & TW_SLOT_SHUTDOWN) != 0)
    slot->protocol->flushed(core, slot);
  else if (slot->phase == TW_PHASE_TUNNELED)
    twc_advance(core, slot);
}

uint32_t twc_written(tw_core *core, int32_t handle, uint32_t size) {
  begin_records(core);
  tw_slot *slot = delivery_slot(core, handle);
  if (slot != NULL) {
    slot->flags &= ~(uint32_t)TW_SLOT_WRITING;
    if (size > 0)
      slot->took_at = (uint32_t)core->now;
    twc_tx_wrote(core, slot, size < slot->tx.size ? size : slot->tx.size);
    if (slot->tx.size > 0)
      twc_tx_schedule(core, slot);
    report_flushed(core, slot);
  }
  return make_records(core);
}

uint32_t twc_closed(tw_core *core, int32_t handle, int32_t error) {
  begin_records(core);
  tw_slot *slot = delivery_slot(core, handle);
  if (slot != NULL && slot->phase == TW_PHASE_TLS)
    socket_gone(core, slot, error == 0 ? TW_ERR_ENDED : error, TW_STEP_TLS);
  else if (slot != NULL)
    socket_gone(core, slot, error, TW_STEP_RECEIVE);
  return make_records(core);
}

uint32_t twc_datagram(tw_core *core, int32_t handle, uint32_t size, uint32_t address_size, uint32_t port) {
  begin_records(core);
  tw_slot *slot = delivery_slot(core, handle);
  if (slot != NULL && slot->kind == TW_KIND_UDP && (slot->flags & TW_SLOT_RELEASED) == 0 &&
      size <= core->limits.recvBuffer && address_size <= TW_MAX_ADDRESS) {
    tw_event *event = twc_event_make(core, slot, TW_EVENT_DATAGRAM);
    event->data = (uint32_t)(core->rx - core->arena);
    event->size = size;
    event->detail = address_size;
    event->port = (uint16_t)port;
    slot->stats.received += size;
  }
  return make_records(core);
}

/* Bytes wait, or some have since the timer was armed; it is not touched for each that the host takes. */
static void stall(tw_core *core, tw_slot *slot) {
  uint32_t idle = (uint32_t)core->now - slot->took_at;
  if (idle < core->limits.stallTimeoutMs)
    twc_deadline_arm(core, slot, TW_TIMER_STALL, core->limits.stallTimeoutMs - idle);
  else if (slot->state == TW_STATE_OPEN)
    drop_socket(core, slot, TW_ERR_STALLED, TW_STEP_SEND);
}

uint32_t twc_tick(tw_core *core, uint32_t now_ms) {
  begin_records(core);
  core->now += now_ms - core->last_tick; /* in 32 bits, so a clock that wraps goes on */
  core->last_tick = now_ms;
  uint32_t timer;
  while ((timer = twc_timer_pop(&core->timers, core->now)) != TW_TIMER_NONE) {
    tw_slot *slot = &core->slots[timer % core->slot_count];
    switch (timer / core->slot_count) {
    case TW_TIMER_LIFE:
      if (slot->state == TW_STATE_OPEN && slot->deferred != 0)
        twc_life_review(core, slot); /* the application has had its time */
      else
        slot->protocol->expired(core, slot);
      break;
    case TW_TIMER_STALL:
      stall(core, slot);
      break;
    case TW_DEADLINE_READ:
      twc_event_raise(core, slot, TW_RAISED_READ_DEADLINE);
      break;
    default:
      twc_event_raise(core, slot, TW_RAISED_WRITE_DEADLINE);
      break;
    }
  }
  return make_records(core);
}

uint32_t twc_network(tw_core *core, uint32_t up) {
  begin_records(core);
  core->network_down = up == 0;
  twc_life_network(core);
  return make_records(core);
}

uint32_t twc_wait(tw_core *core) {
  if (core->timers.count == 0)
    return TW_FOREVER;
  uint64_t due = core->timers.due[core->timers.heap[0]];
  if (due <= core->now)
    return 0;
  uint64_t wait = due - core->now;
  return wait < TW_FOREVER ? (uint32_t)wait : TW_FOREVER - 1; /* the longest wait that is not "no timer" */
}

void twc_timer_arm(tw_core *core, tw_slot *slot, uint32_t ms) {
  twc_timer_set(&core->timers, twc_slot_index(core, slot), core->now + (ms == 0 ? 1 : ms));
}

void twc_timer_disarm(tw_core *core, tw_slot *slot) { twc_timer_clear(&core->timers, twc_slot_index(core, slot)); }

void twc_deadline_arm(tw_core *core, tw_slot *slot, uint32_t which, uint32_t ms) {
  uint32_t timer = twc_slot_index(core, slot) + which * core->slot_count;
  if (ms > 0)
    twc_timer_set(&core->timers, timer, core->now + ms);
  else
    twc_timer_clear(&core->timers, timer);
}

void twc_stall_disarm(tw_core *core, tw_slot *slot) { twc_deadline_arm(core, slot, TW_TIMER_STALL, 0); }

/* ---- Writing ------------------------------------------------------------------------------------------------- */

/* The host has not taken all it was offered. */
static void await_written(tw_core *core, tw_slot *slot, bool took) {
  slot->flags |= TW_SLOT_WRITING;
  bool waited = twc_timer_is_set(&core->timers, twc_slot_index(core, slot) + TW_TIMER_STALL * core->slot_count);
  if (took || !waited)
    slot->took_at = (uint32_t)core->now;
  if (!waited)
    twc_deadline_arm(core, slot, TW_TIMER_STALL, core->limits.stallTimeoutMs);
}

static void write_queued(tw_core *core, tw_slot *slot) {
  while (slot->tx.size > 0 && (slot->flags & (TW_SLOT_SOCKET | TW_SLOT_WRITING)) == TW_SLOT_SOCKET) {
    tw_span spans[TW_MAX_SPANS];
    uint32_t offered;
    uint32_t count = twc_chain_spans(&core->tx_pool, &slot->tx, core->arena, spans, TW_MAX_SPANS, &offered);
    int32_t done = twc_port_write(core->host, twc_slot_handle(core, slot), spans, count);
    if (done < 0) {
      drop_socket(core, slot, done, TW_STEP_SEND);
      return;
    }
    if ((uint32_t)done < offered)
      await_written(core, slot, done > 0);
    twc_tx_wrote(core, slot, (uint32_t)done < offered ? (uint32_t)done : offered);
  }
  report_flushed(core, slot);
}

uint32_t twc_flush(tw_core *core) {
  do {
    while (!twc_queue_empty(&core->dirty))
      write_queued(core, &core->slots[twc_queue_pop(&core->dirty)]);
    twc_tx_settle(core);
  } while (!twc_queue_empty(&core->dirty));
  core->deferred_due = core->deferred.last;
  return !twc_queue_empty(&core->raised) || !twc_queue_empty(&core->deferred);
}

/* ---- The port, for protocols --------------------------------------------------------------------------------- */

/* What a socket that was there before has left behind. */
enum {
  NEW_SOCKET_CLEARS =
      TW_SLOT_WRITING | TW_SLOT_ENDED | TW_SLOT_STOPPED | TW_SLOT_SHUTDOWN | TW_SLOT_FINISHED | TW_SLOT_SECURED
};

int32_t twc_socket_open(tw_core *core, tw_slot *slot, uint32_t kind, const char *name, uint32_t name_size,
                        uint32_t port) {
  char host[TW_MAX_HOST];
  if (slot->route.ops != NULL) {
    twc_chain_copy(&core->text_pool, &slot->route.text, 0, host, slot->route.host_size);
    kind = TW_SOCKET_TCP;
    name = host;
    name_size = slot->route.host_size;
    port = slot->route.port;
  }
  int32_t error = twc_port_open(core->host, twc_slot_handle(core, slot), kind, name, name_size, port);
  if (error < 0)
    return error;
  slot->flags = (slot->flags & ~(uint32_t)NEW_SOCKET_CLEARS) | TW_SLOT_SOCKET;
  slot->phase = TW_PHASE_CONNECT;
  slot->unread = 0;
  slot->sending = 0;
  return 0;
}

void twc_socket_close(tw_core *core, tw_slot *slot, uint32_t how) {
  if ((slot->flags & TW_SLOT_SOCKET) == 0)
    return;
  slot->flags &= ~(uint32_t)(TW_SLOT_SOCKET | TW_SLOT_WRITING);
  twc_port_close(core->host, twc_slot_handle(core, slot), how);
}

void twc_socket_update_reading(tw_core *core, tw_slot *slot) {
  if ((slot->flags & TW_SLOT_SOCKET) == 0)
    return;
  bool stopped = (slot->flags & TW_SLOT_STOPPED) != 0;
  /* Once stopped it stays so until half the window is free, so that the host is not called for every byte. */
  uint32_t full = stopped ? slot->window / 2 + 1 : slot->window;
  bool stop = (slot->flags & TW_SLOT_PAUSED) != 0 || (slot->window > 0 && slot->unread >= full);
  bool open = slot->state == TW_STATE_OPEN || (slot->flags & TW_SLOT_RECEIVING) != 0;
  if (!open || slot->phase == TW_PHASE_TLS)
    stop = false; /* handshakes and ends must be read */
  if (stop == stopped)
    return;
  slot->flags ^= TW_SLOT_STOPPED;
  twc_port_read(core->host, twc_slot_handle(core, slot), !stop);
}

void twc_socket_shutdown(tw_core *core, tw_slot *slot) { twc_port_shutdown(core->host, twc_slot_handle(core, slot)); }

int32_t twc_socket_connect(tw_core *core, tw_slot *slot, const char *address, uint32_t address_size, uint32_t port) {
  return twc_port_connect(core->host, twc_slot_handle(core, slot), address, address_size, port);
}

int32_t twc_socket_start_tls(tw_core *core, tw_slot *slot, const char *name, uint32_t name_size) {
  char target[TW_MAX_HOST];
  if (name_size == 0 && slot->route.ops != NULL) { /* the host would take the name of the proxy */
    name_size = slot->route.target_size;
    twc_chain_copy(&core->text_pool, &slot->route.text, slot->route.host_size, target, name_size);
    name = target;
  }
  slot->phase = TW_PHASE_TLS;
  int32_t error = twc_port_start_tls(core->host, twc_slot_handle(core, slot), name, name_size);
  if (error == 0)
    twc_socket_update_reading(core, slot);
  return error;
}

int32_t twc_socket_send_to(tw_core *core, tw_slot *slot, const char *address, uint32_t address_size, uint32_t port,
                           const void *data, uint32_t size) {
  return twc_port_send_to(core->host, twc_slot_handle(core, slot), address, address_size, port, data, size);
}

int32_t twc_socket_address(tw_core *core, const tw_slot *slot, uint32_t which, char *text, uint32_t capacity) {
  if ((slot->flags & TW_SLOT_SOCKET) == 0)
    return TW_ERR_STATE;
  return twc_port_address(core->host, twc_slot_handle(core, slot), which, text, capacity);
}

int32_t twc_check_address(tw_core *core, int32_t handle, const char *address, uint32_t address_size) {
  const tw_slot *slot = twc_slot_find(core, handle);
  bool allowed = slot == NULL || slot->route.ops == NULL || slot->route.ops->permits(core, slot, address, address_size);
  return allowed ? 0 : TW_ERR_POLICY;
}

void twc_random_bytes(tw_core *core, void *to, uint32_t size) {
  if (core->random_left < size) {
    twc_port_random(core->host, core->random, sizeof core->random);
    core->random_left = sizeof core->random;
  }
  memcpy(to, core->random + (sizeof core->random - core->random_left), size);
  core->random_left -= size;
}
