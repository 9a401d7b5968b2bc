/* resume.c: keeps the TLS session of each slot, so that a client that connects again need not check certificates again.
 * See tls_role.h. A session is resumed only for what it was made for: the same name, and options with the same texts;
 * the certificate that was verified then counts now. */
#include <stdlib.h>
#include <string.h>

#include "sdkconfig.h"
#include "tls_role.h"

typedef struct kept {
  esp_tls_client_session_t *session;
  char *name;
  uint32_t mark; /* of the options' texts */
} kept;

static kept slots[CONFIG_TWINWIRE_SOCKETS + CONFIG_TWINWIRE_WEBSOCKETS];

static uint32_t mark_text(uint32_t mark, const char *text) {
  uint32_t size = text == NULL ? 0 : (uint32_t)strlen(text);
  return (mark ^ (text == NULL ? 1u : twc_signature(text, size))) * 16777619u;
}

static uint32_t mark_of(const tw_tls_options *options) {
  if (options == NULL)
    return 0;
  return mark_text(mark_text(mark_text(2166136261u, options->ca), options->cert), options->key);
}

void tw_esp_resume_drop(uint32_t slot) {
  kept *it = &slots[slot];
  if (it->session != NULL)
    esp_tls_free_client_session(it->session);
  free(it->name);
  *it = (kept){0};
}

void tw_esp_resume_use(uint32_t slot, const char *name, const tw_tls_options *options, esp_tls_cfg_t *config) {
  const kept *it = &slots[slot];
  if (it->session != NULL && strcmp(it->name, name) == 0 && it->mark == mark_of(options))
    config->client_session = it->session;
}

void tw_esp_resume_keep(uint32_t slot, const char *name, const tw_tls_options *options, esp_tls_t *tls) {
  esp_tls_client_session_t *session = esp_tls_get_client_session(tls);
  if (session == NULL)
    return; /* what is kept may still do */
  tw_esp_resume_drop(slot);
  slots[slot] = (kept){session, strdup(name), mark_of(options)};
  if (slots[slot].name == NULL)
    tw_esp_resume_drop(slot);
}

void tw_esp_resume_forget(void) {
  for (uint32_t i = 0; i < sizeof slots / sizeof *slots; i++)
    tw_esp_resume_drop(i);
}
