/* authorities_text.c: esp-tls parses the authorities for each connection. See authorities.h. */
#include <string.h>

#include "authorities.h"

int32_t tw_esp_authorities_use(const char *ca, esp_tls_cfg_t *config, tw_esp_authorities **used) {
  config->cacert_buf = (const unsigned char *)ca;
  config->cacert_bytes = (unsigned int)strlen(ca) + 1; /* mbedTLS wants the NUL of a PEM text, too */
  *used = NULL;
  return 0;
}

void tw_esp_authorities_select(tw_esp_authorities *used) { (void)used; }
void tw_esp_authorities_release(tw_esp_authorities *used) { (void)used; }
void tw_esp_authorities_forget(void) {}
