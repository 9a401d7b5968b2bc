/* runtime.c: the life of a program that does nothing but what its listeners do. */
#include "handles.h"

enum { MAX_CODE = 255 };

int32_t tw_runtime_keep_alive(void) {
  tw_handles *handles = tw_handles_current();
  if (handles == NULL || handles->delivering)
    return tw_handles_refuse(TW_ERR_STATE);
  while (!handles->exiting)
    if (tw_poll(TW_FOREVER) < 0)
      return TW_NONE;
  int32_t open = (int32_t)tw_handles_open_handles(handles);
  while (open > 0)
    open = tw_poll(TW_FOREVER);
  if (open < 0)
    return TW_NONE;
  handles->exiting = false;
  return handles->exit_code;
}

int32_t tw_runtime_exit(int32_t code) {
  tw_handles *handles = tw_handles_current();
  if (handles == NULL || code < 0 || code > MAX_CODE)
    return tw_handles_refuse(handles == NULL ? TW_ERR_STATE : TW_ERR_ARGUMENT);
  for (uint32_t i = 0; i < handles->slot_count; i++) {
    int32_t handle = handles->slots[i].handle;
    if (handle != 0 && !handles->slots[i].released)
      tw_handles_close(TW_HANDLES_NET | TW_HANDLES_WS, handle);
  }
  handles->exiting = true;
  handles->exit_code = code;
  return 0;
}
