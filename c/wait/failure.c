/* failure.c: why a call failed, in words, for the thread that called. */
#include <stdio.h>

#include "twinwire/host.h"
#include "wait.h"

enum { LONGEST = 512 };

static _Thread_local char message[LONGEST];

const char *tw_last_error_message(void) { return message; }

int32_t tw_fail(const char *name, const char *target, int32_t error, const char *reason) {
  bool named = target != NULL && target[0] != 0;
  bool advised = reason == NULL;
  snprintf(message, sizeof message, "%s: %s%s%s: %s%s%s", tw_error_name(error), name, named ? " " : "",
           named ? target : "", advised ? tw_error_text(error) : reason, advised ? "; " : "",
           advised ? tw_error_advice(error) : "");
  tw_handles_refuse(error);
  return error;
}

int32_t tw_call_run(tw_call *call) {
  int32_t result = tw_engine_call(call);
  return result >= 0 ? result : tw_fail(call->name, call->target, result, call->reason);
}
