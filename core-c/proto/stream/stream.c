/* stream.c: TCP and Unix streams as the application sees them: bytes out, bytes in. */
#include "proto/stream/stream.h"

#include "src/life.h"
#include "src/utf8.h"

static int32_t start(tw_core *core, tw_slot *slot) {
  char name[TW_MAX_HOST];
  uint32_t kind = (slot->flags & TW_SLOT_UNIX) != 0 ? TW_SOCKET_UNIX : TW_SOCKET_TCP;
  twc_chain_copy(&core->text_pool, &slot->target, 0, name, slot->target.size);
  return twc_socket_open(core, slot, kind, name, slot->target.size, slot->port);
}

static void connected(tw_core *core, tw_slot *slot) { twc_life_ready(core, slot); }

static uint32_t received(tw_core *core, tw_slot *slot, uint8_t *data, uint32_t size) {
  if (slot->state != TW_STATE_OPEN) {
    slot->unread = 1; /* discarded: the peer was still sending while we closed */
    return size;
  }
  tw_event *event = twc_event_make(core, slot, TW_EVENT_DATA);
  event->data = (uint32_t)(data - core->arena);
  event->size = size;
  event->flags = twc_ascii_prefix(data, size) == size ? TW_FLAG_ASCII : 0;
  if (slot->window > 0) {
    slot->unread += size;
    twc_socket_update_reading(core, slot);
  }
  return size;
}

/* The peer has ended: over for both directions, but what was queued still goes out. */
static void finish(tw_core *core, tw_slot *slot) {
  if (slot->tx.size > 0)
    twc_life_closing(core, slot);
  else
    twc_life_drop(core, slot, &(tw_end){.clean = true});
}

/* The application closes the connection and the peer has not ended. A socket that is closed while bytes of the peer are
 * unread or on their way is reset, and the peer loses what it has not read yet (RFC 9293 3.10.4, RFC 2525 2.17). So
 * only our half ends, behind what is queued; what the peer sends is discarded until it ends its half, or
 * closeTimeoutMs. */
static void linger(tw_core *core, tw_slot *slot) {
  twc_reader_end(core, slot);
  slot->unread = 0;
  slot->flags |= TW_SLOT_SHUTDOWN;
  twc_life_closing(core, slot);
  twc_tx_schedule(core, slot); /* the flush ends our half, also with an empty queue */
}

static void end(tw_core *core, tw_slot *slot, int32_t why) {
  (void)why; /* nothing but the peer's FIN ends a stream in order */
  if (slot->state == TW_STATE_OPEN)
    finish(core, slot);
}

static void ended(tw_core *core, tw_slot *slot) {
  if (slot->state == TW_STATE_CLOSING && (slot->flags & TW_SLOT_FINISHED) != 0)
    twc_life_drop(core, slot, &(tw_end){.clean = true});
  if (slot->state != TW_STATE_OPEN)
    return;
  if ((slot->flags & TW_SLOT_HALF_OPEN) == 0)
    twc_life_defer(core, slot, TW_ERR_ENDED);
  else if ((slot->flags & TW_SLOT_FINISHED) != 0)
    twc_life_drop(core, slot, &(tw_end){.clean = true});
  else
    twc_event_raise(core, slot, TW_RAISED_ENDED);
}

static void closed(tw_core *core, tw_slot *slot, int32_t error, uint32_t step) {
  tw_end end = {.error = error, .step = step, .close_code = error};
  if (slot->state == TW_STATE_CONNECTING) {
    end.step = twc_connect_step(slot);
    if (error == 0)
      end.error = end.close_code = TW_ERR_ENDED;
  } else {
    end.clean = error == 0 && slot->tx.size == 0;
  }
  twc_life_drop(core, slot, &end);
}

static void flushed(tw_core *core, tw_slot *slot) {
  if ((slot->flags & TW_SLOT_ENDED) != 0) {
    twc_life_drop(core, slot, &(tw_end){.clean = true});
  } else if ((slot->flags & TW_SLOT_FINISHED) == 0) {
    slot->flags |= TW_SLOT_FINISHED;
    twc_socket_shutdown(core, slot);
  }
}

