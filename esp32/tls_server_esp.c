/* tls_server_esp.c: the server's side of TLS by esp-tls of ESP-IDF 5.5 or newer. See tls_role.h. */
#include <string.h>

#include "tls_role.h"

bool tw_esp_tls_can_serve(void) { return true; }

static unsigned int pem_bytes(const char *pem) { return pem == NULL ? 0 : (unsigned int)strlen(pem) + 1; }

bool tw_esp_tls_serve(esp_tls_t *tls, int fd, const tw_tls_options *options) {
  esp_tls_cfg_server_t config;
  memset(&config, 0, sizeof config);
  config.servercert_buf = (const unsigned char *)options->cert;
  config.servercert_bytes = pem_bytes(options->cert);
  config.serverkey_buf = (const unsigned char *)options->key;
  config.serverkey_bytes = pem_bytes(options->key);
  if (options->passphrase != NULL) {
    config.serverkey_password = (const unsigned char *)options->passphrase;
    config.serverkey_password_len = (unsigned int)strlen(options->passphrase);
  }
  if (options->request_cert) {
    config.cacert_buf = (const unsigned char *)options->ca;
    config.cacert_bytes = pem_bytes(options->ca);
  }
  config.alpn_protos = (const char **)(uintptr_t)options->alpn;
  return esp_tls_server_session_init(&config, fd, tls) == ESP_OK;
}

int tw_esp_tls_serve_on(esp_tls_t *tls) {
  int result = esp_tls_server_session_continue_async(tls);
  if (result == 0)
    return 1;
  return result == ESP_TLS_ERR_SSL_WANT_READ || result == ESP_TLS_ERR_SSL_WANT_WRITE ? 0 : -1;
}
