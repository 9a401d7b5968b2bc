/* trust.h: whom a TLS client trusts if its options name no authority. trust_bundle.c: those of ESP-IDF's certificate
 * bundle. trust_none.c: nobody. */
#ifndef TWINWIRE_ESP32_TRUST_H
#define TWINWIRE_ESP32_TRUST_H

#include <stdbool.h>

#include "esp_tls.h"

/* Makes `config` trust them. Returns false if there is nobody. */
bool tw_esp_trust_default(esp_tls_cfg_t *config);

#endif
