/* read.c: a stream read as one HTTP message. */
#include "src/core.h"

int32_t tw_http_read(tw_core *core, int32_t handle, uint32_t flags, uint32_t max_body) {
  (void)flags, (void)max_body;
  return tw_slot_owned(core, handle, TW_KIND_TCP) == NULL ? TW_ERR_HANDLE : TW_ERR_STATE;
}
