/* tls_none.c: a host that was built without TLS. */
#include "posix.h"

int32_t tw_tls_check(const tw_tls_options *options, bool server) {
  (void)options, (void)server;
  return TW_ERR_UNSUPPORTED;
}

tw_tls *tw_tls_begin(int fd, const tw_tls_options *options, bool server, const char *name, int32_t *error) {
  (void)fd, (void)options, (void)server, (void)name;
  *error = TW_ERR_UNSUPPORTED;
  return NULL;
}

tw_tls_want tw_tls_handshake(tw_tls *tls, int32_t *error) {
  (void)tls;
  *error = TW_ERR_UNSUPPORTED;
  return TW_TLS_FAILED;
}

tw_tls_want tw_tls_wants(const tw_tls *tls) {
  (void)tls;
  return TW_TLS_DONE;
}

int32_t tw_tls_read(tw_tls *tls, void *data, uint32_t size) {
  (void)tls, (void)data, (void)size;
  return TW_ERR_UNSUPPORTED;
}

bool tw_tls_pending(const tw_tls *tls) {
  (void)tls;
  return false;
}

int32_t tw_tls_write(tw_tls *tls, const void *data, uint32_t size) {
  (void)tls, (void)data, (void)size;
  return TW_ERR_UNSUPPORTED;
}

bool tw_tls_finish(tw_tls *tls) {
  (void)tls;
  return true;
}

int32_t tw_tls_describe(const tw_tls *tls, tw_posix_tls_info *info) {
  (void)tls, (void)info;
  return TW_ERR_UNSUPPORTED;
}

void tw_tls_free(tw_tls *tls) { (void)tls; }
void tw_tls_stop(void) {}

int32_t tw_posix_tls(int32_t handle, tw_posix_tls_info *info) {
  (void)handle, (void)info;
  return tw_handles_refuse(TW_ERR_UNSUPPORTED);
}

const char *tw_posix_tls_reason(void) { return ""; }
