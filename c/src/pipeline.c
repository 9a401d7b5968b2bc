/* pipeline.c: what comes behind a request, kept until the request is answered and then delivered once more. */
#include <string.h>

#include "server.h"

enum { UNAVAILABLE = 503 };

void tw_exchange_settle_later(tw_handles *handles, tw_exchange *exchange) {
  if (exchange->queued)
    return;
  exchange->queued = true;
  exchange->settle = handles->settling;
  handles->settling = exchange;
}

void tw_exchange_take_behind(tw_handles *handles, tw_handles_slot *slot, const char *data, uint32_t size) {
  tw_exchange *exchange = slot->exchange;
  if (exchange->phase == TW_EXCHANGE_OVER)
    return;
  if (!tw_bytes_append(handles, &exchange->behind, data, size)) {
    tw_exchange_close(handles, slot);
    return;
  }
  if (exchange->phase == TW_EXCHANGE_READING || exchange->phase == TW_EXCHANGE_UPGRADED) {
    tw_exchange_settle_later(handles, exchange);
  } else if (!exchange->paused) {
    exchange->paused = true;
    twc_set_receiving(handles->core, slot->handle, 0);
  }
}

/* Delivers what came behind a request once more: to the next one, or to the WebSocket. */
static void deliver_behind(tw_handles *handles, tw_handles_slot *slot) {
  tw_exchange *exchange = slot->exchange;
  int32_t handle = slot->handle;
  bool ended = exchange->ended;
  if (exchange->paused) {
    exchange->paused = false;
    twc_set_receiving(handles->core, handle, 1);
  }
  tw_bytes bytes = exchange->behind;
  exchange->behind = (tw_bytes){0};
  for (uint32_t at = 0; at < bytes.size;) {
    uint32_t size = bytes.size - at < handles->recv_buffer ? bytes.size - at : handles->recv_buffer;
    memcpy(twc_rx_buffer(handles->core), bytes.at + at, size);
    at += size;
    tw_handles_drain(handles, twc_unread(handles->core, handle, size));
  }
  tw_bytes_drop(handles, &bytes);
  if (ended)
    tw_handles_drain(handles, twc_ended(handles->core, handle));
}

static void settle_one(tw_handles *handles, tw_exchange *exchange) {
  tw_handles_slot *slot = tw_handles_find(handles, exchange->handle);
  if (slot == NULL || slot->exchange != exchange)
    return;
  if (exchange->phase == TW_EXCHANGE_UPGRADED)
    tw_exchange_connected(handles, slot);
  if (slot->exchange != exchange)
    return;
  if (exchange->behind.size > 0 && !slot->released &&
      (exchange->phase == TW_EXCHANGE_READING || exchange->phase == TW_EXCHANGE_UPGRADED))
    deliver_behind(handles, slot);
  if (slot->exchange == exchange && exchange->phase == TW_EXCHANGE_UPGRADED)
    tw_exchange_free(handles, slot);
}

static void keep_lent(tw_handles *handles) {
  tw_exchange *exchange = handles->lender;
  if (exchange == NULL)
    return;
  tw_handles_slot *slot = tw_handles_find(handles, exchange->handle);
  if (!tw_exchange_keep(handles, exchange) && slot != NULL)
    tw_exchange_fail(handles, slot, TW_ERR_OVERLOAD, UNAVAILABLE);
}

void tw_exchange_settle_all(tw_handles *handles) {
  keep_lent(handles);
  while (handles->settling != NULL) {
    tw_exchange *exchange = handles->settling;
    handles->settling = exchange->settle;
    exchange->queued = false;
    settle_one(handles, exchange);
    keep_lent(handles);
  }
}
