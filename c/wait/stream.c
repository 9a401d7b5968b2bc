/* stream.c: connections: their events, reading and writing. */
#include <string.h>

#include "wait.h"
#include "web.h"

enum { PIECE = 16384 };

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

/* ---- Reading ------------------------------------------------------------------------------------------------- */

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

/* ---- Writing -------------------------------------------------------------------------------------------------
 * A call is finished when the system has its bytes: tw_engine_settle looks after each iteration of the loop. What the
 * system does not take at once is waited for by a send that is refused unless nothing is queued: DRAIN then says that
 * nothing is. */

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

/* Why nothing can be written; 0: it can. */
static int32_t unwritable(tw_object *object, const char **reason) {
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
  int32_t error = unwritable(object, &reason);
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
  int32_t error = unwritable(object, &reason);
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
