/* trust_none.c: trusts nobody. See trust.h. */
#include "trust.h"

bool tw_esp_trust_default(esp_tls_cfg_t *config) {
  (void)config;
  return false;
}
