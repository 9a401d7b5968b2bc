#include "proto/stream/stream.h"

#include "src/life.h"
#include "src/utf8.h"

static int32_t start(tw_core *core, tw_slot *slot) {
  char host[TW_MAX_HOST];
  tw_chain_copy(&core->text_pool, &slot->target, 0, host, slot->target.size);
  return tw_socket_open(core, slot, TW_KIND_TCP, host, slot->target.size, slot->port);
}

static void connected(tw_core *core, tw_slot *slot) {
  if (slot->state == TW_STATE_CONNECTING)
    tw_life_ready(core, slot);
}

static uint32_t received(tw_core *core, tw_slot *slot, uint8_t *data, uint32_t size) {
  if (slot->state != TW_STATE_OPEN)
    return size;
  tw_event *event = tw_event_make(core, slot, TW_EVENT_DATA);
  event->data = (uint32_t)(data - core->arena);
  event->size = size;
  event->flags = tw_ascii_prefix(data, size) == size ? TW_FLAG_ASCII : 0;
  return size;
}

/* Over for both directions, but what was queued still goes out. */
static void finish(tw_core *core, tw_slot *slot) {
  if (slot->tx.size > 0)
    tw_life_closing(core, slot);
  else
    tw_life_drop(core, slot, &(tw_end){.clean = true});
}

static void ended(tw_core *core, tw_slot *slot) {
  if (slot->state == TW_STATE_OPEN)
    finish(core, slot);
}

static void closed(tw_core *core, tw_slot *slot, int32_t error) {
  tw_end end = {.error = error, .step = TW_STEP_RECEIVE, .close_code = error};
  if (slot->state == TW_STATE_CONNECTING) {
    end.step = TW_STEP_CONNECT;
    if (error == 0)
      end.error = end.close_code = TW_ERR_ENDED;
  } else {
    end.clean = error == 0 && slot->tx.size == 0;
  }
  tw_life_drop(core, slot, &end);
}

static void flushed(tw_core *core, tw_slot *slot) { tw_life_drop(core, slot, &(tw_end){.clean = true}); }

static void expired(tw_core *core, tw_slot *slot) {
  tw_end timeout = {.error = TW_ERR_TIMEOUT,
                    .step = slot->state == TW_STATE_CLOSING ? TW_STEP_CLOSE : TW_STEP_CONNECT,
                    .close_code = TW_ERR_TIMEOUT};
  tw_life_expired(core, slot, &timeout);
}

static void app_close(tw_core *core, tw_slot *slot) {
  if (slot->state == TW_STATE_OPEN)
    finish(core, slot);
  else if (slot->state != TW_STATE_CLOSING)
    tw_life_close(core, slot, 0);
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
    .expired = expired,
    .close = app_close,
    .retired = retired,
};

/* A name or an address goes to the host's resolver as it is; what no resolver takes is refused here. */
static bool host_valid(const char *host, uint32_t size) {
  if (size == 0 || size > TW_MAX_HOST)
    return false;
  for (uint32_t i = 0; i < size; i++)
    if ((uint8_t)host[i] <= ' ' || host[i] == 0x7f)
      return false;
  return true;
}

int32_t tw_tcp_connect(tw_core *core, const char *host, uint32_t host_size, int32_t port) {
  if (!host_valid(host, host_size))
    return TW_ERR_ARGUMENT;
  if (port < 1 || port > TW_MAX_PORT)
    return TW_ERR_PORT;
  tw_slot *slot = tw_slot_take(core, TW_KIND_TCP);
  if (slot == NULL)
    return TW_ERR_LIMIT;
  slot->port = (uint16_t)port;
  if (!tw_text_put(core, &slot->target, host, host_size)) {
    tw_slot_discard(core, slot);
    return TW_ERR_MEMORY;
  }
  return tw_life_open(core, slot);
}

int32_t tw_send(tw_core *core, int32_t handle, const void *data, uint32_t size) {
  tw_slot *slot = tw_slot_owned(core, handle, TW_KIND_TCP);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  if (slot->state != TW_STATE_OPEN)
    return TW_ERR_STATE;
  if (size == 0)
    return 0;
  int32_t error = tw_tx_admit(core, slot, size);
  if (error != 0)
    return error;
  tw_tx_put(core, slot, data, size);
  return (int32_t)size;
}
