/* resume_none.c: each TLS handshake is a full one. See tls_role.h. */
#include "tls_role.h"

void tw_esp_resume_use(uint32_t slot, const char *name, const tw_tls_options *options, esp_tls_cfg_t *config) {
  (void)slot, (void)name, (void)options, (void)config;
}

void tw_esp_resume_keep(uint32_t slot, const char *name, const tw_tls_options *options, esp_tls_t *tls) {
  (void)slot, (void)name, (void)options, (void)tls;
}

void tw_esp_resume_drop(uint32_t slot) { (void)slot; }
void tw_esp_resume_forget(void) {}
