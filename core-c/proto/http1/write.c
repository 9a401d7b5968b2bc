/* write.c: messages queued on a stream. */
#include "src/core.h"

int32_t tw_http_send(tw_core *core, int32_t handle, uint32_t flags, uint32_t status, const char *head,
                     uint32_t head_size, uint32_t field_count, const void *body, uint32_t body_size) {
  (void)flags, (void)status, (void)head, (void)head_size, (void)field_count, (void)body, (void)body_size;
  return tw_slot_owned(core, handle, TW_KIND_TCP) == NULL ? TW_ERR_HANDLE : TW_ERR_STATE;
}

int32_t tw_http_send_body(tw_core *core, int32_t handle, uint32_t flags, const void *data, uint32_t size,
                          const char *trailers, uint32_t trailers_size, uint32_t trailer_count) {
  (void)flags, (void)data, (void)size, (void)trailers, (void)trailers_size, (void)trailer_count;
  return tw_slot_owned(core, handle, TW_KIND_TCP) == NULL ? TW_ERR_HANDLE : TW_ERR_STATE;
}
