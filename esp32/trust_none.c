#include "trust.h"

bool tw_trust_default(esp_tls_cfg_t *config) {
  (void)config;
  return false;
}
