/* authorities_parsed.c: authorities that are parsed once. See authorities.h.
 *
 * What is kept is found by its text, not by where the text is: an application may have it in several places, or reuse
 * the memory. Sessions share it; mbedTLS only reads a chain while it verifies, and all of that is one task's. */
#include <stdlib.h>
#include <string.h>

#include "authorities.h"
#include "esp_log.h"
#include "mbedtls/ssl.h"
#include "mbedtls/x509.h"
#include "mbedtls/x509_crt.h"
#include "sdkconfig.h"
#include "twinwire/abi.gen.h"

struct tw_esp_authorities {
  mbedtls_x509_crt chain;
  uint32_t sessions; /* that use it now */
  char text[];       /* what it was parsed from, terminated */
};

/* A session uses at most one, and there is at most one session for each handle: there is always a place. */
enum { PLACES = CONFIG_TWINWIRE_SOCKETS + CONFIG_TWINWIRE_WEBSOCKETS };

static tw_esp_authorities *places[PLACES];
static tw_esp_authorities *selected;

static void drop(tw_esp_authorities **place) {
  mbedtls_x509_crt_free(&(*place)->chain);
  free(*place);
  *place = NULL;
}

static tw_esp_authorities *find(const char *ca) {
  for (uint32_t i = 0; i < PLACES; i++)
    if (places[i] != NULL && strcmp(places[i]->text, ca) == 0)
      return places[i];
  return NULL;
}

/* A place that is free, or whose authorities no session uses. */
static tw_esp_authorities **find_place(void) {
  tw_esp_authorities **unused = NULL;
  for (uint32_t i = 0; i < PLACES; i++) {
    if (places[i] == NULL)
      return &places[i];
    if (places[i]->sessions == 0)
      unused = &places[i];
  }
  if (unused != NULL)
    drop(unused);
  return unused;
}

static int32_t parse(const char *ca, tw_esp_authorities **made) {
  size_t size = strlen(ca) + 1;
  tw_esp_authorities **place = find_place();
  tw_esp_authorities *it = place == NULL ? NULL : malloc(sizeof *it + size);
  if (it == NULL)
    return TW_ERR_MEMORY;
  mbedtls_x509_crt_init(&it->chain);
  it->sessions = 0;
  memcpy(it->text, ca, size);
  *place = it;
  int result = mbedtls_x509_crt_parse(&it->chain, (const unsigned char *)ca, size);
  if (result < 0) {
    ESP_LOGE("twinwire", "TLS: the authorities can't be parsed: -0x%04x", (unsigned)-result);
    drop(place);
    return result == MBEDTLS_ERR_X509_ALLOC_FAILED ? TW_ERR_MEMORY : TW_ERR_TLS;
  }
  if (result > 0) /* those that were parsed may be enough */
    ESP_LOGW("twinwire", "TLS: %d of the authorities can't be parsed", result);
  *made = it;
  return 0;
}

/* In the place of esp_crt_bundle_attach: the one way to give esp-tls a chain that it neither parses nor frees. */
static esp_err_t attach(void *config) {
  mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_REQUIRED);
  mbedtls_ssl_conf_ca_chain(config, &selected->chain, NULL);
  return ESP_OK;
}

int32_t tw_esp_authorities_use(const char *ca, esp_tls_cfg_t *config, tw_esp_authorities **used) {
  tw_esp_authorities *it = find(ca);
  int32_t error = it != NULL ? 0 : parse(ca, &it);
  if (error < 0)
    return error;
  it->sessions++;
  config->crt_bundle_attach = attach;
  *used = it;
  return 0;
}

void tw_esp_authorities_select(tw_esp_authorities *used) { selected = used; }

void tw_esp_authorities_release(tw_esp_authorities *used) {
  if (used != NULL)
    used->sessions--;
}

void tw_esp_authorities_forget(void) {
  for (uint32_t i = 0; i < PLACES; i++)
    if (places[i] != NULL && places[i]->sessions == 0)
      drop(&places[i]);
}
