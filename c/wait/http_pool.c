/* http_pool.c: connections of tw_http_request that are kept for another request, RFC 9112 9.3. They are closed when the
 * server ends them or sends what no one has asked for, when their time is over, and, the oldest first, when there are
 * too many. All of it but the calls at the end belongs to the engine's thread. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "wait.h"
#include "web.h"

enum { MOST = 64, MOST_OF_A_SERVER = 16, LARGEST = 4096 };
enum { IDLE_MS = 4000 }; /* if the server does not say: many give up after 5 seconds */

static struct {
  tw_object *newest;
  uint32_t count;
  atomic_uint most; /* read by any thread */
  uint32_t idle_ms;
} pool = {.most = MOST, .idle_ms = IDLE_MS};

static void on_deadline(const NetDeadline *e, void *ctx) {
  (void)ctx;
  tw_object *object = tw_object_find(e->sock, TW_OBJECT_STREAM);
  if (object != NULL)
    tw_pool_drop(object);
}

void tw_pool_forget(tw_object *object) {
  if (object->kept_for == NULL)
    return;
  tw_object **link = &pool.newest;
  while (*link != object)
    link = &(*link)->next_kept;
  *link = object->next_kept;
  pool.count--;
  free(object->kept_for);
  object->kept_for = NULL;
}

bool tw_pool_drop(tw_object *object) {
  if (object->kept_for == NULL)
    return false;
  tw_object_close(object, TW_ERR_ENDED, NULL);
  return true;
}

static void drop_oldest(void) {
  tw_object *object = pool.newest;
  while (object->next_kept != NULL)
    object = object->next_kept;
  tw_pool_drop(object);
}

static uint32_t count_of(const char *key) {
  uint32_t count = 0;
  for (const tw_object *object = pool.newest; object != NULL; object = object->next_kept)
    count += strcmp(object->kept_for, key) == 0;
  return count;
}

bool tw_pool_keeps(void) { return pool.most > 0; }

/* ---- Calls --------------------------------------------------------------------------------------------------- */

/* The one that was used last. */
static void begin_take(tw_call *call) {
  tw_object *object = pool.newest;
  while (object != NULL && strcmp(object->kept_for, call->address) != 0)
    object = object->next_kept;
  if (object == NULL) {
    tw_call_finish(call, NULL, 0);
    return;
  }
  tw_pool_forget(object);
  tw_net_off(object->handle, on_deadline, NULL);
  tw_net_set_deadline(object->handle, TW_DEADLINE_READ, 0);
  tw_call_finish(call, object, object->handle);
}

/* Open, and nothing has come that no one has asked for. */
static bool is_good(const tw_object *object) {
  return !object->over && !object->ended && !object->shut && object->received.size == 0;
}

static void begin_give(tw_call *call) {
  tw_object *object = tw_object_of(call, TW_OBJECT_STREAM);
  if (object == NULL)
    return;
  uint32_t ms = call->ms == 0 ? pool.idle_ms : call->ms;
  char *key = is_good(object) && count_of(call->address) < MOST_OF_A_SERVER && pool.most > 0 && ms > 0
                  ? strdup(call->address)
                  : NULL;
  if (key == NULL || tw_net_on(object->handle, on_deadline, NULL) < 0 ||
      tw_net_set_deadline(object->handle, TW_DEADLINE_READ, ms) < 0) {
    free(key);
    tw_object_close(object, TW_ERR_STATE, NULL);
    tw_call_finish(call, NULL, 0);
    return;
  }
  if (pool.count == pool.most)
    drop_oldest();
  object->kept_for = key;
  object->next_kept = pool.newest;
  pool.newest = object;
  pool.count++;
  tw_call_finish(call, object, 0);
}

static void begin_set(tw_call *call) {
  pool.most = call->which;
  pool.idle_ms = call->ms == 0 ? IDLE_MS : call->ms;
  while (pool.count > pool.most)
    drop_oldest();
  tw_call_finish(call, NULL, 0);
}

int32_t tw_pool_take(const char *key) {
  tw_call call = {.name = "tw_http_request", .begin = begin_take, .address = key};
  return tw_call_run(&call);
}

void tw_pool_give(int32_t conn, const char *key, uint32_t ms) {
  tw_call call = {.name = "tw_http_request", .begin = begin_give, .handle = conn, .address = key, .ms = ms};
  tw_call_run(&call);
}

int32_t tw_http_set_pool(uint32_t connections, uint32_t idle_ms) {
  tw_call call = {.name = "tw_http_set_pool", .begin = begin_set, .which = connections, .ms = idle_ms};
  if (connections > LARGEST || idle_ms > TW_DAY_MS)
    return tw_fail(call.name, NULL, TW_ERR_ARGUMENT, NULL);
  return tw_call_run(&call);
}
