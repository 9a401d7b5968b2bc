/* settings.c: closing, deadlines, modes and addresses: calls that do not wait for the network. */
#include "wait.h"

enum { READ = 1, WRITE = 2, ANY = TW_OBJECT_STREAM | TW_OBJECT_LISTENER | TW_OBJECT_UDP };

/* ---- Closing ------------------------------------------------------------------------------------------------- */

static void begin_close(tw_call *call) {
  tw_object *object = tw_object_of(call, call->which);
  if (object == NULL)
    return;
  tw_object_close(object, TW_ERR_STATE, "another thread closed it");
  tw_call_finish(call, NULL, 0);
}

int32_t tw_conn_close(int32_t conn) {
  tw_call call = {
      .name = "tw_conn_close", .begin = begin_close, .handle = conn, .which = TW_OBJECT_STREAM | TW_OBJECT_UDP};
  return tw_call_run(&call);
}

int32_t tw_listener_close(int32_t listener) {
  tw_call call = {.name = "tw_listener_close", .begin = begin_close, .handle = listener, .which = TW_OBJECT_LISTENER};
  return tw_call_run(&call);
}

/* ---- How long to wait ---------------------------------------------------------------------------------------- */

/* Those that wait already are bounded as well. */
static void rebound(tw_object *object, uint32_t which) {
  if ((which & READ) != 0 && object->reader != NULL)
    tw_call_wait_for(object->reader, &object->read);
  if ((which & READ) != 0)
    for (tw_call *it = object->acceptors.first; it != NULL; it = it->next)
      tw_call_wait_for(it, &object->read);
  if ((which & WRITE) != 0 && object->writer != NULL)
    tw_call_wait_for(object->writer, &object->write);
}

static void begin_deadline(tw_call *call) {
  tw_object *object = tw_object_of(call, ANY);
  if (object == NULL)
    return;
  uint64_t at = call->ms == 0 ? 0 : tw_engine_now() + call->ms;
  if ((call->which & READ) != 0)
    object->read.deadline = at;
  if ((call->which & WRITE) != 0)
    object->write.deadline = at;
  rebound(object, call->which);
  tw_call_finish(call, object, 0);
}

static void begin_timeout(tw_call *call) {
  tw_object *object = tw_object_of(call, ANY);
  if (object == NULL)
    return;
  if ((call->which & READ) != 0)
    object->read.timeout_ms = call->ms;
  else
    object->write.timeout_ms = call->ms;
  tw_call_finish(call, object, 0);
}

static int32_t set_time(const char *name, void (*begin)(tw_call *), int32_t conn, uint32_t which, uint32_t ms) {
  tw_call call = {.name = name, .begin = begin, .handle = conn, .which = which, .ms = ms};
  if (ms > TW_LONGEST_MS)
    return tw_fail(name, NULL, TW_ERR_ARGUMENT, "a time is at most 2147483647 ms");
  return tw_call_run(&call);
}

int32_t tw_set_deadline(int32_t conn, uint32_t ms) {
  return set_time("tw_set_deadline", begin_deadline, conn, READ | WRITE, ms);
}

int32_t tw_set_read_deadline(int32_t conn, uint32_t ms) {
  return set_time("tw_set_read_deadline", begin_deadline, conn, READ, ms);
}

int32_t tw_set_write_deadline(int32_t conn, uint32_t ms) {
  return set_time("tw_set_write_deadline", begin_deadline, conn, WRITE, ms);
}

int32_t tw_set_read_timeout(int32_t conn, uint32_t ms) {
  return set_time("tw_set_read_timeout", begin_timeout, conn, READ, ms);
}

int32_t tw_set_write_timeout(int32_t conn, uint32_t ms) {
  return set_time("tw_set_write_timeout", begin_timeout, conn, WRITE, ms);
}

static void begin_nonblocking(tw_call *call) {
  tw_object *object = tw_object_of(call, ANY);
  if (object == NULL)
    return;
  object->nonblocking = call->all;
  tw_call_finish(call, object, 0);
}

int32_t tw_set_nonblocking(int32_t conn, bool on) {
  tw_call call = {.name = "tw_set_nonblocking", .begin = begin_nonblocking, .handle = conn, .all = on};
  return tw_call_run(&call);
}

/* ---- What it is ---------------------------------------------------------------------------------------------- */

static void begin_address(tw_call *call) {
  tw_object *object = tw_object_of(call, call->which);
  if (object == NULL)
    return;
  int32_t size = call->all ? tw_net_remote_addr(object->handle, call->text, call->capacity)
                           : tw_net_local_addr(object->handle, call->text, call->capacity);
  if (size > 0)
    tw_call_finish(call, object, size);
  else
    tw_call_refuse(call, object, TW_ERR_STATE, object->over ? "the connection has ended" : "there is no such address");
}

static int32_t address_of(const char *name, int32_t conn, uint32_t kinds, bool remote, char *text, size_t capacity) {
  tw_call call = {.name = name,
                  .begin = begin_address,
                  .handle = conn,
                  .which = kinds,
                  .all = remote,
                  .text = text,
                  .capacity = capacity};
  if (text == NULL || capacity == 0)
    return tw_fail(name, NULL, TW_ERR_ARGUMENT, "there is no room for the address");
  text[0] = 0;
  return tw_call_run(&call);
}

int32_t tw_remote_addr(int32_t conn, char *text, size_t capacity) {
  return address_of("tw_remote_addr", conn, TW_OBJECT_STREAM | TW_OBJECT_UDP, true, text, capacity);
}

int32_t tw_local_addr(int32_t conn, char *text, size_t capacity) {
  return address_of("tw_local_addr", conn, TW_OBJECT_STREAM | TW_OBJECT_UDP, false, text, capacity);
}

int32_t tw_listener_addr(int32_t listener, char *text, size_t capacity) {
  return address_of("tw_listener_addr", listener, TW_OBJECT_LISTENER, false, text, capacity);
}

static void begin_is_tls(tw_call *call) {
  tw_object *object = tw_object_of(call, TW_OBJECT_STREAM);
  if (object != NULL)
    tw_call_finish(call, object, object->secure ? 1 : 0);
}

int32_t tw_is_tls(int32_t conn) {
  tw_call call = {.name = "tw_is_tls", .begin = begin_is_tls, .handle = conn};
  return tw_call_run(&call);
}

int32_t tw_resolve(const char *host, uint32_t timeout_ms, char *ip, size_t capacity) {
  static const char self[] = "tw_resolve";
  if (host == NULL || host[0] == 0 || ip == NULL || capacity <= TW_MAX_ADDRESS || timeout_ms > TW_DAY_MS)
    return tw_fail(self, host, TW_ERR_ARGUMENT, NULL);
  if (!tw_engine_may_wait())
    return tw_fail(self, host, TW_ERR_STATE, "called from a listener, whose loop it would stop");
  int32_t size = tw_engine_resolve(host, timeout_ms, ip, capacity);
  return size < 0 ? tw_fail(self, host, size, NULL) : size;
}
