/* runtime.c: the life of a program that does nothing but what its listeners do. */
#include "easy.h"

enum { MAX_CODE = 255 };

int32_t tw_runtime_keep_alive(void) {
  tw_easy *easy = tw_easy_current();
  if (easy == NULL || easy->telling)
    return tw_easy_refuse(TW_ERR_STATE);
  while (!easy->exiting)
    if (tw_poll(TW_FOREVER) < 0)
      return TW_NONE;
  int32_t open = (int32_t)tw_easy_open_handles(easy);
  while (open > 0)
    open = tw_poll(TW_FOREVER);
  if (open < 0)
    return TW_NONE;
  easy->exiting = false;
  return easy->exit_code;
}

int32_t tw_runtime_exit(int32_t code) {
  tw_easy *easy = tw_easy_current();
  if (easy == NULL || code < 0 || code > MAX_CODE)
    return tw_easy_refuse(easy == NULL ? TW_ERR_STATE : TW_ERR_ARGUMENT);
  for (uint32_t i = 0; i < easy->slot_count; i++) {
    int32_t handle = easy->slots[i].handle;
    if (handle != 0 && !easy->slots[i].released)
      tw_easy_close(TW_EASY_NET | TW_EASY_WS, handle);
  }
  easy->exiting = true;
  easy->exit_code = code;
  return 0;
}
