/* exchange.c: a connection of an HTTP server: its memory, its errors and its end. */
#include <string.h>

#include "server.h"

/* ---- Bytes ------------------------------------------------------------------------------------------------------- */

bool tw_bytes_append(tw_handles *handles, tw_bytes *bytes, const char *data, uint32_t size) {
  enum { FIRST_ROOM = 1024 };
  if (handles->unfinished + size > handles->max_unfinished)
    return false;
  uint32_t need = bytes->size + size + 1; /* and a NUL */
  if (need > bytes->room) {
    uint32_t room = bytes->room * 2 > need ? bytes->room * 2 : need;
    room = room < FIRST_ROOM ? FIRST_ROOM : room;
    char *grown = tw_handles_resize(handles, bytes->at, room);
    if (grown == NULL)
      return false;
    bytes->at = grown;
    bytes->room = room;
  }
  if (size > 0)
    memcpy(bytes->at + bytes->size, data, size);
  bytes->size += size;
  handles->unfinished += size;
  return true;
}

void tw_bytes_drop(tw_handles *handles, tw_bytes *bytes) {
  handles->unfinished -= bytes->size;
  if (bytes->at != NULL)
    tw_handles_resize(handles, bytes->at, 0);
  *bytes = (tw_bytes){0};
}

/* ---- An exchange ------------------------------------------------------------------------------------------------- */

static void unlink_exchange(tw_handles *handles, const tw_exchange *exchange) {
  for (tw_exchange **link = &handles->settling; *link != NULL; link = &(*link)->settle)
    if (*link == exchange) {
      *link = exchange->settle;
      break;
    }
  if (handles->lender == exchange)
    handles->lender = NULL;
}

void tw_exchange_free(tw_handles *handles, tw_handles_slot *slot) {
  tw_exchange *exchange = slot->exchange;
  if (exchange == NULL)
    return;
  if (exchange->queued || exchange->lent)
    unlink_exchange(handles, exchange);
  tw_bytes_drop(handles, &exchange->kept);
  tw_bytes_drop(handles, &exchange->behind);
  tw_handles_resize(handles, exchange, 0);
  slot->exchange = NULL;
}

tw_exchange *tw_exchange_waiting(tw_handles *handles, int32_t sock, tw_handles_slot **slot) {
  *slot = tw_handles_owned(handles, sock, TW_HANDLES_NET | TW_HANDLES_WS);
  if (*slot == NULL)
    return NULL;
  tw_exchange *exchange = (*slot)->exchange;
  if (exchange != NULL && exchange->phase == TW_EXCHANGE_WAITING)
    return exchange;
  tw_handles_refuse(TW_ERR_STATE);
  return NULL;
}

void tw_exchange_close(tw_handles *handles, tw_handles_slot *slot) {
  slot->exchange->phase = TW_EXCHANGE_OVER;
  if (!slot->released && twc_close(handles->core, slot->handle) == 0)
    tw_handles_leave(handles, slot);
}

const char *tw_exchange_head(const tw_exchange *exchange) {
  return exchange->lent ? exchange->head : exchange->kept.at;
}

bool tw_exchange_keep(tw_handles *handles, tw_exchange *exchange) {
  if (!exchange->lent)
    return true;
  exchange->lent = false;
  handles->lender = NULL;
  return tw_bytes_append(handles, &exchange->kept, exchange->head, exchange->head_size) &&
         tw_bytes_append(handles, &exchange->kept, exchange->body, exchange->body_size);
}

/* ---- Events ------------------------------------------------------------------------------------------------------ */

void tw_exchange_report(tw_handles *handles, tw_handles_slot *slot, int32_t code, uint32_t status) {
  HttpError event = {slot->handle, slot->server->handle, code, status};
  int32_t handle = slot->handle;
  if (tw_handles_call(handles, slot, TW_HANDLES_HttpError, &event) == 0 && handles->host.unhandled != NULL)
    handles->host.unhandled(handles->host.host, handle, code, 0);
}

void tw_exchange_fail(tw_handles *handles, tw_handles_slot *slot, int32_t code, uint32_t status) {
  int32_t handle = slot->handle;
  slot->exchange->phase = TW_EXCHANGE_OVER;
  tw_exchange_report(handles, slot, code, status);
  if (slot->handle == handle && !slot->released)
    tw_exchange_refuse(handles, slot, status);
}

void tw_exchange_connected(tw_handles *handles, tw_handles_slot *slot) {
  if (slot->exchange->connected)
    return;
  slot->exchange->connected = true;
  WsConnected event = {slot->handle};
  tw_handles_call(handles, slot, TW_HANDLES_WsConnected, &event);
}
