/* tw_esp_tls.h: a hook for options of esp-tls that tw_tls_options does not have: PSK, a key in the DS peripheral or a
 * secure element, the global CA store, a choice of cipher suites. The hook changes the configuration of esp-tls itself:
 *
 *   static void use_global_store(const char *name, esp_tls_cfg_t *config, void *ctx) {
 *     config->crt_bundle_attach = NULL;
 *     config->use_global_ca_store = true;      // parsed once, by esp_tls_set_global_ca_store
 *   }
 *
 *   static void use_psk(const char *name, esp_tls_cfg_t *config, void *ctx) {
 *     config->crt_bundle_attach = NULL;        // with it, esp-tls would not look at the key
 *     config->psk_hint_key = ctx;              // CONFIG_ESP_TLS_PSK_VERIFICATION
 *   }
 *
 *   static void use_ds(const char *name, esp_tls_cfg_t *config, void *ctx) {
 *     config->clientcert_buf = certificate, config->clientcert_bytes = certificate_size;
 *     config->ds_data = ctx;                   // CONFIG_ESP_TLS_USE_DS_PERIPHERAL
 *   }
 *
 *   tw_esp_tls_set_hook(use_psk, (void *)&key);  // in the network task, before the first connection */
#ifndef TWINWIRE_TW_ESP_TLS_H
#define TWINWIRE_TW_ESP_TLS_H

#include "esp_tls.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Changes the configuration of a connection. Called in the network task before each TLS handshake as a client.
 *
 * `name`: the name of the server, valid during the call.
 * `config`: made from the tw_tls_options of the handle. Whatever the hook makes it point to must stay valid until the
 *   connection has ended. `non_block`, `is_plain_tcp`, `timeout_ms` and `client_session` must not be changed.
 * `ctx`: as passed to tw_esp_tls_set_hook. */
typedef void (*tw_esp_tls_configure)(const char *name, esp_tls_cfg_t *config, void *ctx);

/* Sets the hook of all connections, in place of the one before; NULL removes it. Must be called in the network task, or
 * before twinwire is started. Handshakes that have begun are not affected. */
void tw_esp_tls_set_hook(tw_esp_tls_configure configure, void *ctx);

#ifdef __cplusplus
}
#endif
#endif
