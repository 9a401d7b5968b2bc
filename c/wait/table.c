/* table.c: numbers and what they stand for, and the life of the engine. */
#include <stdlib.h>

#include "handles.h"
#include "wait.h"

static struct {
  tw_object **objects;
  uint32_t count;
  tw_object *settling;
} engine;

/* Outbound memory for twice what all connections together can hold, so that none waits for another one; it is address
 * space until it is used. */
void tw_engine_limits(tw_limits *limits, uint32_t sockets) {
  uint32_t least = TW_ENGINE_SOCKETS / 4, most = TW_ENGINE_MAX_SOCKETS / 2;
  uint32_t counted = sockets < least ? least : sockets > most ? most : sockets;
  *limits = (tw_limits)TW_LIMITS_HOST;
  limits->sockets = sockets;
  limits->webSockets = 0;
  limits->sendBuffer = TW_ENGINE_SEND_BUFFER;
  limits->sendPool = 2 * TW_ENGINE_SEND_BUFFER * counted;
}

int32_t tw_engine_begin(uint32_t sockets) {
  engine.objects = calloc(sockets, sizeof(tw_object *));
  engine.count = sockets;
  engine.settling = NULL;
  return engine.objects == NULL ? TW_ERR_MEMORY : 0;
}

void tw_engine_end(void) {
  for (uint32_t i = 0; i < engine.count; i++)
    if (engine.objects[i] != NULL)
      tw_object_close(engine.objects[i], TW_ERR_ABORTED, "the engine was stopped");
  free(engine.objects);
  engine.objects = NULL;
  engine.count = 0;
}

tw_core *tw_engine_core(void) { return tw_handles_current()->core; }

static tw_object **place_of(int32_t handle) {
  uint32_t index = (uint32_t)handle & TW_HANDLE_INDEX;
  return handle <= 0 || index >= engine.count ? NULL : &engine.objects[index];
}

tw_object *tw_object_new(int32_t handle, tw_object_kind kind, const char *target) {
  tw_object **place = place_of(handle);
  tw_object *object = place == NULL ? NULL : calloc(1, sizeof *object);
  if (object == NULL)
    return NULL;
  object->handle = handle;
  object->kind = (uint8_t)kind;
  object->window = TW_WINDOW;
  object->last_datagram = &object->first_datagram;
  tw_copy_text(object->target, sizeof object->target, target);
  *place = object;
  return object;
}

tw_object *tw_object_find(int32_t handle, uint32_t kinds) {
  tw_object **place = place_of(handle);
  if (place == NULL || *place == NULL || (*place)->handle != handle || ((*place)->kind & kinds) == 0)
    return NULL;
  return *place;
}

/* Only the call that opens a connection knows it until it is open. */
tw_object *tw_object_of(tw_call *call, uint32_t kinds) {
  tw_object *object = tw_object_find(call->handle, kinds);
  if (object != NULL && object->open)
    return object;
  tw_call_finish(call, NULL, TW_ERR_HANDLE);
  return NULL;
}

void tw_object_settle(tw_object *object) {
  if (object->settling)
    return;
  object->settling = true;
  object->next_settling = engine.settling;
  engine.settling = object;
}

void tw_engine_settle(void) {
  tw_object *object = engine.settling;
  engine.settling = NULL;
  while (object != NULL) {
    tw_object *next = object->next_settling;
    object->settling = false;
    tw_stream_settle(object);
    object = next;
  }
}

static void unsettle(tw_object *object) {
  tw_object **link = &engine.settling;
  while (object->settling && *link != NULL) {
    if (*link == object) {
      *link = object->next_settling;
      return;
    }
    link = &(*link)->next_settling;
  }
}

static void end_call(tw_call **call, tw_object *object, int32_t error, const char *reason) {
  tw_call *waiting = *call;
  *call = NULL;
  if (waiting != NULL)
    tw_call_refuse(waiting, object, error, reason);
}

void tw_object_close(tw_object *object, int32_t error, const char *reason) {
  tw_object **place = place_of(object->handle);
  if (place != NULL)
    *place = NULL;
  unsettle(object);
  tw_pool_forget(object);
  tw_net_close(object->handle);
  end_call(&object->opener, object, error, reason);
  end_call(&object->reader, object, error, reason);
  end_call(&object->writer, object, error, reason);
  for (tw_call *call = tw_calls_take(&object->acceptors); call != NULL; call = tw_calls_take(&object->acceptors))
    tw_call_refuse(call, object, error, reason);
  tw_bytes_free(&object->received);
  tw_udp_free(object);
  tw_listener_free(object);
  free(object);
}
