/* tls_none.c: a component without TLS. See tls.h. */
#include "tls.h"

int32_t tw_tls_check(void *host, const tw_tls_options *options, bool server) {
  (void)host, (void)options, (void)server;
  return TW_ERR_UNSUPPORTED;
}

tw_tls *tw_tls_open(int fd, const char *name, const tw_tls_options *options) {
  (void)fd, (void)name, (void)options;
  return NULL;
}

int32_t tw_tls_handshake(tw_tls *tls) {
  (void)tls;
  return TW_ERR_UNSUPPORTED;
}

int32_t tw_tls_read(tw_tls *tls, void *data, uint32_t size) {
  (void)tls, (void)data, (void)size;
  return TW_ERR_UNSUPPORTED;
}

int32_t tw_tls_write(tw_tls *tls, const void *data, uint32_t size) {
  (void)tls, (void)data, (void)size;
  return TW_ERR_UNSUPPORTED;
}

bool tw_tls_pending(tw_tls *tls) {
  (void)tls;
  return false;
}

void tw_tls_finish(tw_tls *tls) { (void)tls; }
void tw_tls_free(tw_tls *tls) { (void)tls; }
