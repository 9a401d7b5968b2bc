/* log.c: failures that no listener has received. */
#include <stdio.h>

#include "posix.h"

static const char *const steps[] = {
    [TW_STEP_OPEN] = "open",         [TW_STEP_CONNECT] = "connect", [TW_STEP_HANDSHAKE] = "handshake",
    [TW_STEP_RECEIVE] = "receive",   [TW_STEP_SEND] = "send",       [TW_STEP_CLOSE] = "close",
    [TW_STEP_TLS] = "TLS handshake", [TW_STEP_ACCEPT] = "accept",   [TW_STEP_PROXY] = "tunnel through the proxy",
};

void tw_posix_unhandled(void *host, int32_t handle, int32_t code, uint32_t step) {
  (void)host;
  if (tw_host.log == NULL)
    return;
  char target[256];
  char text[1024];
  int32_t size = twc_target(tw_host.core, handle, target, sizeof target - 1);
  target[size < 0 ? 0 : size] = 0;
  const char *what = step < sizeof steps / sizeof *steps && steps[step] != NULL ? steps[step] : "request";
  snprintf(text, sizeof text, "%s%s%s (handle %d): %s: %s; %s", what, target[0] == 0 ? "" : " ", target, (int)handle,
           tw_error_name(code), tw_error_text(code), tw_error_advice(code));
  tw_host.log(tw_host.log_ctx, text);
}
