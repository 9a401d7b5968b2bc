/* trust_bundle.c: trusts the authorities of the certificate bundle. See trust.h. */
#include "esp_crt_bundle.h"
#include "trust.h"

bool tw_esp_trust_default(esp_tls_cfg_t *config) {
  config->crt_bundle_attach = esp_crt_bundle_attach;
  return true;
}
