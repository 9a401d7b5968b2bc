/* deliver.c: the way from the records of the core to the listeners of the application: one event for each record. */
#include "handles.h"

#include <string.h>

/* A record may have been made before the application closed the handle: then no retry follows. */
static int32_t retry_of(const tw_handles_slot *slot, const tw_event *record) {
  return slot->released || record->retry_ms == TW_FOREVER ? -1 : (int32_t)record->retry_ms; /* at most a day */
}

static void deliver_end(tw_handles *handles, tw_handles_slot *slot, const tw_event *record) {
  bool clean = (record->flags & TW_FLAG_CLEAN) != 0;
  if (tw_handles_is_web_socket(slot)) {
    tw_handles_drop_message(handles, slot);
    WsDisconnected event = {slot->handle, record->code, clean, record->detail, retry_of(slot, record)};
    tw_handles_call(handles, slot, TW_HANDLES_WsDisconnected, &event);
  } else {
    NetDisconnected event = {slot->handle, record->code, clean, record->detail, retry_of(slot, record)};
    tw_handles_call(handles, slot, TW_HANDLES_NetDisconnected, &event);
  }
  if (slot->server != NULL && slot->accepted && !slot->released && twc_close(handles->core, slot->handle) == 0)
    tw_handles_leave(handles, slot); /* no one else would close what a server has accepted */
}

static void deliver_error(tw_handles *handles, tw_handles_slot *slot, const tw_event *record) {
  uint32_t called;
  int32_t handle = slot->handle;
  if (tw_handles_is_web_socket(slot)) {
    WsError event = {handle, record->code, record->step, retry_of(slot, record), record->detail};
    called = tw_handles_call(handles, slot, TW_HANDLES_WsError, &event);
  } else {
    NetError event = {handle, record->code, record->step, retry_of(slot, record)};
    called = tw_handles_call(handles, slot, TW_HANDLES_NetError, &event);
  }
  if (called == 0 && slot->exchange == NULL && handles->host.unhandled != NULL)
    handles->host.unhandled(handles->host.host, handle, record->code, record->step);
}

void tw_handles_broken(tw_handles *handles, tw_handles_slot *slot, int32_t error, uint32_t close_code) {
  int32_t handle = slot->handle;
  tw_event record = {.handle = handle, .code = error, .step = TW_STEP_RECEIVE, .retry_ms = TW_FOREVER};
  deliver_error(handles, slot, &record);
  if (slot->handle == handle && !slot->released && twc_ws_close(handles->core, handle, close_code, "", 0) == 0)
    tw_handles_leave(handles, slot);
}

/* A control frame's bytes may lie where a NUL behind them would destroy something: they are copied. */
static void deliver_control(tw_handles *handles, tw_handles_slot *slot, const tw_event *record, const char *data) {
  char bytes[TW_MAX_CONTROL + 1];
  memcpy(bytes, data, record->size);
  bytes[record->size] = 0;
  if (record->type == TW_EVENT_CLOSE) {
    WsClosing event = {slot->handle, record->code, bytes, record->size};
    tw_handles_call(handles, slot, TW_HANDLES_WsClosing, &event);
  } else if (record->type == TW_EVENT_PING) {
    WsPing event = {slot->handle, bytes, record->size};
    tw_handles_call(handles, slot, TW_HANDLES_WsPing, &event);
  } else {
    WsPong event = {slot->handle, bytes, record->size};
    tw_handles_call(handles, slot, TW_HANDLES_WsPong, &event);
  }
}

/* Text can be printed as it is: while its event is emitted, a NUL follows it in a byte that the core keeps free. */
static void deliver_data(tw_handles *handles, tw_handles_slot *slot, const tw_event *record, char *data) {
  char behind = data[record->size];
  char address[TW_MAX_ADDRESS + 1];
  uint32_t address_size = record->detail < TW_MAX_ADDRESS ? record->detail : TW_MAX_ADDRESS;
  if (record->type == TW_EVENT_DATAGRAM)
    memcpy(address, twc_rx_address(handles->core), address_size);
  address[address_size] = 0;
  data[record->size] = 0;
  if (record->type == TW_EVENT_DATA) {
    NetData event = {data, record->size, slot->handle};
    tw_handles_call(handles, slot, TW_HANDLES_NetData, &event);
  } else {
    NetDatagram event = {data, address, record->port, record->size, slot->handle};
    tw_handles_call(handles, slot, TW_HANDLES_NetDatagram, &event);
  }
  data[record->size] = behind;
}

