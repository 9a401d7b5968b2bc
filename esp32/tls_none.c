/* tls_none.c: a component without TLS. See tls.h. */
#include "tls.h"

void tw_esp_tls_warn(void) {}

int32_t tw_esp_tls_check(void *host, const tw_tls_options *options, bool server) {
  (void)host, (void)options, (void)server;
  return TW_ERR_UNSUPPORTED;
}

int32_t tw_esp_tls_open(tw_esp_tls **made, int fd, uint32_t slot, const char *name, const tw_tls_options *options) {
  (void)made, (void)fd, (void)slot, (void)name, (void)options;
  return TW_ERR_UNSUPPORTED;
}

int32_t tw_esp_tls_handshake(tw_esp_tls *tls) {
  (void)tls;
  return TW_ERR_UNSUPPORTED;
}

bool tw_esp_tls_wants_write(const tw_esp_tls *tls) {
  (void)tls;
  return false;
}

int32_t tw_esp_tls_read(tw_esp_tls *tls, void *data, uint32_t size) {
  (void)tls, (void)data, (void)size;
  return TW_ERR_UNSUPPORTED;
}

int32_t tw_esp_tls_write(tw_esp_tls *tls, const void *data, uint32_t size) {
  (void)tls, (void)data, (void)size;
  return TW_ERR_UNSUPPORTED;
}

bool tw_esp_tls_pending(tw_esp_tls *tls) {
  (void)tls;
  return false;
}

int32_t tw_esp_tls_finish(tw_esp_tls *tls) {
  (void)tls;
  return 0;
}

void tw_esp_tls_free(tw_esp_tls *tls) { (void)tls; }

void tw_esp_tls_forget(void) {}
