/* stream_write.c: tw_write, tw_write_all, tw_close_write and what they wait for.
 *
 * A call is finished when the system has taken its bytes; tw_stream_settle looks for that after each iteration of the
 * loop. While bytes are queued it tries a send that is refused, so that DRAIN follows when nothing is queued any more.
 */
#include "wait.h"

enum { PIECE = 16384 };

static void finish_write(tw_object *object, int32_t result) {
  tw_call *call = object->writer;
  object->writer = NULL;
  tw_call_finish(call, object, result);
}

/* Queues what fits; returns 0 or an error. */
static int32_t offer(tw_object *object, tw_call *call) {
  const char *data = call->data;
  while (call->at < call->size) {
    size_t left = call->size - call->at;
    int32_t room = twc_room(tw_engine_core(), object->handle);
    size_t piece = room > 0 ? (size_t)room : PIECE; /* without room it is refused, and DRAIN follows */
    int32_t sent = tw_net_send(object->handle, data + call->at, piece < left ? piece : left);
    if (sent < 0)
      return tw_last_error() == TW_ERR_BACKPRESSURE ? 0 : tw_last_error();
    call->at += (size_t)sent;
  }
  return 0;
}

void tw_stream_write_on(tw_object *object) {
  tw_call *call = object->writer;
  if (call == NULL)
    return;
  if (object->over) {
    finish_write(object, object->error != 0 ? object->error : TW_ERR_ENDED);
    return;
  }
  int32_t error = call->all || call->at == 0 ? offer(object, call) : 0;
  if (error != 0)
    finish_write(object, error);
  else
    tw_object_settle(object);
}

void tw_stream_settle(tw_object *object) {
  static const char probe[TW_ENGINE_SEND_BUFFER];
  tw_call *call = object->writer;
  if (call == NULL || object->over || call->at == 0 || (call->all && call->at < call->size))
    return;
  if (tw_net_buffered_amount(object->handle) == 0)
    finish_write(object, call->all ? 0 : (int32_t)call->at);
  else
    tw_net_send(object->handle, probe, sizeof probe);
}

static void give_up_write(tw_call *call, int32_t error) {
  tw_object *object = tw_object_find(call->handle, TW_OBJECT_STREAM | TW_OBJECT_UDP);
  if (object == NULL || object->writer != call)
    return;
  finish_write(object, !call->all && call->at > 0 ? (int32_t)call->at : error);
}

/* As much as fits, or all of it or nothing. */
static void write_now(tw_object *object, tw_call *call) {
  int32_t room = twc_room(tw_engine_core(), object->handle);
  size_t size = room < 0 ? 0 : (size_t)room < call->size ? (size_t)room : call->size;
  if (size == 0 || (call->all && size < call->size))
    tw_call_finish(call, object, TW_ERR_WOULD_BLOCK);
  else if (tw_net_send(object->handle, call->data, size) < 0)
    tw_call_finish(call, object, tw_last_error() == TW_ERR_BACKPRESSURE ? TW_ERR_WOULD_BLOCK : tw_last_error());
  else
    tw_call_finish(call, object, call->all ? 0 : (int32_t)size);
}

int32_t tw_stream_unwritable(tw_object *object, const char **reason) {
  *reason = NULL;
  if (object->writer != NULL)
    *reason = "another thread is writing; one at a time may";
  else if (object->shut)
    *reason = "our half of the stream was ended by tw_close_write";
  else if (object->opener != NULL)
    *reason = "TLS is being started";
  if (*reason != NULL)
    return TW_ERR_STATE;
  if (object->over)
    return object->error != 0 ? object->error : TW_ERR_ENDED;
  return tw_patience_over(&object->write) ? TW_ERR_DEADLINE : 0;
}

void tw_begin_write(tw_call *call) {
  tw_object *object = tw_object_of(call, call->which);
  if (object == NULL)
    return;
  const char *reason;
  int32_t error = tw_stream_unwritable(object, &reason);
  if (error != 0) {
    tw_call_refuse(call, object, error, reason);
  } else if (object->kind == TW_OBJECT_UDP) {
    call->give_up = give_up_write;
    tw_udp_begin_write(object, call);
  } else if (call->size == 0) {
    tw_call_finish(call, object, 0);
  } else if (object->nonblocking) {
    write_now(object, call);
  } else {
    object->writer = call;
    call->give_up = give_up_write;
    tw_call_wait_for(call, &object->write);
    tw_stream_write_on(object);
  }
}

static int32_t write_call(const char *name, int32_t conn, const void *data, size_t size, bool all) {
  tw_call call = {.name = name,
                  .begin = tw_begin_write,
                  .handle = conn,
                  .data = data,
                  .size = size,
                  .all = all,
                  .which = TW_OBJECT_STREAM | TW_OBJECT_UDP};
  if (data == NULL && size > 0)
    return tw_fail(name, NULL, TW_ERR_ARGUMENT, "the data is NULL");
  return tw_call_run(&call);
}

int32_t tw_write(int32_t conn, const void *data, size_t size) {
  return write_call("tw_write", conn, data, size > INT32_MAX ? INT32_MAX : size, false);
}

int32_t tw_write_all(int32_t conn, const void *data, size_t size) {
  int32_t result = write_call("tw_write_all", conn, data, size, true);
  return result > 0 ? 0 : result;
}

static void begin_close_write(tw_call *call) {
  tw_object *object = tw_object_of(call, TW_OBJECT_STREAM);
  if (object == NULL)
    return;
  if (object->writer != NULL) {
    tw_call_refuse(call, object, TW_ERR_STATE, "another thread is writing");
  } else if (object->over) {
    tw_call_finish(call, object, object->error != 0 ? object->error : TW_ERR_STATE);
  } else if (!object->shut && tw_net_shutdown(object->handle) < 0) {
    tw_call_finish(call, object, tw_last_error());
  } else {
    object->shut = true;
    tw_call_finish(call, object, 0);
  }
}

int32_t tw_close_write(int32_t conn) {
  tw_call call = {.name = "tw_close_write", .begin = begin_close_write, .handle = conn};
  return tw_call_run(&call);
}
