/* authorities.h: the authorities that a TLS client's options name (tw_tls_options.ca), for esp-tls.
 * authorities_parsed.c parses each text once and keeps it until twinwire stops; authorities_text.c leaves the text to
 * esp-tls, which parses it for each connection: where mbedTLS has no certificate bundle, whose place in esp-tls's
 * configuration the first one uses, or frees the authorities after each handshake (MBEDTLS_DYNAMIC_FREE_CA_CERT). */
#ifndef TWINWIRE_ESP32_AUTHORITIES_H
#define TWINWIRE_ESP32_AUTHORITIES_H

#include <stdint.h>

#include "esp_tls.h"

typedef struct tw_esp_authorities tw_esp_authorities;

/* Makes `config` trust the authorities in `ca` (PEM, terminated). *used: for the calls below, NULL if they have nothing
 * to do. Returns 0, TW_ERR_MEMORY or TW_ERR_TLS (none of it can be parsed). */
int32_t tw_esp_authorities_use(const char *ca, esp_tls_cfg_t *config, tw_esp_authorities **used);

/* Called before each call of esp-tls that may read the configuration: it hands no context on. `used` may be NULL. */
void tw_esp_authorities_select(tw_esp_authorities *used);

/* Called when the session that trusts them is gone. `used` may be NULL. */
void tw_esp_authorities_release(tw_esp_authorities *used);

/* Frees what no session uses. */
void tw_esp_authorities_forget(void);

#endif
