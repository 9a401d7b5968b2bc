/* stream_read.c: tw_read, tw_read_exact and what they wait for. */
#include "wait.h"
#include "web.h"

/* Gives a call what it can have. false: it has to wait. */
static bool serve_read(tw_object *object, tw_call *call) {
  size_t there = object->received.size;
  bool last = object->ended || object->over;
  if (call->all ? there >= call->size : there > 0) {
    size_t size = there < call->size ? there : call->size;
    tw_bytes_take(&object->received, call->buffer, size);
    size_t again = size < object->returned ? size : object->returned; /* they were counted when they were read first */
    object->returned -= again;
    tw_net_consumed(object->handle, (uint32_t)(size - again));
    tw_call_finish(call, object, (int32_t)size);
    return true;
  }
  if (!last)
    return false;
  if (object->over && object->error != 0)
    tw_call_finish(call, object, object->error);
  else
    tw_call_finish(call, object, call->all ? TW_ERR_UNEXPECTED_EOF : 0);
  return true;
}

/* What waits is larger than the window: nothing would come of it. */
static void set_window(tw_object *object, size_t size) {
  if (size > object->window)
    tw_net_set_window(object->handle, (uint32_t)size);
}

static void restore_window(tw_object *object, const tw_call *call) {
  if (call->all && call->size > object->window && !object->over)
    tw_net_set_window(object->handle, object->window);
}

void tw_stream_read_on(tw_object *object) {
  tw_call *call = object->reader;
  if (call == NULL)
    return;
  bool exact = call->all && call->size > object->window;
  if (!serve_read(object, call))
    return;
  object->reader = NULL;
  if (exact && !object->over)
    tw_net_set_window(object->handle, object->window);
}

static void give_up_read(tw_call *call, int32_t error) {
  tw_object *object = tw_object_find(call->handle, TW_OBJECT_STREAM | TW_OBJECT_UDP);
  if (object == NULL || object->reader != call)
    return;
  object->reader = NULL;
  if (object->kind == TW_OBJECT_STREAM)
    restore_window(object, call);
  tw_call_finish(call, object, error);
}

void tw_begin_read(tw_call *call) {
  tw_object *object = tw_object_of(call, call->which);
  if (object == NULL)
    return;
  if (object->reader != NULL) {
    tw_call_refuse(call, object, TW_ERR_STATE, "another thread is reading; one at a time may");
  } else if (object->opener != NULL) {
    tw_call_refuse(call, object, TW_ERR_STATE, "TLS is being started");
  } else if (tw_patience_over(&object->read)) {
    tw_call_finish(call, object, TW_ERR_DEADLINE);
  } else if (object->kind == TW_OBJECT_UDP) {
    call->give_up = give_up_read;
    tw_udp_begin_read(object, call);
  } else if (!serve_read(object, call)) {
    if (object->nonblocking) {
      tw_call_finish(call, object, TW_ERR_WOULD_BLOCK);
      return;
    }
    object->reader = call;
    call->give_up = give_up_read;
    if (call->all)
      set_window(object, call->size);
    tw_call_wait_for(call, &object->read);
  }
}

static int32_t read_call(const char *name, int32_t conn, void *buffer, size_t size, bool all) {
  tw_call call = {.name = name,
                  .begin = tw_begin_read,
                  .handle = conn,
                  .buffer = buffer,
                  .size = size,
                  .all = all,
                  .which = TW_OBJECT_STREAM | TW_OBJECT_UDP};
  if (buffer == NULL || size == 0)
    return tw_fail(name, NULL, TW_ERR_ARGUMENT, buffer == NULL ? "the buffer is NULL" : "the buffer has no room");
  return tw_call_run(&call);
}

int32_t tw_read(int32_t conn, void *buffer, size_t capacity) {
  return read_call("tw_read", conn, buffer, capacity > INT32_MAX ? INT32_MAX : capacity, false);
}

int32_t tw_read_exact(int32_t conn, void *buffer, size_t size) {
  if (size > TW_MAX_WINDOW)
    return tw_fail("tw_read_exact", NULL, TW_ERR_ARGUMENT, "at most 1073741824 bytes can be read at once");
  return read_call("tw_read_exact", conn, buffer, size, true);
}

static void begin_unread(tw_call *call) {
  tw_object *object = tw_object_of(call, TW_OBJECT_STREAM);
  if (object == NULL)
    return;
  if (tw_bytes_give_back(&object->received, call->data, call->size)) {
    object->returned += call->size;
    tw_call_finish(call, object, 0);
  } else {
    tw_call_finish(call, object, TW_ERR_MEMORY);
  }
}

int32_t tw_unread(int32_t conn, const void *data, size_t size) {
  tw_call call = {.name = "tw_unread", .begin = begin_unread, .handle = conn, .data = data, .size = size};
  return tw_call_run(&call);
}
