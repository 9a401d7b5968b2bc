#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "esp_err.h"
#include "mbedtls/ssl.h"
#include "sdkconfig.h"
#define ESP_TLS_ERR_SSL_WANT_READ (-0x6900)
#define ESP_TLS_ERR_SSL_WANT_WRITE (-0x6880)
typedef enum esp_tls_conn_state {
  ESP_TLS_INIT = 0,
  ESP_TLS_CONNECTING,
  ESP_TLS_HANDSHAKE,
  ESP_TLS_FAIL,
  ESP_TLS_DONE,
} esp_tls_conn_state_t;
typedef struct psk_key_hint {
  const unsigned char *key;
  const size_t key_size;
  const char *hint;
} psk_hint_key_t;
typedef struct esp_tls_cfg {
  const char **alpn_protos;
  const unsigned char *cacert_buf;
  unsigned int cacert_bytes;
  const unsigned char *clientcert_buf;
  unsigned int clientcert_bytes;
  const unsigned char *clientkey_buf;
  unsigned int clientkey_bytes;
  const unsigned char *clientkey_password;
  unsigned int clientkey_password_len;
  bool non_block;
  bool use_global_ca_store;
  const char *common_name;
  const psk_hint_key_t *psk_hint_key;
  esp_err_t (*crt_bundle_attach)(void *conf);
  void *ds_data;
#ifdef CONFIG_ESP_TLS_CLIENT_SESSION_TICKETS
  struct esp_tls_client_session *client_session;
#endif
} esp_tls_cfg_t;
typedef struct esp_tls_client_session {
  mbedtls_ssl_session saved_session;
} esp_tls_client_session_t;
typedef struct esp_tls_cfg_server {
  const char **alpn_protos;
  const unsigned char *cacert_buf;
  unsigned int cacert_bytes;
  const unsigned char *servercert_buf;
  unsigned int servercert_bytes;
  const unsigned char *serverkey_buf;
  unsigned int serverkey_bytes;
  const unsigned char *serverkey_password;
  unsigned int serverkey_password_len;
} esp_tls_cfg_server_t;
typedef struct esp_tls esp_tls_t;
typedef struct esp_tls_last_error *esp_tls_error_handle_t;
esp_tls_t *esp_tls_init(void);
esp_err_t esp_tls_set_conn_sockfd(esp_tls_t *tls, int sockfd);
esp_err_t esp_tls_set_conn_state(esp_tls_t *tls, esp_tls_conn_state_t conn_state);
int esp_tls_conn_new_async(const char *hostname, int hostlen, int port, const esp_tls_cfg_t *cfg, esp_tls_t *tls);
ssize_t esp_tls_conn_read(esp_tls_t *tls, void *data, size_t datalen);
ssize_t esp_tls_conn_write(esp_tls_t *tls, const void *data, size_t datalen);
ssize_t esp_tls_get_bytes_avail(esp_tls_t *tls);
void *esp_tls_get_ssl_context(esp_tls_t *tls);
esp_err_t esp_tls_get_error_handle(esp_tls_t *tls, esp_tls_error_handle_t *error_handle);
esp_err_t esp_tls_get_and_clear_last_error(esp_tls_error_handle_t h, int *esp_tls_code, int *esp_tls_flags);
int esp_tls_conn_destroy(esp_tls_t *tls);
esp_tls_client_session_t *esp_tls_get_client_session(esp_tls_t *tls);
void esp_tls_free_client_session(esp_tls_client_session_t *client_session);
esp_err_t esp_tls_set_global_ca_store(const unsigned char *cacert_pem_buf, unsigned int cacert_pem_bytes);
int esp_tls_server_session_create(esp_tls_cfg_server_t *cfg, int sockfd, esp_tls_t *tls);
void esp_tls_server_session_delete(esp_tls_t *tls);
/* ESP-IDF 5.5 or newer. */
esp_err_t esp_tls_server_session_init(esp_tls_cfg_server_t *cfg, int sockfd, esp_tls_t *tls);
int esp_tls_server_session_continue_async(esp_tls_t *tls);
