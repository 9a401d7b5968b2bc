/* stream.c: connections: their events, and TLS on one that is open. stream_read.c and stream_write.c have the rest. */
#include "wait.h"
#include "web.h"

/* ---- Events -------------------------------------------------------------------------------------------------- */

static tw_object *stream_of(int32_t sock) { return tw_object_find(sock, TW_OBJECT_STREAM); }

static void name_peer(tw_object *object) {
  char address[TW_MAX_PATH + 1];
  if (object->target[0] == 0 && tw_net_remote_addr(object->handle, address, sizeof address) > 0)
    tw_copy_text(object->target, sizeof object->target, address);
}

static void opened(tw_object *object) {
  tw_call *call = object->opener;
  object->open = true;
  object->opener = NULL;
  name_peer(object);
  if (call != NULL)
    tw_call_finish(call, object, object->handle);
}

static void on_connected(const NetConnected *e, void *ctx) {
  (void)ctx;
  tw_object *object = tw_object_find(e->sock, TW_OBJECT_STREAM | TW_OBJECT_LISTENER);
  if (object == NULL)
    return;
  if (object->listener != 0) {
    name_peer(object);
    tw_listener_settled(object, 0);
  } else {
    opened(object);
  }
}

static void on_data(const NetData *e, void *ctx) {
  (void)ctx;
  tw_object *object = stream_of(e->sock);
  if (object == NULL || object->over || tw_pool_drop(object))
    return;
  if (!tw_bytes_add(&object->received, e->data, e->size)) {
    object->over = true;
    object->error = TW_ERR_MEMORY;
  }
  tw_stream_read_on(object);
}

static void on_ended(const NetEnded *e, void *ctx) {
  (void)ctx;
  tw_object *object = stream_of(e->sock);
  if (object == NULL || tw_pool_drop(object))
    return;
  object->ended = true;
  tw_stream_read_on(object);
}

static void on_drain(const NetDrain *e, void *ctx) {
  (void)ctx;
  tw_object *object = stream_of(e->sock);
  if (object != NULL)
    tw_stream_write_on(object);
}

static void on_secured(const NetSecured *e, void *ctx) {
  (void)ctx;
  tw_object *object = stream_of(e->sock);
  if (object == NULL)
    return;
  tw_call *call = object->opener;
  object->secure = true;
  object->opener = NULL;
  if (call != NULL)
    tw_call_finish(call, object, 0);
}

static void on_error(const NetError *e, void *ctx) {
  (void)ctx;
  tw_object *object = tw_object_find(e->sock, TW_OBJECT_STREAM | TW_OBJECT_LISTENER);
  if (object != NULL && (object->kind == TW_OBJECT_STREAM || !object->open))
    object->error = e->code; /* a listener that is open survives */
}

static void failed_to_open(tw_object *object, int32_t error) {
  tw_call *call = object->opener;
  object->opener = NULL;
  if (call != NULL)
    tw_call_finish(call, object, error);
  tw_object_close(object, error, NULL);
}

static void on_disconnected(const NetDisconnected *e, void *ctx) {
  (void)ctx;
  tw_object *object = tw_object_find(e->sock, TW_OBJECT_STREAM | TW_OBJECT_LISTENER);
  if (object == NULL || tw_pool_drop(object))
    return;
  if (object->error == 0)
    object->error = e->code;
  if (object->error == 0 && !e->clean)
    object->error = TW_ERR_RESET;
  if (object->listener != 0) {
    tw_listener_settled(object, object->error == 0 ? TW_ERR_ENDED : object->error);
    return;
  }
  if (!object->open) {
    failed_to_open(object, object->error == 0 ? TW_ERR_ENDED : object->error);
    return;
  }
  object->over = true;
  if (object->kind == TW_OBJECT_LISTENER) {
    for (tw_call *call = tw_calls_take(&object->acceptors); call != NULL; call = tw_calls_take(&object->acceptors))
      tw_call_finish(call, object, object->error == 0 ? TW_ERR_STATE : object->error);
    return;
  }
  if (object->opener != NULL) { /* TLS in place has failed */
    tw_call *call = object->opener;
    object->opener = NULL;
    tw_call_finish(call, object, object->error == 0 ? TW_ERR_ENDED : object->error);
  }
  tw_stream_read_on(object);
  tw_stream_write_on(object);
}

int32_t tw_stream_watch(tw_object *object) {
  int32_t sock = object->handle;
  int32_t result =
      tw_net_on(sock, on_connected, NULL) | tw_net_on(sock, on_error, NULL) | tw_net_on(sock, on_disconnected, NULL);
  if (object->kind == TW_OBJECT_LISTENER)
    return result | tw_net_on(sock, tw_listener_on_accepted, NULL);
  return result | tw_net_on(sock, on_data, NULL) | tw_net_on(sock, on_ended, NULL) | tw_net_on(sock, on_drain, NULL) |
         tw_net_on(sock, on_secured, NULL) | tw_net_set_half_open(sock, true) | tw_net_set_window(sock, object->window);
}

/* ---- TLS in place -------------------------------------------------------------------------------------------- */

static void give_up_secure(tw_call *call, int32_t error) {
  tw_object *object = stream_of(call->handle);
  if (object == NULL || object->opener != call)
    return;
  object->opener = NULL;
  object->over = true;
  object->error = error;
  tw_call_finish(call, object, error);
}

static void begin_secure(tw_call *call) {
  tw_object *object = tw_object_of(call, TW_OBJECT_STREAM);
  if (object == NULL)
    return;
  const char *reason;
  int32_t error = tw_stream_unwritable(object, &reason);
  if (error == 0 && (object->reader != NULL || object->secure)) {
    error = TW_ERR_STATE;
    reason = object->secure ? "TLS protects it already" : "another thread is reading";
  }
  if (error == 0 && object->received.size > 0)
    error = TW_ERR_TLS_BUFFERED;
  if (error == 0 && tw_patience_over(&object->read))
    error = TW_ERR_DEADLINE;
  if (error == 0 && tw_net_start_tls(object->handle, call->address, call->options) < 0)
    error = tw_last_error();
  if (error != 0) {
    tw_call_refuse(call, object, error, reason);
    return;
  }
  object->opener = call;
  call->give_up = give_up_secure;
  tw_call_wait_for(call, &object->read);
}

int32_t tw_upgrade_tls(int32_t conn, const char *name, const tw_tls_options *tls) {
  tw_call call = {.name = "tw_upgrade_tls", .begin = begin_secure, .handle = conn, .address = name, .options = tls};
  return tw_call_run(&call);
}
