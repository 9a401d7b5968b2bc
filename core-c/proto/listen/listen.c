/* listen.c: server sockets and the connections that they accept. */
#include "proto/listen/listen.h"

#include "proto/stream/stream.h"
#include "src/life.h"

static int32_t start(tw_core *core, tw_slot *slot) {
  char name[TW_MAX_HOST];
  uint32_t kind = (slot->flags & TW_SLOT_UNIX) != 0 ? TW_SOCKET_UNIX_LISTENER : TW_SOCKET_TCP_LISTENER;
  twc_chain_copy(&core->text_pool, &slot->target, 0, name, slot->target.size);
  return twc_socket_open(core, slot, kind, name, slot->target.size, slot->port);
}

static void connected(tw_core *core, tw_slot *slot) { twc_life_ready(core, slot); }

/* A listener has no stream: what a stream's delivery would say is not about it. */
static uint32_t received(tw_core *core, tw_slot *slot, uint8_t *data, uint32_t size) {
  (void)core;
  (void)slot;
  (void)data;
  return size;
}

static void nothing(tw_core *core, tw_slot *slot) {
  (void)core;
  (void)slot;
}

static void closed(tw_core *core, tw_slot *slot, int32_t error, uint32_t step) {
  (void)step; /* a listener neither sends nor receives */
  tw_end end = {.error = error == 0 ? TW_ERR_HOST : error,
                .step = slot->state == TW_STATE_CONNECTING ? TW_STEP_OPEN : TW_STEP_ACCEPT};
  end.close_code = end.error;
  twc_life_drop(core, slot, &end);
}

static void expired(tw_core *core, tw_slot *slot) {
  tw_end timeout = {.error = TW_ERR_TIMEOUT, .step = TW_STEP_OPEN, .close_code = TW_ERR_TIMEOUT};
  twc_life_expired(core, slot, &timeout);
}

/* Nothing is lost that an orderly end would save. */
static void app_close(tw_core *core, tw_slot *slot) { twc_life_drop(core, slot, &(tw_end){.clean = true}); }

const tw_protocol_ops tw_listen_protocol = {
    .start = start,
    .connected = connected,
    .received = received,
    .ended = nothing,
    .closed = closed,
    .flushed = nothing,
    .room = nothing,
    .expired = expired,
    .close = app_close,
    .retired = nothing,
};

int32_t twc_listen(tw_core *core, uint32_t kind, const char *name, uint32_t name_size, int32_t port) {
  bool path = kind == TW_SOCKET_UNIX_LISTENER;
  if (!path && kind != TW_SOCKET_TCP_LISTENER)
    return TW_ERR_ARGUMENT;
  if (path && !twc_text_is_path(name, name_size))
    return TW_ERR_PATH;
  if (!path && name_size > 0 && !twc_text_is_host(name, name_size))
    return TW_ERR_ARGUMENT;
  if (port < 0 || port > TW_MAX_PORT)
    return TW_ERR_PORT;
  tw_slot *slot = twc_slot_take(core, TW_KIND_LISTENER, &tw_listen_protocol);
  if (slot == NULL)
    return TW_ERR_LIMIT;
  slot->port = (uint16_t)port;
  slot->flags = path ? TW_SLOT_UNIX : 0;
  slot->per_address = (tw_peer_limits){.connections = 0};
  if (!twc_text_put(core, &slot->target, name, name_size)) {
    twc_slot_discard(core, slot);
    return TW_ERR_MEMORY;
  }
  return twc_life_open(core, slot);
}

int32_t twc_accepted(tw_core *core, int32_t listener) {
  tw_slot *from = twc_slot_owned(core, listener, TW_KIND_LISTENER);
  if (from == NULL || from->state != TW_STATE_OPEN)
    return TW_ERR_HANDLE;
  tw_slot *slot = twc_slot_take(core, TW_KIND_TCP, &tw_stream_protocol);
  if (slot == NULL) {
    tw_end end = {.error = TW_ERR_LIMIT, .step = TW_STEP_ACCEPT};
    twc_event_raise_error(core, from, &end, TW_FOREVER);
    return TW_ERR_LIMIT;
  }
  slot->listener = listener;
  slot->address = 0;
  slot->flags = TW_SLOT_SOCKET | TW_SLOT_ACCEPTED | (from->flags & (TW_SLOT_TLS | TW_SLOT_UNIX));
  from->stats.connects++;
  twc_life_accepted(core, slot);
  if (core->peers == NULL)
    twc_event_raise(core, slot, TW_RAISED_ACCEPTED);
  else
    slot->flags |= TW_SLOT_RELEASED; /* the application does not know of it before it is admitted */
  return twc_slot_handle(core, slot);
}
