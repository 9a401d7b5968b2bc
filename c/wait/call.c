/* call.c: a call's way on the engine's thread: how it is finished, and how long it waits. */
#include "wait.h"

void tw_call_refuse(tw_call *call, const tw_object *object, int32_t error, const char *reason) {
  if (error < 0 && object != NULL)
    tw_copy_text(call->target, sizeof call->target, object->target);
  call->reason = reason;
  call->result = error;
  tw_engine_finish(call);
}

void tw_call_finish(tw_call *call, const tw_object *object, int32_t result) {
  tw_call_refuse(call, object, result, NULL);
}

bool tw_patience_over(const tw_patience *patience) {
  return patience->deadline != 0 && tw_engine_now() >= patience->deadline;
}

void tw_call_wait_for(tw_call *call, const tw_patience *patience) {
  uint64_t due = patience->deadline;
  if (patience->timeout_ms > 0) {
    uint64_t end = tw_engine_now() + patience->timeout_ms;
    if (due == 0 || end < due)
      due = end;
  }
  tw_engine_wait_until(call, due);
}

void tw_calls_add(tw_calls *calls, tw_call *call) {
  if (calls->first == NULL)
    calls->last = &calls->first;
  call->next = NULL;
  *calls->last = call;
  calls->last = &call->next;
}

tw_call *tw_calls_take(tw_calls *calls) {
  tw_call *call = calls->first;
  if (call != NULL)
    calls->first = call->next;
  return call;
}

void tw_calls_remove(tw_calls *calls, tw_call *call) {
  tw_call **link = &calls->first;
  while (*link != NULL && *link != call)
    link = &(*link)->next;
  if (*link == NULL)
    return;
  *link = call->next;
  if (calls->last == &call->next)
    calls->last = link;
}