/* Emits an event whose only field is the handle. */
#define EMIT_PLAIN(handles, slot, type)                                                                                \
  do {                                                                                                                 \
    type event = {(slot)->handle};                                                                                     \
    tw_handles_call((handles), (slot), TW_HANDLES_##type, &event);                                                     \
  } while (0)

static void deliver_state(tw_handles *handles, tw_handles_slot *slot, uint32_t type) {
  if (type == TW_EVENT_CONNECTED && tw_handles_is_web_socket(slot))
    EMIT_PLAIN(handles, slot, WsConnected);
  else if (type == TW_EVENT_CONNECTED)
    EMIT_PLAIN(handles, slot, NetConnected);
  else if (type == TW_EVENT_DRAIN && tw_handles_is_web_socket(slot))
    EMIT_PLAIN(handles, slot, WsDrain);
  else if (type == TW_EVENT_DRAIN)
    EMIT_PLAIN(handles, slot, NetDrain);
  else if (type == TW_EVENT_SECURED)
    EMIT_PLAIN(handles, slot, NetSecured);
  else if (type == TW_EVENT_ENDED)
    EMIT_PLAIN(handles, slot, NetEnded);
}

static void deliver_accepted(tw_handles *handles, const tw_event *record) {
  tw_handles_slot *listener = tw_handles_find(handles, (int32_t)record->detail);
  tw_handles_add(handles, record->handle, TW_KIND_TCP, listener == NULL ? NULL : listener->tls);
  tw_handles_slot *slot = tw_handles_find(handles, record->handle);
  slot->accepted = true;
  if (listener != NULL)
    slot->keep_alive = listener->keep_alive;
  if (listener != NULL && listener->server != NULL) {
    slot->server = listener->server;
    handles->server_ops->accepted(handles, slot);
    return;
  }
  NetAccepted event = {record->handle, (int32_t)record->detail};
  bool received =
      listener != NULL && !listener->released && tw_handles_call(handles, listener, TW_HANDLES_NetAccepted, &event) > 0;
  slot = tw_handles_find(handles, record->handle);
  if (!received && slot != NULL && twc_close(handles->core, record->handle) == 0)
    tw_handles_leave(handles, slot);
}

/* What an endpoint still receives once the application has closed it. */
static bool is_farewell(uint32_t type) { return type == TW_EVENT_CLOSE || type == TW_EVENT_DISCONNECTED; }

static void deliver_one(tw_handles *handles, const tw_event *record) {
  handles->delivered++;
  if (record->type == TW_EVENT_ACCEPTED) {
    deliver_accepted(handles, record);
    return;
  }
  tw_handles_slot *slot = tw_handles_find(handles, record->handle);
  if (slot == NULL || (slot->released && !is_farewell(record->type)))
    return;
  char *data = (char *)handles->core + record->data; /* the core lies at the start of its arena */
  if (slot->exchange != NULL && handles->server_ops->record(handles, slot, record, data))
    return;
  switch (record->type) {
  case TW_EVENT_DISCONNECTED:
    deliver_end(handles, slot, record);
    break;
  case TW_EVENT_DATA:
  case TW_EVENT_DATAGRAM:
    deliver_data(handles, slot, record, data);
    break;
  case TW_EVENT_MESSAGE:
    if (tw_handles_is_web_socket(slot)) /* a host can have made one of a connection that it accepted */
      tw_handles_message(handles, slot, record, data);
    break;
  case TW_EVENT_ERROR:
    deliver_error(handles, slot, record);
    break;
  case TW_EVENT_CLOSE:
  case TW_EVENT_PING:
  case TW_EVENT_PONG:
    deliver_control(handles, slot, record, data);
    break;
  case TW_EVENT_DEADLINE: {
    NetDeadline event = {slot->handle, record->detail};
    tw_handles_call(handles, slot, TW_HANDLES_NetDeadline, &event);
    break;
  }
  default:
    deliver_state(handles, slot, record->type);
    break;
  }
}

void tw_handles_drain(tw_handles *handles, uint32_t count) {
  for (; count > 0; count = twc_pump(handles->core))
    for (uint32_t i = 0; i < count; i++)
      deliver_one(handles, &twc_events(handles->core)[i]);
}

void tw_handles_deliver(tw_handles *handles, uint32_t count) {
  handles->delivering = true;
  tw_handles_drain(handles, count);
  if (handles->settling != NULL || handles->lender != NULL)
    handles->server_ops->settle(handles);
  handles->delivering = false;
}

uint32_t tw_handles_delivered(const tw_handles *handles) { return handles->delivered; }

bool tw_handles_delivering(const tw_handles *handles) { return handles->delivering; }

void tw_handles_touch(tw_handles *handles) {
  if (!handles->delivering && handles->waiting == 0)
    handles->waiting = twc_tick(handles->core, handles->host.now_ms(handles->host.host));
}

void tw_handles_tick(tw_handles *handles) {
  uint32_t waiting = handles->waiting;
  handles->waiting = 0;
  tw_handles_deliver(handles, waiting);
  tw_handles_deliver(handles, twc_tick(handles->core, handles->host.now_ms(handles->host.host)));
  tw_handles_deliver(handles,
                     twc_pump(handles->core)); /* ends that were deferred until the last loop iteration was over */
  tw_handles_sweep(handles);
}

bool tw_handles_flush(tw_handles *handles) {
  return twc_flush(handles->core) != 0 || handles->waiting > 0 || handles->settling != NULL;
}

void tw_handles_failed(tw_handles *handles, int32_t handle, int32_t error, uint32_t step, uint32_t retry_ms) {
  tw_handles_slot *slot = tw_handles_find(handles, handle);
  if (slot == NULL || slot->released)
    return;
  tw_event record = {.handle = handle, .code = error, .step = (uint16_t)step, .retry_ms = retry_ms};
  handles->delivered++;
  handles->delivering = true;
  deliver_error(handles, slot, &record);
  handles->delivering = false;
}
