/* listener.c: accepting: connections that wait to be accepted, calls that wait for connections, and handlers. */
#include <stdlib.h>

#include "wait.h"

static tw_object *listener_of(int32_t handle) { return tw_object_find(handle, TW_OBJECT_LISTENER); }

/* ---- Handlers ------------------------------------------------------------------------------------------------ */

/* What a handler's thread needs. */
typedef struct run {
  int32_t listener;
  int32_t conn;
  void (*handler)(int32_t conn, void *ctx);
  void *ctx;
} run;

static void start_handlers(tw_object *object);

/* A handler has returned. */
static void begin_done(tw_call *call) {
  tw_object *object = listener_of(call->handle);
  if (object != NULL && object->running > 0) {
    object->running--;
    start_handlers(object);
  }
  tw_call_finish(call, NULL, 0);
}

static void run_handler(void *ctx) {
  run it = *(run *)ctx;
  free(ctx);
  it.handler(it.conn, it.ctx);
  tw_conn_close(it.conn); /* which it may have done itself */
  tw_call call = {.name = "tw_accept_each", .begin = begin_done, .handle = it.listener};
  tw_engine_call(&call);
}

static int32_t next_ready(tw_object *object) {
  int32_t conn = object->ready[object->ready_at];
  object->ready_at = (object->ready_at + 1) % object->backlog;
  object->ready_count--;
  return conn;
}

/* A connection for which there is no thread is closed: its peer sees that, and tries again. */
static void start_handlers(tw_object *object) {
  while (object->handler != NULL && object->ready_count > 0 && object->running < object->handlers) {
    int32_t conn = next_ready(object);
    run *it = malloc(sizeof *it);
    if (it != NULL) {
      *it = (run){object->handle, conn, object->handler, object->handler_ctx};
      if (tw_engine_spawn(run_handler, it) == 0) {
        object->running++;
        continue;
      }
    }
    free(it);
    tw_object *lost = tw_object_find(conn, TW_OBJECT_STREAM);
    if (lost != NULL)
      tw_object_close(lost, TW_ERR_MEMORY, NULL);
  }
}

/* ---- Events -------------------------------------------------------------------------------------------------- */

/* Without a listener of its own the connection is closed. */
void tw_listener_on_accepted(const NetAccepted *e, void *ctx) {
  (void)ctx;
  tw_object *object = listener_of(e->listener);
  if (object == NULL || object->ready_count + object->pending >= object->backlog) {
    tw_net_close(e->sock);
    return;
  }
  tw_object *conn = tw_object_new(e->sock, TW_OBJECT_STREAM, "");
  if (conn == NULL) {
    tw_net_close(e->sock);
    return;
  }
  conn->listener = object->handle;
  conn->window = object->window;
  conn->secure = object->secure;
  object->pending++;
  if (tw_stream_watch(conn) != 0) {
    object->pending--;
    tw_object_close(conn, tw_last_error(), NULL);
  }
}

void tw_listener_settled(tw_object *conn, int32_t error) {
  tw_object *object = listener_of(conn->listener);
  conn->listener = 0;
  if (object != NULL)
    object->pending--;
  if (object == NULL || error != 0) {
    tw_object_close(conn, error == 0 ? TW_ERR_STATE : error, NULL);
    return;
  }
  conn->open = true;
  tw_call *call = tw_calls_take(&object->acceptors);
  if (call != NULL) {
    tw_call_finish(call, object, conn->handle);
    return;
  }
  object->ready[(object->ready_at + object->ready_count) % object->backlog] = conn->handle;
  object->ready_count++;
  start_handlers(object);
}

void tw_listener_free(tw_object *object) {
  while (object->ready_count > 0) {
    tw_object *conn = tw_object_find(next_ready(object), TW_OBJECT_STREAM);
    if (conn != NULL)
      tw_object_close(conn, TW_ERR_STATE, NULL);
  }
  free(object->ready);
}

/* ---- Calls --------------------------------------------------------------------------------------------------- */

static void give_up_accept(tw_call *call, int32_t error) {
  tw_object *object = listener_of(call->handle);
  if (object == NULL)
    return;
  tw_calls_remove(&object->acceptors, call);
  tw_call_finish(call, object, error);
}

static void begin_accept(tw_call *call) {
  tw_object *object = tw_object_of(call, TW_OBJECT_LISTENER);
  if (object == NULL)
    return;
  if (object->handler != NULL) {
    tw_call_refuse(call, object, TW_ERR_STATE, "tw_accept_each accepts its connections");
  } else if (tw_patience_over(&object->read)) {
    tw_call_finish(call, object, TW_ERR_DEADLINE);
  } else if (object->ready_count > 0) {
    tw_call_finish(call, object, next_ready(object));
  } else if (object->over) {
    tw_call_finish(call, object, object->error != 0 ? object->error : TW_ERR_STATE);
  } else if (object->nonblocking) {
    tw_call_finish(call, object, TW_ERR_WOULD_BLOCK);
  } else {
    tw_calls_add(&object->acceptors, call);
    call->give_up = give_up_accept;
    tw_call_wait_for(call, &object->read);
  }
}

int32_t tw_accept(int32_t listener) {
  tw_call call = {.name = "tw_accept", .begin = begin_accept, .handle = listener};
  return tw_call_run(&call);
}

static void begin_each(tw_call *call) {
  tw_object *object = tw_object_of(call, TW_OBJECT_LISTENER);
  if (object == NULL)
    return;
  if (object->handler != NULL || object->acceptors.first != NULL) {
    tw_call_refuse(call, object, TW_ERR_STATE, "its connections are being accepted already");
    return;
  }
  object->handler = call->handler;
  object->handler_ctx = call->ctx;
  start_handlers(object);
  tw_call_finish(call, object, 0);
}

int32_t tw_accept_each(int32_t listener, void (*handler)(int32_t conn, void *ctx), void *ctx) {
  tw_call call = {.name = "tw_accept_each", .begin = begin_each, .handle = listener, .handler = handler, .ctx = ctx};
  if (handler == NULL)
    return tw_fail(call.name, NULL, TW_ERR_ARGUMENT, "the handler is NULL");
  return tw_call_run(&call);
}
