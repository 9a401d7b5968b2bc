/* tls_esp.c: TLS through esp-tls, whatever TLS library and version an ESP-IDF has below it. See tls.h.
 *
 * esp_tls_conn_new_async would look the name up by itself, and wait for that. So the socket is connected already, and
 * esp-tls is told so: esp_tls_set_conn_sockfd and the state CONNECTING, as its own transports do. `non_block` stays
 * off, as it would make esp-tls wait in a select for the connection; the socket is non-blocking, and that is enough. */
#include <stdlib.h>
#include <string.h>

#include "esp_tls.h"
#include "mbedtls/ssl.h"
#include "mbedtls/x509.h"
#include "tls.h"
#include "trust.h"

struct tw_tls {
  esp_tls_t *tls;
  esp_tls_cfg_t config;
  /* What was offered and refused has to be offered again in just this size: esp-tls may have enciphered it already. */
  uint32_t pending;
  char name[]; /* terminated */
};

int32_t tw_tls_check(void *host, const tw_tls_options *options, bool server) {
  (void)host;
  if (server)
    return TW_ERR_UNSUPPORTED;
  if (options == NULL)
    return 0;
  if (options->accept_any || options->pin != NULL || options->request_cert || options->tls13_only)
    return TW_ERR_UNSUPPORTED;
  return (options->cert == NULL) != (options->key == NULL) ? TW_ERR_ARGUMENT : 0;
}

/* A PEM text and its bytes, the NUL included, as mbedTLS wants them. */
static void set_pem(const unsigned char **buffer, unsigned int *bytes, const char *pem) {
  if (pem == NULL)
    return;
  *buffer = (const unsigned char *)pem;
  *bytes = (unsigned int)strlen(pem) + 1;
}

static bool trust(esp_tls_cfg_t *config, const tw_tls_options *options) {
  if (options == NULL || options->ca == NULL)
    return tw_trust_default(config);
  set_pem(&config->cacert_buf, &config->cacert_bytes, options->ca);
  return true;
}

static void identify(esp_tls_cfg_t *config, const tw_tls_options *options) {
  set_pem(&config->clientcert_buf, &config->clientcert_bytes, options->cert);
  set_pem(&config->clientkey_buf, &config->clientkey_bytes, options->key);
  if (options->passphrase != NULL) {
    config->clientkey_password = (const unsigned char *)options->passphrase;
    config->clientkey_password_len = (unsigned int)strlen(options->passphrase);
  }
  /* esp-tls has no const here, and changes nothing. */
  config->alpn_protos = (const char **)(uintptr_t)options->alpn;
}

tw_tls *tw_tls_open(int fd, const char *name, const tw_tls_options *options) {
  size_t size = strlen(name) + 1;
  tw_tls *it = calloc(1, sizeof *it + size);
  if (it == NULL)
    return NULL;
  memcpy(it->name, name, size);
  bool trusted = trust(&it->config, options);
  if (options != NULL)
    identify(&it->config, options);
  it->tls = trusted ? esp_tls_init() : NULL;
  if (it->tls == NULL) {
    free(it);
    return NULL;
  }
  esp_tls_set_conn_sockfd(it->tls, fd);
  esp_tls_set_conn_state(it->tls, ESP_TLS_CONNECTING);
  return it;
}

/* Why a handshake failed. What is wrong with the certificate is said first by what can be mended last. */
static int32_t failure(const tw_tls *it) {
  const mbedtls_ssl_context *ssl = esp_tls_get_ssl_context(it->tls);
  esp_tls_error_handle_t errors;
  uint32_t flags = ssl == NULL ? 0 : mbedtls_ssl_get_verify_result(ssl);
  int code = 0;
  int captured = 0;
  if (esp_tls_get_error_handle(it->tls, &errors) == ESP_OK)
    esp_tls_get_and_clear_last_error(errors, &code, &captured);
  if (flags == UINT32_MAX) /* no certificate was looked at */
    flags = 0;
  flags |= (uint32_t)captured;
  if ((flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0)
    return TW_ERR_TLS_UNTRUSTED;
  if ((flags & MBEDTLS_X509_BADCERT_CN_MISMATCH) != 0)
    return TW_ERR_TLS_NAME;
  if ((flags & (MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE)) != 0)
    return TW_ERR_TLS_EXPIRED;
  return TW_ERR_TLS;
}

int32_t tw_tls_handshake(tw_tls *it) {
  int done = esp_tls_conn_new_async(it->name, (int)strlen(it->name), 0, &it->config, it->tls);
  if (done == 0)
    return TW_TLS_AGAIN;
  return done == 1 ? 1 : failure(it);
}

static bool is_again(ssize_t result) {
  return result == ESP_TLS_ERR_SSL_WANT_READ || result == ESP_TLS_ERR_SSL_WANT_WRITE;
}

int32_t tw_tls_read(tw_tls *it, void *data, uint32_t size) {
  ssize_t got = esp_tls_conn_read(it->tls, data, size);
  if (got >= 0)
    return (int32_t)got;
  if (is_again(got))
    return TW_TLS_AGAIN;
  /* A FIN without close_notify, as many servers do. Whoever has to know where data ends counts it. */
  return got == MBEDTLS_ERR_SSL_CONN_EOF ? 0 : TW_ERR_RESET;
}

int32_t tw_tls_write(tw_tls *it, const void *data, uint32_t size) {
  if (it->pending > 0 && it->pending < size)
    size = it->pending;
  ssize_t done = esp_tls_conn_write(it->tls, data, size);
  if (done < 0 && !is_again(done))
    return TW_ERR_RESET;
  uint32_t taken = done > 0 ? (uint32_t)done : 0;
  it->pending = size - taken;
  return taken > 0 ? (int32_t)taken : TW_TLS_AGAIN;
}

bool tw_tls_pending(tw_tls *it) { return esp_tls_get_bytes_avail(it->tls) > 0; }

void tw_tls_finish(tw_tls *it) {
  mbedtls_ssl_context *ssl = esp_tls_get_ssl_context(it->tls);
  if (ssl != NULL)
    (void)mbedtls_ssl_close_notify(ssl);
}

void tw_tls_free(tw_tls *it) {
  esp_tls_conn_destroy(it->tls);
  free(it);
}