static void room(tw_core *core, tw_slot *slot) {
  (void)core; /* nothing is owed: TCP sends no bytes of its own */
  (void)slot;
}

static void expired(tw_core *core, tw_slot *slot) {
  /* All is written and our half has ended. A peer that keeps its own half open in silence loses nothing. */
  if (slot->state == TW_STATE_CLOSING && (slot->flags & TW_SLOT_FINISHED) != 0 && slot->unread == 0) {
    twc_life_drop(core, slot, &(tw_end){.clean = true});
    return;
  }
  tw_end timeout = {.error = TW_ERR_TIMEOUT,
                    .step = slot->state == TW_STATE_CLOSING ? TW_STEP_CLOSE : twc_connect_step(slot),
                    .close_code = TW_ERR_TIMEOUT};
  twc_life_expired(core, slot, &timeout);
}

static void app_close(tw_core *core, tw_slot *slot) {
  bool wrote = slot->tx.size > 0 || slot->stats.sent > 0;
  if (slot->state == TW_STATE_OPEN && wrote && slot->phase == TW_PHASE_OPEN && (slot->flags & TW_SLOT_ENDED) == 0)
    linger(core, slot);
  else if (slot->state == TW_STATE_OPEN)
    finish(core, slot);
  else if (slot->state != TW_STATE_CLOSING)
    twc_life_close(core, slot, 0);
}

static void retired(tw_core *core, tw_slot *slot) {
  (void)core; /* the target is the slot's own */
  (void)slot;
}

const tw_protocol_ops tw_stream_protocol = {
    .start = start,
    .connected = connected,
    .received = received,
    .ended = ended,
    .closed = closed,
    .flushed = flushed,
    .room = room,
    .expired = expired,
    .close = app_close,
    .end = end,
    .retired = retired,
};

tw_slot *twc_stream_make(tw_core *core, const char *target, uint32_t size, uint16_t port, int32_t *error) {
  tw_slot *slot = twc_slot_take(core, TW_KIND_TCP, &tw_stream_protocol);
  *error = TW_ERR_LIMIT;
  if (slot == NULL)
    return NULL;
  slot->port = port;
  *error = TW_ERR_MEMORY;
  if (twc_text_put(core, &slot->target, target, size))
    return slot;
  twc_slot_discard(core, slot);
  return NULL;
}

static int32_t open_stream(tw_core *core, const char *target, uint32_t size, uint16_t port, uint32_t flags) {
  int32_t error;
  tw_slot *slot = twc_stream_make(core, target, size, port, &error);
  if (slot == NULL)
    return error;
  slot->flags = flags;
  return twc_life_open(core, slot);
}

int32_t twc_tcp_connect(tw_core *core, const char *host, uint32_t host_size, int32_t port) {
  if (!twc_text_is_host(host, host_size))
    return TW_ERR_ARGUMENT;
  if (port < 1 || port > TW_MAX_PORT)
    return TW_ERR_PORT;
  return open_stream(core, host, host_size, (uint16_t)port, 0);
}

int32_t twc_unix_connect(tw_core *core, const char *path, uint32_t path_size) {
  if (!twc_text_is_path(path, path_size))
    return TW_ERR_PATH;
  return open_stream(core, path, path_size, 0, TW_SLOT_UNIX);
}

int32_t twc_send(tw_core *core, int32_t handle, const void *data, uint32_t size) {
  tw_slot *slot = twc_slot_owned(core, handle, TW_KIND_TCP);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  if (!twc_is_sending(slot))
    return TW_ERR_STATE;
  if (size == 0)
    return 0;
  int32_t error = twc_tx_admit(core, slot, size);
  if (error != 0)
    return error;
  twc_tx_put(core, slot, data, size);
  return (int32_t)size;
}
