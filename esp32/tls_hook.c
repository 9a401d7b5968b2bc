/* tls_hook.c: the application's own settings of esp-tls. See twinwire/tw_esp_tls.h. */
#include "tls_hook.h"

#include "twinwire/tw_esp_tls.h"

static tw_esp_tls_configure hook;
static void *hook_ctx;

void tw_esp_tls_set_hook(tw_esp_tls_configure configure, void *ctx) {
  hook = configure;
  hook_ctx = ctx;
}

bool tw_esp_tls_hooked(const char *name, esp_tls_cfg_t *config) {
  if (hook == NULL)
    return false;
  hook(name, config, hook_ctx);
  return true;
}
