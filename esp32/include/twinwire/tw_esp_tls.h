/* tw_esp_tls.h: what esp-tls can do beyond tw_tls_options: PSK, a key in the DS peripheral or a secure element, the
 * global CA store, a choice of cipher suites. The application sets it in esp-tls's own configuration:
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

/* Called in the network task before each handshake as a client, with the name of the server and the configuration that
 * comes of the handle's tw_tls_options. What it points to has to stay until the connection has ended. `non_block`,
 * `is_plain_tcp`, `timeout_ms` and `client_session` are to be left alone. */
typedef void (*tw_esp_tls_configure)(const char *name, esp_tls_cfg_t *config, void *ctx);

/* Sets that function for all connections; NULL: none. */
void tw_esp_tls_set_hook(tw_esp_tls_configure configure, void *ctx);

#ifdef __cplusplus
}
#endif
#endif
