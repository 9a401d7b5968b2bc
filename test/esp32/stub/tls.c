/* tls.c: esp-tls on mbedTLS and lwIP's sockets, for a socket that is connected already. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "esp_crt_bundle.h"
#include "esp_random.h"
#include "esp_tls.h"
#include "lwip/sockets.h"
#include "stub.h"

struct esp_tls_last_error {
  int code;
  int flags;
};

struct esp_tls {
  int fd;
  esp_tls_conn_state_t state;
  mbedtls_ssl_context ssl;
  mbedtls_ssl_config config;
  mbedtls_x509_crt authorities;
  mbedtls_x509_crt certificate;
  mbedtls_pk_context key;
  struct esp_tls_last_error error;
#ifdef CONFIG_ESP_TLS_CLIENT_SESSION_TICKETS
  bool resumes;
#endif
};

static _Atomic uint32_t sessions;
static const char *bundle = "";

uint32_t stub_tls_sessions(void) { return sessions; }
void stub_bundle(const char *pem) { bundle = pem; }

/* As the real one, it is given the configuration; where the chain is to go, a test keeps in mind. */
static _Thread_local mbedtls_x509_crt *bundle_target;

esp_err_t esp_crt_bundle_attach(void *conf) {
  mbedtls_ssl_config *config = conf;
  mbedtls_x509_crt_parse(bundle_target, (const unsigned char *)bundle, strlen(bundle) + 1);
  mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_REQUIRED);
  mbedtls_ssl_conf_ca_chain(config, bundle_target, NULL);
  return ESP_OK;
}

static int random_bytes(void *context, unsigned char *buffer, size_t size) {
  (void)context;
  esp_fill_random(buffer, size);
  return 0;
}

