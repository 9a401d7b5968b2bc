/* tls_server_none.c: an ESP-IDF whose esp-tls serves only while it blocks. See tls_role.h. */
#include "tls_role.h"

bool tw_esp_tls_can_serve(void) { return false; }

bool tw_esp_tls_serve(esp_tls_t *tls, int fd, const tw_tls_options *options) {
  (void)tls, (void)fd, (void)options;
  return false;
}

int tw_esp_tls_serve_on(esp_tls_t *tls) {
  (void)tls;
  return -1;
}