static int send_some(void *context, const unsigned char *data, size_t size) {
  ssize_t done = lwip_send(((esp_tls_t *)context)->fd, data, size, 0);
  if (done >= 0)
    return (int)done;
  return errno == EWOULDBLOCK ? MBEDTLS_ERR_SSL_WANT_WRITE : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int receive_some(void *context, unsigned char *data, size_t size) {
  ssize_t got = lwip_recv(((esp_tls_t *)context)->fd, data, size, 0);
  if (got >= 0)
    return (int)got;
  return errno == EWOULDBLOCK ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

esp_tls_t *esp_tls_init(void) {
  esp_tls_t *tls = calloc(1, sizeof *tls);
  tls->fd = -1;
  mbedtls_ssl_init(&tls->ssl);
  mbedtls_ssl_config_init(&tls->config);
  mbedtls_x509_crt_init(&tls->authorities);
  mbedtls_x509_crt_init(&tls->certificate);
  mbedtls_pk_init(&tls->key);
  sessions++;
  return tls;
}

esp_err_t esp_tls_set_conn_sockfd(esp_tls_t *tls, int sockfd) {
  tls->fd = sockfd;
  return ESP_OK;
}

esp_err_t esp_tls_set_conn_state(esp_tls_t *tls, esp_tls_conn_state_t conn_state) {
  tls->state = conn_state;
  return ESP_OK;
}

/* Without CONFIG_MBEDTLS_HAVE_TIME_DATE, which is off by default, mbedTLS does not look at dates. */
static int verify(void *context, mbedtls_x509_crt *certificate, int depth, uint32_t *flags) {
  (void)context, (void)certificate, (void)depth;
#ifndef CONFIG_MBEDTLS_HAVE_TIME_DATE
  *flags &= ~(uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE);
#else
  (void)flags;
#endif
  return 0;
}

static mbedtls_x509_crt global_store;

esp_err_t esp_tls_set_global_ca_store(const unsigned char *pem, unsigned int bytes) {
  return mbedtls_x509_crt_parse(&global_store, pem, bytes) == 0 ? ESP_OK : ESP_FAIL;
}

/* What the DS peripheral holds in its fuses stands in `ds_data`: a private key, PEM, terminated. */
static int identify(esp_tls_t *tls, const esp_tls_cfg_t *cfg) {
  const unsigned char *key = cfg->ds_data != NULL ? cfg->ds_data : cfg->clientkey_buf;
  size_t key_size = cfg->ds_data != NULL ? strlen(cfg->ds_data) + 1 : cfg->clientkey_bytes;
  if (cfg->clientcert_buf == NULL)
    return cfg->ds_data == NULL ? 0 : -1;
  if (mbedtls_x509_crt_parse(&tls->certificate, cfg->clientcert_buf, cfg->clientcert_bytes) != 0 ||
      mbedtls_pk_parse_key(&tls->key, key, key_size, cfg->clientkey_password, cfg->clientkey_password_len) != 0)
    return -1;
  return mbedtls_ssl_conf_own_cert(&tls->config, &tls->certificate, &tls->key);
}

static int configure(esp_tls_t *tls, const char *hostname, int hostlen, const esp_tls_cfg_t *cfg) {
  char name[256] = {0};
  memcpy(name, hostname, (size_t)hostlen);
  mbedtls_ssl_config_defaults(&tls->config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                              MBEDTLS_SSL_PRESET_DEFAULT);
  mbedtls_ssl_conf_rng(&tls->config, random_bytes, NULL);
  mbedtls_ssl_conf_authmode(&tls->config, MBEDTLS_SSL_VERIFY_REQUIRED);
  mbedtls_ssl_conf_verify(&tls->config, verify, NULL);
  if (cfg->alpn_protos != NULL)
    mbedtls_ssl_conf_alpn_protocols(&tls->config, cfg->alpn_protos);
  if (cfg->crt_bundle_attach != NULL) {
    bundle_target = &tls->authorities;
    cfg->crt_bundle_attach(&tls->config);
  } else if (cfg->use_global_ca_store) {
    mbedtls_ssl_conf_ca_chain(&tls->config, &global_store, NULL);
  } else if (cfg->cacert_buf != NULL) {
    if (mbedtls_x509_crt_parse(&tls->authorities, cfg->cacert_buf, cfg->cacert_bytes) != 0)
      return -1;
    mbedtls_ssl_conf_ca_chain(&tls->config, &tls->authorities, NULL);
  } else if (cfg->psk_hint_key != NULL) {
    const psk_hint_key_t *psk = cfg->psk_hint_key;
    if (mbedtls_ssl_conf_psk(&tls->config, psk->key, psk->key_size, (const unsigned char *)psk->hint,
                             strlen(psk->hint)) != 0)
      return -1;
  } else {
    return -1;
  }
  if (identify(tls, cfg) != 0)
    return -1;
  if (mbedtls_ssl_setup(&tls->ssl, &tls->config) != 0 || mbedtls_ssl_set_hostname(&tls->ssl, name) != 0)
    return -1;
  mbedtls_ssl_set_bio(&tls->ssl, tls, send_some, receive_some, NULL);
  return 0;
}

/* As the real one: in CONNECTING without non_block, straight on to the handshake. */
int esp_tls_conn_new_async(const char *hostname, int hostlen, int port, const esp_tls_cfg_t *cfg, esp_tls_t *tls) {
  (void)port;
  if (tls->state == ESP_TLS_CONNECTING && !cfg->non_block)
    tls->state = configure(tls, hostname, hostlen, cfg) == 0 ? ESP_TLS_HANDSHAKE : ESP_TLS_FAIL;
  if (tls->state != ESP_TLS_HANDSHAKE)
    return -1;
#ifdef CONFIG_ESP_TLS_CLIENT_SESSION_TICKETS
  /* As the real one, at each step; and as mbedTLS 3, which takes a session once. */
  if (cfg->client_session != NULL) {
    if (tls->resumes || mbedtls_ssl_set_session(&tls->ssl, &cfg->client_session->saved_session) != 0)
      return -1;
    tls->resumes = true;
  }
#endif
  int result = mbedtls_ssl_handshake(&tls->ssl);
  if (result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE)
    return 0;
  tls->state = result == 0 ? ESP_TLS_DONE : ESP_TLS_FAIL;
  tls->error.code = -result;
  return result == 0 ? 1 : -1;
}

ssize_t esp_tls_conn_read(esp_tls_t *tls, void *data, size_t datalen) {
  int got = mbedtls_ssl_read(&tls->ssl, data, datalen);
  return got == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY ? 0 : got;
}

ssize_t esp_tls_conn_write(esp_tls_t *tls, const void *data, size_t datalen) {
  return mbedtls_ssl_write(&tls->ssl, data, datalen);
}

ssize_t esp_tls_get_bytes_avail(esp_tls_t *tls) { return (ssize_t)mbedtls_ssl_get_bytes_avail(&tls->ssl); }
void *esp_tls_get_ssl_context(esp_tls_t *tls) { return &tls->ssl; }

esp_err_t esp_tls_get_error_handle(esp_tls_t *tls, esp_tls_error_handle_t *error_handle) {
  *error_handle = &tls->error;
  return ESP_OK;
}

esp_err_t esp_tls_get_and_clear_last_error(esp_tls_error_handle_t h, int *esp_tls_code, int *esp_tls_flags) {
  *esp_tls_code = h->code;
  *esp_tls_flags = h->flags;
  memset(h, 0, sizeof *h);
  return ESP_OK;
}

static void free_session(esp_tls_t *tls) {
  mbedtls_ssl_free(&tls->ssl);
  mbedtls_ssl_config_free(&tls->config);
  mbedtls_x509_crt_free(&tls->authorities);
  mbedtls_x509_crt_free(&tls->certificate);
  mbedtls_pk_free(&tls->key);
  free(tls);
  sessions--;
}

int esp_tls_conn_destroy(esp_tls_t *tls) {
  if (tls->fd >= 0)
    lwip_close(tls->fd);
  free_session(tls);
  return 0;
}

/* ---- Sessions and serving ---- */

esp_tls_client_session_t *esp_tls_get_client_session(esp_tls_t *tls) {
  esp_tls_client_session_t *session = calloc(1, sizeof *session);
  if (mbedtls_ssl_get_session(&tls->ssl, &session->saved_session) == 0)
    return session;
  free(session);
  return NULL;
}

void esp_tls_free_client_session(esp_tls_client_session_t *session) {
  mbedtls_ssl_session_free(&session->saved_session);
  free(session);
}

esp_err_t esp_tls_server_session_init(esp_tls_cfg_server_t *cfg, int sockfd, esp_tls_t *tls) {
  tls->fd = sockfd;
  mbedtls_ssl_config_defaults(&tls->config, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                              MBEDTLS_SSL_PRESET_DEFAULT);
  mbedtls_ssl_conf_rng(&tls->config, random_bytes, NULL);
  mbedtls_ssl_conf_authmode(&tls->config, MBEDTLS_SSL_VERIFY_NONE);
  if (cfg->alpn_protos != NULL)
    mbedtls_ssl_conf_alpn_protocols(&tls->config, cfg->alpn_protos);
  if (cfg->cacert_buf != NULL) {
    mbedtls_ssl_conf_authmode(&tls->config, MBEDTLS_SSL_VERIFY_REQUIRED);
    if (mbedtls_x509_crt_parse(&tls->authorities, cfg->cacert_buf, cfg->cacert_bytes) != 0)
      return ESP_FAIL;
    mbedtls_ssl_conf_ca_chain(&tls->config, &tls->authorities, NULL);
  }
  if (mbedtls_x509_crt_parse(&tls->certificate, cfg->servercert_buf, cfg->servercert_bytes) != 0 ||
      mbedtls_pk_parse_key(&tls->key, cfg->serverkey_buf, cfg->serverkey_bytes, cfg->serverkey_password,
                           cfg->serverkey_password_len) != 0 ||
      mbedtls_ssl_conf_own_cert(&tls->config, &tls->certificate, &tls->key) != 0 ||
      mbedtls_ssl_setup(&tls->ssl, &tls->config) != 0)
    return ESP_FAIL;
  mbedtls_ssl_set_bio(&tls->ssl, tls, send_some, receive_some, NULL);
  return ESP_OK;
}

int esp_tls_server_session_continue_async(esp_tls_t *tls) { return mbedtls_ssl_handshake(&tls->ssl); }

/* Waits, as sockets of the caller do. */
int esp_tls_server_session_create(esp_tls_cfg_server_t *cfg, int sockfd, esp_tls_t *tls) {
  if (esp_tls_server_session_init(cfg, sockfd, tls) != ESP_OK)
    return -1;
  int result;
  do
    result = mbedtls_ssl_handshake(&tls->ssl);
  while (result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE);
  return result == 0 ? 0 : -1;
}

/* Leaves the socket to the caller. */
void esp_tls_server_session_delete(esp_tls_t *tls) { free_session(tls); }
